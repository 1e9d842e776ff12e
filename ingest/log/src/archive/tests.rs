#![allow(clippy::unwrap_used)]
mod tail;

use super::*;
use crate::journal::tests::{Desk, START};
use crate::journal::{Chain, Follower};
use crate::memory::MemoryLog;
use crate::suite::read_all;
use crate::{EventLog, ManualClock, Place, ReadError, ReadLimit, Record};
use bytes::Bytes;
use cairn_schemas::{SecretKey, Stream, Topic};
use futures::FutureExt;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const JOURNAL: Place = Place::journal(0);

/// Three or four blocks fill a segment.
const SMALL: Options = Options { segment_bytes: 1_500, void_bytes: 1 << 20, patience: Duration::from_secs(60) };

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it waits")
}

/// What may lie in a journal next.
#[derive(Clone, Copy, Debug)]
enum Say {
    Block(u64),
    /// A second copy of the last block.
    Copy,
    Claim(u8),
    Noise(u8),
    Gap(u64),
    /// Time that passes, milliseconds.
    Pass(u32),
}

/// A journal and who writes it.
struct Life {
    memory: MemoryLog,
    log: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
    desk: Desk,
    last: Bytes,
}

impl Life {
    fn new() -> Life {
        let clock = Arc::new(ManualClock::new(START));
        let memory = MemoryLog::new(2, clock.clone());
        let (desk, records) = Desk::open();
        let life = Life { log: Arc::new(memory.clone()), memory, clock, desk, last: records[0].clone() };
        records.into_iter().for_each(|record| life.append(record));
        life
    }

    fn append(&self, record: Bytes) {
        now(self.log.append(JOURNAL, vec![record].into())).unwrap();
    }

    fn say(&mut self, say: Say) {
        match say {
            Say::Block(by_ms) => {
                self.last = self.desk.block(by_ms);
                self.append(self.last.clone());
            }
            Say::Copy => self.append(self.last.clone()),
            Say::Claim(key) => {
                let claim = self.desk.claim(&SecretKey::from_seed([1 + key % 2; 32]));
                self.append(claim);
            }
            Say::Noise(length) => self.append(Bytes::from(vec![7; length.into()])),
            Say::Gap(offsets) => self.memory.faults().gap(JOURNAL, offsets),
            Say::Pass(millis) => drop(self.clock.advance(millis)),
        }
    }

    fn blocks(count: u64) -> Life {
        let mut life = Life::new();
        (1..=count).for_each(|by_ms| life.say(Say::Block(by_ms)));
        life
    }

    fn archiver(&self, archive: &Archive) -> Archiver {
        now(Archiver::open(self.log.clone(), archive.clone(), 0, SMALL)).unwrap()
    }

    /// An archive of all that fills segments, written by one archiver in one go.
    fn archived(&self) -> Archive {
        let archive = empty();
        now(self.archiver(&archive).catch_up()).unwrap();
        archive
    }

    fn records(&self) -> Vec<Record> {
        now(read_all(self.log.as_ref(), JOURNAL, 0, ReadLimit::default()))
    }
}

fn empty() -> Archive {
    Archive::over(Store::open("memory:///").unwrap())
}

/// All objects with their bytes.
fn objects(archive: &Archive) -> Vec<(String, Bytes)> {
    let listed = now(archive.store.list("")).unwrap();
    listed.into_iter().map(|object| (object.key.clone(), now(archive.store.get(&object.key, BYTES)).unwrap())).collect()
}

fn alone(archive: &Archive) -> ArchiveLog {
    now(ArchiveLog::alone(archive.clone())).unwrap()
}

fn told(log: &dyn EventLog, from: u64, limit: ReadLimit) -> Vec<Record> {
    now(read_all(log, JOURNAL, from, limit))
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        6 => (1u64..9).prop_map(Say::Block),
        1 => Just(Say::Copy),
        1 => any::<u8>().prop_map(Say::Claim),
        1 => any::<u8>().prop_map(Say::Noise),
        1 => (1u64..5).prop_map(Say::Gap),
        1 => (0u32..5_000).prop_map(Say::Pass),
    ]
}

