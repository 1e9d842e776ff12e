//! Checks: what becomes of committed work until it is verified or void.
//!
//! Owns commitments, challenges, what was opened, sealed and recomputed, who checks, and the deadline of whoever speaks next.
//! Refuses money and stakes, draws, and the proof of an opening: `training` asks the questions and joins the answers.

use crate::decider::{Context, Halt, Rejection, rejection::require};
use cairn_schemas::{
    BlobRef, Fact, Timestamp,
    decision::RejectionCode,
    event::{Score, TraceLeaf},
    fact::{Opened, Phase, Role},
    ids::{EventHash, JobId, Root, Seal, StateRoot, TaskId},
    limits,
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    jobs: BTreeMap<JobId, BTreeMap<u32, Check>>,
    /// Commitments without a challenge, by the height of their block.
    unchallenged: BTreeSet<(u64, TaskId)>,
    /// Every deadline of this book, the earliest first.
    due: BTreeSet<(Timestamp, TaskId)>,
    /// Challenged attempts without a verifier.
    unattended: BTreeSet<TaskId>,
}

/// The check of one committed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub attempt: u32,
    pub author: PublicKey,
    pub commitment: EventHash,
    pub trace: Root,
    pub leaves: u32,
    pub input: StateRoot,
    pub result: BlobRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Height of the block that holds the commitment.
    pub height: u64,
    pub turn: Turn,
    /// When `turn` is over; meaningless before the challenge.
    pub due: Timestamp,
    pub seed: Root,
    /// The drawn steps, ascending; empty if the attempt is not checked.
    pub steps: Vec<u32>,
    /// The worker's leaves of the drawn steps, once opened.
    pub answers: Vec<TraceLeaf>,
    /// The worker's last leaf, once opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<TraceLeaf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Checker>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third: Option<Checker>,
    /// Everybody who was drawn to check this attempt.
    pub drawn: BTreeSet<PublicKey>,
    pub seals: BTreeSet<Seal>,
    /// How many could not fetch what the worker named.
    pub unavailable: u32,
}

/// A worker that checks, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checker {
    pub worker: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// What it recomputed, one leaf per drawn step, once revealed.
    pub recomputed: Vec<TraceLeaf>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Nobody's: the challenge is drawn in a later block.
    Committed,
    /// The worker's, to open the predecessors.
    Open,
    /// The verifier's, to seal.
    Seal,
    /// The worker's, to open the drawn steps.
    Answer,
    /// The verifier's, to reveal.
    Reveal,
    /// The third's, to seal.
    ThirdSeal,
    /// The third's, to reveal.
    ThirdReveal,
}

impl Check {
    /// Whoever checks in this turn, in which role.
    pub fn checker(&self) -> Option<(Role, &Checker)> {
        match self.turn {
            Turn::ThirdSeal | Turn::ThirdReveal => self.third.as_ref().map(|third| (Role::Third, third)),
            _ => self.verifier.as_ref().map(|verifier| (Role::Verifier, verifier)),
        }
    }

    /// Whoever checks in this turn, if it is `by`.
    pub fn checked_by(&self, by: &PublicKey) -> Result<(Role, &Checker), Rejection> {
        let (role, checker) = self.checker().ok_or(RejectionCode::NotAssigned)?;
        require(checker.worker == *by, RejectionCode::NotAssigned)?;
        Ok((role, checker))
    }

    pub fn is_in_dispute(&self) -> bool {
        self.turn >= Turn::ThirdSeal
    }

    /// Those who have sealed an answer: work that is owed a fee if the author falls.
    pub fn sealed(&self) -> impl Iterator<Item = &PublicKey> {
        let checkers = self.verifier.iter().chain(&self.third);
        checkers.filter(|checker| checker.seal.is_some()).map(|checker| &checker.worker)
    }

    /// Whether `who` still owes an answer; one that was revealed stands, whatever becomes of its author.
    pub fn awaits(&self, who: &PublicKey) -> bool {
        let checkers = self.verifier.iter().chain(&self.third);
        self.author == *who || checkers.filter(|checker| checker.recomputed.is_empty()).any(|checker| checker.worker == *who)
    }

    /// Whether anybody else may still be drawn.
    pub fn has_room(&self) -> bool {
        self.drawn.len() < limits::CHECKERS_PER_ATTEMPT
    }

    /// Which step of an attempt is missed when the turn is over.
    pub fn phase(&self) -> Phase {
        match self.turn {
            Turn::Committed | Turn::Open => Phase::Open,
            Turn::Seal | Turn::ThirdSeal => Phase::Seal,
            Turn::Answer => Phase::Answer,
            Turn::Reveal | Turn::ThirdReveal => Phase::Reveal,
        }
    }
}

