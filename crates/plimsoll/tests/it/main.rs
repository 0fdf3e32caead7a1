//! The command as its users meet it: the real process, real clients, real servers.

mod access;
mod azure;
mod clients;
mod command;
mod exchange;
mod kill;
mod server;
mod story;
mod tls;
mod verdicts;
