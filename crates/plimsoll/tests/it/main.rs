//! The command as its users meet it: the real process, real clients, real servers.

mod azure;
mod clients;
mod command;
mod kill;
mod server;
mod tls;
mod verdicts;
