//! Facts: what follows from a decision. `evolve` and every projection read these and nothing else.
//!
//! Owns their names and shapes; each is self-sufficient, so that no reader decides again.
//! Refuses reasons that are not recorded: a fact carries all that its readers need.

use crate::{
    account::Account,
    event::{Admission, Choice, Currency, JobSubmitted, Score, TraceLeaf},
    ids::{BlobHash, EventHash, JobId, RealmId, Root, Seal, StateRoot, TaskId},
    sign::PublicKey,
    value::{Amount, BlobRef, Line, Name, Text, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Money from `debit` to `credit`. Every fact that moves money carries one; nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// The realm in whose currency it is.
    pub realm: RealmId,
    pub debit: Account,
    pub credit: Account,
    pub amount: Amount,
    /// The event that caused it, if one did; for a payment or a slash, the check that allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<EventHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// What a task computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    Train,
    Aggregate,
    Evaluate,
}

/// The part a worker has in checking an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Verifier,
    /// Decides between an author and a verifier who contradict each other.
    Third,
}

/// Where an attempt stood when somebody fell silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No worker could be drawn.
    Unassigned,
    /// The worker did not accept.
    Accept,
    /// The worker did not commit.
    Work,
    /// The worker did not open the predecessors.
    Open,
    /// The verifier or third did not seal.
    Seal,
    /// The worker did not open the challenged leaves.
    Answer,
    /// The verifier or third did not reveal.
    Reveal,
}

/// Why an attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// No worker could be drawn in time.
    NoWorker,
    /// The worker did not accept, commit or open in time.
    Silent,
    Retracted,
    /// Author or a verifier was slashed for another attempt.
    Slashed,
    /// This attempt was contradicted, and its author slashed.
    Contradicted,
    /// Nobody was left to check it; or a verifier contradicted, and there was no third, or the third agreed with neither.
    Undecided,
    /// Two verifiers could not fetch what the worker named.
    Unavailable,
    /// The job ended.
    JobEnded,
}

/// How a dispute ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    WorkerWrong,
    VerifierWrong,
    Neither,
    NoThird,
    /// The attempt ended before a third answered.
    Ended,
}

/// Why a job ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnd {
    AttemptsExhausted,
    Cancelled,
}

/// What a key may do from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    Registered,
    Rotated,
    Revoked,
}

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    Active,
    Retired,
    Slashed,
}

/// A result that later tasks begin from: the root of its state and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskInput {
    pub state: StateRoot,
    /// None for the job's initial state, which follows from the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobRef>,
}

/// A leaf that was opened; its path was checked and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    pub leaf: TraceLeaf,
    /// The bytes of a predecessor's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BlobRef>,
}

