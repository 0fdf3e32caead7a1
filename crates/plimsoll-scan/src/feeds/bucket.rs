//! Fetches the files of an OSV bucket, from a web server or from a folder.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use plimsoll_types::ImageReference;
use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Response, StatusCode, Url};

use super::state::Validator;
use crate::clock::backoff;
use crate::{Error, ErrorKind, Result, USER_AGENT};

/// The public bucket of OSV.dev.
const PUBLIC: &str = "https://osv-vulnerabilities.storage.googleapis.com";
/// `ecosystems.txt` has some forty lines.
const MAX_INDEX_BYTES: u64 = 1 << 20;
/// A list has some 50 bytes a record, and the largest ecosystem a few hundred thousand records.
const MAX_LIST_BYTES: u64 = 512 << 20;
/// The largest archive of the public bucket has some 250 MB.
const MAX_ARCHIVE_BYTES: u64 = 8 << 30;
const MAX_RECORD_BYTES: u64 = plimsoll_advisory::osv::MAX_RECORD_BYTES as u64;
/// How often a request is begun.
const ATTEMPTS: u32 = 4;

/// Where advisories come from: a web server or a folder with the layout of the OSV bucket, or a registry that carries the
/// database itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedLocation {
    /// `https://…` or `http://…`, without a slash at the end.
    Web(String),
    /// `file:PATH`.
    Folder(PathBuf),
    /// `oci://HOST/REPOSITORY:TAG`, where `plimsoll db push` put it.
    Registry(ImageReference),
}

impl Default for FeedLocation {
    /// The public bucket of OSV.dev.
    fn default() -> Self {
        Self::Web(PUBLIC.to_owned())
    }
}

impl FromStr for FeedLocation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            let message = format!(
                "{text:?} is no feed: it must be https://HOST/PATH, http://HOST/PATH, file:PATH or oci://HOST/REPOSITORY:TAG"
            );
            Error::new(ErrorKind::Usage, message)
        };
        if let Some(path) = text.strip_prefix("file:") {
            // `file:///srv/osv` is the same as `file:/srv/osv`.
            let path = if path.starts_with("///") { &path[2..] } else { path };
            return if path.is_empty() { Err(bad()) } else { Ok(Self::Folder(PathBuf::from(path))) };
        }
        if let Some(reference) = text.strip_prefix("oci://") {
            return reference.parse().map(Self::Registry).map_err(|_| bad());
        }
        let url = Url::parse(text).map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(bad());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad());
        }
        Ok(Self::Web(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for FeedLocation {
    /// As it was typed, without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file:{}", path.display()),
            Self::Registry(reference) => write!(f, "oci://{reference}"),
            Self::Web(text) => match Url::parse(text) {
                Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
                    let _ = url.set_username("");
                    let _ = url.set_password(None);
                    f.write_str(url.as_str().trim_end_matches('/'))
                }
                _ => f.write_str(text),
            },
        }
    }
}

/// An open way to a feed.
pub(super) struct Bucket {
    location: FeedLocation,
    http: reqwest::Client,
}

/// A file that was asked for.
pub(super) enum Got<T> {
    /// Here it is, with what to ask for its successor with.
    File(T, Option<Validator>),
    /// It is the one that the validator came from.
    Unchanged,
    /// There is none.
    Missing,
}

