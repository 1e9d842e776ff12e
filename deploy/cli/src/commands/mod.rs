//! The subcommands, one file each.
//!
//! Owns the list and the way to the node that a command speaks to. Refuses work of its own.

pub mod bench;
pub mod completions;
pub mod demo;
pub mod export;
pub mod found;
pub mod job;
pub mod keygen;
pub mod lag;
pub mod processor;
pub mod replay;
pub mod role;
pub mod say;
pub mod snapshot;
pub mod sql;
pub mod status;
pub mod submit;
pub mod topics;
pub mod up;
pub mod verify;
pub mod watch;
pub mod worker;

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{config::token, layout::Layout, live::Live, serve::Role},
};
use anyhow::anyhow;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a node on this machine
    Up(up::Args),
    /// Run the main job from nothing to a proven result
    Demo(demo::Args),
    /// Make or audit the topics of a log over Kafka
    Topics(topics::Args),
    /// Begin an instance on a shared log
    Found(found::Args),
    /// Take events, serve journal and blobs
    Gateway(role::Args),
    /// Decide what was said
    Processor(processor::Args),
    /// Fold tables, answer SQL, sign checkpoints
    Projector(role::Args),
    /// Run a worker against a node
    Worker(worker::Args),
    /// Make a key
    Keygen(keygen::Args),
    /// Check, explain or begin a job's YAML
    Job(job::Args),
    /// Sign and submit a training job
    Submit(submit::Args),
    /// Sign and say any event
    Say(say::Args),
    /// Show a job's progress
    Watch(watch::Args),
    /// Ask the ledger in SQL
    Sql(sql::Args),
    /// Write a range of the history with its proofs, for an auditor
    Export(export::Args),
    /// Verify an export offline
    Verify(verify::Args),
    /// Decide the whole journal again and compare
    Replay(replay::Args),
    /// List snapshots, or verify them against the journal
    Snapshot(snapshot::Args),
    /// What a node is doing
    Status(status::Args),
    /// How far each partition is behind
    Lag(lag::Args),
    /// Measure, beside a named peer or limit
    Bench(bench::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

pub async fn run(command: Command, dir: Option<PathBuf>) -> Result<(), Failure> {
    let usual = if matches!(command, Command::Demo(_)) { "cairn-demo" } else { "cairn-data" };
    let layout = Layout::new(dir.unwrap_or_else(|| usual.into()));
    match command {
        Command::Up(args) => up::run(args, &layout).await,
        Command::Demo(args) => demo::run(args, &layout).await,
        Command::Topics(args) => topics::run(args, &layout).await,
        Command::Found(args) => found::run(args, &layout).await,
        Command::Gateway(args) => role::run(Role::Gateway, args, None, &layout).await,
        Command::Processor(args) => processor::run(args, &layout).await,
        Command::Projector(args) => role::run(Role::Projector, args, None, &layout).await,
        Command::Worker(args) => worker::run(args, &layout).await,
        Command::Keygen(args) => keygen::run(&args, &layout),
        Command::Job(args) => job::run(&args),
        Command::Submit(args) => submit::run(args, &layout).await,
        Command::Say(args) => say::run(args, &layout).await,
        Command::Watch(args) => watch::run(args, &layout).await,
        Command::Sql(args) => sql::run(args, &layout).await,
        Command::Export(args) => export::run(args, &layout).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Replay(args) => replay::run(args, &layout).await,
        Command::Snapshot(args) => snapshot::run(args, &layout).await,
        Command::Status(args) => status::run(args, &layout).await,
        Command::Lag(args) => lag::run(args, &layout).await,
        Command::Bench(args) => bench::run(args, &layout).await,
        Command::Completions(args) => completions::run(&args),
    }
}

impl Command {
    /// The name of what a command runs on and on, which somebody may want to watch from afar.
    pub fn service(&self) -> Option<&'static str> {
        Some(match self {
            Command::Up(_) | Command::Demo(_) => "cairn",
            Command::Gateway(_) => "cairn-gateway",
            Command::Processor(_) => "cairn-processor",
            Command::Projector(_) => "cairn-projector",
            Command::Worker(_) => "cairn-worker",
            _ => return None,
        })
    }
}

/// The node that a writing command needs: the one at `url`, or the live one of the folder.
pub async fn node(url: Option<&str>, layout: &Layout) -> Result<Client, Failure> {
    if let Some(url) = url {
        let client = Client::new(url, token(layout)?.as_deref())?;
        return if client.is_alive().await { Ok(client) } else { Err(unreachable(&format!("node {url} does not answer"))) };
    }
    match Live::find(layout).await {
        Some((_, client)) => Ok(client),
        None => Err(unreachable(&format!("no node serves {}", layout.root().display()))),
    }
}

fn unreachable(what: &str) -> Failure {
    Failure::new(Exit::Unreachable, "CRN-1004", anyhow!("{what}"))
}
