//! Projections: the journal folded into tables that people read and can prove.
//!
//! Owns the fold to Arrow rows, hot rows and Delta tables as one, SQL over them, receipts, exports and their offline check, and the
//! HTTP routes that read. Refuses to decide: it knows the journal, and no rule of the decider's.
//!
//! A reader enters by [`Projections`]; the way of a block through here is `follow` → `fold` → `tables` (`hot`, `delta`) → `sql`.

pub mod checkpoint;
mod delta;
mod error;
pub mod export;
pub mod fold;
mod follow;
mod hot;
pub mod http;
mod lag;
mod options;
mod projections;
mod prove;
pub mod receipts;
pub mod rows;
#[cfg(test)]
mod speed_tests;
pub mod sql;
mod tables;
#[cfg(test)]
mod testing;
mod tree;
pub mod verify;

pub use error::{ProjectionError, SqlError};
pub use hot::Waiting;
pub use lag::{FoldLag, Folds};
pub use options::Options;
pub use projections::Projections;
pub use prove::{Checkpoints, InclusionProof, NoCheckpoints, SignedCheckpoint};
pub use tables::{Moment, Part, Reached, Tables, tables_dir};
pub use tree::Tree;