/// What may happen while two archive one journal.
#[derive(Clone, Copy, Debug)]
enum Step {
    Say(Say),
    CatchUp(bool),
    Crash(bool),
    Flush(bool),
    /// What one of them knows to be archived is deleted from the log.
    Delete(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => say().prop_map(Step::Say),
        2 => any::<bool>().prop_map(Step::CatchUp),
        1 => any::<bool>().prop_map(Step::Crash),
        1 => any::<bool>().prop_map(Step::Flush),
        1 => any::<bool>().prop_map(Step::Delete),
    ];
    prop::collection::vec(step, 1..120)
}

/// Lives through the steps with two archivers of one archive; whoever opens one reads through the archive what the log deleted.
fn lived(steps: &[Step], flushes: bool, deletes: bool) -> (Life, Archive, Vec<Record>) {
    let (mut life, archive) = (Life::new(), empty());
    let tail = life.log.clone();
    let full: Arc<dyn EventLog> = Arc::new(ArchiveLog::before(archive.clone(), tail));
    let open = || now(Archiver::open(full.clone(), archive.clone(), 0, SMALL)).unwrap();
    let mut archivers = [open(), open()];
    let mut said = life.records();
    for step in steps {
        match *step {
            Step::Say(say) => {
                life.say(say);
                let from = said.last().map_or(0, |last| last.offset + 1);
                said.extend(told(life.log.as_ref(), from, ReadLimit::default()));
            }
            Step::CatchUp(who) => now(archivers[usize::from(who)].catch_up()).unwrap(),
            Step::Crash(who) => archivers[usize::from(who)] = open(),
            Step::Flush(who) if flushes => now(archivers[usize::from(who)].flush()).unwrap(),
            Step::Delete(who) if deletes => {
                now(life.log.delete_below(JOURNAL, archivers[usize::from(who)].archived())).unwrap();
            }
            Step::Flush(_) | Step::Delete(_) => {}
        }
    }
    let mut last = open();
    now(last.catch_up()).unwrap();
    if flushes {
        now(last.flush()).unwrap();
    }
    (life, archive, said)
}

/// Records up to and with the last block that is archived.
fn until(archive: &Archive, said: &[Record]) -> Vec<Record> {
    let end = now(archive.last(0)).unwrap().map_or(0, |segment| segment.end());
    said.iter().filter(|record| record.offset < end).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Two at once, each cut anywhere and begun again: the same segments, to the byte, as one archiver in one go would write.
    #[test]
    fn wherever_archiving_is_cut_its_bytes_are_the_same(steps in steps()) {
        let (life, archive, _) = lived(&steps, false, false);
        prop_assert_eq!(objects(&archive), objects(&life.archived()));
    }

    /// Flushed at any moments, and with the log deleted behind them, the archive tells the journal record by record; alone, from any
    /// offset, in any portions; and before the log's tail, all of it.
    #[test]
    fn an_archive_tells_the_journal(steps in steps(), from in 0u64..150, records in 1usize..9, bytes in 1usize..2_000) {
        let (life, archive, said) = lived(&steps, true, true);
        let log = alone(&archive);
        let limit = ReadLimit { records, bytes };
        let expected = until(&archive, &said);
        prop_assert_eq!(&told(&log, 0, limit), &expected);
        let end = now(archive.last(0)).unwrap().unwrap().end();
        let from = from.min(end);
        prop_assert_eq!(told(&log, from, limit), expected.iter().filter(|record| record.offset >= from).cloned().collect::<Vec<_>>());
        let before = ArchiveLog::before(archive.clone(), life.log.clone());
        prop_assert_eq!(told(&before, 0, limit), said);
        let mut follower = Follower::new(Arc::new(log), Chain::new(0));
        now(follower.catch_up(drop)).unwrap();
        let (folded, desk) = (follower.chain(), &life.desk.chain);
        prop_assert_eq!((folded.height(), folded.root()), (desk.height(), desk.root()));
    }
}

