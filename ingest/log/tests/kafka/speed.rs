//! What this machine does: printed, and every record counted.

use crate::brokers::{fresh, open};
use crate::topics::JOBS;
use bytes::Bytes;
use cairn_log::{EventLog, Place, ReadLimit};
use cairn_schemas::Stream;
use futures::future::try_join_all;
use std::time::{Duration, Instant};

const PLACES: [Place; 2] = [Place::new(JOBS, 0), Place::new(JOBS, 1)];
const APPENDERS: usize = 8;
const BATCHES: usize = 25;
const BATCH: usize = 500;
/// Callers who append little, and how often.
const CALLERS: usize = 32;
const CALLS: usize = 100;

/// Processor time that this process used, all threads, seconds (proc(5): fields 14 and 15, hundredths).
fn used() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn waiting_costs_little() {
    let log = open(&fresh().await).await;
    let places: Vec<_> = Stream::ALL.iter().flat_map(|stream| [(Place::new(*stream, 0), 0), (Place::new(*stream, 1), 0)]).collect();
    assert!(tokio::time::timeout(Duration::from_secs(2), log.wait(&places)).await.is_err(), "nothing is there");
    let (before, time) = (used(), Duration::from_secs(5));
    assert!(tokio::time::timeout(time, log.wait(&places)).await.is_err(), "nothing is there");
    let share = (used() - before) / time.as_secs_f64();
    println!("waiting for {} places takes {:.1} % of a core", places.len(), share * 1e2);
    assert!(share < 0.2, "{share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn records_in_a_second() {
    let log = open(&fresh().await).await;
    let record = Bytes::from(vec![7; 300]);
    let began = Instant::now();
    let appenders = (0..APPENDERS).map(|appender| {
        let (log, record) = (&log, &record);
        async move {
            for _ in 0..BATCHES {
                log.append(PLACES[appender % 2], vec![record.clone(); BATCH].into()).await?;
            }
            Ok::<_, cairn_log::AppendError>(())
        }
    });
    try_join_all(appenders).await.unwrap();
    let total = APPENDERS * BATCHES * BATCH;
    let rate = |began: Instant| total as f64 / began.elapsed().as_secs_f64();
    println!("{:.0} records/s of 300 B appended by {APPENDERS} in batches of {BATCH}", rate(began));

    let began = Instant::now();
    let mut read = 0;
    for place in PLACES {
        let mut from = 0;
        loop {
            let some = log.read(place, from, ReadLimit { records: 10_000, bytes: 8 << 20 }).await.unwrap();
            if some.records.is_empty() {
                break;
            }
            (read, from) = (read + some.records.len(), some.next(from));
        }
    }
    println!("{:.0} records/s read by one reader", rate(began));
    assert_eq!(read, total);

    let mut alone: Vec<Duration> = Vec::new();
    let mut back: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        let at = log.append(PLACES[0], vec![record.clone()].into()).await.unwrap()[0].offset;
        alone.push(began.elapsed());
        let began = Instant::now();
        assert_eq!(log.read(PLACES[0], at, ReadLimit::default()).await.unwrap().records.len(), 1);
        back.push(began.elapsed());
    }
    for (what, mut times) in [("one append alone", alone), ("reading it back", back)] {
        times.sort();
        println!("{what}: {:.1} ms p50, {:.1} ms p99", times[100].as_secs_f64() * 1e3, times[198].as_secs_f64() * 1e3);
    }
}

/// As a gateway does: many callers at one place, each with a little.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn small_appends_of_many() {
    let log = open(&fresh().await).await;
    let record = Bytes::from(vec![7; 300]);
    for size in [1, 16] {
        let (before, began) = (used(), Instant::now());
        let callers = (0..CALLERS).map(|_| async {
            for _ in 0..CALLS {
                log.append(PLACES[0], vec![record.clone(); size].into()).await?;
            }
            Ok::<_, cairn_log::AppendError>(())
        });
        try_join_all(callers).await.unwrap();
        let (calls, elapsed) = ((CALLERS * CALLS) as f64, began.elapsed().as_secs_f64());
        println!("{:.0} appends/s of {size} by {CALLERS}, {:.0} us of a core each", calls / elapsed, (used() - before) / calls * 1e6);
    }
    let end = log.read(PLACES[0], 0, ReadLimit { records: 1, bytes: 1 }).await.unwrap().end;
    assert_eq!(end, (CALLERS * CALLS * 17) as u64);
}
