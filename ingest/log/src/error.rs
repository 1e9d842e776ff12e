//! What an append, a read or a deletion answers when it does not succeed.
//!
//! Owns codes 5101 to 5119 and 5131 to 5135. Refuses to guess: an error that leaves the outcome open says so.

use crate::Place;
use crate::archive::ArchiveError;
use crate::kafka::KafkaError;
use cairn_schemas::code;
use std::io;

/// Why an append did not succeed. Only [`Unknown`](AppendError::Unknown) leaves the outcome open.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("append to {place}: the outcome is unknown")]
    Unknown { place: Place },
    #[error("append to {place}: {size} {what}, at most {limit} are taken")]
    TooLarge { place: Place, what: &'static str, size: usize, limit: usize },
    #[error("append to {place}: the log has {partitions} partitions, numbered from 0")]
    NoSuchPlace { place: Place, partitions: u32 },
    #[error("append to {place}: this log was closed or fenced")]
    Closed { place: Place },
    #[error("append to {place}: this log was opened for reading only")]
    ReadOnly { place: Place },
    #[error("append to {place}: no space is left")]
    Full { place: Place },
    #[error("append to {place}")]
    Io { place: Place, source: io::Error },
    #[error("append to {place}")]
    Kafka { place: Place, source: KafkaError },
}

impl AppendError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            AppendError::Unknown { .. } => "CRN-5101",
            AppendError::TooLarge { .. } => "CRN-5102",
            AppendError::NoSuchPlace { .. } => "CRN-5103",
            AppendError::Closed { .. } => "CRN-5104",
            AppendError::ReadOnly { .. } => "CRN-5105",
            AppendError::Full { .. } => "CRN-5106",
            AppendError::Io { .. } => "CRN-5107",
            AppendError::Kafka { source, .. } => source.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }

    /// Whether the same append may succeed later.
    pub fn passes(&self) -> bool {
        match self {
            AppendError::Unknown { .. } | AppendError::Full { .. } | AppendError::Io { .. } => true,
            AppendError::Kafka { source, .. } => source.passes(),
            _ => false,
        }
    }
}

/// Why a read did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("read of {place} from {from}: the first kept record is at {first}")]
    Truncated { place: Place, from: u64, first: u64 },
    #[error("read of {place} from {from}: the log ends at {end}")]
    BeyondEnd { place: Place, from: u64, end: u64 },
    #[error("read of {place}: the log has {partitions} partitions, numbered from 0")]
    NoSuchPlace { place: Place, partitions: u32 },
    #[error("read of {place} at {offset}: {file} is damaged at byte {at}: {reason}")]
    Damaged { place: Place, offset: u64, file: String, at: u64, reason: &'static str },
    #[error("the log was closed")]
    Closed,
    #[error("read of {place}")]
    Io { place: Place, source: io::Error },
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// What the log no longer holds was asked of the archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl ReadError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            ReadError::Truncated { .. } => "CRN-5111",
            ReadError::BeyondEnd { .. } => "CRN-5112",
            ReadError::NoSuchPlace { .. } => "CRN-5113",
            ReadError::Damaged { .. } => "CRN-5114",
            ReadError::Closed => "CRN-5115",
            ReadError::Io { .. } => "CRN-5116",
            ReadError::Kafka(error) => error.code(),
            ReadError::Archive(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            ReadError::Archive(error) => error.next(),
            own => next_of(own.code()),
        }
    }

    /// Whether the same question may be answered later.
    pub fn passes(&self) -> bool {
        match self {
            ReadError::Io { .. } => true,
            ReadError::Kafka(error) => error.passes(),
            ReadError::Archive(error) => error.passes(),
            _ => false,
        }
    }
}

/// Why records were not deleted. None of them: whoever deletes finds the place as it was.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    #[error("delete from {place}: this log keeps all its records")]
    Unsupported { place: Place },
    #[error("delete from {place}: the log has {partitions} partitions, numbered from 0")]
    NoSuchPlace { place: Place, partitions: u32 },
    #[error("delete from {place} below {below}: the log ends at {end}")]
    BeyondEnd { place: Place, below: u64, end: u64 },
    #[error("delete from {place}: this log was closed or fenced")]
    Closed { place: Place },
    #[error("delete from {place}")]
    Io { place: Place, source: io::Error },
    #[error("delete from {place}")]
    Kafka { place: Place, source: KafkaError },
}

impl DeleteError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            DeleteError::Unsupported { .. } => "CRN-5131",
            DeleteError::NoSuchPlace { .. } => "CRN-5132",
            DeleteError::BeyondEnd { .. } => "CRN-5133",
            DeleteError::Closed { .. } => "CRN-5134",
            DeleteError::Io { .. } => "CRN-5135",
            DeleteError::Kafka { source, .. } => source.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }
}

/// The next step that stands in the registry beside a code.
pub(crate) fn next_of(code: &str) -> &'static str {
    code::find(code).map_or("", |entry| entry.next)
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
