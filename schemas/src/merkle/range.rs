//! The compact range: the right edge of a tree, enough to append to it and to know its root.
//!
//! Owns the roots of the perfect subtrees of leaves 0 to size − 1, largest first. Refuses to look back: proofs need nodes.

use super::{Hash, MerkleError, empty_root, node_hash};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The compact range of a growing tree.
///
/// As bytes: size (u64, big-endian), then one root of 32 bytes for each one bit of the size, from the highest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    size: u64,
    peaks: Vec<Hash>,
}

impl Range {
    /// The range of an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash: a carry over the one bits at the low end of the size.
    pub fn append(&mut self, leaf: Hash) {
        let mut carried = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                carried = node_hash(&left, &carried);
            }
        }
        self.peaks.push(carried);
        self.size += 1;
    }

    /// The root of the tree of all leaves so far.
    pub fn root(&self) -> Hash {
        let Some((last, rest)) = self.peaks.split_last() else { return empty_root() };
        rest.iter().rev().fold(*last, |right, left| node_hash(left, &right))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.peaks.iter().for_each(|peak| bytes.extend_from_slice(peak));
        bytes
    }

    /// Reads a range that is exactly as long as its size demands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MerkleError> {
        let (head, body) = bytes.split_first_chunk::<8>().ok_or(MerkleError::RangeHead)?;
        let size = u64::from_be_bytes(*head);
        let (peaks, rest) = body.as_chunks::<32>();
        if !rest.is_empty() || peaks.len() != size.count_ones() as usize {
            return Err(MerkleError::RangeLength { size });
        }
        Ok(Self { size, peaks: peaks.to_vec() })
    }
}

impl FromIterator<Hash> for Range {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut range = Self::new();
        leaves.into_iter().for_each(|leaf| range.append(leaf));
        range
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(RangeBytes)
    }
}

struct RangeBytes;

impl de::Visitor<'_> for RangeBytes {
    type Value = Range;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a compact range")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Range, E> {
        Range::from_bytes(bytes).map_err(E::custom)
    }
}
