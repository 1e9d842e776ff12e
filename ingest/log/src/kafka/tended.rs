//! A Kafka client that is looked after: somebody must listen to it, or it cannot log, report errors, or renew its token.
//!
//! Owns one thread for each client. Refuses records: those are taken from the queues of their partitions.

use super::error::KafkaError;
use super::watch::Watch;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long the thread listens before it looks whether it is wanted.
const LISTEN: Duration = Duration::from_millis(200);

pub(super) struct Tended {
    consumer: Arc<BaseConsumer<Watch>>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tended {
    pub fn open(config: &ClientConfig, watch: Watch, name: &str) -> Result<Self, KafkaError> {
        let consumer = BaseConsumer::from_config_and_context(config, watch).map_err(|error| KafkaError::of_client(&error))?;
        let (consumer, stop) = (Arc::new(consumer), Arc::new(AtomicBool::new(false)));
        let (listened, stopped) = (consumer.clone(), stop.clone());
        let thread = thread::Builder::new().name(format!("kafka-{name}")).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                // An error is told to the context as well; a rebalance cannot happen without a subscription.
                drop(listened.poll(LISTEN));
            }
        });
        let thread = thread.map_err(|error| KafkaError::Client { reason: error.to_string() })?;
        Ok(Tended { consumer, stop, thread: Some(thread) })
    }

    pub fn consumer(&self) -> &Arc<BaseConsumer<Watch>> {
        &self.consumer
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A thread that panicked has nothing left to wait for.
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

impl fmt::Debug for Tended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tended")
    }
}