impl Checks {
    pub fn get(&self, task: &TaskId) -> Option<&Check> {
        self.jobs.get(&task.job)?.get(&task.index)
    }

    /// The check of a committed attempt.
    pub fn of(&self, task: &TaskId) -> Result<&Check, Rejection> {
        Ok(self.get(task).ok_or(RejectionCode::WrongPhase)?)
    }

    /// Attempts whose turn was missed, the longest ago first.
    pub fn overdue(&self, ctx: &Context) -> impl Iterator<Item = TaskId> {
        self.due.iter().take_while(|(due, _)| ctx.is_past(*due)).map(|(_, task)| *task)
    }

    /// Commitments of earlier blocks that wait for their challenge.
    pub fn to_challenge(&self, ctx: &Context) -> impl Iterator<Item = TaskId> {
        self.unchallenged.iter().take_while(|(height, _)| *height < ctx.height).map(|(_, task)| *task)
    }

    /// Attempts that wait for a verifier.
    pub fn unattended(&self) -> impl Iterator<Item = &TaskId> {
        self.unattended.iter()
    }

    pub fn has_deadlines(&self) -> bool {
        !self.due.is_empty()
    }

    pub fn evolve(&mut self, ctx: &Context, fact: &Fact) -> Result<(), Halt> {
        match fact {
            Fact::WorkKept { task, .. } => {
                self.unchallenged.insert((ctx.height, *task));
                self.jobs.entry(task.job).or_default().extend(begun(ctx, fact).map(|check| (task.index, check)));
            }
            Fact::ChallengeDrawn { task, seed, steps, due, .. } => self.change(fact, task, |check| {
                (check.seed, check.steps, check.turn, check.due) = (*seed, steps.clone(), Turn::Open, *due);
            })?,
            Fact::CheckerDrawn { task, verifier, due, .. } => self.change(fact, task, |check| {
                check.verifier = Some(drawn(*verifier));
                check.drawn.insert(*verifier);
                (check.turn, check.due) = (check.turn.min(Turn::Seal), *due);
            })?,
            Fact::ThirdDrawn { task, third, due, .. } => self.change(fact, task, |check| {
                check.third = Some(drawn(*third));
                check.drawn.insert(*third);
                (check.turn, check.due) = (Turn::ThirdSeal, *due);
            })?,
            Fact::OpeningKept { task, openings, due, .. } => self.change(fact, task, |check| check.keep(openings, *due))?,
            Fact::SealKept { task, role, seal, due, .. } => self.change(fact, task, |check| check.close(*role, *seal, *due))?,
            Fact::CheckClosed { task, role, recomputed, .. } => self.change(fact, task, |check| {
                if let Some(checker) = check.slot(*role) {
                    checker.recomputed = recomputed.clone();
                }
            })?,
            Fact::CheckFailed { task, verifier, .. } => self.change(fact, task, |check| {
                check.unavailable += 1;
                check.excuse(verifier);
            })?,
            Fact::CheckerVoided { task, verifier, .. } => self.change(fact, task, |check| check.excuse(verifier))?,
            Fact::AttemptTimedOut { task, silent: Some(who), phase: Phase::Seal | Phase::Reveal, .. } => {
                self.change(fact, task, |check| check.excuse(who))?
            }
            Fact::AttemptVoided { task, .. } | Fact::TaskVerified { task, .. } => self.forget(task),
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => {
                self.jobs.remove(job);
            }
            Fact::DeadlinesExtended { by_ms } => self.extend(*by_ms),
            _ => {}
        }
        Ok(())
    }

    /// Changes a check, and the indexes with it.
    fn change(&mut self, fact: &Fact, task: &TaskId, with: impl FnOnce(&mut Check)) -> Result<(), Halt> {
        let found = self.jobs.get_mut(&task.job).and_then(|job| job.get_mut(&task.index));
        let check = found.ok_or_else(|| Halt::fact(fact.name(), format!("task {task} has no check")))?;
        self.due.remove(&(check.due, *task));
        self.unchallenged.remove(&(check.height, *task));
        with(check);
        self.due.insert((check.due, *task));
        match is_unattended(check) {
            true => self.unattended.insert(*task),
            false => self.unattended.remove(task),
        };
        Ok(())
    }

    fn forget(&mut self, task: &TaskId) {
        let Some(check) = self.jobs.get_mut(&task.job).and_then(|job| job.remove(&task.index)) else { return };
        self.due.remove(&(check.due, *task));
        self.unchallenged.remove(&(check.height, *task));
        self.unattended.remove(task);
    }

