//! What opening a log on disk answers when it does not succeed.
//!
//! Owns codes CRN-5202 to CRN-5219 (CRN-5201 is the failed fsync, which has no caller to answer).

use std::io;
use std::path::PathBuf;

/// Why a log was not opened. Nothing was changed, except that a torn tail may have been cut before damage was found elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by {holder}", dir.display())]
    Locked { dir: PathBuf, holder: String },
    #[error("log segment {file} is damaged at byte {at}: {reason}")]
    Damaged { file: String, at: u64, reason: &'static str },
    #[error("the log's frames {from} to {to} are missing: no segment holds them")]
    Missing { from: u64, to: u64 },
    #[error("log segment {file} has format {version}, this program reads {known}")]
    Version { file: String, version: u32, known: u32 },
    #[error("the log has {found} partitions, {asked} were asked for")]
    Partitions { found: u32, asked: u32 },
    #[error("open of the log: {what}")]
    Io { what: String, source: io::Error },
}

impl OpenError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Locked { .. } => "CRN-5202",
            OpenError::Damaged { .. } => "CRN-5203",
            OpenError::Missing { .. } => "CRN-5204",
            OpenError::Version { .. } => "CRN-5205",
            OpenError::Partitions { .. } => "CRN-5206",
            OpenError::Io { .. } => "CRN-5207",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            OpenError::Locked { .. } => "stop that process, or name another directory with `--dir`",
            OpenError::Damaged { .. } => "restore the named segment from a copy: what was once durable is never cut away",
            OpenError::Missing { .. } => "restore the missing segment from a copy",
            OpenError::Version { .. } => "use the version of cairn that wrote this log, or a newer one",
            OpenError::Partitions { .. } => "use the number of partitions with which the log was made: it never changes",
            OpenError::Io { .. } => "look at the directory's permissions and the disk's health",
        }
    }
}
