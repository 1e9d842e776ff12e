//! A tail whose front moves while it is read, as another process's deleting moves it.

use super::*;
use crate::{AppendError, Appended, Assignments, Batch, Read};
use async_trait::async_trait;

/// Deletes a record of the journal before each read, up to what is archived.
#[derive(Debug)]
struct Shrinking {
    memory: MemoryLog,
    archived: u64,
}

#[async_trait]
impl EventLog for Shrinking {
    fn partitions(&self) -> u32 {
        self.memory.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        self.memory.append(place, batch).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        let first = self.memory.delete_below(place, 0).await.unwrap();
        self.memory.delete_below(place, (first + 1).min(self.archived)).await.unwrap();
        self.memory.read(place, from, limit).await
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        self.memory.wait(places).await
    }

    async fn time(&self) -> Result<i64, ReadError> {
        self.memory.time().await
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.memory.assignments(member)
    }
}

#[test]
fn a_front_that_moves_while_it_is_read_costs_no_record() {
    let life = Life::blocks(30);
    let (archive, said) = (life.archived(), life.records());
    let archived = now(archive.last(0)).unwrap().unwrap().end();
    let tail = Arc::new(Shrinking { memory: life.memory.clone(), archived });
    let log = ArchiveLog::before(archive, tail);
    for from in (0..said.len() as u64).rev() {
        now(log.wait(&[(JOURNAL, from)])).unwrap();
        let read = now(log.read(JOURNAL, from, ReadLimit { records: 1, ..ReadLimit::default() })).unwrap();
        assert_eq!((read.records[0].offset, read.end), (from, said.len() as u64));
    }
}
