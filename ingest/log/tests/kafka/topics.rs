//! The audit: what is made passes it, what is wrong is found, and a log does not open over it.

use crate::brokers::{OneBroker, PARTITIONS, admin, change, copies, fresh, open, options};
use cairn_log::kafka::topics::{self, Finding};
use cairn_log::kafka::{KafkaError, KafkaLog, KafkaOptions};
use cairn_log::{AppendError, EventLog, Place, ReadLimit};
use cairn_schemas::{Stream, Topic};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};

pub const JOBS: Stream = Stream::Topic(Topic::Jobs);

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn made_topics_pass_and_are_made_once() {
    let options = fresh().await;
    let again = topics::create(&options, PARTITIONS, copies()).await.unwrap();
    assert_eq!((again.partitions, again.forbidding()), (PARTITIONS, None));
    let few = again.findings.iter().filter(|finding| matches!(finding, Finding::Copies { .. })).count();
    assert_eq!(few, if copies() < 3 { 7 } else { 0 }, "{:?}", again.findings);
    let wrong = topics::create(&options, PARTITIONS + 1, copies()).await.unwrap();
    assert_eq!(wrong.findings.iter().filter(|finding| finding.code() == "CRN-5145").count(), 7);
    assert_eq!(open(&options).await.partitions(), PARTITIONS);
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn brokers_that_miss_the_dead_late_are_told_of() {
    let broker = tokio::task::spawn_blocking(|| OneBroker::with("group.consumer.session.timeout.ms=45000\n")).await.unwrap();
    let options = KafkaOptions::from_url(&format!("kafka://{}/late", broker.bootstrap)).unwrap();
    let audit = topics::create(&options, PARTITIONS, 1).await.unwrap();
    let late = Finding::Session { topic: "late.journal".into(), found_ms: 45_000 };
    assert!(audit.findings.contains(&late) && audit.forbidding().is_none(), "{:?}", audit.findings);
    assert_eq!(open(&options).await.partitions(), PARTITIONS, "that is for an operator to weigh");
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn what_is_wrong_is_found_and_forbids_opening() {
    let options = options();
    let missing = topics::check(&options, None).await.unwrap();
    assert_eq!(missing.findings.iter().filter(|finding| finding.code() == "CRN-5144").count(), 7);
    assert_eq!(missing.partitions, 0);
    assert_eq!(KafkaLog::open(options.clone()).await.unwrap_err().code(), "CRN-5144");

    let name = options.topic(JOBS);
    let jobs = NewTopic::new(&name, 3, TopicReplication::Fixed(1));
    let jobs =
        [("cleanup.policy", "compact"), ("message.timestamp.type", "CreateTime"), ("retention.ms", "1000"), ("max.message.bytes", "2000")]
            .into_iter()
            .fold(jobs, |jobs, (key, value)| jobs.set(key, value));
    admin().create_topics([&jobs], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
    let audit = topics::create(&options, PARTITIONS, 1).await.unwrap();
    let of_jobs: Vec<&Finding> = audit.findings.iter().filter(|finding| finding.to_string().contains(&name)).collect();
    let settings: Vec<&str> =
        of_jobs.iter().filter_map(|finding| if let Finding::Setting { key, .. } = finding { Some(*key) } else { None }).collect();
    for key in ["cleanup.policy", "message.timestamp.type", "retention.ms", "max.message.bytes", "compression.type"] {
        assert!(settings.contains(&key), "{key}: {of_jobs:?}");
    }
    assert!(of_jobs.contains(&&Finding::Partitions { topic: name, found: 3, wanted: PARTITIONS }), "{of_jobs:?}");
    let refused = KafkaLog::open(options).await.unwrap_err();
    assert!(matches!(refused, KafkaError::Topic(Finding::Partitions { .. } | Finding::Setting { .. })), "{refused}");
    assert!(!refused.next().is_empty());
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_record_that_its_topic_does_not_take_is_refused_and_leaves_nothing() {
    let options = fresh().await;
    let log = open(&options).await;
    change(&options.topic(JOBS), &[("max.message.bytes", "2000")]).await;
    let place = Place::new(JOBS, 0);
    // Noise: what compresses well would fit.
    let large: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    // The broker hears of the change after it was answered.
    let refused = loop {
        match log.append(place, vec![large.clone().into()].into()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::TooLarge { .. }), "{refused:?}");
    let before = log.read(place, 0, ReadLimit::default()).await.unwrap().end;
    let small = log.append(place, vec!["small".into()].into()).await.unwrap();
    assert_eq!(small[0].offset, before, "the log goes on, and nothing lies between");
}

#[tokio::test]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_topic_that_takes_authors_times_halts_the_log() {
    let options = fresh().await;
    let log = open(&options).await;
    change(&options.topic(JOBS), &[("message.timestamp.type", "CreateTime")]).await;
    let halt = loop {
        match log.append(Place::new(JOBS, 0), vec!["whenever".into()].into()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(halt.code(), "CRN-5154", "{halt:?}");
    assert_eq!(log.read(Place::journal(0), 0, ReadLimit::default()).await.unwrap_err().code(), "CRN-5154", "time is broken for all of it");
}
