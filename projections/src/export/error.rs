//! Why there is no export.
//!
//! Owns codes 6201 to 6209. Refuses half an export: what was begun has no manifest.

use arrow::error::ArrowError;
use cairn_log::journal::JournalError;
use cairn_schemas::{code, codec::CodecError, merkle::MerkleError, note::NoteError};
use parquet::errors::ParquetError;
use std::{io, path::PathBuf};

/// An export that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("journal[{partition}]: no checkpoint covers any leaf yet")]
    NothingSigned { partition: u32 },
    #[error("journal[{partition}]: leaves {first} to {last} are not a range of the {size} under the checkpoint")]
    Range { partition: u32, first: u64, last: u64, size: u64 },
    #[error("{at}: something is there already")]
    NotEmpty { at: String },
    #[error("{at} is no place to export to: {why}")]
    Target { at: String, why: String },
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("{operation} {at}")]
    Store { operation: &'static str, at: String, source: object_store::Error },
    #[error("the key at hand is no checkpoint key of journal[{partition}]'s instance")]
    NotAuthorised { partition: u32 },
    #[error("journal[{partition}] is not the one of which {size} leaves were signed")]
    OtherJournal { partition: u32, size: u64 },
    #[error("the checkpoint is not one of this instance and partition")]
    Checkpoint(#[from] NoteError),
    #[error("journal[{partition}] leaf {leaf}: {why}")]
    Unreadable { partition: u32, leaf: u64, why: String },
    #[error("rows of {file}")]
    Rows { file: String, source: ArrowError },
    #[error("Parquet of {file}")]
    Parquet { file: String, source: ParquetError },
    #[error("the manifest cannot be encoded")]
    Encode(#[from] CodecError),
    #[error("the range cannot be proved")]
    Proof(#[from] MerkleError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl ExportError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            ExportError::NothingSigned { .. } => "CRN-6201",
            ExportError::Range { .. } => "CRN-6202",
            ExportError::NotEmpty { .. } => "CRN-6203",
            ExportError::Target { .. } | ExportError::Io { .. } | ExportError::Store { .. } => "CRN-6204",
            ExportError::NotAuthorised { .. } => "CRN-6205",
            ExportError::OtherJournal { .. } | ExportError::Checkpoint(_) => "CRN-6206",
            ExportError::Unreadable { .. }
            | ExportError::Rows { .. }
            | ExportError::Parquet { .. }
            | ExportError::Encode(_)
            | ExportError::Proof(_) => "CRN-6207",
            ExportError::Journal(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            ExportError::Journal(error) => error.next(),
            own => code::find(own.code()).map_or("", |entry| entry.next),
        }
    }
}
