//! `cairn bench`: figures. Of this machine, each beside a peer or limit that was measured in the same run; or of a live instance under a load.
//!
//! Owns the list of measures and their forms. Refuses single absolute times of a machine: what it does is said as a ratio, medians of several runs.

use crate::{exit::Failure, node::layout::Layout, render::Format};
use clap::{Parser, Subcommand};
use serde::Serialize;
use std::io::Write;

mod kernels;
mod load;
mod log;

/// Measure: this machine beside a named peer or limit, or a live instance under load
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn bench log
  cairn bench log --format json --runs 5
  cairn bench kernels
  cairn bench load --dir founded --node http://127.0.0.1:7070,http://127.0.0.1:7071 --rate 500 --seconds 60")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Events through the disk log and the decider, in a folder of its own
    Log(Figures),
    /// Exact matrix products of one core
    Kernels(Figures),
    /// Events at a steady rate into a live instance, and what became of each
    Load(load::Args),
}

#[derive(Debug, Parser)]
struct Figures {
    /// Runs of each figure; the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=25))]
    runs: u8,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    match args.what {
        What::Log(Figures { runs, format }) => print(&log::run(runs).await?, format),
        What::Kernels(Figures { runs, format }) => print(&kernels::run(runs)?, format),
        What::Load(args) => load::run(args, layout).await,
    }
}

fn print(figures: &[Figure], format: Format) -> Result<(), Failure> {
    show(figures, format).map_err(|error| anyhow::Error::from(error).into())
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
                "{:<24} {:>12.1} {:<7} {:<28} {:>12.1}   ratio {:.3}",
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
