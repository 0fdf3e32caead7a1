//! The command line: what can be typed, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_types::Severity;

use crate::config::key;

/// A registry that knows which of its images are fit to sail.
#[derive(Parser)]
#[command(
    name = "plimsoll",
    version,
    about = "A container registry that finds the known vulnerabilities of every image as it is pushed.",
    after_help = "First steps:\n  plimsoll serve                                registry, scanner and API on 127.0.0.1:5000\n  \
                  skopeo copy docker://alpine docker://127.0.0.1:5000/alpine --dest-tls-verify=false\n  \
                  plimsoll scan docker://127.0.0.1:5000/alpine  the verdict as a table\n\n\
                  Exit status: 0 done; 1 `scan --fail-on` found what it was told to fail on; 2 an error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Args)]
pub(crate) struct Common {
    /// Settings file in TOML [default: ~/.config/plimsoll/plimsoll.toml, /etc/plimsoll/plimsoll.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for the database, the blobs and the advisories [env: PLIMSOLL_DATA] [default: ~/.local/share/plimsoll]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// Where advisories come from, in the layout of the OSV bucket: https://…, http://… or file:DIR [env: PLIMSOLL_FEED] [default: OSV's public bucket]
    #[arg(long, global = true, value_name = "URL")]
    feed: Option<String>,
    /// Only these ecosystems of the feed, separated by commas: Debian,Alpine,npm [env: PLIMSOLL_ECOSYSTEMS] [default: all that it has]
    #[arg(long, global = true, value_name = "LIST")]
    ecosystems: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter such as plimsoll_scan=debug [env: PLIMSOLL_LOG] [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look: text or json [env: PLIMSOLL_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Scan even where this machine cannot build a wall that the probe needs; `plimsoll doctor` shows which [env: PLIMSOLL_ALLOW_MISSING_WALLS]
    #[arg(long, global = true)]
    allow_missing_walls: bool,
    /// How many layers are read at once [env: PLIMSOLL_WORKERS] [default: one for each core]
    #[arg(long, global = true, value_name = "N")]
    workers: Option<String>,
}

/// What can be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the registry, the scanner and the API
    Serve(Box<Serve>),
    /// Find the known vulnerabilities of an image, without a server
    Scan(Scan),
    /// The advisory database: bring it up to date, or see what it knows
    #[command(subcommand)]
    Db(Db),
    /// Versions as their ecosystems order them
    #[command(subcommand)]
    Version(Version),
    /// Check that what is stored is whole: every row has its bytes, every image its verdict or its job
    Fsck(Kept),
    /// Try the walls around the probe, and say which stand on this machine
    Doctor,
}

/// Where everything is kept.
#[derive(Args)]
pub(crate) struct Kept {
    /// Database: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME [env: PLIMSOLL_DATABASE] [default: sqlite:DATA/plimsoll.db]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Blob store: file:DIR, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX; keys come from the cloud's usual variables [env: PLIMSOLL_BLOBS] [default: file:DATA/blobs]
    #[arg(long, value_name = "URL")]
    blobs: Option<String>,
    /// Name of this process among those that share a database [env: PLIMSOLL_NODE] [default: plimsoll]
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

/// Flags of `serve`.
#[derive(Args)]
pub(crate) struct Serve {
    /// Address and port to listen on [env: PLIMSOLL_LISTEN] [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    kept: Kept,
    /// Minutes between two updates of the advisories [env: PLIMSOLL_FEED_INTERVAL] [default: 360]
    #[arg(long, value_name = "MINUTES")]
    feed_interval: Option<String>,
    /// Subscription that the registry belongs to, a GUID [env: PLIMSOLL_SUBSCRIPTION] [default: 00000000-0000-0000-0000-000000000000]
    #[arg(long, value_name = "GUID")]
    subscription: Option<String>,
    /// Resource group of the registry [env: PLIMSOLL_RESOURCE_GROUP] [default: plimsoll]
    #[arg(long, value_name = "NAME")]
    resource_group: Option<String>,
    /// Name of the registry in resource ids [env: PLIMSOLL_REGISTRY] [default: local]
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
    /// Name by which clients reach the registry, as findings show it [env: PLIMSOLL_REGISTRY_HOST] [default: the address of --listen]
    #[arg(long, value_name = "HOST")]
    registry_host: Option<String>,
    /// PEM file with the certificate for TLS and those that lead to its authority; read again when it changes or on SIGHUP [env: PLIMSOLL_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// PEM file with the key of --tls-cert [env: PLIMSOLL_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// dev: speak TLS with a certificate of an authority that is made in DATA/tls, for development; off: plain HTTP [env: PLIMSOLL_TLS] [default: off, or the files of --tls-cert and --tls-key]
    #[arg(long, value_name = "MODE")]
    tls: Option<String>,
    /// The most connections at once; more wait until one ends [env: PLIMSOLL_MAX_CONNECTIONS] [default: 10000]
    #[arg(long, value_name = "N")]
    max_connections: Option<String>,
    /// Believe X-Forwarded-Host and X-Forwarded-Proto: only behind a proxy that sets them [env: PLIMSOLL_TRUST_FORWARDED_HEADERS]
    #[arg(long)]
    trust_forwarded_headers: bool,
    /// Listen where others can connect although anyone there may then read, push and delete [env: PLIMSOLL_SERVE_ANYONE_WITHOUT_TLS_OR_AUTHENTICATION]
    #[arg(long)]
    serve_anyone_without_tls_or_authentication: bool,
}

/// Flags of `scan`.
#[derive(Args)]
#[command(after_help = "Targets:\n  \
    docker://HOST/REPOSITORY:TAG   an image in a registry; credentials come from docker's config.json\n  \
    oci-dir:DIR[:TAG]              an OCI image layout\n  \
    oci-archive:FILE[:TAG]         an OCI image layout in a tar file\n  \
    docker-archive:FILE[:TAG]      what `docker save` writes\n  \
    rootfs:DIR                     a root file system\n  \
    sbom:FILE                      an SBOM in CycloneDX JSON\n\n\
    The JSON is described in docs/scan-json.md.")]
pub(crate) struct Scan {
    /// What to scan
    pub(crate) target: String,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Exit with status 1 if a finding is at least this severe: low, medium, high or critical
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// Which image of an index, such as linux/arm64 [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Speak plain HTTP to registries beyond this machine
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Write the answer to a file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Do not fetch advisories even if there are none yet
    #[arg(long)]
    pub(crate) offline: bool,
}

/// The forms of an answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Table,
    /// For a program; see docs/scan-json.md
    Json,
    /// The inventory as CycloneDX 1.6 JSON
    Cyclonedx,
}

/// What can be done with the advisory database.
#[derive(Subcommand)]
pub(crate) enum Db {
    /// Fetch what is new from the feed
    Update {
        /// Take everything anew, and believe a feed that has shrunk
        #[arg(long)]
        full: bool,
    },
    /// What is known, and how old it is
    Status {
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
}

/// The forms of a short answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlainFormat {
    /// For a person
    Table,
    /// For a program
    Json,
}

/// What can be done with versions.
#[derive(Subcommand)]
pub(crate) enum Version {
    /// Print <, = or > for two versions, or for each pair on stdin
    #[command(after_help = "Examples:\n  plimsoll version compare Debian 1.0~rc1 1.0\n  \
        printf '1.0\\t1.0.post1\\n' | plimsoll version compare PyPI -")]
    Compare {
        /// An ecosystem of the OSV schema: Debian, Alpine, npm, Go, PyPI, crates.io, …
        ecosystem: String,
        /// The first version, or - to read pairs from stdin, tab-separated, a line each
        #[arg(allow_hyphen_values = true)]
        a: String,
        /// The second version
        #[arg(allow_hyphen_values = true)]
        b: Option<String>,
    },
}

impl Cli {
    /// The settings among the flags, as the configuration wants them.
    pub(crate) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        let switch = |on: bool| on.then(|| "true".to_owned());
        let common = &self.common;
        let mut flags = vec![
            (key::DATA, common.data.clone()),
            (key::FEED, common.feed.clone()),
            (key::ECOSYSTEMS, common.ecosystems.clone()),
            (key::LOG, common.log.clone()),
            (key::LOG_FORMAT, common.log_format.clone()),
            (key::ALLOW_MISSING_WALLS, switch(common.allow_missing_walls)),
            (key::WORKERS, common.workers.clone()),
        ];
        if let Command::Serve(serve) = &self.command {
            flags.extend([
                (key::LISTEN, serve.listen.clone()),
                (key::FEED_INTERVAL, serve.feed_interval.clone()),
                (key::SUBSCRIPTION, serve.subscription.clone()),
                (key::RESOURCE_GROUP, serve.resource_group.clone()),
                (key::REGISTRY, serve.registry.clone()),
                (key::REGISTRY_HOST, serve.registry_host.clone()),
                (key::TLS, serve.tls.clone()),
                (key::TLS_CERT, serve.tls_cert.clone()),
                (key::TLS_KEY, serve.tls_key.clone()),
                (key::MAX_CONNECTIONS, serve.max_connections.clone()),
                (key::TRUST_FORWARDED, switch(serve.trust_forwarded_headers)),
                (key::OPEN_TO_ALL, switch(serve.serve_anyone_without_tls_or_authentication)),
            ]);
        }
        let kept = match &self.command {
            Command::Serve(serve) => Some(&serve.kept),
            Command::Fsck(kept) => Some(kept),
            _ => None,
        };
        if let Some(kept) = kept {
            flags.extend([
                (key::DATABASE, kept.database.clone()),
                (key::BLOBS, kept.blobs.clone()),
                (key::NODE, kept.node.clone()),
            ]);
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
