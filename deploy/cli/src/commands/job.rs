//! `cairn job`: a job's YAML checked and explained, before anybody signs it.
//!
//! Owns how faults and figures are shown. Refuses nodes and keys: what a text means is asked of nobody.

use crate::{
    exit::{Exit, Failure},
    render::{self, Format},
    row::Row,
};
use anyhow::anyhow;
use cairn_kernels::bml::{Job, JobError, Layer, Outline, Run};
use cairn_schemas::BlobHash;
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Check, explain or begin a job's YAML
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn job example cnn > job.yaml
  cairn job check job.yaml
  cairn job explain job.yaml
  cairn job explain job.yaml --format json")]
pub struct Args {
    #[command(subcommand)]
    ask: Ask,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// Say whether a text is a job, or what is wrong with it, with line and column
    #[command(after_help = "Examples:\n  cairn job check job.yaml\n  cairn job check - < job.yaml")]
    Check(Text),
    /// Show layers, parameters, memory, work and cost of a job
    #[command(after_help = "Examples:\n  cairn job explain job.yaml\n  cairn job explain job.yaml --format json")]
    Explain(Text),
    /// Print a job of a template to begin with
    #[command(after_help = "Examples:\n  cairn job example transformer > job.yaml")]
    Example { template: Template },
}

#[derive(Debug, Parser)]
struct Text {
    /// The job; - reads standard input
    #[arg(value_name = "FILE")]
    job: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The templates, each with a job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    Mlp,
    Cnn,
    Lstm,
    Transformer,
}

impl Template {
    /// The text of its example.
    pub fn example(self) -> &'static str {
        match self {
            Template::Mlp => include_str!("../../../job.yaml"),
            Template::Cnn => include_str!("../../../jobs/cnn.yaml"),
            Template::Lstm => include_str!("../../../jobs/lstm.yaml"),
            Template::Transformer => include_str!("../../../jobs/transformer.yaml"),
        }
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let shown = match &args.ask {
        Ask::Example { template } => io::stdout().write_all(template.example().as_bytes()),
        Ask::Check(text) => render::rows(&[checked(&read(text)?)?], text.format),
        Ask::Explain(text) => explain(&read(text)?, text.format)?,
    };
    shown.map_err(|error| anyhow::Error::from(error).into())
}

/// The job of a file, or every fault that was found in it.
fn read(text: &Text) -> Result<Job, Failure> {
    let file = text.job.display().to_string();
    Job::review(&file, &text_of(&text.job)?).map_err(|faults| faulty(&faults))
}

/// Bytes of a file that are read: more than a job may have.
const LIMIT: u64 = 1 << 20;

