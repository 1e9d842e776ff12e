//! Ends: what follows when an attempt, a task or a job is over.
//!
//! Owns the one way out of an attempt (verified or void), what may start then, and how a job ends with its escrow.
//! Refuses reasons: who was right, the other files have decided.

use super::case::Case;
use crate::decider::{
    Context, State,
    books::{Job, Next, Place, Stage},
};
use cairn_schemas::{
    Account, Amount, BlobRef, Fact, Timestamp,
    event::TraceLeaf,
    fact::{JobEnd, Movement, VoidReason},
    ids::{EventHash, JobId, TaskId},
};

/// The attempt is worth its pay: `facts` closed its check, `because` is the word that settled it.
pub fn verified(case: Case<'_>, mut facts: Vec<Fact>, last: TraceLeaf, because: EventHash) -> Vec<Fact> {
    let Some(check) = case.check() else { return facts };
    let (task, attempt, worker) = (case.id, case.attempt(), check.author);
    let pay = case.movement(case.escrow(), case.account_of(&worker), case.job.terms.pay.task, Some(because));
    facts.push(Fact::PaymentMade(pay));
    facts.extend(freed(case));
    let (output, result, score) = (last.state, check.result, check.score.clone());
    facts.push(Fact::TaskVerified { task, attempt, worker, output, result, score });
    let next = case.job.after(task.index);
    if next == Next::Complete {
        return complete(case, facts, result);
    }
    if let Some(reason) = case.job.closing {
        facts.extend(failed_if_last(case, reason, &facts));
        return facts;
    }
    let Place { round, .. } = case.job.place(task.index);
    match next {
        Next::Aggregate => facts.push(start(case, (round + 1) * (case.job.terms.plan.shards + 1) - 1)),
        Next::Round { closed, tasks } => {
            facts.push(Fact::RoundClosed { job: task.job, round: closed, output, result });
            facts.extend(tasks.into_iter().map(|index| start(case, index)));
        }
        Next::Wait | Next::Complete => {}
    }
    facts
}

/// The attempt ends without a result: its bond is free unless it was taken, and another attempt begins if the job allows one.
pub fn void(case: Case<'_>, reason: VoidReason, taken: bool) -> Vec<Fact> {
    let (task, attempt) = (case.id, case.attempt());
    let mut facts: Vec<Fact> = freed(case).filter(|_| !taken).into_iter().collect();
    facts.push(Fact::AttemptVoided { task, attempt, reason });
    let rest = match case.job.closing {
        Some(reason) => failed_if_last(case, reason, &[]),
        None if attempt < case.job.terms.attempts => {
            let due = case.within(case.job.terms.deadlines.task_ms);
            vec![Fact::TaskWaiting { task, attempt: attempt + 1, due }]
        }
        None => close(case.state, case.ctx, task.job, case.job, JobEnd::AttemptsExhausted, Some(task.index)),
    };
    facts.extend(rest);
    facts
}

/// No attempt of the job begins any more. What is not committed ends now, what is committed is seen through; the last one out
/// ends the job. `gone` is the task whose end was decided just now.
pub fn close(state: &State, ctx: &Context, job: JobId, found: &Job, reason: JobEnd, gone: Option<u32>) -> Vec<Fact> {
    let mut facts = vec![Fact::JobClosing { job, reason }];
    let open = found.open.iter().filter(|index| Some(**index) != gone).map(|index| TaskId { job, index: *index });
    let (committed, rest): (Vec<Case<'_>>, Vec<Case<'_>>) =
        open.filter_map(|id| Case::of_tick(state, ctx, id)).partition(|case| matches!(case.task.stage, Stage::Committed { .. }));
    for case in rest {
        facts.extend(freed(case));
        facts.push(Fact::AttemptVoided { task: case.id, attempt: case.attempt(), reason: VoidReason::JobEnded });
    }
    if committed.is_empty() {
        facts.extend(refund(job, found, found.escrow));
        facts.push(Fact::JobFailed { job, reason });
    }
    facts
}

/// A task can start: its first attempt waits for a worker.
pub fn created(job: JobId, index: u32, place: Place, due: Timestamp) -> Fact {
    Fact::TaskCreated { task: TaskId { job, index }, kind: place.kind, round: place.round, shard: place.shard, due }
}

fn start(case: Case<'_>, index: u32) -> Fact {
    created(case.id.job, index, case.job.place(index), case.within(case.job.terms.deadlines.task_ms))
}

fn freed(case: Case<'_>) -> Option<Fact> {
    let worker = case.task.stage.worker().filter(|_| case.task.stage.is_bonded())?;
    Some(Fact::BondFreed { task: case.id, attempt: case.attempt(), worker: *worker, amount: case.job.terms.workers.bond })
}

/// The evaluation is verified: the job has its result, and its author the rest of the escrow.
fn complete(case: Case<'_>, mut facts: Vec<Fact>, evaluation: BlobRef) -> Vec<Fact> {
    let job = case.id.job;
    facts.extend(refund(job, case.job, case.escrow_after(&facts)));
    let model = case.job.model;
    let score = case.check().and_then(|check| check.score.clone());
    if let Some(score) = score {
        facts.push(Fact::JobCompleted { job, score, output: model.state, result: model.blob.unwrap_or(evaluation) });
    }
    facts
}

/// In a job that is closing, the task whose end was decided just now may have been the last.
fn failed_if_last(case: Case<'_>, reason: JobEnd, moved: &[Fact]) -> Vec<Fact> {
    let job = case.id.job;
    if case.job.open.iter().any(|index| *index != case.id.index) {
        return Vec::new();
    }
    refund(job, case.job, case.escrow_after(moved)).into_iter().chain([Fact::JobFailed { job, reason }]).collect()
}

fn refund(job: JobId, found: &Job, amount: Amount) -> Option<Fact> {
    let (debit, credit) = (Account::Escrow(job), found.terms.account.clone());
    let back = Movement { realm: found.realm, debit, credit, amount, because: Some(EventHash(job.0)), task: None, attempt: None };
    (!amount.is_zero()).then_some(Fact::EscrowRefunded(back))
}
