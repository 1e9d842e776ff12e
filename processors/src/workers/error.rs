//! What stops a duty, and what stops a worker.
//!
//! Owns codes 7121 to 7129. Refuses blame: what a worker could not have is reported, what it means the decider says.

use crate::{
    author::{AuthorError, OutboxError},
    ledger::LedgerError,
};
use cairn_log::journal::JournalError;
use cairn_schemas::{BlobHash, JobId, Name, RecordHash, decision::DispositionCode, decision::RejectionCode};

/// Why one duty was not done. The worker goes on with others.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("job {job} is not what its terms say: {reason}")]
    OtherTerms { job: JobId, reason: String },
    #[error("the data at `{url}` are not to be had: {reason}")]
    NoData { url: String, reason: String },
    #[error("blob {hash} is not what it is named as: {reason}")]
    Unfit { hash: BlobHash, reason: String },
    #[error("the worker under check does not show what it named: {source}")]
    Withheld { source: Box<Trouble> },
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
            Trouble::Withheld { source } => source.code(),
            Trouble::Irreproducible => "CRN-7124",
            Trouble::Early | Trouble::Stopped => "CRN-7125",
            Trouble::Ledger(error) => error.code(),
            Trouble::Kernel(error) => error.code(),
        }
    }

    /// Whether trying again may help: a blob may be on its way, a node may come back.
    pub fn passes(&self) -> bool {
        match self {
            Trouble::Ledger(error) => !matches!(error, LedgerError::Refused { .. }),
            Trouble::Withheld { source } => source.passes(),
            Trouble::Early => true,
            _ => false,
        }
    }

    /// Whether the node was away or busy: nothing was learnt, so the same is asked again however long it takes.
    pub fn is_outage(&self) -> bool {
        matches!(self, Trouble::Ledger(error) if error.passes())
    }

    /// The trouble with a blob that the worker under check named: if it is not there, or something else, that is the worker's to answer for.
    pub fn with_named_blob(self) -> Trouble {
        match self {
            Trouble::Unfit { .. } | Trouble::Ledger(LedgerError::Missing { .. } | LedgerError::Damaged { .. }) => {
                Trouble::Withheld { source: Box::new(self) }
            }
            other => other,
        }
    }

    /// Whether the worker under check withheld what it named. What a node or an earlier task owes is nobody's fault here.
    pub fn is_withheld(&self) -> bool {
        matches!(self, Trouble::Withheld { .. })
    }
}

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("worker {name} cannot use its outbox")]
    Mute { name: Name, source: OutboxError },
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
            WorkerError::Mute { source, .. } => source.code(),
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
