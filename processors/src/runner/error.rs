//! Why a partition stops being led.
//!
//! Owns codes 3101 to 3119 beside the decider's, and CRN-52xx of snapshots. Refuses what an author sent: that never stops a partition.

use crate::decider::Halt;
use cairn_log::{AppendError, DeleteError, ReadError, archive::ArchiveError, journal::JournalError, store::StoreError};
use cairn_schemas::{PublicKey, Topic, code, codec::CodecError};

/// A partition halts. What is in its journal stands; nothing else was said to anybody.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("partition {partition}: this machine's clock is {off_ms} ms from the log's")]
    ClockSkew { partition: u32, off_ms: i64 },
    #[error("partition {partition}: block {height}")]
    Halted { partition: u32, height: u64, source: Halt },
    #[error("partition {partition}: a fact of block {height} made the state panic")]
    Panicked { partition: u32, height: u64 },
    #[error("partition {partition}: {key} may not claim it")]
    NotAuthorised { partition: u32, key: PublicKey },
    #[error("partition {partition}: block {height} follows rules {rules}")]
    Rules { partition: u32, height: u64, rules: u32 },
    #[error("{topic}[{partition}]: the record before {offset} is not the one that was decided on")]
    InputMismatch { topic: Topic, partition: u32, offset: u64 },
    #[error("partition {partition}: block {height} cannot be encoded")]
    Unencodable { partition: u32, height: u64, source: CodecError },
    #[error("partition {partition}: its journal has no block 0")]
    NoGenesis { partition: u32 },
    #[error("partition {partition}: blocks formed here do not count, the last for `{reason}`")]
    OwnBlocksVoid { partition: u32, reason: &'static str },
    #[error("snapshots of partition {partition}")]
    Snapshot { partition: u32, source: StoreError },
    #[error("snapshot {key}: it is not whole")]
    SnapshotDamaged { key: String },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Delete(#[from] DeleteError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl RunError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            RunError::ClockSkew { .. } => "CRN-3101",
            RunError::Halted { source, .. } => source.code(),
            RunError::Panicked { .. } => "CRN-3103",
            RunError::NotAuthorised { .. } => "CRN-3104",
            RunError::Rules { .. } => "CRN-3105",
            RunError::InputMismatch { .. } => "CRN-3106",
            RunError::Unencodable { .. } => "CRN-3107",
            RunError::NoGenesis { .. } => "CRN-3108",
            RunError::OwnBlocksVoid { .. } => "CRN-3110",
            RunError::Snapshot { .. } => "CRN-5201",
            RunError::SnapshotDamaged { .. } => "CRN-5202",
            RunError::Journal(error) => error.code(),
            RunError::Append(error) => error.code(),
            RunError::Read(error) => error.code(),
            RunError::Delete(error) => error.code(),
            RunError::Archive(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            RunError::Journal(error) => error.next(),
            RunError::Append(error) => error.next(),
            RunError::Read(error) => error.next(),
            RunError::Archive(error) => error.next(),
            own => code::find(own.code()).map_or("", |entry| entry.next),
        }
    }

    /// Whether the partition may be led later, without anybody doing anything to its journal: what it needs did not answer, or a clock is off.
    pub fn passes(&self) -> bool {
        match self {
            RunError::ClockSkew { .. } => true,
            RunError::Journal(error) => error.passes(),
            RunError::Append(error) => error.passes(),
            RunError::Read(error) => error.passes(),
            RunError::Archive(error) => error.passes(),
            _ => false,
        }
    }
}
