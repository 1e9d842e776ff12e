//! Checkpoints: the signed word on how long a partition's history is, and which root it has (C2SP tlog-checkpoint).
//!
//! Owns one signer per partition, which folds blocks that were read back, and the files under `DIR/checkpoints`. Refuses
//! processor keys, and to sign a tree that is smaller than, or no continuation of, the one it signed last.

mod error;
mod files;
mod signing;
#[cfg(test)]
mod tests;

pub use error::CheckpointError;
pub use files::CheckpointFiles;
pub use signing::Signing;

use cairn_schemas::{
    genesis::Genesis,
    note::{NoteError, VerifierKey},
};
use std::time::Duration;

/// How long after a checkpoint the next is signed at the earliest.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// The keys whose signature makes a checkpoint of this partition: each of the instance's checkpoint keys, under the partition's origin.
pub fn verifier_keys(genesis: &Genesis, partition: u32) -> Result<Vec<VerifierKey>, NoteError> {
    let origin = genesis.origin_of(partition);
    genesis.checkpoint_keys.iter().map(|key| VerifierKey::new(&origin, *key)).collect()
}

/// The contents of `DIR/checkpoint.vkey`: what an auditor is given to trust, a line per partition and key.
pub fn anchors(genesis: &Genesis) -> Result<String, NoteError> {
    let mut lines = String::new();
    for partition in 0..genesis.partitions {
        for key in verifier_keys(genesis, partition)? {
            lines.push_str(&format!("{key}\n"));
        }
    }
    Ok(lines)
}
