//! What stands behind the archive: nothing at all, or a tail whose front moves while it is read, as another process's deleting moves it.

use super::*;
use crate::{AppendError, Appended, Assignments, Batch, Read};
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};

/// Deletes a record of the journal before each read, up to what is archived.
#[derive(Debug)]
struct Shrinking {
    memory: MemoryLog,
    archived: u64,
    asked: AtomicU64,
}

impl Shrinking {
    fn of(life: &Life, archived: u64) -> Arc<Shrinking> {
        Arc::new(Shrinking { memory: life.memory.clone(), archived, asked: AtomicU64::default() })
    }
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
        self.asked.fetch_add(1, Ordering::Relaxed);
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
    let log = ArchiveLog::before(archive, Shrinking::of(&life, archived));
    for from in (0..said.len() as u64).rev() {
        now(log.wait(&[(JOURNAL, from)])).unwrap();
        let read = now(log.read(JOURNAL, from, ReadLimit { records: 1, ..ReadLimit::default() })).unwrap();
        assert_eq!((read.records[0].offset, read.end), (from, said.len() as u64));
    }
}

#[test]
fn who_reads_from_far_behind_is_given_many_segments_and_asks_the_tail_once_a_second() {
    let life = Life::blocks(200);
    let (archive, said) = (life.archived(), life.records());
    let last = now(archive.last(0)).unwrap().unwrap();
    assert!(now(archive.cover(0)).unwrap().spans.len() > 10);
    now(life.memory.delete_below(JOURNAL, last.end())).unwrap();
    let tail = Shrinking::of(&life, last.end());
    let log = ArchiveLog::before(archive, tail.clone());
    let began = std::time::Instant::now();
    let all = now(log.read(JOURNAL, 0, ReadLimit { records: 1_000, bytes: usize::MAX })).unwrap();
    assert_eq!((all.records.len() as u64, all.end), (last.end(), said.len() as u64));
    let bytes = all.records.iter().map(|record| record.bytes.len()).take(31).sum();
    for (records, bytes, given) in [(1, usize::MAX, 1), (57, usize::MAX, 57), (57, bytes, 31), (57, 0, 1)] {
        let read = now(log.read(JOURNAL, 0, ReadLimit { records, bytes })).unwrap();
        assert_eq!(read.records, said[..given], "{records} records, {bytes} bytes");
    }
    let most = 2 + 2 * began.elapsed().as_secs();
    assert!(tail.asked.load(Ordering::Relaxed) <= most);
    assert_eq!(told(&log, 0, ReadLimit::default()), said);
}

#[test]
fn an_archive_alone_takes_nothing_and_has_no_inputs() {
    let log = alone(&Life::blocks(12).archived());
    assert_eq!(log.partitions(), 2);
    let jobs = Place::new(Stream::Topic(Topic::Jobs), 0);
    assert!(matches!(now(log.read(jobs, 0, ReadLimit::default())), Err(ReadError::Truncated { .. })));
    assert!(now(log.append(JOURNAL, vec![Bytes::from_static(b"more")].into())).is_err());
    assert!(now(log.delete_below(JOURNAL, 1)).is_err());
    let end = now(log.read(JOURNAL, 0, ReadLimit::default())).unwrap().end;
    assert!(matches!(now(log.read(JOURNAL, end + 1, ReadLimit::default())), Err(ReadError::BeyondEnd { .. })));
    now(log.wait(&[(JOURNAL, end - 1)])).unwrap();
    assert!(log.wait(&[(JOURNAL, end)]).now_or_never().is_none());
}
