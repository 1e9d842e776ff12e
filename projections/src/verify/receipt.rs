//! Receipts, checked by whoever holds one: `GET /v1/receipts/{id}` as it was answered, and a trust anchor.
//!
//! Owns the one question: does the proof lead from this entry to a checkpoint that a trusted key signed. The fields read are `entry`
//! and `proof`; what else a receipt says for people must not contradict the entry. Refuses receipts without a proof.

use super::{Reason, Trust, VerifyError};
use cairn_schemas::{
    LeafHash, Root,
    codec::jcs,
    decision::LeafEntry,
    merkle,
    note::{Checkpoint, VerifierKey},
};
use serde::Deserialize;

/// What a receipt is called in errors.
const RECEIPT: &str = "receipt";

#[derive(Deserialize)]
struct Receipt {
    decision: String,
    entry: LeafEntry,
    leaf: u64,
    partition: u32,
    #[serde(default)]
    code: Option<String>,
    verdict: String,
    #[serde(default)]
    proof: Option<Proof>,
}

#[derive(Deserialize)]
struct Proof {
    path: Vec<Root>,
    checkpoint: String,
}

/// What a receipt proves: this entry is a leaf of that checkpoint's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub entry: LeafEntry,
    pub leaf_hash: LeafHash,
    pub checkpoint: Checkpoint,
    /// Trusted keys that signed the checkpoint.
    pub signed_by: Vec<VerifierKey>,
}

/// Verifies a receipt in JSON against a trust anchor. Pure.
pub fn verify_receipt(json: &[u8], trust: &Trust) -> Result<Proven, VerifyError> {
    let refuse = |why| Reason::Receipt(why).of(RECEIPT);
    let receipt: Receipt = jcs::from_slice(json).map_err(|error| Reason::Lenient { row: None, why: format!("it {error}") }.of(RECEIPT))?;
    let proof = receipt.proof.as_ref().ok_or_else(|| refuse("it carries no proof yet: ask again once a checkpoint covers its leaf"))?;
    let note = proof.checkpoint.as_bytes();
    let origin = proof.checkpoint.lines().next().unwrap_or_default();
    let keys = trust.of(origin)?;
    let (checkpoint, signed_by) = Checkpoint::open(note, &keys).map_err(|error| Reason::CheckpointKey(error.to_string()).of(RECEIPT))?;
    if !says_what_its_entry_says(&receipt, &checkpoint) {
        return Err(refuse("its fields contradict its leaf entry"));
    }
    let leaf_hash = receipt.entry.hash().map_err(|_| refuse("its leaf entry cannot be encoded"))?;
    let path: Vec<merkle::Hash> = proof.path.iter().map(|hash| hash.0).collect();
    if !merkle::verify_inclusion(&leaf_hash.0, receipt.entry.leaf, checkpoint.size, &path, &checkpoint.root) {
        return Err(refuse("the path does not lead from its entry to the checkpoint's root"));
    }
    let signed_by = signed_by.into_iter().cloned().collect();
    Ok(Proven { entry: receipt.entry, leaf_hash, checkpoint, signed_by })
}

fn says_what_its_entry_says(receipt: &Receipt, checkpoint: &Checkpoint) -> bool {
    let entry = &receipt.entry;
    entry.leaf == receipt.leaf
        && entry.partition == receipt.partition
        && entry.verdict == *receipt.code.as_ref().unwrap_or(&receipt.verdict)
        && entry.decision.to_string() == receipt.decision
        && checkpoint.origin.ends_with(&format!("/{}", entry.partition))
}
