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

const LAG: &str = "SELECT * FROM consumer_lag ORDER BY partition, fold";

/// How far each partition's folds are behind: records and seconds
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  cairn lag\n  cairn lag --node http://127.0.0.1:7072 --format json")]
pub struct Args {
    /// The node or projector, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let client = commands::node(args.node.as_deref(), layout).await?;
    render::rows(&client.sql_now(LAG).await?, args.format).map_err(|error| anyhow::Error::from(error).into())
}
