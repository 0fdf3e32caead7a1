//! A running `plimsoll serve`, a client that pushes to it, and the findings that it tells.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plimsoll_testkit::image::{Blob, Image};
use plimsoll_testkit::servers::{Postgres, S3};
use serde_json::Value;
use tempfile::TempDir;

/// The subscription of the settings' default.
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// The registry's resource id with all names as they are by default.
pub(crate) const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/plimsoll/providers/Microsoft.ContainerRegistry/registries/local";
/// The recommendations of the older and the newer generation.
pub(crate) const OLDER: &str = "dbd0cb49-b563-45e7-9724-889e799fa648";
pub(crate) const NEWER: &str = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5";

/// Where a server keeps what outlives it.
pub(crate) enum Backend {
    /// SQLite and a folder.
    Embedded,
    /// PostgreSQL and an S3 server.
    Distributed(Box<Servers>),
}

/// Running servers with an empty place in each.
pub(crate) struct Servers {
    _postgres: Postgres,
    database: String,
    s3: S3,
    blobs: String,
}

impl Backend {
    /// PostgreSQL and S3, or `None` with a line that says why they are not there.
    pub(crate) fn distributed() -> Option<Self> {
        let (postgres, s3) = (Postgres::start()?, S3::start()?);
        let database = postgres.database().expect("a database");
        Some(Self::Distributed(Box::new(Servers { _postgres: postgres, database, blobs: s3.place(), s3 })))
    }
}

/// A place for a server to live in, over several lives.
pub(crate) struct House {
    pub(crate) data: TempDir,
    backend: Backend,
    feed: Option<PathBuf>,
    /// Where a registry has its advisories.
    carried: Option<String>,
}

impl House {
    pub(crate) fn new(backend: Backend) -> Self {
        Self { data: tempfile::tempdir().expect("a temporary folder"), backend, feed: None, carried: None }
    }

    /// The house with a feed. Without one, the feed is an empty folder.
    pub(crate) fn with_feed(mut self, feed: &Path) -> Self {
        self.feed = Some(feed.to_owned());
        self
    }

    /// The house whose advisories come from a place in a registry.
    pub(crate) fn with_carried_feed(mut self, place: &str) -> Self {
        self.carried = Some(format!("oci://{place}"));
        self
    }

    fn feed(&self) -> String {
        if let Some(place) = &self.carried {
            return place.clone();
        }
        let nothing = self.data.path().join("no-feed");
        format!("file:{}", self.feed.as_ref().unwrap_or(&nothing).display())
    }

    /// A command with this house's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(arguments);
        command.arg("--data").arg(self.data.path()).args(["--feed", &self.feed()]);
        command.stdin(Stdio::null());
        command
    }

    /// Brings the advisory database up to date, as an operator would.
    pub(crate) fn update_advisories(&self) {
        let output = self.command(&["db", "update"]).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts a server and waits until it says where it listens.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same with more flags.
    pub(crate) fn serve_with(&self, flags: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", flags)
    }

    /// The same at another address.
    pub(crate) fn serve_at(&self, address: &str, flags: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--listen", address]);
        command.args(flags);
        self.name_backend(&mut command);
        Server::start(command)
    }

    /// Checks the store of a server that does not run.
    pub(crate) fn fsck(&self) -> std::process::Output {
        let mut command = self.command(&["fsck"]);
        self.name_backend(&mut command);
        command.output().expect("it runs")
    }

    fn name_backend(&self, command: &mut Command) {
        if let Backend::Distributed(servers) = &self.backend {
            command.args(["--database", &servers.database, "--blobs", &servers.blobs]);
            for (option, value) in servers.s3.options() {
                command.env(format!("PLIMSOLL_BLOB_OPTIONS_{}", option.to_ascii_uppercase()), value);
            }
        }
    }
}

