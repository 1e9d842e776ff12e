//! `cairn lag`: how far each partition is behind, record by record and in seconds.
//!
//! Owns the picture of the table `consumer_lag`. Refuses to count what is no work: markers, void blocks and poison never lag.

use crate::{
    commands,
    exit::Failure,
    node::layout::Layout,
    render::{self, Format},
};
use clap::Parser;

/// One row a partition: how far it is decided and projected, and what lies between that and the end, in records and in seconds.
const LAG: &str = "
    SELECT partition,
           max(height) FILTER (WHERE fold = 'decider') AS decided,
           max(lag_records) FILTER (WHERE fold = 'decider') AS undecided,
           max(lag_ms) FILTER (WHERE fold = 'decider') / 1000.0 AS undecided_s,
           max(height) FILTER (WHERE fold = 'journal') AS projected,
           max(lag_records) FILTER (WHERE fold = 'journal') AS unprojected,
           max(lag_ms) FILTER (WHERE fold = 'journal') / 1000.0 AS unprojected_s
    FROM consumer_lag GROUP BY partition ORDER BY partition";
const FOLDS: &str = "SELECT * FROM consumer_lag ORDER BY partition, fold";

/// How far each partition is decided and projected, and what waits: records and seconds
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn lag\n  cairn lag --folds\n  cairn lag --node http://127.0.0.1:7072 --format json")]
pub struct Args {
    /// Every fold of every partition: the decider, the gateway, and each table
    #[arg(long)]
    folds: bool,
    /// The node or projector, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    let question = if args.folds { FOLDS } else { LAG };
    render::rows(&client.sql_now(question).await?, args.format).map_err(|error| anyhow::Error::from(error).into())
}
