//! The event types: for each its name, its topic and its data.
//!
//! Owns the shapes that authors send. Refuses consequences (see [`crate::fact`]).
//! To add a type: a struct, a line in the table at the end, a book in the decider, golden bytes.

use crate::{
    account::Account,
    codec::{CodecError, cbor, jcs},
    ids::{BlobHash, EventHash, InstanceId, JobId, Root, Seal, StateRoot, TaskId},
    sign::PublicKey,
    topic::Topic,
    value::{Amount, BlobRef, ByteString, Line, Name, Rate, Text},
};
use serde::{Deserialize, Serialize};

macro_rules! data {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type),* }
    )+};
}

/// Who may register a first key in a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// A realm admin registers each author.
    Admins,
    /// Anyone registers itself.
    Open,
}

/// How much of the claimed work is done again before it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// A drawn share of attempts, a few drawn steps of each.
    Sampled,
    /// Every step of every attempt.
    Full,
}

/// Why a verifier could not check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckFailure {
    /// A blob that the worker named could not be had, or was not what it was named as.
    Unavailable,
}

/// Which way a vote goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    Yes,
    No,
    Abstain,
}

data! {
    /// A currency: its code and how many decimals a whole unit has.
    Currency { code: Name, scale: u8 }

    /// Opens a realm on a partition. Signed by a genesis admin key, `realm` = instance id.
    RealmOpened { name: Name, partition: u32, admins: Vec<PublicKey>, admission: Admission, currency: Currency, issuer: PublicKey }
    /// Registers a key as the first of a new author. In an open realm by that key itself, otherwise by an admin.
    KeyRegistered { key: PublicKey }
    /// Replaces one of the author's own keys by another, from the next event on.
    KeyRotated { from: PublicKey, to: PublicKey }
    /// Revokes a key: the author's own, or any if an admin says it.
    KeyRevoked { key: PublicKey }
    /// Lets another processor key claim partitions. Signed by a genesis admin key, `realm` = instance id.
    ProcessorAuthorised { key: PublicKey }
    /// A note for the audit trail.
    NoteRecorded {
        text: Text,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<EventHash>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blob: Option<BlobRef>,
    }

    /// Submits a job with all terms the decider needs; the blobs hold the rest.
    JobSubmitted {
        name: Name,
        /// The account that pays the escrow; the author's own.
        account: Account,
        /// The YAML that the program was compiled from.
        yaml: BlobRef,
        /// The canonical programs: what runs.
        program: BlobRef,
        /// What the data set must decode to, and where it may be had.
        data: DataSource,
        /// The state before the first round.
        initial: StateRoot,
        plan: TaskPlan,
        workers: WorkerTerms,
        verify: VerifyTerms,
        deadlines: Deadlines,
        attempts: u32,
        pay: PayTerms,
    }
    /// Where the records come from and the Merkle root of what they decode to.
    DataSource { url: Line, hash: Root, train: u64, test: u64 }
    /// Rounds and shards give the tasks; leaves are trace leaves of one task of each kind, its input leaf included (so at least 2).
    TaskPlan { rounds: u32, shards: u32, train_leaves: u32, aggregate_leaves: u32, evaluate_leaves: u32 }
    /// `min` staked workers when the job is taken; the stake each must hold; the part that an accepted task locks.
    WorkerTerms { min: u32, stake: Amount, bond: Amount }
    /// With `sampled`: the share of attempts that is checked, and how many steps of each.
    VerifyTerms { assurance: Assurance, rate: Rate, steps: u32 }
    /// Milliseconds to accept, to commit, and for each step of a check.
    Deadlines { accept_ms: u64, task_ms: u64, check_ms: u64 }
    /// What is put aside, and what a verified task and its check are paid.
    PayTerms { escrow: Amount, task: Amount, check: Amount }
    /// Ends a job before its time: open tasks are void, the escrow that is left goes back.
    JobCancelled { job: JobId }
    /// Takes an assigned task; locks the bond.
    TaskAccepted { task: TaskId, attempt: u32 }
    /// Becomes a worker, paid on `account`.
    WorkerRegistered { name: Name, account: Account }
    /// Takes no more tasks; the stake can be released when no duty is open.
    WorkerRetired {}

    /// Claims work: binds everything that a verifier will look at, before it knows what that will be.
    WorkCommitted {
        instance: InstanceId,
        task: TaskId,
        attempt: u32,
        worker: PublicKey,
        program: BlobHash,
        /// Root of the state (or of the inputs) that the work began from: leaf 0.
        input: StateRoot,
        leaves: u32,
        /// RFC 6962 root over the trace leaves.
        trace: Root,
        /// The result's bytes; they need not be stored before the work is opened.
        result: BlobRef,
        /// An evaluation states its answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        score: Option<Score>,
    }
    /// How many of the held-out records were told right.
    Score { correct: u64, total: u64 }
    /// Opens leaves of a commitment: first the predecessors of the challenged ones, after the seal the challenged ones and the last.
    WorkOpened { task: TaskId, attempt: u32, openings: Vec<Opening> }
    /// One leaf with its path to the trace root. A predecessor comes with its state's bytes, unless it is the assigned input.
    Opening {
        leaf: TraceLeaf,
        path: Vec<Root>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<BlobRef>,
    }
    /// Takes a commitment back before its challenge is drawn: costs the attempt only.
    WorkRetracted { task: TaskId, attempt: u32 }

    /// A verifier commits to its answer before it can see the worker's.
    CheckSealed { task: TaskId, attempt: u32, seal: Seal }
    /// A verifier shows its answer: the leaves it computed, in the order of the challenge, and the salt of the seal.
    CheckRevealed { task: TaskId, attempt: u32, salt: ByteString, leaves: Vec<TraceLeaf> }
    /// A verifier could not check.
    CheckFailed { task: TaskId, attempt: u32, reason: CheckFailure }

    /// Puts a question to the realm.
    ProposalOpened { title: Line, text: Text }
    /// Answers a question; the last answer of an author stands.
    VoteCast { proposal: EventHash, choice: Choice }

    /// Opens an account under a name of the author's choice.
    AccountOpened { account: Name }
    /// Moves money at once.
    TransferPosted { from: Account, to: Account, amount: Amount }
    /// Puts money aside until it is settled, voided, or `timeout_ms` of block time are over.
    TransferPending { from: Account, to: Account, amount: Amount, timeout_ms: u64 }
    /// Completes a pending transfer; by its author.
    TransferSettled { transfer: EventHash }
    /// Gives a pending transfer back; by its author or by the receiving account's.
    TransferVoided { transfer: EventHash }
    /// Moves money from the worker's account into its stake.
    StakeLocked { from: Account, amount: Amount }
    /// Moves free stake back to an account of the worker.
    StakeReleased { to: Account, amount: Amount }
}

