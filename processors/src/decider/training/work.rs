//! Work: from a waiting task to a commitment, and the openings that its author owes.
//!
//! Owns who is given a task, what a commitment must agree with, and what an opening must show. Refuses verdicts on the work.

use super::{case::Case, dispute, draw, ends};
use crate::decider::{
    Rejection,
    books::{Check, Stage, Turn},
    rejection::require,
};
use cairn_schemas::{
    Fact,
    decision::RejectionCode,
    event::{Opening, Score, TraceLeaf, WorkCommitted},
    fact::{Opened, Phase, TaskKind, VoidReason},
    ids::{EventHash, TaskId},
    limits,
    sign::PublicKey,
    trace,
};
use std::collections::BTreeSet;

/// A waiting task is given to a worker that has not tried it before, if there is one, and of those to the one with the fewest
/// open duties; among equals a hash decides.
pub fn assign(case: Case<'_>) -> Vec<Fact> {
    let (terms, tried) = (&case.job.terms, &case.task.tried);
    let free = case.state.workers.free(case.job.realm, terms.workers.stake, terms.workers.bond);
    let standing = |who: &PublicKey, duties: usize| (tried.contains(who), duties, draw::order(&case.id, case.attempt(), who));
    let Some((worker, _)) = free.min_by_key(|(who, worker)| standing(who, worker.duties.len())) else { return Vec::new() };
    let (input, inputs) = case.job.input(case.id.index);
    let due = case.within(terms.deadlines.accept_ms);
    vec![Fact::TaskAssigned { task: case.id, attempt: case.attempt(), worker: *worker, input, inputs, due }]
}

/// Nobody could be given the task in time. While others of the job are at work that costs nothing: its workers may be busy there.
pub fn unassigned(case: Case<'_>) -> Vec<Fact> {
    let (task, attempt) = (case.id, case.attempt());
    let others = case.job.open.iter().filter_map(|index| case.state.tasks.get(&TaskId { index: *index, ..task }));
    if others.into_iter().any(|other| other.stage.worker().is_some()) {
        return vec![Fact::TaskWaiting { task, attempt, due: case.within(case.job.terms.deadlines.task_ms) }];
    }
    let late = Fact::AttemptTimedOut { task, attempt, phase: Phase::Unassigned, silent: None };
    [late].into_iter().chain(ends::void(case, VoidReason::NoWorker, false)).collect()
}

/// A worker that did not accept, or did not commit, loses the attempt and nothing else.
pub fn idle(case: Case<'_>, phase: Phase) -> Vec<Fact> {
    let late = Fact::AttemptTimedOut { task: case.id, attempt: case.attempt(), phase, silent: case.task.stage.worker().copied() };
    [late].into_iter().chain(ends::void(case, VoidReason::Silent, false)).collect()
}

/// The worker takes its task; from now on its bond is locked.
pub fn accept(case: Case<'_>, by: &PublicKey) -> Result<Vec<Fact>, Rejection> {
    let own = case.state.tasks.own_attempt(&case.id, case.attempt(), by)?;
    require(matches!(own.stage, Stage::Assigned { .. }), RejectionCode::WrongPhase)?;
    case.state.workers.is_active(case.job.realm, by)?;
    let (amount, due) = (case.job.terms.workers.bond, case.within(case.job.terms.deadlines.task_ms));
    Ok(vec![Fact::BondLocked { task: case.id, attempt: case.attempt(), worker: *by, amount, due }])
}

/// A commitment binds what a verifier will look at: it agrees with job, task and author, and its trace is nobody else's.
pub fn commit(case: Case<'_>, by: &PublicKey, hash: EventHash, ask: &WorkCommitted) -> Result<Vec<Fact>, Rejection> {
    let input = case.state.tasks.work_of(&case.id, case.attempt(), by)?;
    let kind = case.job.place(case.id.index).kind;
    let rules = [
        (ask.instance == case.state.instance(), "instance"),
        (ask.worker == *by, "worker"),
        (ask.program == case.job.terms.program.hash, "program"),
        (ask.input == input, "input"),
        (ask.leaves == case.job.leaves(kind), "leaves"),
        (ask.result.size <= limits::BLOB_BYTES as u64, "result"),
        (is_score(ask.score.as_ref(), kind, case.job.terms.data.test), "score"),
    ];
    let differs = |what: &str| Rejection::because(RejectionCode::CommitmentMismatch, format!("{what} is not what the task asks for"));
    rules.iter().try_for_each(|(holds, what)| if *holds { Ok(()) } else { Err(differs(what)) })?;
    case.state.tasks.is_own_trace(&case.id.job, &ask.trace, by)?;
    Ok(vec![Fact::WorkKept {
        task: case.id,
        attempt: case.attempt(),
        worker: *by,
        commitment: hash,
        program: ask.program,
        input,
        leaves: ask.leaves,
        trace: ask.trace,
        result: ask.result,
        score: ask.score.clone(),
    }])
}