/// The text of a job's file, or of standard input.
pub fn text_of(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        io::read_to_string(io::stdin().take(LIMIT))
    } else {
        fs::File::open(path).and_then(|file| io::read_to_string(file.take(LIMIT)))
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The failure that names all faults of a text; its code is the first one's.
pub fn faulty(faults: &[JobError]) -> Failure {
    let code = faults.first().map_or("CRN-2101", JobError::code).to_owned();
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    let lines = faults.iter().skip(1).map(|fault| format!("\n{}", fault.render()));
    Failure { exit: Exit::Usage, code, next: String::new(), source: anyhow!("{first}{}", lines.collect::<String>()) }
}

fn outline(job: &Job) -> Result<Outline, Failure> {
    job.outline().map_err(|error| Failure::new(Exit::Usage, error.code(), error))
}

fn checked(job: &Job) -> Result<Row, Failure> {
    let of = outline(job)?;
    Ok(Row::of([
        ("job", json!(job.name)),
        ("template", json!(of.template)),
        ("parameters", json!(of.parameters)),
        ("tasks", json!(of.tasks)),
        ("steps", json!(of.steps)),
        ("escrow_needed", json!(of.cost.map(|cost| cost.to_string()))),
        ("programs", json!(BlobHash(of.programs))),
    ]))
}

fn explain(job: &Job, format: Format) -> Result<io::Result<()>, Failure> {
    let of = outline(job)?;
    Ok(match format {
        Format::Table => tell(&mut io::stdout().lock(), job, &of),
        _ => render::rows(&[figures(job, &of)], format),
    })
}

fn figures(job: &Job, of: &Outline) -> Row {
    let run = |run: &Run| json!({"instructions": run.instructions, "peak_bytes": run.peak_bytes, "operations": run.operations});
    let layers: Vec<Value> = of
        .layers
        .iter()
        .map(|layer| json!({"name": layer.name, "kind": layer.kind, "shape": layer.shape, "parameters": layer.parameters}))
        .collect();
    Row::of([
        ("job", json!(job.name)),
        ("template", json!(of.template)),
        ("layers", json!(layers)),
        ("parameters", json!(of.parameters)),
        ("state_bytes", json!(of.state_bytes)),
        ("train", run(&of.train)),
        ("evaluate", run(&of.evaluate)),
        ("evaluated_at_once", json!(of.piece)),
        ("test_labels", json!(of.test_labels)),
        ("tasks", json!(of.tasks)),
        ("steps", json!(of.steps)),
        ("leaves", json!(of.leaves)),
        ("escrow_needed", json!(of.cost.map(|cost| cost.to_string()))),
        ("escrow", json!(of.escrow.to_string())),
        ("programs", json!(BlobHash(of.programs))),
    ])
}

fn tell(out: &mut impl Write, job: &Job, of: &Outline) -> io::Result<()> {
    writeln!(out, "{}: {}\n", job.name, picture(&of.layers))?;
    let row = |layer: &Layer| {
        let shape = json!(times(&layer.shape));
        Row::of([("layer", json!(layer.name)), ("kind", json!(layer.kind)), ("output", shape), ("parameters", json!(layer.parameters))])
    };
    render::table_to(out, &of.layers.iter().map(row).collect::<Vec<_>>())?;
    writeln!(out)?;
    let (train, evaluate) = (&of.train, &of.evaluate);
    let work =
        |run: &Run| format!("{} operations, {} instructions, {} at most", scaled(run.operations), run.instructions, bytes(run.peak_bytes));
    let needed = of.cost.map_or("more than any amount".to_owned(), |cost| cost.to_string());
    let lines = [
        ("parameters", format!("{}, with the optimiser's {} a state", of.parameters, bytes(of.state_bytes))),
        ("a step", format!("{} records: {}", job.train.batch, work(train))),
        ("evaluation", format!("{} labels, {} records at once: {}", of.test_labels, of.piece, work(evaluate))),
        ("tasks", format!("{}: {} rounds of {} shards, {} steps each", of.tasks, job.train.rounds, job.train.shards, of.steps)),
        ("a trace", format!("{} leaves", of.leaves)),
        ("cost", format!("{needed} at most; the escrow is {}", of.escrow)),
        ("programs", BlobHash(of.programs).to_string()),
    ];
    lines.iter().try_for_each(|(name, text)| writeln!(out, "{name:<11} {text}"))
}

/// The shapes that a record goes through.
fn picture(layers: &[Layer]) -> String {
    let mut shapes: Vec<String> = layers.iter().map(|layer| times(&layer.shape)).collect();
    shapes.dedup();
    shapes.join(" → ")
}

fn times(shape: &[u32]) -> String {
    shape.iter().map(u32::to_string).collect::<Vec<_>>().join(" × ")
}

fn bytes(count: u64) -> String {
    ["B", "KiB", "MiB", "GiB"]
        .iter()
        .enumerate()
        .rev()
        .find(|(power, _)| count >> (10 * power) > 0)
        .map_or("0 B".to_owned(), |(power, unit)| {
            format!("{:.*} {unit}", usize::from(power > 0), count as f64 / f64::from(1 << (10 * power)))
        })
}

/// A count in thousands of thousands.
fn scaled(count: u64) -> String {
    let units = [(1_000_000_000, " G"), (1_000_000, " M"), (1_000, " k")];
    match units.iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => format!("{:.1}{name}", count as f64 / *unit as f64),
        None => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        assert_eq!([0, 1_023, 1_536, 5 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 MiB"]);
        assert_eq!([999, 1_500, 2_500_000, 7_000_000_000].map(scaled), ["999", "1.5 k", "2.5 M", "7.0 G"]);
        assert_eq!(times(&[28, 28, 1]), "28 × 28 × 1");
    }
}
