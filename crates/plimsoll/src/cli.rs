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
    /// Where advisories come from: https://…, http://… or file:DIR in the layout of the OSV bucket, or oci://HOST/REPOSITORY:TAG where `plimsoll db push` put them [env: PLIMSOLL_FEED] [default: OSV's public bucket]
    #[arg(long, global = true, value_name = "URL")]
    feed: Option<String>,
    /// Take advisories of an oci:// feed only if they are signed with the key to this Ed25519 public key (PEM) [env: PLIMSOLL_FEED_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    feed_key: Option<String>,
    /// Publishers' own feeds beside it, separated by commas: debian,alpine=https://mirror.example/secdb; `none` for none [env: PLIMSOLL_PUBLISHERS] [default: those of distributions where the feed is the public one, else none]
    #[arg(long, global = true, value_name = "LIST")]
    publishers: Option<String>,
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
    /// Leave out packages that only an SBOM names which lies in the image itself [env: PLIMSOLL_IGNORE_EMBEDDED_SBOMS]
    #[arg(long, global = true)]
    ignore_embedded_sboms: bool,
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
    /// The whole story of one verdict: which package, where from, which advisory, what was compared, who decided
    Explain(Explain),
    /// List all packages of an image as an SBOM, without a server and without advisories
    Sbom(Sbom),
    /// The advisory database: bring it up to date, see what it knows, carry it to another machine
    #[command(subcommand)]
    Db(Db),
    /// Versions as their ecosystems order them
    #[command(subcommand)]
    Version(Version),
    /// Tokens: what programs (and people) log in with
    Token(Tokens),
    /// Users: people who log in with a password
    User(Users),
    /// Roles: who may do what, and where
    Role(Roles),
    /// Check that what is stored is whole: every row has its bytes, every image its verdict or its job
    Fsck(Kept),
    /// What web hooks and automations were told, what waits, and what was given up
    Deliveries(Deliveries),
    /// Who did what in the registry, and who logged in: the resource logs that are kept
    Logs(Logs),
    /// Ask with KQL, as Azure Resource Graph does: the store of this machine, or a server with --server
    Query(Query),
    /// Try the walls around the probe, and say which stand on this machine
    Doctor,
    /// How the scans of a server's registry go
    Scans(Scans),
    /// Ask a server to scan images again
    Rescan(Rescan),
    /// Copy an image from another registry into a server's
    Import(Import),
    /// What a server has charged: one charge for each image ever scanned
    Meter(Meter),
}

/// The server and registry that a command speaks of.
#[derive(Args)]
pub(crate) struct Remote {
    /// Address of the server; the token comes from PLIMSOLL_TOKEN [env: PLIMSOLL_SERVER] [default: http://127.0.0.1:5000]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// PEM file of the authority of the server's certificate [env: PLIMSOLL_SERVER_CA] [default: those of the system]
    #[arg(long, value_name = "FILE")]
    server_ca: Option<String>,
    /// Subscription of the registry [env: PLIMSOLL_SUBSCRIPTION]
    #[arg(long, value_name = "GUID")]
    subscription: Option<String>,
    /// Resource group of the registry [env: PLIMSOLL_RESOURCE_GROUP] [default: plimsoll]
    #[arg(long, value_name = "NAME")]
    resource_group: Option<String>,
    /// Name of the registry in resource ids [env: PLIMSOLL_REGISTRY] [default: local]
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
}

/// Flags of `scans`.
#[derive(Args)]
pub(crate) struct Scans {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Only this repository
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Option<String>,
    /// Only scans in this state: Queued, Running, Done, Failed, Unsupported, TooLarge, AwaitingAdvisories, NotCovered
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
    pub(crate) format: PlainFormat,
}

/// Flags of `rescan`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plimsoll rescan team/app:1\n  plimsoll rescan team/app\n  plimsoll rescan --all"
)]
pub(crate) struct Rescan {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// What to scan again: REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) image: Option<String>,
    /// Every image of the registry
    #[arg(long)]
    pub(crate) all: bool,
}

