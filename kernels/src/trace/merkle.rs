//! RFC 6962 roots over SHA-256, for the bounded lists of this crate: records, tensors, contributions.
//!
//! Owns the root of leaf digests, of a list or one by one. Refuses proofs: what proves a leaf of a trace or of the journal is in the ledger's schemas.

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
    let mut tree = Growing::default();
    leaves.iter().for_each(|&leaf| tree.push(leaf));
    tree.root()
}

/// A tree that grows leaf by leaf, and keeps one digest for each of its complete subtrees: as many as its count has bits.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    leaves: u64,
    peaks: Vec<Digest>,
}

impl Growing {
    /// Takes the digest of one more leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut last = leaf;
        // Every trailing one of the count is a complete subtree as large as the one that has just come.
        for left in self.peaks.drain(self.peaks.len() - self.leaves.trailing_ones() as usize..).rev() {
            last = node(&left, &last);
        }
        self.peaks.push(last);
        self.leaves += 1;
    }

    /// The root over the leaves so far.
    pub fn root(&self) -> Digest {
        let root = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        root.unwrap_or_else(|| Sha256::digest([]).into())
    }
}