/// An evaluation states how many of all test records were told right; nothing else states a score.
fn is_score(score: Option<&Score>, kind: TaskKind, test: u64) -> bool {
    match score {
        None => kind != TaskKind::Evaluate,
        Some(Score { correct, total }) => kind == TaskKind::Evaluate && *total == test && correct <= total,
    }
}

/// Memory errs: before its challenge is drawn a worker takes its work back and loses the attempt. After, it loses the bond, and
/// in a dispute there is no way back.
pub fn retract(case: Case<'_>, by: &PublicKey, hash: EventHash) -> Result<Vec<Fact>, Rejection> {
    case.state.tasks.own_attempt(&case.id, case.attempt(), by)?;
    let check = case.state.checks.of(&case.id)?;
    require(!check.is_in_dispute(), RejectionCode::WrongPhase)?;
    Ok(match check.turn {
        Turn::Committed => ends::void(case, VoidReason::Retracted, false),
        _ => dispute::forfeit(case, VoidReason::Retracted, Some(hash), None),
    })
}

/// The worker opens what its challenge asks for: first the predecessors of the drawn steps, after the seal the steps themselves.
/// If nothing was drawn, the first and the last leaf are all, and the work is taken unchecked.
pub fn open(case: Case<'_>, by: &PublicKey, hash: EventHash, openings: &[Opening]) -> Result<Vec<Fact>, Rejection> {
    case.state.tasks.own_attempt(&case.id, case.attempt(), by)?;
    let check = case.state.checks.of(&case.id)?;
    require(matches!(check.turn, Turn::Open | Turn::Answer), RejectionCode::WrongPhase)?;
    let answers = check.turn == Turn::Answer;
    let wanted = wanted(check, answers);
    let bad = |why: &str| Rejection::because(RejectionCode::BadOpening, why);
    if !openings.iter().map(|opening| opening.leaf.index).eq(wanted.iter().copied()) {
        return Err(bad("other leaves are asked for, each once and ascending"));
    }
    openings.iter().try_for_each(|opening| shows(case, check, opening, answers).map_err(bad))?;
    let opened = |opening: &Opening| Opened { leaf: opening.leaf, state: opening.state };
    let kept = Fact::OpeningKept {
        task: case.id,
        attempt: case.attempt(),
        worker: *by,
        openings: openings.iter().map(opened).collect(),
        due: case.check_due(),
    };
    match openings.last() {
        Some(last) if check.steps.is_empty() => Ok(ends::verified(case, vec![kept], last.leaf, hash)),
        _ => Ok(vec![kept]),
    }
}

/// The leaves that the worker has to open now.
fn wanted(check: &Check, answers: bool) -> BTreeSet<u32> {
    let last = check.leaves.saturating_sub(1);
    let steps = check.steps.iter();
    match (answers, check.steps.is_empty()) {
        (true, _) => steps.copied().chain([last]).collect(),
        (false, true) => BTreeSet::from([0, last]),
        (false, false) => steps.map(|step| step.saturating_sub(1)).chain([0]).collect(),
    }
}

/// Whether one opening leads to the committed root, begins from the assigned input, ends with the stated score, and brings the
/// bytes of a predecessor's state and no others.
fn shows(case: Case<'_>, check: &Check, opening: &Opening, answers: bool) -> Result<(), &'static str> {
    let Opening { leaf, path, state } = opening;
    if !trace::is_opened(&check.trace, check.leaves, &case.id, check.attempt, &check.author, leaf, path) {
        return Err("the path does not lead to the committed trace");
    }
    if leaf.index == 0 && leaf.state != check.input {
        return Err("leaf 0 is not the assigned input");
    }
    if leaf.index + 1 == check.leaves && !agrees(leaf, check.score.as_ref()) {
        return Err("the last leaf does not show the score that was committed");
    }
    let predecessor = !answers && !check.steps.is_empty() && leaf.index > 0;
    if state.is_some() != predecessor {
        return Err("a predecessor comes with its state's bytes, any other leaf without");
    }
    Ok(())
}

fn agrees(last: &TraceLeaf, score: Option<&Score>) -> bool {
    score.is_none_or(|score| last.figures == [score.correct, score.total])
}