/// Flags of `import`.
#[derive(Args)]
#[command(after_help = "Examples:\n  plimsoll import docker.io/library/alpine:3.20 base/alpine:3.20\n  \
    plimsoll import registry.example/team/app@sha256:… team/app:1 --force --username ann --password-stdin < secret")]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The image to copy: HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST
    pub(crate) source: String,
    /// Its name here: REPOSITORY:TAG; without a tag, the source's
    pub(crate) target: String,
    /// Move the tag if it is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// User of the source registry
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(crate) username: Option<String>,
    /// Read the password of the source registry from stdin
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Flags of `query`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plimsoll query \"securityresources | where type == 'microsoft.security/assessments/subassessments' \\\n    | summarize count() by severity = tostring(properties.status.severity)\"\n  plimsoll query - < which-images.kql\n\nThe tables are resources, resourcecontainers and securityresources."
)]
pub(crate) struct Query {
    /// The query; `-` reads it from the standard input
    #[arg(value_name = "KQL")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Ask this server in place of the store; the token comes from PLIMSOLL_TOKEN [env: PLIMSOLL_SERVER]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// PEM file of the authority of the server's certificate [env: PLIMSOLL_SERVER_CA] [default: those of the system]
    #[arg(long, value_name = "FILE")]
    server_ca: Option<String>,
    /// The most rows to show
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) limit: u64,
    /// How to answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
    pub(crate) format: PlainFormat,
    /// Of the store's findings, those of the older recommendation too [env: PLIMSOLL_GRAPH_BOTH_GENERATIONS]
    #[arg(long)]
    graph_both_generations: bool,
}

/// Flags of `meter`.
#[derive(Args)]
pub(crate) struct Meter {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Only this month: 2026-11
    #[arg(long, value_name = "MONTH")]
    pub(crate) month: Option<String>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = MeterFormat::Table)]
    pub(crate) format: MeterFormat,
}

/// The forms of the meter.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MeterFormat {
    /// For a person
    Table,
    /// For a program
    Json,
    /// For a spreadsheet
    Csv,
}

/// Where everything is kept.
#[derive(Args)]
pub(crate) struct Kept {
    /// Database: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME [env: PLIMSOLL_DATABASE] [default: sqlite:DATA/plimsoll.db]
    #[arg(long, global = true, value_name = "URL", help_heading = "Store")]
    database: Option<String>,
    /// Blob store: file:DIR, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX; keys come from the cloud's usual variables [env: PLIMSOLL_BLOBS] [default: file:DATA/blobs]
    #[arg(long, global = true, value_name = "URL", help_heading = "Store")]
    blobs: Option<String>,
    /// Name of this process among those that share a database [env: PLIMSOLL_NODE] [default: plimsoll]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Store")]
    node: Option<String>,
}

/// Flags of `logs`.
#[derive(Args)]
#[command(after_help = "Examples:\n  plimsoll logs --operation Pull --repository team/app\n  \
    plimsoll logs --table login --since 2026-11-01T00:00:00Z --format json")]
pub(crate) struct Logs {
    #[command(flatten)]
    kept: Kept,
    /// Which of the two
    #[arg(long, value_enum, default_value_t = LogTable::Repository)]
    pub(crate) table: LogTable,
    /// The newest so many, the oldest of them first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Only events at this instant or later: 2026-11-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) since: Option<String>,
    /// Only events before this instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: Option<String>,
    /// Only events of the registry of this name
    #[arg(long = "registry", value_name = "NAME")]
    pub(crate) of_registry: Option<String>,
    /// Only events of this repository
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Option<String>,
    /// Only this operation: Push, Pull, Untag, Delete, Login
    #[arg(long, value_name = "NAME")]
    pub(crate) operation: Option<String>,
    /// Only what this principal did
    #[arg(long, value_name = "GUID")]
    pub(crate) identity: Option<String>,
    /// How to answer; JSON comes a line an event, with all columns
    #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
    pub(crate) format: PlainFormat,
}

