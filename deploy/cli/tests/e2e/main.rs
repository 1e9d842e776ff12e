//! The binary, end to end: real processes, real files, real sockets, and what must hold of them.
//!
//! Owns the scenarios of the command line, of HTTP, of sudden death and of forged exports. Refuses to look inside:
//! every assertion is about what a person, a program or an auditor sees.
#![allow(clippy::unwrap_used)]

mod acknowledged;
mod books;
/// The brokers, as the log's own tests know them.
#[path = "../../../../ingest/log/tests/kafka/brokers.rs"]
#[allow(dead_code)]
mod brokers;
mod cli;
mod cluster;
mod collector;
mod crash;
mod full_disk;
mod http;
mod jobs;
mod kafka;
mod kindred;
mod load;
mod logs;
mod node;
mod snapshots;
mod struck;
mod tamper;
mod telemetry;
mod voice;
mod way;
mod workers;
