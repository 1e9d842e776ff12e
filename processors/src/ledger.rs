//! The ledger as an author sees it: a journal to read, blobs to fetch and put, a place to speak.
//!
//! Owns the contract that workers and clients rely on, and its form inside a node. Refuses everything else a node can do:
//! whoever holds a ledger is an outsider with a key.

mod local;

pub use local::Local;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_log::Record;
use cairn_schemas::{BlobHash, BlobRef};
use std::fmt;

/// Why the ledger did not answer. All but `Refused` and `Missing` pass by themselves: ask again.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{operation}: the node is not reached: {reason}")]
    Unreachable { operation: &'static str, reason: String },
    #[error("{operation}: the node has too much to do")]
    Overloaded { operation: &'static str },
    #[error("{operation}: the node has no space left: {reason}")]
    Full { operation: &'static str, code: String, reason: String },
    #[error("{operation}: refused with {code}: {reason}")]
    Refused { operation: &'static str, code: String, reason: String },
    #[error("blob {hash} is not there")]
    Missing { hash: BlobHash },
    #[error("blob {hash} came with other bytes")]
    Damaged { hash: BlobHash },
}

impl LedgerError {
    /// Whether the same question may be answered later.
    pub fn passes(&self) -> bool {
        matches!(self, LedgerError::Unreachable { .. } | LedgerError::Overloaded { .. } | LedgerError::Full { .. })
    }

    pub fn code(&self) -> &str {
        match self {
            LedgerError::Unreachable { .. } => "CRN-7101",
            LedgerError::Overloaded { .. } => "CRN-7102",
            LedgerError::Full { code, .. } | LedgerError::Refused { code, .. } => code,
            LedgerError::Missing { .. } => "CRN-7103",
            LedgerError::Damaged { .. } => "CRN-7104",
        }
    }
}

/// A node, in this process or behind HTTP.
#[async_trait]
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Records of `journal[partition]` from `from` on. MAY wait a while for the first; none means: ask again.
    async fn journal(&self, partition: u32, from: u64) -> Result<Vec<Record>, LedgerError>;

    /// A blob's bytes, which MUST have that hash.
    async fn blob(&self, hash: &BlobHash) -> Result<Bytes, LedgerError>;

    /// Stores a blob. On `Ok`, MUST: it is durable.
    async fn put_blob(&self, bytes: Bytes) -> Result<BlobRef, LedgerError>;

    /// Says a signed event. On `Ok`, MUST: it is durable in its topic. After an error that passes, the same bytes may be said again.
    async fn say(&self, record: Bytes) -> Result<(), LedgerError>;
}
