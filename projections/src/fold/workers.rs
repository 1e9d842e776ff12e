//! `workers`: every change of a worker's standing. Its stake is the balance of the account `stake:<worker>`.

use super::{Builder, Seen, word};
use crate::rows::{Columns, FactAt, Table, WorkerRow};
use cairn_schemas::Fact;

#[derive(Debug)]
pub(super) struct Workers;

impl Builder for Workers {
    fn table(&self) -> Table {
        Table::Workers
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        let Fact::WorkerChanged { realm, worker, name, account, state } = fact else { return };
        out.push(at, &WorkerRow { realm: *realm, worker: *worker, name: name.clone(), account: account.clone(), state: word(state) });
    }
}
