//! `gradients`: what workers committed to, and the leaves they opened of it.

use super::{Builder, Seen, figures};
use crate::rows::{Columns, FactAt, GradientRow, Table};
use cairn_schemas::{EventHash, Fact, JobId, PublicKey, RealmId, TaskId};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Gradients {
    /// The commitment of each open attempt: an opening is of the latest.
    commitments: HashMap<JobId, HashMap<u32, EventHash>>,
}

impl Builder for Gradients {
    fn table(&self) -> Table {
        Table::Gradients
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, seen: &Seen<'_>, out: &mut Columns) {
        match fact {
            Fact::WorkKept { task, attempt, worker, commitment, program, input, leaves, trace, result, score } => {
                self.commitments.entry(task.job).or_default().insert(task.index, *commitment);
                let row = GradientRow {
                    commitment: Some(*commitment),
                    program: Some(*program),
                    input: Some(*input),
                    leaves: Some(*leaves),
                    trace: Some(*trace),
                    blob: Some(result.hash),
                    size: Some(result.size),
                    correct: score.as_ref().map(|score| score.correct),
                    total: score.as_ref().map(|score| score.total),
                    ..blank("committed", *task, *attempt, *worker, seen.realms.of(&task.job))
                };
                out.push(at, &row);
            }
            Fact::OpeningKept { task, attempt, worker, openings, .. } => {
                let commitment = self.commitments.get(&task.job).and_then(|tasks| tasks.get(&task.index)).copied();
                for opening in openings {
                    let row = GradientRow {
                        commitment,
                        leaf_index: Some(opening.leaf.index),
                        state: Some(opening.leaf.state),
                        figures: Some(figures(&opening.leaf)),
                        blob: opening.state.map(|blob| blob.hash),
                        size: opening.state.map(|blob| blob.size),
                        ..blank("opened", *task, *attempt, *worker, seen.realms.of(&task.job))
                    };
                    out.push(at, &row);
                }
            }
            Fact::JobCompleted { job, .. } | Fact::JobFailed { job, .. } => drop(self.commitments.remove(job)),
            _ => {}
        }
    }
}

fn blank(kind: &'static str, task: TaskId, attempt: u32, worker: PublicKey, realm: Option<RealmId>) -> GradientRow {
    GradientRow {
        realm,
        job: task.job,
        task: task.index,
        attempt,
        kind,
        worker,
        commitment: None,
        program: None,
        input: None,
        leaves: None,
        trace: None,
        leaf_index: None,
        state: None,
        figures: None,
        blob: None,
        size: None,
        correct: None,
        total: None,
    }
}