#[test]
fn segments_are_of_bounded_size_and_follow_one_another() {
    let life = Life::blocks(40);
    let archive = life.archived();
    let cover = now(archive.cover(0)).unwrap();
    assert!(cover.spans.len() > 5 && cover.gap.is_none(), "{cover:?}");
    let mut height = 0;
    for (span, (_, bytes)) in cover.spans.iter().zip(objects(&archive)) {
        assert_eq!(span.first, height);
        height = span.last + 1;
        assert!(bytes.len() < 4_000, "{}", bytes.len());
    }
}

/// Whoever floods a journal with noise fills no segment without end: beyond a limit void records are counted and left out.
#[test]
fn a_flood_of_noise_is_counted_and_left_out() {
    let mut life = Life::new();
    (0..500).for_each(|_| life.say(Say::Noise(100)));
    life.say(Say::Block(1));
    let archive = empty();
    let options = Options { void_bytes: 2_000, ..SMALL };
    now(now(Archiver::open(life.log.clone(), archive.clone(), 0, options)).unwrap().catch_up()).unwrap();
    let segment = now(archive.last(0)).unwrap().unwrap();
    assert_eq!(segment.records.len() as u64 + segment.left_out, 503);
    assert!(segment.left_out > 450 && objects(&archive)[0].1.len() < 5_000, "{}", segment.left_out);
    let mut follower = Follower::new(Arc::new(alone(&archive)), Chain::new(0));
    now(follower.catch_up(drop)).unwrap();
    assert_eq!(follower.chain().height(), Some(1));
}

#[test]
fn any_flipped_byte_is_found_and_its_segment_named() {
    let life = Life::blocks(12);
    let archive = empty();
    // One that looked before the others wrote anything will write the same.
    let mut late = life.archiver(&archive);
    now(life.archiver(&archive).catch_up()).unwrap();
    let spans = now(archive.cover(0)).unwrap().spans;
    let (key, whole) = objects(&archive).swap_remove(1);
    let cuts = (0..whole.len()).step_by(97).map(|length| whole[..length].to_vec());
    let flips = (0..whole.len()).map(|at| {
        let mut bad = whole.to_vec();
        bad[at] ^= 1;
        bad
    });
    for bad in flips.chain(cuts).chain([[whole.as_ref(), b"!"].concat(), objects(&archive)[2].1.to_vec()]) {
        now(archive.store.put(&key, bad.into())).unwrap();
        let refused = now(archive.load(0, spans[1])).unwrap_err();
        assert!(["CRN-5501", "CRN-5505"].contains(&refused.code()), "{refused}");
        assert!(refused.to_string().contains(&key), "{refused}");
    }
    // Nothing of it is told, and nothing behind it.
    let log = alone(&archive);
    let first = now(archive.load(0, spans[0])).unwrap();
    assert_eq!(now(log.read(JOURNAL, 0, ReadLimit::default())).unwrap().records, first.records);
    let refused = now(log.read(JOURNAL, first.end(), ReadLimit::default())).unwrap_err();
    assert!(refused.code() == "CRN-5501" && refused.to_string().contains(&key), "{refused}");
    // Written again from the log it is as it was.
    now(late.catch_up()).unwrap();
    assert_eq!(objects(&archive), objects(&life.archived()));
}

#[test]
fn a_missing_segment_is_a_gap_that_the_log_can_fill() {
    let life = Life::blocks(20);
    let archive = life.archived();
    let whole = objects(&archive);
    let spans = now(archive.cover(0)).unwrap().spans;
    for lost in [0, 1, spans.len() - 2] {
        now(archive.store.delete(&whole[lost].0)).unwrap();
        assert_eq!(now(archive.cover(0)).unwrap().gap, Some(spans[lost].first));
        let log: Arc<dyn EventLog> = Arc::new(alone(&archive));
        let stopped = now(Follower::new(log, Chain::new(0)).catch_up(drop)).unwrap_err();
        assert_eq!(stopped.code(), "CRN-5502");
        assert!(stopped.to_string().contains(&format!("block {}", spans[lost].first)), "{stopped}");
        now(life.archiver(&archive).catch_up()).unwrap();
        assert_eq!(objects(&archive), whole);
    }
    assert_eq!(now(ArchiveLog::alone(empty())).unwrap_err().code(), "CRN-5504");
}

