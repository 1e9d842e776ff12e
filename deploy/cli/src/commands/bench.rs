//! `cairn bench NAME`: figures, each beside a peer or limit that was measured in the same run.
//!
//! Owns the names of figures and their form. Refuses single absolute times: what a machine does is said as a ratio, medians of several runs.

use crate::{exit::Failure, render::Format};
use clap::{Parser, ValueEnum};
use serde::Serialize;
use std::io::Write;

mod log;

/// Measure, beside a named peer or limit
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn bench log\n  cairn bench log --format json --runs 5")]
pub struct Args {
    name: Name,
    /// Runs of each figure; the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=25))]
    runs: u8,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Events through the disk log and the decider
    Log,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared with, measured in the same run.
    pub peer: &'static str,
    pub peer_value: f64,
    pub ratio: f64,
}

impl Figure {
    pub fn new(name: &'static str, value: f64, unit: &'static str, peer: &'static str, peer_value: f64) -> Figure {
        Figure { name, value, unit, peer, peer_value, ratio: value / peer_value }
    }
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let figures = match args.name {
        Name::Log => log::run(args.runs).await?,
    };
    show(&figures, args.format).map_err(|error| anyhow::Error::from(error).into())
}

fn show(figures: &[Figure], format: Format) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        match format {
            Format::Json => {
                serde_json::to_writer(&mut out, figure)?;
                writeln!(out)?;
            }
            _ => writeln!(
                out,
                "{:<24} {:>12.1} {:<4} {:<28} {:>12.1}   ratio {:.3}",
                figure.name, figure.value, figure.unit, figure.peer, figure.peer_value, figure.ratio
            )?,
        }
    }
    Ok(())
}

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
