//! An unclean election for real: a broker that lacks the last records leads, because somebody allowed it on the topic, and takes
//! acknowledged records back. Nobody who saw them goes on, whether it looks before or after other records lie in their place.

use crate::brokers::{Behind, PARTITIONS, change, open, options};
use crate::topics::JOBS;
use bytes::Bytes;
use cairn_log::kafka::topics::Finding;
use cairn_log::kafka::{KafkaLog, KafkaOptions, topics};
use cairn_log::suite::read_all;
use cairn_log::{EventLog, Place, ReadError, ReadLimit};
use std::sync::Arc;

const PLACE: Place = Place::new(JOBS, 0);

fn texts(count: usize, text: &str) -> Vec<Bytes> {
    (0..count).map(|i| Bytes::from(format!("{text} {i}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs three brokers: tests/run.sh kafka"]
async fn an_unclean_election_is_noticed_by_all_who_saw_more() {
    let options = options();
    // Two copies: of three brokers in one quorum, one may then be away, while another alone takes records.
    topics::create(&options, PARTITIONS, 2).await.unwrap();
    let (awake, asleep) = (Arc::new(open(&options).await), open(&options).await);
    allow(&options).await;
    awake.append(PLACE, texts(10, "common").into()).await.unwrap();
    let topic = options.topic(JOBS);
    let before = tokio::task::spawn_blocking(move || Behind::of(&topic)).await.unwrap();
    awake.append(PLACE, texts(10, "doomed").into()).await.unwrap();
    for log in [awake.as_ref(), &asleep] {
        assert_eq!(read_all(log, PLACE, 0, ReadLimit::default()).await.len(), 20);
    }
    let waiting = tokio::spawn({
        let awake = awake.clone();
        async move { awake.wait(&[(PLACE, 20)]).await }
    });
    let topic = options.topic(JOBS);
    let brokers = tokio::task::spawn_blocking(move || before.elect_the_stale(&topic)).await.unwrap();
    // Who waits at the old end hears of it, and so does who asks.
    let cut = waiting.await.unwrap().unwrap_err();
    assert!(matches!(cut, ReadError::BeyondEnd { from: 20, end: 10, .. }), "{cut:?}");
    let cut = awake.read(PLACE, 20, ReadLimit::default()).await.unwrap_err();
    assert_eq!(cut.code(), "CRN-5112", "{cut:?}");
    // The other comes late: more lies there by now than it has seen, so offsets alone tell it nothing.
    change(&options.topic(JOBS), &[("min.insync.replicas", "1")]).await;
    let third = open(&options).await;
    third.append(PLACE, texts(30, "other").into()).await.unwrap();
    assert_eq!(read_all(&third, PLACE, 0, ReadLimit::default()).await.len(), 40);
    let cut = asleep.read(PLACE, 20, ReadLimit::default()).await.map(|read| read.records);
    assert!(matches!(cut, Err(ReadError::BeyondEnd { from: 20, end: 19, .. })), "{cut:?}");
    tokio::task::spawn_blocking(move || drop(brokers)).await.unwrap();
}

/// Lets a broker lead that is not in sync. The audit finds it, and nobody opens the log any more.
async fn allow(options: &KafkaOptions) {
    change(&options.topic(JOBS), &[("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")]).await;
    let audit = loop {
        let audit = topics::check(options, None).await.unwrap();
        if audit.forbidding().is_some() {
            break audit;
        }
        tokio::task::yield_now().await;
    };
    let unclean = |finding: &Finding| matches!(finding, Finding::Setting { key: "unclean.leader.election.enable", .. });
    assert!(audit.findings.iter().any(unclean), "{:?}", audit.findings);
    assert_eq!(KafkaLog::open(options.clone()).await.unwrap_err().code(), "CRN-5146");
}
