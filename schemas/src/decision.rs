//! Decisions: an admitted event or a tick, its verdict, and the facts that follow; and dispositions of all other records.
//!
//! Owns their bytes, the decision hash and the leaf entry. Refuses judgement: verdicts are made in the decider, dispositions in admission.

use crate::{
    codec::{CodecError, cbor},
    fact::Fact,
    ids::{DecisionHash, LeafHash, RecordHash, TaskId},
    merkle,
    topic::Topic,
    value::{ByteString, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const DECISION_TAG: &[u8] = b"cairn decision v1\0";

/// Where a record was read: offset in its topic, and the index inside a batch (0 for a single event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub topic: Topic,
    pub offset: u64,
    pub index: u32,
}

/// Why a decision was made without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tick {
    /// Block time passed a deadline of this task.
    TaskDue(TaskId),
    /// A pending transfer's time is over.
    TransferDue(crate::ids::EventHash),
    /// A commitment of an earlier block is challenged.
    Challenge(TaskId),
    /// A task without a worker, or an attempt without a verifier, may have a candidate now.
    Assign(TaskId),
    /// A worker of this task was slashed for another attempt.
    Vacated(TaskId),
    /// The first block after a claim gives back the time that nobody decided in.
    Extension,
}

impl Tick {
    pub const fn name(&self) -> &'static str {
        match self {
            Tick::TaskDue(_) => "task_due",
            Tick::TransferDue(_) => "transfer_due",
            Tick::Challenge(_) => "challenge",
            Tick::Assign(_) => "assign",
            Tick::Vacated(_) => "vacated",
            Tick::Extension => "extension",
        }
    }
}

/// What was decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    /// An admitted event: where it was read, and its signed bytes as they were.
    Event {
        at: Position,
        record: ByteString,
    },
    Tick(Tick),
}

/// The answer to an admitted event. A tick is always accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    Accepted,
    Rejected {
        code: RejectionCode,
        /// For people; empty if the code says it all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
}

impl Verdict {
    pub const fn name(&self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Rejected { .. } => "rejected",
        }
    }

    pub const fn code(&self) -> Option<RejectionCode> {
        match self {
            Verdict::Accepted => None,
            Verdict::Rejected { code, .. } => Some(*code),
        }
    }
}

/// A decision: one leaf of the partition's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub subject: Subject,
    pub verdict: Verdict,
    pub facts: Vec<Fact>,
}

impl Decision {
    /// SHA-256 over a tag and the decision's deterministic CBOR.
    pub fn hash(&self) -> Result<DecisionHash, CodecError> {
        let bytes = cbor::to_vec(self)?;
        Ok(DecisionHash(Sha256::new().chain_update(DECISION_TAG).chain_update(bytes).finalize().into()))
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $enum:ident { $($(#[$vdoc:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $enum { $($(#[$vdoc])* #[serde(rename = $text)] $name),+ }

        impl $enum {
            /// Every code, in the order of their introduction.
            pub const ALL: &'static [$enum] = &[$($enum::$name),+];

            /// The stable text in journals, SQL and answers.
            pub const fn text(self) -> &'static str {
                match self { $($enum::$name => $text),+ }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

codes! {
    /// Why an admitted event was turned down. Each is one question that a book asks.
    RejectionCode {
        /// The decider panicked on it; nothing changed, an alarm was raised.
        Internal = "internal",
        /// The author may not say this here.
        NotAllowed = "not_allowed",
        NoSuchAccount = "no_such_account",
        AccountExists = "account_exists",
        NotOwner = "not_owner",
        InsufficientFunds = "insufficient_funds",
        /// Zero, to itself, or beyond 10^38 − 1 with what is there.
        BadAmount = "bad_amount",
        /// No transfer of this hash is pending: it never was, or it was closed.
        NoSuchTransfer = "no_such_transfer",
        BadKey = "bad_key",
        KeyExists = "key_exists",
        NoSuchKey = "no_such_key",
        LastKey = "last_key",
        RealmExists = "realm_exists",
        BadRealm = "bad_realm",
        NoSuchWorker = "no_such_worker",
        WorkerExists = "worker_exists",
        WorkerInactive = "worker_inactive",
        StakeInUse = "stake_in_use",
        BadTerms = "bad_terms",
        EscrowTooSmall = "escrow_too_small",
        BondTooSmall = "bond_too_small",
        TooFewWorkers = "too_few_workers",
        NoSuchJob = "no_such_job",
        JobEnded = "job_ended",
        NoSuchTask = "no_such_task",
        /// The attempt is not the open one.
        WrongAttempt = "wrong_attempt",
        NotAssigned = "not_assigned",
        /// The attempt is not where this event belongs.
        WrongPhase = "wrong_phase",
        /// A second commitment of the same worker for the same attempt.
        AlreadyCommitted = "already_committed",
        /// The commitment differs from the job, the task or its author.
        CommitmentMismatch = "commitment_mismatch",
        /// A trace root that another worker committed to before.
        CopiedCommitment = "copied_commitment",
        /// An opening that does not lead to the committed root, or not those asked for.
        BadOpening = "bad_opening",
        /// The revealed answer is not the sealed one.
        SealMismatch = "seal_mismatch",
        /// A seal that another verifier made before.
        CopiedSeal = "copied_seal",
        BadAnswer = "bad_answer",
        NoSuchProposal = "no_such_proposal",
        /// A book is full.
        LimitReached = "limit_reached",
    }
}

codes! {
    /// What became of a record that was not admitted; the first that fits. It changed no state.
    DispositionCode {
        Malformed = "malformed",
        WrongPartition = "wrong_partition",
        Unadmitted = "unadmitted",
        BadSignature = "bad_signature",
        Duplicate = "duplicate",
        Fork = "fork",
        Gap = "gap",
        Expired = "expired",
    }
}

/// A record that was not admitted: where it lies, how long it is, its hash, and why. Nothing of it is echoed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposition {
    pub at: Position,
    pub length: u64,
    pub record: RecordHash,
    pub code: DispositionCode,
    /// Only a fork keeps its signed bytes, as evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<ByteString>,
}

/// What leaf i of a partition commits to. It reveals no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafEntry {
    pub version: u8,
    pub partition: u32,
    pub leaf: u64,
    pub height: u64,
    /// Block time.
    pub time: Timestamp,
    /// None for a tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Position>,
    /// `accepted` or the rejection code.
    pub verdict: String,
    pub decision: DecisionHash,
}

impl LeafEntry {
    /// The entry of `decision` as leaf number `leaf`, in the block of that height and time.
    pub fn of(decision: &Decision, partition: u32, leaf: u64, height: u64, time: Timestamp) -> Result<LeafEntry, CodecError> {
        Ok(LeafEntry {
            version: 1,
            partition,
            leaf,
            height,
            time,
            at: match &decision.subject {
                Subject::Event { at, .. } => Some(*at),
                Subject::Tick(_) => None,
            },
            verdict: decision.verdict.code().map_or("accepted", RejectionCode::text).to_owned(),
            decision: decision.hash()?,
        })
    }

    /// The entry's bytes, as tiles publish them.
    pub fn to_cbor(&self) -> Result<Vec<u8>, CodecError> {
        cbor::to_vec(self)
    }

    /// The RFC 6962 leaf hash.
    pub fn hash(&self) -> Result<LeafHash, CodecError> {
        Ok(LeafHash(merkle::leaf_hash(&self.to_cbor()?)))
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
