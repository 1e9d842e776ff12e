//! The conformance suite: what every backend of the log must pass.
//!
//! Owns one story per promise of [`EventLog`], told through the contract alone. Refuses a backend's insides: faults and files are
//! tested beside the backend that has them. A story panics where the promise is broken.
#![allow(clippy::unwrap_used)]

use crate::trace::RECORD_TRACES;
use crate::{APPEND_RECORDS, AppendError, Batch, Change, DeleteError, EventLog, Place, ReadError, ReadLimit, Record, Trace, Traces};
use async_trait::async_trait;
use bytes::Bytes;
use cairn_schemas::{Stream, Topic, limits};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A backend under test: one log, with at least two partitions, empty at first.
#[async_trait]
pub trait Backend: Send {
    /// Opens the log; the hold before this one has been dropped.
    async fn open(&mut self) -> Arc<dyn EventLog>;
    /// Sees to it that `member` is given all partitions, at once or soon.
    async fn give_all(&mut self, member: &str);
    /// Leaves a gap in the offsets of `place`, where this backend can.
    async fn gap(&mut self, _place: Place) {}
    /// Whether what was appended a moment ago is read with its traces.
    fn remembers_traces(&self) -> bool {
        true
    }
}

/// Tells all stories, each on a fresh log made by `fresh`.
pub async fn conformance<B: Backend>(mut fresh: impl FnMut() -> B) {
    appended_records_are_read_in_order(&mut fresh()).await;
    places_are_apart(&mut fresh()).await;
    an_acknowledged_record_is_visible(&mut fresh()).await;
    gaps_are_passed_over(&mut fresh()).await;
    a_trace_stays_with_its_record_or_is_forgotten(&mut fresh()).await;
    what_is_too_large_is_refused_and_leaves_nothing(&mut fresh()).await;
    the_largest_is_taken(&mut fresh()).await;
    appenders_at_once_lose_and_repeat_nothing(&mut fresh()).await;
    wait_ends_with_the_record(&mut fresh()).await;
    wait_may_be_dropped(&mut fresh()).await;
    reads_keep_their_limits(&mut fresh()).await;
    reads_outside_are_refused(&mut fresh()).await;
    what_was_acknowledged_is_there_after_reopening(&mut fresh()).await;
    times_never_go_back(&mut fresh()).await;
    deletion_from_the_front_is_told_and_keeps_the_rest(&mut fresh()).await;
    a_member_is_given_partitions_with_generations(&mut fresh()).await;
}

const JOBS: Place = Place::new(Stream::Topic(Topic::Jobs), 0);
const VOTES: Place = Place::new(Stream::Topic(Topic::Votes), 1);
const NOWHERE: Place = Place::new(Stream::Journal, limits::PARTITIONS);

fn texts(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

fn traces(spans: std::ops::Range<usize>) -> Traces {
    spans.map(|span| Trace::parse(format!("00-{:032x}-{span:016x}-01", 7).as_bytes()).unwrap()).collect()
}

/// Reads a place from `from` to its end, step by step, checking what every read must keep.
pub async fn read_all(log: &dyn EventLog, place: Place, from: u64, limit: ReadLimit) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    let mut next = from;
    loop {
        let read = log.read(place, next, limit).await.unwrap();
        if read.records.is_empty() {
            assert!(next >= read.end, "{place}: a read from {next} gave nothing before the end {}", read.end);
            return all;
        }
        for record in &read.records {
            assert!(record.offset >= next && record.offset < read.end, "{place}: {} is outside {next}..{}", record.offset, read.end);
            next = record.offset + 1;
        }
        assert_eq!(read.next(from), next);
        all.extend(read.records);
    }
}

async fn bytes_of(log: &dyn EventLog, place: Place) -> Vec<Bytes> {
    read_all(log, place, 0, ReadLimit::default()).await.into_iter().map(|record| record.bytes).collect()
}

