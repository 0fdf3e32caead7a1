//! The few system calls that a probe may make (seccomp(2)).
//!
//! It reads from one pipe, writes to two, and computes: the list is what the readers, the allocator, a panic and an abort
//! need. The same names exist on x86-64 and aarch64; the numbers are those of the machine it was compiled for, and calls
//! through another machine's numbers kill the process (the first check of the compiled program).
//!
//! Everything else answers `EPERM` rather than killing. Libraries change what they call from version to version and get
//! along with a refusal, while a death would take an honest layer's inventory with it; and what would be learnt from a
//! death, that somebody tried, is worth little where nothing can be reached.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Why the wall does not stand.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Error(#[from] Inner);

#[derive(Debug, thiserror::Error)]
enum Inner {
    #[error("the filter could not be compiled for this machine: {0}")]
    Compile(#[from] seccompiler::BackendError),
    #[error("the kernel does not take the filter: {0}")]
    Apply(#[from] seccompiler::Error),
}

/// From here on this process can make few system calls. Says how many.
pub(super) fn allow_few() -> Result<String, Error> {
    let rules = rules().map_err(Inner::from)?;
    let detail = format!("{} allowed, EPERM to all others", rules.len());
    let program = compile(rules).map_err(Inner::from)?;
    seccompiler::apply_filter(&program).map_err(Inner::from)?;
    Ok(detail)
}

fn compile(rules: BTreeMap<c_long, Vec<SeccompRule>>) -> Result<BpfProgram, seccompiler::BackendError> {
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// The calls, each with the arguments it may have; no rule means any.
fn rules() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    let no_code = || masked(2, libc::PROT_EXEC, 0);
    let futex = |operation| only([masked(1, FUTEX_OPERATION, operation)?]);
    let own_process = rustix::process::getpid().as_raw_pid();
    Ok(BTreeMap::from([
        // The three pipes.
        (libc::SYS_read, vec![only([equal(0, libc::STDIN_FILENO)?])?]),
        (
            libc::SYS_write,
            vec![only([equal(0, libc::STDOUT_FILENO)?])?, only([equal(0, libc::STDERR_FILENO)?])?],
        ),
        (libc::SYS_writev, vec![only([equal(0, libc::STDERR_FILENO)?])?]),
        // Memory, without code in it and without a file behind it.
        (libc::SYS_brk, vec![]),
        (libc::SYS_mmap, vec![only([no_code()?, masked(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?])?]),
        (libc::SYS_mprotect, vec![only([no_code()?])?]),
        (libc::SYS_mremap, vec![]),
        (libc::SYS_munmap, vec![]),
        (libc::SYS_madvise, vec![]),
        // Locks. The operations that were broken again and again (priority inheritance, requeue) are not among them.
        (
            libc::SYS_futex,
            vec![
                futex(libc::FUTEX_WAIT)?,
                futex(libc::FUTEX_WAKE)?,
                futex(libc::FUTEX_WAIT_BITSET)?,
                futex(libc::FUTEX_WAKE_BITSET)?,
            ],
        ),
        (libc::SYS_sched_yield, vec![]),
        // Seeds of hash maps; the clock, where it is not read without a call.
        (libc::SYS_getrandom, vec![]),
        (libc::SYS_clock_gettime, vec![]),
        // A panic, a stack overflow's message, and abort(), which sends itself the signal by thread.
        (libc::SYS_rt_sigaction, vec![]),
        (libc::SYS_rt_sigprocmask, vec![]),
        (libc::SYS_rt_sigreturn, vec![]),
        (libc::SYS_sigaltstack, vec![]),
        (libc::SYS_restart_syscall, vec![]),
        (libc::SYS_getpid, vec![]),
        (libc::SYS_gettid, vec![]),
        (libc::SYS_tgkill, vec![only([equal(0, own_process)?, equal(2, libc::SIGABRT)?])?]),
        // The end.
        (libc::SYS_exit, vec![]),
        (libc::SYS_exit_group, vec![]),
    ]))
}

/// The bits of a futex operation, without the flags for private memory and the choice of the clock.
const FUTEX_OPERATION: c_int = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);

fn only<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into())
}

fn equal(argument: u8, value: c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value as u32))
}

fn masked(argument: u8, mask: c_int, value: c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    let operator = SeccompCmpOp::MaskedEq(u64::from(mask as u32));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_and_is_short() {
        let program = compile(rules().unwrap()).unwrap();
        // Each call of the probe runs through it; the kernel's own limit is 4096.
        assert!(program.len() < 250, "{} instructions", program.len());
    }
}
