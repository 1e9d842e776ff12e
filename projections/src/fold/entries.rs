//! `entries`: every movement of money, with both of its sides and its reason.

use super::{Builder, Seen};
use crate::rows::{Columns, EntryRow, FactAt, Table};
use cairn_schemas::{EventHash, Fact};

#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The pending transfer that a fact just before settled: the movement that follows carries it out.
    settled: Option<(FactAt, EventHash)>,
}

impl Builder for Entries {
    fn table(&self) -> Table {
        Table::Entries
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        if let Fact::TransferClosed { transfer, settled: true, .. } = fact {
            self.settled = Some((*at, *transfer));
        }
        let Some((kind, movement)) = fact.movement() else { return };
        let settled = self.settled.take().filter(|(closed, _)| closed.leaf == at.leaf).map(|(_, transfer)| transfer);
        let transfer = if kind == "transfer" { settled.or(movement.because) } else { None };
        out.push(
            at,
            &EntryRow {
                realm: movement.realm,
                transfer,
                debit: movement.debit.clone(),
                credit: movement.credit.clone(),
                amount: movement.amount,
                kind,
                because: movement.because,
                job: movement.task.map(|task| task.job),
                task: movement.task.map(|task| task.index),
                attempt: movement.attempt,
            },
        );
    }
}
