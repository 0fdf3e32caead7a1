//! Settings: what was typed becomes what is meant, once, at start.
//!
//! Three places say what they want, the later one wins: the TOML file, the environment (`PLIMSOLL_` and the key in capitals),
//! the flags. Below this module nothing reads the environment. Every error names the place and the key.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use plimsoll_types::Scope;

/// The keys that file, environment and flags share.
pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const DATA: &str = "data";
    pub(crate) const DATABASE: &str = "database";
    pub(crate) const BLOBS: &str = "blobs";
    pub(crate) const FEED: &str = "feed";
    pub(crate) const FEED_INTERVAL: &str = "feed_interval";
    pub(crate) const ECOSYSTEMS: &str = "ecosystems";
    pub(crate) const SUBSCRIPTION: &str = "subscription";
    pub(crate) const RESOURCE_GROUP: &str = "resource_group";
    pub(crate) const REGISTRY: &str = "registry";
    pub(crate) const REGISTRY_HOST: &str = "registry_host";
    pub(crate) const WORKERS: &str = "workers";
    pub(crate) const NODE: &str = "node";
    pub(crate) const LOG: &str = "log";
    pub(crate) const LOG_FORMAT: &str = "log_format";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const TLS_CERT: &str = "tls_cert";
    pub(crate) const TLS_KEY: &str = "tls_key";
    pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
    pub(crate) const TRUST_FORWARDED: &str = "trust_forwarded_headers";
    pub(crate) const OPEN_TO_ALL: &str = "serve_anyone_without_tls_or_authentication";
    pub(crate) const ALLOW_MISSING_WALLS: &str = "allow_missing_walls";
    pub(crate) const ALL: [&str; 22] = [
        LISTEN,
        DATA,
        DATABASE,
        BLOBS,
        FEED,
        FEED_INTERVAL,
        ECOSYSTEMS,
        SUBSCRIPTION,
        RESOURCE_GROUP,
        REGISTRY,
        REGISTRY_HOST,
        WORKERS,
        NODE,
        LOG,
        LOG_FORMAT,
        TLS,
        TLS_CERT,
        TLS_KEY,
        MAX_CONNECTIONS,
        TRUST_FORWARDED,
        OPEN_TO_ALL,
        ALLOW_MISSING_WALLS,
    ];
}

/// The table of the file, and the prefix in the environment, with options for the object store.
const BLOB_OPTIONS: &str = "blob_options";

/// The public bucket of the OSV project.
pub(crate) const PUBLIC_FEED: &str = "https://osv-vulnerabilities.storage.googleapis.com";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether the listener speaks TLS, and what it shows for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Plain HTTP.
    Off,
    /// The operator's own certificate, in PEM files.
    Files {
        /// The server's certificate and what leads to its authority.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// A certificate of an authority that is made in the data folder.
    Development,
}

/// What is meant.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) database: String,
    pub(crate) blobs: String,
    pub(crate) blob_options: Vec<(String, String)>,
    pub(crate) feed: String,
    pub(crate) feed_interval: Duration,
    /// Empty means all that the feed has.
    pub(crate) ecosystems: Vec<String>,
    pub(crate) scope: Scope,
    pub(crate) workers: usize,
    pub(crate) node: String,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) tls: Tls,
    pub(crate) max_connections: usize,
    pub(crate) trust_forwarded_headers: bool,
    pub(crate) allow_missing_walls: bool,
}

/// What was typed, still without a meaning.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    values: BTreeMap<String, (Place, String)>,
    blob_options: BTreeMap<String, String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Environment,
    Flag,
}

/// A value with its name, for errors.
struct Named<'a> {
    key: &'static str,
    place: &'a Place,
    value: &'a str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File(path) => write!(f, "{}: {}", path.display(), self.key),
            Place::Environment => f.write_str(&variable(self.key)),
            Place::Flag => write!(f, "--{}", self.key.replace('_', "-")),
        }
    }
}

fn variable(key: &str) -> String {
    format!("PLIMSOLL_{}", key.to_ascii_uppercase())
}

