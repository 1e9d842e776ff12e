//! One reader's place in one partition: a queue of librdkafka's, and what was taken from it and not handed on.
//!
//! Owns the promise that records are handed on in order with none left out: it knows which offset comes next, and goes
//! elsewhere only by a seek that waits until librdkafka has dropped what it had fetched for the old place. Refuses to
//! wait for records that are not there; its caller knows where the place ends.

use super::ends::is_refusal;
use super::tended::Tended;
use super::watch::Watch;
use crate::trace::{RECORD_TRACES, TRACEPARENT, Trace, Traces};
use crate::{Place, ReadLimit, Record};
use bytes::Bytes;
use rdkafka::Message;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long a seek may take: it waits for librdkafka's own thread, not for the network.
const SEEK: Duration = Duration::from_secs(10);
const SEEK_AGAIN: Duration = Duration::from_millis(10);

pub(super) struct Cursor {
    client: Arc<Tended>,
    topic: String,
    partition: i32,
    /// The offset that comes next, for whoever looks for a cursor without waiting for it.
    at: AtomicU64,
    used: std::sync::Mutex<Instant>,
    held: Arc<Mutex<Held>>,
}

/// What only the reader of the moment touches.
pub(super) struct Held {
    queue: PartitionQueue<Watch>,
    ready: VecDeque<Record>,
    /// What was handed on last, so that it can be met again.
    last: Option<Record>,
    /// One past the last record taken from the queue.
    next: u64,
    /// An error after which librdkafka fetches no more for this cursor.
    broken: bool,
}

/// What the queue gave beside records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing is in the queue just now.
    Nothing,
    /// librdkafka fetched up to the end of the partition.
    End,
    /// The offset is not in the partition.
    OutOfRange,
    /// A record without the broker's time.
    Undated,
    Failed(RDKafkaErrorCode),
}

impl Cursor {
    /// Begins to fetch at an offset. Blocks for a moment. `tell` is called whenever something comes.
    pub fn open(
        client: Arc<Tended>,
        place: Place,
        topic: &str,
        from: u64,
        tell: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, ClientError> {
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        // The queue is split off before anything can come, or it would come to the client's own queue and be lost.
        let queue = client.consumer().split_partition_queue(topic, partition);
        let mut queue = queue.ok_or_else(|| ClientError::ClientCreation(format!("no queue for {topic}[{partition}]")))?;
        queue.set_nonempty_callback(tell);
        client.consumer().incremental_assign(&list(topic, partition, from)?)?;
        let held = Held { queue, ready: VecDeque::new(), last: None, next: from, broken: false };
        Ok(Cursor {
            client,
            topic: topic.to_owned(),
            partition,
            at: AtomicU64::new(from),
            used: std::sync::Mutex::new(Instant::now()),
            held: Arc::new(Mutex::new(held)),
        })
    }

    pub fn at(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    pub fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed()
    }

    /// Takes hold, if nobody else has it.
    pub fn try_hold(&self) -> Option<OwnedMutexGuard<Held>> {
        self.held.clone().try_lock_owned().ok()
    }

    pub async fn hold(&self) -> OwnedMutexGuard<Held> {
        self.held.clone().lock_owned().await
    }

    /// Goes to an offset. Blocks until nothing that was fetched elsewhere can come any more.
    pub fn go(&self, held: &mut Held, to: u64) -> Result<(), ClientError> {
        held.ready.clear();
        let (began, to_raw) = (Instant::now(), Offset::Offset(i64::try_from(to).unwrap_or(i64::MAX)));
        loop {
            if held.broken {
                self.assign_anew(to)?;
                held.broken = false;
            }
            let Err(error) = self.client.consumer().seek(&self.topic, self.partition, to_raw, SEEK) else { break };
            if began.elapsed() > SEEK {
                return Err(error);
            }
            // A partition that was stopped cannot be sought in, and the word of it lies in the queue before it stops. Without one it was
            // assigned just now, and there is nothing yet to seek in.
            held.drain();
            if !held.broken {
                std::thread::sleep(SEEK_AGAIN);
            }
        }
        held.next = to;
        self.at.store(to, Ordering::Release);
        Ok(())
    }

    fn assign_anew(&self, from: u64) -> Result<(), ClientError> {
        let consumer = self.client.consumer();
        consumer.incremental_unassign(&list(&self.topic, self.partition, from)?)?;
        consumer.incremental_assign(&list(&self.topic, self.partition, from)?)
    }

    /// Takes what there is, until the limit is passed by one record.
    pub fn take(&self, held: &mut Held, from: u64, limit: ReadLimit) -> Event {
        held.ready.retain(|record| record.offset >= from);
        let mut bytes: usize = held.ready.iter().map(|record| record.bytes.len()).sum();
        while held.ready.len() <= limit.records && bytes <= limit.bytes {
            match held.poll() {
                Ok(record) if record.offset >= from => {
                    bytes += record.bytes.len();
                    held.ready.push_back(record);
                }
                Ok(_) => {}
                Err(event) => return event,
            }
        }
        Event::Nothing
    }

    /// Hands on the records from `from`, as many as the limit allows; the first whatever its size.
    pub fn hand(&self, held: &mut Held, from: u64, limit: ReadLimit) -> Vec<Record> {
        let mut left = limit.bytes;
        let mut records = Vec::new();
        held.ready.retain(|record| record.offset >= from);
        while let Some(record) = held.ready.front() {
            if !records.is_empty() && (records.len() >= limit.records || record.bytes.len() > left) {
                break;
            }
            left = left.saturating_sub(record.bytes.len());
            records.extend(held.ready.pop_front());
        }
        if let Some(last) = records.last() {
            self.at.store(last.offset + 1, Ordering::Release);
            held.last = Some(last.clone());
        }
        *self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        records
    }

    /// Notes that nothing lies between here and an offset.
    pub fn pass(&self, held: &mut Held, to: u64) {
        if held.ready.is_empty() {
            held.next = held.next.max(to);
            self.at.fetch_max(to, Ordering::AcqRel);
        }
    }
}

impl Held {
    /// The first record that was taken and not handed on.
    pub fn first(&self) -> Option<&Record> {
        self.ready.front()
    }

