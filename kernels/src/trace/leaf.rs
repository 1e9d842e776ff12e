//! Leaves of a trace: what is claimed of each, and the digest that commits to it.
//!
//! Owns the leaf's bytes. They bind task, attempt and worker, so that another's trace root is of no use to a copycat.

use sha2::{Digest as _, Sha256};

use super::merkle::{self, Digest};

const TAG: &[u8] = b"cairn/trace-leaf/v1";

/// Whose leaf it is. `task` and `worker` are identifiers as the ledger spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    pub task: &'a [u8],
    pub attempt: u32,
    pub worker: &'a [u8],
}

/// One leaf of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafClaim {
    /// From 0, the task's input.
    pub index: u32,
    pub value: LeafValue,
}

/// What a leaf claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafValue {
    /// A state (or an aggregation's contributions) and, after a step, the last batch's loss and gradient norm as f32 bits.
    State { root: Digest, loss_bits: u32, grad_norm_bits: u32 },
    /// An evaluation's integers.
    Score { correct: u32, total: u32 },
}

impl LeafClaim {
    /// The claim's bytes within a leaf: index, kind (0 state, 1 score), then the fields, integers u32 big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let index = self.index.to_be_bytes();
        match &self.value {
            LeafValue::State { root, loss_bits, grad_norm_bits } => {
                [&index[..], &[0], root, &loss_bits.to_be_bytes(), &grad_norm_bits.to_be_bytes()].concat()
            }
            LeafValue::Score { correct, total } => [&index[..], &[1], &correct.to_be_bytes(), &total.to_be_bytes()].concat(),
        }
    }
}

/// SHA-256 over a domain tag and, each with its length (u32 big-endian) before it, task, attempt, worker and claim.
pub fn leaf_hash(of: Binding<'_>, claim: &LeafClaim) -> Digest {
    let mut hash = Sha256::new_with_prefix(TAG);
    for part in [of.task, &of.attempt.to_be_bytes(), of.worker, &claim.to_bytes()] {
        hash.update((part.len() as u32).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The RFC 6962 root over leaf hashes, each the bytes of one leaf: what a commitment states.
pub fn trace_root(leaf_hashes: &[Digest]) -> Digest {
    merkle::root(&tree_leaves(leaf_hashes))
}

/// The digests of the tree's leaves, to make proofs from (`merkle::proof`).
pub fn tree_leaves(leaf_hashes: &[Digest]) -> Vec<Digest> {
    leaf_hashes.iter().map(|hash| merkle::leaf(hash)).collect()
}
