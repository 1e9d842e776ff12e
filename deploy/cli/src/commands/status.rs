//! `cairn status`: what a node is doing, in one table.
//!
//! Owns the choice of figures. Refuses interpretation.

use crate::{
    commands,
    exit::Failure,
    node::layout::Layout,
    render::{self, Format},
    row::Row,
};
use clap::Parser;
use serde_json::json;

const BLOCKS: &str = "SELECT partition, count(*) AS blocks, max(height) AS height, max(tree_size) AS leaves, max(at) AS latest FROM blocks GROUP BY partition ORDER BY partition";
const JOBS: &str = "SELECT partition, state, count(*) AS jobs FROM jobs_now GROUP BY partition, state ORDER BY partition, state";

/// What a node is doing
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn status\n  cairn status --format json\n  cairn status --node http://127.0.0.1:7072")]
pub struct Args {
    /// The node or projector, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    let (blocks, jobs) = (client.sql(BLOCKS).await?, client.sql(JOBS).await?);
    let shown = |row: &Row| {
        let of = |name: &str| row.get(name).clone();
        let here = jobs.iter().filter(|job| job.get("partition") == row.get("partition"));
        let jobs = here.map(|job| format!("{} {}", job.text("jobs"), job.text("state"))).collect::<Vec<_>>().join(", ");
        Row::of([
            ("node", json!(client.url())),
            ("partition", of("partition")),
            ("height", of("height")),
            ("leaves", of("leaves")),
            ("latest", of("latest")),
            ("jobs", json!(jobs)),
        ])
    };
    let rows: Vec<Row> = blocks.iter().map(shown).collect();
    render::rows(&rows, args.format).map_err(|error| anyhow::Error::from(error).into())
}
