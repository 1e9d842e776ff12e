//! What others may do on our topics: write in transactions, compress as they like, write without a value.

use crate::brokers::{bootstrap, fresh, open};
use crate::topics::JOBS;
use cairn_log::{EventLog, Place, ReadLimit};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;

const PLACE: Place = Place::new(JOBS, 0);
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn marks_of_a_strangers_transaction_are_passed_over() {
    let options = fresh().await;
    let log = open(&options).await;
    let topic = options.topic(JOBS);
    let stranger: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap()).set("transactional.id", &topic).create().unwrap();
    let written = tokio::task::spawn_blocking(move || {
        stranger.init_transactions(SOON).unwrap();
        for text in ["committed", "taken back"] {
            stranger.begin_transaction().unwrap();
            stranger.send(BaseRecord::<(), str>::to(&topic).partition(0).payload(text)).map_err(|(error, _)| error).unwrap();
            stranger.flush(SOON).unwrap();
            if text == "committed" { stranger.commit_transaction(SOON).unwrap() } else { stranger.abort_transaction(SOON).unwrap() }
        }
    });
    written.await.unwrap();
    // A record, a mark, a record, a mark: both records are events like any other, and the marks are none.
    let mut found = Vec::new();
    let mut next = 0;
    loop {
        let read = log.read(PLACE, next, ReadLimit::default()).await.unwrap();
        found.extend(read.records.iter().map(|record| (record.offset, record.bytes.clone())));
        if read.records.is_empty() && read.end <= next {
            break;
        }
        next = read.next(next);
    }
    assert_eq!(found, [(0, "committed".into()), (2, "taken back".into())]);
    assert_eq!(next, 4);
    let at = log.append(PLACE, vec!["ours".into()].into()).await.unwrap()[0].offset;
    assert_eq!((at, log.read(PLACE, next, ReadLimit::default()).await.unwrap().records[0].offset), (4, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_record_without_a_value_has_no_bytes() {
    let options = fresh().await;
    let log = open(&options).await;
    let topic = options.topic(JOBS);
    let stranger: BaseProducer = ClientConfig::new().set("bootstrap.servers", bootstrap()).create().unwrap();
    let sent = tokio::task::spawn_blocking(move || {
        stranger.send(BaseRecord::<str, str>::to(&topic).partition(0).key("a key")).map_err(|(error, _)| error).unwrap();
        stranger.flush(SOON).unwrap();
    });
    sent.await.unwrap();
    log.wait(&[(PLACE, 0)]).await.unwrap();
    let read = log.read(PLACE, 0, ReadLimit::default()).await.unwrap();
    assert!(read.records.len() == 1 && read.records[0].bytes.is_empty());
}