impl Typed {
    /// Collects file, environment and flags. `file` is the one that was asked for; without one, the usual places are
    /// looked at, and it is no fault if there is none.
    pub(crate) fn collect(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Result<Self> {
        let mut typed = Self::default();
        let environment: Vec<_> = environment.collect();
        let found =
            |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let file = match file.map(Path::to_owned).or_else(|| found("PLIMSOLL_CONFIG").map(PathBuf::from)) {
            Some(file) => Some(file),
            None => usual_files(found).into_iter().find(|file| file.exists()),
        };
        if let Some(file) = file {
            typed.read_file(&file)?;
        }
        for (name, value) in &environment {
            if let Some(key) = key::ALL.iter().find(|key| variable(key) == *name) {
                typed.values.insert((*key).to_owned(), (Place::Environment, value.clone()));
            } else if let Some(option) = name.strip_prefix("PLIMSOLL_BLOB_OPTIONS_") {
                typed.blob_options.insert(option.to_ascii_lowercase(), value.clone());
            }
        }
        for (key, value) in flags {
            if let Some(value) = value {
                typed.values.insert(key.to_owned(), (Place::Flag, value));
            }
        }
        if !typed.values.contains_key(key::DATA) {
            let folder = data_folder(found)?;
            typed.values.insert(key::DATA.to_owned(), (Place::Flag, folder.to_string_lossy().into_owned()));
        }
        Ok(typed)
    }

    fn read_file(&mut self, file: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the settings {}", file.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("{} is not TOML", file.display()))?;
        for (name, value) in table {
            if name == BLOB_OPTIONS {
                let Some(options) = value.as_table() else {
                    bail!("{}: {BLOB_OPTIONS} must be a table of texts", file.display());
                };
                for (option, value) in options {
                    self.blob_options.insert(
                        option.clone(),
                        plain(value).with_context(|| {
                            format!(
                                "{}: {BLOB_OPTIONS}.{option} must be a text, a number or true or false",
                                file.display()
                            )
                        })?,
                    );
                }
                continue;
            }
            let Some(key) = key::ALL.iter().find(|key| **key == name) else {
                bail!("{}: {name} is not a setting; there are {}", file.display(), key::ALL.join(", "));
            };
            let value = plain(&value).with_context(|| {
                format!(
                    "{}: {key} must be a text, a number, true or false, or a list of texts",
                    file.display()
                )
            })?;
            self.values.insert(name, (Place::File(file.to_owned()), value));
        }
        Ok(())
    }

    /// Gives the values their meaning, or says which of them has none.
    pub(crate) fn understand(&self) -> Result<Settings> {
        let listen = self.listen()?;
        let data = PathBuf::from(self.text(key::DATA).map_or("", |named| named.value));
        let in_data = |prefix: &str, name: &str| format!("{prefix}{}", data.join(name).display());
        let registry_host =
            self.text(key::REGISTRY_HOST).map_or_else(|| listen.to_string(), |named| named.value.to_owned());
        let settings = Settings {
            listen,
            database: self.one_of(key::DATABASE, &["sqlite:", "postgres://", "postgresql://"], || {
                in_data("sqlite:", "plimsoll.db")
            })?,
            blobs: self
                .one_of(key::BLOBS, &["file:", "s3://", "az://", "gs://"], || in_data("file:", "blobs"))?,
            blob_options: self.blob_options.clone().into_iter().collect(),
            feed: self.one_of(key::FEED, &["file:", "http://", "https://"], || PUBLIC_FEED.to_owned())?,
            feed_interval: Duration::from_secs(60 * self.number(key::FEED_INTERVAL, 1..=43_200, 360)?),
            ecosystems: self.list(key::ECOSYSTEMS),
            scope: Scope {
                subscription: self.guid(key::SUBSCRIPTION, "00000000-0000-0000-0000-000000000000")?,
                resource_group: self.word(key::RESOURCE_GROUP, "plimsoll")?,
                registry: self.word(key::REGISTRY, "local")?,
                registry_host,
            },
            workers: usize::try_from(self.number(key::WORKERS, 1..=1024, cores())?)?,
            node: self.word(key::NODE, "plimsoll")?,
            log: self.text(key::LOG).map_or("info", |named| named.value).to_owned(),
            log_format: self.log_format()?,
            tls: self.tls()?,
            max_connections: usize::try_from(self.number(key::MAX_CONNECTIONS, 1..=1_000_000, 10_000)?)?,
            trust_forwarded_headers: self.switch(key::TRUST_FORWARDED)?,
            allow_missing_walls: self.switch(key::ALLOW_MISSING_WALLS)?,
            data,
        };
        if !settings.listen.ip().is_loopback() && !self.switch(key::OPEN_TO_ALL)? {
            bail!(
                "listen is {}, which others can reach, and this version has neither TLS nor authentication: anyone there could \
                 read, push and delete images. Listen on 127.0.0.1 behind a proxy that does both, or say that this is what you \
                 want with --{}",
                settings.listen,
                key::OPEN_TO_ALL.replace('_', "-")
            );
        }
        Ok(settings)
    }

    fn text(&self, key: &'static str) -> Option<Named<'_>> {
        self.values.get(key).map(|(place, value)| Named { key, place, value })
    }

    fn listen(&self) -> Result<SocketAddr> {
        let Some(named) = self.text(key::LISTEN) else { return Ok(SocketAddr::from(([127, 0, 0, 1], 5000))) };
        let text = named.value.replace("localhost", "127.0.0.1");
        text.parse().with_context(|| {
            format!("{named} must be an address and a port such as 127.0.0.1:5000, not {:?}", named.value)
        })
    }

    fn one_of(&self, key: &'static str, prefixes: &[&str], default: impl Fn() -> String) -> Result<String> {
        let Some(named) = self.text(key) else { return Ok(default()) };
        if !prefixes.iter().any(|prefix| named.value.starts_with(prefix)) {
            // The value itself may hold a password.
            bail!("{named} must begin with one of {}", prefixes.join(", "));
        }
        Ok(named.value.to_owned())
    }

    fn number(&self, key: &'static str, range: std::ops::RangeInclusive<u64>, default: u64) -> Result<u64> {
        let Some(named) = self.text(key) else { return Ok(default) };
        match u64::from_str(named.value) {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => bail!(
                "{named} must be a number from {} to {}, not {:?}",
                range.start(),
                range.end(),
                named.value
            ),
        }
    }

    fn switch(&self, key: &'static str) -> Result<bool> {
        match self.text(key) {
            None => Ok(false),
            Some(named) => match named.value {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" | "" => Ok(false),
                other => bail!("{named} must be true or false, not {other:?}"),
            },
        }
    }

    fn list(&self, key: &'static str) -> Vec<String> {
        let text = self.text(key).map_or("", |named| named.value);
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    fn guid(&self, key: &'static str, default: &str) -> Result<String> {
        let Some(named) = self.text(key) else { return Ok(default.to_owned()) };
        let lengths: Vec<_> = named.value.split('-').map(str::len).collect();
        let hex = named.value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if lengths != [8, 4, 4, 4, 12] || !hex {
            bail!("{named} must be a GUID such as {default}, not {:?}", named.value);
        }
        Ok(named.value.to_ascii_lowercase())
    }

    fn word(&self, key: &'static str, default: &str) -> Result<String> {
        let Some(named) = self.text(key) else { return Ok(default.to_owned()) };
        let fits = (1..=90).contains(&named.value.len())
            && named.value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.()".contains(&b));
        if !fits {
            bail!(
                "{named} must be 1 to 90 letters, digits, '-', '_', '.' or brackets, not {:?}",
                named.value
            );
        }
        Ok(named.value.to_owned())
    }

    fn tls(&self) -> Result<Tls> {
        let file = |key| self.text(key).filter(|named| !named.value.is_empty());
        let mode = self.text(key::TLS);
        match (mode.as_ref().map(|named| named.value), file(key::TLS_CERT), file(key::TLS_KEY)) {
            // So that a flag can switch off what the file asks for.
            (Some("off"), _, _) | (None, None, None) => Ok(Tls::Off),
            (Some("dev"), None, None) => Ok(Tls::Development),
            (Some("dev"), Some(file), _) | (Some("dev"), None, Some(file)) => {
                bail!("{file} names a file, but tls = dev makes a certificate; leave out one of them")
            }
            (None, Some(certificate), Some(key)) => {
                Ok(Tls::Files { certificate: certificate.value.into(), key: key.value.into() })
            }
            (None, Some(certificate), None) => {
                bail!("{certificate} is given without the file of its key, tls_key")
            }
            (None, None, Some(key)) => bail!("{key} is given without the file of its certificate, tls_cert"),
            (Some(other), _, _) => bail!(
                "tls must be off or dev, not {other:?}; a certificate of your own is given by tls_cert and tls_key"
            ),
        }
    }

    fn log_format(&self) -> Result<LogFormat> {
        match self.text(key::LOG_FORMAT) {
            None => Ok(LogFormat::Text),
            Some(named) => match named.value {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                other => bail!("{named} must be text or json, not {other:?}"),
            },
        }
    }
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

fn usual_files<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Vec<PathBuf> {
    let home = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(home).join(".config")));
    let mut files: Vec<_> = home.into_iter().map(|folder| folder.join("plimsoll/plimsoll.toml")).collect();
    files.push(PathBuf::from("/etc/plimsoll/plimsoll.toml"));
    files
}

/// The platform's folder for the data of programs.
fn data_folder<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("XDG_DATA_HOME") {
        return Ok(folder.join("plimsoll"));
    }
    match set("HOME") {
        Some(home) if cfg!(target_os = "macos") => Ok(home.join("Library/Application Support/plimsoll")),
        Some(home) => Ok(home.join(".local/share/plimsoll")),
        None => bail!("there is no HOME to keep data in; name a folder with --data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(
        file: Option<&str>,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Settings> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("plimsoll.toml");
        if let Some(text) = file {
            std::fs::write(&path, text)?;
        }
        let mut environment: Vec<_> =
            environment.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        environment.push(("HOME".into(), "/home/somebody".into()));
        let flags = flags.iter().map(|(key, value)| (*key, Some(value.to_string())));
        Typed::collect(file.map(|_| path.as_path()), environment.into_iter(), flags)?.understand()
    }

    fn complaint(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
        format!("{:#}", typed(file, environment, flags).expect_err("it is refused"))
    }

    #[test]
    fn nothing_typed_is_a_complete_system_on_loopback() {
        let settings = typed(None, &[], &[]).expect("defaults are enough");
        assert_eq!(settings.listen.to_string(), "127.0.0.1:5000");
        assert_eq!(settings.database, "sqlite:/home/somebody/.local/share/plimsoll/plimsoll.db");
        assert_eq!(settings.blobs, "file:/home/somebody/.local/share/plimsoll/blobs");
        assert_eq!(settings.scope.registry_host, "127.0.0.1:5000");
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = Some(
            "listen = '127.0.0.1:1'\nworkers = 3\nnode = 'a'\n[blob_options]\naws_endpoint = 'http://x'",
        );
        let environment = [("PLIMSOLL_LISTEN", "127.0.0.1:2"), ("PLIMSOLL_WORKERS", "4")];
        let settings = typed(file, &environment, &[(key::LISTEN, "127.0.0.1:3")]).expect("it is understood");
        assert_eq!((settings.listen.port(), settings.workers, settings.node.as_str()), (3, 4, "a"));
        assert_eq!(settings.blob_options, [("aws_endpoint".to_owned(), "http://x".to_owned())]);
    }

    #[test]
    fn errors_name_the_key_where_it_was_typed() {
        assert!(complaint(Some("lisen = 'x'"), &[], &[]).contains("plimsoll.toml: lisen is not a setting"));
        assert!(complaint(Some("listen = 'x'"), &[], &[]).contains("plimsoll.toml: listen must be"));
        assert!(
            complaint(None, &[("PLIMSOLL_WORKERS", "0")], &[])
                .starts_with("PLIMSOLL_WORKERS must be a number")
        );
        assert!(
            complaint(None, &[], &[(key::SUBSCRIPTION, "1")]).starts_with("--subscription must be a GUID")
        );
        assert!(complaint(None, &[], &[(key::LOG_FORMAT, "xml")]).contains("--log-format"));
    }

    #[test]
    fn tls_comes_from_two_files_or_from_an_authority_for_development() {
        let tls = |file, flags: &[(&'static str, &str)]| typed(file, &[], flags).map(|settings| settings.tls);
        let files = Some("tls_cert = 'c.pem'\ntls_key = 'k.pem'");
        assert_eq!(tls(None, &[]).unwrap(), Tls::Off);
        assert_eq!(tls(None, &[(key::TLS, "dev")]).unwrap(), Tls::Development);
        let own = Tls::Files { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(tls(files, &[]).unwrap(), own);
        assert_eq!(tls(files, &[(key::TLS, "off")]).unwrap(), Tls::Off);
        let complaint = |file, flags: &[_]| complaint(file, &[], flags);
        assert!(
            complaint(None, &[(key::TLS_CERT, "c")])
                .starts_with("--tls-cert is given without the file of its key")
        );
        assert!(complaint(None, &[(key::TLS_KEY, "k")]).starts_with("--tls-key is given without"));
        assert!(complaint(files, &[(key::TLS, "dev")]).contains("tls_cert names a file, but tls = dev"));
        assert!(complaint(None, &[(key::TLS, "on")]).contains("must be off or dev"));
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let refusal = complaint(None, &[], &[(key::DATABASE, "mysql://me:secret@host/db")]);
        assert!(
            refusal.starts_with("--database must begin with") && !refusal.contains("secret"),
            "{refusal}"
        );
    }

    #[test]
    fn off_loopback_it_refuses_unless_told() {
        assert!(
            complaint(None, &[], &[(key::LISTEN, "0.0.0.0:5000")]).contains("neither TLS nor authentication")
        );
        let told = [(key::LISTEN, "0.0.0.0:5000"), (key::OPEN_TO_ALL, "true")];
        assert!(typed(None, &[], &told).is_ok());
        assert!(typed(None, &[], &[(key::LISTEN, "[::1]:5000")]).is_ok());
    }
}
