//! What a probe must not be able to do, and the tries to do it.
//!
//! `plimsoll doctor` runs them inside a real probe; a test runs them inside and outside, so that it is known that the walls
//! refuse them and nothing else. They do no harm where they succeed: what they make they take away again, or it ends with
//! the process.
//!
//! A call that cannot succeed harmlessly is made with arguments that the kernel must reject. Rejecting them it shows that
//! it looked at them; that counts as allowed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ptr;

use libc::{c_int, c_long};
use plimsoll_types::probe::{Attempt, Outcome, ProbeCommand};

/// Tries everything, against the parent and the limits that the command names.
pub fn try_all(command: &ProbeCommand) -> Vec<Attempt> {
    ATTEMPTS
        .iter()
        .map(|(name, attempt)| Attempt { name: (*name).to_owned(), outcome: outcome(attempt(command)) })
        .collect()
}

type Try = fn(&ProbeCommand) -> io::Result<()>;

const ATTEMPTS: &[(&str, Try)] = &[
    // What was handed down.
    ("read the environment", |_| match std::env::vars_os().count() {
        0 => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is empty")),
        _ => Ok(()),
    }),
    ("use a descriptor of the parent's", |_| {
        let use_it = |descriptor| call(libc::SYS_fcntl, [descriptor, libc::F_GETFD as usize, 0, 0]);
        (3..64).map(use_it).find(Result::is_ok).unwrap_or_else(|| use_it(3))
    }),
    // Files.
    ("open a file for reading", |_| File::open("/etc/passwd").map(drop)),
    ("write a file", |_| {
        let path = std::env::temp_dir().join(format!("plimsoll-attempt-{}", std::process::id()));
        OpenOptions::new().write(true).create_new(true).open(&path)?;
        fs::remove_file(path)
    }),
    ("list a directory", |_| fs::read_dir("/").map(drop)),
    ("look at a path", |_| fs::metadata("/").map(drop)),
    ("follow a link", |_| fs::read_link("/proc/self/exe").map(drop)),
    ("change the working directory", |_| std::env::set_current_dir("/")),
    ("open a file by its handle", |_| reach(libc::SYS_open_by_handle_at, [usize::MAX, 0, 0, 0])),
    ("make a file in memory", |_| reach(libc::SYS_memfd_create, [0; 4])),
    ("watch files", |_| reach(libc::SYS_inotify_init1, [0; 4])),
    ("watch a whole file system", |_| reach(libc::SYS_fanotify_init, [usize::MAX, 0, 0, 0])),
    ("map a file into memory", |_| {
        let shared = libc::MAP_SHARED as usize;
        match call_for(libc::SYS_mmap, [0, PAGES, libc::PROT_READ as usize, shared, usize::MAX, 0]) {
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(()),
            result => result.map(drop),
        }
    }),
    ("make a pipe", |_| reach(libc::SYS_pipe2, [0, usize::MAX, 0, 0])),
    ("copy a descriptor", |_| reach(libc::SYS_dup, [usize::MAX, 0, 0, 0])),
    ("wait for many descriptors", |_| reach(libc::SYS_epoll_create1, [usize::MAX, 0, 0, 0])),
    ("move bytes between pipes", |_| reach(libc::SYS_splice, [usize::MAX; 4])),
    ("control a device", |_| reach(libc::SYS_ioctl, [0, 0xdead, 0, 0])),
    ("mount", |_| reach(libc::SYS_mount, [0; 4])),
    ("mount in a new way", |_| reach(libc::SYS_fsopen, [0; 4])),
    ("pick up a mounted tree", |_| reach(libc::SYS_open_tree, [usize::MAX, 0, 0, 0])),
    ("change the root of all", |_| reach(libc::SYS_pivot_root, [0; 4])),
    ("swap to a file", |_| reach(libc::SYS_swapon, [0; 4])),
    ("change the root directory", |_| reach(libc::SYS_chroot, [0; 4])),
    // The network.
    ("open a TCP socket", |_| socket(libc::AF_INET, libc::SOCK_STREAM, 0)),
    ("open a UDP socket", |_| socket(libc::AF_INET, libc::SOCK_DGRAM, 0)),
    ("open a TCP socket of version 6", |_| socket(libc::AF_INET6, libc::SOCK_STREAM, 0)),
    ("open a Unix socket", |_| socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)),
    ("open a netlink socket", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    ("open a raw socket", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ("open a packet socket", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
    ("open a UDP socket of version 6", |_| socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)),
    ("open a Unix datagram socket", |_| socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)),
    ("open a socket to the hypervisor", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
    ("open a socket to the kernel's ciphers", |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
    ("open a Bluetooth socket", |_| socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1)),
    ("listen", |_| reach(libc::SYS_listen, [usize::MAX, 1, 0, 0])),
    ("send a message", |_| reach(libc::SYS_sendto, [usize::MAX, 0, 0, 0])),
    ("make a pair of sockets", |_| {
        reach(libc::SYS_socketpair, [libc::AF_UNIX as usize, libc::SOCK_STREAM as usize, 0, 0])
    }),
    // Processes.
    ("fork", |_| fork()),
    ("start a process in a new way", |_| reach(libc::SYS_clone3, [0; 4])),
    ("run a program", |_| reach(libc::SYS_execve, [0; 4])),
    ("start a thread", |_| {
        std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap_or_default())
    }),
    ("run a program by its descriptor", |_| reach(libc::SYS_execveat, [usize::MAX, 0, 0, 0])),
    ("signal the first process", |_| reach(libc::SYS_kill, [1, 0, 0, 0])),
    ("signal a thread of the parent", |own| reach(libc::SYS_tgkill, [parent(own), parent(own), 0, 0])),
    ("take a descriptor out of the parent", |_| reach(libc::SYS_pidfd_getfd, [usize::MAX, 0, 0, 0])),
    ("write the parent's memory", |own| reach(libc::SYS_process_vm_writev, [parent(own), 0, 0, 0])),
    ("compare processes", |own| reach(libc::SYS_kcmp, [parent(own), parent(own), usize::MAX, 0])),
    ("look at other processes", |_| fs::read_dir("/proc").map(drop)),
    ("signal the parent", |own| reach(libc::SYS_kill, [parent(own), 0, 0, 0])),
    ("hold the parent by a descriptor", |own| reach(libc::SYS_pidfd_open, [parent(own), 0, 0, 0])),
    // Not a tracee of ours: ESRCH from whoever looks.
    ("trace the parent", |own| reach(libc::SYS_ptrace, [libc::PTRACE_CONT as usize, parent(own), 0, 0])),
    ("read the parent's memory", |own| reach(libc::SYS_process_vm_readv, [parent(own), 0, 0, 0])),
    ("read the parent's limits", |own| {
        reach(libc::SYS_prlimit64, [parent(own), libc::RLIMIT_NOFILE as usize, 0, 0])
    }),
    ("speak to shared memory", |_| reach(libc::SYS_shmget, [0x706c_696d, 4096, 0, 0])),
    ("send messages between processes", |_| reach(libc::SYS_msgget, [0x706c_696d, 0, 0, 0])),
    ("share semaphores", |_| reach(libc::SYS_semget, [0x706c_696d, 1, 0, 0])),
    ("open a message queue", |_| reach(libc::SYS_mq_open, [0; 4])),
    // Privileges.
    ("become root", |_| reach(libc::SYS_setresuid, [0, 0, 0, 0])),
    ("take capabilities", |_| reach(libc::SYS_capset, [0; 4])),
    ("make a user namespace", |_| reach(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize, 0, 0, 0])),
    ("enter a namespace", |_| reach(libc::SYS_setns, [usize::MAX, 0, 0, 0])),
    ("raise the limits", |_| reach(libc::SYS_prlimit64, [0, usize::MAX, 0, 0])),
    ("come before others", |_| reach(libc::SYS_setpriority, [usize::MAX, 0, 0, 0])),
    ("choose a scheduler", |_| reach(libc::SYS_sched_setscheduler, [0, usize::MAX, 0, 0])),
    ("outlive the parent", |_| reach(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, usize::MAX, 0, 0])),
    ("change the filter", |_| reach(libc::SYS_seccomp, [usize::MAX, 0, 0, 0])),
    ("become dumpable", |_| reach(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0, 0])),
    ("change the personality", |_| reach(libc::SYS_personality, [0xffff_ffff, 0, 0, 0])),
    // The kernel's depths.
    ("use io_uring", |_| reach(libc::SYS_io_uring_setup, [1, 0, 0, 0])),
    ("handle page faults", |_| reach(libc::SYS_userfaultfd, [0; 4])),
    ("load a program into the kernel", |_| reach(libc::SYS_bpf, [usize::MAX, 0, 0, 0])),
    ("load a module into the kernel", |_| reach(libc::SYS_finit_module, [usize::MAX, 0, 0, 0])),
    ("count performance events", |_| reach(libc::SYS_perf_event_open, [0, 0, 0, usize::MAX])),
    ("change the kernel", |_| reach(libc::SYS_kexec_load, [0, usize::MAX, 0, 0])),
    ("restart the machine", |_| reach(libc::SYS_reboot, [0; 4])),
    ("set the clock", |_| reach(libc::SYS_clock_settime, [usize::MAX, 0, 0, 0])),
    ("rename the machine", |_| reach(libc::SYS_sethostname, [0, usize::MAX, 0, 0])),
    ("read the kernel's log", |_| reach(libc::SYS_syslog, [usize::MAX, 0, 0, 0])),
    ("use the kernel's keys", |_| reach(libc::SYS_keyctl, [0, usize::MAX, 0, 0])),
    // Memory.
    ("map memory to run code in", |_| code()),
    ("make memory runnable", |_| {
        let page = call_for(libc::SYS_mmap, [0, PAGES, libc::PROT_NONE as usize, ANONYMOUS, usize::MAX, 0])?;
        call(libc::SYS_mprotect, [page as usize, PAGES, libc::PROT_EXEC as usize, 0])
    }),
    ("take more memory than allowed", |own| {
        let size = usize::try_from(own.limits.memory_bytes).unwrap_or(usize::MAX / 2);
        let taken = Vec::<u8>::new().try_reserve_exact(size);
        taken.map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))
    }),
];

