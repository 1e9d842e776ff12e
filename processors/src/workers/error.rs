//! What stops a duty, and what stops a worker.
//!
//! Owns codes CRN-7121 to CRN-7129. Refuses blame: what a worker could not have is reported, what it means the decider says.

use crate::{author::AuthorError, ledger::LedgerError};
use cairn_log::journal::JournalError;
use cairn_schemas::{BlobHash, JobId, RecordHash, decision::DispositionCode, decision::RejectionCode};

/// Why one duty was not done. The worker goes on with others.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("job {job} is not what its terms say: {reason}")]
    OtherTerms { job: JobId, reason: String },
    #[error("the data at `{url}` are not to be had: {reason}")]
    NoData { url: String, reason: String },
    #[error("blob {hash} is not what it is named as: {reason}")]
    Unfit { hash: BlobHash, reason: String },
    #[error("this worker's own work came out otherwise than it committed to")]
    Irreproducible,
    #[error("the journal does not yet say what this needs")]
    Early,
    #[error("the worker was stopped")]
    Stopped,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Kernel(#[from] cairn_kernels::Error),
}

impl Trouble {
    pub fn code(&self) -> &str {
        match self {
            Trouble::OtherTerms { .. } => "CRN-7121",
            Trouble::NoData { .. } => "CRN-7122",
            Trouble::Unfit { .. } => "CRN-7123",
            Trouble::Irreproducible => "CRN-7124",
            Trouble::Early | Trouble::Stopped => "CRN-7125",
            Trouble::Ledger(error) => error.code(),
            Trouble::Kernel(error) => error.code(),
        }
    }

    /// Whether trying again may help: a blob may be on its way, a node may come back.
    pub fn passes(&self) -> bool {
        matches!(self, Trouble::Ledger(_) | Trouble::Early)
    }

    /// Whether a blob that somebody named could not be had, or was something else.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Trouble::Unfit { .. } | Trouble::Ledger(LedgerError::Missing { .. } | LedgerError::Damaged { .. }))
    }
}

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the author's lane forked: the journal holds another event at a number that this outbox has used")]
    Forked,
    #[error("record {record} of this worker was not taken: {code}")]
    Disposed { record: RecordHash, code: DispositionCode },
    #[error("{kind} was rejected: {code} {detail}")]
    Rejected { kind: &'static str, code: RejectionCode, detail: String },
    #[error("realm {realm} lets only its admins register this worker's key")]
    NotAdmitted { realm: cairn_schemas::RealmId },
    #[error(transparent)]
    Author(#[from] AuthorError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl WorkerError {
    pub fn code(&self) -> &str {
        match self {
            WorkerError::Forked => "CRN-7126",
            WorkerError::Disposed { .. } => "CRN-7127",
            WorkerError::Rejected { .. } => "CRN-7128",
            WorkerError::NotAdmitted { .. } => "CRN-7129",
            WorkerError::Author(error) => error.code(),
            WorkerError::Journal(error) => error.code(),
            WorkerError::Ledger(error) => error.code(),
        }
    }
}
