//! Why the archive does not tell a journal, or does not take one.
//!
//! Owns codes 5501 to 5509. Refuses to pass anything over: what is missing or damaged is named.

use crate::error::next_of;
use crate::journal::JournalError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("archived segment {key} is damaged: {reason}")]
    Damaged { key: String, reason: &'static str },
    #[error("archive of journal[{partition}]: no segment tells of block {height}")]
    Gap { partition: u32, height: u64 },
    #[error("archived segment {key} tells of another journal than this one")]
    Conflict { key: String },
    #[error("the archive holds no segment of any journal")]
    Empty,
    #[error("archived segment {key} has format {version}")]
    Version { key: String, version: u8 },
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be archived must not be read on.
    #[error(transparent)]
    Journal(Box<JournalError>),
}

impl From<JournalError> for ArchiveError {
    fn from(error: JournalError) -> ArchiveError {
        ArchiveError::Journal(Box::new(error))
    }
}

impl ArchiveError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            ArchiveError::Damaged { .. } => "CRN-5501",
            ArchiveError::Gap { .. } => "CRN-5502",
            ArchiveError::Conflict { .. } => "CRN-5503",
            ArchiveError::Empty => "CRN-5504",
            ArchiveError::Version { .. } => "CRN-5505",
            ArchiveError::Store(error) => error.code(),
            ArchiveError::Journal(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            ArchiveError::Journal(error) => error.next(),
            own => next_of(own.code()),
        }
    }

    /// Whether asking again may help: the store did not answer.
    pub fn passes(&self) -> bool {
        matches!(self, ArchiveError::Store(StoreError::Failed { .. }))
    }
}
