//! `cairn bench`: figures. Of this machine, each beside a peer or limit that was measured in the same run; or of a live instance under a load.
//!
//! Owns the list of measures and their forms. Refuses single absolute times of a machine: what it does is said as a ratio, medians of several runs.

use crate::{exit::Failure, node::layout::Layout, render::Format};
use anyhow::Context as _;
use cairn_kernels::bench;
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::{borrow::Cow, io::Write};

mod load;
mod log;

/// Measure: this machine beside a named peer or limit, or a live instance under load
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn bench log
  cairn bench log --format json --runs 5
  cairn bench kernels
  cairn bench kernels steps --runs 9 --format json
  cairn bench load --dir founded --node http://127.0.0.1:7070,http://127.0.0.1:7071 --rate 500 --seconds 60")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Events through the disk log and the decider, in a folder of its own
    Log(Figures),
    /// Exact kernels: products, functions, training steps, traces
    Kernels(Kernels),
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

#[derive(Debug, Parser)]
struct Kernels {
    /// What is measured; all where none is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    #[command(flatten)]
    figures: Figures,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    /// Matrix products of one core, beside its limits
    Products,
    /// exp, log, tanh, erf, sin and cos, beside the host's
    Functions,
    /// Steps of training on two threads
    Steps,
    /// State roots, beside the same steps without
    Trace,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared with, measured in the same run.
    pub peer: Cow<'static, str>,
    pub peer_value: f64,
    pub ratio: f64,
}

impl Figure {
    pub fn new(name: &'static str, value: f64, unit: &'static str, peer: &'static str, peer_value: f64) -> Figure {
        Figure { name: name.into(), value, unit, peer: peer.into(), peer_value, ratio: value / peer_value }
    }
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    match args.what {
        What::Log(Figures { runs, format }) => print(&log::run(runs).await?, format),
        What::Kernels(args) => kernels(&args),
        What::Load(args) => load::run(args, layout).await,
    }
}

/// Each figure as soon as it is there: a run of all takes minutes.
fn kernels(Kernels { parts, figures: Figures { runs, format } }: &Kernels) -> Result<(), Failure> {
    let parts: &[Part] = if parts.is_empty() { Part::value_variants() } else { parts };
    let mut shown = Ok(());
    for part in parts {
        let part = match part {
            Part::Products => bench::Part::Products,
            Part::Functions => bench::Part::Functions,
            Part::Steps => bench::Part::Steps,
            Part::Trace => bench::Part::Trace,
        };
        let show = |bench::Figure { name, value, unit, peer, peer_value, ratio }| {
            let figure = Figure { name: name.into(), value, unit, peer: peer.into(), peer_value, ratio };
            if shown.is_ok() {
                shown = print(&[figure], *format);
            }
        };
        part.measure(usize::from(*runs), show).context("the figures of the kernels")?;
    }
    shown
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
                "{:<32} {:>12.1} {:<7} {:<46} {:>12.1}   ratio {:.3}",
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
