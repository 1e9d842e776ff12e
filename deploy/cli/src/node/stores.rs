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
use cairn_schemas::ids::InstanceId;
use std::sync::Arc;

pub fn blobs(config: &Config, layout: &Layout) -> Result<Blobs, Failure> {
    let blobs = match config.blobs.url.as_str() {
        "" => Blobs::local(&layout.blobs()),
        url => Blobs::open(url),
    };
    blobs.map_err(|error| Failure::new(Exit::Failed, error.code(), error))
}

/// Snapshots to look at, whoever's they are.
pub fn snapshots(config: &Config, layout: &Layout) -> Result<Snapshots, Failure> {
    Ok(Snapshots::over(snapshot_store(config, layout)?))
}

/// The snapshots of an instance, to be saved and started from.
pub async fn own_snapshots(config: &Config, layout: &Layout, instance: InstanceId) -> Result<Snapshots, Failure> {
    Ok(Snapshots::over(owned(snapshot_store(config, layout)?, instance).await?).keeping(config.snapshots.keep))
}

fn snapshot_store(config: &Config, layout: &Layout) -> Result<Store, Failure> {
    let store = match config.snapshots.url.as_str() {
        "" => Store::local(&layout.snapshots()),
        url => Store::open(url),
    };
    store.map_err(unopened)
}

/// The archive before the node's journals, if there is one.
pub fn archive(config: &Config) -> Result<Option<Archive>, Failure> {
    Ok(archive_store(config)?.map(Archive::over))
}

/// The archive of an instance, to be written and deleted behind.
pub async fn own_archive(config: &Config, instance: InstanceId) -> Result<Option<Archive>, Failure> {
    match archive_store(config)? {
        Some(store) => Ok(Some(Archive::over(owned(store, instance).await?))),
        None => Ok(None),
    }
}

fn archive_store(config: &Config) -> Result<Option<Store>, Failure> {
    match config.archive.url.as_str() {
        "" => Ok(None),
        url => Store::open(url).map(Some).map_err(unopened),
    }
}

/// The store as an instance's. One that does not answer now is asked before it is first used.
async fn owned(store: Store, instance: InstanceId) -> Result<Store, Failure> {
    let store = store.owned_by(instance);
    match store.check_owner().await {
        Err(error @ StoreError::Foreign { .. }) => Err(unopened(error)),
        Err(error) => {
            tracing::warn!(code = error.code(), "whose store it is will be asked again: {error}");
            Ok(store)
        }
        Ok(()) => Ok(store),
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
