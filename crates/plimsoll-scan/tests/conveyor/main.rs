//! The conveyor with all its parts in place: a real probe, a real store, feeds in folders and on servers of their own.

#![allow(clippy::unwrap_used)]

mod attached;
mod carry;
mod feed;
mod feeds;
mod gate;
mod import;
mod notify;
mod registry;
mod scan;
mod shelf;
mod triggers;
mod web;
mod worker;

use std::path::PathBuf;

use plimsoll_scan::Sandbox;
use plimsoll_types::probe::Limits;

/// A sandbox over this crate's own probe. Where this machine cannot build a wall, that is not what is tested here.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(Limits::default(), true, 2).with_program(probe())
}

/// `examples/probe.rs`, which cargo builds beside the tests.
fn probe() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let probe = test.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(
        probe.exists(),
        "{} is missing; run all tests of the crate once, without --test",
        probe.display()
    );
    probe
}
