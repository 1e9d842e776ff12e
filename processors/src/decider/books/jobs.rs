//! Jobs: what was ordered, how far it has come, and what is left of the money put aside for it.
//!
//! Owns terms, the order of tasks (each round: shards, then the aggregation; last the evaluation), results that later tasks
//! begin from, and the escrow as the movements of money tell it. An ended job leaves its id behind and nothing else.
//! Refuses attempts (tasks know those) and workers.

use crate::decider::{Context, Halt, Rejection, rejection::require};
use cairn_schemas::{
    Account, Amount, Fact, Rate,
    decision::RejectionCode,
    event::{Assurance, JobSubmitted, TaskPlan, VerifyTerms},
    fact::{JobEnd, Movement, TaskInput, TaskKind},
    ids::{JobId, RealmId, StateRoot},
    limits,
    sign::PublicKey,
    trace,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One opened leaf in CBOR, without its path, bytes.
const OPENING_BYTES: usize = 152;
/// One hash of a path.
const PATH_BYTES: usize = 34;
/// Everything else in a signed event.
const ENVELOPE_BYTES: usize = 1_024;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    open: BTreeMap<JobId, Job>,
    ended: BTreeMap<JobId, RealmId>,
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub realm: RealmId,
    pub author: PublicKey,
    pub terms: JobSubmitted,
    /// What is left of the escrow.
    pub escrow: Amount,
    /// The result of the last closed round; before that, the initial state, which has no bytes.
    pub model: TaskInput,
    /// Verified outputs of the open round, by shard.
    outputs: BTreeMap<u32, TaskInput>,
    /// Tasks with an attempt that has not ended.
    pub open: BTreeSet<u32>,
    /// No attempt begins any more, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<JobEnd>,
}

/// Where a task stands in its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub kind: TaskKind,
    pub round: u32,
    /// Zero for aggregations and the evaluation.
    pub shard: u32,
}

/// What follows when a task is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Other shards of the round are not verified yet.
    Wait,
    /// The round's aggregation can start.
    Aggregate,
    /// The round is closed; these tasks can start.
    Round { closed: u32, tasks: Vec<u32> },
    /// The evaluation was the last.
    Complete,
}

impl Job {
    pub fn tasks(&self) -> u32 {
        count(&self.terms.plan).unwrap_or(0)
    }

    pub fn place(&self, index: u32) -> Place {
        let TaskPlan { rounds, shards, .. } = self.terms.plan;
        let (round, within) = (index / (shards + 1), index % (shards + 1));
        match () {
            () if round == rounds => Place { kind: TaskKind::Evaluate, round, shard: 0 },
            () if within == shards => Place { kind: TaskKind::Aggregate, round, shard: 0 },
            () => Place { kind: TaskKind::Train, round, shard: within },
        }
    }

    pub fn leaves(&self, kind: TaskKind) -> u32 {
        leaves(&self.terms.plan, kind)
    }

    /// What leaf 0 of the task must show, and where that comes from.
    pub fn input(&self, index: u32) -> (StateRoot, Vec<TaskInput>) {
        if self.place(index).kind != TaskKind::Aggregate {
            return (self.model.state, vec![self.model]);
        }
        let inputs: Vec<TaskInput> = self.outputs.values().copied().collect();
        let states: Vec<StateRoot> = inputs.iter().map(|input| input.state).collect();
        (trace::inputs_root(&states), inputs)
    }

    /// What the verification of the task `index` leads to.
    pub fn after(&self, index: u32) -> Next {
        let Place { kind, round, .. } = self.place(index);
        let first = (round + 1) * (self.terms.plan.shards + 1);
        match kind {
            TaskKind::Train if self.outputs.len() + 1 < self.terms.plan.shards as usize => Next::Wait,
            TaskKind::Train => Next::Aggregate,
            TaskKind::Aggregate => Next::Round { closed: round, tasks: self.start_of(first) },
            TaskKind::Evaluate => Next::Complete,
        }
    }

    /// The tasks that can start with the round whose first task this is: its shards, or the evaluation alone.
    pub fn start_of(&self, first: u32) -> Vec<u32> {
        let end = first + self.terms.plan.shards;
        (first..end.min(self.tasks())).collect()
    }
}

impl Jobs {
    pub fn get(&self, job: &JobId) -> Option<&Job> {
        self.open.get(job)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&JobId, &Job)> {
        self.open.iter()
    }

