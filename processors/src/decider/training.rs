//! Training: the life of a task, told by four books together.
//!
//! Owns the order in which workers, jobs, tasks and checks are asked, and joins what they answer. Refuses maps (the books have
//! those), kernels and blobs: what a state root stands for, workers know.
//!
//! ```text
//! created ─► waiting ─► assigned ─► working ─► committed ─► open ─► seal ─► answer ─► reveal ─► verified: task and check paid
//!               ▲           │           │           │         │       │       │         │
//!               │     silent, slashed elsewhere, or retracted │       │       │         └─ contradicts ─► third seals, reveals
//!               │           └───────────┴─────┬─────┘   silent, withholds     │                                │
//!               │                    bond freed         or retracts: ◄────────┘     verifier wrong: it is slashed, verified
//!               └── next attempt ◄───────────┴────── bond forfeited                 worker wrong: it is slashed, void
//!                   after the last: job closes                                      neither, or no third: void
//! ```
//!
//! * A draw (worker, challenge, verifier after the first) is always a tick's, so that each stands in a decision of its own and
//!   sees what those before it did. A verifier or third that is silent, or slashed elsewhere, is replaced in the same decision.
//! * An attempt whose challenge draws no step is verified by its first opening: nobody is paid for checking it.
//! * Who works is paid: the author on `verified`; a verifier that agrees, from the escrow; one that has sealed when the author
//!   falls silent, from the bond; one that is right in a dispute, and the third, from the stake of who was wrong. What another
//!   attempt of a slashed worker owes its checkers is kept back from its stake until that attempt is ended. Unpaid by rule is
//!   the last word of an undecided attempt: when a third agrees with neither, or nobody is left to ask, nobody pays.
//! * A job that is cancelled or out of attempts closes: nothing new begins, what is committed is seen through and paid.
//! * Each task takes its pay and one check fee from the escrow, at most: `escrow ≥ tasks × (task + check)` always suffices.

mod case;
mod check;
mod dispute;
mod draw;
mod ends;
mod orders;
mod work;

use super::{
    Context, Halt, Rejection, State,
    books::{Balance, Job, Stage, Worker},
};
use cairn_schemas::{
    Account, Amount, Fact,
    decision::{RejectionCode, Tick},
    event::Body,
    fact::Phase,
    ids::{EventHash, JobId, RealmId, TaskId},
    sign::PublicKey,
};
use case::Case;
use std::collections::BTreeMap;

/// Decides what an author says about jobs, work and checks.
pub(super) fn decide(
    state: &State,
    ctx: &Context,
    by: &PublicKey,
    realm: RealmId,
    hash: EventHash,
    body: &Body,
) -> Result<Vec<Fact>, Rejection> {
    let case = |task: &TaskId, attempt: u32| Case::of_event(state, ctx, by, realm, *task, attempt);
    match body {
        Body::JobSubmitted(ask) => orders::submit(state, ctx, by, realm, hash, ask),
        Body::JobCancelled(ask) => orders::cancel(state, ctx, by, realm, ask.job),
        Body::WorkerRegistered(ask) => orders::register(state, by, realm, ask),
        Body::WorkerRetired(_) => state.workers.decide_retire(realm, by),
        Body::TaskAccepted(ask) => work::accept(case(&ask.task, ask.attempt)?, by),
        Body::WorkCommitted(ask) => work::commit(case(&ask.task, ask.attempt)?, by, hash, ask),
        Body::WorkOpened(ask) => work::open(case(&ask.task, ask.attempt)?, by, hash, &ask.openings),
        Body::WorkRetracted(ask) => work::retract(case(&ask.task, ask.attempt)?, by, hash),
        Body::CheckSealed(ask) => check::seal(case(&ask.task, ask.attempt)?, by, ask.seal),
        Body::CheckRevealed(ask) => check::reveal(case(&ask.task, ask.attempt)?, by, hash, ask),
        Body::CheckFailed(ask) => check::fail(case(&ask.task, ask.attempt)?, by, hash),
        _ => Err(RejectionCode::NotAllowed.into()),
    }
}

