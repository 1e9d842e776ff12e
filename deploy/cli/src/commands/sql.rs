//! `cairn sql QUESTION`: rows of the ledger, from the live node or from a folder that nobody serves.
//!
//! Owns the choice between the two. Refuses to write: every question only reads.

use crate::{
    exit::{Exit, Failure},
    node::{layout::Layout, live::Live, reader},
    render::{self, Format},
    row::Row,
};
use cairn_projections::{
    SqlError,
    sql::form::{Form, whole},
};
use clap::Parser;
use std::io::Write;

/// Ask the ledger in SQL
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cairn sql \"SELECT kind, sum(amount) FROM entries GROUP BY kind\"
  cairn sql \"SELECT * FROM tasks WHERE state = 'verified'\" --format csv
  cairn sql \"SHOW TABLES\"
  cairn sql \"SELECT prove(partition, leaf) FROM decisions LIMIT 1\" --format json")]
pub struct Args {
    /// The question
    sql: String,
    /// The node or projector, if not the one that serves DIR
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub async fn run(args: Args, layout: &Layout) -> Result<(), Failure> {
    let live = match args.node.as_deref() {
        Some(url) => Some(super::node(Some(url), layout).await?),
        None => match Live::find(layout).await {
            Some(_) => Some(super::node(None, layout).await?),
            None => None,
        },
    };
    match live {
        Some(client) if args.format == Format::Arrow => put(&client.sql_arrow(&args.sql).await?),
        Some(client) => show(&client.sql(&args.sql).await?, args.format),
        None => from_folder(&args, layout).await,
    }
}

async fn from_folder(args: &Args, layout: &Layout) -> Result<(), Failure> {
    let projections = reader::projections(layout).await?;
    let answer = projections.sql(&args.sql).await.map_err(refused)?;
    let (schema, batches) = (answer.schema(), answer.collect().await.map_err(refused)?);
    let form = if args.format == Format::Arrow { Form::Arrow } else { Form::Json };
    let bytes = whole(form, &schema, &batches).map_err(refused)?;
    if form == Form::Arrow {
        return put(&bytes);
    }
    let rows: Vec<Row> = serde_json::from_slice(&bytes).map_err(anyhow::Error::from)?;
    show(&rows, args.format)
}

fn show(rows: &[Row], format: Format) -> Result<(), Failure> {
    render::rows(rows, format).map_err(|error| anyhow::Error::from(error).into())
}

fn put(bytes: &[u8]) -> Result<(), Failure> {
    std::io::stdout().write_all(bytes).map_err(|error| anyhow::Error::from(error).into())
}

fn refused(error: SqlError) -> Failure {
    let code = error.code();
    Failure::new(Exit::Failed, code, error)
}
