//! Intake: from bytes that somebody sent to a durable record, or a refusal that names what is wrong.
//!
//! Owns strict reading, canonical bytes, the signature check at the edge, the way to the right partition, and overload.
//! Refuses verdicts: an accepted record is durable, and no more.

use crate::{
    outcome::{Key, Outcomes, is_newcomer},
    problem::Refusal,
    quota::{self, Quotas},
    spans,
};
use axum::http::StatusCode;
use bytes::Bytes;
use cairn_log::{AppendError, Backlog, Batch, EventLog, Place, Trace};
use cairn_schemas::{
    Body, EventHash, PublicKey, RealmId, SignedEvent, Stream, Topic,
    codec::CodecError,
    limits,
    record::{self, accept_json},
    sign,
};
use opentelemetry::Context;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// An append whose outcome is unknown is sent again this often before its sender is told to.
const APPEND_TRIES: usize = 3;
/// How long a look at a partition's lag counts: others append to the same log.
const LOOK: Duration = Duration::from_secs(1);

/// An event that may be appended: read, canonical, authentic, with a home.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub id: String,
    pub hash: EventHash,
    pub realm: RealmId,
    /// The key that signed it.
    pub kid: PublicKey,
    /// Whether its author registers itself.
    pub newcomer: bool,
    pub topic: Topic,
    pub partition: u32,
    pub record: Bytes,
}

/// Why an event did not become a record.
pub type IntakeError = Refusal;

/// The way in. HTTP uses it, and so does whatever else lives in the node's process.
#[derive(Clone, Debug)]
pub struct Intake {
    log: Arc<dyn EventLog>,
    outcomes: Outcomes,
    max_lag: u64,
    quotas: quota::Ledger,
    /// What was seen of each partition's lag.
    lags: Arc<Mutex<BTreeMap<u32, Seen>>>,
}

/// The inputs of a partition that waited when they were looked at, and what was appended here since.
#[derive(Clone, Copy, Debug)]
struct Seen {
    records: u64,
    at: Instant,
}

impl Intake {
    pub fn new(log: Arc<dyn EventLog>, outcomes: Outcomes, max_lag: u64, quotas: Quotas) -> Self {
        Intake { log, quotas: quota::Ledger::new(quotas, outcomes.clone()), outcomes, max_lag, lags: Arc::default() }
    }

    /// Reads events of JSON texts in any key order. All must be good, or none is taken.
    pub fn read_json(&self, events: &[&[u8]]) -> Result<Vec<Accepted>, Refusal> {
        self.admit(events.iter().map(|event| accept_json(event)))
    }

    /// Reads canonical COSE records. All must be good, or none is taken.
    pub fn read_cose(&self, records: &[&[u8]]) -> Result<Vec<Accepted>, Refusal> {
        self.admit(records.iter().map(|bytes| record::open(bytes).map(|signed| (signed, bytes.to_vec()))))
    }