/// The tables of resource logs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogTable {
    /// What happened in repositories (ContainerRegistryRepositoryEvents)
    Repository,
    /// Who logged in, or tried to (ContainerRegistryLoginEvents)
    Login,
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
    /// What the host names of further registries end with [env: PLIMSOLL_LOGIN_SERVER_SUFFIX] [default: the registry host, or localhost where that is an address]
    #[arg(long, value_name = "HOST[:PORT]")]
    login_server_suffix: Option<String>,
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
    /// Attach its SBOM to each image that is scanned, as a referrer: cyclonedx, spdx or off [env: PLIMSOLL_ATTACH_SBOMS] [default: off]
    #[arg(long, value_name = "FORMAT")]
    attach_sboms: Option<String>,
    /// Where web hooks may be sent, a list of public, private, loopback and link-local [env: PLIMSOLL_WEBHOOK_TARGETS] [default: public,private]
    #[arg(long, value_name = "LIST")]
    webhook_targets: Option<String>,
    /// Ask every web hook of an automation first whether it wants to be told, as CloudEvents have it [env: PLIMSOLL_WEBHOOK_HANDSHAKE]
    #[arg(long)]
    webhook_handshake: bool,
    /// Where resource logs go as lines of JSON: off, stdout, or a file, which may be moved away at any time [env: PLIMSOLL_RESOURCE_LOG] [default: off]
    #[arg(long, value_name = "WHERE")]
    resource_log: Option<String>,
    /// For how many days resource logs are kept for `plimsoll logs` and queries; 0 keeps none [env: PLIMSOLL_RESOURCE_LOG_DAYS] [default: 30]
    #[arg(long, value_name = "DAYS")]
    resource_log_days: Option<String>,
    /// CISA's catalogue of exploited vulnerabilities: https://…, file:PATH or off [env: PLIMSOLL_KEV_FEED] [default: CISA's own address where --feed is the public one, else off]
    #[arg(long, value_name = "URL")]
    kev_feed: Option<String>,
    /// FIRST's exploit prediction scores: https://…, file:PATH or off [env: PLIMSOLL_EPSS_FEED] [default: the public address where --feed is the public one, else off]
    #[arg(long, value_name = "URL")]
    epss_feed: Option<String>,
    /// Days for which a pull keeps an image under watch [env: PLIMSOLL_PULL_WINDOW] [default: 30]
    #[arg(long, value_name = "DAYS")]
    pull_window: Option<String>,
    /// Days between two assessments of an image under watch [env: PLIMSOLL_REASSESS_EVERY] [default: 7]
    #[arg(long, value_name = "DAYS")]
    reassess_every: Option<String>,
    /// Days after its assessment for which an image's findings are kept where the plan is off [env: PLIMSOLL_KEEP_FINDINGS] [default: 30]
    #[arg(long, value_name = "DAYS")]
    keep_findings: Option<String>,
    /// For rehearsals of ageing, never in production: file with the time to add to the clock, such as 8d or 36h, read each second [env: PLIMSOLL_CLOCK_OFFSET_FILE]
    #[arg(long, value_name = "FILE")]
    clock_offset_file: Option<String>,
    /// required: everybody must log in; off: nobody is asked, and anyone may do anything [env: PLIMSOLL_AUTHENTICATION] [default: required where others can connect; on loopback, from the first token or user on]
    #[arg(long, value_name = "MODE")]
    authentication: Option<String>,
    /// Identity provider (OpenID Connect) whose tokens are taken: its address, as its tokens say it in `iss` [env: PLIMSOLL_OIDC_ISSUER]
    #[arg(long, value_name = "URL")]
    oidc_issuer: Option<String>,
    /// Audience (`aud`) that its tokens for this server have; several separated by commas [env: PLIMSOLL_OIDC_AUDIENCE]
    #[arg(long, value_name = "LIST")]
    oidc_audience: Option<String>,
    /// Believe X-Forwarded-Host, X-Forwarded-Proto and X-Forwarded-For: only behind a proxy that sets them [env: PLIMSOLL_TRUST_FORWARDED_HEADERS]
    #[arg(long)]
    trust_forwarded_headers: bool,
    /// Show findings in Resource Graph under the older recommendation too; queries that do not look at the assessment then count each twice [env: PLIMSOLL_GRAPH_BOTH_GENERATIONS]
    #[arg(long)]
    graph_both_generations: bool,
    /// Listen where others can connect although anyone there may then read, push and delete [env: PLIMSOLL_SERVE_ANYONE_WITHOUT_TLS_OR_AUTHENTICATION]
    #[arg(long)]
    serve_anyone_without_tls_or_authentication: bool,
}

