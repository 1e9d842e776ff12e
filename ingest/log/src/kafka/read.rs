//! Reading and waiting: a few clients whose cursors follow the readers.
//!
//! Owns which cursor serves which read. A reader that goes on where it stopped finds its cursor there, with what came
//! meanwhile already fetched; another gets a cursor of its own, on another client, as long as there are some. A place has at most one
//! cursor on each client, and each fetches ahead only so much, so memory is bounded by construction. Refuses to answer
//! before the place's leader said where the place ends: what was acknowledged to anybody is visible to everybody.

use super::KafkaError;
use super::cursor::{Cursor, Event, Held, is_final, is_unreadable};
use super::ends::{Ends, is_missing};
use super::options::KafkaOptions;
use super::places::Places;
use super::tended::Tended;
use super::watch::Watch;
use crate::{Place, Read, ReadError, ReadLimit};
use cairn_schemas::Stream;
use futures::future::{select_all, try_join_all};
use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

/// Clients, and so readers of one place that go on side by side without getting in each other's way.
const CLIENTS: usize = 4;
/// Bytes that one client fetches ahead, dealt to all places.
const AHEAD_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of one read at most, whatever its limit.
const READ_BYTES: usize = 16 * 1024 * 1024;
/// How far a cursor reads over records to come to a reader, rather than seek.
const NEAR: u64 = 1_000;
/// A cursor that nobody used for so long may be sent elsewhere.
const IDLE: Duration = Duration::from_secs(5);
/// How long a read waits for records that must be there before it asks anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How often a wait asks for the ends, should no news come.
const LOOK: Duration = Duration::from_secs(1);
/// How long a topic's new id may take to be told.
const NEW_ID: Duration = Duration::from_millis(500);
/// Questions, each after a new look at who leads, before an end that went back is believed: a leader that slept through its
/// succession answers from memory until it hears of it.
const DOUBTS: u32 = 6;

/// The cursors of one place.
type Cursors = Arc<Mutex<Vec<Arc<Cursor>>>>;
type Hold = OwnedMutexGuard<Held>;

#[derive(Debug)]
pub(super) struct Readers {
    config: ClientConfig,
    clients: std::sync::Mutex<Vec<Arc<Tended>>>,
    cursors: Vec<Cursors>,
    places: Arc<Places>,
    ends: Ends,
    watch: Watch,
    patience: Duration,
}

impl Readers {
    pub fn open(options: &KafkaOptions, watch: Watch, places: Arc<Places>) -> Result<Self, KafkaError> {
        let ahead = (AHEAD_BYTES / places.len().max(1)).clamp(64 * 1024, 1024 * 1024);
        let mut config = options.client()?;
        config
            // Nobody joins this group: librdkafka wants a name before it fetches by hand.
            .set("group.id", options.topic(Stream::Journal) + ".readers")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // A record is there once its copies are: a stranger's open transaction must not hold up a partition.
            .set("isolation.level", "read_uncommitted")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            // A cursor that comes anew waits for the fetch under way.
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.message.max.bytes", ahead.to_string())
            .set("queued.max.messages.kbytes", (ahead / 1024).to_string())
            .set("queued.min.messages", "10000");
        let cursors = (0..places.len()).map(|_| Cursors::default()).collect();
        let ends = Ends::open(options, watch.clone(), places.clone())?;
        Ok(Readers { config, clients: std::sync::Mutex::default(), cursors, places, ends, watch, patience: options.patience })
    }

    pub fn ends(&self) -> &Ends {
        &self.ends
    }

