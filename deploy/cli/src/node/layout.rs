//! The layout of a node's folder: which file is where.
//!
//! Owns the paths of NAMES ("Files of a node"). Refuses contents.

use std::path::{Path, PathBuf};

/// A node's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub fn new(root: impl Into<PathBuf>) -> Layout {
        Layout { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who the live node is and how to reach it.
    pub fn node(&self) -> PathBuf {
        self.root.join("node.json")
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("cairn.toml")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.keys().join(format!("{name}.key"))
    }

    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// The outbox for lanes of the instance at a partition: each partition numbers its own. The first one's are the folder's.
    pub fn outbox_at(&self, partition: u32) -> PathBuf {
        if partition == 0 { self.outbox() } else { self.outbox().join(format!("partition-{partition}")) }
    }

    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// What this node was set up to be: realm, authors, workers. Durable before the first event.
    pub fn setup(&self) -> PathBuf {
        self.root.join("setup.toml")
    }

    /// The public anchor to hand to an auditor, one line per partition.
    pub fn anchor(&self) -> PathBuf {
        self.root.join("checkpoint.vkey")
    }
}