/// Whole pages on every machine.
const PAGES: usize = 64 << 10;

const ANONYMOUS: usize = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;

fn outcome(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Allowed,
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// Makes a call that the kernel rejects for its arguments if it looks at them.
fn reach(number: c_long, arguments: [usize; 4]) -> io::Result<()> {
    match call(number, arguments) {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS)) => {
            Ok(())
        }
        result => result,
    }
}

fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<()> {
    call(libc::SYS_socket, [family as usize, kind as usize, protocol as usize, 0])
}

fn parent(own: &ProbeCommand) -> usize {
    own.parent as usize
}

/// Maps a page that code could run in. It is never touched.
fn code() -> io::Result<()> {
    let protection = (libc::PROT_READ | libc::PROT_EXEC) as usize;
    call_for(libc::SYS_mmap, [0, PAGES, protection, ANONYMOUS, usize::MAX, 0]).map(drop)
}

#[allow(unsafe_code)]
fn fork() -> io::Result<()> {
    // SAFETY: the child makes one call, which is safe after a fork of any process; the parent waits for it.
    unsafe {
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => libc::_exit(0),
            child => match libc::waitpid(child, ptr::null_mut(), 0) {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            },
        }
    }
}

fn call(number: c_long, [a, b, c, d]: [usize; 4]) -> io::Result<()> {
    call_for(number, [a, b, c, d, 0, 0]).map(drop)
}

#[allow(unsafe_code)]
fn call_for(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> io::Result<c_long> {
    // SAFETY: the table above hands over numbers and null pointers only, so the kernel has nowhere to read or write; no
    // call of it unmaps or replaces memory in use, and what they open stays open until the process ends.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
