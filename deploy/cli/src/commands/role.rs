//! `cairn gateway`, `cairn projector` and, with a key, `cairn processor`: one role of a node in a process of its own.
//!
//! Owns the line that says what runs where. Refuses a log in a folder, which belongs to one process, and refuses to found: see `found`.

use crate::{
    commands::up,
    exit::Failure,
    node::{
        layout::Layout,
        serve::{Door, Node, Role, Start},
    },
};
use clap::Parser;
use std::{io::Write, net::SocketAddr, path::PathBuf};

/// Run one role over a log that processes share
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn gateway --dir g --log kafka://127.0.0.1:9092/crn
  cairn processor --dir p --log kafka://127.0.0.1:9092/crn --key founded/keys/processor.key --listen 127.0.0.1:0
  CAIRN_LOG_URL=kafka://127.0.0.1:9092/crn cairn projector --dir j

Any number of each may run. Each serves /healthz, /readyz and /metrics; the gateway takes events and serves journal and blobs,
the projector answers SQL and receipts.")]
pub struct Args {
    /// Where to serve, instead of the configuration's address
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The log of a fresh folder: kafka://host:port[,host:port]/PREFIX
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// Serve a demo instance on an address that others can reach
    #[arg(long)]
    demo: bool,
}

/// `processor_key` is what a processor claims with, if not the folder's own.
pub async fn run(role: Role, args: Args, processor_key: Option<PathBuf>, layout: &Layout) -> Result<(), Failure> {
    let stop = up::interrupted()?;
    tokio::pin!(stop);
    let start = Start { log: args.log, door: Door { listen: args.listen, demo: args.demo }, processor_key, ..Start::default() };
    let node = tokio::select! {
        () = &mut stop => return Ok(()),
        joined = Node::join(layout, role, start) => joined?,
    };
    greet(&node);
    node.run_until(stop).await
}

/// One write, and no harm if nobody listens: a role serves on without its standard output.
fn greet(node: &Node) {
    let lines = format!("address    {}\ninstance   {}\n", node.url, node.instance);
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        tracing::warn!("standard output: {error}");
    }
}
