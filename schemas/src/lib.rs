//! The vocabulary of Cairn: what an event, a fact, a decision and a block are, and their exact bytes.
//!
//! Owns every persisted format and its golden bytes, ids, amounts, error codes, limits and Merkle proofs.
//! Refuses I/O, clocks, threads and tokio: this crate builds and runs anywhere.

pub mod account;
pub mod block;
pub mod code;
pub mod codec;
pub mod decision;
pub mod event;
pub mod fact;
pub mod genesis;
#[cfg(test)]
mod golden;
pub mod ids;
pub mod limits;
pub mod merkle;
pub mod note;
pub mod problem;
pub mod record;
pub mod sign;
pub mod topic;
pub mod trace;
pub mod value;

pub use account::Account;
pub use event::{Body, Event};
pub use fact::Fact;
pub use ids::*;
pub use record::{Encoding, SignedEvent};
pub use sign::{PublicKey, SecretKey, Signature};
pub use topic::{Stream, Topic};
pub use value::{Amount, BlobRef, ByteString, Line, Name, Rate, Text, Timestamp};
