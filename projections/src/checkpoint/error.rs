//! Why no checkpoint is signed.
//!
//! Owns codes 6211 to 6219. Refuses to go on after any of them: a signer in doubt does not sign.

use cairn_log::journal::JournalError;
use cairn_schemas::{Root, code, note::NoteError};
use std::{io, path::PathBuf};

/// A signer that stops.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{}: it is no checkpoint of this partition and key", path.display())]
    Damaged { path: PathBuf, source: NoteError },
    #[error("{}: another signer is at work", path.display())]
    Taken { path: PathBuf },
    #[error("{}: it changed under the signer's hands", path.display())]
    Moved { path: PathBuf },
    #[error("journal[{partition}] has {found} leaves, fewer than the {signed} signed before")]
    Behind { partition: u32, found: u64, signed: u64 },
    #[error("journal[{partition}] is no continuation of the tree of {size} leaves with root {root} signed before")]
    Inconsistent { partition: u32, size: u64, root: Root },
    #[error("the key at hand is no checkpoint key of journal[{partition}]'s instance")]
    NotAuthorised { partition: u32 },
    #[error("the checkpoint of {origin} cannot be signed")]
    Unsignable { origin: String, source: NoteError },
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl CheckpointError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            CheckpointError::Damaged { .. } => "CRN-6211",
            CheckpointError::Taken { .. } | CheckpointError::Moved { .. } => "CRN-6212",
            CheckpointError::Behind { .. } | CheckpointError::Inconsistent { .. } => "CRN-6213",
            CheckpointError::NotAuthorised { .. } => "CRN-6214",
            CheckpointError::Unsignable { .. } => "CRN-6215",
            CheckpointError::Io { .. } => "CRN-6216",
            CheckpointError::Journal(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            CheckpointError::Journal(error) => error.next(),
            own => code::find(own.code()).map_or("", |entry| entry.next),
        }
    }
}
