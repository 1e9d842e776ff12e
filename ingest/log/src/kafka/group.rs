//! Assignments over Kafka: a consumer group on the journal alone. Who is given journal[p] is given p.
//!
//! Owns the members of this process, a thread for each, and the watchdog over it. The group's new protocol (KIP-848) is
//! tried first, the classic one where a broker lacks it. Refuses records and offsets: the group fetches nothing and
//! commits nothing; positions are the journal's.

use super::KafkaError;
use super::clock::BrokerClock;
use super::options::KafkaOptions;
use super::places::Places;
use super::watch::Watch;
use crate::{Assigner, Assignments, Place};
use cairn_schemas::Stream;
use rdkafka::client::OAuthToken;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a member listens before it looks whether it is wanted.
const LISTEN: Duration = Duration::from_millis(100);
/// How long a partition that is taken away waits for our last appends to its journal.
const DRAIN: Duration = Duration::from_secs(5);
const DRAIN_LOOK: Duration = Duration::from_millis(5);
/// Pause before a member that failed joins again.
const REJOIN: Duration = Duration::from_secs(1);
const WATCHDOG: Duration = Duration::from_millis(500);

/// The members that joined through this log.
#[derive(Debug)]
pub(super) struct Members {
    shared: Arc<Shared>,
    running: Mutex<BTreeMap<String, Running>>,
}

#[derive(Debug)]
struct Shared {
    options: KafkaOptions,
    config: ClientConfig,
    watch: Watch,
    clock: Arc<BrokerClock>,
    places: Arc<Places>,
    assigner: Assigner,
}

#[derive(Debug)]
struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// How a stay in the group ended.
enum Left {
    Asked,
    /// The broker does not speak this protocol.
    Unknown,
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Consumer,
    Classic,
}

impl Members {
    pub fn open(options: &KafkaOptions, watch: Watch, clock: Arc<BrokerClock>, places: Arc<Places>) -> Result<Self, KafkaError> {
        let (options, config) = (options.clone(), options.client()?);
        let shared = Shared { options, config, watch, clock, places, assigner: Assigner::default() };
        Ok(Members { shared: Arc::new(shared), running: Mutex::default() })
    }

