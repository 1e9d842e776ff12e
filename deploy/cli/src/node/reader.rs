//! Readers: a folder in which no node lives, opened without changing it.
//!
//! Owns the way to its log and tables for commands that only read. Refuses a folder in use: its node answers for it.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout, logs, setup::Setup},
};
use cairn_log::EventLog;
use cairn_projections::Projections;
use std::sync::Arc;

/// The folder's log, for reading.
pub async fn log(layout: &Layout) -> Result<Arc<dyn EventLog>, Failure> {
    if !layout.root().is_dir() {
        return Err(Failure::usage(format!("{} is no folder; name the node's folder with --dir", layout.root().display())));
    }
    let partitions = Setup::load(layout)?.map_or(1, |setup| setup.partitions);
    logs::read_only(layout, &Config::load_or_default(layout)?, partitions).await
}

/// The folder's tables, with what the log holds beyond them.
pub async fn projections(layout: &Layout) -> Result<Projections, Failure> {
    let log = log(layout).await?;
    Projections::open_read_only(log, layout.root(), cairn_projections::Options::default()).await.map_err(|error| {
        let code = error.code();
        Failure::new(Exit::Failed, code, error)
    })
}