    fn admit(&self, read: impl Iterator<Item = Result<(SignedEvent, Vec<u8>), CodecError>>) -> Result<Vec<Accepted>, Refusal> {
        let mut events = Vec::new();
        for (index, event) in read.enumerate() {
            if index == limits::EVENTS_PER_REQUEST {
                return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "CRN-1102", format!("more than {index}")));
            }
            events.push(event.map_err(|error| unreadable(&error).at(index))?);
        }
        authenticate(&events)?;
        events.into_iter().enumerate().map(|(index, event)| self.place(event).map_err(|refusal| refusal.at(index))).collect()
    }

    fn place(&self, (signed, record): (SignedEvent, Vec<u8>)) -> Result<Accepted, Refusal> {
        let partition = self.partition_of(&signed).ok_or_else(|| self.homeless(&signed))?;
        if partition >= self.log.partitions() {
            let detail = format!("partition {partition} of {}", self.log.partitions());
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CRN-1112", detail));
        }
        Ok(Accepted {
            id: signed.event.id.to_string(),
            hash: signed.hash,
            realm: signed.event.realm,
            kid: signed.kid,
            newcomer: is_newcomer(&signed.event),
            topic: signed.event.topic(),
            partition,
            record: record.into(),
        })
    }

    /// A realm that is not known may yet be met in a journal that is not read to its end.
    fn homeless(&self, signed: &SignedEvent) -> Refusal {
        if self.outcomes.is_ready() {
            return Refusal::new(StatusCode::NOT_FOUND, "CRN-1105", format!("realm {}", signed.event.realm));
        }
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1106", "the journals are not read yet")
    }

    /// Instance events name their partition or concern the first; all others go where their realm is at home.
    fn partition_of(&self, signed: &SignedEvent) -> Option<u32> {
        match &signed.event.body {
            Body::RealmOpened(realm) => Some(realm.partition),
            _ if signed.event.realm == RealmId::from(self.outcomes.instance()) => Some(0),
            _ => self.outcomes.home(&signed.event.realm),
        }
    }

    /// Appends records and says where each lies, in order. An event that was decided lately is not appended again.
    ///
    /// Once begun, an append is seen through, even if nobody waits for it any more: else its room would be given back too early.
    pub async fn append(&self, events: &[Accepted]) -> Result<Vec<u64>, Refusal> {
        let (intake, events, span) = (self.clone(), events.to_vec(), spans::append(events.len()));
        let appending = tokio::spawn(span.over(async move { intake.append_new(&events).await }));
        appending.await.unwrap_or_else(|error| Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1107", error.to_string())))
    }

    async fn append_new(&self, events: &[Accepted]) -> Result<Vec<u64>, Refusal> {
        let mut offsets = vec![None; events.len()];
        let mut new = Vec::new();
        for (index, event) in events.iter().enumerate() {
            offsets[index] = self.outcomes.known(Key::Event(event.hash)).map(|told| told.offset);
            if offsets[index].is_none() {
                new.push(index);
            }
        }
        let (indices, new): (Vec<_>, Vec<_>) = new.into_iter().map(|index| (index, events[index].clone())).unzip();
        for (index, offset) in indices.into_iter().zip(self.append_all(&new).await?) {
            offsets[index] = Some(offset);
        }
        Ok(offsets.into_iter().flatten().collect())
    }

    async fn append_all(&self, events: &[Accepted]) -> Result<Vec<u64>, Refusal> {
        let mut batches: BTreeMap<(u32, Topic), Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            batches.entry((event.partition, event.topic)).or_default().push(index);
        }
        // Before the first append: a durable record is never answered with «no».
        for partition in events.iter().map(|event| event.partition).collect::<BTreeSet<_>>() {
            self.check_lag(partition).await?;
        }
        let mut room = self.quotas.reserve(events)?;
        let mut offsets = vec![0; events.len()];
        let mut begun = false;
        for ((partition, topic), indices) in batches {
            let place = Place::new(Stream::Topic(topic), partition);
            let records = indices.iter().map(|index| events[*index].record.clone()).collect();
            // Once one batch is durable, all that can be said of the request is that it is to be sent again.
            let appended =
                self.append_to(place, records).await.map_err(|refusal| if begun { unknown(&place, &refusal) } else { refusal })?;
            for (index, offset) in indices.into_iter().zip(appended) {
                offsets[index] = offset;
                room.appended(index, &events[index], offset);
            }
            begun = true;
        }
        Ok(offsets)
    }

    async fn append_to(&self, place: Place, records: Vec<Bytes>) -> Result<Vec<u64>, Refusal> {
        let batch = Batch::traced(records, Trace::of(&Context::current()).into_iter().collect());
        for _ in 0..APPEND_TRIES {
            match self.log.append(place, batch.clone()).await {
                // The log answers with as many as it was given.
                Ok(appended) => {
                    let more = appended.len() as u64;
                    self.with_lags(|lags| drop(lags.entry(place.partition).and_modify(|seen| seen.records += more)));
                    return Ok(appended.into_iter().map(|at| at.offset).collect());
                }
                Err(AppendError::Unknown { .. }) => continue,
                Err(error) => return Err(not_taken(&error)),
            }
        }
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1107", format!("append to {place}")))
    }

    /// Refuses what would wait behind too much: records of all six inputs, whoever appended them and whenever.
    async fn check_lag(&self, partition: u32) -> Result<(), Refusal> {
        if !self.outcomes.is_current(partition) {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1106", format!("journal[{partition}] is not read yet")));
        }
        // Whoever finds what was seen too old looks again; the requests beside it go by that meanwhile.
        let is_told = self.with_lags(|lags| {
            let Some(seen) = lags.get_mut(&partition).filter(|seen| seen.records <= self.max_lag) else { return false };
            let is_new = seen.at.elapsed() < LOOK;
            seen.at = if is_new { seen.at } else { Instant::now() };
            is_new
        });
        if is_told {
            return Ok(());
        }
        let records = self.waiting(partition).await;
        self.with_lags(|lags| lags.insert(partition, Seen { records, at: Instant::now() }));
        if records <= self.max_lag { Ok(()) } else { Err(overloaded(partition, records)) }
    }

    /// Records of a partition's inputs from its journaled positions on.
    async fn waiting(&self, partition: u32) -> u64 {
        let mut waiting = 0;
        for topic in Topic::ALL.iter().copied() {
            let place = Place::new(Stream::Topic(topic), partition);
            // A topic that cannot be read is for the append to report.
            let backlog = Backlog::at(self.log.as_ref(), place, self.outcomes.decided(partition, topic)).await;
            waiting += backlog.unwrap_or_default().records;
        }
        waiting
    }

    fn with_lags<T>(&self, act: impl FnOnce(&mut BTreeMap<u32, Seen>) -> T) -> T {
        act(&mut self.lags.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Checks all signatures in one batch, then names the first that does not hold.
fn authenticate(events: &[(SignedEvent, Vec<u8>)]) -> Result<(), Refusal> {
    let items: Vec<_> = events
        .iter()
        .map(|(signed, _)| sign::Item { key: signed.kid, message: &signed.to_be_signed, signature: signed.signature })
        .collect();
    match sign::verify_batch(&items).iter().position(|holds| !holds) {
        None => Ok(()),
        Some(index) => {
            let detail = format!("key {}", events[index].0.kid);
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CRN-1104", detail).at(index))
        }
    }
}

fn unreadable(error: &CodecError) -> Refusal {
    match error {
        CodecError::TooLarge { .. } => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "CRN-2002", error.to_string()),
        CodecError::NotCanonical => Refusal::new(StatusCode::BAD_REQUEST, "CRN-2003", error.to_string()),
        other => Refusal::new(StatusCode::BAD_REQUEST, "CRN-2001", other.to_string()),
    }
}

fn not_taken(error: &AppendError) -> Refusal {
    let status = match error {
        AppendError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        AppendError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Refusal::new(status, "CRN-1108", format!("{error} ({})", error.code()))
}

fn unknown(place: &Place, refusal: &Refusal) -> Refusal {
    let detail = format!("append to {place}, after others of the request were durable: {}", refusal.0.detail);
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1107", detail)
}

fn overloaded(partition: u32, lag: u64) -> Refusal {
    let detail = format!("{lag} records of partition {partition} wait for their decision");
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1106", detail)
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
