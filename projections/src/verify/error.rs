//! Why an export does not verify.
//!
//! Owns codes 6301 to 6329: one reason each, beside the file it concerns. Refuses repair: an export is whole or it is nothing.

use cairn_schemas::{PublicKey, Root, code};
use std::io;

/// A failed verification: which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct VerifyError {
    /// The path inside the export; of memory and trust, the path or text that was given.
    pub file: String,
    pub reason: Reason,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is missing")]
    Missing,
    #[error("the manifest does not name it")]
    Extra,
    #[error("it has {found} bytes, not {expected}")]
    Size { expected: u64, found: u64 },
    #[error("its SHA-256 is {found}, not {expected}")]
    Hash { expected: Root, found: Root },
    #[error("it is no manifest: it {0}")]
    Manifest(String),
    #[error("it is of version {0}, which this binary does not know")]
    Version(u32),
    #[error("its signature is wrong")]
    ManifestSignature,
    #[error("it is signed by {0}, which is no key that counts for its checkpoint")]
    ManifestKey(PublicKey),
    #[error("{0}")]
    Claim(&'static str),
    #[error("it is no checkpoint of this export: {0}")]
    Checkpoint(String),
    #[error("no key that counts signed it: {0}")]
    CheckpointKey(String),
    #[error("none of the trusted keys is of origin {0}")]
    Origin(String),
    #[error("it is no genesis document of this instance: {0}")]
    Genesis(String),
    #[error("its leaves are not those of the checkpoint's tree: root {root} does not follow from them")]
    Root { root: Root },
    #[error("row {row} is leaf {found} where leaf {expected} must be")]
    Order { row: u64, expected: u64, found: u64 },
    #[error("row {row}: the leaf entry is not that of its decision")]
    Entry { row: u64 },
    #[error("row {row}: the event's signature is wrong")]
    Signature { row: u64 },
    #[error("row {row}, column {column}: it does not follow from the decisions")]
    Row { row: u64, column: String },
    #[error("it has {found} rows where {expected} follow from the decisions")]
    Rows { expected: u64, found: u64 },
    #[error("{}{why}", .row.map(|row| format!("row {row}: ")).unwrap_or_default())]
    Lenient { row: Option<u64>, why: String },
    #[error("its Parquet cannot be read: {0}")]
    Parquet(String),
    #[error("its checkpoint of {found} leaves is older than the one of {seen} seen before")]
    Rollback { seen: u64, found: u64 },
    #[error("its tree of {size} leaves is not the one seen before under the same origin: the history was forked")]
    Fork { size: u64 },
    #[error("the checkpoints seen before cannot be read or kept: {0}")]
    Memory(String),
    #[error("it is no trust anchor: {0}")]
    Trust(String),
    #[error("the receipt does not prove what it says: {0}")]
    Receipt(&'static str),
}

impl Reason {
    /// The failure of a file for this reason.
    pub(super) fn of(self, file: &str) -> VerifyError {
        VerifyError { file: file.to_owned(), reason: self }
    }

    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Unreadable(_) => "CRN-6301",
            Reason::Missing => "CRN-6302",
            Reason::Extra => "CRN-6303",
            Reason::Size { .. } => "CRN-6304",
            Reason::Hash { .. } => "CRN-6305",
            Reason::Manifest(_) => "CRN-6306",
            Reason::Version(_) => "CRN-6307",
            Reason::ManifestSignature => "CRN-6308",
            Reason::ManifestKey(_) => "CRN-6309",
            Reason::Claim(_) => "CRN-6310",
            Reason::Checkpoint(_) => "CRN-6311",
            Reason::CheckpointKey(_) => "CRN-6312",
            Reason::Origin(_) => "CRN-6313",
            Reason::Genesis(_) => "CRN-6314",
            Reason::Root { .. } => "CRN-6315",
            Reason::Order { .. } => "CRN-6316",
            Reason::Entry { .. } => "CRN-6317",
            Reason::Signature { .. } => "CRN-6318",
            Reason::Row { .. } | Reason::Rows { .. } => "CRN-6319",
            Reason::Lenient { .. } => "CRN-6320",
            Reason::Parquet(_) => "CRN-6321",
            Reason::Rollback { .. } => "CRN-6322",
            Reason::Fork { .. } => "CRN-6323",
            Reason::Memory(_) => "CRN-6324",
            Reason::Trust(_) => "CRN-6325",
            Reason::Receipt(_) => "CRN-6326",
        }
    }
}

impl VerifyError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        code::find(self.code()).map_or("", |entry| entry.next)
    }
}
