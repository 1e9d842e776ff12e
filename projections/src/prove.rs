//! Proving: from a leaf to the newest signed checkpoint.
//!
//! Owns the proof as readers get it. Refuses to sign: whoever signs checkpoints tells of them through [`Checkpoints`].

use crate::tree::Tree;
use cairn_schemas::{LeafHash, Root};
use serde::Serialize;
use std::fmt;

/// A signed checkpoint of a partition's tree, as a C2SP note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub partition: u32,
    pub origin: String,
    pub size: u64,
    pub root: Root,
    /// The note with its signatures.
    pub note: String,
}

/// Where signed checkpoints come from.
pub trait Checkpoints: Send + Sync + fmt::Debug {
    /// The newest of a partition, if there is one.
    fn newest(&self, partition: u32) -> Option<SignedCheckpoint>;

    /// Those that the table `checkpoints` shows: the newest of each partition at least.
    fn all(&self) -> Vec<SignedCheckpoint>;
}

/// No checkpoints: nothing is proved.
#[derive(Debug)]
pub struct NoCheckpoints;

impl Checkpoints for NoCheckpoints {
    fn newest(&self, _partition: u32) -> Option<SignedCheckpoint> {
        None
    }

    fn all(&self) -> Vec<SignedCheckpoint> {
        Vec::new()
    }
}

/// That a leaf is in a partition's history, up to a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InclusionProof {
    pub origin: String,
    pub partition: u32,
    pub leaf: u64,
    pub leaf_hash: LeafHash,
    /// Leaves in the tree of the checkpoint.
    pub size: u64,
    pub root: Root,
    /// RFC 9162 inclusion path, from the leaf up.
    pub path: Vec<Root>,
    /// The signed note.
    pub checkpoint: String,
}

/// The proof of a leaf under a checkpoint; `None` while no checkpoint covers it.
pub fn prove(tree: &Tree, checkpoint: Option<SignedCheckpoint>, leaf: u64) -> Option<InclusionProof> {
    let checkpoint = checkpoint?;
    let path = tree.inclusion(leaf, checkpoint.size).ok()?;
    Some(InclusionProof {
        origin: checkpoint.origin,
        partition: checkpoint.partition,
        leaf,
        leaf_hash: LeafHash(tree.leaf(leaf)?),
        size: checkpoint.size,
        root: checkpoint.root,
        path: path.into_iter().map(Root).collect(),
        checkpoint: checkpoint.note,
    })
}
