//! `cairn bench load`: signed events at a steady rate into a live instance, second by second, and what became of each.
//!
//! Owns the course of a run: a cast of realms and authors of its own, the clock, the lines, the verdict. Refuses to touch what others own:
//! its realms and keys are new each time, so it may run beside anything and twice. It is an open loop: events have their times before the
//! run begins, and a latency counts from there, however late the event could be sent (no coordinated omission).

mod cast;
mod follow;
mod meter;
mod pace;
mod tables;

use crate::{
    afar::Afar,
    client::Client,
    commands::{self, up},
    exit::{Exit, Failure},
    node::layout::Layout,
    render::Format,
    row::Row,
    speaker,
};
use anyhow::anyhow;
use cairn_log::{EventLog, journal::genesis};
use cairn_schemas::genesis::Genesis;
use cast::{Cast, Kind};
use clap::Parser;
use follow::Watch;
use meter::Meter;
use pace::{Pace, Plan};
use std::{convert::Infallible, io::Write, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, interval_at},
};

/// What one run may say: each event is remembered until the end.
const EVENTS: u64 = 4_000_000;
/// Authors of one run: each may have a request under way, and a gateway serves as many at once.
const AUTHORS: u64 = 1_000;

/// Events at a steady rate into a live instance, and what became of each
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn bench load --dir founded --node http://127.0.0.1:7070,http://127.0.0.1:7071 --rate 500 --seconds 60
  cairn bench load --kind transfer --realms 24 --authors 8 --rate 2000 --batch 256 --format json

It opens realms of its own with DIR/keys/admin.key. Each second it prints how many events were sent, acknowledged and decided, how long decisions
took (milliseconds from the time that each event was due, to the append of the block that decided it), how many wait and for how long. It ends with totals, early if interrupted, and exits 1 unless every event was
acknowledged, and decided exactly once: by the journal, and by the tables.")]
pub struct Args {
    /// The node, or its GATEWAY,PROJECTOR, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Realms, dealt over the partitions [default: one on each]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    realms: Option<u32>,
    /// Authors of each realm; each has at most one request under way
    #[arg(long, default_value_t = 4, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    authors: u32,
    /// Events a second, of all authors together
    #[arg(long, default_value_t = 100, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// How long events are due; what is late is sent and waited for after that
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Events of one request, at most; they gather while the one before is under way
    #[arg(long, default_value_t = 64, value_name = "EVENTS", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    batch: u16,
    /// What is said: notes, or transfers of one unit from author to author
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// How long the last answers and decisions are waited for
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    patience: u32,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    let genesis = begun(&client).await?;
    let plan = plan(&args, genesis.partitions)?;
    let cast = Cast::open(plan.realms, args.authors, args.kind, &genesis, layout, &client).await?;
    let (realms, partitions) = (cast.realms.clone(), cast.partitions());
    let meter = Meter::default();
    let mut watches = watches(&partitions, &client, &meter).await?;
    let mut lines = Lines::new(args.format);
    let pace = plan.pace.begin();
    let enough = watch::Sender::new(false);
    let mut authors = speak(cast, pace, &client, &meter, &enough);
    let patience = Duration::from_secs(args.patience.into());
    let interrupted = up::interrupted()?;
    let course = async {
        tokio::select! {
            ended = told(&mut authors, &meter, pace.end() + patience, &mut lines) => return ended,
            // Whoever asks it to end gets its totals, too.
            () = interrupted => drop(enough.send_replace(true)),
        }
        told(&mut authors, &meter, Instant::now() + patience, &mut lines).await
    };
    tokio::select! {
        ended = course => ended?,
        failure = first_end(&mut watches) => return Err(failure),
    }
    // Who still waits for an answer would wait for nothing: the run is over.
    authors.shutdown().await;
    let found = tables::count(&realms, args.kind, &client).await?;
    let totals = meter.totals(found);
    lines.show(&totals.row(pace))?;
    match totals.fault() {
        None => Ok(()),
        Some(fault) => Err(Failure::new(Exit::Failed, "CRN-1018", anyhow!("{fault}"))),
    }
}

