//! Stores: where a node's blobs and snapshots lie, as its configuration says.
//!
//! Owns the way from a URL, or none, to each of them. Refuses contents.

use crate::{
    exit::{Exit, Failure},
    node::{config::Config, layout::Layout},
};
use cairn_log::{
    blobs::Blobs,
    store::{Store, StoreError},
};
use cairn_processors::runner::Snapshots;

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

fn unopened(error: StoreError) -> Failure {
    Failure::new(Exit::Failed, error.code(), error)
}
