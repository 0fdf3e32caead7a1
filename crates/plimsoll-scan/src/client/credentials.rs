//! The credentials that `docker login` and `podman login` keep.
//!
//! An entry belongs to exactly one host and port. Programs that keep credentials for docker (`docker-credential-NAME`) are
//! asked where the configuration names one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::Secret;
use crate::{Error, ErrorKind, Result};

/// Largest configuration that is read, and largest answer of a helper.
const MAX_BYTES: u64 = 4 << 20;

/// What a registry is told about who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user name and password, or a token in the place of the password.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token to get tokens with (an OAuth refresh token).
    IdentityToken(Secret),
}

/// The files that may hold credentials, the first to be asked first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFiles {
    files: Vec<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl CredentialFiles {
    /// No files: every registry is asked anonymously.
    pub fn none() -> Self {
        Self::default()
    }

    /// The files that docker and podman would read, by the variables of an environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME");
        let docker = path("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
        let files = [
            path("REGISTRY_AUTH_FILE"),
            path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            docker.map(|folder| folder.join("config.json")),
        ];
        Self { files: files.into_iter().flatten().collect() }
    }

    /// Exactly these files.
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect() }
    }

    /// The credentials for a registry, as its name stands in an image reference, or none. Files that are missing are
    /// passed over; one that cannot be read is an error. Blocks on the disk and on helpers.
    pub fn find(&self, host: &str, repository: &str) -> Result<Option<Credentials>> {
        for path in &self.files {
            let Some(config) = read_config(path)? else { continue };
            if let Some(found) = config.find(host, repository, path)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl ConfigFile {
    fn find(&self, host: &str, repository: &str, path: &Path) -> Result<Option<Credentials>> {
        let names = names_of(host);
        let helper = names.iter().find_map(|name| self.cred_helpers.get(name)).or(self.creds_store.as_ref());
        if let Some(helper) = helper {
            for name in &names {
                if let Some(found) = ask_helper(helper, name)? {
                    return Ok(Some(found));
                }
            }
        }
        // Podman's entries may be narrower than a host: `host/team/app` before `host/team` before `host`.
        let mut scopes: Vec<String> = Vec::new();
        let mut scope = format!("{host}/{repository}");
        while let Some((shorter, _)) = scope.rsplit_once('/') {
            scopes.push(scope.clone());
            scope = shorter.to_owned();
        }
        let entry = scopes.iter().chain(&names).find_map(|name| self.auths.get(name));
        entry.map_or(Ok(None), |entry| entry.credentials(path))
    }
}

impl Entry {
    fn credentials(&self, path: &Path) -> Result<Option<Credentials>> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(Credentials::IdentityToken(Secret::new(token))));
        }
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            return Ok(Some(password_or_token(username, password)));
        }
        let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) else { return Ok(None) };
        // The text is a secret even where it is not what it should be.
        let bad = || {
            Error::new(ErrorKind::Usage, format!("an entry of {} holds no user and password", path.display()))
        };
        let decoded = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).map_err(|_| bad())?;
        let text = String::from_utf8(decoded).map_err(|_| bad())?;
        let (username, password) = text.split_once(':').ok_or_else(bad)?;
        Ok(Some(password_or_token(username, password.trim_end_matches('\0'))))
    }
}

fn password_or_token(username: &str, password: &str) -> Credentials {
    match username {
        // Docker's convention for an identity token that a helper keeps.
        "<token>" => Credentials::IdentityToken(Secret::new(password)),
        _ => Credentials::Password { username: username.to_owned(), password: Secret::new(password) },
    }
}

/// The keys under which a host may stand. Docker Hub's are historical.
fn names_of(host: &str) -> Vec<String> {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
            ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"]
                .map(str::to_owned)
                .to_vec()
        }
        _ => vec![
            host.to_owned(),
            format!("https://{host}"),
            format!("https://{host}/"),
            format!("https://{host}/v1/"),
            format!("https://{host}/v2/"),
        ],
    }
}

