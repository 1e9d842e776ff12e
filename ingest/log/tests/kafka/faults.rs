//! Brokers that die, pause and come back under load. What was acknowledged stays; what is unknown is sent again; nobody stops.

use crate::brokers::{Brokers, PARTITIONS, fresh, leader_of, open, options};
use crate::topics::JOBS;
use bytes::Bytes;
use cairn_log::kafka::{KafkaLog, KafkaOptions, topics};
use cairn_log::suite::read_all;
use cairn_log::{AppendError, Appended, EventLog, Place, ReadError, ReadLimit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PLACES: [Place; 2] = [Place::new(JOBS, 0), Place::new(JOBS, 1)];

/// Whoever appends to one place, one batch after the other, and sends again what is unknown.
struct Author {
    place: Place,
    acknowledged: Vec<(Appended, Bytes)>,
    resent: u32,
    longest: Duration,
}

/// Appends until told to stop, and once more after that.
async fn append_until(log: Arc<KafkaLog>, place: Place, stop: Arc<AtomicBool>) -> Author {
    let mut author = Author { place, acknowledged: Vec::new(), resent: 0, longest: Duration::ZERO };
    for batch in 0.. {
        let last = stop.load(Ordering::Acquire);
        let texts: Vec<Bytes> = (0..3).map(|i| Bytes::from(format!("{place} {batch} {i}"))).collect();
        let began = Instant::now();
        let appended = loop {
            match log.append(place, texts.clone().into()).await {
                Ok(appended) => break appended,
                Err(AppendError::Unknown { .. }) => author.resent += 1,
                Err(error) => panic!("{place}: {error}"),
            }
        };
        author.longest = author.longest.max(began.elapsed());
        author.acknowledged.extend(appended.into_iter().zip(texts));
        if last {
            return author;
        }
    }
    unreachable!("batches do not run out");
}

/// Under load from two authors, does something to the brokers; then every acknowledged record must lie where it was said to.
async fn under_load(options: &KafkaOptions, act: impl FnOnce(&Brokers) + Send + 'static) {
    let log = Arc::new(open(options).await);
    let stop = Arc::new(AtomicBool::new(false));
    let authors = PLACES.map(|place| tokio::spawn(append_until(log.clone(), place, stop.clone())));
    // Both places have records before anything happens.
    for place in PLACES {
        log.wait(&[(place, 30)]).await.unwrap();
    }
    let acted = tokio::task::spawn_blocking(move || {
        let brokers = Brokers::here();
        act(&brokers);
        brokers
    });
    let brokers = acted.await.unwrap();
    stop.store(true, Ordering::Release);
    for author in authors {
        let author = author.await.unwrap();
        check(&log, &author).await;
    }
    tokio::task::spawn_blocking(move || drop(brokers)).await.unwrap();
    // Who comes anew sees the same.
    let other = open(options).await;
    for place in PLACES {
        assert_eq!(read_all(&other, place, 0, ReadLimit::default()).await, read_all(log.as_ref(), place, 0, ReadLimit::default()).await);
    }
}

async fn check(log: &KafkaLog, author: &Author) {
    let all = read_all(log, author.place, 0, ReadLimit::default()).await;
    let found: BTreeMap<u64, &Bytes> = all.iter().map(|record| (record.offset, &record.bytes)).collect();
    for (appended, bytes) in &author.acknowledged {
        assert_eq!(found.get(&appended.offset), Some(&bytes), "{} at {}: an acknowledged record is lost", author.place, appended.offset);
    }
    assert!(author.acknowledged.is_sorted_by(|(before, _), (after, _)| before.offset < after.offset), "{}: out of order", author.place);
    let extra = all.len() - author.acknowledged.len();
    assert!(extra <= 3 * author.resent as usize, "{}: {extra} records more than acknowledged, {} resent", author.place, author.resent);
    println!(
        "{}: {} acknowledged, {} batches sent again, {extra} copies, the longest append took {:.1} s",
        author.place,
        author.acknowledged.len(),
        author.resent,
        author.longest.as_secs_f64()
    );
}

/// Waits, in a test's thread beside the load, until the brokers have had time to notice.
fn pass(time: Duration) {
    std::thread::sleep(time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_broker_dies_and_comes_back() {
    let options = fresh().await;
    under_load(&options, |brokers| {
        for number in 1..=brokers.count() {
            // The last one goes in order.
            if number < 3 {
                brokers.signal(number, "KILL")
            } else {
                brokers.down(number)
            }
            pass(Duration::from_secs(2));
            brokers.up();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn all_brokers_die_at_once() {
    let options = fresh().await;
    under_load(&options, |brokers| {
        (1..=brokers.count()).for_each(|number| brokers.signal(number, "KILL"));
        brokers.up();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_broker_pauses_past_every_time_out() {
    let options = KafkaOptions { append_timeout: Duration::from_secs(3), ..fresh().await };
    under_load(&options, |brokers| {
        brokers.signal(1, "STOP");
        // Past the append's time-out, the broker's own session and the election of another leader.
        pass(Duration::from_secs(15));
        brokers.signal(1, "CONT");
        pass(Duration::from_secs(2));
    })
    .await;
}

/// An unclean election or a lost disk takes acknowledged records back. Here a broker loses the second half of its only copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_log_that_was_cut_says_so() {
    let options = options();
    topics::create(&options, PARTITIONS, 1).await.unwrap();
    let log = open(&options).await;
    for step in 0..10 {
        log.append(PLACES[0], vec![format!("record {step}").into()].into()).await.unwrap();
    }
    assert_eq!(read_all(&log, PLACES[0], 0, ReadLimit::default()).await.len(), 10);
    let topic = options.topic(JOBS);
    let acted = tokio::task::spawn_blocking(move || {
        let brokers = Brokers::here();
        let leader = leader_of(&topic);
        brokers.signal(leader, "KILL");
        let segment = brokers.data(leader).join(format!("{topic}-0")).join("00000000000000000000.log");
        let file = std::fs::File::options().write(true).open(segment).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        brokers.up();
        brokers
    });
    let brokers = acted.await.unwrap();
    let cut = log.read(PLACES[0], 10, ReadLimit::default()).await.unwrap_err();
    tokio::task::spawn_blocking(move || drop(brokers)).await.unwrap();
    assert!(matches!(cut, ReadError::BeyondEnd { from: 10, end: 1..10, .. }), "{cut:?}");
    assert_eq!(cut.code(), "CRN-5112");
}
