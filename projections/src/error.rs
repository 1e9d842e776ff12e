//! Why a projection stops, and why a question is not answered.
//!
//! Owns codes 6101 to 6139. Refuses to call a bad question a fault of ours: [`SqlError`] is the asker's to mend.

use arrow::error::ArrowError;
use cairn_log::{ReadError, journal::JournalError};
use cairn_schemas::code;
use datafusion::error::DataFusionError;
use deltalake_core::DeltaTableError;
use std::{error::Error, io, path::PathBuf};

/// A fold or a table that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    #[error("journal[{partition}] block {height}, decision {index}: {why}")]
    UnreadableDecision { partition: u32, height: u64, index: usize, why: String },
    #[error("rows of {table} from journal[{partition}] block {height}")]
    Rows { table: &'static str, partition: u32, height: u64, source: ArrowError },
    #[error("table {table}: {operation}")]
    Delta { table: &'static str, operation: &'static str, source: Box<DeltaTableError> },
    #[error("table {table}: {operation}")]
    Plan { table: &'static str, operation: &'static str, source: Box<DataFusionError> },
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("table {table} holds block {held} of journal[{partition}], which ends at {end}")]
    JournalBehind { table: &'static str, partition: u32, held: u64, end: u64 },
    #[error("{bytes} bytes of rows are in memory, and the tables are open for reading only")]
    TooMuchTail { bytes: usize },
    #[error("a fold stopped: {why}")]
    Stopped { why: String },
    #[error("the log has not said within {seconds} s where it ends")]
    Silent { seconds: u64 },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ProjectionError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            ProjectionError::UnreadableDecision { .. } => "CRN-6101",
            ProjectionError::Rows { .. } => "CRN-6102",
            ProjectionError::Delta { .. } | ProjectionError::Plan { .. } => "CRN-6103",
            ProjectionError::Io { .. } => "CRN-6104",
            ProjectionError::JournalBehind { .. } => "CRN-6106",
            ProjectionError::TooMuchTail { .. } => "CRN-6107",
            ProjectionError::Stopped { .. } => "CRN-6108",
            ProjectionError::Silent { .. } => "CRN-1012",
            ProjectionError::Journal(error) => error.code(),
            ProjectionError::Read(error) => error.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            ProjectionError::Journal(error) => error.next(),
            ProjectionError::Read(error) => error.next(),
            own => code::find(own.code()).map_or("", |entry| entry.next),
        }
    }
}

/// A question that gets no answer, or only the beginning of one.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("{0}")]
    Refused(String),
    #[error("{}", .0.strip_backtrace())]
    Invalid(Box<DataFusionError>),
    #[error("{}", .0.strip_backtrace())]
    Failed(Box<DataFusionError>),
    #[error("the log has not said within {seconds} s where it ends")]
    Silent { seconds: u64 },
    #[error("not answered within {seconds} s")]
    TimedOut { seconds: u64 },
    #[error("{}", .0.strip_backtrace())]
    Memory(Box<DataFusionError>),
    #[error("more than {limit} rows")]
    TooManyRows { limit: usize },
    #[error("more than {limit} bytes of rows")]
    TooManyBytes { limit: usize },
    #[error("{0}")]
    Growing(String),
    #[error("{limit} questions are being answered already")]
    Busy { limit: usize },
    #[error("no decided event has the id or hash {id}")]
    NoSuchEvent { id: String },
    #[error("`{id}` is neither an event id (UUIDv7) nor an event hash (64 hex digits)")]
    NoEventId { id: String },
    #[error("the tables have taken journal[{partition}] up to {reached}, and it was at {end} when the question was asked")]
    Behind { partition: u32, reached: u64, end: u64 },
    #[error("journal[{partition}] cannot be looked at")]
    Journal { partition: u32, source: ReadError },
    #[error("rows could not be written as {form}")]
    Format { form: &'static str, source: ArrowError },
}

impl SqlError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            SqlError::Refused(_) => "CRN-6121",
            SqlError::Invalid(_) => "CRN-6122",
            SqlError::Failed(_) => "CRN-6123",
            SqlError::Silent { .. } => "CRN-1012",
            SqlError::TimedOut { .. } => "CRN-6124",
            SqlError::Memory(_) => "CRN-6125",
            SqlError::TooManyRows { .. } => "CRN-6126",
            SqlError::Busy { .. } => "CRN-6127",
            SqlError::NoSuchEvent { .. } => "CRN-6128",
            SqlError::NoEventId { .. } => "CRN-6129",
            SqlError::Format { .. } => "CRN-6130",
            SqlError::Behind { .. } => "CRN-6131",
            SqlError::Growing(_) => "CRN-6132",
            SqlError::TooManyBytes { .. } => "CRN-6133",
            SqlError::Journal { source, .. } => source.code(),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        code::find(self.code()).map_or("", |entry| entry.next)
    }

    /// Sorts what the engine says: a lack of memory, a question that has no answer (1 / 0), or a fault of ours.
    pub(crate) fn of(error: DataFusionError) -> SqlError {
        match error.find_root() {
            DataFusionError::External(told) => match silent(told.as_ref()) {
                Some(seconds) => SqlError::Silent { seconds },
                None => SqlError::Failed(Box::new(error)),
            },
            DataFusionError::ResourcesExhausted(_) => SqlError::Memory(Box::new(error)),
            DataFusionError::ArrowError(arrow, _) if is_ours(arrow) => SqlError::Failed(Box::new(error)),
            DataFusionError::Plan(_)
            | DataFusionError::SQL(..)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Execution(_)
            | DataFusionError::ArrowError(..) => SqlError::Invalid(Box::new(error)),
            _ => SqlError::Failed(Box::new(error)),
        }
    }
}

/// How long the log was silent, where that is why rows could not be told.
fn silent(error: &(dyn Error + Send + Sync + 'static)) -> Option<u64> {
    match error.downcast_ref() {
        Some(ProjectionError::Silent { seconds }) => Some(*seconds),
        _ => None,
    }
}

/// Files and their reading are ours; arithmetic and casts are the question's.
fn is_ours(error: &ArrowError) -> bool {
    matches!(error, ArrowError::IoError(..) | ArrowError::ParquetError(_) | ArrowError::ExternalError(_) | ArrowError::IpcError(_))
}
