//! The decider: what was said goes in, what follows comes out.
//!
//! Owns admission, the books and the clock of deadlines. It is pure, synchronous and total: bad input is a disposition or a
//! rejection, never an error. Refuses I/O, clocks, randomness, threads, signatures (the runner has verified them) and hash maps.
//!
//! A record walks: [`admit`] → [`decide_event`] → one book (or several, joined in a file per subject) → facts → [`evolve`].
//! A tick walks: [`due`] → [`decide_tick`] → facts → [`evolve`].

mod admission;
mod books;
mod clock;
mod decide;
mod evolve;
mod governance;
mod lanes;
mod payments;
mod rejection;
mod state;
#[cfg(any(test, feature = "story"))]
pub mod story;
mod training;

use cairn_schemas::{Timestamp, ids::BlockHash};

pub use admission::{Admission, admit};
pub use books::Balance;
pub use clock::{decide_tick, due};
pub use decide::decide_event;
pub use evolve::evolve;
pub use rejection::{Halt, Rejection};
pub use state::{State, check_invariants};

/// What a decision may know besides the state: the block it will stand in. The only time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Block time.
    pub time: Timestamp,
    pub height: u64,
    /// Hash of the journal record before this block.
    pub prev: BlockHash,
    /// In the first block after a claim: milliseconds in which nobody decided.
    pub gap_ms: Option<u64>,
}

impl Context {
    /// Whether a deadline is over: block time lies after it. What arrives at the deadline itself is in time.
    pub fn is_past(&self, due: Timestamp) -> bool {
        due < self.time
    }
}

#[cfg(test)]
mod tests;
