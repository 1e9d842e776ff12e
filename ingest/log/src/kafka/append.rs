//! Appending: one idempotent producer for all places.
//!
//! Owns what an outcome is worth. Kafka answers for each record; a call is `Ok` only if every record was acknowledged by all
//! in-sync copies, ascending, with the broker's stamp. Whatever else happens once a record was handed to the
//! producer is unknown, with one exception: every record of the call refused for one reason that no second attempt can
//! hide, on a connection that did not break. Refuses to resend by itself beyond what idempotence covers.

use super::KafkaError;
use super::clock::BrokerClock;
use super::options::KafkaOptions;
use super::places::Places;
use super::watch::Watch;
use crate::{APPEND_BYTES, AppendError, Appended, Batch, Place, Trace, Traces, trace};
use bytes::Bytes;
use cairn_schemas::limits;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::client::OAuthToken;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Bytes that may wait for their acknowledgement, with what librdkafka keeps around each record.
const WAITING_BYTES: usize = 2 * APPEND_BYTES;
/// Bytes of a request beside its largest record.
pub(super) const HEADER_BYTES: usize = 10_000;
/// What librdkafka and we keep for one record beside its bytes.
const RECORD_COST: usize = 256;
// A record's headers fit beside it: a name, a text of 55 bytes and two lengths each.
const _: () = assert!(trace::RECORD_TRACES * (trace::TRACEPARENT.len() + 64) < HEADER_BYTES);
/// Within this time librdkafka has not sent a request twice, unless the connection broke.
const ONE_REQUEST: Duration = Duration::from_secs(5);

/// Appends to all places of one log.
pub(super) struct Appender {
    config: ClientConfig,
    producer: RwLock<Arc<ThreadedProducer<Deliveries>>>,
    room: Arc<Semaphore>,
    heard: Deliveries,
}

/// What happens when Kafka answers for a record.
#[derive(Clone, Debug)]
struct Deliveries {
    watch: Watch,
    clock: Arc<BrokerClock>,
    places: Arc<Places>,
}

/// One call of `append`: what Kafka said about each of its records so far.
#[derive(Debug)]
struct Call {
    place: Place,
    records: usize,
    answers: Mutex<Answers>,
    places: Arc<Places>,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Answers {
    missing: usize,
    appended: Vec<Option<Appended>>,
    refusals: Vec<RDKafkaErrorCode>,
    undated: bool,
    done: Option<oneshot::Sender<Outcome>>,
}

#[derive(Debug)]
enum Outcome {
    Appended(Vec<Appended>),
    /// Every record met this error, and no other.
    Refused(RDKafkaErrorCode),
    Undated,
    Unknown,
}

/// A record of a call, as librdkafka carries it along.
struct Ticket {
    call: Arc<Call>,
    index: usize,
}

impl Appender {
    pub fn open(options: &KafkaOptions, watch: Watch, clock: Arc<BrokerClock>, places: Arc<Places>) -> Result<Self, KafkaError> {
        let mut config = options.client()?;
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", options.append_timeout.as_millis().to_string())
            .set("request.timeout.ms", "10000")
            .set("linger.ms", "0")
            .set("compression.type", "lz4")
            .set("message.max.bytes", (limits::RECORD_BYTES + HEADER_BYTES).to_string())
            .set("queue.buffering.max.messages", (2 * WAITING_BYTES / RECORD_COST).to_string())
            .set("queue.buffering.max.kbytes", (2 * WAITING_BYTES / 1_024).to_string());
        let heard = Deliveries { watch, clock, places };
        let producer = RwLock::new(producer(&config, &heard)?);
        Ok(Appender { config, producer, room: Arc::new(Semaphore::new(WAITING_BYTES)), heard })
    }

    /// Appends what the contract takes; see [`crate::EventLog::append`].
    pub async fn append(&self, place: Place, batch: Batch, bytes: usize) -> Result<Vec<Appended>, AppendError> {
        let refused = |source| AppendError::Kafka { place, source };
        self.heard.watch.check().map_err(refused)?;
        let cost = (bytes + batch.records.len() * RECORD_COST).min(WAITING_BYTES) as u32;
        let room = self.room.clone().acquire_many_owned(cost).await.map_err(|_| AppendError::Closed { place })?;
        // What librdkafka would hold back waits here, where waiting costs nothing, and goes out in one request.
        self.heard.places.turn(place).await;
        let (began, disturbances) = (Instant::now(), self.heard.watch.disturbances());
        let answered = self.send(place, &batch, room);
        let undisturbed = || began.elapsed() < ONE_REQUEST && self.heard.watch.disturbances() == disturbances;
        match answered.await.unwrap_or(Outcome::Unknown) {
            Outcome::Appended(appended) => Ok(appended),
            Outcome::Undated => Err(refused(self.undated(place))),
            Outcome::Refused(code) => {
                Err(if undisturbed() { self.refusal(place, &batch.records, code) } else { AppendError::Unknown { place } })
            }
            Outcome::Unknown => Err(AppendError::Unknown { place }),
        }
    }