/// How a target is opened.
#[derive(Args)]
pub(crate) struct Opening {
    /// Which image of an index, such as linux/arm64 [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Speak plain HTTP to registries beyond this machine
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// By what an image's packages are judged.
#[derive(Args)]
pub(crate) struct Judging {
    /// Do not fetch advisories even if there are none yet
    #[arg(long)]
    pub(crate) offline: bool,
    /// VEX document (OpenVEX, CSAF or CycloneDX) whose word on a vulnerability comes last; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<PathBuf>,
    /// Heed the VEX documents, too, that are attached to the image in its registry; whoever can push there can attach
    #[arg(long)]
    pub(crate) attached_vex: bool,
}

/// Flags of `scan`.
#[derive(Args)]
#[command(after_help = "Targets:\n  \
    docker://HOST/REPOSITORY:TAG   an image in a registry; credentials come from docker's config.json\n  \
    oci-dir:DIR[:TAG]              an OCI image layout\n  \
    oci-archive:FILE[:TAG]         an OCI image layout in a tar file\n  \
    docker-archive:FILE[:TAG]      what `docker save` writes\n  \
    rootfs:DIR                     a root file system\n  \
    sbom:FILE                      an SBOM: CycloneDX JSON, SPDX as JSON or tags, or Plimsoll's own\n\n\
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
    /// Exit with status 3 if not everything could be read and judged, whatever was found in the rest
    #[arg(long)]
    pub(crate) require_complete: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Write the answer to a file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judging: Judging,
}

/// Flags of `explain`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plimsoll explain alpine:3.20 CVE-2024-6387\n  plimsoll explain sbom:app.cdx.json GHSA-xxxx-yyyy-zzzz --format json"
)]
pub(crate) struct Explain {
    /// What to scan, as `scan` takes it
    pub(crate) target: String,
    /// The vulnerability or the advisory, by any of its names
    pub(crate) vulnerability: String,
    /// How to answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
    pub(crate) format: PlainFormat,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) judging: Judging,
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

/// Flags of `sbom`.
#[derive(Args)]
#[command(
    after_help = "Targets are those of `plimsoll scan`. `plimsoll scan sbom:FILE` reads each of the formats back and finds \
                        what it finds in the image itself.\n\n\
                        --attach needs the right to push to the image's repository; attaching the same again changes nothing."
)]
pub(crate) struct Sbom {
    /// What to list
    pub(crate) target: String,
    /// In which form
    #[arg(long, value_enum, default_value_t = SbomFormat::Cyclonedx)]
    pub(crate) format: SbomFormat,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Write the document to a file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Attach the document to the image in its registry, as a referrer
    #[arg(long, conflicts_with = "output")]
    pub(crate) attach: bool,
}

