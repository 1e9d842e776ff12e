//! `cairn replay --check`: folds the journal, verifies every author's signature and decides everything again.
//!
//! Owns the choice of partitions and the picture of the result. Refuses a folder in use, and changes nothing. An archive is replayed
//! while its node lives.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout, reader, stores},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_processors::runner::{ReplayOptions, ReplayReport, replay};
use clap::Parser;
use serde_json::json;

/// Decide the whole journal again and compare; exit 3 if anything differs
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn replay --check
  cairn replay --check --format json
  cairn replay --check --archive s3://bucket/prefix

Columns: signatures, of events, verified again · dispositions, records that were not admitted · unchecked, those of them whose records the log
has deleted since, so that their codes are not asked again · internal, events that were rejected because the decider panicked on them · void,
journal records that do not count (second copies, former owners) · state, the hash of the books at the end · problems, what did not agree")]
pub struct Args {
    /// Compare everything: signatures, verdicts, facts, roots, state hashes (what replay does; the flag says it aloud)
    #[arg(long)]
    check: bool,
    /// Replay the archive at this URL or in this folder, alone: neither log nor snapshots are looked at
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    if !args.check {
        return Err(Failure::usage("say --check: replay compares and changes nothing"));
    }
    let (log, snapshots) = match &args.archive {
        Some(url) => (stores::archived(url).await?, None),
        None => (reader::log(layout).await?, Some(stores::snapshots(&Config::load_or_default(layout)?, layout)?)),
    };
    let options = ReplayOptions { snapshots, ..ReplayOptions::default() };
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for partition in 0..log.partitions() {
        let bar = render::bar(1, &format!("journal {partition}"));
        let progress = |at: &cairn_processors::runner::ReplayProgress| {
            bar.set_length(at.end);
            bar.set_position(at.offset + 1);
        };
        let report = replay(log.clone(), partition, &options, progress).await.map_err(stores::unverified)?;
        bar.finish_and_clear();
        problems.extend(report.problems.iter().map(|problem| format!("journal[{partition}] block {}: {}", problem.height, problem.what)));
        rows.push(row(&report, args.format));
    }
    render::rows(&rows, args.format).map_err(anyhow::Error::from)?;
    match problems.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(Exit::Unverified, "CRN-3150", anyhow!("{} problems; the first: {first}", problems.len()))),
    }
}

/// Programs get the whole report, people its figures.
fn row(report: &ReplayReport, format: Format) -> Row {
    if format == Format::Json {
        return serde_json::to_value(report).and_then(serde_json::from_value).unwrap_or_default();
    }
    Row::of([
        ("partition", json!(report.partition)),
        ("blocks", json!(report.blocks)),
        ("decisions", json!(report.decisions)),
        ("signatures", json!(report.signatures)),
        ("dispositions", json!(report.dispositions)),
        ("unchecked", json!(report.unchecked)),
        ("internal", json!(report.rejected_internal)),
        ("void", json!(report.void.values().sum::<u64>())),
        ("state", json!(report.state_hash.map(|hash| hash.short()))),
        ("problems", json!(report.problem_count)),
    ])
}
