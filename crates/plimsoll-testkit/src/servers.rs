//! Servers that tests talk to: PostgreSQL from the machine's own binaries, and an S3 server inside the test's process.
//!
//! Both listen on loopback only, keep their data in a temporary folder and end with the test, even when it is killed.
//! Where one cannot be started, the test is skipped with the reason printed, unless `PLIMSOLL_REQUIRE_SERVERS=1` asks for
//! a failure instead.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;

/// A PostgreSQL server of its own, without fsync.
pub struct Postgres {
    binaries: PathBuf,
    port: u16,
    password: String,
    databases: AtomicU32,
    server: Child,
    folder: TempDir,
}

impl Postgres {
    /// Starts a server; `None`, with the reason printed, where the machine has no PostgreSQL.
    pub fn start() -> Option<Self> {
        required_or_skipped("PostgreSQL", Self::try_start())
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(self.binaries.join("createdb"));
        command.args(["--host=127.0.0.1", "--username=plimsoll", "--no-password"]);
        command.arg(format!("--port={}", self.port)).arg(&name).env("PGPASSWORD", &self.password);
        run(&mut command)?;
        Ok(format!("postgres://plimsoll:{}@127.0.0.1:{}/{name}", self.password, self.port))
    }

    fn try_start() -> Result<Self> {
        let binaries = find_binaries().context("no initdb and postgres in /usr/lib/postgresql or PATH")?;
        let folder = tempfile::Builder::new().prefix("plimsoll-postgres-").tempdir()?;
        let password = random_word()?;
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, &password)?;
        let user = ordinary_user()?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
            std::os::unix::fs::chown(&password_file, Some(uid), Some(gid))?;
        }
        let data = folder.path().join("data");
        let mut initdb = Command::new(binaries.join("initdb"));
        initdb.args(["--username=plimsoll", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
        initdb.arg("--no-sync").arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file);
        become_user(&mut initdb, user).current_dir(folder.path());
        run(&mut initdb)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = spawn(&binaries, folder.path(), port, user)?;
        let databases = AtomicU32::new(0);
        let started = Self { binaries, port, password, databases, server, folder };
        started.wait_until_it_answers()?;
        Ok(started)
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            let mut probe = Command::new(self.binaries.join("pg_isready"));
            probe.args(["--quiet", "--host=127.0.0.1"]).arg(format!("--port={}", self.port));
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() && probe.status()?.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("postgres did not answer within a minute: {log}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.server.stdin.take();
        let _ = self.server.wait();
    }
}

/// Starts the server under a shell that waits for the end of its standard input, which comes when the test ends, however
/// it ends.
fn spawn(binaries: &Path, folder: &Path, port: u16, user: Option<(u32, u32)>) -> Result<Child> {
    let script = r#"folder=$PWD; "$@" >log 2>&1 & read -r _; kill -QUIT $!; wait; cd /; rm -rf "$folder""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(binaries.join("postgres")).arg("-D").arg(folder.join("data"));
    shell.arg("-k").arg(folder).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"] {
        shell.args(["-c", setting]);
    }
    become_user(&mut shell, user).current_dir(folder).stdin(Stdio::piped());
    shell.spawn().context("cannot start postgres")
}

/// PostgreSQL refuses to run as root: then it runs as the user that its package made, or as nobody.
fn ordinary_user() -> Result<Option<(u32, u32)>> {
    let own = std::fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta));
    if own.unwrap_or(1) != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody")).map(Some).context("neither a user postgres nor nobody")
}

fn become_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((uid, gid)) => command.uid(uid).gid(gid),
        None => command,
    }
}

/// The folder of the newest PostgreSQL.
fn find_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).map(|folder| folder.to_path_buf()).collect::<Vec<_>>());
    let mut folders = versions.into_iter().rev().map(|(_, folder)| folder).chain(in_path);
    folders.find(|folder| ["initdb", "postgres", "createdb"].iter().all(|name| folder.join(name).exists()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{} ended with {}: {}",
        program.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// An S3 server over a temporary folder, with keys that are made for it.
pub struct S3 {
    port: u16,
    key: String,
    secret: String,
    prefixes: AtomicU32,
    janitor: Child,
    /// Dropped with the server, which then stops.
    _stop: tokio::sync::oneshot::Sender<()>,
    _folder: TempDir,
}

impl S3 {
    /// Starts a server; `None`, with the reason printed, where that is not possible.
    pub fn start() -> Option<Self> {
        required_or_skipped("an S3 server", Self::try_start())
    }

    /// The URL of an empty place: `s3://bucket/prefix`.
    pub fn place(&self) -> String {
        format!("s3://plimsoll/test{}", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }

    /// The options that a client needs, by the names that the `object_store` crate gives them.
    pub fn options(&self) -> Vec<(String, String)> {
        [
            ("aws_endpoint", format!("http://127.0.0.1:{}", self.port)),
            ("aws_allow_http", "true".to_owned()),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", self.key.clone()),
            ("aws_secret_access_key", self.secret.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn try_start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("plimsoll-s3-").tempdir()?;
        std::fs::create_dir(folder.path().join("plimsoll"))?;
        let files = s3s_fs::FileSystem::new(folder.path()).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        let (key, secret) = (random_word()?, random_word()?);
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(key.clone(), secret.clone()));
        let service = service.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // A runtime of its own, since it outlives those of the tests.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::spawn(async move {
                    while let Ok((socket, _)) = listener.accept().await {
                        let service = service.clone();
                        tokio::spawn(async move {
                            let server = auto::Builder::new(TokioExecutor::new());
                            let _ = server.serve_connection(TokioIo::new(socket), service).await;
                        });
                    }
                });
                let _ = stopped.await;
            });
        });
        Ok(Self {
            port,
            key,
            secret,
            prefixes: AtomicU32::new(0),
            janitor: janitor(folder.path())?,
            _stop: stop,
            _folder: folder,
        })
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.janitor.stdin.take();
        let _ = self.janitor.wait();
    }
}

/// A process that removes the folder once the test has ended, also when it was killed or holds the server in a static.
fn janitor(folder: &Path) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"read -r _; rm -rf "$1""#, "sh"]).arg(folder).stdin(Stdio::piped());
    shell.spawn().context("cannot start sh")
}

/// 32 hexadecimal digits.
fn random_word() -> Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut word, byte| {
        let _ = write!(word, "{byte:02x}");
        word
    }))
}

fn required_or_skipped<T>(what: &str, started: Result<T>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(error) if std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_some_and(|value| value == "1") => {
            panic!("this test needs {what}: {error:#}")
        }
        Err(error) => {
            eprintln!("skipped: this test needs {what}: {error:#}");
            None
        }
    }
}