/// A running server. It is killed when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    tls: bool,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    log: PathBuf,
    said: Arc<Mutex<String>>,
    _log_folder: TempDir,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).expect("a log file"));
        let mut child = command.spawn().expect("plimsoll starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut address = None;
        let mut line = String::new();
        let said = Arc::new(Mutex::new(String::new()));
        while address.is_none() && stdout.read_line(&mut line).expect("stdout can be read") > 0 {
            let found = line.split_once("://").map(|(before, rest)| (before.ends_with("https"), rest));
            address = found.map(|(tls, rest)| (tls, rest.trim().trim_end_matches('/').to_owned()));
            line.clear();
        }
        // The pipe must not fill.
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            while stdout.read_line(&mut line).is_ok_and(|length| length > 0) {
                heard.lock().expect("nobody panics").push_str(&line);
                line.clear();
            }
        });
        let Some((tls, address)) = address else {
            let _ = child.wait();
            panic!("the server did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        Self { child, tls, address, log, said, _log_folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// What it said on stdout so far, behind the line with its address.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("nobody panics").clone()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`, and wait for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("it ends")
    }

    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &process]).status().expect("kill runs");
        assert!(status.success());
    }

    /// GET of a path, as JSON.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let answer = request(&self.address, "GET", path, &[], b"").expect("the server answers");
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// All sub-assessments at a scope, page by page.
    pub(crate) fn sub_assessments(&self, scope: &str) -> Vec<Value> {
        let mut path =
            format!("{scope}/providers/Microsoft.Security/subAssessments?api-version=2019-01-01-preview");
        let mut rows = Vec::new();
        loop {
            let (status, page) = self.get(&path);
            assert_eq!(status, 200, "{page}");
            rows.extend(page["value"].as_array().expect("value is a list").iter().cloned());
            let Some(next) = page["nextLink"].as_str() else { return rows };
            path = next.strip_prefix(&self.url("")).expect("nextLink is absolute and ours").to_owned();
        }
    }

    /// The rows of one image under one recommendation.
    pub(crate) fn rows_of(&self, key: &str, digest: &str) -> Vec<Value> {
        let scope = format!("{REGISTRY}/providers/Microsoft.Security/assessments/{key}");
        let list = self.get(&format!("{scope}/subAssessments?api-version=2019-01-01-preview"));
        assert_eq!(list.0, 200, "{}", list.1);
        let rows = self.sub_assessments(&format!("/subscriptions/{SUBSCRIPTION}"));
        let of_image = |row: &&Value| {
            row["id"].as_str().is_some_and(|id| id.contains(key)) && row.to_string().contains(digest)
        };
        rows.iter().filter(of_image).cloned().collect()
    }

    /// Waits until an image has a verdict, and gives its rows.
    pub(crate) fn verdict(&self, key: &str, digest: &str, at_most: Duration) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let rows = self.rows_of(key, digest);
            if !rows.is_empty() {
                return rows;
            }
            assert!(begin.elapsed() < at_most, "no verdict for {digest} within {at_most:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Pushes an image the way docker does: POST, PATCH, PUT for each blob, then the manifest.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, blob).expect("the blob is taken");
        }
        self.push_manifest(repository, tag, &image.manifest).expect("the manifest is taken");
    }

    pub(crate) fn push_blob(&self, repository: &str, blob: &Blob) -> Result<(), String> {
        push_blob(&self.address, repository, blob)
    }

    pub(crate) fn push_manifest(&self, repository: &str, tag: &str, manifest: &Blob) -> Result<(), String> {
        push_manifest(&self.address, repository, tag, manifest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Pushes a blob in a streamed upload. `Err` says what happened instead, also where the server went away.
pub(crate) fn push_blob(address: &str, repository: &str, blob: &Blob) -> Result<(), String> {
    let started =
        request(address, "POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"")?.expect(202)?;
    let location = started.header("location").ok_or("no Location")?;
    let octets = ("Content-Type", "application/octet-stream");
    let patched = request(address, "PATCH", &location, &[octets], &blob.bytes)?.expect(202)?;
    let location = patched.header("location").ok_or("no Location")?;
    let separator = if location.contains('?') { '&' } else { '?' };
    request(address, "PUT", &format!("{location}{separator}digest={}", blob.digest), &[], b"")?
        .expect(201)?;
    Ok(())
}

pub(crate) fn push_manifest(
    address: &str,
    repository: &str,
    tag: &str,
    manifest: &Blob,
) -> Result<(), String> {
    let path = format!("/v2/{repository}/manifests/{tag}");
    request(address, "PUT", &path, &[("Content-Type", &manifest.media_type)], &manifest.bytes)?
        .expect(201)?;
    Ok(())
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let line = self
            .head
            .lines()
            .find(|line| line.split(':').next().is_some_and(|n| n.eq_ignore_ascii_case(name)))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    fn expect(self, status: u16) -> Result<Self, String> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("status {} in place of {status}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// One request on a connection of its own. It is written here, over a plain socket, since the kill test must know exactly
/// which bytes were acknowledged and a client with retries would blur that.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, String> {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut socket = std::net::TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        socket.write_all(format!("{head}\r\n").as_bytes())?;
        socket.write_all(body)?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| format!("{method} {path}: {error}"))?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(|| format!("{method} {path}: no answer"))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    let mut body = answer[end + 4..].to_vec();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    if chunked {
        body = unchunk(&body).ok_or_else(|| format!("{method} {path}: the answer broke off"))?;
    }
    Ok(Answer { status, head, body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// A feed with advisories for Alpine v3.18: `openssl` fixed in 3.1.4-r0, `zlib` in 1.3-r0.
pub(crate) fn small_feed(folder: &Path) -> PathBuf {
    let feed = folder.join("feed");
    let ecosystem = feed.join("Alpine");
    std::fs::create_dir_all(&ecosystem).expect("a folder");
    std::fs::write(feed.join("ecosystems.txt"), "Alpine\n").expect("a file");
    let mut archive = Vec::new();
    let mut list = String::new();
    for (id, package, fixed) in
        [("ALPINE-CVE-2023-5363", "openssl", "3.1.4-r0"), ("ALPINE-CVE-2022-37434", "zlib", "1.3-r0")]
    {
        let record = serde_json::json!({
            "schema_version": "1.7.0", "id": id, "modified": "2024-01-01T00:00:00Z", "published": "2023-10-25T00:00:00Z",
            "upstream": [id.trim_start_matches("ALPINE-")],
            "summary": format!("a flaw in {package}"),
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
            "affected": [{
                "package": {"ecosystem": "Alpine:v3.18", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }],
        });
        archive.push((format!("{id}.json"), record.to_string()));
        list.push_str(&format!("2024-01-01T00:00:00Z,{id}\n"));
    }
    write_zip(&ecosystem.join("all.zip"), &archive);
    std::fs::write(ecosystem.join("modified_id.csv"), list).expect("a file");
    feed
}

fn write_zip(path: &Path, entries: &[(String, String)]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    for (name, content) in entries {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(content.as_bytes()).expect("an entry");
    }
    archive.finish().expect("a zip");
}