    fn extend(&mut self, by_ms: u64) {
        self.jobs.values_mut().flat_map(|job| job.values_mut()).for_each(|check| check.due = check.due.plus(by_ms));
        self.due = self.due.iter().map(|(due, task)| (due.plus(by_ms), *task)).collect();
    }

    fn all(&self) -> impl Iterator<Item = (TaskId, &Check)> {
        self.jobs.iter().flat_map(|(job, checks)| checks.iter().map(|(index, check)| (TaskId { job: *job, index: *index }, check)))
    }

    /// The indexes say what the checks say; author, verifier and third are three.
    pub fn check_invariants(&self) -> Result<(), Halt> {
        let challenged = |check: &Check| check.turn != Turn::Committed;
        let due: BTreeSet<_> = self.all().filter(|(_, check)| challenged(check)).map(|(id, check)| (check.due, id)).collect();
        let unchallenged: BTreeSet<_> = self.all().filter(|(_, check)| !challenged(check)).map(|(id, check)| (check.height, id)).collect();
        let unattended: BTreeSet<_> = self.all().filter(|(_, check)| is_unattended(check)).map(|(id, _)| id).collect();
        if (&due, &unchallenged, &unattended) != (&self.due, &self.unchallenged, &self.unattended) {
            return Err(Halt::invariant("checks", "an index differs from the checks"));
        }
        let third = |check: &Check| check.third.as_ref().map(|third| third.worker);
        let doubled =
            |check: &Check| check.drawn.contains(&check.author) || check.verifier.as_ref().is_some_and(|v| Some(v.worker) == third(check));
        match self.all().find(|(_, check)| doubled(check)) {
            Some((task, _)) => Err(Halt::invariant("checks", format!("somebody has two parts in task {task}"))),
            None => Ok(()),
        }
    }
}

impl Check {
    /// The first opening shows predecessors, the second the drawn steps; of an attempt that is not checked there is one.
    fn keep(&mut self, openings: &[Opened], due: Timestamp) {
        self.due = due;
        let last = openings.iter().find(|opened| opened.leaf.index + 1 == self.leaves);
        if self.turn == Turn::Answer {
            let drawn = openings.iter().filter(|opened| self.steps.contains(&opened.leaf.index));
            self.answers = drawn.map(|opened| opened.leaf).collect();
        }
        if self.turn == Turn::Answer || self.steps.is_empty() {
            self.last = last.map(|opened| opened.leaf);
        }
        self.turn = if self.turn == Turn::Answer { Turn::Reveal } else { Turn::Seal };
    }

    /// After a seal the worker answers; if it has before, to an earlier verifier, the reveal is next.
    fn close(&mut self, role: Role, seal: Seal, due: Timestamp) {
        self.due = due;
        self.seals.insert(seal);
        if let Some(checker) = self.slot(role) {
            checker.seal = Some(seal);
        }
        self.turn = match role {
            Role::Third => Turn::ThirdReveal,
            Role::Verifier if self.answers.is_empty() => Turn::Answer,
            Role::Verifier => Turn::Reveal,
        };
    }

    fn slot(&mut self, role: Role) -> Option<&mut Checker> {
        match role {
            Role::Verifier => self.verifier.as_mut(),
            Role::Third => self.third.as_mut(),
        }
    }

    fn excuse(&mut self, who: &PublicKey) {
        self.verifier.take_if(|checker| checker.worker == *who);
        self.third.take_if(|checker| checker.worker == *who);
    }
}

fn is_unattended(check: &Check) -> bool {
    check.turn != Turn::Committed && check.verifier.is_none() && !check.steps.is_empty()
}

fn drawn(worker: PublicKey) -> Checker {
    Checker { worker, seal: None, recomputed: Vec::new() }
}

/// The check that a commitment begins.
fn begun(ctx: &Context, fact: &Fact) -> Option<Check> {
    let Fact::WorkKept { attempt, worker, commitment, input, leaves, trace, result, score, .. } = fact else { return None };
    Some(Check {
        attempt: *attempt,
        author: *worker,
        commitment: *commitment,
        trace: *trace,
        leaves: *leaves,
        input: *input,
        result: *result,
        score: score.clone(),
        height: ctx.height,
        turn: Turn::Committed,
        due: Timestamp::MAX,
        seed: Root::ZERO,
        steps: Vec::new(),
        answers: Vec::new(),
        last: None,
        verifier: None,
        third: None,
        drawn: BTreeSet::new(),
        seals: BTreeSet::new(),
        unavailable: 0,
    })
}
