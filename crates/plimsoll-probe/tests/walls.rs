//! Real probes behind real walls. This program is the test and, started again with other arguments, the child.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_probe::{attempts, walls};
use plimsoll_types::ProblemKind;
use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::{
    Limits, Outcome, ProbeCommand, ProbeInput, ProbeReply, ProbeTask, WallKind, WallReport, WallState,
};

const TESTS: &[(&str, fn())] = &[
    ("every_attempt_is_refused_inside_the_walls", every_attempt_is_refused_inside_the_walls),
    ("the_attempts_succeed_outside_the_walls", the_attempts_succeed_outside_the_walls),
    ("the_attempts_are_refused_on_every_kernel", the_attempts_are_refused_on_every_kernel),
    ("the_walls_stand_for_an_ordinary_user_too", the_walls_stand_for_an_ordinary_user_too),
    ("a_layer_is_read_inside_the_walls", a_layer_is_read_inside_the_walls),
    ("a_record_that_is_too_long_becomes_a_short_one", a_record_that_is_too_long_becomes_a_short_one),
    ("a_probe_with_a_missing_wall_refuses_to_read", a_probe_with_a_missing_wall_refuses_to_read),
    ("endless_memory_ends_in_an_abort_that_says_why", endless_memory_ends_in_an_abort_that_says_why),
    ("an_endless_loop_ends_by_its_own_signal", an_endless_loop_ends_by_its_own_signal),
    ("a_stack_without_end_ends", a_stack_without_end_ends),
    ("a_probe_dies_with_its_parent", a_probe_dies_with_its_parent),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(ProbeCommand::NAME) => plimsoll_probe::main(&arguments[1..]),
        Some("outside") => {
            let attempts = attempts::try_all(&ProbeCommand::parse(&arguments[1..]).unwrap());
            let record = WallReport { walls: vec![], attempts }.encode();
            std::io::stdout().write_all(&record).unwrap();
            ExitCode::SUCCESS
        }
        Some("on-kernel") => {
            forget(&arguments[1]);
            plimsoll_probe::main(&arguments[2..])
        }
        Some("misbehave") => misbehave(&arguments[1], &arguments[2..]),
        Some("be-a-parent") => {
            let mut child = probe(ProbeTask::Read(ProbeInput::Layer), &limits(), false).spawn().unwrap();
            println!("{}", child.id());
            child.wait().unwrap();
            ExitCode::SUCCESS
        }
        _ => run_tests(&arguments),
    }
}

