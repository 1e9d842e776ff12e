//! Traces: what a worker commits to, and what a verifier seals, byte for byte.
//!
//! Owns the hash of a trace leaf, the root of a task's inputs and the seal of an answer: workers and decider use these and no
//! others. Refuses judgement: whether an opening or a seal is the right one, the decider says.

use crate::{
    event::TraceLeaf,
    ids::{Root, Seal, StateRoot, TaskId},
    merkle::{self, Hash, batch},
    sign::PublicKey,
};
use sha2::{Digest, Sha256};

const LEAF_TAG: &[u8] = b"cairn trace leaf v1\0";
const INPUT_TAG: &[u8] = b"cairn task input v1\0";
const SEAL_TAG: &[u8] = b"cairn check seal v1\0";

/// The RFC 6962 leaf hash of one trace leaf. It binds task, attempt and worker, so that another's root is of no use to a copycat.
pub fn leaf_hash(task: &TaskId, attempt: u32, worker: &PublicKey, leaf: &TraceLeaf) -> Hash {
    merkle::leaf_hash(&[LEAF_TAG, &whose(task, attempt, worker), &leaf_bytes(leaf)].concat())
}

/// The root of a trace: RFC 6962 over its leaves, in order.
pub fn root(task: &TaskId, attempt: u32, worker: &PublicKey, leaves: &[TraceLeaf]) -> Root {
    Root(batch::root(&leaf_hashes(task, attempt, worker, leaves)))
}

/// The leaf hashes of a whole trace: what [`batch::prove`] takes its paths from.
pub fn leaf_hashes(task: &TaskId, attempt: u32, worker: &PublicKey, leaves: &[TraceLeaf]) -> Vec<Hash> {
    leaves.iter().map(|leaf| leaf_hash(task, attempt, worker, leaf)).collect()
}

/// Whether `path` shows `leaf` in the trace of `leaves` leaves under `root`.
pub fn is_opened(root: &Root, leaves: u32, task: &TaskId, attempt: u32, worker: &PublicKey, leaf: &TraceLeaf, path: &[Root]) -> bool {
    let path: Vec<Hash> = path.iter().map(|node| node.0).collect();
    batch::verify(&root.0, leaves as usize, leaf.index as usize, &leaf_hash(task, attempt, worker, leaf), &path)
}

/// The root of several inputs in their order: what leaf 0 of an aggregation shows.
pub fn inputs_root(states: &[StateRoot]) -> StateRoot {
    let leaves: Vec<Hash> = states.iter().map(|state| merkle::leaf_hash(&[INPUT_TAG, &state.0].concat())).collect();
    StateRoot(batch::root(&leaves))
}

/// The seal of an answer: SHA-256 over a tag, the verifier, task and attempt, the salt with its length, and the leaves with their number.
pub fn seal(verifier: &PublicKey, task: &TaskId, attempt: u32, salt: &[u8], leaves: &[TraceLeaf]) -> Seal {
    let mut hash = Sha256::new().chain_update(SEAL_TAG).chain_update(whose(task, attempt, verifier));
    hash.update((salt.len() as u64).to_be_bytes());
    hash.update(salt);
    hash.update((leaves.len() as u64).to_be_bytes());
    leaves.iter().for_each(|leaf| hash.update(leaf_bytes(leaf)));
    Seal(hash.finalize().into())
}

fn whose(task: &TaskId, attempt: u32, author: &PublicKey) -> [u8; 72] {
    let mut out = [0; 72];
    out[..32].copy_from_slice(&task.job.0);
    out[32..36].copy_from_slice(&task.index.to_be_bytes());
    out[36..40].copy_from_slice(&attempt.to_be_bytes());
    out[40..].copy_from_slice(&author.0);
    out
}

fn leaf_bytes(leaf: &TraceLeaf) -> [u8; 52] {
    let mut out = [0; 52];
    out[..4].copy_from_slice(&leaf.index.to_be_bytes());
    out[4..36].copy_from_slice(&leaf.state.0);
    out[36..44].copy_from_slice(&leaf.figures[0].to_be_bytes());
    out[44..].copy_from_slice(&leaf.figures[1].to_be_bytes());
    out
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
