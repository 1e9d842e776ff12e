//! What is known of each place without asking: its topic's name, how far it was seen, who waits for it.
//!
//! Owns one entry for each place of the log, made at its opening. Refuses to guess: only records that were read or acknowledged count as shown.

use super::options::KafkaOptions;
use crate::Place;
use cairn_schemas::Stream;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Notify, watch};

/// With so many records of a place on their way, an idempotent producer sends no more to it before they are answered
/// (`RD_KAFKA_IDEMP_MAX_INFLIGHT`), and its thread spins as long as it has any.
const MANY: usize = 5;

#[derive(Debug)]
pub(super) struct Places {
    partitions: u32,
    topics: Vec<String>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    /// One past the last record that anybody here saw.
    shown: AtomicU64,
    /// Below it we deleted ourselves.
    first: AtomicU64,
    /// Counts whatever may be news; its value means nothing.
    news: watch::Sender<u64>,
    /// Records of appends that Kafka has not answered.
    appending: AtomicUsize,
    /// Told when they become few.
    answered: Notify,
    /// The broker that leads it, as far as is known: so that one that hangs holds up its own places alone.
    leader: AtomicI32,
}

impl Places {
    pub fn new(options: &KafkaOptions, partitions: u32) -> Self {
        let topics: Vec<String> = Stream::ALL.into_iter().map(|stream| options.topic(stream)).collect();
        let known = || Known {
            shown: AtomicU64::new(0),
            first: AtomicU64::new(0),
            news: watch::channel(0).0,
            appending: AtomicUsize::new(0),
            answered: Notify::new(),
            leader: AtomicI32::new(0),
        };
        let known = (0..topics.len() * partitions as usize).map(|_| known()).collect();
        Places { partitions, topics, known }
    }

    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The number of a place, below [`Places::len`]. The place must be of this log.
    pub fn index(&self, place: Place) -> usize {
        usize::from(place.stream.number()) * self.partitions as usize + place.partition as usize
    }

    pub fn topic(&self, place: Place) -> &str {
        &self.topics[usize::from(place.stream.number())]
    }

    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// All places of the topic of that name.
    pub fn of_topic(&self, topic: &str) -> impl Iterator<Item = Place> + '_ {
        let stream = self.topics.iter().position(|known| known == topic).and_then(|number| Stream::from_number(number as u8));
        let partitions = if stream.is_some() { self.partitions } else { 0 };
        (0..partitions).map(move |partition| Place { stream: stream.unwrap_or(Stream::Journal), partition })
    }

    fn known(&self, place: Place) -> &Known {
        &self.known[self.index(place)]
    }

    /// Notes that a record just below `end` is visible.
    pub fn show(&self, place: Place, end: u64) {
        if self.known(place).shown.fetch_max(end, Ordering::AcqRel) < end {
            self.tell(place);
        }
    }

    pub fn shown(&self, place: Place) -> u64 {
        self.known(place).shown.load(Ordering::Acquire)
    }

    pub fn first(&self, place: Place) -> u64 {
        self.known(place).first.load(Ordering::Acquire)
    }

    pub fn set_first(&self, place: Place, first: u64) {
        self.known(place).first.fetch_max(first, Ordering::AcqRel);
    }

    /// Wakes whoever waits for the place.
    pub fn tell(&self, place: Place) {
        self.known(place).news.send_modify(|news| *news = news.wrapping_add(1));
    }

    pub fn news(&self, place: Place) -> watch::Receiver<u64> {
        self.known(place).news.subscribe()
    }

    /// Waits until few records are on their way to a place, if they are many now. Whoever waits is let go together with all others who wait.
    pub async fn turn(&self, place: Place) {
        let known = self.known(place);
        // Whoever is told from here on is not missed.
        let answered = known.answered.notified();
        if known.appending.load(Ordering::Acquire) >= MANY {
            answered.await;
        }
    }

    pub fn begin(&self, place: Place, records: usize) {
        self.known(place).appending.fetch_add(records, Ordering::AcqRel);
    }

    pub fn end(&self, place: Place, records: usize) {
        let known = self.known(place);
        let before = known.appending.fetch_sub(records, Ordering::AcqRel);
        if before >= MANY && before - records < MANY {
            known.answered.notify_waiters();
        }
    }

    /// Whether appends to the place wait for their answer.
    pub fn is_appending(&self, place: Place) -> bool {
        self.known(place).appending.load(Ordering::Acquire) > 0
    }

    pub fn leader(&self, place: Place) -> i32 {
        self.known(place).leader.load(Ordering::Acquire)
    }

    pub fn set_leader(&self, place: Place, leader: i32) {
        self.known(place).leader.store(leader, Ordering::Release);
    }
}
