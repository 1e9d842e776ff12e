//! Duties: what a worker owes now.
//!
//! Owns the one function from a view to duties. It is pure, so that a crash loses none: what was owed before is owed after.
//! Refuses effects, and memory of its own: whether something was said, the journal tells.

use super::view::{Attempt, View};
use cairn_schemas::{PublicKey, TaskId, fact::Role};

/// What is to be done, most urgent first: whoever is awaited by others comes before own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Take an assigned task.
    Accept,
    /// Show the sealed answer.
    Reveal,
    /// Open the challenged leaves and the last, and store the result.
    Answer,
    /// Open the challenged leaves' predecessors, and store their states.
    Open,
    /// Do the challenged steps again and seal what came out.
    Seal,
    /// Do the task and commit to it.
    Work,
    /// Take a commitment back.
    Retract,
    /// Say that a check is impossible.
    Fail,
}

/// One thing that a worker owes an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duty {
    pub act: Act,
    pub task: TaskId,
    pub attempt: u32,
}

/// Everything that this worker owes now and has not been heard on, most urgent first.
pub fn duties(view: &View) -> Vec<Duty> {
    let open = view.tasks().filter_map(|(task, state)| Some((*task, state.attempt.as_ref()?)));
    let mut owed: Vec<Duty> = open
        .filter_map(|(task, attempt)| Some(Duty { act: owed(&view.me(), attempt)?, task, attempt: attempt.number }))
        .filter(|duty| !view.has_said(duty) && !view.has_said(&Duty { act: Act::Fail, ..*duty }))
        .collect();
    owed.sort();
    owed
}

/// What one worker owes an attempt: at most one thing, for nobody has two parts in it.
fn owed(me: &PublicKey, attempt: &Attempt) -> Option<Act> {
    if attempt.worker == *me { by_worker(attempt) } else { by_checker(me, attempt) }
}

fn by_worker(attempt: &Attempt) -> Option<Act> {
    if !attempt.accepted {
        return Some(Act::Accept);
    }
    if attempt.committed.is_none() {
        return Some(Act::Work);
    }
    let steps = attempt.steps.as_ref()?;
    match (&attempt.opened, &attempt.answered) {
        (None, _) if steps.is_empty() => Some(Act::Answer),
        (None, _) => Some(Act::Open),
        (Some(_), _) if steps.is_empty() => None,
        (Some(_), None) if attempt.is_sealed() => Some(Act::Answer),
        _ => None,
    }
}

fn by_checker(me: &PublicKey, attempt: &Attempt) -> Option<Act> {
    let checker = attempt.checker(me)?;
    attempt.opened.as_ref()?;
    match (checker.sealed, checker.role, &attempt.answered) {
        (false, ..) => Some(Act::Seal),
        // A third is drawn after the answer, so both wait for the same.
        (true, Role::Verifier | Role::Third, Some(_)) => Some(Act::Reveal),
        (true, _, None) => None,
    }
}

#[cfg(test)]
#[path = "duty_tests.rs"]
mod tests;
