//! Facts of one small task, for tests of what follows from them.

#![allow(clippy::unwrap_used)]

use super::View;
use cairn_log::journal::ValidBlock;
use cairn_schemas::{
    Account, Amount, BlobHash, BlobRef, BlockHash, EventHash, Fact, InstanceId, JobId, PublicKey, RealmId, Root, Seal, SecretKey,
    StateRoot, TaskId, Timestamp,
    block::{Body, Header, Next},
    decision::{Decision, Disposition, Subject, Tick, Verdict},
    event::{Assurance, DataSource, Deadlines, JobSubmitted, PayTerms, TaskPlan, TraceLeaf, VerifyTerms, WorkerTerms},
    fact::{Opened, Phase, Role, TaskInput, TaskKind, VoidReason},
};

pub const WORKER: u8 = 21;
pub const VERIFIER: u8 = 22;
pub const THIRD: u8 = 23;
pub const REALM: RealmId = RealmId([9; 32]);
pub const LEAVES: u32 = 5;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn id(seed: u8) -> PublicKey {
    key(seed).public()
}

pub fn task() -> TaskId {
    TaskId { job: JobId([8; 32]), index: 0 }
}

fn blob(byte: u8) -> BlobRef {
    BlobRef { hash: BlobHash([byte; 32]), size: 1 }
}

/// A view in which a job has been accepted.
pub fn begun(me: PublicKey) -> View {
    let mut view = View::new(me);
    view.take(&block(vec![Fact::JobAccepted { realm: REALM, job: task().job, author: id(1), terms: terms() }]));
    view
}

pub fn terms() -> JobSubmitted {
    let amount = |minor| Amount::new(minor).unwrap();
    JobSubmitted {
        name: "tale".parse().unwrap(),
        account: Account::Named("producer".parse().unwrap()),
        yaml: blob(1),
        program: blob(2),
        data: DataSource { url: "builtin:none".parse().unwrap(), hash: Root([3; 32]), train: 10, test: 10 },
        initial: StateRoot([4; 32]),
        plan: TaskPlan { rounds: 1, shards: 1, train_leaves: LEAVES, aggregate_leaves: 2, evaluate_leaves: 2 },
        workers: WorkerTerms { min: 2, stake: amount(10), bond: amount(4) },
        verify: VerifyTerms { assurance: Assurance::Sampled, rate: "1".parse().unwrap(), steps: 2 },
        deadlines: Deadlines { accept_ms: 1, task_ms: 1, check_ms: 1 },
        attempts: 3,
        pay: PayTerms { escrow: amount(100), task: amount(2), check: amount(1) },
    }
}

/// A block of one tick with these facts.
pub fn block(facts: Vec<Fact>) -> ValidBlock {
    of(vec![Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts }], Vec::new())
}

pub fn of(decisions: Vec<Decision>, dispositions: Vec<Disposition>) -> ValidBlock {
    let header = Header {
        instance: InstanceId([7; 32]),
        partition: 0,
        epoch: 1,
        height: 1,
        prev: BlockHash::ZERO,
        time: Timestamp::default(),
        rules: 1,
        next: Next::start(),
        dispositions: dispositions.len() as u32,
        first_leaf: 0,
        tree_size: 0,
        root: Root::ZERO,
        body: Root::ZERO,
    };
    let body = Body { decisions, dispositions, genesis: None };
    ValidBlock { hash: header.hash(), header, body, entries: Vec::new(), leaves: Vec::new() }
}

fn due() -> Timestamp {
    Timestamp::MAX
}

pub fn created() -> Fact {
    Fact::TaskCreated { task: task(), kind: TaskKind::Train, round: 0, shard: 0, due: due() }
}

pub fn assigned(attempt: u32) -> Fact {
    let input = StateRoot([4; 32]);
    Fact::TaskAssigned {
        task: task(),
        attempt,
        worker: id(WORKER),
        input,
        inputs: vec![TaskInput { state: input, blob: None }],
        due: due(),
    }
}

pub fn accepted() -> Fact {
    Fact::BondLocked { task: task(), attempt: 1, worker: id(WORKER), amount: Amount::ZERO, due: due() }
}

pub fn committed() -> Fact {
    Fact::WorkKept {
        task: task(),
        attempt: 1,
        worker: id(WORKER),
        commitment: EventHash([5; 32]),
        program: BlobHash([2; 32]),
        input: StateRoot([4; 32]),
        leaves: LEAVES,
        trace: Root([6; 32]),
        result: blob(7),
        score: None,
    }
}

pub fn challenged(steps: &[u32]) -> Fact {
    Fact::ChallengeDrawn { task: task(), attempt: 1, seed: Root::ZERO, steps: steps.to_vec(), due: due() }
}

pub fn drawn(who: u8) -> Fact {
    Fact::CheckerDrawn { task: task(), attempt: 1, verifier: id(who), due: due() }
}

pub fn third_drawn() -> Fact {
    Fact::ThirdDrawn { task: task(), attempt: 1, third: id(THIRD), due: due() }
}

pub fn leaf(index: u32) -> TraceLeaf {
    TraceLeaf { index, state: StateRoot([index as u8; 32]), figures: [0, 0] }
}

pub fn opened(leaves: &[u32]) -> Fact {
    let openings = leaves.iter().map(|index| Opened { leaf: leaf(*index), state: None }).collect();
    Fact::OpeningKept { task: task(), attempt: 1, worker: id(WORKER), openings, due: due() }
}

fn role(who: u8) -> Role {
    if who == THIRD { Role::Third } else { Role::Verifier }
}

pub fn sealed(who: u8) -> Fact {
    Fact::SealKept { task: task(), attempt: 1, role: role(who), verifier: id(who), seal: Seal([who; 32]), due: due() }
}

pub fn closed(who: u8) -> Fact {
    let (claimed, recomputed) = (vec![leaf(1)], vec![leaf(1)]);
    Fact::CheckClosed {
        task: task(),
        attempt: 1,
        role: role(who),
        verifier: id(who),
        proof: EventHash::ZERO,
        claimed,
        recomputed,
        agrees: true,
    }
}

pub fn checker_voided(who: u8) -> Fact {
    Fact::CheckerVoided { task: task(), attempt: 1, role: role(who), verifier: id(who) }
}

pub fn silent(phase: Phase, who: u8) -> Fact {
    Fact::AttemptTimedOut { task: task(), attempt: 1, phase, silent: Some(id(who)) }
}

pub fn voided(reason: VoidReason) -> Fact {
    Fact::AttemptVoided { task: task(), attempt: 1, reason }
}

pub fn verified() -> Fact {
    Fact::TaskVerified { task: task(), attempt: 1, worker: id(WORKER), output: StateRoot([5; 32]), result: blob(7), score: None }
}