/// The forms of an SBOM.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// CycloneDX 1.6 JSON
    Cyclonedx,
    /// SPDX 2.3 JSON
    Spdx,
    /// Plimsoll's own, with all that is known; see docs/sbom.md
    Json,
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
    /// Write the database to a file for a machine without a network
    Export {
        /// The file
        file: PathBuf,
        /// Sign it with this Ed25519 private key (PEM, PKCS #8)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Take the database from a file that `export` wrote
    Import {
        /// The file
        file: PathBuf,
        /// Take it only if it is signed with the key to this Ed25519 public key (PEM)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Take it even if it is older than what is there
        #[arg(long)]
        force: bool,
    },
    /// Put the database into a registry, for machines that reach no feed
    #[command(
        after_help = "Examples:\n  plimsoll db push registry.example/plimsoll/advisories --key private.pem\n  \
        plimsoll db push 127.0.0.1:5000/plimsoll/advisories:2026-11\n\n\
        Credentials come from docker's config.json, as those of `scan` do."
    )]
    Push {
        /// Where: HOST/REPOSITORY:TAG
        #[arg(value_name = "HOST/REPOSITORY:TAG")]
        reference: String,
        /// Sign it with this Ed25519 private key (PEM, PKCS #8)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Speak plain HTTP to registries beyond this machine
        #[arg(long)]
        plain_http: bool,
    },
    /// Take the database from a registry where `push` put it
    #[command(
        after_help = "Examples:\n  plimsoll db pull registry.example/plimsoll/advisories --key public.pem\n\n\
        `plimsoll serve --feed oci://registry.example/plimsoll/advisories --feed-key public.pem` does so again and again."
    )]
    Pull {
        /// From where: HOST/REPOSITORY:TAG
        #[arg(value_name = "HOST/REPOSITORY:TAG")]
        reference: String,
        /// Take it only if it is signed with the key to this Ed25519 public key (PEM)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Take it even if it is older than what is there
        #[arg(long)]
        force: bool,
        /// Speak plain HTTP to registries beyond this machine
        #[arg(long)]
        plain_http: bool,
    },
    /// What is known, and how old it is
    Status {
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
}

/// What can be asked about deliveries.
#[derive(Args)]
pub(crate) struct Deliveries {
    #[command(subcommand)]
    pub(crate) command: DeliveriesCommand,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// What can be done with deliveries.
#[derive(Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// The newest deliveries
    List {
        /// Only those that are pending, done or dead
        #[arg(long, value_enum)]
        state: Option<State>,
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
    /// Send a delivery again, or all that were given up
    Replay {
        /// The delivery, by its id
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// All that were given up
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// How far a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// It waits, or is under way
    Pending,
    /// The receiver took it
    Done,
    /// It was given up
    Dead,
}

impl From<State> for plimsoll_store::DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Done => Self::Done,
            State::Dead => Self::Dead,
        }
    }
}

/// The forms of a short answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlainFormat {
    /// For a person
    Table,
    /// For a program
    Json,
}

/// What can be done with tokens.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    plimsoll token create ci --role AcrPush --scope registry:local\n  \
    plimsoll token create laptop --for ada --expires-in 90d\n  \
    plimsoll token create az --role Owner --scope / | tee token.txt\n  \
    plimsoll token revoke ci\n\n\
    A token is shown once, on stdout and alone, so that it can be piped. It works as a bearer token, as the password of \
    `docker login` (with any user name), and as IDENTITY_HEADER of `az login --identity`. From the first token or user on, a \
    server on loopback asks everybody too, unless `authentication` is `off`.")]
pub(crate) struct Tokens {
    #[command(flatten)]
    kept: Kept,
    #[command(subcommand)]
    pub(crate) command: Token,
}

/// A command on tokens.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token, and show it once
    Create {
        /// What the token is called; without --for also the name of the program that it speaks for
        name: String,
        /// The user or program that it speaks for [default: a new program of that name]
        #[arg(long = "for", value_name = "NAME")]
        principal: Option<String>,
        /// When it ends: 12h, 30d, 52w [default: never]
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
        #[command(flatten)]
        give: Give,
    },
    /// All tokens: whom they speak for, when they end, when they were last used
    List {
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
    /// End a token at once, and with it everything that was issued for it
    Revoke {
        /// Its number, or its name if no other has it
        token: String,
    },
}

