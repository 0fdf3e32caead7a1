//! The walls around a probe, and the order in which they are built.
//!
//! Two walls stand before each danger: Landlock and seccomp before files, ports and other processes; limits of the kernel
//! and the clock of the parent before time and memory. Each is built once, by the process itself, and none can be taken
//! down again by what runs inside.
//!
//! Namespaces are the second wall before the network only where Landlock is not: making and burying a network namespace
//! costs 1.2 ms of CPU time, more than all the rest of a probe's life, and behind Landlock and seccomp it refuses nothing
//! that is not refused already. (The other namespaces together cost 0.06 ms and guard nothing that seccomp leaves open.)
//!
//! This module knows Linux only. Elsewhere nothing would stand, and the probe would refuse to read.

mod system_calls;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetStatus, Scope,
};
use plimsoll_types::probe::{Limits, ProbeCommand, Wall, WallKind, WallState};
use rustix::io::{self, Errno};
use rustix::process::{DumpableBehavior, Gid, Resource, Rlimit, Signal, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

/// The newest Landlock that is asked for; on older kernels the crate asks for what they have.
const LANDLOCK: ABI = ABI::V9;

/// The user and group that own nothing (Linux, `/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65534;

/// Builds the walls around this process and says which of them stand. Call it before any other thread runs.
pub fn enter(command: &ProbeCommand) -> Vec<Wall> {
    // The order matters. Landlock needs a free descriptor and no_new_privs, so it comes before the limits and after that.
    // Namespaces need the privileges that are given up next. A change of user clears the parent-death signal and the
    // dumpable flag (prctl(2)), so these come behind it. seccomp denies all of the others, so it is the last.
    let environment = environment();
    let descriptors = descriptors();
    let no_new_privileges = settle(WallKind::NoNewPrivileges, rustix::thread::set_no_new_privs(true));
    let (landlock, stops_network) = landlock();
    let namespaces = namespaces(stops_network);
    let resource_limits = resource_limits(&command.limits);
    let privileges = privileges();
    let dies_with_parent = dies_with_parent(command.parent);
    let not_dumpable =
        settle(WallKind::NotDumpable, rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    let system_calls = match system_calls::allow_few() {
        Ok(detail) => stands(WallKind::SystemCalls, detail),
        Err(error) => missing(WallKind::SystemCalls, error),
    };
    vec![
        environment,
        descriptors,
        no_new_privileges,
        landlock,
        namespaces,
        resource_limits,
        privileges,
        dies_with_parent,
        not_dumpable,
        system_calls,
    ]
}

fn environment() -> Wall {
    match std::env::vars_os().count() {
        0 => stands(WallKind::Environment, "empty"),
        count => missing(WallKind::Environment, format!("{count} variables were handed down")),
    }
}

/// Closes whatever the parent left open by mistake, or was itself handed.
#[allow(unsafe_code)]
fn descriptors() -> Wall {
    // SAFETY: nothing in this process owns a descriptor above 2: it is called first, and std opens none.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    match closed {
        0 => stands(WallKind::Descriptors, "three pipes"),
        _ => missing(WallKind::Descriptors, format!("close_range: {}", std::io::Error::last_os_error())),
    }
}

/// Denies all paths, ports, foreign sockets and signals that this kernel's Landlock can deny; and says whether ports
/// were among them.
fn landlock() -> (Wall, bool) {
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .restrict_self()
    };
    match restrict() {
        Err(error) => (missing(WallKind::Landlock, error), false),
        Ok(RestrictionStatus { landlock: LandlockStatus::NotImplemented, .. }) => {
            (not_needed(WallKind::Landlock, "this kernel was built without it; seccomp stands alone"), false)
        }
        Ok(RestrictionStatus { landlock: LandlockStatus::NotEnabled, .. }) => {
            let why = "switched off when this machine started (lsm=… on the kernel's command line); seccomp stands alone";
            (not_needed(WallKind::Landlock, why), false)
        }
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => {
            (missing(WallKind::Landlock, "the kernel has it and does not enforce it"), false)
        }
        Ok(RestrictionStatus { landlock: LandlockStatus::Available { effective_abi: abi, .. }, .. }) => {
            let mut denied = vec!["files"];
            denied.extend((abi >= ABI::V4).then_some("TCP"));
            denied.extend((abi >= ABI::V6).then_some("signals and abstract sockets"));
            let detail = format!("version {} denies {}", abi as i32, denied.join(", "));
            (stands(WallKind::Landlock, detail), abi >= ABI::V4)
        }
    }
}

