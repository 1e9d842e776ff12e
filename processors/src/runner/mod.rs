//! The runner: what turns records in topics into blocks in a journal.
//!
//! Owns everything around the decider that waits: taking inputs, verifying signatures in batches, claiming a partition,
//! forming blocks, appending them, reading them back, snapshots and replay. Refuses judgement: the decider decides, the
//! journal's rule says what counts.
//!
//! A record walks: `take` → `verify` → `form` (admission, decision, evolution) → `append` → `lead` reads it back.
//! Nothing leaves before that: neither the progress that others watch, nor a snapshot. Everything here may be dropped at any
//! `await`: what was not yet in the journal did not happen, and what was is found there by the next leader.

mod append;
mod claim;
mod error;
mod fold;
mod form;
mod hold;
mod lead;
mod metrics;
mod options;
mod pulse;
mod replay;
mod run;
mod snapshot;
mod spans;
mod take;
mod timer;
mod trim;
mod verify;

pub use error::RunError;
pub use metrics::Metrics;
pub use options::Options;
pub use replay::{Problem, ReplayOptions, ReplayProgress, ReplayReport, replay};
pub use run::{Decided, Ended, Processor};
pub use snapshot::{Finding, Kept, Snapshot, SnapshotCheck, Snapshots, verify_snapshots};
pub use timer::{RealTime, Timer, VirtualTime};
pub use trim::trim;
pub use verify::Pool;

/// The rules that this binary decides by; a block names the rules it was decided by.
pub const RULES: u32 = 1;

#[cfg(test)]
mod tests;