async fn appended_records_are_read_in_order(backend: &mut impl Backend) {
    let log = backend.open().await;
    assert!(log.append(JOBS, Batch::default()).await.unwrap().is_empty());
    let first = log.append(JOBS, texts(&["a", "", "c"]).into()).await.unwrap();
    let second = log.append(JOBS, texts(&["d"]).into()).await.unwrap();
    let told: Vec<_> = first.into_iter().chain(second).collect();
    assert_eq!(bytes_of(log.as_ref(), JOBS).await, texts(&["a", "", "c", "d"]));
    let read = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await;
    let found: Vec<_> = read.iter().map(|record| (record.offset, record.time)).collect();
    assert_eq!(found, told.iter().map(|appended| (appended.offset, appended.time)).collect::<Vec<_>>());
    let later = read_all(log.as_ref(), JOBS, told[2].offset, ReadLimit::default()).await;
    assert_eq!(later, read[2..]);
}

async fn places_are_apart(backend: &mut impl Backend) {
    let log = backend.open().await;
    for stream in Stream::ALL {
        for partition in 0..2 {
            log.append(Place { stream, partition }, texts(&[&format!("{stream} {partition}")]).into()).await.unwrap();
        }
    }
    for stream in Stream::ALL {
        for partition in 0..2 {
            assert_eq!(bytes_of(log.as_ref(), Place { stream, partition }).await, texts(&[&format!("{stream} {partition}")]));
        }
    }
}

async fn an_acknowledged_record_is_visible(backend: &mut impl Backend) {
    let log = backend.open().await;
    for text in ["one", "two", "three"] {
        let at = log.append(VOTES, texts(&[text]).into()).await.unwrap()[0].offset;
        let read = log.read(VOTES, at, ReadLimit::default()).await.unwrap();
        assert_eq!(read.records[0].bytes, text);
        assert_eq!(read.end, at + 1);
    }
}

async fn gaps_are_passed_over(backend: &mut impl Backend) {
    let log = backend.open().await;
    backend.gap(JOBS).await;
    log.append(JOBS, texts(&["a"]).into()).await.unwrap();
    backend.gap(JOBS).await;
    let b = log.append(JOBS, texts(&["b"]).into()).await.unwrap()[0].offset;
    assert_eq!(bytes_of(log.as_ref(), JOBS).await, texts(&["a", "b"]));
    let read = log.read(JOBS, b, ReadLimit::default()).await.unwrap();
    assert_eq!((read.records.len(), read.end), (1, b + 1));
    log.wait(&[(JOBS, b)]).await.unwrap();
}

async fn a_trace_stays_with_its_record_or_is_forgotten(backend: &mut impl Backend) {
    let log = backend.open().await;
    let many = traces(1..RECORD_TRACES + 1);
    let batch = Batch { records: texts(&["a", "b", "c", "d"]), traces: vec![many.clone(), Traces::default(), traces(99..100)] };
    log.append(JOBS, batch.clone()).await.unwrap();
    let told = vec![many, Traces::default(), traces(99..100), Traces::default()];
    let kept = |log: Arc<dyn EventLog>| async move {
        let read = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await;
        assert_eq!(read.iter().map(|record| record.bytes.clone()).collect::<Vec<_>>(), texts(&["a", "b", "c", "d"]));
        read.into_iter().map(|record| record.traces).collect::<Vec<_>>()
    };
    if backend.remembers_traces() {
        assert_eq!(kept(log.clone()).await, told);
    }
    drop(log);
    let later = kept(backend.open().await).await;
    assert!(later.iter().zip(&told).all(|(kept, told)| kept.is_empty() || kept == told), "{later:?}");
}

async fn what_is_too_large_is_refused_and_leaves_nothing(backend: &mut impl Backend) {
    let log = backend.open().await;
    let long = Bytes::from(vec![7; limits::RECORD_BYTES + 1]);
    for refused in [vec![Bytes::from_static(b"a"), long], vec![Bytes::new(); APPEND_RECORDS + 1], vec![Bytes::from(vec![0; 1_000_000]); 68]]
    {
        assert!(matches!(log.append(JOBS, refused.into()).await, Err(AppendError::TooLarge { .. })));
    }
    assert!(matches!(log.append(NOWHERE, texts(&["a"]).into()).await, Err(AppendError::NoSuchPlace { .. })));
    assert!(matches!(log.read(NOWHERE, 0, ReadLimit::default()).await, Err(ReadError::NoSuchPlace { .. })));
    assert!(matches!(log.wait(&[(NOWHERE, 0)]).await, Err(ReadError::NoSuchPlace { .. })));
    assert_eq!(log.read(JOBS, 0, ReadLimit::default()).await.unwrap().end, 0);
}