macro_rules! facts {
    ($($(#[$doc:meta])* $tag:literal $name:ident { $($(#[$fmeta:meta])* $field:ident: $type:ty),* $(,)? })+) => {
        /// A consequence of a decision.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(clippy::large_enum_variant)]
        pub enum Fact {
            $($(#[$doc])* #[serde(rename = $tag)] $name { $($(#[$fmeta])* $field: $type),* },)+
            /// Money moved because an author said so.
            #[serde(rename = "money.moved")]
            MoneyMoved(Movement),
            /// Money put aside for a job.
            #[serde(rename = "escrow.held")]
            EscrowHeld(Movement),
            #[serde(rename = "escrow.refunded")]
            EscrowRefunded(Movement),
            /// Money taken from a worker that was contradicted.
            #[serde(rename = "stake.slashed")]
            StakeSlashed(Movement),
            /// Money taken from a worker that fell silent after its challenge.
            #[serde(rename = "bond.forfeited")]
            BondForfeited(Movement),
            /// Verified work, or a check, paid.
            #[serde(rename = "payment.made")]
            PaymentMade(Movement),
        }

        impl Fact {
            /// The name in SQL and docs.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Fact::$name { .. } => $tag,)+
                    Fact::MoneyMoved(_) => "money.moved",
                    Fact::EscrowHeld(_) => "escrow.held",
                    Fact::EscrowRefunded(_) => "escrow.refunded",
                    Fact::StakeSlashed(_) => "stake.slashed",
                    Fact::BondForfeited(_) => "bond.forfeited",
                    Fact::PaymentMade(_) => "payment.made",
                }
            }

            /// The movement of money and its kind as the table `entries` names it.
            pub fn movement(&self) -> Option<(&'static str, &Movement)> {
                match self {
                    Fact::MoneyMoved(m) => Some(("transfer", m)),
                    Fact::EscrowHeld(m) => Some(("escrow", m)),
                    Fact::EscrowRefunded(m) => Some(("refund", m)),
                    Fact::StakeSlashed(m) => Some(("slash", m)),
                    Fact::BondForfeited(m) => Some(("forfeit", m)),
                    Fact::PaymentMade(m) => Some(("payment", m)),
                    _ => None,
                }
            }
        }
    };
}

facts! {
    "realm.opened" RealmOpened {
        realm: RealmId, name: Name, partition: u32, admins: Vec<PublicKey>, admission: Admission, currency: Currency, issuer: PublicKey,
    }
    "processor.changed" ProcessorChanged { key: PublicKey, authorised: bool }
    "key.changed" KeyChanged { realm: RealmId, author: PublicKey, key: PublicKey, state: KeyState }
    "note.kept" NoteKept {
        realm: RealmId, author: PublicKey, text: Text,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<EventHash>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blob: Option<BlobRef>,
    }

    "account.opened" AccountOpened { realm: RealmId, account: Account, owner: PublicKey }
    /// Money of `from` that may not be spent until the transfer is settled or released.
    "transfer.held" TransferHeld { realm: RealmId, transfer: EventHash, by: PublicKey, from: Account, to: Account, amount: Amount, due: Timestamp }
    /// The held money is free again: it was moved (a `money.moved` follows), voided, or its time was over.
    "transfer.closed" TransferClosed { realm: RealmId, transfer: EventHash, settled: bool }

    "worker.changed" WorkerChanged { realm: RealmId, worker: PublicKey, name: Name, account: Account, state: WorkerState }

    "job.accepted" JobAccepted { realm: RealmId, job: JobId, author: PublicKey, terms: JobSubmitted }
    "job.completed" JobCompleted { job: JobId, score: Score, output: StateRoot, result: BlobRef }
    /// No attempt begins any more; those that are committed are seen through and paid.
    "job.closing" JobClosing { job: JobId, reason: JobEnd }
    /// The job ended without a result; what is left of its escrow goes back.
    "job.failed" JobFailed { job: JobId, reason: JobEnd }
    "round.closed" RoundClosed { job: JobId, round: u32, output: StateRoot, result: BlobRef }
    /// A task can start: its first attempt waits for a worker until `due`. Aggregation and evaluation have shard 0.
    "task.created" TaskCreated { task: TaskId, kind: TaskKind, round: u32, shard: u32, due: Timestamp }
    /// A worker may take the task until `due`. `input` is the root that leaf 0 must show; `inputs` are where it comes from, in order.
    "task.assigned" TaskAssigned {
        task: TaskId, attempt: u32, worker: PublicKey, input: StateRoot, inputs: Vec<TaskInput>, due: Timestamp,
    }
    /// The next attempt waits for a worker until `due`.
    "task.waiting" TaskWaiting { task: TaskId, attempt: u32, due: Timestamp }
    /// The worker took the task: part of its stake is locked, and it must commit by `due`.
    "bond.locked" BondLocked { task: TaskId, attempt: u32, worker: PublicKey, amount: Amount, due: Timestamp }
    "bond.freed" BondFreed { task: TaskId, attempt: u32, worker: PublicKey, amount: Amount }
    "work.kept" WorkKept {
        task: TaskId, attempt: u32, worker: PublicKey, commitment: EventHash, program: BlobHash, input: StateRoot, leaves: u32, trace: Root, result: BlobRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        score: Option<Score>,
    }
    /// The steps that will be done again; the worker opens their predecessors by `due`. Empty: this attempt is not checked.
    "challenge.drawn" ChallengeDrawn { task: TaskId, attempt: u32, seed: Root, steps: Vec<u32>, due: Timestamp }
    /// Who does the drawn steps again. `due` is when the attempt's next word is awaited, whose ever it is.
    "checker.drawn" CheckerDrawn { task: TaskId, attempt: u32, verifier: PublicKey, due: Timestamp }
    /// A verifier or third was slashed for another attempt, before it answered here.
    "checker.voided" CheckerVoided { task: TaskId, attempt: u32, role: Role, verifier: PublicKey }
    "third.drawn" ThirdDrawn { task: TaskId, attempt: u32, third: PublicKey, due: Timestamp }
    /// Leaves that the worker opened, with the state blobs of predecessors. The next to speak does so by `due`.
    "opening.kept" OpeningKept { task: TaskId, attempt: u32, worker: PublicKey, openings: Vec<Opened>, due: Timestamp }
    "seal.kept" SealKept { task: TaskId, attempt: u32, role: Role, verifier: PublicKey, seal: Seal, due: Timestamp }
    /// A check ended: what the worker claimed beside what was recomputed, per challenged step.
    "check.closed" CheckClosed {
        task: TaskId, attempt: u32, role: Role, verifier: PublicKey, proof: EventHash, claimed: Vec<TraceLeaf>, recomputed: Vec<TraceLeaf>, agrees: bool,
    }
    "check.failed" CheckFailed { task: TaskId, attempt: u32, role: Role, verifier: PublicKey, proof: EventHash }
    "dispute.opened" DisputeOpened { task: TaskId, attempt: u32, worker: PublicKey, verifier: PublicKey, step: u32, claimed: TraceLeaf, recomputed: TraceLeaf }
    "dispute.closed" DisputeClosed {
        task: TaskId, attempt: u32, outcome: DisputeOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slashed: Option<PublicKey>,
    }
    "attempt.timed_out" AttemptTimedOut { task: TaskId, attempt: u32, phase: Phase,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        silent: Option<PublicKey>,
    }
    "attempt.voided" AttemptVoided { task: TaskId, attempt: u32, reason: VoidReason }
    "task.verified" TaskVerified {
        task: TaskId, attempt: u32, worker: PublicKey, output: StateRoot, result: BlobRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        score: Option<Score>,
    }
    "deadlines.extended" DeadlinesExtended { by_ms: u64 }

    "proposal.opened" ProposalOpened { realm: RealmId, proposal: EventHash, author: PublicKey, title: Line }
    "vote.counted" VoteCounted { realm: RealmId, proposal: EventHash, author: PublicKey, choice: Choice }
}