    /// See [`crate::EventLog::read`].
    pub async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        self.watch.check()?;
        let end = self.end(place, from).await?;
        let first = self.places.first(place);
        if from < first {
            return Err(ReadError::Truncated { place, from, first });
        }
        if from == end {
            return Ok(Read { records: Vec::new(), end });
        }
        let limit = ReadLimit { records: limit.records.max(1), bytes: limit.bytes.min(READ_BYTES) };
        tokio::select! {
            biased;
            read = self.collect(place, from, end, limit) => read,
            halted = self.watch.halted() => Err(halted.into()),
        }
    }

    /// Reads below an end that the place's leader told, so that either a record comes or there is none up to there.
    async fn collect(&self, place: Place, from: u64, mut end: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        let began = Instant::now();
        let mut news = self.places.news(place);
        let (cursor, mut held) = self.cursor(place, from).await?;
        let mut empty_rounds = 0;
        loop {
            news.borrow_and_update();
            let event = cursor.take(&mut held, from, limit);
            let records = cursor.hand(&mut held, from, limit);
            if let Some(last) = records.last() {
                self.places.show(place, last.offset + 1);
                return Ok(Read { end: end.max(last.offset + 1), records });
            }
            let mut anew = false;
            match event {
                // Markers of strangers' transactions take offsets and are no records. A leader that is new may not know yet how far its
                // log is visible, so an end that it fetched counts only the second time, with the end asked for in between.
                Event::End if empty_rounds >= 2 => {
                    cursor.pass(&mut held, end);
                    return Ok(Read { records: Vec::new(), end });
                }
                Event::End => {
                    end = self.end(place, from).await?;
                    empty_rounds += 1;
                    anew = true;
                }
                Event::OutOfRange => {
                    self.check_range(place, from).await?;
                    held = self.meet(place, &cursor, held).await?;
                    anew = true;
                }
                Event::Undated => return Err(self.undated(place).into()),
                Event::Failed(code) if is_final(code) => return Err(self.failed(place, from, code).into()),
                // A broker that has just come back may not know its topics yet: the question for the end waits until it must.
                Event::Failed(code) if is_missing(code) => {
                    end = self.end(place, from).await?;
                    anew = true;
                }
                // What else fails passes: librdkafka connects again by itself.
                Event::Failed(_) | Event::Nothing => {}
            }
            if began.elapsed() > self.patience {
                // The record may have been deleted while it was waited for.
                self.check_range(place, from).await?;
                return Err(self.failed(place, from, RDKafkaErrorCode::OperationTimedOut).into());
            }
            if anew || tokio::time::timeout(AGAIN, news.changed()).await.is_err() {
                held = self.go(cursor.clone(), held, from).await?;
            }
        }
    }

    /// See [`crate::EventLog::wait`].
    pub async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        if places.is_empty() {
            return std::future::pending().await;
        }
        let mut news: Vec<_> = places.iter().map(|(place, _)| self.places.news(*place)).collect();
        loop {
            for news in &mut news {
                news.borrow_and_update();
            }
            if self.shows_any(places) {
                return Ok(());
            }
            let changed = select_all(news.iter_mut().map(|news| Box::pin(news.changed())));
            let looked = tokio::select! {
                biased;
                _ = changed => false,
                halted = self.watch.halted() => return Err(halted.into()),
                looked = self.look(places) => looked?,
            };
            if looked {
                return Ok(());
            }
        }
    }

    /// Sees to it that somebody listens at each place, and from time to time asks whether news were missed.
    async fn look(&self, places: &[(Place, u64)]) -> Result<bool, ReadError> {
        for (place, from) in places {
            if !self.listens(*place, *from).await {
                drop(self.cursor(*place, *from).await?);
            }
        }
        tokio::time::sleep(LOOK).await;
        // Whoever waits for what is not there yet asks for nothing beyond the end.
        let ends = try_join_all(places.iter().map(|(place, _)| self.end(*place, 0))).await?;
        let behind = places.iter().zip(ends).filter(|((_, from), end)| from < end);
        for ((place, from), _) in behind {
            match self.read(*place, *from, ReadLimit { records: 1, bytes: 1 }).await {
                Ok(read) if read.records.is_empty() => {}
                // Below the front a reader need not wait either: its read says where the front is.
                Ok(_) | Err(ReadError::Truncated { .. }) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn listens(&self, place: Place, at: u64) -> bool {
        self.of(place).lock().await.iter().any(|cursor| cursor.at() == at)
    }

    fn shows_any(&self, places: &[(Place, u64)]) -> bool {
        places.iter().any(|(place, from)| self.places.shown(*place) > *from || self.glance(*place, *from))
    }

    /// Whether a cursor that stands there has a record already. One that is in use tells by itself what it reads.
    fn glance(&self, place: Place, from: u64) -> bool {
        let Ok(cursors) = self.of(place).try_lock() else { return false };
        cursors.iter().filter(|cursor| cursor.at() == from).any(|cursor| {
            let Some(mut held) = cursor.try_hold() else { return false };
            cursor.take(&mut held, from, ReadLimit { records: 0, bytes: usize::MAX });
            let first = held.first().map(|record| record.offset);
            first.into_iter().for_each(|offset| self.places.show(place, offset + 1));
            first.is_some()
        })
    }

    fn of(&self, place: Place) -> &Cursors {
        &self.cursors[self.places.index(place)]
    }

    /// A cursor that stands at an offset, or a little before it.
    async fn cursor(&self, place: Place, from: u64) -> Result<(Arc<Cursor>, Hold), ReadError> {
        let cursors = self.of(place).clone().lock_owned().await;
        // Cursors in use move meanwhile: where each stands is asked once.
        let gap = |cursor: &Arc<Cursor>| from.checked_sub(cursor.at()).filter(|gap| *gap <= NEAR);
        let mut near: Vec<_> = cursors.iter().filter_map(|cursor| Some((gap(cursor)?, cursor))).collect();
        near.sort_by_key(|(gap, _)| *gap);
        for (_, cursor) in near {
            if let Some(held) = cursor.try_hold().filter(|held| cursor.at() <= from && !held.is_broken()) {
                return Ok((cursor.clone(), held));
            }
        }
        let longest = cursors.iter().max_by_key(|cursor| cursor.idle()).cloned();
        match longest {
            Some(cursor) if cursor.idle() > IDLE || cursors.len() >= CLIENTS => {
                drop(cursors);
                let held = cursor.hold().await;
                let held = self.go(cursor.clone(), held, from).await?;
                Ok((cursor, held))
            }
            _ => self.add(place, from, cursors).await,
        }
    }

    /// One more cursor for a place, on the next client. A caller that goes away meanwhile leaves it to the next.
    async fn add(&self, place: Place, from: u64, mut cursors: OwnedMutexGuard<Vec<Arc<Cursor>>>) -> Result<(Arc<Cursor>, Hold), ReadError> {
        let (client, topic) = (self.client(cursors.len())?, self.places.topic(place).to_owned());
        let places = self.places.clone();
        let opened = spawn_blocking(move || {
            let cursor = Cursor::open(client, place, &topic, from, move || places.tell(place))?;
            let cursor = Arc::new(cursor);
            let held = cursor.try_hold();
            cursors.push(cursor.clone());
            Ok((cursor, held))
        });
        let opened: Result<_, ClientError> = opened.await.map_err(|_| ReadError::Closed)?;
        let (cursor, held) = opened.map_err(|error| KafkaError::of_client(&error))?;
        // Nobody else can have found it in between, for the list was locked; but waiting is right either way.
        let held = match held {
            Some(held) => held,
            None => cursor.hold().await,
        };
        Ok((cursor, held))
    }

    fn client(&self, number: usize) -> Result<Arc<Tended>, KafkaError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        while clients.len() <= number {
            let name = format!("read-{}", clients.len());
            clients.push(Arc::new(Tended::open(&self.config, self.watch.clone(), &name)?));
        }
        Ok(clients[number].clone())
    }

    async fn go(&self, cursor: Arc<Cursor>, mut held: Hold, to: u64) -> Result<Hold, ReadError> {
        let gone = spawn_blocking(move || cursor.go(&mut held, to).map(|()| held)).await.map_err(|_| ReadError::Closed)?;
        gone.map_err(|error| KafkaError::of_client(&error).into())
    }

    /// Where a place ends, which is never below what was read or acknowledged here, nor below what a caller has seen.
    async fn end(&self, place: Place, from: u64) -> Result<u64, ReadError> {
        let seen = self.places.shown(place).max(from);
        let end = self.ends.end(place).await?;
        if end < seen { self.beyond(place, seen, end).await } else { Ok(end) }
    }

    /// What an offset out of range means: too low, too high, or a leader that did not know yet.
    async fn check_range(&self, place: Place, from: u64) -> Result<(), ReadError> {
        let first = self.ends.first(place).await?;
        if from < first {
            return Err(ReadError::Truncated { place, from, first });
        }
        self.end(place, from).await.map(drop)
    }

    /// A place that ends before what was seen was cut, or its topic is another by now; both are worth a moment's doubt.
    async fn beyond(&self, place: Place, from: u64, mut end: u64) -> Result<u64, ReadError> {
        let client = self.client(0)?;
        for _ in 0..DOUBTS {
            let (client, topic) = (client.clone(), self.places.topic(place).to_owned());
            let asked = spawn_blocking(move || client.consumer().fetch_metadata(Some(&topic), AGAIN).is_ok());
            if asked.await.unwrap_or(false)
                && let Ok(halted) = tokio::time::timeout(NEW_ID, self.watch.halted()).await
            {
                return Err(halted.into());
            }
            self.ends.learn(place).await;
            end = self.ends.end(place).await?;
            if end >= from {
                return Ok(end);
            }
        }
        Err(ReadError::BeyondEnd { place, from, end })
    }

    /// A log that was cut and has grown again holds other records at the old offsets: librdkafka finds out by the leader's epoch (KIP-320)
    /// and calls the offset out of range. What was handed out last must lie where it lay, unless it was deleted in front, as it may be.
    async fn meet(&self, place: Place, cursor: &Arc<Cursor>, held: Hold) -> Result<Hold, ReadError> {
        let Some(last) = held.last().cloned() else { return Ok(held) };
        let (at, began) = (last.offset, Instant::now());
        if at < self.ends.first(place).await? {
            return Ok(held);
        }
        let mut held = self.go(cursor.clone(), held, at).await?;
        let mut news = self.places.news(place);
        loop {
            news.borrow_and_update();
            cursor.take(&mut held, at, ReadLimit { records: 0, bytes: usize::MAX });
            match held.first() {
                Some(found) if *found == last => return Ok(held),
                Some(_) => return Err(ReadError::BeyondEnd { place, from: at + 1, end: at }),
                None if at < self.ends.first(place).await? => return Ok(held),
                None if began.elapsed() > self.patience => {
                    return Err(self.failed(place, at, RDKafkaErrorCode::OperationTimedOut).into());
                }
                None if held.is_broken() => held = self.go(cursor.clone(), held, at).await?,
                None => drop(tokio::time::timeout(AGAIN, news.changed()).await),
            }
        }
    }

    fn undated(&self, place: Place) -> KafkaError {
        let error = KafkaError::Undated { topic: self.places.topic(place).to_owned() };
        self.watch.stop(error.clone());
        error
    }

    fn failed(&self, place: Place, offset: u64, code: RDKafkaErrorCode) -> KafkaError {
        if is_unreadable(code) {
            let (topic, partition) = (self.places.topic(place).to_owned(), place.partition);
            return KafkaError::Unread { topic, partition, offset, reason: code.to_string() };
        }
        self.ends.failed(place, code)
    }
}
