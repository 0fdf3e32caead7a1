//! The distribution specification as this registry keeps it, rule by rule, over a store of SQLite and a folder.

#![allow(clippy::unwrap_used)]

mod access;
mod app;
mod connections;
mod discovery;
mod management;
mod protocol;
mod pull;
mod push_blobs;
mod push_manifests;