/// One step of a trace as its worker or a verifier claims it.
///
/// `figures`: training, the IEEE 754 bits of the step's loss and gradient norm; aggregation, zeros; evaluation, correct and total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceLeaf {
    pub index: u32,
    pub state: StateRoot,
    pub figures: [u64; 2],
}

macro_rules! bodies {
    ($($type:literal $topic:ident $name:ident)+) => {
        /// The data of an event, by type.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        #[allow(clippy::large_enum_variant)]
        pub enum Body { $($name($name)),+ }

        impl Body {
            /// Every type name, in the order of the topics.
            pub const TYPES: &'static [&'static str] = &[$($type),+];

            /// The dotted, versioned name: `job.submitted.v1`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Body::$name(_) => $type),+ }
            }

            /// The topic on which this type is said.
            pub fn topic(&self) -> Topic {
                match self { $(Body::$name(_) => Topic::$topic),+ }
            }

            /// Reads the data of a type as JSON, strictly.
            pub fn from_json(name: &str, data: &[u8]) -> Result<Body, CodecError> {
                match name {
                    $($type => jcs::from_slice::<$name>(data).map(Body::$name),)+
                    _ => Err(unknown(name)),
                }
            }

            pub(super) fn from_cbor(name: &str, data: &ciborium::Value) -> Result<Body, CodecError> {
                match name {
                    $($type => cbor::from_value::<$name>(data).map(Body::$name),)+
                    _ => Err(unknown(name)),
                }
            }
        }

        $(impl From<$name> for Body {
            fn from(data: $name) -> Body {
                Body::$name(data)
            }
        })+
    };
}

fn unknown(name: &str) -> CodecError {
    CodecError::Schema(format!("no event type `{}`", name.chars().take(40).collect::<String>()))
}

bodies! {
    "job.submitted.v1" Jobs JobSubmitted
    "job.cancelled.v1" Jobs JobCancelled
    "task.accepted.v1" Jobs TaskAccepted
    "worker.registered.v1" Jobs WorkerRegistered
    "worker.retired.v1" Jobs WorkerRetired
    "work.committed.v1" Gradients WorkCommitted
    "work.opened.v1" Gradients WorkOpened
    "work.retracted.v1" Gradients WorkRetracted
    "check.sealed.v1" Proofs CheckSealed
    "check.revealed.v1" Proofs CheckRevealed
    "check.failed.v1" Proofs CheckFailed
    "realm.opened.v1" Audit RealmOpened
    "key.registered.v1" Audit KeyRegistered
    "key.rotated.v1" Audit KeyRotated
    "key.revoked.v1" Audit KeyRevoked
    "processor.authorised.v1" Audit ProcessorAuthorised
    "note.recorded.v1" Audit NoteRecorded
    "proposal.opened.v1" Votes ProposalOpened
    "vote.cast.v1" Votes VoteCast
    "account.opened.v1" Payments AccountOpened
    "transfer.posted.v1" Payments TransferPosted
    "transfer.pending.v1" Payments TransferPending
    "transfer.settled.v1" Payments TransferSettled
    "transfer.voided.v1" Payments TransferVoided
    "stake.locked.v1" Payments StakeLocked
    "stake.released.v1" Payments StakeReleased
}