fn run_tests(arguments: &[String]) -> ExitCode {
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    for (name, test) in TESTS.iter().filter(|(name, _)| filter.is_none_or(|f| name.contains(f.as_str()))) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// What somebody who took over a reader would do, inside the walls.
fn misbehave(how: &str, order: &[String]) -> ExitCode {
    walls::enter(&ProbeCommand::parse(order).unwrap());
    match how {
        "loop" => loop {
            std::hint::spin_loop();
        },
        "allocate" => {
            let mut all = vec![];
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        _ => {
            fn deeper(depth: u64) -> u64 {
                if depth == u64::MAX {
                    return 0;
                }
                let here = [depth; 64];
                std::hint::black_box(deeper(std::hint::black_box(depth + 1))) + here[3]
            }
            println!("{}", deeper(0));
            ExitCode::SUCCESS
        }
    }
}

fn every_attempt_is_refused_inside_the_walls() {
    let output = talk(probe(ProbeTask::CheckWalls, &limits(), false), b"");
    let report = WallReport::decode(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    for wall in &report.walls {
        println!("    {:24} {:?}: {}", wall.kind, wall.state, wall.detail);
    }
    assert!(report.attempts.len() > 40);
    assert_eq!(report.allowed().map(|attempt| &attempt.name).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(report.is_sound(), "{:?}", report.missing().collect::<Vec<_>>());
    let seccomp = report.walls.iter().find(|wall| wall.kind == WallKind::SystemCalls).unwrap();
    assert_eq!(seccomp.state, WallState::Stands);
}

/// Without this the test above could pass for any other reason.
fn the_attempts_succeed_outside_the_walls() {
    let inherited = std::fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(inherited.as_fd(), rustix::io::FdFlags::empty()).unwrap();
    let mut command = Command::new("/proc/self/exe");
    command.arg("outside").args(order(ProbeTask::CheckWalls, &limits(), false)).env("SECRET", "hunter2");
    let report = WallReport::decode(&talk(command, b"").stdout).unwrap();
    // These need privileges, or a kernel that was built and set up for them, outside of the walls as well.
    const RARE: [&str; 37] = [
        "open a TCP socket of version 6",
        "open a raw socket",
        "open a packet socket",
        "mount",
        "change the root directory",
        "become root",
        "take capabilities",
        "open a file by its handle",
        "make a user namespace",
        "use io_uring",
        "handle page faults",
        "load a program into the kernel",
        "load a module into the kernel",
        "count performance events",
        "use the kernel's keys",
        "speak to shared memory",
        "open a UDP socket of version 6",
        "open a socket to the hypervisor",
        "open a socket to the kernel's ciphers",
        "open a Bluetooth socket",
        "watch a whole file system",
        "mount in a new way",
        "pick up a mounted tree",
        "change the root of all",
        "swap to a file",
        "signal the first process",
        "compare processes",
        "take a descriptor out of the parent",
        "send messages between processes",
        "share semaphores",
        "open a message queue",
        "change the kernel",
        "restart the machine",
        "set the clock",
        "rename the machine",
        "read the kernel's log",
        "choose a scheduler",
    ];
    for attempt in &report.attempts {
        match &attempt.outcome {
            Outcome::Allowed => {}
            Outcome::Refused(why) if RARE.contains(&attempt.name.as_str()) => {
                println!("    not shown by this machine: {} ({why} outside of the walls too)", attempt.name);
            }
            Outcome::Refused(why) => panic!("{} is refused without any wall: {why}", attempt.name),
        }
    }
}

/// Kernels without Landlock, and those on which nobody may make namespaces, exist: what refuses then must be the other
/// wall. They are this kernel with calls that it answers as those do.
fn the_attempts_are_refused_on_every_kernel() {
    for kernel in ["landlock", "namespaces", "landlock,namespaces"] {
        for user in [None, Some(12345)] {
            use std::os::unix::process::CommandExt;
            let mut command = Command::new("/proc/self/exe");
            command
                .args(["on-kernel", kernel])
                .args(order(ProbeTask::CheckWalls, &limits(), false))
                .env_clear();
            if let Some(user) = user {
                if !rustix::process::geteuid().is_root() {
                    continue;
                }
                command.uid(user).gid(user);
            }
            let Ok(child) = pipes(&mut command).spawn() else {
                println!("    skipped: another user may not run {:?}", std::env::current_exe().unwrap());
                continue;
            };
            let output = child.wait_with_output().unwrap();
            let report = WallReport::decode(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
            let allowed: Vec<_> = report.allowed().map(|attempt| &attempt.name).collect();
            assert_eq!(allowed, Vec::<&String>::new(), "without {kernel}, as {user:?}");
            assert!(report.is_sound(), "without {kernel}, as {user:?}: {report:?}");
            let state = |kind| report.walls.iter().find(|wall| wall.kind == kind).unwrap();
            let (landlock, namespaces) = (state(WallKind::Landlock), state(WallKind::Namespaces));
            println!("    without {kernel}, as {user:?}: {}; {}", landlock.detail, namespaces.detail);
            assert_eq!(landlock.state == WallState::Stands, !kernel.contains("landlock"));
            assert!(namespaces.state != WallState::Stands || !kernel.contains("namespaces"));
        }
    }
}

/// From here on the kernel does not know these.
fn forget(what: &str) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    rustix::thread::set_no_new_privs(true).unwrap();
    for (name, error, calls) in [
        ("landlock", libc::ENOSYS, &[libc::SYS_landlock_create_ruleset][..]),
        ("namespaces", libc::EPERM, &[libc::SYS_unshare, libc::SYS_setns]),
    ] {
        if what.split(',').any(|part| part == name) {
            let rules = calls.iter().map(|call| (*call, vec![])).collect();
            let refuse = SeccompAction::Errno(error.unsigned_abs());
            let machine = std::env::consts::ARCH.try_into().unwrap();
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine).unwrap();
            let program: BpfProgram = filter.try_into().unwrap();
            seccompiler::apply_filter(&program).unwrap();
        }
    }
}

fn the_walls_stand_for_an_ordinary_user_too() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        println!("    skipped: this is an ordinary user already");
        return;
    }
    let mut command = probe(ProbeTask::CheckWalls, &limits(), false);
    command.uid(12345).gid(12345);
    let Ok(child) = pipes(&mut command).spawn() else {
        println!("    skipped: another user may not run {:?}", std::env::current_exe().unwrap());
        return;
    };
    let report = WallReport::decode(&child.wait_with_output().unwrap().stdout).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let privileges = report.walls.iter().find(|wall| wall.kind == WallKind::Privileges).unwrap();
    assert!(privileges.detail.contains("user 12345"), "{}", privileges.detail);
}

fn a_layer_is_read_inside_the_walls() {
    let output = talk(probe(ProbeTask::Read(ProbeInput::Layer), &limits(), false), &layer());
    let ProbeReply::Layer(inventory) = ProbeReply::decode(&output.stdout).unwrap() else { panic!() };
    assert_eq!(inventory.problems, vec![]);
    assert!(matches!(&inventory.files[0].content, FileContent::Distro(distro) if distro.id == "alpine"));
    assert!(output.status.success());
}

fn a_record_that_is_too_long_becomes_a_short_one() {
    let limits = Limits { output_bytes: 8, ..limits() };
    let output = talk(probe(ProbeTask::Read(ProbeInput::Layer), &limits, false), &layer());
    let ProbeReply::Failed(problem) = ProbeReply::decode(&output.stdout).unwrap() else { panic!() };
    assert_eq!(problem.kind, ProblemKind::LimitExceeded);
}

fn a_probe_with_a_missing_wall_refuses_to_read() {
    let start = |allowed| {
        let mut command = probe(ProbeTask::Read(ProbeInput::Layer), &limits(), allowed);
        command.env("SECRET", "hunter2");
        ProbeReply::decode(&talk(command, &layer()).stdout).unwrap()
    };
    let refused = start(false);
    assert!(matches!(&refused, ProbeReply::Refused(why) if why.contains("environment")), "{refused:?}");
    assert!(matches!(start(true), ProbeReply::Layer(_)));
}

fn endless_memory_ends_in_an_abort_that_says_why() {
    let output = misbehaving("allocate");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("memory allocation of"));
}

