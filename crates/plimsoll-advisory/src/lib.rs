//! What is known to be wrong: advisories parsed, compiled into a memory-mapped database, and matched.
//!
//! The way of an advisory: the bytes of a feed ([`feed`]) hold records ([`osv`]); a [`Builder`] compiles them into
//! intervals of version sort keys and writes one immutable file; a [`Database`] maps that file; [`matching`] asks it what
//! affects a package version. Nothing here opens a socket, awaits or reads a clock: readers, paths and the time are handed in.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod database;
mod error;
pub mod exploits;
pub mod feed;
mod interval;
pub mod matching;
pub mod osv;
pub mod publishers;
pub mod severity;
pub mod vex;

pub use database::{Builder, Database};
pub use error::{Error, ErrorKind};
