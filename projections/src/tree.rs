//! Trees: the RFC 6962 tree of each partition's history, with every perfect node at hand.
//!
//! Owns the nodes in memory (64 bytes a leaf) and inclusion proofs from them. Refuses to sign: a root becomes a checkpoint elsewhere.

use cairn_schemas::merkle::{Hash, MerkleError, Nodes, inclusion, node_hash};

/// A growing tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Level 0 are the leaf hashes; a node of level n stands over 2^n leaves.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf hash, and each node that it completes.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len() % 2 == 0 => hash = node_hash(left, right),
                _ => return,
            }
        }
    }

    /// The hash of a leaf.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// Proves that leaf `index` is in the tree of the first `size` leaves.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, MerkleError> {
        if size > self.size() {
            return Err(MerkleError::Index { index: size, size: self.size() });
        }
        inclusion(self, index, size)
    }
}

impl Nodes for Tree {
    type Error = MerkleError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, MerkleError> {
        let missing = || MerkleError::Index { index, size: self.size() };
        let nodes = self.levels.get(level as usize).ok_or_else(missing)?;
        usize::try_from(index).ok().and_then(|index| nodes.get(index)).copied().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_schemas::merkle::{Range, leaf_hash, verify_inclusion};

    #[test]
    fn every_leaf_is_proved_in_every_later_tree() {
        let (mut tree, mut range) = (Tree::default(), Range::new());
        for size in 1..70u64 {
            let leaf = leaf_hash(&size.to_be_bytes());
            tree.append(leaf);
            range.append(leaf);
            for index in 0..size {
                let proof = tree.inclusion(index, size).unwrap();
                assert!(verify_inclusion(&tree.leaf(index).unwrap(), index, size, &proof, &range.root()), "{index} of {size}");
            }
            assert!(tree.inclusion(size, size).is_err() && tree.inclusion(0, size + 1).is_err());
        }
    }
}
