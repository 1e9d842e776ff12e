//! Logs: the one that a configuration names, opened.
//!
//! Owns the choice between the folder's own log and a log elsewhere; before either stands the archive, if there is one, for what
//! the log has deleted. Refuses to know more of a backend than how it is opened.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout, stores},
};
use anyhow::anyhow;
use cairn_log::{
    EventLog,
    archive::ArchiveLog,
    disk::{DirLock, DiskLog, Options},
    kafka::{KafkaLog, KafkaOptions, topics},
};
use std::sync::Arc;

/// How a log that is missing is made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub partitions: u32,
    /// Copies of each record, where the log keeps them on several machines.
    pub copies: u16,
}

/// The log of an instance that begins in this folder, made if missing. The lock comes back where the log has no use for it.
pub async fn begin(config: &Config, lock: DirLock, shape: Shape) -> Result<(Arc<dyn EventLog>, Option<DirLock>), Failure> {
    if !config.log.url.is_empty() {
        return Ok((behind_archive(config, kafka(config, Some(shape)).await?)?, Some(lock)));
    }
    let options = Options::new(shape.partitions);
    // Every frame is checked: that may take its time.
    let opened = tokio::task::spawn_blocking(move || DiskLog::open_under(lock, options)).await;
    let log = opened.map_err(|error| failed("CRN-1007", error))?.map_err(|error| failed(error.code(), error))?;
    Ok((behind_archive(config, Arc::new(log))?, None))
}

/// The log of an instance that other processes share.
pub async fn join(config: &Config) -> Result<Arc<dyn EventLog>, Failure> {
    if config.log.url.is_empty() {
        let why = "a log in a folder belongs to one process: run `cairn up`, or set log.url to kafka://… (or CAIRN_LOG_URL)";
        return Err(Failure::new(Exit::Usage, "CRN-1002", anyhow!("{why}")));
    }
    behind_archive(config, kafka(config, None).await?)
}

/// The log, for reading only.
pub async fn read_only(layout: &Layout, config: &Config, partitions: u32) -> Result<Arc<dyn EventLog>, Failure> {
    if !config.log.url.is_empty() {
        return behind_archive(config, kafka(config, None).await?);
    }
    let root = layout.root().to_owned();
    let opened = tokio::task::spawn_blocking(move || DiskLog::open_read_only(&root, Options::new(partitions))).await;
    let log = opened.map_err(|error| failed("CRN-1000", error))?.map_err(|error| failed(error.code(), error))?;
    behind_archive(config, Arc::new(log))
}

fn behind_archive(config: &Config, log: Arc<dyn EventLog>) -> Result<Arc<dyn EventLog>, Failure> {
    Ok(match stores::archive(config)? {
        Some(archive) => Arc::new(ArchiveLog::before(archive, log)),
        None => log,
    })
}

/// The topics of a configuration's log, and how its brokers let us in.
pub fn kafka_options(config: &Config) -> Result<KafkaOptions, Failure> {
    let options = KafkaOptions::from_url(&config.log.url).map_err(|error| Failure::new(Exit::Usage, error.code(), error))?;
    Ok(KafkaOptions { security: config.kafka.clone(), ..options })
}

async fn kafka(config: &Config, shape: Option<Shape>) -> Result<Arc<dyn EventLog>, Failure> {
    let options = kafka_options(config)?;
    if let Some(Shape { partitions, copies }) = shape {
        topics::create(&options, partitions, copies).await.map_err(|error| failed(error.code(), error))?;
    }
    let log = KafkaLog::open(options).await.map_err(|error| failed(error.code(), error))?;
    Ok(Arc::new(log))
}

fn failed(code: &str, error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Failed, code, error)
}