/// An archive of another journal is never written on.
#[test]
fn two_journals_never_share_an_archive() {
    let (one, mut other) = (Life::blocks(12), Life::new());
    (1..=12).rev().for_each(|by_ms| other.say(Say::Block(by_ms)));
    let archive = empty();
    let mut late = other.archiver(&archive);
    now(one.archiver(&archive).catch_up()).unwrap();
    let whole = objects(&archive);
    assert_eq!(now(late.catch_up()).unwrap_err().code(), "CRN-5503");
    assert_eq!(now(other.archiver(&archive).catch_up()).unwrap_err().code(), "CRN-4003");
    let shorter = Life::blocks(1);
    assert_eq!(now(shorter.archiver(&archive).catch_up()).unwrap_err().code(), "CRN-5112");
    assert_eq!(objects(&archive), whole);
}

#[test]
fn what_a_cut_off_put_left_behind_is_none_of_a_readers() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::blocks(12);
    let archive = Archive::over(Store::local(dir.path()).unwrap());
    now(life.archiver(&archive).catch_up()).unwrap();
    let whole = objects(&archive);
    assert_eq!(whole, objects(&life.archived()), "a folder holds what an object store does");
    let first = dir.path().join(&whole[0].0);
    std::fs::write(first.with_extension("7-0.new"), b"half").unwrap();
    std::fs::write(dir.path().join("journal/notes"), b"somebody's").unwrap();
    assert_eq!(told(&alone(&archive), 0, ReadLimit::default()), until(&archive, &life.records()));
}

/// Waits for a block in the archive; the limit is for a machine on which everything else runs, too.
async fn reaches(archive: &Archive, height: u64) {
    let reached = async {
        while archive.last(0).await.ok().flatten().is_none_or(|segment| segment.span().last < height) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.unwrap();
}

#[tokio::test]
async fn archiving_goes_on_until_it_is_stopped_and_bears_a_store_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("archive");
    std::fs::write(&folder, b"in the way").unwrap();
    let archive = Archive::over(Store::local(&folder).unwrap());
    let mut life = Life::blocks(3);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(super::archive(life.log.clone(), archive.clone(), 0, SMALL, async { drop(stopped.await) }));
    tokio::task::yield_now().await;
    std::fs::remove_file(&folder).unwrap();
    (4..=40).for_each(|by_ms| life.say(Say::Block(by_ms)));
    reaches(&archive, 30).await;
    // Moved away, it begins again, not behind a hole.
    std::fs::rename(&folder, dir.path().join("aside")).unwrap();
    (41..=60).for_each(|by_ms| life.say(Say::Block(by_ms)));
    reaches(&archive, 50).await;
    // What fills no segment is archived once it has waited long enough.
    life.say(Say::Pass(60_000));
    life.say(Say::Block(61));
    reaches(&archive, 60).await;
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    // Stopped in order, nothing that it read is left out.
    let last = archive.last(0).await.unwrap().unwrap();
    let mut archiver = Archiver::open(life.log.clone(), archive.clone(), 0, SMALL).await.unwrap();
    archiver.catch_up().await.unwrap();
    assert!(archiver.archived() == last.end() && last.span().last >= 60);
}

/// The format as it was first written: what is archived today is read for as long as there is an instance.
#[test]
fn a_segment_keeps_its_bytes() {
    let mut life = Life::new();
    for say in [Say::Block(1), Say::Copy, Say::Gap(2), Say::Pass(5), Say::Claim(1), Say::Noise(3), Say::Block(2)] {
        life.say(say);
    }
    let archive = empty();
    let mut archiver = now(Archiver::open(life.log.clone(), archive.clone(), 0, Options::default())).unwrap();
    now(archiver.catch_up()).unwrap();
    now(archiver.flush()).unwrap();
    let (key, bytes) = objects(&archive).swap_remove(0);
    assert_eq!(key, "journal/0/00000000000000000000-00000000000000000002");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/archive-v1.seg");
    if std::env::var("CAIRN_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(path, &bytes).unwrap();
    }
    assert!(std::fs::read(path).unwrap() == bytes, "the format changed: write a new version beside the old");
}
