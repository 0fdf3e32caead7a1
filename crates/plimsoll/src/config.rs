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
use plimsoll_access::{Mode, OidcSettings};
use plimsoll_scan::{ExploitFeeds, Publisher, PublisherFeed};
use plimsoll_types::{Scope, Watch, sbom};
use plimsoll_web::GraphSettings;

/// The keys that file, environment and flags share.
pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const DATA: &str = "data";
    pub(crate) const DATABASE: &str = "database";
    pub(crate) const BLOBS: &str = "blobs";
    pub(crate) const FEED: &str = "feed";
    pub(crate) const FEED_KEY: &str = "feed_key";
    pub(crate) const FEED_INTERVAL: &str = "feed_interval";
    pub(crate) const ECOSYSTEMS: &str = "ecosystems";
    pub(crate) const PUBLISHERS: &str = "publishers";
    pub(crate) const SUBSCRIPTION: &str = "subscription";
    pub(crate) const RESOURCE_GROUP: &str = "resource_group";
    pub(crate) const REGISTRY: &str = "registry";
    pub(crate) const REGISTRY_HOST: &str = "registry_host";
    pub(crate) const LOGIN_SERVER_SUFFIX: &str = "login_server_suffix";
    pub(crate) const WORKERS: &str = "workers";
    pub(crate) const NODE: &str = "node";
    pub(crate) const LOG: &str = "log";
    pub(crate) const LOG_FORMAT: &str = "log_format";
    pub(crate) const KEV_FEED: &str = "kev_feed";
    pub(crate) const EPSS_FEED: &str = "epss_feed";
    pub(crate) const PULL_WINDOW: &str = "pull_window";
    pub(crate) const REASSESS_EVERY: &str = "reassess_every";
    pub(crate) const KEEP_FINDINGS: &str = "keep_findings";
    pub(crate) const CLOCK_OFFSET_FILE: &str = "clock_offset_file";
    pub(crate) const SERVER: &str = "server";
    pub(crate) const SERVER_CA: &str = "server_ca";
    pub(crate) const TOKEN: &str = "token";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const TLS_CERT: &str = "tls_cert";
    pub(crate) const TLS_KEY: &str = "tls_key";
    pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
    pub(crate) const AUTHENTICATION: &str = "authentication";
    pub(crate) const OIDC_ISSUER: &str = "oidc_issuer";
    pub(crate) const OIDC_AUDIENCE: &str = "oidc_audience";
    pub(crate) const OIDC_NAME_CLAIM: &str = "oidc_name_claim";
    pub(crate) const OIDC_GROUPS_CLAIM: &str = "oidc_groups_claim";
    pub(crate) const RESOURCE_LOG: &str = "resource_log";
    pub(crate) const RESOURCE_LOG_DAYS: &str = "resource_log_days";
    pub(crate) const TRUST_FORWARDED: &str = "trust_forwarded_headers";
    pub(crate) const OPEN_TO_ALL: &str = "serve_anyone_without_tls_or_authentication";
    pub(crate) const ALLOW_MISSING_WALLS: &str = "allow_missing_walls";
    pub(crate) const IGNORE_EMBEDDED_SBOMS: &str = "ignore_embedded_sboms";
    pub(crate) const ATTACH_SBOMS: &str = "attach_sboms";
    pub(crate) const WEBHOOK_TARGETS: &str = "webhook_targets";
    pub(crate) const WEBHOOK_HANDSHAKE: &str = "webhook_handshake";
    pub(crate) const GRAPH_BOTH: &str = "graph_both_generations";
    pub(crate) const ALL: &[&str] = &[
        LISTEN,
        DATA,
        DATABASE,
        BLOBS,
        FEED,
        FEED_KEY,
        FEED_INTERVAL,
        ECOSYSTEMS,
        PUBLISHERS,
        SUBSCRIPTION,
        RESOURCE_GROUP,
        REGISTRY,
        REGISTRY_HOST,
        LOGIN_SERVER_SUFFIX,
        WORKERS,
        NODE,
        LOG,
        LOG_FORMAT,
        KEV_FEED,
        EPSS_FEED,
        PULL_WINDOW,
        REASSESS_EVERY,
        KEEP_FINDINGS,
        CLOCK_OFFSET_FILE,
        SERVER,
        SERVER_CA,
        TOKEN,
        TLS,
        TLS_CERT,
        TLS_KEY,
        MAX_CONNECTIONS,
        AUTHENTICATION,
        OIDC_ISSUER,
        OIDC_AUDIENCE,
        OIDC_NAME_CLAIM,
        OIDC_GROUPS_CLAIM,
        RESOURCE_LOG,
        RESOURCE_LOG_DAYS,
        TRUST_FORWARDED,
        OPEN_TO_ALL,
        ALLOW_MISSING_WALLS,
        IGNORE_EMBEDDED_SBOMS,
        ATTACH_SBOMS,
        WEBHOOK_TARGETS,
        WEBHOOK_HANDSHAKE,
        GRAPH_BOTH,
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

/// The server that a command speaks to.
#[derive(Clone)]
pub(crate) struct ServerAddress {
    /// `http://127.0.0.1:5000`.
    pub(crate) url: String,
    /// PEM file of the authority to trust besides the system's.
    pub(crate) authority: Option<PathBuf>,
    /// What tells the server who asks.
    pub(crate) token: Option<String>,
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, authority, .. } = self;
        f.debug_struct("ServerAddress")
            .field("url", url)
            .field("authority", authority)
            .finish_non_exhaustive()
    }
}

