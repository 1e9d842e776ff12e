//! Tasks: whose turn each open task is, up to the commitment.
//!
//! Owns the open attempt of every task that has begun and is not verified, its deadline, and the trace roots that were
//! committed in a job, by which a copy is told. Refuses checks (from the commitment on, the book of checks has the deadline),
//! stakes, and what comes next: `training` joins those.

use crate::decider::{Context, Halt, Rejection, rejection::require};
use cairn_schemas::{
    Fact, Timestamp,
    decision::RejectionCode,
    ids::{JobId, Root, StateRoot, TaskId},
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    jobs: BTreeMap<JobId, Board>,
    /// Every deadline of this book, the earliest first.
    due: BTreeSet<(Timestamp, TaskId)>,
    /// Tasks that wait for a worker.
    waiting: BTreeSet<TaskId>,
}

/// The tasks of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    tasks: BTreeMap<u32, Task>,
    traces: BTreeMap<Root, PublicKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Counted from 1.
    pub attempt: u32,
    /// Workers of this attempt and of those before, in order.
    pub tried: Vec<PublicKey>,
    pub stage: Stage,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody's: a worker is looked for.
    Waiting { due: Timestamp },
    /// The worker's, to accept.
    Assigned { worker: PublicKey, input: StateRoot, due: Timestamp },
    /// The worker's, to commit.
    Working { worker: PublicKey, input: StateRoot, due: Timestamp },
    /// The book of checks knows.
    Committed { worker: PublicKey },
    /// The attempt ended, and no other has begun.
    Void,
}

impl Stage {
    fn due(&self) -> Option<Timestamp> {
        match self {
            Stage::Waiting { due } | Stage::Assigned { due, .. } | Stage::Working { due, .. } => Some(*due),
            Stage::Committed { .. } | Stage::Void => None,
        }
    }

    pub fn worker(&self) -> Option<&PublicKey> {
        match self {
            Stage::Assigned { worker, .. } | Stage::Working { worker, .. } | Stage::Committed { worker } => Some(worker),
            Stage::Waiting { .. } | Stage::Void => None,
        }
    }

    /// Whether the worker's bond is locked.
    pub fn is_bonded(&self) -> bool {
        matches!(self, Stage::Working { .. } | Stage::Committed { .. })
    }
}

impl Tasks {
    pub fn get(&self, task: &TaskId) -> Option<&Task> {
        self.jobs.get(&task.job)?.tasks.get(&task.index)
    }

    /// The open attempt at a task that has begun and is not verified.
    pub fn attempt(&self, task: &TaskId, attempt: u32) -> Result<&Task, Rejection> {
        let found = self.get(task).ok_or(RejectionCode::WrongPhase)?;
        require(found.attempt == attempt, RejectionCode::WrongAttempt)?;
        Ok(found)
    }

    /// The open attempt, if it is the author's own work.
    pub fn own_attempt(&self, task: &TaskId, attempt: u32, by: &PublicKey) -> Result<&Task, Rejection> {
        let found = self.attempt(task, attempt)?;
        let worker = found.stage.worker().ok_or(RejectionCode::WrongPhase)?;
        require(worker == by, RejectionCode::NotAssigned)?;
        Ok(found)
    }

    /// The input of an attempt that its worker may commit now.
    pub fn work_of(&self, task: &TaskId, attempt: u32, by: &PublicKey) -> Result<StateRoot, Rejection> {
        match self.own_attempt(task, attempt, by)?.stage {
            Stage::Working { input, .. } => Ok(input),
            Stage::Committed { .. } => Err(RejectionCode::AlreadyCommitted.into()),
            _ => Err(RejectionCode::WrongPhase.into()),
        }
    }

    /// Whether nobody else of the job has committed to this trace.
    pub fn is_own_trace(&self, job: &JobId, trace: &Root, by: &PublicKey) -> Result<(), Rejection> {
        let before = self.jobs.get(job).and_then(|board| board.traces.get(trace));
        require(before.is_none_or(|who| who == by), RejectionCode::CopiedCommitment)
    }

    /// Tasks whose turn was missed, the longest ago first.
    pub fn overdue(&self, ctx: &Context) -> impl Iterator<Item = TaskId> {
        self.due.iter().take_while(|(due, _)| ctx.is_past(*due)).map(|(_, task)| *task)
    }

    pub fn has_deadlines(&self) -> bool {
        !self.due.is_empty()
    }

    /// Tasks that wait for a worker, job by job.
    pub fn waiting(&self) -> impl Iterator<Item = &TaskId> {
        self.waiting.iter()
    }

