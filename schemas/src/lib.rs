//! The vocabulary of Cairn: what an event, a fact, a decision and a block are, and their exact bytes.
//!
//! Owns every persisted format and its golden bytes, ids, amounts, error codes, limits and Merkle proofs.
//! Refuses I/O, clocks, threads and tokio: this crate builds and runs anywhere.

pub mod codec;
pub mod limits;
pub mod merkle;
pub mod sign;
pub mod topic;

pub use topic::{Stream, Topic};
