#![allow(clippy::unwrap_used)]
use super::*;
use crate::suite::{Backend, conformance, read_all};
use crate::{Assignment, Change, ManualClock};
use bytes::Bytes;
use cairn_schemas::{Stream, Topic};

const JOBS: Place = Place::new(Stream::Topic(Topic::Jobs), 0);
const VOTES: Place = Place::new(Stream::Topic(Topic::Votes), 0);

fn log() -> (MemoryLog, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000));
    (MemoryLog::new(2, clock.clone()), clock)
}

fn bytes(text: &'static str) -> Vec<Bytes> {
    vec![Bytes::from_static(text.as_bytes())]
}

async fn texts(log: &MemoryLog, place: Place) -> Vec<String> {
    let all = read_all(log, place, 0, ReadLimit::default()).await;
    all.iter().map(|record| String::from_utf8(record.bytes.to_vec()).unwrap()).collect()
}

struct Memory(MemoryLog);

#[async_trait]
impl Backend for Memory {
    async fn open(&mut self) -> Arc<dyn EventLog> {
        Arc::new(self.0.reopen())
    }
    async fn give_all(&mut self, member: &str) {
        self.0.faults().give_all(member);
    }
    async fn gap(&mut self, place: Place) {
        self.0.faults().gap(place, 3);
    }
}

#[tokio::test]
async fn the_memory_log_keeps_the_contract() {
    conformance(|| Memory(log().0)).await;
}

#[tokio::test]
async fn each_fault_leaves_what_it_says() {
    use AppendFault::*;
    let table = [
        (UnknownWritten, "unknown", &["a", "b"][..]),
        (UnknownLost, "unknown", &[]),
        (UnknownTorn { kept: 1 }, "unknown", &["a"]),
        (Duplicated, "ok", &["a", "b", "a", "b"]),
        (Full, "full", &[]),
    ];
    for (fault, answer, there) in table {
        let (log, _) = log();
        log.faults().next_append(JOBS, fault);
        let answered = match log.append(JOBS, [bytes("a"), bytes("b")].concat().into()).await {
            Ok(appended) => {
                assert_eq!(appended[1].offset, 3, "the offsets of one full copy");
                "ok"
            }
            Err(AppendError::Unknown { .. }) => "unknown",
            Err(AppendError::Full { .. }) => "full",
            Err(other) => panic!("{fault:?}: {other}"),
        };
        assert_eq!((answered, texts(&log, JOBS).await), (answer, there.iter().map(|text| text.to_string()).collect()), "{fault:?}");
        log.append(JOBS, bytes("c").into()).await.unwrap();
        assert_eq!(texts(&log, JOBS).await.len(), there.len() + 1, "{fault:?}: the next append meets no fault");
    }
}

#[tokio::test]
async fn a_held_append_is_invisible_until_it_is_synced() {
    let (log, _) = log();
    log.faults().hold(JOBS);
    let mut held = log.append(JOBS, bytes("a").into());
    assert!(futures::poll!(&mut held).is_pending());
    log.append(VOTES, bytes("v").into()).await.unwrap();
    assert_eq!((texts(&log, JOBS).await.len(), texts(&log, VOTES).await.len(), log.faults().unsynced()), (0, 1, 1));
    log.faults().release(JOBS);
    assert_eq!(held.await.unwrap()[0].offset, 0);
    assert_eq!(texts(&log, JOBS).await, ["a"]);
}

#[tokio::test]
async fn a_crash_keeps_the_first_unsynced_appends_and_closes_every_hold() {
    let (log, _) = log();
    log.append(JOBS, bytes("durable").into()).await.unwrap();
    log.faults().hold(JOBS);
    let mut first = log.append(JOBS, bytes("kept").into());
    let mut second = log.append(JOBS, bytes("lost").into());
    let places = [(JOBS, 9)];
    let mut wait = log.wait(&places);
    assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
    assert!(futures::poll!(&mut wait).is_pending());
    log.faults().crash(1);
    assert!(matches!(first.await, Err(AppendError::Unknown { .. })));
    assert!(matches!(second.await, Err(AppendError::Unknown { .. })));
    assert!(matches!(wait.await, Err(ReadError::Closed)));
    assert!(matches!(log.append(JOBS, bytes("late").into()).await, Err(AppendError::Closed { .. })));
    assert!(matches!(log.read(JOBS, 0, ReadLimit::default()).await, Err(ReadError::Closed)));
    let next = log.reopen();
    next.append(JOBS, bytes("again").into()).await.unwrap();
    assert_eq!(texts(&next, JOBS).await, ["durable", "kept", "again"]);
}

#[tokio::test]
async fn times_bear_a_clock_that_jumps() {
    let (log, clock) = log();
    let mut times = Vec::new();
    for now in [1_000, 5_000, 2_000, 6_000] {
        clock.set(now);
        times.push(log.append(JOBS, bytes("a").into()).await.unwrap()[0].time);
    }
    assert_eq!(times, [1_000, 5_000, 5_000, 6_000]);
}

#[tokio::test]
async fn a_partition_moves_and_a_zombie_is_told_nothing() {
    let (log, _) = log();
    let faults = log.faults();
    let (mut a, mut b) = (log.assignments("a"), log.assignments("b"));
    let one = faults.give(0, "a");
    assert_eq!(a.next().await, Some(Assignment { partition: 0, generation: one, change: Change::Given }));
    let two = faults.give(0, "b");
    assert_eq!(a.next().await, Some(Assignment { partition: 0, generation: one, change: Change::Revoked }));
    assert_eq!(b.next().await, Some(Assignment { partition: 0, generation: two, change: Change::Given }));
    let three = faults.give_unseen(0, "a");
    assert_eq!((b.change(), a.next().await.unwrap().generation), (None, three));
    assert!(one < two && two < three);
    faults.give(0, "b");
    faults.give(0, "b");
    assert_eq!(b.next().await.unwrap().change, Change::Revoked);
    assert_eq!(b.next().await.unwrap().generation, 5, "what came and went unseen is never told");
    faults.revoke(0);
    assert_eq!(b.next().await.unwrap().change, Change::Revoked);
    assert_eq!((a.next().await.unwrap().change, a.change(), b.change()), (Change::Revoked, None, None));
}
