//! What an operator may choose about a runner, and the defaults.
//!
//! Owns no format: nothing here changes what a block means.

use super::Pool;
use std::time::Duration;

/// How a processor runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub pool: Pool,
    /// Bytes of records read ahead of decisions, per topic.
    pub queue_bytes: usize,
    /// How often a leader without work looks at the clock. A deadline is met to the millisecond all the same.
    pub heartbeat: Duration,
    /// Sendings of one append whose outcome is unknown, or that found no room, before the partition stops.
    pub append_attempts: u32,
    /// The wait before the second sending; doubled each time, at most 64 times as long.
    pub append_pause: Duration,
    /// Blocks from one snapshot to the next; 0 for none.
    pub snapshot_blocks: u64,
    /// Blocks from one walk over all invariants to the next; 1 in tests and simulation, 0 for none.
    pub invariant_blocks: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            pool: Pool::Threads,
            queue_bytes: 2 * 1024 * 1024,
            heartbeat: Duration::from_secs(1),
            append_attempts: 16,
            append_pause: Duration::from_millis(5),
            snapshot_blocks: 2_000,
            invariant_blocks: if cfg!(debug_assertions) { 1 } else { 256 },
        }
    }
}
