//! The journal: what was decided, as a chain of blocks that every reader folds by one rule.
//!
//! Owns claims, the one validity rule and the fold over it ([`Chain`]), the forming of the block that comes next
//! ([`Draft`]), block 0 ([`genesis`]) and reading along a log ([`Follower`]). Refuses verdicts: what a decision means, the
//! decider and the projections say; here a decision is a leaf.
//!
//! Every reader (processor, worker, projection, receipt, verifier) uses this code and no other. A record either extends
//! the chain or is *void*: ignored, counted by reason, shown. What this binary cannot understand halts it instead.

mod chain;
mod error;
mod follower;
mod form;
pub mod genesis;
mod saved;
mod step;
mod valid;

pub use chain::Chain;
pub use error::JournalError;
pub use follower::{Follower, Taken, Voids};
pub use form::Draft;
pub use step::{Step, ValidBlock, VoidReason};

#[cfg(test)]
pub(crate) mod tests;