async fn the_largest_is_taken(backend: &mut impl Backend) {
    let log = backend.open().await;
    let largest: Vec<_> = (0..5u8).map(|fill| Bytes::from(vec![fill; limits::RECORD_BYTES])).collect();
    log.append(JOBS, Batch::traced(largest.clone(), traces(1..RECORD_TRACES + 1))).await.unwrap();
    let many: Vec<_> = (0..APPEND_RECORDS).map(|i| Bytes::from(format!("record {i}"))).collect();
    log.append(VOTES, many.clone().into()).await.unwrap();
    assert!(bytes_of(log.as_ref(), JOBS).await == largest);
    assert_eq!(bytes_of(log.as_ref(), VOTES).await, many);
}

async fn appenders_at_once_lose_and_repeat_nothing(backend: &mut impl Backend) {
    let log = backend.open().await;
    let appender = |who: usize| {
        let log = log.clone();
        async move {
            for step in 0..20 {
                let texts = texts(&[&format!("{who} {step} a"), &format!("{who} {step} b")]);
                log.append([JOBS, VOTES][who % 2], texts.into()).await.unwrap();
            }
        }
    };
    futures::future::join_all((0..16).map(appender)).await;
    for (parity, place) in [JOBS, VOTES].into_iter().enumerate() {
        let all = bytes_of(log.as_ref(), place).await;
        assert_eq!(all.len(), 8 * 20 * 2);
        for who in (0..16).filter(|who| who % 2 == parity) {
            let own: Vec<_> = all.iter().filter(|text| text.starts_with(format!("{who} ").as_bytes())).collect();
            let said: Vec<_> = (0..20).flat_map(|step| [format!("{who} {step} a"), format!("{who} {step} b")]).collect();
            assert_eq!(own, said.iter().map(String::as_bytes).collect::<Vec<_>>(), "one appender's records, in its order");
        }
    }
}

async fn wait_ends_with_the_record(backend: &mut impl Backend) {
    let log = backend.open().await;
    let at = log.append(JOBS, texts(&["a"]).into()).await.unwrap()[0].offset;
    log.wait(&[(VOTES, 0), (JOBS, at)]).await.unwrap();
    let places = [(JOBS, at + 1), (VOTES, 0)];
    let (waited, appended) = futures::join!(log.wait(&places), log.append(VOTES, texts(&["b"]).into()));
    waited.unwrap();
    appended.unwrap();
    assert_eq!(bytes_of(log.as_ref(), VOTES).await, texts(&["b"]));
}

async fn wait_may_be_dropped(backend: &mut impl Backend) {
    let log = backend.open().await;
    let places = [(JOBS, 0)];
    let mut waiting = log.wait(&places);
    assert!(futures::poll!(&mut waiting).is_pending(), "nothing is there yet");
    drop(waiting);
    log.append(JOBS, texts(&["a"]).into()).await.unwrap();
    log.wait(&[(JOBS, 0)]).await.unwrap();
}

async fn reads_keep_their_limits(backend: &mut impl Backend) {
    let log = backend.open().await;
    let records: Vec<_> = (0..50u8).map(|fill| Bytes::from(vec![fill; 100])).collect();
    log.append(JOBS, records.clone().into()).await.unwrap();
    for limit in [ReadLimit { records: 7, bytes: usize::MAX }, ReadLimit { records: 1_000, bytes: 350 }, ReadLimit { records: 1, bytes: 1 }]
    {
        let read = log.read(JOBS, 0, limit).await.unwrap();
        let bytes: usize = read.records.iter().map(|record| record.bytes.len()).sum();
        assert!(read.records.len() <= limit.records && (bytes <= limit.bytes || read.records.len() == 1), "{limit:?}");
        let all = read_all(log.as_ref(), JOBS, 0, limit).await;
        assert_eq!(all.into_iter().map(|record| record.bytes).collect::<Vec<_>>(), records);
    }
}

