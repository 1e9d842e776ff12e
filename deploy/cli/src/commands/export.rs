//! `cairn export --to URL`: a range of the history with everything an auditor needs to check it offline.
//!
//! Owns where the checkpoint and its key come from. Refuses to write over anything: the target is empty or new.

use crate::{
    afar::{self, Afar},
    exit::{Exit, Failure},
    node::{keys, layout::Layout, live::Live, reader},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_log::EventLog;
use cairn_projections::{
    SignedCheckpoint,
    checkpoint::{CheckpointError, CheckpointFiles, Signing},
    export::{ExportError, Request, Target, export},
};
use clap::Parser;
use serde_json::json;
use std::sync::Arc;

/// Write a range of the history with its proofs, for an auditor
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn export --to out                       everything under the newest checkpoint
  cairn export --to out --first 0 --last 99   the first hundred leaves
  cairn verify out --trust cairn-data/checkpoint.vkey")]
pub struct Args {
    /// A new or empty folder, or an object store's URL
    #[arg(long, value_name = "URL")]
    to: String,
    #[arg(long, default_value_t = 0)]
    partition: u32,
    /// First leaf
    #[arg(long)]
    first: Option<u64>,
    /// Last leaf
    #[arg(long)]
    last: Option<u64>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let target = Target::parse(&args.to).map_err(failed)?;
    let key = keys::read(&layout.key("checkpoint"))?;
    let files = Arc::new(CheckpointFiles::open(layout.root()).map_err(unsigned)?);
    let (log, checkpoint) = match Live::find(layout).await {
        Some((_, client)) => {
            // The checkpoint first: the journal as it is read afterwards holds all that it covers.
            let checkpoint = newest(&files, args.partition)?;
            (Arc::new(Afar::new(client, args.partition)) as Arc<dyn EventLog>, checkpoint)
        }
        None => {
            // Nobody else signs what was decided last.
            let log = reader::log(layout).await?;
            Signing::new(files.clone(), log.clone(), args.partition, key.clone()).advance().await.map_err(unsigned)?;
            (log, newest(&files, args.partition)?)
        }
    };
    let range = match (args.first, args.last) {
        (None, None) => None,
        (first, last) => Some(first.unwrap_or(0)..=last.unwrap_or(checkpoint.size.saturating_sub(1))),
    };
    let bar = render::bar(1, "exporting");
    let mut progress = |at: cairn_projections::export::Progress| {
        bar.set_length(at.of);
        bar.set_position(at.done);
    };
    let manifest = export(log, &Request { checkpoint, range, key }, &target, &mut progress).await.map_err(failed)?;
    bar.finish_and_clear();
    let row = Row::of([
        ("to", json!(args.to)),
        ("partition", json!(manifest.partition)),
        ("first", json!(manifest.first())),
        ("last", json!(manifest.last())),
        ("size", json!(manifest.checkpoint.size)),
        ("root", json!(manifest.checkpoint.root)),
        ("files", json!(manifest.files.len())),
    ]);
    render::rows(&[row], args.format).map_err(|error| anyhow::Error::from(error).into())
}

fn newest(files: &CheckpointFiles, partition: u32) -> Result<SignedCheckpoint, Failure> {
    files.latest(partition).ok_or_else(|| Failure::new(Exit::Failed, "CRN-6201", anyhow!("partition {partition} has no checkpoint yet")))
}

fn failed(error: ExportError) -> Failure {
    afar::failed(error.code(), error)
}

fn unsigned(error: CheckpointError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Failed, code, error)
}
