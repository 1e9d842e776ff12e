//! `disputes`: every dispute as it was opened, and as it was closed.

use super::{Builder, Seen, figures, word};
use crate::rows::{Columns, DisputeRow, FactAt, Table};
use cairn_schemas::{Fact, TaskId};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Disputes {
    open: HashMap<TaskId, DisputeRow>,
}

impl Builder for Disputes {
    fn table(&self) -> Table {
        Table::Disputes
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, seen: &Seen<'_>, out: &mut Columns) {
        match fact {
            Fact::DisputeOpened { task, attempt, worker, verifier, step, claimed, recomputed } => {
                let row = DisputeRow {
                    realm: seen.realms.of(&task.job),
                    worker: Some(*worker),
                    verifier: Some(*verifier),
                    leaf_index: Some(*step),
                    claimed: Some(claimed.state),
                    claimed_figures: Some(figures(claimed)),
                    recomputed: Some(recomputed.state),
                    recomputed_figures: Some(figures(recomputed)),
                    ..unknown(*task, *attempt)
                };
                out.push(at, &row);
                self.open.insert(*task, row);
            }
            Fact::DisputeClosed { task, attempt, outcome, slashed } => {
                let opened = self.open.remove(task).unwrap_or_else(|| unknown(*task, *attempt));
                out.push(at, &DisputeRow { state: "closed", outcome: Some(word(outcome)), slashed: *slashed, ..opened });
            }
            _ => {}
        }
    }
}

fn unknown(task: TaskId, attempt: u32) -> DisputeRow {
    DisputeRow {
        realm: None,
        job: task.job,
        task: task.index,
        attempt,
        state: "opened",
        worker: None,
        verifier: None,
        leaf_index: None,
        claimed: None,
        claimed_figures: None,
        recomputed: None,
        recomputed_figures: None,
        outcome: None,
        slashed: None,
    }
}
