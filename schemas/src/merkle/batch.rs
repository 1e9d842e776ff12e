//! Bounded batches: trees built once over leaves in memory, such as signed batches, traces and the rows of an export.
//!
//! Owns the checks that rs_merkle leaves to its caller. Refuses growth: the history of a partition is [`super::Range`].

use super::{Hash, MerkleError, empty_root, leaf_hash, node_hash};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};

/// RFC 6962 as rs_merkle asks for it: nodes have their own prefix, a node without a sibling is promoted.
#[derive(Debug, Clone, Copy)]
pub struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = Hash;

    fn hash(entry: &[u8]) -> Hash {
        leaf_hash(entry)
    }

    fn concat_and_hash(left: &Hash, right: Option<&Hash>) -> Hash {
        right.map_or(*left, |right| node_hash(left, right))
    }
}

/// A batch over leaf hashes, for its root and many proofs.
pub struct Batch {
    tree: MerkleTree<Rfc6962>,
    size: usize,
}

impl Batch {
    /// Builds the tree, once.
    pub fn new(leaves: &[Hash]) -> Self {
        Self { tree: MerkleTree::from_leaves(leaves), size: leaves.len() }
    }

    /// The root; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        self.tree.root().unwrap_or_else(empty_root)
    }

    /// The path of one leaf, from its sibling upwards.
    pub fn prove(&self, index: usize) -> Result<Vec<Hash>, MerkleError> {
        if index >= self.size {
            return Err(MerkleError::Index { index: index as u64, size: self.size as u64 });
        }
        Ok(self.tree.proof(&[index]).proof_hashes().to_vec())
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch(of {} leaves)", self.size)
    }
}

/// The root over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    Batch::new(leaves).root()
}

/// The path of one leaf of a batch.
pub fn prove(leaves: &[Hash], index: usize) -> Result<Vec<Hash>, MerkleError> {
    Batch::new(leaves).prove(index)
}

/// Whether `path` shows `leaf` at `index` under the root of a batch of `size` leaves.
///
/// `size` must be the signed size: rs_merkle believes whatever it is told, and ignores hashes after the last it needs.
pub fn verify(root: &Hash, size: usize, index: usize, leaf: &Hash, path: &[Hash]) -> bool {
    index < size
        && path.len() == path_length(index, size)
        && MerkleProof::<Rfc6962>::new(path.to_vec()).verify(*root, &[index], &[*leaf], size)
}

/// Hashes in the path of a leaf: one for each level on which its ancestor has a sibling.
fn path_length(mut index: usize, size: usize) -> usize {
    let (mut last, mut length) = (size - 1, 0);
    while last > 0 {
        length += usize::from(index & 1 == 1 || index < last);
        index >>= 1;
        last >>= 1;
    }
    length
}