/// What can be done with users.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    plimsoll user add ada --role Reader --scope /\n  \
    plimsoll user passwd ada < password.txt\n\n\
    A password is asked for on the terminal, or read from stdin; never from the command line, which others can see.")]
pub(crate) struct Users {
    #[command(flatten)]
    kept: Kept,
    #[command(subcommand)]
    pub(crate) command: User,
}

/// A command on users.
#[derive(Subcommand)]
pub(crate) enum User {
    /// Make a user
    Add {
        /// The name to log in with
        name: String,
        #[command(flatten)]
        give: Give,
    },
    /// Change a password; what was opened with the old one ends
    Passwd {
        /// Whose
        name: String,
    },
    /// All users
    List {
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
    /// Remove a user, with its tokens and roles
    Remove {
        /// Whom
        name: String,
    },
}

/// What can be done with roles.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    plimsoll role assign --role 'Security Reader' --scope / --principal ada\n  \
    plimsoll role assign --role AcrPull --scope registry:local/team/app --principal ci\n  \
    plimsoll role assign --role AcrPush --scope 'registry:local/team/*' --principal group:developers\n  \
    plimsoll role list --principal ada\n\n\
    Scopes:\n  \
    /                            everything\n  \
    /subscriptions/…             a subscription, a resource group or a resource, by its resource id\n  \
    registry:NAME                a registry\n  \
    registry:NAME/REPOSITORY     a repository; `…/team/*` is all that begin with team/\n\n\
    Principals:\n  \
    NAME                         a user or a program of this server\n  \
    GUID                         any principal, by its id\n  \
    oidc:SUBJECT, group:NAME     a user (by `sub`) or a group of the identity provider of the settings\n\n\
    Roles count at once, at their scope and everything below. `plimsoll role definitions` tells which there are.")]
pub(crate) struct Roles {
    #[command(flatten)]
    kept: Kept,
    #[command(subcommand)]
    pub(crate) command: Role,
}

/// A command on roles.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Give somebody a role
    Assign(Assign),
    /// Who has which role where
    List {
        /// Only what this one has
        #[arg(long, value_name = "PRINCIPAL")]
        principal: Option<String>,
        /// Only what counts at this scope or below it
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
        /// How to answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Table)]
        format: PlainFormat,
    },
    /// Take a role away: by the id of the assignment, or by role, scope and principal
    Remove {
        /// The id of the assignment
        #[arg(required_unless_present_any = ["role", "scope", "principal"])]
        id: Option<String>,
        /// The role's name or id
        #[arg(long, value_name = "ROLE", conflicts_with = "id", requires_all = ["scope", "principal"])]
        role: Option<String>,
        /// Where it was given
        #[arg(long, value_name = "SCOPE", conflicts_with = "id", requires_all = ["role", "principal"])]
        scope: Option<String>,
        /// From whom
        #[arg(long, value_name = "PRINCIPAL", conflicts_with = "id", requires_all = ["role", "scope"])]
        principal: Option<String>,
    },
    /// The roles that there are, and what each is for
    Definitions,
}

/// A role to be given.
#[derive(Args)]
pub(crate) struct Assign {
    /// The role's name or id: Owner, Reader, 'Security Reader', AcrPull, …
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// Where it counts
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: String,
    /// Who gets it
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) principal: String,
}

/// A role to be given to somebody new.
#[derive(Args)]
pub(crate) struct Give {
    /// Give this role too, by name or id [default: none, and then it may do nothing]
    #[arg(long, value_name = "ROLE", requires = "scope")]
    pub(crate) role: Option<String>,
    /// Where the role counts: /, /subscriptions/…, registry:NAME or registry:NAME/REPOSITORY
    #[arg(long, value_name = "SCOPE", requires = "role")]
    pub(crate) scope: Option<String>,
}