async fn reads_outside_are_refused(backend: &mut impl Backend) {
    let log = backend.open().await;
    assert_eq!(log.read(JOBS, 0, ReadLimit::default()).await.unwrap().end, 0);
    let end = log.append(JOBS, texts(&["a"]).into()).await.unwrap()[0].offset + 1;
    let read = log.read(JOBS, end, ReadLimit::default()).await.unwrap();
    assert_eq!((read.records.len(), read.end), (0, end));
    let beyond = log.read(JOBS, end + 1, ReadLimit::default()).await;
    assert!(matches!(beyond, Err(ReadError::BeyondEnd { end: told, .. }) if told == end), "{beyond:?}");
}

async fn what_was_acknowledged_is_there_after_reopening(backend: &mut impl Backend) {
    let mut before = Vec::new();
    for life in 0..4 {
        let log = backend.open().await;
        let there = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await;
        assert_eq!(there, before, "life {life}");
        for step in 0..life {
            log.append(JOBS, texts(&[&format!("{life} {step}")]).into()).await.unwrap();
            log.append(VOTES, texts(&["between"]).into()).await.unwrap();
        }
        before = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await;
        assert_eq!(before.len(), (0..=life).sum::<usize>());
    }
}

async fn times_never_go_back(backend: &mut impl Backend) {
    let mut latest = i64::MIN;
    for _ in 0..2 {
        let log = backend.open().await;
        for _ in 0..10 {
            let now = log.time().await.unwrap();
            let appended = log.append(JOBS, texts(&["a", "b"]).into()).await.unwrap();
            for time in [now].into_iter().chain(appended.iter().map(|appended| appended.time)) {
                assert!(time >= latest, "{time} after {latest}");
                latest = time;
            }
        }
        let times: Vec<_> = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await.iter().map(|record| record.time).collect();
        assert!(times.is_sorted());
    }
}

async fn deletion_from_the_front_is_told_and_keeps_the_rest(backend: &mut impl Backend) {
    let log = backend.open().await;
    let told = log.append(JOBS, texts(&["a", "b", "c"]).into()).await.unwrap();
    log.append(VOTES, texts(&["elsewhere"]).into()).await.unwrap();
    let all = read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await;
    let beyond = log.delete_below(JOBS, told[2].offset + 2).await;
    assert!(matches!(beyond, Err(DeleteError::BeyondEnd { .. } | DeleteError::Unsupported { .. })), "{beyond:?}");
    let nowhere = log.delete_below(NOWHERE, 0).await;
    assert!(matches!(nowhere, Err(DeleteError::NoSuchPlace { .. } | DeleteError::Unsupported { .. })), "{nowhere:?}");
    assert_eq!(read_all(log.as_ref(), JOBS, 0, ReadLimit::default()).await, all, "what was refused deleted nothing");
    let below = told[2].offset;
    let first = match log.delete_below(JOBS, below).await {
        Err(DeleteError::Unsupported { .. }) => 0,
        deleted => deleted.unwrap(),
    };
    assert!(first <= below);
    drop(log);
    let log = backend.open().await;
    for from in 0..first {
        log.wait(&[(JOBS, from)]).await.unwrap();
        let refused = log.read(JOBS, from, ReadLimit::default()).await;
        assert!(matches!(refused, Err(ReadError::Truncated { first: told, .. }) if told == first), "{from}: {refused:?}");
    }
    let kept: Vec<_> = all.into_iter().filter(|record| record.offset >= first).collect();
    assert_eq!(read_all(log.as_ref(), JOBS, first, ReadLimit::default()).await, kept);
    assert_eq!(bytes_of(log.as_ref(), VOTES).await, texts(&["elsewhere"]));
    if first > 0 {
        assert_eq!(log.delete_below(JOBS, below).await.unwrap(), first, "deleting again is harmless");
    }
    assert!(log.append(JOBS, texts(&["d"]).into()).await.unwrap()[0].offset > below);
}

async fn a_member_is_given_partitions_with_generations(backend: &mut impl Backend) {
    let log = backend.open().await;
    let mut assignments = log.assignments("here");
    backend.give_all("here").await;
    let mut given = BTreeSet::new();
    while given.len() < log.partitions() as usize {
        let assignment = assignments.next().await.unwrap();
        assert_eq!(assignment.change, Change::Given);
        assert!(assignment.generation > 0);
        assert!(given.insert(assignment.partition), "a partition is given once");
    }
    assert_eq!(given, (0..log.partitions()).collect());
    assert_eq!(assignments.change(), None);
}