fn read_config(path: &Path) -> Result<Option<ConfigFile>> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path, error)),
    };
    if metadata.len() > MAX_BYTES {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("{} is too large for credentials", path.display()),
        ));
    }
    let text = std::fs::read(path).map_err(|error| Error::file("read", path, error))?;
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // The parser's message could quote a secret; its place is enough.
    let config = serde_json::from_slice(&text).map_err(|error| {
        let message = format!("{} is not valid JSON at line {}", path.display(), error.line());
        Error::new(ErrorKind::Usage, message)
    })?;
    Ok(Some(config))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME get` (github.com/docker/docker-credential-helpers, "Development").
fn ask_helper(helper: &str, host: &str) -> Result<Option<Credentials>> {
    let fits = !helper.is_empty() && helper.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fits {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{helper:?} is not the name of a credential helper"),
        ));
    }
    let program = format!("docker-credential-{helper}");
    let failed = |error| {
        Error::new(ErrorKind::Usage, format!("cannot run {program}, which keeps the credentials"))
            .because(error)
    };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read has ended; its status says why.
        let _ = stdin.write_all(host.as_bytes());
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        std::io::Read::read_to_end(&mut std::io::Read::take(stdout, MAX_BYTES), &mut answer)
            .map_err(failed)?;
    }
    // It says "credentials not found" with a status other than 0, as it does for every other failure.
    if !child.wait().map_err(failed)?.success() {
        return Ok(None);
    }
    let answer: HelperAnswer = serde_json::from_slice(&answer)
        .map_err(|_| Error::new(ErrorKind::Usage, format!("{program} did not answer with credentials")))?;
    Ok(Some(password_or_token(&answer.username, &answer.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &str, host: &str, repository: &str) -> Result<Option<Credentials>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        CredentialFiles::of([folder.path().join("missing.json"), path]).find(host, repository)
    }

    fn password(username: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { username: username.into(), password: Secret::new(password) })
    }

    #[test]
    fn credentials_belong_to_exactly_one_host_and_port() {
        // "ann:geheim"
        let config = r#"{"auths": {"r.example": {"auth": "YW5uOmdlaGVpbQ=="}, "r.example:5000": {}}}"#;
        assert_eq!(find(config, "r.example", "app").unwrap(), password("ann", "geheim"));
        for other in
            ["r.example:5000", "r.example:443", "x.r.example", "r.example.evil", "example", "docker.io"]
        {
            assert_eq!(find(config, other, "app").unwrap(), None, "{other}");
        }
    }

    #[test]
    fn the_spellings_of_docker_hub_and_of_podman_are_known() {
        let hub = r#"{"auths": {"https://index.docker.io/v1/": {"username": "ann", "password": "x"}}}"#;
        assert_eq!(find(hub, "docker.io", "library/alpine").unwrap(), password("ann", "x"));
        let podman = r#"{"auths": {"q.example/team": {"username": "team", "password": "x"}, "q.example": {"username": "all", "password": "y"}}}"#;
        assert_eq!(find(podman, "q.example", "team/app").unwrap(), password("team", "x"));
        assert_eq!(find(podman, "q.example", "teams/app").unwrap(), password("all", "y"));
        let token = r#"{"auths": {"r.example": {"auth": "PHRva2VuPjpx", "identitytoken": "abc"}}}"#;
        assert_eq!(
            find(token, "r.example", "a").unwrap(),
            Some(Credentials::IdentityToken(Secret::new("abc")))
        );
    }

    #[test]
    fn a_broken_file_is_told_without_its_secrets() {
        for config in [r#"{"auths": {"r.example": {"auth": "geheim!"}}}"#, r#"{"auths": "geheim"#] {
            let error = find(config, "r.example", "app").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(!error.chain().contains("geheim"), "{}", error.chain());
        }
        assert_eq!(format!("{:?}", Secret::new("geheim")), "[redacted]");
    }

    #[test]
    fn the_environment_says_where_to_look() {
        let files = CredentialFiles::from_environment(|name| match name {
            "HOME" => Some("/home/ann".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1".into()),
            _ => None,
        });
        let expected =
            ["/run/user/1/containers/auth.json", "/home/ann/.docker/config.json"].map(PathBuf::from);
        assert_eq!(files, CredentialFiles::of(expected));
    }
}
