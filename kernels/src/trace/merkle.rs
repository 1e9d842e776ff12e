//! RFC 6962 trees over SHA-256, for the bounded lists of this crate: records, tensors, contributions, leaves.
//!
//! Owns roots and inclusion proofs of leaf digests. Refuses growth and consistency: the journal's tree is elsewhere.

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

/// The audit path of leaf `index`, RFC 6962 §2.1.1, from the leaf upwards; none if there is no such leaf.
pub fn proof(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(vec![]);
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) =
        if index < left.len() { (proof(left, index)?, root(right)) } else { (proof(right, index - left.len())?, root(left)) };
    path.push(sibling);
    Some(path)
}

/// Whether `path` leads from `leaf` at `index` of `size` leaves to `root` (RFC 9162 §2.1.3.2). Exact: a path too long or too
/// short fails.
pub fn verify(root: &Digest, leaf: &Digest, index: u64, size: u64, path: &[Digest]) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The largest power of two below `size`, which is at least two.
fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}