    /// The view of a member, which joins the group and stays while somebody has a view of it.
    pub fn join(&self, member: &str) -> Assignments {
        let view = self.shared.assigner.join(member);
        let mut running = lock(&self.running);
        if running.get(member).is_none_or(Running::has_ended) {
            match Running::start(self.shared.clone(), member) {
                Ok(started) => drop(running.insert(member.to_owned(), started)),
                Err(error) => self.shared.watch.stop(KafkaError::Client { reason: error.to_string() }),
            }
        }
        view
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        let running = std::mem::take(&mut *lock(&self.running));
        running.values().for_each(|member| member.stop.store(true, Ordering::Release));
        // Each leaves the group before it ends, so that others need not wait for its session to run out.
        running.into_values().flat_map(|member| member.threads).for_each(|thread| drop(thread.join()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    fn start(shared: Arc<Shared>, name: &str) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let member = Arc::new(Member { shared, name: name.to_owned(), stop: stop.clone(), beat: Mutex::new(Instant::now()) });
        let guard = Arc::downgrade(&member);
        let living = thread::Builder::new().name("kafka-member".into()).spawn(move || member.live())?;
        let watching = thread::Builder::new().name("kafka-watchdog".into()).spawn(move || {
            let mut stuck = false;
            while let Some(member) = guard.upgrade() {
                stuck = member.watch_over(stuck);
                drop(member);
                thread::sleep(WATCHDOG);
            }
        })?;
        Ok(Running { stop, threads: vec![living, watching] })
    }

    fn has_ended(&self) -> bool {
        self.threads.iter().any(thread::JoinHandle::is_finished)
    }
}

/// One member's thread.
#[derive(Debug)]
struct Member {
    shared: Arc<Shared>,
    name: String,
    stop: Arc<AtomicBool>,
    /// When the thread last came around.
    beat: Mutex<Instant>,
}

impl Member {
    fn live(self: Arc<Self>) {
        let mut protocol = Protocol::Consumer;
        loop {
            let left = self.stay(protocol).unwrap_or_else(|error| Left::Failed(error.to_string()));
            // Whatever the group thinks, nobody leads for a member that is not there.
            self.lose_all();
            match left {
                Left::Asked => return,
                Left::Unknown => {
                    tracing::info!("the brokers lack the group protocol of KIP-848: going on with the classic one");
                    protocol = Protocol::Classic;
                }
                Left::Failed(reason) => {
                    tracing::warn!(member = self.name, reason, "the member fell out of its group and joins again");
                    thread::sleep(REJOIN);
                }
            }
        }
    }

    fn is_wanted(&self) -> bool {
        !self.stop.load(Ordering::Acquire) && self.shared.assigner.is_viewed(&self.name) && self.shared.watch.check().is_ok()
    }

    /// Joins and serves the group until there is a reason to leave. Dropping the consumer leaves the group in order.
    fn stay(self: &Arc<Self>, protocol: Protocol) -> Result<Left, ClientError> {
        let consumer = BaseConsumer::from_config_and_context(&self.config(protocol), Membership(self.clone()))?;
        consumer.subscribe(&[&self.shared.options.topic(Stream::Journal)])?;
        while self.is_wanted() {
            *lock(&self.beat) = Instant::now();
            // Nothing may also mean that a rebalance was served.
            let Some(Err(error)) = consumer.poll(LISTEN) else { continue };
            use RDKafkaErrorCode::{UnsupportedFeature, UnsupportedVersion};
            match consumer.client().fatal_error() {
                Some((UnsupportedFeature | UnsupportedVersion, _)) if protocol == Protocol::Consumer => return Ok(Left::Unknown),
                Some((_, reason)) => return Ok(Left::Failed(reason)),
                None => tracing::debug!(member = self.name, "{error}"),
            }
        }
        Ok(Left::Asked)
    }

    fn config(&self, protocol: Protocol) -> ClientConfig {
        let mut config = self.shared.config.clone();
        config
            .set("client.id", &self.name)
            .set("group.id", self.shared.options.group())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("max.poll.interval.ms", self.shared.options.poll_interval.as_millis().to_string());
        match protocol {
            Protocol::Consumer => config.set("group.protocol", "consumer"),
            Protocol::Classic => config
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", "10000")
                .set("heartbeat.interval.ms", "2000"),
        };
        config
    }

    fn give(&self, partitions: &[u32]) {
        // Members elsewhere count from the same clock, so that generations ascend from one process to the next, too.
        let floor = u64::try_from(self.shared.clock.now_ms()).unwrap_or(0);
        for partition in partitions {
            self.shared.assigner.give_from(*partition, &self.name, floor);
        }
    }

    /// Tells that partitions are gone, and waits a little for what was appended to their journals: whoever is given them next
    /// finds our last blocks before its claim.
    fn lose(&self, partitions: &[u32]) {
        partitions.iter().for_each(|partition| self.shared.assigner.take(*partition, &self.name));
        let began = Instant::now();
        let is_appending = || partitions.iter().any(|partition| self.shared.places.is_appending(Place::journal(*partition)));
        while is_appending() && began.elapsed() < DRAIN {
            thread::sleep(DRAIN_LOOK);
        }
    }

    fn lose_all(&self) {
        (0..self.shared.places.partitions()).for_each(|partition| self.shared.assigner.take(partition, &self.name));
    }

    /// A member that does not come around (its thread hangs in the client) leads no more: the group gives its partitions away, too.
    fn watch_over(&self, was_stuck: bool) -> bool {
        let is_stuck = lock(&self.beat).elapsed() > self.shared.options.poll_interval;
        if is_stuck {
            self.lose_all();
        }
        if is_stuck && !was_stuck {
            tracing::error!(member = self.name, "ALARM: the member of the group hangs; its partitions are led no more");
        }
        is_stuck
    }
}

/// What the group tells one member.
#[derive(Clone, Debug)]
struct Membership(Arc<Member>);

impl ClientContext for Membership {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.shared.watch.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.0.shared.watch.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.shared.watch.generate_oauth_token(config)
    }
}

impl ConsumerContext for Membership {
    /// Both protocols are cooperative: only what changes is told. The consumer is paused wherever it is sent, and fetches nothing.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, change: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<u32> = list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
        let served = if change == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let assigned = list.set_all_offsets(Offset::End).and_then(|()| consumer.incremental_assign(list));
            assigned.and_then(|()| consumer.pause(list)).map(|()| self.0.give(&partitions))
        } else {
            self.0.lose(&partitions);
            consumer.incremental_unassign(list)
        };
        if let Err(error) = served {
            tracing::warn!(member = self.0.name, ?partitions, "the group's change was not served: {error}");
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
