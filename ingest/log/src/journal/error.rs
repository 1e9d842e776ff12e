//! Why a reader of the journal stops.
//!
//! Owns codes 4001 to 4019. Refuses what is merely void: that is counted and stops nobody.

use crate::{AppendError, ReadError};
use cairn_schemas::{InstanceId, code, codec::CodecError};

/// A journal that must not be read on, or an instance that cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("journal[{partition}] at {offset}: the record has format {version}")]
    UnknownFormat { partition: u32, offset: u64, version: u8 },
    #[error("journal[{partition}] at {offset}: block {height} is valid, but its body cannot be read")]
    UnreadableBody { partition: u32, offset: u64, height: u64, source: CodecError },
    #[error("journal[{partition}] at {offset}: the record is not the one this position was saved at")]
    PositionMismatch { partition: u32, offset: u64 },
    #[error("journal[{partition}]: the saved chain cannot be read")]
    SavedChain { partition: u32, source: CodecError },
    #[error("journal[{partition}]: the record at {offset} was handed over after {expected} was expected")]
    Order { partition: u32, offset: u64, expected: u64 },
    #[error("journal[{partition}]: it belongs to instance {found}, not to {wanted}")]
    OtherInstance { partition: u32, found: InstanceId, wanted: InstanceId },
    #[error("the genesis document cannot begin an instance: {0}")]
    BadGenesis(&'static str),
    #[error("journal[{partition}]: block 0 was appended and did not become valid")]
    NoGenesis { partition: u32 },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl JournalError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            JournalError::UnknownFormat { .. } => "CRN-4001",
            JournalError::UnreadableBody { .. } => "CRN-4002",
            JournalError::PositionMismatch { .. } => "CRN-4003",
            JournalError::SavedChain { .. } => "CRN-4004",
            JournalError::Order { .. } => "CRN-4005",
            JournalError::OtherInstance { .. } => "CRN-4006",
            JournalError::BadGenesis(_) => "CRN-4007",
            JournalError::NoGenesis { .. } => "CRN-4008",
            JournalError::Read(error) => error.code(),
            JournalError::Append(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            JournalError::Read(error) => error.next(),
            JournalError::Append(error) => error.next(),
            own => code::find(own.code()).map_or("", |entry| entry.next),
        }
    }

    /// Whether the same question may be answered later.
    pub fn passes(&self) -> bool {
        match self {
            JournalError::Read(error) => error.passes(),
            JournalError::Append(error) => error.passes(),
            _ => false,
        }
    }
}
