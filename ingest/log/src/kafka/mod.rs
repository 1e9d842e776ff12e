//! The log over Kafka: seven topics of equal partitions, appended to by an idempotent producer, read by offset.
//!
//! Owns how the contract is kept over brokers that come and go. Refuses broker transactions, committed offsets and
//! automatic resets: exactly once is the journal's chain, positions are the journal's, and a position that is gone is said to be gone.
//!
//! | file | owns |
//! |---|---|
//! | `options` | the URL, TLS and SASL |
//! | `topics` | the seven topics, made and audited |
//! | `watch` | what clients hear beside records: halts, topic ids, tokens |
//! | `tended` | a client with a thread that listens to it |
//! | `places` | what is known of each place without asking |
//! | `append` | the producer, and what an outcome is worth |
//! | `ends` | where places begin and end |
//! | `cursor` | one reader's place in one partition |
//! | `read` | which cursor serves which read; waiting |
//! | `group` | who is given which partitions |
//! | `clock` | the log's time |

mod append;
mod clock;
mod cursor;
mod ends;
mod error;
mod group;
mod options;
mod places;
mod read;
mod tended;
pub mod topics;
mod watch;

pub use error::KafkaError;
pub use options::{KafkaOptions, PASSWORD, SCHEME, Sasl, Security, TOKEN};

use crate::{AppendError, Appended, Assignments, Batch, DeleteError, EventLog, Place, Read, ReadError, ReadLimit, check_place};
use append::Appender;
use async_trait::async_trait;
use clock::BrokerClock;
use group::Members;
use places::Places;
use read::Readers;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use topics::Audit;
use watch::Watch;

/// How long ago topics may have been made that a broker does not know.
const JUST_MADE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// A log over Kafka. Dropping it leaves the group and closes its clients, which may take seconds where brokers hang.
#[derive(Debug)]
pub struct KafkaLog {
    options: KafkaOptions,
    watch: Watch,
    places: Arc<Places>,
    clock: Arc<BrokerClock>,
    appender: Appender,
    readers: Readers,
    members: Members,
}

impl KafkaLog {
    /// Opens the log over the topics of `options`, which must be there ([`topics::create`]) and pass their audit.
    pub async fn open(options: KafkaOptions) -> Result<Self, KafkaError> {
        let audit = Self::audit(&options).await?;
        // Once for all topics: what is so with one is mostly so with seven.
        let mut told = BTreeSet::new();
        for finding in audit.findings.iter().filter(|finding| told.insert(finding.code())) {
            tracing::warn!(code = finding.code(), next = finding.next(), "{finding}");
        }
        let opened = spawn_blocking(move || Self::over(options, audit.partitions)).await;
        opened.map_err(|error| KafkaError::Client { reason: error.to_string() })?
    }

    /// Topics that were made a moment ago are not known to every broker yet: what forbids opening is looked at again.
    async fn audit(options: &KafkaOptions) -> Result<Audit, KafkaError> {
        let began = Instant::now();
        loop {
            let audit = topics::check(options, None).await?;
            match audit.forbidding() {
                None => return Ok(audit),
                Some(finding) if began.elapsed() > JUST_MADE => return Err(finding.clone().into()),
                Some(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    fn over(options: KafkaOptions, partitions: u32) -> Result<Self, KafkaError> {
        let (watch, clock) = (Watch::new(options.security.clone()), Arc::new(BrokerClock::new()));
        let places = Arc::new(Places::new(&options, partitions));
        let appender = Appender::open(&options, watch.clone(), clock.clone(), places.clone())?;
        let readers = Readers::open(&options, watch.clone(), places.clone())?;
        let members = Members::open(&options, watch.clone(), clock.clone(), places.clone())?;
        Ok(KafkaLog { options, watch, places, clock, appender, readers, members })
    }

    /// Ends when the log halts for good (a topic was made anew under it), and says why. Every call answers so from then on.
    pub async fn halted(&self) -> KafkaError {
        self.watch.halted().await
    }

    async fn delete(&self, place: Place, below: u64) -> Result<u64, DeleteError> {
        let kafka = |source| DeleteError::Kafka { place, source };
        self.watch.check().map_err(kafka)?;
        let end = self.readers.ends().end(place).await.map_err(kafka)?;
        if below > end {
            return Err(DeleteError::BeyondEnd { place, below, end });
        }
        let first = topics::delete_below(&self.options, &self.watch, self.places.topic(place), place.partition, below).await;
        let first = first.map_err(kafka)?;
        self.places.set_first(place, first);
        Ok(first)
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn partitions(&self) -> u32 {
        self.places.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        let bytes = batch.check(self.partitions(), place)?;
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        self.appender.append(place, batch, bytes).await
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        check_place(self.partitions(), place)?;
        self.readers.read(place, from, limit).await
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        for (place, _) in places {
            check_place(self.partitions(), *place)?;
        }
        self.readers.wait(places).await
    }

    /// Kafka does not tell its time: this is the largest of our own clock's estimates and of the stamps heard (`clock.rs`). The
    /// brokers' own clocks must be in step; a leader with a slower one stamps below its predecessor, and no client can mend that.
    async fn time(&self) -> Result<i64, ReadError> {
        self.watch.check()?;
        Ok(self.clock.now_ms())
    }

    /// A reader that had fetched deleted records already may still hand them out, in another process than the one that deleted.
    async fn delete_below(&self, place: Place, below: u64) -> Result<u64, DeleteError> {
        let partitions = self.partitions();
        check_place(partitions, place).map_err(|_| DeleteError::NoSuchPlace { place, partitions })?;
        self.delete(place, below).await
    }

    /// Joins the consumer group on the journal, and leaves it once nobody has a view of the member any more.
    fn assignments(&self, member: &str) -> Assignments {
        self.members.join(member)
    }
}
