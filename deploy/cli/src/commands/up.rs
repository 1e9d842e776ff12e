//! `cairn up`: a node on this machine, until it is told to stop.
//!
//! Owns what a fresh folder is founded with unless told otherwise, and the lines that say what to try next. Refuses other than
//! loopback addresses without a token, and demo instances on them without `--demo`.

use crate::{
    client::Client,
    exit::{Exit, Failure},
    node::{
        device,
        found::found,
        layout::Layout,
        serve::{Door, Node, Start},
        setup::{Conduct, Producer, Realm, Setup, Worker},
    },
    render, speaker,
};
use anyhow::anyhow;
use cairn_schemas::{Amount, ByteString, Name, RealmId};
use clap::Parser;
use std::{io::Write, net::SocketAddr};
use tokio::signal::unix::{SignalKind, signal};

/// Whole units of the local currency, in minor units.
const UNIT: u128 = 1_000_000;

/// Start a node on this machine; a fresh folder gets a realm, a producer and workers with stakes
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn up                                   a node over ./cairn-data on 127.0.0.1:7070
  cairn up --dir ledger --listen 127.0.0.1:0 another folder, any free port
  cairn up --workers 0                       no workers in this process; run `cairn worker` elsewhere
  cairn up --log kafka://127.0.0.1:9092/crn  the log in Kafka; the topics are made if missing")]
pub struct Args {
    /// Where to serve, instead of the configuration's address
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The log of a fresh folder, if not the folder itself: kafka://host:port[,host:port]/PREFIX
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// Workers of a fresh folder
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=16))]
    workers: u8,
    /// Partitions of a fresh folder
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=64))]
    partitions: u32,
    /// Serve a demo instance on an address that others can reach
    #[arg(long)]
    demo: bool,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let fresh = fresh(args.workers, args.partitions)?;
    let door = Door { listen: args.listen, demo: args.demo };
    let start = Start { log: args.log.clone(), door, ..Start::default() };
    let (mut node, setup) = Node::found(layout, || fresh, start).await?;
    let client = node.client()?;
    let interrupted = interrupted()?;
    tokio::pin!(interrupted);
    match begin(&mut node, &setup, layout, &client, &mut interrupted).await {
        Ok(Some(_)) => {}
        Ok(None) => return node.stop().await,
        // What stopped the founding is the answer; the parts stop in order all the same.
        Err(failure) => return node.stop().await.and(Err(failure)),
    }
    greet(&node.url, &setup, layout).map_err(anyhow::Error::from)?;
    node.run_until(interrupted).await
}

/// Founds what the setup names, and sets its workers to work on what was proven meanwhile. The realm; none if told to stop.
pub async fn begin(
    node: &mut Node,
    setup: &Setup,
    layout: &Layout,
    client: &Client,
    stop: impl Future<Output = ()>,
) -> Result<Option<RealmId>, Failure> {
    let bar = render::bar(1, "realm, accounts, workers");
    let founding = found(setup, layout, client, node.instance, &bar);
    let proven = device::of_workers(setup.workers.len(), node.workers());
    let (executor, realm) = tokio::select! {
        founded = async { tokio::try_join!(proven, founding) } => founded?,
        failure = node.ended() => return Err(failure),
        () = stop => return Ok(None),
    };
    bar.finish_and_clear();
    // A worker's founding events are said with its key, so it works once they are said.
    node.start_workers(setup, &executor)?;
    Ok(Some(realm))
}

/// A setup for everyday use: nobody cheats.
pub fn fresh(workers: u8, partitions: u32) -> Result<Setup, Failure> {
    let names = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo", "mia", "ned", "oda", "pam"];
    let workers = names.iter().take(workers.into()).map(|name| worker(name, Conduct::Honest)).collect::<Result<_, _>>()?;
    setup("local", partitions, false, workers)
}

/// A worker with the stake that the default job asks for.
pub fn worker(name: &str, conduct: Conduct) -> Result<Worker, Failure> {
    Ok(Worker { name: named(name)?, stake: units(5)?, conduct })
}

/// A setup with these workers, and a producer that can afford a few jobs.
pub fn setup(instance: &str, partitions: u32, demo: bool, workers: Vec<Worker>) -> Result<Setup, Failure> {
    let mut nonce = vec![0; 16];
    getrandom::fill(&mut nonce).map_err(|error| Failure::new(Exit::Failed, "CRN-1007", anyhow!("no random bytes: {error}")))?;
    Ok(Setup {
        instance: named(instance)?,
        nonce: ByteString(nonce),
        founded: speaker::now(),
        partitions,
        demo,
        realm: Realm { name: named("main")?, currency: named("crn")?, scale: 6 },
        producer: Producer { name: named("acme")?, funds: units(100)? },
        workers,
    })
}

fn named(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|error: cairn_schemas::ids::IdError| Failure::usage(error))
}

fn units(count: u128) -> Result<Amount, Failure> {
    Amount::new(count * UNIT).ok_or_else(|| Failure::usage("an amount out of range"))
}

fn greet(url: &str, setup: &Setup, layout: &Layout) -> std::io::Result<()> {
    let (me, dir) = (crate::me(), layout.root().display());
    let workers: Vec<&str> = setup.workers.iter().map(|worker| worker.name.as_str()).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "address    {url}")?;
    writeln!(out, "directory  {dir}")?;
    writeln!(out, "realm      {} (producer {}, workers {})", setup.realm.name, setup.producer.name, workers.join(" "))?;
    writeln!(out, "next       {me} submit --example > job.yaml && {me} submit --dir {dir} job.yaml --wait")?;
    out.flush()
}

/// Resolves on the first SIGINT or SIGTERM.
pub fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "CRN-1007", error);
    let (mut int, mut term) = (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?);
    Ok(async move {
        tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
    })
}
