#![allow(clippy::unwrap_used)]
mod power;
mod power_cut;
mod speed;

use super::frame::{FRAME_HEAD, SEGMENT_HEAD};
use super::*;
use crate::suite::{Backend, conformance, read_all};
use crate::{Assignment, Change, ManualClock};
use cairn_schemas::{Stream, Topic};
use power::Power;
use std::sync::atomic::AtomicUsize;

const JOBS: Place = Place::new(Stream::Topic(Topic::Jobs), 0);
const VOTES: Place = Place::new(Stream::Topic(Topic::Votes), 1);

/// Small segments and no memory, so that every story rolls and reads from disk; a fatal end counts instead of killing the test.
fn options() -> (Options, Arc<AtomicUsize>) {
    let fatal = Arc::new(AtomicUsize::new(0));
    let counted = fatal.clone();
    let on_fatal = OnFatal(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    (Options { partitions: 2, segment_bytes: 2_000, recent_bytes: 0, salt: 0x5a17, clock, on_fatal }, fatal)
}

fn open(power: &Power) -> Result<DiskLog, OpenError> {
    DiskLog::open_on(Arc::new(power.clone()), None, options().0)
}

fn bytes(text: &str) -> Vec<Bytes> {
    vec![Bytes::copy_from_slice(text.as_bytes())]
}

async fn texts(log: &DiskLog, place: Place) -> Vec<String> {
    let all = read_all(log, place, 0, ReadLimit::default()).await;
    all.iter().map(|record| String::from_utf8(record.bytes.to_vec()).unwrap()).collect()
}

struct Disk {
    dir: tempfile::TempDir,
    options: Options,
}

#[async_trait]
impl Backend for Disk {
    async fn open(&mut self) -> Arc<dyn EventLog> {
        Arc::new(DiskLog::open(self.dir.path(), self.options.clone()).unwrap())
    }
    async fn give_all(&mut self, _member: &str) {}
    /// Only recent records have any.
    fn remembers_traces(&self) -> bool {
        self.options.recent_bytes > 0
    }
}

#[tokio::test]
async fn the_disk_log_keeps_the_contract_from_memory() {
    conformance(|| Disk { dir: tempfile::tempdir().unwrap(), options: Options::new(2) }).await;
}

#[tokio::test]
async fn the_disk_log_keeps_the_contract_from_disk() {
    conformance(|| Disk { dir: tempfile::tempdir().unwrap(), options: options().0 }).await;
}

#[tokio::test]
async fn the_first_member_is_given_all_and_no_other_anything() {
    let log = open(&Power::default()).unwrap();
    let (mut node, mut other) = (log.assignments("node"), log.assignments("other"));
    assert_eq!(node.change(), Some(Assignment { partition: 0, generation: 1, change: Change::Given }));
    assert_eq!((node.change().unwrap().partition, node.change(), other.change()), (1, None, None));
}

#[tokio::test]
async fn a_segment_is_written_as_its_golden_bytes_say() {
    let power = Power::default();
    let (options, _) = options();
    let clock = Arc::new(ManualClock::new(1_700_000_000_123));
    let log = DiskLog::open_on(Arc::new(power.clone()), None, Options { clock: clock.clone(), ..options }).unwrap();
    log.append(JOBS, [bytes("a job"), bytes("")].concat().into()).await.unwrap();
    log.append(Place::journal(1), bytes("a block").into()).await.unwrap();
    clock.advance(5);
    log.append(JOBS, bytes("another job").into()).await.unwrap();
    drop(log);
    let written = power.bytes("00000000000000000001.seg");
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/segment-v1.seg");
    if std::env::var("CAIRN_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&golden, &written).unwrap();
    }
    let golden = std::fs::read(golden).unwrap();
    assert_eq!(golden, written);
    power.put("00000000000000000001.seg", golden);
    let log = open(&power).unwrap();
    let read = read_all(&log, JOBS, 0, ReadLimit::default()).await;
    let told: Vec<_> = read.iter().map(|record| (record.offset, record.time - 1_700_000_000_000, record.bytes.as_ref())).collect();
    assert_eq!(told, [(0, 123, &b"a job"[..]), (1, 123, b""), (2, 128, b"another job")]);
    assert_eq!(texts(&log, Place::journal(1)).await, ["a block"]);
}

#[tokio::test]
async fn many_appends_share_one_fsync() {
    let power = Power::default();
    let log = open(&power).unwrap();
    let before = power.syncs();
    // On one thread all of them are asked before the first is answered.
    let appends = futures::future::join_all((0..500).map(|i| log.append(JOBS, bytes(&format!("{i}")).into()))).await;
    assert!(appends.iter().all(Result::is_ok));
    assert!(power.syncs() - before < 100, "{} fsyncs for 500 appends", power.syncs() - before);
}

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let log = DiskLog::open(dir.path(), options().0).unwrap();
    for second in [DiskLog::open(dir.path(), options().0), DiskLog::open_read_only(dir.path(), options().0)] {
        let refused = second.unwrap_err();
        assert_eq!(refused.code(), "CRN-5122");
        assert!(refused.to_string().ends_with(&format!("is in use by process {}", std::process::id())), "{refused}");
    }
    drop(log);
    DiskLog::open(dir.path(), options().0).unwrap();
}