impl Bucket {
    pub(super) fn new(location: &FeedLocation) -> Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, "cannot set up the web client").because(error)
            })?;
        Ok(Self { location: location.clone(), http })
    }

    /// Where it leads.
    pub(super) fn location(&self) -> &FeedLocation {
        &self.location
    }

    /// `ecosystems.txt`.
    pub(super) async fn ecosystems(&self) -> Result<Vec<String>> {
        match self.small(&["ecosystems.txt"], MAX_INDEX_BYTES, None).await? {
            Got::File(bytes, _) => Ok(plimsoll_advisory::feed::read_ecosystems(bytes.as_slice())?),
            Got::Missing | Got::Unchanged => {
                let message =
                    format!("{} has no ecosystems.txt; is it laid out as the OSV bucket is?", self.location);
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    /// `ECOSYSTEM/modified_id.csv`, unless it is still the one that `known` came from.
    pub(super) async fn list(&self, ecosystem: &str, known: Option<&Validator>) -> Result<Got<Vec<u8>>> {
        self.small(&[ecosystem, "modified_id.csv"], MAX_LIST_BYTES, known).await
    }

    /// `ECOSYSTEM/ID.json`; `None` where there is none.
    pub(super) async fn record(&self, ecosystem: &str, id: &str) -> Result<Option<Vec<u8>>> {
        match self.small(&[ecosystem, &format!("{id}.json")], MAX_RECORD_BYTES, None).await? {
            Got::File(bytes, _) => Ok(Some(bytes)),
            Got::Missing | Got::Unchanged => Ok(None),
        }
    }

    /// `ECOSYSTEM/all.zip` as an open file. From the web it goes to a file in `folder` that has no name any more, so that
    /// nothing is left behind however this process ends.
    pub(super) async fn archive(
        &self,
        ecosystem: &str,
        folder: &Path,
        progress: impl Fn(u64, Option<u64>),
    ) -> Result<Got<File>> {
        let parts = [ecosystem, "all.zip"];
        if let FeedLocation::Folder(root) = &self.location {
            return open_file(&path_of(root, &parts))
                .map(|file| file.map_or(Got::Missing, |file| Got::File(file, None)));
        }
        let mut failure = None;
        for attempt in 1..=ATTEMPTS {
            let Some(mut response) = self.get(&parts, None).await? else { return Ok(Got::Missing) };
            let total = response.content_length();
            let mut file = nameless(folder)?;
            let mut bytes = 0;
            let broken = loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        bytes += chunk.len() as u64;
                        if bytes > MAX_ARCHIVE_BYTES {
                            return Err(too_large(&format!("{ecosystem}/all.zip"), MAX_ARCHIVE_BYTES));
                        }
                        file.write_all(&chunk).map_err(|error| Error::file("write to", folder, error))?;
                        progress(bytes, total);
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            match broken {
                None => {
                    file.rewind().map_err(|error| Error::file("read in", folder, error))?;
                    return Ok(Got::File(file, None));
                }
                Some(error) => {
                    failure = Some(error);
                    tokio::time::sleep(backoff(Duration::from_secs(1), Duration::from_secs(30), attempt))
                        .await;
                }
            }
        }
        let message = format!("{}/{ecosystem}/all.zip broke off", self.location);
        Err(failure.into_iter().fold(Error::new(ErrorKind::Unavailable, message), Error::because))
    }

    /// A file of any name as an open file, unless it is still the one that `known` came from. From the web it goes to a file
    /// in `folder` that has no name any more.
    pub(super) async fn file(
        &self,
        path: &str,
        limit: u64,
        known: Option<&Validator>,
        folder: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Got<File>> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let FeedLocation::Folder(root) = &self.location {
            return opened(&path_of(root, &parts), limit, known);
        }
        let mut failure = None;
        for attempt in 1..=ATTEMPTS {
            let Some(mut response) = self.get(&parts, known).await? else { return Ok(Got::Missing) };
            if response.status() == StatusCode::NOT_MODIFIED {
                return Ok(Got::Unchanged);
            }
            let (validator, total) = (validator_of(response.headers()), response.content_length());
            let mut file = nameless(folder)?;
            let mut bytes = 0;
            loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        bytes += chunk.len() as u64;
                        if bytes > limit {
                            return Err(too_large(path, limit));
                        }
                        file.write_all(&chunk).map_err(|error| Error::file("write to", folder, error))?;
                        progress(bytes, total);
                    }
                    Ok(None) => {
                        file.rewind().map_err(|error| Error::file("read in", folder, error))?;
                        return Ok(Got::File(file, validator));
                    }
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            tokio::time::sleep(backoff(Duration::from_secs(1), Duration::from_secs(30), attempt)).await;
        }
        let message = format!("{}/{path} broke off", self.location);
        Err(failure.into_iter().fold(Error::new(ErrorKind::Unavailable, message), Error::because))
    }

    async fn small(&self, parts: &[&str], limit: u64, known: Option<&Validator>) -> Result<Got<Vec<u8>>> {
        if let FeedLocation::Folder(root) = &self.location {
            return small_file(&path_of(root, parts), limit, known);
        }
        let name = parts.join("/");
        let mut failure = None;
        for attempt in 1..=ATTEMPTS {
            let Some(mut response) = self.get(parts, known).await? else { return Ok(Got::Missing) };
            if response.status() == StatusCode::NOT_MODIFIED {
                return Ok(Got::Unchanged);
            }
            let validator = validator_of(response.headers());
            let mut bytes = Vec::new();
            loop {
                match response.chunk().await {
                    Ok(Some(chunk)) if (bytes.len() + chunk.len()) as u64 > limit => {
                        return Err(too_large(&name, limit));
                    }
                    Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                    Ok(None) => return Ok(Got::File(bytes, validator)),
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            tokio::time::sleep(backoff(Duration::from_secs(1), Duration::from_secs(30), attempt)).await;
        }
        let message = format!("{}/{name} broke off", self.location);
        Err(failure.into_iter().fold(Error::new(ErrorKind::Unavailable, message), Error::because))
    }

    /// A good answer (or 304), or none for 404. Requests that a busy server refuses are repeated.
    async fn get(&self, parts: &[&str], known: Option<&Validator>) -> Result<Option<Response>> {
        let FeedLocation::Web(root) = &self.location else {
            return Err(Error::new(ErrorKind::Usage, "this feed has no files of a web server"));
        };
        let mut url = Url::parse(root)
            .map_err(|error| Error::new(ErrorKind::Usage, "the feed is no URL").because(error))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        let mut attempt = 1;
        loop {
            let mut request = self.http.get(url.clone());
            request = match known {
                Some(Validator::Tag(tag)) => request.header(IF_NONE_MATCH, tag),
                Some(Validator::Date(date)) => request.header(IF_MODIFIED_SINCE, date),
                None => request,
            };
            let failure = match request.send().await {
                Ok(response) => match response.status() {
                    StatusCode::OK | StatusCode::NOT_MODIFIED => return Ok(Some(response)),
                    StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
                    status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                        Error::new(
                            ErrorKind::Unavailable,
                            format!("{}/{} answered {status}", self.location, parts.join("/")),
                        )
                    }
                    status => {
                        let message = format!("{}/{} answered {status}", self.location, parts.join("/"));
                        return Err(Error::new(ErrorKind::Denied, message));
                    }
                },
                // The URL is left out of the cause: it may hold a password, and the message names the file.
                Err(error) => {
                    Error::new(ErrorKind::Unavailable, format!("{} does not answer", self.location))
                        .because(error.without_url())
                }
            };
            if attempt == ATTEMPTS {
                return Err(failure);
            }
            tokio::time::sleep(backoff(Duration::from_millis(500), Duration::from_secs(30), attempt)).await;
            attempt += 1;
        }
    }
}

fn too_large(name: &str, limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("{name} of the feed has more than {limit} bytes"))
}

fn validator_of(headers: &HeaderMap) -> Option<Validator> {
    let text =
        |name| headers.get(name)?.to_str().ok().filter(|text: &&str| text.len() <= 200).map(str::to_owned);
    text(ETAG).map(Validator::Tag).or_else(|| text(LAST_MODIFIED).map(Validator::Date))
}

fn path_of(root: &Path, parts: &[&str]) -> PathBuf {
    // The parts were checked where they were read: a folder name of `ecosystems.txt`, an id of a list.
    parts.iter().fold(root.to_owned(), |path, part| path.join(part))
}

fn open_file(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path, error)),
    }
}