    /// The job, if it is of this realm and has not ended.
    pub fn open(&self, realm: RealmId, job: &JobId) -> Result<&Job, Rejection> {
        if let Some(found) = self.open.get(job).filter(|found| found.realm == realm) {
            return Ok(found);
        }
        let ended = self.ended.get(job).is_some_and(|home| *home == realm);
        Err(if ended { RejectionCode::JobEnded } else { RejectionCode::NoSuchJob }.into())
    }

    /// Whether another job may open here on these terms.
    pub fn may_open(&self, ask: &JobSubmitted) -> Result<(), Rejection> {
        require(self.open.len() < limits::OPEN_JOBS, RejectionCode::LimitReached)?;
        is_sound(ask)
    }

    pub fn evolve(&mut self, _ctx: &Context, fact: &Fact) -> Result<(), Halt> {
        if let Some((_, movement)) = fact.movement() {
            return self.count_escrow(fact, movement);
        }
        match fact {
            Fact::JobAccepted { realm, job, author, terms } => {
                let model = TaskInput { state: terms.initial, blob: None };
                let (escrow, outputs, open, closing) = (Amount::ZERO, BTreeMap::new(), BTreeSet::new(), None);
                let new = Job { realm: *realm, author: *author, terms: terms.clone(), escrow, model, outputs, open, closing };
                self.open.insert(*job, new);
            }
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => {
                let ended = self.open.remove(job).ok_or_else(|| lost(fact, job))?;
                self.ended.insert(*job, ended.realm);
            }
            Fact::JobClosing { job, reason } => self.named(fact, job)?.closing = Some(*reason),
            Fact::TaskCreated { task, .. } | Fact::TaskWaiting { task, .. } => {
                self.named(fact, &task.job)?.open.insert(task.index);
            }
            Fact::AttemptVoided { task, .. } => {
                self.named(fact, &task.job)?.open.remove(&task.index);
            }
            Fact::TaskVerified { task, output, result, .. } => {
                let job = self.named(fact, &task.job)?;
                job.open.remove(&task.index);
                let place = job.place(task.index);
                if place.kind == TaskKind::Train {
                    job.outputs.insert(place.shard, TaskInput { state: *output, blob: Some(*result) });
                }
            }
            Fact::RoundClosed { job, output, result, .. } => {
                let job = self.named(fact, job)?;
                job.outputs.clear();
                job.model = TaskInput { state: *output, blob: Some(*result) };
            }
            _ => {}
        }
        Ok(())
    }

    fn named(&mut self, fact: &Fact, job: &JobId) -> Result<&mut Job, Halt> {
        self.open.get_mut(job).ok_or_else(|| lost(fact, job))
    }

    fn count_escrow(&mut self, fact: &Fact, movement: &Movement) -> Result<(), Halt> {
        if let Account::Escrow(job) = &movement.credit {
            let found = self.named(fact, job)?;
            found.escrow = found.escrow.checked_add(movement.amount).ok_or_else(|| lost(fact, job))?;
        }
        if let Account::Escrow(job) = &movement.debit {
            let found = self.named(fact, job)?;
            found.escrow = found.escrow.checked_sub(movement.amount).ok_or_else(|| lost(fact, job))?;
        }
        Ok(())
    }

    /// Each open job can pay for every task that it has not paid for, and has something to wait for.
    pub fn check_invariants(&self) -> Result<(), Halt> {
        for (id, job) in &self.open {
            if job.open.is_empty() {
                return Err(Halt::invariant("jobs", format!("job {id} is open and waits for nothing")));
            }
            let first = job.open.iter().next().copied().unwrap_or(0);
            let round = first - first % (job.terms.plan.shards + 1);
            let verified = u128::from(round) + job.outputs.len() as u128;
            let ahead = u128::from(job.tasks()) - verified;
            let needed = each(&job.terms).and_then(|each| each.checked_mul(ahead));
            if needed.is_none_or(|needed| needed > job.escrow) {
                return Err(Halt::invariant("jobs", format!("the escrow of job {id} does not cover its tasks")));
            }
        }
        Ok(())
    }
}

fn lost(fact: &Fact, job: &JobId) -> Halt {
    Halt::fact(fact.name(), format!("job {job} is not open, or its escrow does not allow it"))
}

fn leaves(plan: &TaskPlan, kind: TaskKind) -> u32 {
    match kind {
        TaskKind::Train => plan.train_leaves,
        TaskKind::Aggregate => plan.aggregate_leaves,
        TaskKind::Evaluate => plan.evaluate_leaves,
    }
}

