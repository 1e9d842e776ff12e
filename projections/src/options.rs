//! Options: what an operator may change about projections.
//!
//! Owns the defaults, each with its reason. Refuses files: the composition root reads `cairn.toml`.

use std::time::Duration;

/// Bounds of folding and of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of rows in memory, all tables together, at which they are written to files.
    pub hot_bytes: usize,
    /// Bytes of rows in memory at which the fold waits for the files; a reader without files stops there.
    pub hot_bytes_most: usize,
    /// Rows are written after this time at the latest: what other engines see of the tables is no older.
    pub hot_age: Duration,
    /// Bytes that all queries together may take before they spill or are refused.
    pub query_bytes: usize,
    /// Bytes that queries may spill to disk.
    pub spill_bytes: u64,
    /// How long a question waits until the tables show what was decided before it was asked.
    pub fresh_wait: Duration,
    /// How long one query may take, its reading included.
    pub query_time: Duration,
    /// Rows that one query may answer.
    pub query_rows: usize,
    /// Bytes of rows that one query may answer.
    pub answer_bytes: usize,
    /// Queries answered at once; one more is refused.
    pub queries: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            hot_bytes: 64 * 1024 * 1024,
            hot_bytes_most: 512 * 1024 * 1024,
            hot_age: Duration::from_secs(30),
            query_bytes: 512 * 1024 * 1024,
            spill_bytes: 4 * 1024 * 1024 * 1024,
            fresh_wait: Duration::from_secs(20),
            query_time: Duration::from_secs(60),
            query_rows: 1_000_000,
            answer_bytes: 256 * 1024 * 1024,
            queries: 16,
        }
    }
}
