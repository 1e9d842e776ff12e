//! Stores: where a node's blobs, snapshots and archive lie, as its configuration says.
//!
//! Owns the way from a URL, or none, to each of them. Refuses contents.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout},
};
use cairn_log::{
    EventLog,
    archive::{Archive, ArchiveError, ArchiveLog},
    blobs::Blobs,
    store::{Store, StoreError},
};
use cairn_processors::runner::{RunError, Snapshots};
use std::sync::Arc;

pub fn blobs(config: &Config, layout: &Layout) -> Result<Blobs, Failure> {
    let blobs = match config.blobs.url.as_str() {
        "" => Blobs::local(&layout.blobs()),
        url => Blobs::open(url),
    };
    blobs.map_err(|error| Failure::new(Exit::Failed, error.code(), error))
}

pub fn snapshots(config: &Config, layout: &Layout) -> Result<Snapshots, Failure> {
    let store = match config.snapshots.url.as_str() {
        "" => Store::local(&layout.snapshots()),
        url => Store::open(url),
    };
    Ok(Snapshots::over(store.map_err(unopened)?).keeping(config.snapshots.keep))
}

/// The archive of the node's journals, if it keeps one.
pub fn archive(config: &Config) -> Result<Option<Archive>, Failure> {
    match config.archive.url.as_str() {
        "" => Ok(None),
        url => Ok(Some(Archive::over(Store::open(url).map_err(unopened)?))),
    }
}

/// The archive at a URL or in a folder, alone, as a log to read.
pub async fn archived(at: &str) -> Result<Arc<dyn EventLog>, Failure> {
    let archive = Archive::over(Store::open(at).map_err(unopened)?);
    match ArchiveLog::alone(archive).await {
        Ok(log) => Ok(Arc::new(log)),
        Err(error) => {
            let (code, exit) = (error.code(), if error.passes() { Exit::Unreachable } else { Exit::Unverified });
            Err(Failure::new(if matches!(error, ArchiveError::Empty) { Exit::Failed } else { exit }, code, error))
        }
    }
}

/// What stopped a fold that was to verify something: a store that does not answer, or a history that does not hold.
pub fn unverified(error: RunError) -> Failure {
    let code = error.code();
    Failure::new(if code == "CRN-5404" { Exit::Unreachable } else { Exit::Unverified }, code, error)
}

fn unopened(error: StoreError) -> Failure {
    Failure::new(Exit::Failed, error.code(), error)
}
