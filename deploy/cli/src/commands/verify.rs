//! `cairn verify FOLDER --trust …`: checks an export offline, against an anchor from outside of it.
//!
//! Owns the exits: 0 only with a trust anchor, 5 without one, 3 for what does not hold. Refuses the network.

use crate::{
    exit::{Exit, Failure},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_projections::verify::{CHECKS, Memory, Outcome, Report, Trust, VerifyError, verify};
use clap::Parser;
use serde_json::json;
use std::{io::Write, path::PathBuf};

/// Verify an export offline; exit 0 only against a trust anchor
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn verify out --trust checkpoint.vkey
  cairn verify out --trust 'demo.cairn/0f…/0+1a2b3c4d+Ae…'
  cairn verify out                            UNANCHORED: says what would be checked, exits 5")]
pub struct Args {
    /// The export
    folder: PathBuf,
    /// A C2SP verifier key, or a file with one a line: what you had before this export came
    #[arg(long, value_name = "VKEY|FILE")]
    trust: Option<String>,
    /// Where to remember the last checkpoint seen, instead of the usual state folder
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let trust = args.trust.as_deref().map(Trust::read).transpose().map_err(unverified)?;
    let memory = args.memory.as_deref().map(Memory::at).or_else(Memory::usual);
    let bar = render::bar(1, "verifying");
    let mut progress = |at: cairn_projections::export::Progress| {
        bar.set_length(at.of);
        bar.set_position(at.done);
    };
    // It reads and hashes for as long as the export is large.
    let outcome =
        tokio::task::block_in_place(|| verify(&args.folder, trust.as_ref(), memory.as_ref(), &mut progress)).map_err(unverified)?;
    bar.finish_and_clear();
    match outcome {
        Outcome::Verified(report) => show("VERIFIED", &report, args.format),
        Outcome::Unanchored(report) => {
            show("UNANCHORED", &report, args.format)?;
            let checks = CHECKS.map(|check| format!("\n    {check}")).concat();
            Err(Failure::new(
                Exit::Unanchored,
                "CRN-6300",
                anyhow!(
                    "the export agrees with itself, and nobody outside of it has said whose it is\n  with --trust this would be proven:{checks}"
                ),
            ))
        }
    }
}

fn show(word: &str, report: &Report, format: Format) -> Result<(), Failure> {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["outcome"] = json!(word);
    let row: Row = serde_json::from_value(value).unwrap_or_default();
    let shown = match format {
        Format::Table => table(&row),
        _ => render::rows(&[row], format),
    };
    shown.map_err(|error| anyhow::Error::from(error).into())
}

fn table(row: &Row) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for key in ["outcome", "origin", "partition", "first", "last", "size", "root", "signed_by", "from", "until", "events", "files", "bytes"]
    {
        writeln!(out, "{key:<10} {}", row.text(key))?;
    }
    Ok(())
}

fn unverified(error: VerifyError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Unverified, code, error)
}
