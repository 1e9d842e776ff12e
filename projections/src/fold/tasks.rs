//! `tasks`: every task after each change of its state.
//!
//! Remembers the tasks of jobs that run; those of a job that ended are forgotten, one decision later, because the decision
//! that ends a job voids its open attempts too.

use super::{Builder, Seen, json, word};
use crate::rows::{Columns, FactAt, Table, TaskRow};
use cairn_schemas::{Fact, JobId, RealmId, TaskId, fact::Phase};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Tasks {
    open: HashMap<JobId, HashMap<u32, TaskRow>>,
    ended: Vec<JobId>,
}

impl Builder for Tasks {
    fn table(&self) -> Table {
        Table::Tasks
    }

    fn decision(&mut self, _seen: &Seen<'_>, _out: &mut Columns) {
        for job in self.ended.drain(..) {
            self.open.remove(&job);
        }
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, seen: &Seen<'_>, out: &mut Columns) {
        if let Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } = fact {
            self.ended.push(*job);
        } else if let Some(task) = changed(fact) {
            let row = self.row(task, seen.realms.of(&task.job));
            apply(row, fact);
            out.push(at, row);
        }
    }
}

impl Tasks {
    fn row(&mut self, task: TaskId, realm: Option<RealmId>) -> &mut TaskRow {
        let tasks = self.open.entry(task.job).or_default();
        tasks.entry(task.index).or_insert_with(|| TaskRow { realm, ..unknown(task) })
    }
}

/// The task whose state a fact changes.
fn changed(fact: &Fact) -> Option<TaskId> {
    match fact {
        Fact::TaskCreated { task, .. }
        | Fact::TaskWaiting { task, .. }
        | Fact::TaskAssigned { task, .. }
        | Fact::BondLocked { task, .. }
        | Fact::WorkKept { task, .. }
        | Fact::ChallengeDrawn { task, .. }
        | Fact::DisputeOpened { task, .. }
        | Fact::AttemptTimedOut { task, .. }
        | Fact::AttemptVoided { task, .. }
        | Fact::TaskVerified { task, .. } => Some(*task),
        _ => None,
    }
}

fn apply(row: &mut TaskRow, fact: &Fact) {
    match fact {
        Fact::TaskCreated { kind, round, shard, .. } => {
            row.state = "created";
            (row.kind, row.round, row.shard) = (Some(word(kind)), Some(*round), Some(*shard));
        }
        Fact::TaskWaiting { attempt, due, .. } => {
            begin(row, *attempt);
            (row.state, row.deadline) = ("waiting", Some(*due));
        }
        Fact::TaskAssigned { attempt, worker, input, due, .. } => {
            begin(row, *attempt);
            (row.state, row.deadline) = ("assigned", Some(*due));
            (row.worker, row.input) = (Some(*worker), Some(*input));
        }
        Fact::BondLocked { amount, due, .. } => {
            (row.state, row.deadline, row.bond) = ("accepted", Some(*due), Some(*amount));
        }
        Fact::WorkKept { commitment, result, score, .. } => {
            (row.state, row.commitment, row.result) = ("committed", Some(*commitment), Some(result.hash));
            (row.correct, row.total) = (score.as_ref().map(|score| score.correct), score.as_ref().map(|score| score.total));
        }
        Fact::ChallengeDrawn { steps, due, .. } => {
            (row.state, row.deadline, row.steps) = ("challenged", Some(*due), Some(json(steps)));
        }
        Fact::DisputeOpened { .. } => row.state = "disputed",
        Fact::AttemptTimedOut { phase, .. } => time_out(row, *phase),
        Fact::AttemptVoided { reason, .. } => end(row, "voided", Some(word(reason))),
        Fact::TaskVerified { output, result, .. } => {
            end(row, "verified", None);
            (row.output, row.result) = (Some(*output), Some(result.hash));
        }
        _ => {}
    }
}

/// A new attempt knows nothing of the one before.
fn begin(row: &mut TaskRow, attempt: u32) {
    let fresh = unknown(TaskId { job: row.job, index: row.task });
    *row = TaskRow { attempt: Some(attempt), realm: row.realm, kind: row.kind.take(), round: row.round, shard: row.shard, ..fresh };
}

fn time_out(row: &mut TaskRow, phase: Phase) {
    end(row, "timed_out", Some(word(&phase)));
}

fn end(row: &mut TaskRow, state: &'static str, reason: Option<String>) {
    (row.state, row.reason, row.deadline) = (state, reason, None);
}

fn unknown(task: TaskId) -> TaskRow {
    TaskRow {
        job: task.job,
        task: task.index,
        attempt: None,
        realm: None,
        kind: None,
        round: None,
        shard: None,
        worker: None,
        state: "created",
        deadline: None,
        bond: None,
        input: None,
        commitment: None,
        steps: None,
        output: None,
        result: None,
        correct: None,
        total: None,
        reason: None,
    }
}