#[tokio::test]
async fn readers_share_a_directory_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let empty = DiskLog::open_read_only(&dir.path().join("none"), options().0).unwrap();
    assert!(texts(&empty, JOBS).await.is_empty());
    assert!(!dir.path().join("none").exists());
    let log = DiskLog::open(dir.path(), options().0).unwrap();
    log.append(JOBS, bytes("a").into()).await.unwrap();
    drop(log);
    let segment = dir.path().join(FOLDER).join("00000000000000000001.seg");
    let torn = [std::fs::read(&segment).unwrap(), b"torn".to_vec()].concat();
    std::fs::write(&segment, &torn).unwrap();
    let one = DiskLog::open_read_only(dir.path(), Options { partitions: 7, ..options().0 }).unwrap();
    let two = DiskLog::open_read_only(dir.path(), options().0).unwrap();
    assert_eq!((texts(&one, JOBS).await, texts(&two, JOBS).await), (vec!["a".into()], vec!["a".into()]));
    assert_eq!(one.partitions(), 2, "the log says how many, not the reader");
    assert!(matches!(one.append(JOBS, bytes("b").into()).await, Err(AppendError::ReadOnly { .. })));
    assert_eq!(DiskLog::open(dir.path(), options().0).unwrap_err().code(), "CRN-5122");
    drop((one, two));
    assert_eq!(std::fs::read(&segment).unwrap(), torn);
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let power = Power::default();
    drop(open(&power).unwrap());
    for asked in [0, 3, 1_000_000] {
        let refused = DiskLog::open_on(Arc::new(power.clone()), None, Options { partitions: asked, ..options().0 });
        assert!(matches!(refused, Err(OpenError::Partitions { .. })), "{asked}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_whole_appends_and_recovers() {
    let power = Power::default();
    let log = open(&power).unwrap();
    log.append(JOBS, bytes("before").into()).await.unwrap();
    for space in [0, 1, 100, 300] {
        power.set_space(Some(space));
        let long = [bytes("x"), bytes(&"long".repeat(200))].concat();
        assert!(matches!(log.append(JOBS, long.into()).await, Err(AppendError::Full { .. })), "{space}");
        assert_eq!(texts(&log, JOBS).await, ["before"]);
    }
    power.set_space(None);
    log.append(JOBS, bytes("after").into()).await.unwrap();
    assert_eq!(texts(&log, JOBS).await, ["before", "after"]);
    drop(log);
    assert_eq!(texts(&open(&power).unwrap(), JOBS).await, ["before", "after"]);
}

#[tokio::test]
async fn a_disk_that_fills_while_a_segment_begins_leaves_one_log() {
    for space in [0, 10, 63, 64, 70] {
        let power = Power::default();
        let log = open(&power).unwrap();
        log.append(JOBS, bytes(&"a".repeat(1_600)).into()).await.unwrap();
        power.set_space(Some(space));
        assert!(matches!(log.append(JOBS, bytes(&"b".repeat(500)).into()).await, Err(AppendError::Full { .. })), "{space}");
        // It would fit into the old segment, but a new one may already be there.
        let _ = log.append(JOBS, bytes("c").into()).await;
        power.set_space(None);
        log.append(JOBS, bytes("d").into()).await.unwrap();
        let there = texts(&log, JOBS).await;
        drop(log);
        assert_eq!(texts(&open(&power).unwrap(), JOBS).await, there, "{space}");
    }
}

#[tokio::test]
async fn a_failed_fsync_ends_it() {
    let power = Power::default();
    let (options, fatal) = options();
    let log = DiskLog::open_on(Arc::new(power.clone()), None, options).unwrap();
    power.fail_syncs();
    assert!(matches!(log.append(JOBS, bytes("a").into()).await, Err(AppendError::Unknown { .. })));
    assert!(matches!(log.append(JOBS, bytes("b").into()).await, Err(AppendError::Closed { .. } | AppendError::Unknown { .. })));
    assert!(texts(&log, JOBS).await.is_empty(), "what is not durable is not shown");
    drop(log);
    assert_eq!(fatal.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn times_stay_where_they_were_when_the_clock_falls_back() {
    let power = Power::default();
    let mut times = Vec::new();
    for now in [5_000, 1_000, 7_000] {
        let clock = Arc::new(ManualClock::new(now));
        let log = DiskLog::open_on(Arc::new(power.clone()), None, Options { clock, ..options().0 }).unwrap();
        times.push(log.append(JOBS, bytes("a").into()).await.unwrap()[0].time);
    }
    assert_eq!(times, [5_000, 5_000, 7_000]);
}

/// A closed log of several segments; its files' names.
async fn closed_log() -> (Power, Vec<String>) {
    let power = Power::default();
    let log = open(&power).unwrap();
    for i in 0..30 {
        log.append([JOBS, VOTES][i % 2], [bytes("short"), bytes(&format!("{i}").repeat(100))].concat().into()).await.unwrap();
    }
    drop(log);
    let mut names = power.list().unwrap();
    names.sort();
    assert!(names.len() > 2);
    (power, names)
}

#[tokio::test]
async fn any_flipped_byte_of_what_was_durable_halts() {
    let (power, names) = closed_log().await;
    for name in &names {
        let good = power.bytes(name);
        // A closed segment may end with a mark, which nobody needs.
        let mark = good.len() - FRAME_HEAD;
        let end = if good[mark..].starts_with(b"CFRM") && good[mark + 57] == 1 { mark } else { good.len() };
        for at in 0..end {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            power.put(name, bad);
            let refused = open(&power).map(drop).unwrap_err();
            assert!(matches!(refused.code(), "CRN-5123" | "CRN-5125"), "{name} at {at}: {refused}");
            assert!(refused.to_string().contains(name.as_str()), "{refused}");
        }
        power.put(name, good);
    }
    open(&power).unwrap();
}

#[tokio::test]
async fn a_missing_segment_halts() {
    let (power, names) = closed_log().await;
    power.remove(&names[1]).unwrap();
    assert!(matches!(open(&power), Err(OpenError::Missing { .. })));
    let (power, names) = closed_log().await;
    power.remove(&names[0]).unwrap();
    assert!(matches!(open(&power), Err(OpenError::Missing { from: 1, .. })));
}

#[tokio::test]
async fn rot_under_an_open_log_is_never_read_as_records() {
    let (power, names) = closed_log().await;
    let log = open(&power).unwrap();
    let good = texts(&log, JOBS).await;
    for name in &names {
        let bytes = power.bytes(name);
        for at in (SEGMENT_HEAD..bytes.len()).step_by(7) {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            power.put(name, bad);
            let mut next = 0;
            // Either the records as they were, or damage.
            while let Ok(read) = log.read(JOBS, next, ReadLimit::default()).await {
                if read.records.is_empty() {
                    break;
                }
                read.records.iter().for_each(|record| assert_eq!(record.bytes, good[record.offset as usize]));
                next = read.next(next);
            }
        }
        power.put(name, bytes);
    }
}

#[tokio::test]
async fn a_record_that_looks_like_a_frame_is_a_record() {
    let power = Power::default();
    let log = open(&power).unwrap();
    let mut frame = Vec::new();
    frame::Encoder { into: &mut frame, salt: 0, durable: u64::MAX - 1, time: 0 }.mark(u64::MAX);
    log.append(JOBS, vec![Bytes::from([frame.clone(), frame].concat())].into()).await.unwrap();
    drop(log);
    // Torn after the frame's head: all that follows is a stranger's.
    let name = "00000000000000000001.seg";
    let mut torn = power.bytes(name);
    torn.truncate(SEGMENT_HEAD + FRAME_HEAD + 8 + 100);
    power.put(name, torn);
    assert!(texts(&open(&power).unwrap(), JOBS).await.is_empty());
}