    /// What was handed on last, wherever this cursor is by now.
    pub fn last(&self) -> Option<&Record> {
        self.last.as_ref()
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Throws away what is in the queue, up to the word of a stop.
    fn drain(&mut self) {
        while !self.broken && self.poll() != Err(Event::Nothing) {}
    }

    /// The next record in the queue, each once.
    fn poll(&mut self) -> Result<Record, Event> {
        loop {
            let taken = match self.queue.poll(Duration::ZERO) {
                None => Err(Event::Nothing),
                Some(Ok(message)) => record_of(&message),
                Some(Err(ClientError::PartitionEOF(_))) => Err(Event::End),
                Some(Err(error)) => Err(event_of(&error)),
            };
            match taken {
                // Fetched again after a lost connection.
                Ok(record) if record.offset < self.next => {}
                Ok(record) => {
                    self.next = record.offset + 1;
                    return Ok(record);
                }
                Err(event) => {
                    self.broken |= event == Event::OutOfRange;
                    return Err(event);
                }
            }
        }
    }
}

fn record_of(message: &BorrowedMessage<'_>) -> Result<Record, Event> {
    let offset = u64::try_from(message.offset()).map_err(|_| Event::Failed(RDKafkaErrorCode::BadMessage))?;
    let Timestamp::LogAppendTime(time) = message.timestamp() else { return Err(Event::Undated) };
    // A tombstone has no value; to us it is a record of no bytes.
    let bytes = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    Ok(Record { offset, time, bytes, traces: traces_of(message) })
}

/// The spans that its headers name. Whatever else strangers write there is none of ours.
fn traces_of(message: &BorrowedMessage<'_>) -> Traces {
    let Some(headers) = message.headers() else { return Traces::default() };
    let ours = headers.iter().take(2 * RECORD_TRACES).filter(|header| header.key == TRACEPARENT);
    ours.filter_map(|header| Trace::parse(header.value?)).collect()
}

fn event_of(error: &ClientError) -> Event {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::LogTruncation) => Event::OutOfRange,
        Some(code) => Event::Failed(code),
        None => Event::Failed(RDKafkaErrorCode::Unknown),
    }
}

/// Whether an error of a queue means that the record after the last cannot be had at all.
pub(super) fn is_unreadable(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{BadCompression, BadMessage, InvalidMessage, NotImplemented};
    matches!(code, BadCompression | BadMessage | InvalidMessage | NotImplemented)
}

/// Whether an error will not pass by waiting.
pub(super) fn is_final(code: RDKafkaErrorCode) -> bool {
    is_unreadable(code) || is_refusal(code)
}

fn list(topic: &str, partition: i32, from: u64) -> Result<TopicPartitionList, ClientError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX)))?;
    Ok(list)
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({}[{}] at {})", self.topic, self.partition, self.at())
    }
}