fn an_endless_loop_ends_by_its_own_signal() {
    assert_eq!(misbehaving("loop").status.signal(), Some(libc::SIGXCPU));
}

fn a_stack_without_end_ends() {
    let output = misbehaving("recurse");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("overflowed its stack"));
}

fn a_probe_dies_with_its_parent() {
    // The probe's input is ours and stays open, so that nothing but the parent's death can end it.
    let mut parent = pipes(Command::new("/proc/self/exe").arg("be-a-parent")).spawn().unwrap();
    let mut id = [0; 32];
    let length = parent.stdout.as_mut().unwrap().read(&mut id).unwrap();
    let probe: i32 = std::str::from_utf8(&id[..length]).unwrap().trim().parse().unwrap();
    let probe = rustix::process::Pid::from_raw(probe).unwrap();
    // Time to build its walls; it must still be there then.
    std::thread::sleep(Duration::from_millis(500));
    assert!(is_running(probe));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let since = Instant::now();
    while is_running(probe) {
        assert!(since.elapsed() < Duration::from_secs(10), "the probe outlived its parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether it is there and not just waiting to be buried.
fn is_running(process: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn limits() -> Limits {
    Limits { memory_bytes: 256 << 20, cpu_seconds: 1, ..Limits::default() }
}

fn layer() -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    let content = b"ID=alpine\nVERSION_ID=3.18.4\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "etc/os-release", content.as_slice()).unwrap();
    archive.into_inner().unwrap()
}

fn misbehaving(how: &str) -> Output {
    let mut command = Command::new("/proc/self/exe");
    command.args(["misbehave", how]).args(order(ProbeTask::CheckWalls, &limits(), false)).env_clear();
    talk(command, b"")
}

fn probe(task: ProbeTask, limits: &Limits, allow_missing_walls: bool) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(ProbeCommand::NAME).args(order(task, limits, allow_missing_walls)).env_clear();
    command
}

fn order(task: ProbeTask, limits: &Limits, allow_missing_walls: bool) -> Vec<String> {
    let parent = std::process::id();
    ProbeCommand { task, limits: limits.clone(), parent, allow_missing_walls }.arguments()
}

fn pipes(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

fn talk(mut command: Command, input: &[u8]) -> Output {
    let mut child: Child = pipes(&mut command).spawn().unwrap();
    // A child that refuses does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}