/// What is due in this block, at most `limit`: who fell before who is late, challenges, and then whoever waits for somebody.
pub(super) fn due(state: &State, ctx: &Context, limit: usize) -> Vec<Tick> {
    let awaited = |realm, who: &PublicKey, task: &TaskId| match state.checks.get(task) {
        Some(check) => check.awaits(who),
        None => state.tasks.get(task).is_some_and(|found| found.stage.worker() == Some(who) && state.workers.is_slashed(realm, who)),
    };
    let vacated = state.workers.vacated().filter(|(realm, who, task)| awaited(*realm, who, task));
    let vacated = vacated.map(|(_, _, task)| Tick::Vacated(task));
    let late = state.tasks.overdue(ctx).chain(state.checks.overdue(ctx)).map(Tick::TaskDue);
    let challenges = state.checks.to_challenge(ctx).map(Tick::Challenge);
    let drawn = seated(state).chain(attended(state)).map(Tick::Assign);
    vacated.chain(late).chain(challenges).chain(drawn).take(limit).collect()
}

/// Decides a tick. One that is due no longer, for a tick before it in the block changed things, has no consequences.
pub(super) fn decide_tick(state: &State, ctx: &Context, tick: Tick) -> Vec<Fact> {
    let (Tick::TaskDue(task) | Tick::Challenge(task) | Tick::Assign(task) | Tick::Vacated(task)) = tick else { return Vec::new() };
    let Some(case) = Case::of_tick(state, ctx, task) else { return Vec::new() };
    match (tick, case.task.stage) {
        (Tick::Vacated(_), _) => dispute::vacated(case),
        (Tick::TaskDue(_), Stage::Waiting { due }) if ctx.is_past(due) => work::unassigned(case),
        (Tick::TaskDue(_), Stage::Assigned { due, .. }) if ctx.is_past(due) => work::idle(case, Phase::Accept),
        (Tick::TaskDue(_), Stage::Working { due, .. }) if ctx.is_past(due) => work::idle(case, Phase::Work),
        (Tick::TaskDue(_), Stage::Committed { .. }) => {
            case.check().filter(|check| ctx.is_past(check.due)).map_or_else(Vec::new, |found| check::overdue(case, found))
        }
        (Tick::Challenge(_), Stage::Committed { .. }) => check::challenge(case),
        (Tick::Assign(_), Stage::Waiting { .. }) => work::assign(case),
        (Tick::Assign(_), Stage::Committed { .. }) => check::attend(case),
        _ => Vec::new(),
    }
}

/// Waiting tasks for which there is a seat: no more of a job than its workers have bonds to spare.
fn seated(state: &State) -> impl Iterator<Item = TaskId> {
    let mut waiting: BTreeMap<JobId, Vec<TaskId>> = BTreeMap::new();
    state.tasks.waiting().for_each(|task| waiting.entry(task.job).or_default().push(*task));
    waiting.into_iter().flat_map(|(job, tasks)| {
        let seats = state.jobs.get(&job).map_or(0, |found| seats(state, found, tasks.len()));
        tasks.into_iter().take(seats)
    })
}

/// Bonds of this job that workers could put up now, as far as they are wanted.
fn seats(state: &State, job: &Job, wanted: usize) -> usize {
    let terms = &job.terms.workers;
    let bonds = |worker: &Worker| usize::try_from(worker.spare().get() / terms.bond.get().max(1)).unwrap_or(usize::MAX);
    let free = state.workers.free(job.realm, terms.stake, terms.bond);
    free.fold(0usize, |sum, (_, worker)| sum.saturating_add(bonds(worker))).min(wanted)
}

/// Attempts without a verifier for which there is one now.
fn attended(state: &State) -> impl Iterator<Item = TaskId> {
    state.checks.unattended().copied().filter(|task| {
        let found = state.checks.get(task).zip(state.jobs.get(&task.job));
        found.is_some_and(|(check, job)| check::has_candidate(state, job, check))
    })
}

/// Whether any task waits for anybody: then an outage of ours extends its deadlines.
pub(super) fn has_deadlines(state: &State) -> bool {
    state.tasks.has_deadlines() || state.checks.has_deadlines()
}

/// Bonds are covered by stakes, obligations by escrows, and both are what the accounts say.
pub(super) fn check_invariants(state: &State) -> Result<(), Halt> {
    state.workers.check_invariants()?;
    state.jobs.check_invariants()?;
    state.tasks.check_invariants()?;
    state.checks.check_invariants()?;
    let holds = |realm: RealmId, account: Account, amount: Amount| {
        let there: Balance = state.accounts.balance(realm, &account);
        if there.amount() == amount && !there.is_negative() {
            Ok(())
        } else {
            Err(Halt::invariant("training", format!("{account} holds {there}, not {amount}")))
        }
    };
    state.workers.stakes().try_for_each(|(realm, who, stake)| holds(realm, Account::Stake(*who), stake))?;
    state.jobs.iter().try_for_each(|(id, job)| holds(job.realm, Account::Escrow(*id), job.escrow))
}
