//! The parent's side of the probe: starts the sealed child, feeds it, takes its record, and says what became of it.
//!
//! Whatever a layer does to its probe (a crash, a bomb, a time-out, a record of nonsense) is an outcome of that layer: an
//! inventory with a [`Problem`] that says so. An [`Error`] is never the layer's fault: its bytes could not be fetched, no
//! child could be started, or a wall that must stand does not.
//!
//! The record is taken as if an attacker had written it, since whoever breaks a reader writes the record. This module knows
//! no format of a layer and does not link the code that reads them; it knows [`plimsoll_types::probe`], as the child does.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use plimsoll_types::inventory::{Details, Distro, FileContent};
use plimsoll_types::probe::{Limits, ProbeCommand, ProbeInput, ProbeReply, ProbeTask, WallReport};
use plimsoll_types::{Digest, ImageInventory, LayerInventory, Package, Problem, ProblemKind};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, oneshot};

/// Starts probes, at most so many at once.
pub struct Sandbox {
    /// None is this program.
    program: Option<PathBuf>,
    limits: Limits,
    allow_missing_walls: bool,
    believe_embedded_sboms: bool,
    slots: Semaphore,
    spawner: Spawner,
}

/// The bytes for a probe.
pub enum Input {
    /// Part of a file.
    File {
        /// The file; its own position is neither used nor moved.
        file: File,
        /// Where the part begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
    /// Bytes as they arrive, until the stream ends.
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl Sandbox {
    /// Probes within `limits`, at most `concurrency` of them at once (one at least). Where a needed wall cannot be built
    /// nothing is read, unless `allow_missing_walls`.
    pub fn new(limits: Limits, allow_missing_walls: bool, concurrency: usize) -> Self {
        Self {
            program: None,
            limits,
            allow_missing_walls,
            believe_embedded_sboms: true,
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            spawner: Spawner::default(),
        }
    }

    /// Takes the probe of another program, which must be of the same version.
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Whether packages count that only an SBOM names which lies in the image itself. They do unless this says otherwise:
    /// such a document can add packages to those that were found, and never takes any away.
    pub fn with_embedded_sboms(mut self, believe: bool) -> Self {
        self.believe_embedded_sboms = believe;
        self
    }

    pub(crate) fn believes_embedded_sboms(&self) -> bool {
        self.believe_embedded_sboms
    }

    /// What a probe may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads one layer. Dropping the future ends the probe.
    pub async fn read_layer(&self, input: Input) -> Result<LayerInventory, Error> {
        Ok(match self.read(ProbeInput::Layer, input).await? {
            Ok(ProbeReply::Layer(inventory)) => accept_layer(*inventory, &self.limits),
            Ok(ProbeReply::Failed(problem)) => nothing_but(shortened(problem)),
            Ok(_) => nothing_but(implausible("it answered another question")),
            Err(problem) => nothing_but(problem),
        })
    }

    /// Reads one SBOM. The inner error is the SBOM's fault, the outer one is not.
    pub async fn read_sbom(&self, input: Input) -> Result<Result<ImageInventory, Problem>, Error> {
        Ok(match self.read(ProbeInput::Sbom, input).await? {
            Ok(ProbeReply::Sbom(inventory)) => Ok(accept_image(*inventory, &self.limits)),
            Ok(ProbeReply::Failed(problem)) => Err(shortened(problem)),
            Ok(_) => Err(implausible("it answered another question")),
            Err(problem) => Err(problem),
        })
    }

    /// Lets a probe try to break out, and says which walls stand and what they refused. Missing walls are in the report.
    pub async fn check_walls(&self) -> Result<WallReport, Error> {
        let nothing = Input::Stream(Box::pin(futures_util::stream::empty()));
        let broken = |why: &dyn fmt::Display| {
            Error::new(ErrorKind::Walls, format!("the probe could not check its walls: {why}"))
        };
        let record = self.run(ProbeTask::CheckWalls, nothing).await?.map_err(|problem| broken(&problem))?;
        WallReport::decode(&record).map_err(|error| broken(&error))
    }

    async fn read(&self, what: ProbeInput, input: Input) -> Result<Result<ProbeReply, Problem>, Error> {
        let record = match self.run(ProbeTask::Read(what), input).await? {
            Ok(record) => record,
            Err(problem) => return Ok(Err(problem)),
        };
        match ProbeReply::decode_within(&record, self.limits.output_bytes.saturating_add(1 << 20)) {
            Ok(ProbeReply::Refused(why)) => Err(Error::new(
                ErrorKind::Walls,
                format!("the probe refuses to read, since a wall around it does not stand: {}", cut(why)),
            )),
            Ok(reply) => Ok(Ok(reply)),
            Err(error) => Ok(Err(implausible(error))),
        }
    }

    /// Runs one probe to its end and gives its record, or says what it died of.
    async fn run(&self, task: ProbeTask, input: Input) -> Result<Result<Vec<u8>, Problem>, Error> {
        let _slot = self.slots.acquire().await.map_err(|closed| Error::spawn(io::Error::other(closed)))?;
        let (theirs, ours) = wide_pipe().map_err(Error::spawn)?;
        let mut child = self.spawner.spawn(self.command(task, theirs)).await.map_err(Error::spawn)?;
        let waits_for_source = AtomicBool::new(false);
        let talk = talk(&mut child, input, ours, &waits_for_source, self.limits.output_bytes);
        let talked = tokio::time::timeout(Duration::from_secs(self.limits.wall_seconds), talk).await;
        // Everything that was left hanging ends here; a child that ended by itself is not hurt.
        let _ = child.start_kill();
        let talk = match talked {
            Ok(talk) => talk?,
            Err(_) if waits_for_source.load(Ordering::Relaxed) => {
                return Err(Error::source(io::Error::from(io::ErrorKind::TimedOut)));
            }
            Err(_) => {
                let message = format!("reading it takes more than {} seconds", self.limits.wall_seconds);
                return Ok(Err(Problem::new(ProblemKind::LimitExceeded, message)));
            }
        };
        Ok(match talk.status {
            _ if talk.record.len() > self.limits.output_bytes => {
                let message = format!("what was found takes more than {} bytes", self.limits.output_bytes);
                Err(Problem::new(ProblemKind::LimitExceeded, message))
            }
            status if status.success() => Ok(talk.record),
            status => Err(cause_of_death(status, &talk.last_words, &self.limits)),
        })
    }

    fn command(&self, task: ProbeTask, stdin: OwnedFd) -> Command {
        let order = ProbeCommand {
            task,
            limits: self.limits.clone(),
            parent: std::process::id(),
            allow_missing_walls: self.allow_missing_walls,
        };
        let mut command = match &self.program {
            Some(program) => Command::new(program),
            None => {
                // The running program itself, even after another one took its place on the disk.
                let mut command = Command::new("/proc/self/exe");
                command.arg0("plimsoll");
                command
            }
        };
        command
            .arg(ProbeCommand::NAME)
            .args(order.arguments())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// What a child said, and how it ended.
struct Talk {
    record: Vec<u8>,
    last_words: Vec<u8>,
    status: ExitStatus,
}

/// How much of a child's standard error is read. A panic's or an allocator's message is one line.
const LAST_WORDS: usize = 4096;

/// Feeds the child, listens to it, and waits for its end.
async fn talk(
    child: &mut Child,
    input: Input,
    pipe: OwnedFd,
    waits_for_source: &AtomicBool,
    output_bytes: usize,
) -> Result<Talk, Error> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // A child that says more than it may finds the pipe closed, and ends.
    let listen =
        async { tokio::join!(heard(stdout, output_bytes.saturating_add(1)), heard(stderr, LAST_WORDS)) };
    let feed = feed(input, pipe, waits_for_source);
    tokio::pin!(listen, feed);
    let (record, last_words) = tokio::select! {
        biased;
        // Whoever could not give all bytes must say so before the child takes the end of the pipe for the layer's.
        fed = &mut feed => {
            drop(fed.map_err(Error::source)?);
            listen.await
        }
        // A child that passed a limit answers without reading on.
        heard = &mut listen => heard,
    };
    let record = record.map_err(Error::spawn)?;
    if record.len() > output_bytes {
        let _ = child.start_kill();
    }
    let status = child.wait().await.map_err(Error::spawn)?;
    Ok(Talk { record, last_words: last_words.unwrap_or_default(), status })
}

async fn heard(from: Option<impl AsyncRead + Unpin>, at_most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(at_most as u64).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The open end of the child's standard input. Once it is dropped, the child has read everything.
enum OpenPipe {
    Blocking { _pipe: OwnedFd },
    Waiting { _pipe: pipe::Sender },
}

/// Moves all bytes into the pipe, or as many as the child wants. An error is the source's. The pipe stays open until the
/// caller has seen how it went.
async fn feed(input: Input, pipe: OwnedFd, waits_for_source: &AtomicBool) -> io::Result<OpenPipe> {
    match input {
        Input::File { file, offset, length } => {
            let moved = tokio::task::spawn_blocking(move || {
                let result = splice_all(&file, offset, length, &pipe);
                (result, OpenPipe::Blocking { _pipe: pipe })
            });
            let (result, pipe) = moved.await.map_err(io::Error::other)?;
            result.map(|()| pipe)
        }
        Input::Stream(mut stream) => {
            let mut pipe = pipe::Sender::from_owned_fd(pipe)?;
            loop {
                waits_for_source.store(true, Ordering::Relaxed);
                let next = stream.next().await;
                waits_for_source.store(false, Ordering::Relaxed);
                let Some(bytes) = next else { break };
                match pipe.write_all(&bytes?).await {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                    written => written?,
                }
            }
            Ok(OpenPipe::Waiting { _pipe: pipe })
        }
    }
}

/// How much one call moves, and how much the pipe is asked to hold.
const PIPE_BYTES: usize = 1 << 20;

/// Moves a part of a file into the pipe. The bytes do not pass through this process (splice(2)).
fn splice_all(file: &File, offset: u64, length: u64, pipe: &OwnedFd) -> io::Result<()> {
    let (mut at, end) = (offset, offset.saturating_add(length));
    while at < end {
        let wanted = usize::try_from(end - at).map_or(PIPE_BYTES, |left| left.min(PIPE_BYTES));
        match rustix::pipe::splice(file, Some(&mut at), pipe, None, wanted, SpliceFlags::empty()) {
            Ok(0) => {
                let message = format!("the file ends at byte {at}, but should reach to byte {end}");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::PIPE) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A pipe that holds more than the usual 64 KiB, so that both sides are woken less often.
fn wide_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // Users other than root have 64 MiB of pipes together (pipe(7)). Whoever gets no more works with what there is.
    let _ = rustix::pipe::fcntl_setpipe_size(write.as_fd(), PIPE_BYTES);
    Ok((read, write))
}

/// What to tell of a probe that ended without a record.
fn cause_of_death(status: ExitStatus, last_words: &[u8], limits: &Limits) -> Problem {
    let words = String::from_utf8_lossy(last_words);
    let quoted = match words.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!(": {}", cut(line.escape_debug().to_string())),
        None => String::new(),
    };
    let limit = |message: String| Problem::new(ProblemKind::LimitExceeded, message);
    let crash = |message: String| Problem::new(ProblemKind::Crashed, message);
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => {
            limit(format!("reading it takes more than {} seconds of CPU time", limits.cpu_seconds))
        }
        // The standard library's words when an allocation fails, before it aborts.
        Some(Signal::ABORT) if words.contains("memory allocation of") => {
            limit(format!("reading it takes more than {} MiB of memory", limits.memory_bytes >> 20))
        }
        Some(Signal::ABORT | Signal::SEGV) if words.contains("overflowed its stack") => {
            crash("the probe's stack overflowed".to_owned())
        }
        // Not a limit of ours: those are SIGXCPU, SIGABRT and the clock.
        Some(Signal::KILL) => crash(
            "the probe was killed from outside, perhaps because the machine ran out of memory".to_owned(),
        ),
        Some(signal) => crash(format!("the probe died of signal {}{quoted}", signal.as_raw())),
        None => crash(format!("the probe gave up with {status}{quoted}")),
    }
}

/// What is left of a layer's inventory that may be believed.
fn accept_layer(mut inventory: LayerInventory, limits: &Limits) -> LayerInventory {
    // The reader notices that it passed a limit once it has; what is beyond is overshoot, or a lie.
    inventory.unpacked_bytes = inventory.unpacked_bytes.min(limits.unpacked_bytes);
    inventory.entries = inventory.entries.min(limits.entries);
    // A whiteout, a link and an entry that hides something are entries each; the reader notes a link as an entry as well.
    let entries = usize::try_from(limits.entries).unwrap_or(usize::MAX);
    let counts = [
        inventory.files.len(),
        inventory.whiteouts.len(),
        inventory.opaque.len(),
        inventory.links.len(),
        inventory.replaced.len(),
        inventory.directories.len(),
    ];
    if counts.iter().any(|count| *count > entries) {
        return nothing_but(implausible("it tells of more entries than a layer may have"));
    }
    let paths = || {
        let files = inventory.files.iter().map(|file| &file.path);
        let links = inventory.links.iter().flat_map(|link| [&link.path, &link.target]);
        let targets = inventory.files.iter().filter_map(|file| match &file.content {
            FileContent::Link(target) => Some(target),
            _ => None,
        });
        files.chain(links).chain(targets).chain(&inventory.whiteouts).chain(&inventory.opaque)
    };
    if !paths().all(|path| is_plausible(path, limits)) {
        return nothing_but(implausible("it names a path that no layer can have"));
    }
    // Merging searches these by halves, so a lie about their order must not pass.
    inventory.files.sort_by(|a, b| a.path.cmp(&b.path));
    inventory.files.dedup_by(|later, first| later.path == first.path);
    for hashes in [&mut inventory.replaced, &mut inventory.directories] {
        hashes.sort_unstable();
        hashes.dedup();
    }
    let LayerInventory { files, problems, .. } = &mut inventory;
    files.retain_mut(|file| {
        let is_plausible = match &mut file.content {
            FileContent::Distro(distro) => distro_is_plausible(distro),
            _ => true,
        };
        if !is_plausible {
            let message = format!("it names a distribution by more than {NAME_BYTES} bytes");
            problems.push(Problem::at(ProblemKind::Unreadable, &file.path, message));
        }
        is_plausible
    });
    for file in &mut inventory.files {
        if let FileContent::Files(list) = &mut file.content {
            list.package.truncate(list.package.floor_char_boundary(TEXT_BYTES));
        }
        if let FileContent::Channels(channels) = &mut file.content {
            channels.names.truncate(CHANNELS);
            channels.names.retain(|name| name.len() <= TEXT_BYTES);
        }
        if let Some(packages) = file.content.found_mut() {
            let before = packages.len();
            packages.retain(|found| {
                let module = found.module.as_deref().unwrap_or_default();
                package_is_plausible(&found.package) && module.len() <= TEXT_BYTES
            });
            packages.iter_mut().for_each(|found| shorten_details(&mut found.details));
            if packages.len() < before {
                let message =
                    format!("{} packages without a usable name or version", before - packages.len());
                inventory.problems.push(Problem::at(ProblemKind::Unreadable, &file.path, message));
            }
        }
    }
    inventory.problems = shortened_all(inventory.problems);
    inventory
}

/// What is left of an SBOM's inventory that may be believed.
fn accept_image(mut inventory: ImageInventory, limits: &Limits) -> ImageInventory {
    if inventory.distro.as_mut().is_some_and(|distro| !distro_is_plausible(distro)) {
        inventory.distro = None;
        let message = format!("it names a distribution by more than {NAME_BYTES} bytes");
        inventory.problems.push(Problem::new(ProblemKind::Unreadable, message));
    }
    inventory.unpacked_bytes = inventory.unpacked_bytes.min(limits.unpacked_bytes);
    inventory.entries = inventory.entries.min(limits.entries);
    let before = inventory.packages.len();
    inventory.packages.retain(|installed| {
        package_is_plausible(&installed.package)
            && installed.purl.len() <= 4 * TEXT_BYTES
            && is_plausible(&installed.path, limits)
    });
    if inventory.packages.len() < before {
        let message =
            format!("{} packages without a usable name or version", before - inventory.packages.len());
        inventory.problems.push(Problem::new(ProblemKind::Unreadable, message));
    }
    inventory.packages.iter_mut().for_each(|installed| shorten_details(&mut installed.details));
    inventory.packages.sort();
    inventory.packages.dedup();
    inventory.problems = shortened_all(inventory.problems);
    inventory
}

/// The longest name, version or architecture that is taken for one.
const TEXT_BYTES: usize = 4096;

/// The longest id, version or code name of a distribution. Each finding of an image repeats them.
const NAME_BYTES: usize = 200;

/// The distributions that one may be like.
const LIKE: usize = 20;

/// The licences of one package that are kept, and the sources of packages that one file names.
const LICENSES: usize = 100;
const CHANNELS: usize = 10_000;

/// The problems of one layer that are kept, and the length of a message in characters.
const PROBLEMS: usize = 1000;
const MESSAGE_CHARS: usize = 500;

/// A path is relative, with nothing in it that would lead elsewhere. Escaping (`\xNN`) makes it four times longer at most.
fn is_plausible(path: &str, limits: &Limits) -> bool {
    path.len() <= limits.path_bytes.saturating_mul(4)
        && (path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

fn package_is_plausible(package: &Package) -> bool {
    let texts = [&package.architecture, &package.source, &package.source_version];
    !package.name.is_empty()
        && [&package.name, &package.version]
            .into_iter()
            .chain(texts.into_iter().flatten())
            .all(|text| text.len() <= TEXT_BYTES)
}

/// Whether its names may be some. What nobody decides anything by is cut.
fn distro_is_plausible(distro: &mut Distro) -> bool {
    let Distro { id, like, version_id, codename, pretty_name } = distro;
    pretty_name.truncate(pretty_name.floor_char_boundary(NAME_BYTES));
    like.truncate(LIKE);
    like.retain(|like| like.len() <= NAME_BYTES);
    [id, version_id, codename].iter().all(|name| name.len() <= NAME_BYTES)
}

/// Texts that nobody decides anything by: what is too long is cut.
fn shorten_details(details: &mut Details) {
    let Details { licenses, origin, evidence, owned_by, confidence: _ } = details;
    licenses.truncate(LICENSES);
    for text in licenses.iter_mut().chain([origin, evidence, owned_by].into_iter().flatten()) {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
    }
}

fn shortened_all(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(PROBLEMS);
    problems.truncate(PROBLEMS);
    if more > 0 {
        let message = format!("{more} more problems of this layer are not listed");
        problems.push(Problem::new(ProblemKind::LimitExceeded, message));
    }
    problems.into_iter().map(shortened).collect()
}

fn shortened(problem: Problem) -> Problem {
    Problem { kind: problem.kind, path: problem.path.map(cut), message: cut(problem.message) }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn implausible(why: impl fmt::Display) -> Problem {
    Problem::new(ProblemKind::Crashed, format!("the probe's record cannot be believed: {why}"))
}

fn nothing_but(problem: Problem) -> LayerInventory {
    LayerInventory {
        diff_id: Digest::sha256(b""),
        unpacked_bytes: 0,
        entries: 0,
        files: vec![],
        whiteouts: vec![],
        opaque: vec![],
        replaced: vec![],
        directories: vec![],
        links: vec![],
        problems: vec![problem],
    }
}

/// The one thread that starts children.
///
/// A child dies with the *thread* that started it (prctl(2), `PR_SET_PDEATHSIG`), and a runtime ends threads that have
/// nothing to do. This one lives as long as the sandbox.
#[derive(Default)]
struct Spawner(Mutex<Option<mpsc::Sender<Order>>>);

struct Order {
    command: Command,
    runtime: tokio::runtime::Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (answer, answered) = oneshot::channel();
        let order = Order { command, runtime: tokio::runtime::Handle::current(), answer };
        self.orders()?.send(order).map_err(io::Error::other)?;
        answered.await.map_err(io::Error::other)?
    }

    fn orders(&self) -> io::Result<mpsc::Sender<Order>> {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &*orders {
            return Ok(orders.clone());
        }
        let (sender, receiver) = mpsc::channel::<Order>();
        std::thread::Builder::new().name("probe-spawner".to_owned()).spawn(move || {
            for Order { mut command, runtime, answer } in receiver {
                let _inside = runtime.enter();
                // Where nobody waits any more the child is dropped, and dies. The command is dropped too, and with it our
                // copy of the end of the pipe that the child reads from.
                let _ = answer.send(command.spawn());
            }
        })?;
        *orders = Some(sender.clone());
        Ok(sender)
    }
}

/// Why nothing can be said of the layer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<io::Error>,
}

/// The kinds, by what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes could not be fetched: try again.
    Source,
    /// No probe could be started: try again, the machine may have too little of something.
    Spawn,
    /// A needed wall does not stand on this machine: somebody must decide.
    Walls,
}

impl Error {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
    }

    fn source(error: io::Error) -> Self {
        let message = format!("the bytes for the probe could not be fetched: {error}");
        Self { kind: ErrorKind::Source, message, source: Some(error) }
    }

    fn spawn(error: io::Error) -> Self {
        let message = format!("the probe could not be started: {error}");
        Self { kind: ErrorKind::Spawn, message, source: Some(error) }
    }
}

#[cfg(test)]
mod tests;