/// A file of a folder. Its time and size are what a server's entity tag is.
fn opened(path: &Path, limit: u64, known: Option<&Validator>) -> Result<Got<File>> {
    let Some(file) = open_file(path)? else { return Ok(Got::Missing) };
    let metadata = file.metadata().map_err(|error| Error::file("read", path, error))?;
    if metadata.len() > limit {
        return Err(too_large(&path.display().to_string(), limit));
    }
    let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let validator =
        metadata.modified().ok().map(|at| Validator::Tag(format!("{}-{}", since(at), metadata.len())));
    if validator.is_some() && validator.as_ref() == known {
        return Ok(Got::Unchanged);
    }
    Ok(Got::File(file, validator))
}

fn small_file(path: &Path, limit: u64, known: Option<&Validator>) -> Result<Got<Vec<u8>>> {
    let (file, validator) = match opened(path, limit, known)? {
        Got::File(file, validator) => (file, validator),
        Got::Unchanged => return Ok(Got::Unchanged),
        Got::Missing => return Ok(Got::Missing),
    };
    let mut bytes = Vec::new();
    let mut reader = std::io::Read::take(BufReader::new(file), limit + 1);
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|error| Error::file("read", path, error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(&path.display().to_string(), limit));
    }
    Ok(Got::File(bytes, validator))
}

/// A file without a name, for reading back what was written.
pub(super) fn nameless(folder: &Path) -> Result<File> {
    let path = folder.join(format!("download-{}-{:x}", std::process::id(), nonce()));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(|error| Error::file("make", &path, error))?;
    std::fs::remove_file(&path).map_err(|error| Error::file("unlink", &path, error))?;
    Ok(file)
}

fn nonce() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_a_web_address_a_folder_or_a_place_in_a_registry() {
        let parse = |text: &str| text.parse::<FeedLocation>();
        assert_eq!(
            parse("file:../shared/feeds/osv").unwrap(),
            FeedLocation::Folder("../shared/feeds/osv".into())
        );
        assert_eq!(parse("file:///srv/osv").unwrap(), FeedLocation::Folder("/srv/osv".into()));
        assert_eq!(
            parse("http://127.0.0.1:8099/").unwrap(),
            FeedLocation::Web("http://127.0.0.1:8099".into())
        );
        let carried = parse("oci://r.example:5000/plimsoll/advisories").unwrap();
        assert_eq!(carried.to_string(), "oci://r.example:5000/plimsoll/advisories:latest");
        for bad in [
            "",
            "file:",
            "ftp://a/b",
            "/srv/osv",
            "https://",
            "https://a/b?c=d",
            "osv",
            "oci://",
            "oci://R.example/UP",
        ] {
            assert_eq!(parse(bad).unwrap_err().kind(), ErrorKind::Usage, "{bad}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_never_shown() {
        let location: FeedLocation = "https://mirror:geheim@osv.example/bucket".parse().unwrap();
        assert_eq!(location.to_string(), "https://osv.example/bucket");
    }
}
