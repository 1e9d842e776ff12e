//! `jobs`: every job after each change of its state.
//!
//! Remembers the terms of jobs that run; one that ended is forgotten.

use super::{Builder, Seen, word};
use crate::rows::{Columns, FactAt, JobRow, Table};
use cairn_schemas::{Fact, JobId, PublicKey, RealmId, event::JobSubmitted};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Jobs {
    running: HashMap<JobId, JobRow>,
}

impl Builder for Jobs {
    fn table(&self) -> Table {
        Table::Jobs
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        match fact {
            Fact::JobAccepted { realm, job, author, terms } => {
                let row = accepted(*realm, *job, *author, terms);
                out.push(at, &row);
                self.running.insert(*job, row);
            }
            Fact::RoundClosed { job, round, output, result } => {
                let Some(row) = self.running.get_mut(job) else { return };
                row.state = "round_closed";
                (row.round, row.output, row.result) = (Some(*round), Some(*output), Some(result.hash));
                out.push(at, row);
            }
            Fact::JobCompleted { job, score, output, result } => {
                let Some(row) = self.running.remove(job) else { return };
                let (correct, total) = (Some(score.correct), Some(score.total));
                out.push(at, &JobRow { state: "completed", correct, total, output: Some(*output), result: Some(result.hash), ..row });
            }
            Fact::JobFailed { job, reason } => {
                let Some(row) = self.running.remove(job) else { return };
                out.push(at, &JobRow { state: "failed", reason: Some(word(reason)), ..row });
            }
            _ => {}
        }
    }
}

fn accepted(realm: RealmId, job: JobId, author: PublicKey, terms: &JobSubmitted) -> JobRow {
    JobRow {
        job,
        realm,
        name: terms.name.clone(),
        author,
        account: terms.account.clone(),
        state: "accepted",
        reason: None,
        round: None,
        rounds: terms.plan.rounds,
        shards: terms.plan.shards,
        attempts: terms.attempts,
        yaml: terms.yaml.hash,
        program: terms.program.hash,
        data_url: terms.data.url.clone(),
        data_hash: terms.data.hash,
        assurance: word(&terms.verify.assurance),
        rate: terms.verify.rate.clone(),
        steps: terms.verify.steps,
        workers_min: terms.workers.min,
        stake: terms.workers.stake,
        bond: terms.workers.bond,
        escrow: terms.pay.escrow,
        pay_task: terms.pay.task,
        pay_check: terms.pay.check,
        correct: None,
        total: None,
        output: None,
        result: None,
    }
}
