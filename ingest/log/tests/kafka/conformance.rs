//! The suite that every backend passes.

use crate::brokers::{fresh, open};
use async_trait::async_trait;
use cairn_log::EventLog;
use cairn_log::kafka::{KafkaLog, KafkaOptions};
use cairn_log::suite::{Backend, conformance};
use std::sync::Arc;

/// Topics that are made when the log is opened first.
#[derive(Default)]
struct OverKafka {
    options: Option<KafkaOptions>,
}

#[async_trait]
impl Backend for OverKafka {
    async fn open(&mut self) -> Arc<dyn EventLog> {
        if self.options.is_none() {
            self.options = Some(fresh().await);
        }
        let log: KafkaLog = open(self.options.as_ref().unwrap()).await;
        Arc::new(log)
    }

    /// The group gives to whoever joined it.
    async fn give_all(&mut self, _member: &str) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn kafka_keeps_the_contract() {
    conformance(OverKafka::default).await;
}
