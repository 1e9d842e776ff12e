//! `cairn found`: an instance begins, on a log that processes will share.
//!
//! Owns the two steps: block 0 of every partition, and, once roles run, the founding events (realm, producer, workers). Refuses
//! nothing twice: each step goes on where it was cut off, and does nothing when all is done.

use crate::{
    commands::{self, up},
    exit::Failure,
    node::{
        found::found,
        ground::Ground,
        layout::Layout,
        serve::{Door, Start},
        setup::Setup,
    },
    render,
};
use clap::Parser;
use std::io::Write;

/// Begin an instance on a shared log, and found its first realm
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn found --dir founded --log kafka://127.0.0.1:9092/crn --partitions 12
  cairn found --dir founded --node http://127.0.0.1:7070,http://127.0.0.1:7071
                                     once a gateway (7070), a processor and a projector (7071) run

The folder keeps the keys of the instance: give keys/processor.key to processors and keys/checkpoint.key to one projector.")]
pub struct Args {
    /// The log of a fresh folder: kafka://host:port[,host:port]/PREFIX
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// A node of the instance, or its GATEWAY,PROJECTOR: through it the founding events are said
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Copies of each record that the topics keep, where they are made
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=16))]
    copies: u16,
    /// Workers of a fresh folder: their keys, accounts and stakes
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=16))]
    workers: u8,
    /// Partitions of a fresh folder
    #[arg(long, default_value_t = 12, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=64))]
    partitions: u32,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let fresh = up::fresh(args.workers, args.partitions)?;
    let start = Start { log: args.log.clone(), copies: args.copies, door: Door { demo: true, ..Door::default() }, ..Start::default() };
    let (ground, setup) = Ground::found(layout, || fresh, &start).await?;
    let instance = ground.instance;
    // The folder is free again for a role.
    drop(ground);
    let mut out = std::io::stdout().lock();
    writeln!(out, "instance   {instance}, {} partitions", setup.partitions).map_err(anyhow::Error::from)?;
    drop(out);
    if let Some(url) = &args.node {
        let client = commands::node(Some(url), layout).await?;
        let bar = render::bar(1, "founding");
        found(&setup, layout, &client, instance, &bar).await?;
        bar.finish_and_clear();
    }
    tell_next(&setup, layout, args.node.is_some()).map_err(|error| anyhow::Error::from(error).into())
}

fn tell_next(setup: &Setup, layout: &Layout, founded: bool) -> std::io::Result<()> {
    let (me, dir) = (crate::me(), layout.root().display());
    let mut out = std::io::stdout().lock();
    if founded {
        let workers: Vec<&str> = setup.workers.iter().map(|worker| worker.name.as_str()).collect();
        writeln!(out, "realm      {} (producer {}, workers {})", setup.realm.name, setup.producer.name, workers.join(" "))?;
        return writeln!(out, "next       {me} worker --dir {dir} --node URL --name {}", workers.first().unwrap_or(&"NAME"));
    }
    writeln!(out, "next       start a gateway, a processor and a projector on the same log, then {me} found --dir {dir} --node URL")
}
