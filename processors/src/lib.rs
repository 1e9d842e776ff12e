//! Processors: who decides, who works, and how both speak.
//!
//! Owns the decider (pure), the runner (the only part that waits), the workers (authors that compute), and what authors need.
//! Refuses tables, HTTP and terminals.

pub mod author;
pub mod decider;
pub mod ledger;
#[cfg(feature = "planted")]
pub mod planted;
pub mod runner;
pub mod workers;