/// Tasks of a plan, or `None` beyond what one job may have.
fn count(plan: &TaskPlan) -> Option<u32> {
    let tasks = plan.shards.checked_add(1)?.checked_mul(plan.rounds)?.checked_add(1)?;
    (tasks <= limits::TASKS_PER_JOB).then_some(tasks)
}

/// What one task costs its escrow at most.
fn each(terms: &JobSubmitted) -> Option<Amount> {
    terms.pay.task.checked_add(terms.pay.check)
}

fn is_sound(ask: &JobSubmitted) -> Result<(), Rejection> {
    let bad = |why: &str| Rejection::because(RejectionCode::BadTerms, why);
    let within = |value: u32, from: u32, to: u32| (from..=to).contains(&value);
    let (plan, verify) = (&ask.plan, &ask.verify);
    let kinds = [TaskKind::Train, TaskKind::Aggregate, TaskKind::Evaluate].map(|kind| leaves(plan, kind));
    let all_steps = kinds.iter().all(|leaves| *leaves <= limits::STEPS_PER_CHECK + 1);
    let deadlines = [ask.deadlines.accept_ms, ask.deadlines.task_ms, ask.deadlines.check_ms];
    let rules = [
        (within(plan.shards, 1, limits::SHARDS_PER_ROUND), "a round has 1 to 128 shards"),
        (plan.rounds > 0 && count(plan).is_some(), "a job has 1 round or more, and at most 10 000 tasks"),
        (kinds.iter().all(|leaves| within(*leaves, 2, limits::LEAVES_PER_TASK)), "a task has 2 to 1 048 576 trace leaves"),
        (within(verify.steps, 1, limits::STEPS_PER_CHECK), "a check has 1 to 64 steps"),
        (verify.assurance == Assurance::Sampled || all_steps, "full assurance checks at most 64 steps of a task: commit more rarely"),
        (
            kinds.iter().all(|leaves| opens((*leaves).max(2), verify)),
            "the openings of a check do not fit into one event: fewer steps, or fewer leaves",
        ),
        (ask.workers.min >= 2, "a job needs 2 workers: one does the work, another checks it"),
        (deadlines.iter().all(|ms| (1..=limits::DEADLINE_MS).contains(ms)), "a deadline is 1 millisecond to 30 days"),
        (within(ask.attempts, 1, limits::ATTEMPTS_PER_TASK), "a task has 1 to 16 attempts"),
        (ask.data.train > 0 && ask.data.test > 0, "there are records to train on, and records to test on"),
        (!ask.pay.task.is_zero(), "verified work is paid"),
    ];
    rules.iter().try_for_each(|(holds, why)| if *holds { Ok(()) } else { Err(bad(why)) })?;
    covers(ask)
}

/// Whether the largest opening that the worker may owe fits into one event; or honest work would fall silent.
fn opens(leaves: u32, verify: &VerifyTerms) -> bool {
    let steps = if verify.assurance == Assurance::Full { leaves - 1 } else { verify.steps.min(leaves - 1) };
    let levels = (leaves - 1).checked_ilog2().map_or(0, |log| log as usize + 1);
    (steps as usize + 1) * (OPENING_BYTES + PATH_BYTES * levels) + ENVELOPE_BYTES <= limits::EVENT_BYTES
}

/// A bond is worth twice the task, so that silence costs more than it could gain; and it pays the two who checked.
fn covers(ask: &JobSubmitted) -> Result<(), Rejection> {
    let (pay, workers) = (&ask.pay, &ask.workers);
    let twice = pay.task.max(pay.check).checked_mul(2);
    require(twice.is_some_and(|twice| workers.bond >= twice) && workers.stake >= workers.bond, RejectionCode::BondTooSmall)?;
    let tasks = u128::from(count(&ask.plan).unwrap_or(u32::MAX));
    require(each(ask).and_then(|each| each.checked_mul(tasks)).is_some_and(|all| ask.pay.escrow >= all), RejectionCode::EscrowTooSmall)
}

/// One thousand millionths make a certainty.
pub const CERTAIN: u64 = 1_000_000_000;

/// The share of attempts that is checked, in billionths.
pub fn rate(assurance: Assurance, rate: &Rate) -> u64 {
    if assurance == Assurance::Full { CERTAIN } else { rate.billionths() }
}