    /// Hands all records to the producer, in order. What it does not take is answered at once.
    fn send(&self, place: Place, batch: &Batch, room: OwnedSemaphorePermit) -> oneshot::Receiver<Outcome> {
        let (done, answered) = oneshot::channel();
        let count = batch.records.len();
        let appended = vec![None; count];
        let answers = Answers { missing: count, appended, refusals: Vec::new(), undated: false, done: Some(done) };
        self.heard.places.begin(place, count);
        let call = Arc::new(Call { place, records: count, answers: Mutex::new(answers), places: self.heard.places.clone(), _room: room });
        let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let topic = self.heard.places.topic(place);
        for (index, (bytes, traces)) in batch.iter().enumerate() {
            let ticket = Box::new(Ticket { call: call.clone(), index });
            let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
            let record = BaseRecord::<'_, (), [u8], _>::with_opaque_to(topic, ticket).partition(partition).payload(bytes.as_ref());
            let record = if traces.is_empty() { record } else { record.headers(headers(&traces)) };
            if let Err((error, _)) = producer.send(record) {
                // What came before may be on its way, and what comes after would leave a hole.
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                (index..count).for_each(|index| call.answer(index, Err(code)));
                if code == RDKafkaErrorCode::Fatal {
                    self.renew(&producer);
                }
                break;
            }
        }
        answered
    }

    /// A producer that met a fatal error (its sequence was lost) takes nothing any more: another takes its place.
    fn renew(&self, failed: &Arc<ThreadedProducer<Deliveries>>) {
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, failed) {
            return;
        }
        let reason = failed.client().fatal_error().map_or_else(String::new, |(_, reason)| reason);
        tracing::warn!(reason, "the producer is made anew; the outcome of its appends is unknown");
        match producer(&self.config, &self.heard) {
            Ok(producer) => *current = producer,
            Err(error) => self.heard.watch.stop(error),
        }
    }

    fn undated(&self, place: Place) -> KafkaError {
        let error = KafkaError::Undated { topic: self.heard.places.topic(place).to_owned() };
        self.heard.watch.stop(error.clone());
        error
    }

    /// A refusal of all records that only their bytes or our rights explain: nothing of the call is there.
    fn refusal(&self, place: Place, records: &[Bytes], code: RDKafkaErrorCode) -> AppendError {
        let topic = self.heard.places.topic(place);
        match code {
            RDKafkaErrorCode::MessageSizeTooLarge => {
                let size = records.iter().map(Bytes::len).max().unwrap_or(0);
                AppendError::TooLarge {
                    place,
                    what: "bytes of one record, by its topic's max.message.bytes",
                    size,
                    limit: size.saturating_sub(1),
                }
            }
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::PolicyViolation => {
                let source = KafkaError::Refused { what: format!("appends to topic {topic}"), reason: code.to_string() };
                AppendError::Kafka { place, source }
            }
            _ => AppendError::Unknown { place },
        }
    }
}

/// A header for each span that a record continues.
fn headers(traces: &Traces) -> OwnedHeaders {
    let add = |headers: OwnedHeaders, trace: Trace| headers.insert(Header { key: trace::TRACEPARENT, value: Some(&trace.to_string()) });
    traces.iter().fold(OwnedHeaders::new_with_capacity(trace::RECORD_TRACES), add)
}

fn producer(config: &ClientConfig, heard: &Deliveries) -> Result<Arc<ThreadedProducer<Deliveries>>, KafkaError> {
    let producer = ThreadedProducer::from_config_and_context(config, heard.clone()).map_err(|error| KafkaError::of_client(&error))?;
    Ok(Arc::new(producer))
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Call {
    fn answer(&self, index: usize, answer: Result<Option<Appended>, RDKafkaErrorCode>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(Some(appended)) => answers.appended[index] = Some(appended),
            Ok(None) => answers.undated = true,
            Err(code) => answers.refusals.push(code),
        }
        answers.missing -= 1;
        if answers.missing == 0
            && let Some(done) = answers.done.take()
        {
            // The caller may have gone.
            let _ = done.send(answers.outcome());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.places.end(self.place, self.records);
    }
}

impl Answers {
    fn outcome(&mut self) -> Outcome {
        if self.undated {
            return Outcome::Undated;
        }
        let appended: Vec<Appended> = self.appended.iter().flatten().copied().collect();
        if appended.len() == self.appended.len() {
            // A record that was taken twice may be answered with either place.
            let ascending = appended.is_sorted_by(|before, after| before.offset < after.offset);
            return if ascending { Outcome::Appended(appended) } else { Outcome::Unknown };
        }
        match self.refusals.as_slice() {
            [first, rest @ ..] if rest.len() + 1 == self.appended.len() && rest.iter().all(|code| code == first) => {
                Outcome::Refused(*first)
            }
            _ => Outcome::Unknown,
        }
    }
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.watch.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.watch.generate_oauth_token(config)
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = match result {
            Ok(message) => match (u64::try_from(message.offset()), message.timestamp()) {
                (Ok(offset), Timestamp::LogAppendTime(time)) => {
                    self.clock.hear(time);
                    self.places.show(ticket.call.place, offset + 1);
                    Ok(Some(Appended { offset, time }))
                }
                (Ok(_), Timestamp::CreateTime(_)) => Ok(None),
                // Acknowledged as the copy of one that is there, at a place that the broker has forgotten.
                _ => Err(RDKafkaErrorCode::Unknown),
            },
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        };
        ticket.call.answer(ticket.index, answer);
    }
}

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
