//! The group: partitions go to members, move with them, and are never told twice at once.

use crate::brokers::{OneBroker, PARTITIONS, fresh, open};
use cairn_log::kafka::{KafkaOptions, topics};
use cairn_log::{Assignments, Change, EventLog, Place};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a member holds, as it was told; each generation above the last that anybody was told.
#[derive(Default)]
struct Told {
    held: BTreeMap<u32, u64>,
}

impl Told {
    /// Follows the changes until `count` partitions are held.
    async fn until(&mut self, assignments: &mut Assignments, count: usize, latest: &mut BTreeMap<u32, u64>) {
        while self.held.len() != count {
            let told = tokio::time::timeout(Duration::from_secs(60), assignments.next()).await.expect("the group settles").unwrap();
            match told.change {
                Change::Given => {
                    assert!(self.held.insert(told.partition, told.generation).is_none(), "given twice: {told:?}");
                    let before = latest.insert(told.partition, told.generation).unwrap_or(0);
                    assert!(told.generation > before, "{told:?} after {before}");
                }
                Change::Revoked => assert_eq!(self.held.remove(&told.partition), Some(told.generation), "{told:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn partitions_move_with_the_members() {
    partitions_move(fresh().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn brokers_without_the_new_protocol_are_joined_by_the_classic_one() {
    let broker = tokio::task::spawn_blocking(|| OneBroker::with("group.coordinator.rebalance.protocols=classic\n")).await.unwrap();
    let options = KafkaOptions::from_url(&format!("kafka://{}/classic", broker.bootstrap)).unwrap();
    assert_eq!(topics::create(&options, PARTITIONS, 1).await.unwrap().forbidding(), None);
    partitions_move(options).await;
}

async fn partitions_move(options: KafkaOptions) {
    let (one, two) = (open(&options).await, open(&options).await);
    let mut latest = BTreeMap::new();
    let (mut first, mut second) = (Told::default(), Told::default());
    let mut ours = one.assignments("one");
    first.until(&mut ours, PARTITIONS as usize, &mut latest).await;
    let mut theirs = two.assignments("two");
    first.until(&mut ours, 1, &mut latest).await;
    second.until(&mut theirs, 1, &mut latest).await;
    assert_ne!(first.held.keys().collect::<Vec<_>>(), second.held.keys().collect::<Vec<_>>(), "each has another");
    // A member that nobody looks at any more leaves, although its log lives on.
    drop(ours);
    second.until(&mut theirs, PARTITIONS as usize, &mut latest).await;
    one.append(Place::journal(0), vec!["it lives".into()].into()).await.unwrap();
    // And comes back when somebody does.
    let mut ours = one.assignments("one");
    second.until(&mut theirs, 1, &mut latest).await;
    Told::default().until(&mut ours, 1, &mut latest).await;
    drop(tokio::task::spawn_blocking(move || drop(one)).await);
    second.until(&mut theirs, PARTITIONS as usize, &mut latest).await;
}