/// Leaves the machine's network, where Landlock does not already deny it; best effort.
#[allow(unsafe_code)]
fn namespaces(landlock_stops_network: bool) -> Wall {
    if landlock_stops_network {
        return not_needed(WallKind::Namespaces, "Landlock and seccomp stand before the network");
    }
    let mut flags = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWPID;
    if !rustix::process::geteuid().is_root() {
        flags |= UnshareFlags::NEWUSER;
    }
    // SAFETY: descriptors stay shared with nobody: there is one thread, and the flag FILES is not among them.
    match unsafe { rustix::thread::unshare_unsafe(flags) } {
        Ok(()) => stands(WallKind::Namespaces, "own network, processes and queues"),
        Err(error) => not_needed(WallKind::Namespaces, format!("not allowed here: {error}")),
    }
}

fn resource_limits(limits: &Limits) -> Wall {
    // At the soft limit of CPU time comes SIGXCPU, which the parent can tell from all else that kills; one second later, to
    // whoever ignores that, SIGKILL. No new descriptor can be opened; the three pipes stay.
    let wanted = [
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nofile, 0, 0),
        (Resource::Nproc, 0, 0),
        (Resource::Memlock, 0, 0),
        (Resource::Msgqueue, 0, 0),
        (Resource::Stack, 8 << 20, 8 << 20),
        (Resource::As, limits.memory_bytes, limits.memory_bytes),
        (Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.saturating_add(1)),
    ];
    for (resource, soft, hard) in wanted {
        // Only root may raise a hard limit, and what is lower already is as good.
        let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit { current: Some(soft.min(ceiling)), maximum: Some(hard.min(ceiling)) };
        if let Err(error) = rustix::process::setrlimit(resource, limit) {
            return missing(WallKind::ResourceLimits, format!("{resource:?}: {error}"));
        }
    }
    let detail = format!("{} MiB of memory, {} s of CPU time", limits.memory_bytes >> 20, limits.cpu_seconds);
    stands(WallKind::ResourceLimits, detail)
}

/// Root becomes nobody; everyone loses all capabilities.
fn privileges() -> Wall {
    let become_nobody = || -> io::Result<()> {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(group, group, group)?;
        rustix::thread::set_thread_res_uid(user, user, user)
    };
    let became = if rustix::process::geteuid().is_root() { become_nobody() } else { Ok(()) };
    let nothing = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    if let Err(error) = rustix::thread::set_capabilities(None, nothing) {
        return missing(WallKind::Privileges, format!("capabilities could not be given up: {error}"));
    }
    match became {
        Ok(()) => {
            let user = rustix::process::geteuid().as_raw();
            stands(WallKind::Privileges, format!("user {user}, no capabilities"))
        }
        // A container's root without the capability to change its user is root by name only.
        Err(error) => stands(WallKind::Privileges, format!("user 0 ({error}), no capabilities")),
    }
}

fn dies_with_parent(parent: u32) -> Wall {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return missing(WallKind::DiesWithParent, error);
    }
    // The parent may have died before the call: then nobody will ever send the signal.
    match rustix::process::getppid() {
        Some(id) if u32::try_from(id.as_raw_pid()) == Ok(parent) => {
            stands(WallKind::DiesWithParent, "by SIGKILL")
        }
        _ => missing(WallKind::DiesWithParent, "the parent is gone"),
    }
}

fn settle(kind: WallKind, result: Result<(), Errno>) -> Wall {
    match result {
        Ok(()) => stands(kind, "set"),
        Err(error) => missing(kind, error),
    }
}

fn stands(kind: WallKind, detail: impl ToString) -> Wall {
    Wall { kind, state: WallState::Stands, detail: detail.to_string() }
}

fn not_needed(kind: WallKind, detail: impl ToString) -> Wall {
    Wall { kind, state: WallState::NotNeeded, detail: detail.to_string() }
}

fn missing(kind: WallKind, detail: impl ToString) -> Wall {
    Wall { kind, state: WallState::Missing, detail: detail.to_string() }
}