/// What can be done with versions.
#[derive(Subcommand)]
pub(crate) enum Version {
    /// Print <, = or > for two versions, or for each pair on stdin
    #[command(after_help = "Examples:\n  plimsoll version compare Debian 1.0~rc1 1.0\n  \
        printf '1.0\\t1.0.post1\\n' | plimsoll version compare PyPI -")]
    Compare {
        /// An ecosystem, with or without its release and in any case (Debian:12, alpine, npm, PyPI, Maven, …), or an order
        /// by its name (dpkg, rpm, semver, …)
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
            (key::FEED_KEY, common.feed_key.clone()),
            (key::ECOSYSTEMS, common.ecosystems.clone()),
            (key::PUBLISHERS, common.publishers.clone()),
            (key::LOG, common.log.clone()),
            (key::LOG_FORMAT, common.log_format.clone()),
            (key::ALLOW_MISSING_WALLS, switch(common.allow_missing_walls)),
            (key::IGNORE_EMBEDDED_SBOMS, switch(common.ignore_embedded_sboms)),
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
                (key::LOGIN_SERVER_SUFFIX, serve.login_server_suffix.clone()),
                (key::KEV_FEED, serve.kev_feed.clone()),
                (key::EPSS_FEED, serve.epss_feed.clone()),
                (key::PULL_WINDOW, serve.pull_window.clone()),
                (key::REASSESS_EVERY, serve.reassess_every.clone()),
                (key::KEEP_FINDINGS, serve.keep_findings.clone()),
                (key::CLOCK_OFFSET_FILE, serve.clock_offset_file.clone()),
                (key::TLS, serve.tls.clone()),
                (key::TLS_CERT, serve.tls_cert.clone()),
                (key::TLS_KEY, serve.tls_key.clone()),
                (key::MAX_CONNECTIONS, serve.max_connections.clone()),
                (key::ATTACH_SBOMS, serve.attach_sboms.clone()),
                (key::WEBHOOK_TARGETS, serve.webhook_targets.clone()),
                (key::WEBHOOK_HANDSHAKE, switch(serve.webhook_handshake)),
                (key::AUTHENTICATION, serve.authentication.clone()),
                (key::OIDC_ISSUER, serve.oidc_issuer.clone()),
                (key::OIDC_AUDIENCE, serve.oidc_audience.clone()),
                (key::RESOURCE_LOG, serve.resource_log.clone()),
                (key::RESOURCE_LOG_DAYS, serve.resource_log_days.clone()),
                (key::TRUST_FORWARDED, switch(serve.trust_forwarded_headers)),
                (key::GRAPH_BOTH, switch(serve.graph_both_generations)),
                (key::OPEN_TO_ALL, switch(serve.serve_anyone_without_tls_or_authentication)),
            ]);
        }
        if let Command::Query(query) = &self.command {
            flags.extend([
                (key::SERVER, query.server.clone()),
                (key::SERVER_CA, query.server_ca.clone()),
                (key::GRAPH_BOTH, switch(query.graph_both_generations)),
            ]);
        }
        let remote = match &self.command {
            Command::Scans(Scans { remote, .. })
            | Command::Rescan(Rescan { remote, .. })
            | Command::Import(Import { remote, .. })
            | Command::Meter(Meter { remote, .. }) => Some(remote),
            _ => None,
        };
        if let Some(remote) = remote {
            flags.extend([
                (key::SERVER, remote.server.clone()),
                (key::SERVER_CA, remote.server_ca.clone()),
                (key::SUBSCRIPTION, remote.subscription.clone()),
                (key::RESOURCE_GROUP, remote.resource_group.clone()),
                (key::REGISTRY, remote.registry.clone()),
            ]);
        }
        let kept = match &self.command {
            Command::Serve(serve) => Some(&serve.kept),
            Command::Fsck(kept) => Some(kept),
            Command::Deliveries(deliveries) => Some(&deliveries.kept),
            Command::Token(Tokens { kept, .. }) | Command::User(Users { kept, .. }) => Some(kept),
            Command::Role(Roles { kept, .. }) => Some(kept),
            Command::Logs(logs) => Some(&logs.kept),
            Command::Query(query) => Some(&query.kept),
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
