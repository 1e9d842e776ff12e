//! The tables of jobs: terms, tasks, workers, commitments, checks, disputes.

use super::{FactAt, row};
use cairn_schemas::{Account, Amount, BlobHash, EventHash, JobId, Line, Name, PublicKey, Rate, RealmId, Root, StateRoot, Timestamp};

row! {
    /// A job after a change of its state; the latest row is how it stands.
    JobRow of Jobs at FactAt {
        job: JobId,
        realm: RealmId,
        name: Name,
        author: PublicKey,
        account: Account,
        /// `accepted`, `round_closed`, `completed` or `failed`.
        state: &'static str,
        reason: Option<String>,
        /// The round that was closed last.
        round: Option<u32>,
        rounds: u32,
        shards: u32,
        attempts: u32,
        yaml: BlobHash,
        program: BlobHash,
        data_url: Line,
        data_hash: Root,
        assurance: String,
        rate: Rate,
        steps: u32,
        workers_min: u32,
        stake: Amount,
        bond: Amount,
        escrow: Amount,
        pay_task: Amount,
        pay_check: Amount,
        correct: Option<u64>,
        total: Option<u64>,
        output: Option<StateRoot>,
        result: Option<BlobHash>,
    }
}

row! {
    /// A task after a change of its state.
    TaskRow of Tasks at FactAt {
        job: JobId,
        /// Its number in the fixed order of the job's tasks.
        task: u32,
        attempt: Option<u32>,
        realm: Option<RealmId>,
        kind: Option<String>,
        round: Option<u32>,
        shard: Option<u32>,
        worker: Option<PublicKey>,
        /// `created`, `waiting`, `assigned`, `accepted`, `committed`, `challenged`, `disputed`, `timed_out`, `voided` or `verified`.
        state: &'static str,
        deadline: Option<Timestamp>,
        /// The part of the worker's stake that this attempt locks.
        bond: Option<Amount>,
        input: Option<StateRoot>,
        commitment: Option<EventHash>,
        /// The challenged steps, a JSON array.
        steps: Option<String>,
        output: Option<StateRoot>,
        result: Option<BlobHash>,
        correct: Option<u64>,
        total: Option<u64>,
        /// The phase somebody was silent in, or why the attempt is void.
        reason: Option<String>,
    }
}

row! {
    /// A worker after a change of its standing.
    WorkerRow of Workers at FactAt {
        realm: RealmId,
        worker: PublicKey,
        name: Name,
        account: Account,
        state: String,
    }
}

row! {
    /// What a worker committed to (`committed`), and each leaf it opened of that (`opened`).
    GradientRow of Gradients at FactAt {
        realm: Option<RealmId>,
        job: JobId,
        task: u32,
        attempt: u32,
        kind: &'static str,
        worker: PublicKey,
        commitment: Option<EventHash>,
        program: Option<BlobHash>,
        input: Option<StateRoot>,
        leaves: Option<u32>,
        trace: Option<Root>,
        leaf_index: Option<u32>,
        state: Option<StateRoot>,
        figures: Option<String>,
        blob: Option<BlobHash>,
        size: Option<u64>,
        correct: Option<u64>,
        total: Option<u64>,
    }
}

row! {
    /// A check and its verdict; `proof` is the event that a payment names as its reason, and stands here once.
    ProofRow of Proofs at FactAt {
        proof: EventHash,
        realm: Option<RealmId>,
        job: JobId,
        task: u32,
        attempt: u32,
        /// `check` or `failed`.
        kind: &'static str,
        /// `verifier` or `third`.
        role: String,
        /// The first leaf that differs; if none does, the first that was challenged.
        leaf_index: Option<u32>,
        verifier: PublicKey,
        /// `agrees`, `differs` or `unavailable`.
        verdict: &'static str,
        /// Steps that were done again.
        steps: u32,
        claimed: Option<StateRoot>,
        claimed_figures: Option<String>,
        recomputed: Option<StateRoot>,
        recomputed_figures: Option<String>,
    }
}

row! {
    /// A dispute after a change of its state.
    DisputeRow of Disputes at FactAt {
        realm: Option<RealmId>,
        job: JobId,
        task: u32,
        attempt: u32,
        /// `opened` or `closed`.
        state: &'static str,
        worker: Option<PublicKey>,
        verifier: Option<PublicKey>,
        leaf_index: Option<u32>,
        claimed: Option<StateRoot>,
        claimed_figures: Option<String>,
        recomputed: Option<StateRoot>,
        recomputed_figures: Option<String>,
        outcome: Option<String>,
        slashed: Option<PublicKey>,
    }
}
