//! Readers: a folder in which no node lives, opened without changing it.
//!
//! Owns the way to its log and tables for commands that only read. Refuses a folder in use: its node answers for it.

use crate::{
    exit::{Exit, Failure},
    node::{layout::Layout, setup::Setup},
};
use anyhow::anyhow;
use cairn_log::{
    EventLog,
    disk::{DiskLog, Options},
};
use cairn_projections::Projections;
use std::sync::Arc;

/// The folder's log, for reading.
pub async fn log(layout: &Layout) -> Result<Arc<dyn EventLog>, Failure> {
    if !layout.root().is_dir() {
        return Err(Failure::usage(format!("{} is no folder; name the node's folder with --dir", layout.root().display())));
    }
    let partitions = Setup::load(layout)?.map_or(1, |setup| setup.partitions);
    let root = layout.root().to_owned();
    // Every frame is checked: that may take its time.
    let opened = tokio::task::spawn_blocking(move || DiskLog::open_read_only(&root, Options::new(partitions))).await;
    match opened {
        Ok(Ok(log)) => Ok(Arc::new(log)),
        Ok(Err(error)) => {
            let code = error.code();
            Err(Failure::new(Exit::Failed, code, error))
        }
        Err(error) => Err(Failure::new(Exit::Failed, "CRN-1000", anyhow!("{error}"))),
    }
}

/// The folder's tables, with what the log holds beyond them.
pub async fn projections(layout: &Layout) -> Result<Projections, Failure> {
    let log = log(layout).await?;
    Projections::open_read_only(log, layout.root(), cairn_projections::Options::default()).await.map_err(|error| {
        let code = error.code();
        Failure::new(Exit::Failed, code, error)
    })
}
