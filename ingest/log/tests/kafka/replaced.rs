//! Records that went: deleted in front, or with their topic. Nothing is skipped in silence.

use crate::brokers::{PARTITIONS, admin, copies, fresh, open};
use crate::topics::JOBS;
use bytes::Bytes;
use cairn_log::kafka::{KafkaOptions, topics};
use cairn_log::{EventLog, Place, ReadError, ReadLimit};
use rdkafka::admin::AdminOptions;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const PLACE: Place = Place::new(JOBS, 0);

fn texts(count: usize, text: &str) -> Vec<Bytes> {
    (0..count).map(|i| Bytes::from(format!("{text} {i}"))).collect()
}

/// Deletes records of the place by another client, as another process would.
async fn delete_below(options: &KafkaOptions, below: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&options.topic(JOBS), 0, Offset::Offset(below)).unwrap();
    admin().delete_records(&list, &AdminOptions::new()).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn records_that_retention_ate_are_missed() {
    let options = fresh().await;
    let log = open(&options).await;
    log.append(PLACE, texts(10, "record").into()).await.unwrap();
    delete_below(&options, 6).await;
    let missed = log.read(PLACE, 3, ReadLimit::default()).await.unwrap_err();
    assert!(matches!(missed, ReadError::Truncated { from: 3, first: 6, .. }), "{missed:?}");
    assert_eq!(missed.code(), "CRN-5111");
    let rest = log.read(PLACE, 6, ReadLimit::default()).await.unwrap();
    assert_eq!((rest.records[0].offset, rest.records.len(), rest.end), (6, 4, 10));
}

/// A fetch of what was deleted stops librdkafka's partition. Whoever asked may be gone before it hears of that, and what its cursor
/// handed out last may be deleted, too: the next reader goes on all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_reader_goes_on_where_another_gave_up_before_a_deleted_record() {
    let options = fresh().await;
    let log = open(&options).await;
    let one = ReadLimit { records: 1, ..ReadLimit::default() };
    log.append(PLACE, texts(40, "record").into()).await.unwrap();
    // As many cursors as there may be, each with a record that it handed out last.
    for from in [9, 6, 3, 1] {
        assert_eq!(log.read(PLACE, from, one).await.unwrap().records[0].offset, from);
    }
    delete_below(&options, 20).await;
    for patience in (0..120).step_by(4).map(Duration::from_millis) {
        match timeout(patience, log.read(PLACE, 0, one)).await {
            Ok(read) => assert!(matches!(read, Err(ReadError::Truncated { from: 0, first: 20, .. })), "{read:?}"),
            Err(_gave_up) => {}
        }
        let began = Instant::now();
        let read = log.read(PLACE, 25, one).await;
        assert_eq!(read.as_ref().map(|read| read.records[0].offset).ok(), Some(25), "{read:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "after {patience:?}, a read took {:?}", began.elapsed());
    }
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_topic_that_was_made_anew_halts_the_log() {
    let options = fresh().await;
    let log = open(&options).await;
    log.append(PLACE, texts(5, "old").into()).await.unwrap();
    let read = log.read(PLACE, 0, ReadLimit::default()).await.unwrap();
    let (mut next, admin) = (read.next(0), admin());
    admin.delete_topics(&[&options.topic(JOBS)], &AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)))).await.unwrap();
    let audit = topics::create(&options, PARTITIONS, copies()).await.unwrap();
    assert_eq!(audit.forbidding(), None);
    // The new topic is longer than the old: by offsets alone it would go on.
    open(&options).await.append(PLACE, texts(20, "new").into()).await.unwrap();
    let halt = loop {
        match log.read(PLACE, next, ReadLimit::default()).await {
            Ok(read) => {
                assert!(read.records.is_empty(), "a record of another topic was read as one of this: {:?}", read.records);
                next = read.next(next);
                tokio::task::yield_now().await;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(halt.code(), "CRN-5150", "{halt}");
    assert_eq!(log.halted().await.code(), "CRN-5150");
    assert_eq!(log.append(PLACE, texts(1, "more").into()).await.unwrap_err().code(), "CRN-5150");
    assert_eq!(log.wait(&[(Place::journal(0), 0)]).await.unwrap_err().code(), "CRN-5150");
}
