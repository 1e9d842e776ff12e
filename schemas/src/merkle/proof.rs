//! Inclusion and consistency proofs, RFC 9162 §2.1.3 and §2.1.4.
//!
//! Owns building proofs from any source of nodes and verifying them from nothing. Refuses proofs that are longer or
//! shorter than the sizes demand.

use super::{Hash, MerkleError, empty_root, node_hash};

/// Where the nodes of a tree come from: leaf hashes in memory, or tiles.
pub trait Nodes {
    type Error: From<MerkleError>;

    /// The root of the perfect subtree of leaves `index << level` up to, not including, `(index + 1) << level`.
    ///
    /// Asked only for subtrees that lie wholly within the tree. MUST answer the same for the same question, always.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// All leaf hashes of a tree.
impl Nodes for [Hash] {
    type Error = MerkleError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, MerkleError> {
        let first = index << level;
        let missing = MerkleError::Index { index: first, size: self.len() as u64 };
        let start = usize::try_from(first).map_err(|_| missing.clone())?;
        let leaves = start.checked_add(1 << level).and_then(|end| self.get(start..end)).ok_or(missing)?;
        let mut range = super::Range::new();
        leaves.iter().for_each(|leaf| range.append(*leaf));
        Ok(range.root())
    }
}

/// Proves that leaf `index` is in the tree of the first `size` leaves.
pub fn inclusion<N: Nodes + ?Sized>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    if index >= size {
        return Err(MerkleError::Index { index, size }.into());
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root_of(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Proves that the tree of the first `old` leaves is the beginning of the tree of the first `new`.
pub fn consistency<N: Nodes + ?Sized>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    if old > new {
        return Err(MerkleError::Sizes { old, new }.into());
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut path = Vec::new();
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root_of(nodes, start, middle)?);
            start = middle;
        }
    }
    // The subtree that ends the old tree is known to the verifier only if it is the whole old tree.
    if start > 0 {
        path.push(root_of(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `proof` shows `leaf` at `index` under the root of a tree of `size` leaves. `size` must come from a signed source.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            rise_past_promotions(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree `old_root` of `old` leaves is the beginning of `new_root` of `new` leaves.
/// Every tree begins with the empty one. Both sizes must come from signed sources.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root() && (new > 0 || new_root == old_root);
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    // The old tree, when it is perfect, is its own first step.
    let (first, steps) = match (old.is_power_of_two(), proof.split_first()) {
        (true, _) => (old_root, proof),
        (false, Some((first, steps))) => (first, steps),
        (false, None) => return false,
    };
    let (mut node, mut last) = (old - 1, new - 1);
    let risen = node.trailing_ones();
    node >>= risen;
    last >>= risen;
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            rise_past_promotions(&mut node, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The last node of a level without a sibling stands for its parent: skip levels until it is a right child.
fn rise_past_promotions(node: &mut u64, last: &mut u64) {
    let levels = if *node == 0 { 0 } else { node.trailing_zeros() };
    *node >>= levels;
    *last >>= levels;
}

/// The largest power of two below `size`, which is at least 2: where RFC 6962 divides a tree.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The root over leaves `start` up to `end`, where `start` is aligned as the tree's own divisions are.
fn root_of<N: Nodes + ?Sized>(nodes: &N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let size = end - start;
    if size.is_power_of_two() {
        return nodes.node(size.ilog2(), start >> size.ilog2());
    }
    let middle = start + split(size);
    Ok(node_hash(&root_of(nodes, start, middle)?, &root_of(nodes, middle, end)?))
}
