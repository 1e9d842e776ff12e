//! Logs: the one that a configuration names, opened.
//!
//! Owns the choice between the folder's own log and a log elsewhere. Refuses to know more of a backend than how it is opened.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout},
};
use anyhow::anyhow;
use cairn_log::{
    EventLog,
    disk::{DirLock, DiskLog, Options},
};
use std::sync::Arc;

/// The log of an instance that begins in this folder, made if missing. The lock comes back where the log has no use for it.
pub async fn begin(
    layout: &Layout,
    config: &Config,
    lock: DirLock,
    partitions: u32,
) -> Result<(Arc<dyn EventLog>, Option<DirLock>), Failure> {
    if !config.log.url.is_empty() {
        return Ok((kafka(layout, config, Some(partitions)).await?, Some(lock)));
    }
    let options = Options::new(partitions);
    // Every frame is checked: that may take its time.
    let opened = tokio::task::spawn_blocking(move || DiskLog::open_under(lock, options)).await;
    let log = opened.map_err(|error| failed("CRN-1007", error))?.map_err(|error| failed(error.code(), error))?;
    Ok((Arc::new(log), None))
}

/// The log of an instance that other processes share.
pub async fn join(layout: &Layout, config: &Config) -> Result<Arc<dyn EventLog>, Failure> {
    if config.log.url.is_empty() {
        let why = "a log in a folder belongs to one process: run `cairn up`, or set log.url to kafka://… (or CAIRN_LOG_URL)";
        return Err(Failure::new(Exit::Usage, "CRN-1002", anyhow!("{why}")));
    }
    kafka(layout, config, None).await
}

/// The log, for reading only.
pub async fn read_only(layout: &Layout, config: &Config, partitions: u32) -> Result<Arc<dyn EventLog>, Failure> {
    if !config.log.url.is_empty() {
        return kafka(layout, config, None).await;
    }
    let root = layout.root().to_owned();
    let opened = tokio::task::spawn_blocking(move || DiskLog::open_read_only(&root, Options::new(partitions))).await;
    let log = opened.map_err(|error| failed("CRN-1000", error))?.map_err(|error| failed(error.code(), error))?;
    Ok(Arc::new(log))
}

/// The log behind a URL; `partitions` are made if it has none.
async fn kafka(_layout: &Layout, config: &Config, _partitions: Option<u32>) -> Result<Arc<dyn EventLog>, Failure> {
    Err(Failure::new(Exit::Usage, "CRN-1002", anyhow!("log.url is {}, and no log is known by such a URL", config.log.url)))
}

fn failed(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
