//! Merkle trees of RFC 6962 (RFC 9162): one hashing rule for the history of a partition and for every bounded batch.
//!
//! Owns leaf and node hashes, the compact range, inclusion and consistency proofs, and batches. Refuses storage: callers
//! bring the nodes.

pub mod batch;
mod proof;
mod range;

pub use proof::{Nodes, consistency, inclusion, verify_consistency, verify_inclusion};
pub use range::Range;

use sha2::{Digest, Sha256};

/// A SHA-256 node of a tree.
pub type Hash = [u8; 32];

/// Proofs and ranges that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index { index: u64, size: u64 },
    #[error("a tree of {new} leaves is no later state of one of {old}")]
    Sizes { old: u64, new: u64 },
    #[error("a compact range of {size} leaves does not have this length")]
    RangeLength { size: u64 },
    #[error("a compact range begins with its size, 8 bytes")]
    RangeHead,
}

/// The hash of a leaf: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

#[cfg(test)]
mod tests;
