//! RFC 6962 roots over SHA-256, for the bounded lists of this crate: records, tensors, contributions.
//!
//! Owns the root of leaf digests. Refuses proofs: what proves a leaf of a trace or of the journal is in the ledger's schemas.

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// The byte before a leaf's bytes.
pub const LEAF: u8 = 0x00;
/// The byte before a node's two children.
pub const NODE: u8 = 0x01;

/// The digest of a leaf.
pub fn leaf(bytes: &[u8]) -> Digest {
    Sha256::new().chain_update([LEAF]).chain_update(bytes).finalize().into()
}

fn node(left: &Digest, right: &Digest) -> Digest {
    Sha256::new().chain_update([NODE]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over leaf digests, RFC 6962 §2.1; of none it is the hash of nothing.
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Sha256::digest([]).into(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `size`, which is at least two.
fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}
