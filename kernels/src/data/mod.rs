//! Data sets: bytes in, records out, pinned by what they decode to.
//!
//! Owns the decoded form (`DataSet`), its Merkle root and canonical bytes, the parsers (`idx`, `csv`), the rule for
//! folders (`folder`) and the built-in digits (`digits`). Refuses to fetch: bytes come from the caller.

mod csv;
mod digits;
mod folder;
mod idx;
mod set;

pub use folder::Parts;
pub use set::{DataSet, Records};

/// Bytes of one file, decompressed.
pub const FILE_BYTES: u64 = 1 << 30;

#[cfg(test)]
mod tests;
