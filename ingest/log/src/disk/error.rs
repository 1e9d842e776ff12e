//! What opening a log on disk answers when it does not succeed.
//!
//! Owns codes 5122 to 5129 (CRN-5121 is the failed fsync, which has no caller to answer).

use crate::error::next_of;
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
            OpenError::Locked { .. } => "CRN-5122",
            OpenError::Damaged { .. } => "CRN-5123",
            OpenError::Missing { .. } => "CRN-5124",
            OpenError::Version { .. } => "CRN-5125",
            OpenError::Partitions { .. } => "CRN-5126",
            OpenError::Io { .. } => "CRN-5127",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }
}