    pub fn evolve(&mut self, _ctx: &Context, fact: &Fact) -> Result<(), Halt> {
        match fact {
            Fact::JobAccepted { job, .. } => {
                self.jobs.insert(*job, Board::default());
            }
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => {
                self.jobs.remove(job);
            }
            Fact::TaskCreated { task, due, .. } => {
                let new = Task { attempt: 1, tried: Vec::new(), stage: Stage::Void };
                self.board(fact, task)?.tasks.insert(task.index, new);
                return self.turn(fact, task, |_| Some(Stage::Waiting { due: *due }));
            }
            Fact::TaskWaiting { task, attempt, due } => {
                self.turn(fact, task, |_| Some(Stage::Waiting { due: *due }))?;
                self.task(fact, task)?.attempt = *attempt;
            }
            Fact::TaskAssigned { task, worker, input, due, .. } => {
                self.turn(fact, task, |_| Some(Stage::Assigned { worker: *worker, input: *input, due: *due }))?;
                self.task(fact, task)?.tried.push(*worker);
            }
            Fact::BondLocked { task, due, .. } => {
                return self.turn(fact, task, |stage| match stage {
                    Stage::Assigned { worker, input, .. } => Some(Stage::Working { worker, input, due: *due }),
                    _ => None,
                });
            }
            Fact::WorkKept { task, worker, trace, .. } => {
                self.turn(fact, task, |_| Some(Stage::Committed { worker: *worker }))?;
                self.board(fact, task)?.traces.insert(*trace, *worker);
            }
            Fact::AttemptVoided { task, .. } => return self.turn(fact, task, |_| Some(Stage::Void)),
            Fact::TaskVerified { task, .. } => {
                self.turn(fact, task, |_| Some(Stage::Void))?;
                self.board(fact, task)?.tasks.remove(&task.index);
            }
            Fact::DeadlinesExtended { by_ms } => self.extend(*by_ms),
            _ => {}
        }
        Ok(())
    }

    fn board(&mut self, fact: &Fact, task: &TaskId) -> Result<&mut Board, Halt> {
        self.jobs.get_mut(&task.job).ok_or_else(|| lost(fact, task))
    }

    fn task(&mut self, fact: &Fact, task: &TaskId) -> Result<&mut Task, Halt> {
        self.board(fact, task)?.tasks.get_mut(&task.index).ok_or_else(|| lost(fact, task))
    }

    /// The task goes on to another stage, and both indexes with it.
    fn turn(&mut self, fact: &Fact, task: &TaskId, to: impl FnOnce(Stage) -> Option<Stage>) -> Result<(), Halt> {
        let found = self.task(fact, task)?;
        let before = found.stage;
        found.stage = to(before).ok_or_else(|| lost(fact, task))?;
        let after = found.stage;
        before.due().map(|due| self.due.remove(&(due, *task)));
        after.due().map(|due| self.due.insert((due, *task)));
        match after {
            Stage::Waiting { .. } => self.waiting.insert(*task),
            _ => self.waiting.remove(task),
        };
        Ok(())
    }

    fn extend(&mut self, by_ms: u64) {
        for task in self.jobs.values_mut().flat_map(|board| board.tasks.values_mut()) {
            if let Stage::Waiting { due } | Stage::Assigned { due, .. } | Stage::Working { due, .. } = &mut task.stage {
                *due = due.plus(by_ms);
            }
        }
        self.due = self.deadlines().collect();
    }

    fn deadlines(&self) -> impl Iterator<Item = (Timestamp, TaskId)> {
        self.all().filter_map(|(id, task)| Some((task.stage.due()?, id)))
    }

    /// Every task that has begun and is not verified.
    pub fn all(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        self.jobs.iter().flat_map(|(job, board)| board.tasks.iter().map(|(index, task)| (TaskId { job: *job, index: *index }, task)))
    }

    /// The indexes say what the tasks say.
    pub fn check_invariants(&self) -> Result<(), Halt> {
        let waiting = self.all().filter(|(_, task)| matches!(task.stage, Stage::Waiting { .. })).map(|(id, _)| id);
        if self.due != self.deadlines().collect() || self.waiting != waiting.collect() {
            return Err(Halt::invariant("tasks", "an index differs from the tasks"));
        }
        Ok(())
    }
}

fn lost(fact: &Fact, task: &TaskId) -> Halt {
    Halt::fact(fact.name(), format!("task {task} is not where this follows"))
}