/// The instance's own document, from the journal's front.
async fn begun(client: &Client) -> Result<Genesis, Failure> {
    let log: Arc<dyn EventLog> = Arc::new(Afar::new(client.clone(), 0));
    let found = genesis::find(&log, 0).await.map_err(follow::unread)?;
    found.ok_or_else(|| Failure::new(Exit::Failed, "CRN-1010", anyhow!("journal 0 has no block")))
}

fn plan(args: &Args, partitions: u32) -> Result<Plan, Failure> {
    let realms = args.realms.unwrap_or(partitions);
    let (authors, events) = (u64::from(realms) * u64::from(args.authors), u64::from(args.rate) * u64::from(args.seconds));
    if authors > AUTHORS {
        return Err(Failure::usage(format!("{authors} authors: at most {AUTHORS} speak at once; lower --realms or --authors")));
    }
    if events > EVENTS {
        return Err(Failure::usage(format!("{events} events: one run says at most {EVENTS}; lower --rate or --seconds")));
    }
    Ok(Plan { realms, pace: Pace { rate: args.rate, events, authors, batch: args.batch.into(), begun: Instant::now(), wall_ms: 0 } })
}

/// Follows the journals concerned, from their ends: what was there before is none of ours.
async fn watches(partitions: &[u32], client: &Client, meter: &Meter) -> Result<JoinSet<Result<Infallible, Failure>>, Failure> {
    let begun = partitions.iter().map(|partition| Watch::begin(client.clone(), *partition, meter.clone()));
    let watches = futures::future::try_join_all(begun).await?;
    Ok(watches.into_iter().map(Watch::run).collect())
}

fn speak(cast: Cast, pace: Pace, client: &Client, meter: &Meter, enough: &watch::Sender<bool>) -> JoinSet<Result<(), Failure>> {
    let speak = |(nth, voice)| pace::speak(voice, nth, pace, client.clone(), meter.clone(), enough.subscribe());
    (0..).zip(cast.voices).map(speak).collect()
}

/// Tells each second, until all was said and decided, or patience ends.
async fn told(authors: &mut JoinSet<Result<(), Failure>>, meter: &Meter, patience: Instant, lines: &mut Lines) -> Result<(), Failure> {
    let second = Duration::from_secs(1);
    let mut ticks = interval_at(Instant::now() + second, second);
    loop {
        tokio::select! {
            now = ticks.tick() => {
                lines.show(&meter.second(speaker::now().millis()))?;
                if now >= patience || (authors.is_empty() && meter.is_settled()) {
                    return Ok(());
                }
            }
            Some(ended) = authors.join_next() => flat(ended)?,
        }
    }
}

/// Why following ended, which it does not by itself.
async fn first_end(watches: &mut JoinSet<Result<Infallible, Failure>>) -> Failure {
    match watches.join_next().await {
        Some(ended) => match flat(ended) {
            Err(failure) => failure,
            Ok(never) => match never {},
        },
        None => std::future::pending().await,
    }
}

fn flat<T>(ended: Result<Result<T, Failure>, JoinError>) -> Result<T, Failure> {
    ended.unwrap_or_else(|error| Err(anyhow::Error::from(error).into()))
}

/// Rows as they come: one a second, then the totals, whose columns are others.
struct Lines {
    format: Format,
    columns: Vec<String>,
}

impl Lines {
    fn new(format: Format) -> Lines {
        Lines { format, columns: Vec::new() }
    }

    fn show(&mut self, row: &Row) -> Result<(), Failure> {
        self.write(row).map_err(|error| anyhow::Error::from(error).into())
    }

    fn write(&mut self, row: &Row) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if matches!(self.format, Format::Json | Format::Arrow) {
            serde_json::to_writer(&mut out, row)?;
            return writeln!(out);
        }
        let columns: Vec<String> = row.names().map(str::to_owned).collect();
        if columns != self.columns {
            writeln!(out, "{}", self.line(columns.iter().cloned()))?;
        }
        writeln!(out, "{}", self.line(columns.iter().map(|column| row.text(column))))?;
        self.columns = columns;
        Ok(())
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> String {
        match self.format {
            Format::Csv => cells.collect::<Vec<_>>().join(","),
            _ => cells.map(|cell| format!("{cell:>14}")).collect(),
        }
    }
}