/// Where resource logs go as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResourceLog {
    /// Nowhere.
    Off,
    /// To stdout.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
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
    /// The public key that a feed in a registry is signed with.
    pub(crate) feed_key: Option<PathBuf>,
    pub(crate) feed_interval: Duration,
    /// Empty means all that the feed has.
    pub(crate) ecosystems: Vec<String>,
    /// Publishers' own feeds.
    pub(crate) publishers: Vec<PublisherFeed>,
    pub(crate) scope: Scope,
    /// What the host names of new registries end with; without one, it follows from the first registry's.
    pub(crate) login_server_suffix: Option<String>,
    pub(crate) workers: usize,
    pub(crate) node: String,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    /// Where CISA's catalogue and FIRST's scores come from; `None` where they are not read.
    pub(crate) exploits: ExploitFeeds,
    pub(crate) watch: Watch,
    /// The file that says by how much the clock is moved.
    pub(crate) clock_offset_file: Option<PathBuf>,
    pub(crate) server: ServerAddress,
    pub(crate) tls: Tls,
    pub(crate) max_connections: usize,
    pub(crate) authentication: Mode,
    pub(crate) oidc: Option<OidcSettings>,
    pub(crate) resource_log: ResourceLog,
    /// 0 keeps none in the store.
    pub(crate) resource_log_days: u32,
    pub(crate) trust_forwarded_headers: bool,
    pub(crate) allow_missing_walls: bool,
    pub(crate) ignore_embedded_sboms: bool,
    /// The form of the SBOMs that are attached to images; `None` where none is.
    pub(crate) attach_sboms: Option<sbom::Format>,
    /// Where web hooks may be sent.
    pub(crate) webhook_targets: plimsoll_scan::Reach,
    pub(crate) webhook_handshake: bool,
    /// How the tables of queries are shown.
    pub(crate) graph: GraphSettings,
    /// Whether a command was told which server to ask.
    pub(crate) names_server: bool,
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
            feed: self.feed()?,
            feed_key: self.feed_key()?,
            feed_interval: Duration::from_secs(60 * self.number(key::FEED_INTERVAL, 1..=43_200, 360)?),
            ecosystems: self.list(key::ECOSYSTEMS),
            publishers: self.publishers()?,
            scope: Scope {
                subscription: self.guid(key::SUBSCRIPTION, "00000000-0000-0000-0000-000000000000")?,
                resource_group: self.word(key::RESOURCE_GROUP, "plimsoll")?,
                registry: self.word(key::REGISTRY, "local")?,
                registry_host,
            },
            login_server_suffix: self.host(key::LOGIN_SERVER_SUFFIX)?,
            workers: usize::try_from(self.number(key::WORKERS, 1..=1024, cores())?)?,
            node: self.word(key::NODE, "plimsoll")?,
            log: self.text(key::LOG).map_or("info", |named| named.value).to_owned(),
            log_format: self.log_format()?,
            exploits: self.exploits()?,
            watch: self.watch()?,
            clock_offset_file: self.file(key::CLOCK_OFFSET_FILE),
            server: self.server()?,
            tls: self.tls()?,
            max_connections: usize::try_from(self.number(key::MAX_CONNECTIONS, 1..=1_000_000, 10_000)?)?,
            authentication: self.authentication(&listen)?,
            oidc: self.oidc()?,
            resource_log: self.resource_log(),
            resource_log_days: u32::try_from(self.number(key::RESOURCE_LOG_DAYS, 0..=730, 30)?)?,
            trust_forwarded_headers: self.switch(key::TRUST_FORWARDED)?,
            graph: GraphSettings { both_generations: self.switch(key::GRAPH_BOTH)? },
            names_server: self.text(key::SERVER).is_some(),
            allow_missing_walls: self.switch(key::ALLOW_MISSING_WALLS)?,
            ignore_embedded_sboms: self.switch(key::IGNORE_EMBEDDED_SBOMS)?,
            attach_sboms: self.attach_sboms()?,
            webhook_targets: self.webhook_targets()?,
            webhook_handshake: self.switch(key::WEBHOOK_HANDSHAKE)?,
            data,
        };
        Ok(settings)
    }

    fn attach_sboms(&self) -> Result<Option<sbom::Format>> {
        let Some(named) = self.text(key::ATTACH_SBOMS) else { return Ok(None) };
        match named.value {
            "off" | "" => Ok(None),
            "cyclonedx" => Ok(Some(sbom::Format::CycloneDx)),
            "spdx" => Ok(Some(sbom::Format::Spdx)),
            other => bail!("{named} must be cyclonedx, spdx or off, not {other:?}"),
        }
    }

    fn webhook_targets(&self) -> Result<plimsoll_scan::Reach> {
        let Some(named) = self.text(key::WEBHOOK_TARGETS) else { return Ok(plimsoll_scan::Reach::default()) };
        named.value.parse().map_err(|error| anyhow::anyhow!("{named}: {error}"))
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

    fn host(&self, key: &'static str) -> Result<Option<String>> {
        let Some(named) = self.text(key) else { return Ok(None) };
        let fits = (1..=200).contains(&named.value.len())
            && named.value.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
            && named.value.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !fits {
            bail!(
                "{named} must be a host name with an optional port such as registries.example:5000, not {:?}",
                named.value
            );
        }
        Ok(Some(named.value.to_ascii_lowercase()))
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

    /// Whether callers must say who they are. On loopback nobody is asked until somebody can log in; where others can
    /// connect, everybody is, unless the operator wants it otherwise in so many words.
    fn authentication(&self, listen: &SocketAddr) -> Result<Mode> {
        let is_here = listen.ip().is_loopback();
        let is_open_to_all = self.switch(key::OPEN_TO_ALL)?;
        match self.text(key::AUTHENTICATION) {
            None if is_here => Ok(Mode::WhenConfigured),
            None if is_open_to_all => Ok(Mode::Off),
            None => Ok(Mode::Required),
            Some(named) => match named.value {
                "required" => Ok(Mode::Required),
                "off" if is_here || is_open_to_all => Ok(Mode::Off),
                "off" => bail!(
                    "{named} is off, and listen is {listen}, which others can reach: anyone there could read, push and delete \
                     images. Leave it out, or say that this is what you want with --{}",
                    key::OPEN_TO_ALL.replace('_', "-")
                ),
                other => bail!("{named} must be off or required, not {other:?}"),
            },
        }
    }

    /// The identity provider, if there is one.
    fn oidc(&self) -> Result<Option<OidcSettings>> {
        let audiences = self.list(key::OIDC_AUDIENCE);
        let Some(issuer) = self.text(key::OIDC_ISSUER).filter(|named| !named.value.is_empty()) else {
            return match self.text(key::OIDC_AUDIENCE) {
                Some(named) => bail!("{named} is given without the issuer of the tokens, oidc_issuer"),
                None => Ok(None),
            };
        };
        if audiences.is_empty() {
            // Without it, a token that the issuer made for any other service would open this one.
            bail!(
                "{issuer} is given without oidc_audience: the audience (aud) that its tokens for this server have"
            );
        }
        let claim = |key, default: &str| self.text(key).map_or(default, |named| named.value).to_owned();
        Ok(Some(OidcSettings {
            issuer: issuer.value.to_owned(),
            audiences,
            name_claim: claim(key::OIDC_NAME_CLAIM, "preferred_username"),
            groups_claim: claim(key::OIDC_GROUPS_CLAIM, "groups"),
        }))
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

    fn feed(&self) -> Result<String> {
        let feed =
            self.one_of(key::FEED, &["file:", "http://", "https://", "oci://"], || PUBLIC_FEED.to_owned())?;
        if feed.starts_with("oci://") {
            // The database there is whole and somebody else's work: nothing is read beside it, and nothing is left out.
            for key in [key::PUBLISHERS, key::ECOSYSTEMS] {
                if let Some(named) = self.text(key).filter(|named| !matches!(named.value.trim(), "" | "none"))
                {
                    bail!(
                        "{named} does not go with a feed of oci://: what it has is chosen where it is pushed"
                    );
                }
            }
        }
        Ok(feed)
    }

    fn feed_key(&self) -> Result<Option<PathBuf>> {
        let file = self.file(key::FEED_KEY);
        let is_carried = self.text(key::FEED).is_some_and(|named| named.value.starts_with("oci://"));
        match self.text(key::FEED_KEY) {
            // Whoever names a key believes that signatures are checked.
            Some(named) if file.is_some() && !is_carried => {
                bail!("{named} is given, but only feeds of oci:// are signed")
            }
            _ => Ok(file),
        }
    }

    /// Those of distributions whose data are small enough to be read by everybody, unless advisories come from somewhere else
    /// than the public feed.
    fn publishers(&self) -> Result<Vec<PublisherFeed>> {
        const USUAL: [Publisher; 9] = [
            Publisher::Debian,
            Publisher::Alpine,
            Publisher::AlpineRejections,
            Publisher::Wolfi,
            Publisher::Chainguard,
            Publisher::AzureLinux,
            Publisher::Amazon,
            Publisher::Oracle,
            Publisher::Photon,
        ];
        let is_public = self.text(key::FEED).is_none_or(|named| named.value == PUBLIC_FEED);
        match self.text(key::PUBLISHERS) {
            Some(named) if named.value.trim() == "none" => Ok(Vec::new()),
            Some(named) => self
                .list(key::PUBLISHERS)
                .iter()
                .map(|text| text.parse().with_context(|| format!("{named} cannot be understood")))
                .collect(),
            None if is_public => USUAL.into_iter().map(|publisher| Ok(publisher.name().parse()?)).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// The public addresses, unless advisories come from somewhere else: whoever has a mirror has it for a reason.
    fn exploits(&self) -> Result<ExploitFeeds> {
        let is_public = self.text(key::FEED).is_none_or(|named| named.value == PUBLIC_FEED);
        let one = |key, public: &str| match self.text(key) {
            Some(named) if matches!(named.value, "off" | "") => Ok(None),
            Some(_) => self.one_of(key, &["file:", "http://", "https://"], String::new).map(Some),
            None => Ok(is_public.then(|| public.to_owned())),
        };
        Ok(ExploitFeeds {
            known_exploited: one(key::KEV_FEED, ExploitFeeds::PUBLIC_KEV)?,
            epss: one(key::EPSS_FEED, ExploitFeeds::PUBLIC_EPSS)?,
        })
    }

    fn watch(&self) -> Result<Watch> {
        let usual = Watch::default();
        let days = |key, usual: u32| {
            Ok::<_, anyhow::Error>(u32::try_from(self.number(key, 1..=36_500, usual.into())?)?)
        };
        Ok(Watch {
            pull_window_days: days(key::PULL_WINDOW, usual.pull_window_days)?,
            reassess_every_days: days(key::REASSESS_EVERY, usual.reassess_every_days)?,
            keep_findings_days: days(key::KEEP_FINDINGS, usual.keep_findings_days)?,
        })
    }

    fn resource_log(&self) -> ResourceLog {
        match self.text(key::RESOURCE_LOG).map_or("off", |named| named.value) {
            "off" | "" => ResourceLog::Off,
            "stdout" => ResourceLog::Stdout,
            path => ResourceLog::File(PathBuf::from(path)),
        }
    }

    fn file(&self, key: &'static str) -> Option<PathBuf> {
        self.text(key).filter(|named| !named.value.is_empty()).map(|named| PathBuf::from(named.value))
    }

    fn server(&self) -> Result<ServerAddress> {
        let url =
            self.one_of(key::SERVER, &["http://", "https://"], || "http://127.0.0.1:5000".to_owned())?;
        Ok(ServerAddress {
            url: url.trim_end_matches('/').to_owned(),
            authority: self.file(key::SERVER_CA),
            token: self
                .text(key::TOKEN)
                .map(|named| named.value.trim().to_owned())
                .filter(|token| !token.is_empty()),
        })
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
        let sboms = complaint(None, &[("PLIMSOLL_ATTACH_SBOMS", "true")], &[]);
        assert!(sboms.starts_with("PLIMSOLL_ATTACH_SBOMS must be cyclonedx, spdx or off"), "{sboms}");
        let targets = complaint(None, &[("PLIMSOLL_WEBHOOK_TARGETS", "public,anywhere")], &[]);
        assert!(targets.starts_with("PLIMSOLL_WEBHOOK_TARGETS: \"anywhere\" is none of"), "{targets}");
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
    fn publishers_are_asked_where_the_feed_is_public_or_where_they_are_named() {
        let of =
            |flags: &[(&'static str, &str)]| typed(None, &[], flags).expect("it is understood").publishers;
        let names = |feeds: Vec<PublisherFeed>| -> Vec<String> {
            feeds.iter().map(|feed| format!("{}={}", feed.publisher.name(), feed.location)).collect()
        };
        assert!(names(of(&[])).contains(&"alpine=https://secdb.alpinelinux.org".to_owned()));
        assert_eq!(of(&[(key::PUBLISHERS, "none")]), []);
        assert_eq!(of(&[(key::FEED, "file:/srv/osv")]), []);
        let own = [(key::FEED, "file:/srv/osv"), (key::PUBLISHERS, "debian=file:/srv/debian.json, nvd")];
        assert_eq!(
            names(of(&own)),
            ["debian=file:/srv/debian.json", "nvd=https://nvd.nist.gov/feeds/json/cve/2.0"]
        );
        assert!(complaint(None, &[], &[(key::PUBLISHERS, "nobody")]).starts_with("--publishers"));
    }

    #[test]
    fn a_feed_in_a_registry_is_whole_and_may_be_signed() {
        let carried = (key::FEED, "oci://r.example/plimsoll/advisories:1");
        let signed = typed(None, &[], &[carried, (key::FEED_KEY, "public.pem")]).expect("it is understood");
        assert_eq!(signed.feed_key, Some(PathBuf::from("public.pem")));
        assert!(signed.publishers.is_empty());
        let complaint = |flags: &[_]| complaint(None, &[], flags);
        assert!(complaint(&[carried, (key::PUBLISHERS, "debian")]).starts_with("--publishers does not go"));
        assert!(complaint(&[carried, (key::ECOSYSTEMS, "npm")]).starts_with("--ecosystems does not go"));
        assert!(complaint(&[(key::FEED_KEY, "public.pem")]).starts_with("--feed-key is given"));
    }

    #[test]
    fn evidence_of_exploits_is_public_where_the_advisories_are() {
        let of = |flags: &[(&'static str, &str)]| typed(None, &[], flags).expect("it is understood").exploits;
        assert_eq!(of(&[]).known_exploited.as_deref(), Some(ExploitFeeds::PUBLIC_KEV));
        assert_eq!(of(&[(key::FEED, "file:/srv/osv")]), ExploitFeeds::default());
        assert_eq!(of(&[(key::KEV_FEED, "off")]).known_exploited, None);
        let own = of(&[(key::FEED, "file:/srv/osv"), (key::EPSS_FEED, "file:/srv/epss.csv")]);
        assert_eq!((own.known_exploited, own.epss.as_deref()), (None, Some("file:/srv/epss.csv")));
        assert!(
            complaint(None, &[], &[(key::KEV_FEED, "ftp://x")]).starts_with("--kev-feed must begin with")
        );
    }

    #[test]
    fn a_token_is_not_shown() {
        let settings = typed(None, &[("PLIMSOLL_TOKEN", "secret")], &[]).expect("it is understood");
        assert_eq!(settings.server.token.as_deref(), Some("secret"));
        assert!(!format!("{settings:?}").contains("secret"));
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
    fn off_loopback_everybody_is_asked_unless_told_otherwise() {
        let mode =
            |flags: &[(&'static str, &str)]| typed(None, &[], flags).map(|settings| settings.authentication);
        let everywhere = (key::LISTEN, "0.0.0.0:5000");
        let open_to_all = (key::OPEN_TO_ALL, "true");
        let (off, required) = ((key::AUTHENTICATION, "off"), (key::AUTHENTICATION, "required"));
        assert_eq!(mode(&[]).unwrap(), Mode::WhenConfigured);
        assert_eq!(mode(&[(key::LISTEN, "[::1]:5000")]).unwrap(), Mode::WhenConfigured);
        assert_eq!(mode(&[off]).unwrap(), Mode::Off);
        assert_eq!(mode(&[required]).unwrap(), Mode::Required);
        assert_eq!(mode(&[everywhere]).unwrap(), Mode::Required);
        assert_eq!(mode(&[everywhere, open_to_all]).unwrap(), Mode::Off);
        assert_eq!(mode(&[everywhere, open_to_all, required]).unwrap(), Mode::Required);
        assert_eq!(mode(&[everywhere, open_to_all, off]).unwrap(), Mode::Off);
        let refusal = complaint(None, &[], &[everywhere, off]);
        assert!(refusal.contains("--serve-anyone-without-tls-or-authentication"), "{refusal}");
        assert!(complaint(None, &[], &[(key::AUTHENTICATION, "on")]).contains("must be off or required"));
    }

    #[test]
    fn an_identity_provider_needs_an_audience() {
        let issuer = (key::OIDC_ISSUER, "https://login.example");
        let complete = [issuer, (key::OIDC_AUDIENCE, "plimsoll, other")];
        let oidc = typed(None, &[], &complete).unwrap().oidc.unwrap();
        assert_eq!(oidc.audiences, ["plimsoll", "other"]);
        assert_eq!((oidc.name_claim.as_str(), oidc.groups_claim.as_str()), ("preferred_username", "groups"));
        assert!(complaint(None, &[], &complete[..1]).contains("without oidc_audience"));
        assert!(complaint(None, &[], &complete[1..]).contains("without the issuer"));
    }
}
