//! The conveyor: from a pushed image, or a target on the command line, to a verdict.
//!
//! ```text
//! target ─ source ─┐
//!                  ├→ sandbox (probe) → merge → match → assess ─→ report   (command line)
//! job ─── worker ──┘                                        └──→ verdict   (server)
//! feed ── feeds ───→ advisory database ──→ rematch
//! ```
//!
//! Bytes of images pass through here and are never understood here, but for manifests and configurations, which are small:
//! the [`sandbox`] hands them to the probe. It knows no SQL, no route and no status code of ours.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod advisories;
mod artifact;
mod assess;
mod attach;
mod client;
mod clock;
mod error;
mod explain;
mod exploits;
mod feeds;
mod flight;
mod notify;
mod pipeline;
pub mod report;
pub mod sandbox;
mod schedule;
mod source;
mod worker;

pub use advisories::{Advisories, AdvisoryHandle};
pub use assess::verdict_state;
pub use attach::{AttachedSbom, attach_sbom};
pub use client::{ClientOptions, CredentialFiles, Credentials, FetchedManifest, RegistryClient, Secret};
pub use clock::{Clock, system as system_clock};
pub use error::{Error, ErrorKind, Result, in_one_line};
pub use explain::{Explanation, Story, Told, explain};
pub use exploits::ExploitFeeds;
pub use feeds::{
    Change, EcosystemStatus, FeedEvent, FeedLocation, FeedProgress, FeedStatus, Feeds, Imported,
    PublisherFeed, PublisherStatus, Pushed, RegistryAccess, UpdateOptions, Updated,
};
pub use notify::{Notifier, NotifySettings, Reach, Shapes, TellAssessment, TellFinding};
pub use pipeline::{ScanEvent, ScanProgress, scan_target};
pub use plimsoll_advisory::publishers::Publisher;
pub use plimsoll_advisory::vex::Vex;
pub use plimsoll_types::coverage::Coverage;
pub use report::Report;
pub use sandbox::{Input, Sandbox};
pub use schedule::{ScheduleSettings, run as run_schedule};
pub use source::{SourceOptions, Target, parse_platform, this_machine};
pub use worker::{EventLog, ImportLimits, Worker, WorkerSettings};

/// What registries and feeds are told that we are.
const USER_AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));
