//! `cairn snapshot list|verify`: what a restart would begin with, and whether it may.
//!
//! Owns the picture of both. Refuses to change anything: a node saves its snapshots and deletes the old ones.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout, reader, stores},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_log::EventLog;
use cairn_processors::runner::{Finding, Kept, Pool, RunError, SnapshotCheck, Snapshots, verify_snapshots};
use cairn_schemas::{StateHash, Timestamp};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Look at the snapshots that a restart begins with
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn snapshot list\n  cairn snapshot verify --dir ledger")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Each snapshot: partition, height, state hash, bytes, and when it was saved. A node may be running
    #[command(after_help = "Examples:\n  cairn snapshot list\n  cairn snapshot list --dir ledger --format json")]
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Fold the journal from its beginning and compare each snapshot with it; exit 3 if one differs
    #[command(
        after_help = "Examples:\n  cairn snapshot verify\n  cairn snapshot verify --dir ledger --format json\n  cairn snapshot verify --archive s3://bucket/prefix"
    )]
    Verify {
        /// Fold the journal from the archive at this URL or in this folder; a node may be running
        #[arg(long, value_name = "URL")]
        archive: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    if !layout.root().is_dir() {
        return Err(Failure::usage(format!("{} is no folder; name the node's folder with --dir", layout.root().display())));
    }
    let snapshots = stores::snapshots(&Config::load_or_default(layout)?, layout)?;
    let all = snapshots.list_all().await.map_err(|error| Failure::new(Exit::Failed, error.code(), error))?;
    match args.command {
        Command::List { format } => list(&snapshots, &all, format).await,
        Command::Verify { archive, format } => {
            let log = match &archive {
                Some(url) => stores::archived(url).await?,
                None => reader::log(layout).await?,
            };
            verify(&snapshots, &all, format, log).await
        }
    }
}

async fn list(snapshots: &Snapshots, all: &[Kept], format: Format) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for kept in all {
        let state = match snapshots.load(kept, Pool::Threads).await {
            Ok(snapshot) => hash(snapshot.state.hash().ok(), format),
            Err(RunError::SnapshotDamaged { .. }) => json!("damaged"),
            Err(error) => return Err(failed(error)),
        };
        rows.push(row(kept, ("state", state)));
    }
    render::rows(&rows, format).map_err(|error| anyhow::Error::from(error).into())
}

async fn verify(snapshots: &Snapshots, all: &[Kept], format: Format, log: Arc<dyn EventLog>) -> Result<(), Failure> {
    let mut checks = Vec::new();
    for partition in all.iter().map(|kept| kept.partition).collect::<BTreeSet<_>>() {
        checks.extend(verify_snapshots(log.clone(), partition, snapshots, Pool::Threads).await.map_err(stores::unverified)?);
    }
    let rows: Vec<Row> = checks.iter().map(|check| checked(check, format)).collect();
    render::rows(&rows, format).map_err(anyhow::Error::from)?;
    let mut bad = checks.iter().filter(|check| check.finding != Finding::Met);
    match bad.next() {
        None => Ok(()),
        Some(first) => {
            let (count, key, finding) = (1 + bad.count(), &first.kept.key, first.finding.text());
            Err(Failure::new(Exit::Unverified, "CRN-5203", anyhow!("{count} of {} snapshots; the first: {key} ({finding})", checks.len())))
        }
    }
}

fn row(kept: &Kept, last: (&str, Value)) -> Row {
    let saved = Timestamp::from_millis(kept.saved).map(|saved| saved.to_string());
    Row::of([
        ("partition", json!(kept.partition)),
        ("height", json!(kept.height)),
        ("bytes", json!(kept.size)),
        ("saved", json!(saved)),
        last,
    ])
}

fn checked(check: &SnapshotCheck, format: Format) -> Row {
    Row::of([
        ("partition", json!(check.kept.partition)),
        ("height", json!(check.kept.height)),
        ("finding", json!(check.finding.text())),
        ("state", hash(check.says, format)),
        ("folded", hash(check.folded, format)),
    ])
}

/// Programs get the whole hash, people enough of it to compare.
fn hash(hash: Option<StateHash>, format: Format) -> Value {
    match format {
        Format::Table => json!(hash.map(|hash| hash.short())),
        _ => json!(hash),
    }
}

fn failed(error: RunError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Failed, code, error)
}
