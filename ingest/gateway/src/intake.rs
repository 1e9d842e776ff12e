//! Intake: from bytes that somebody sent to a durable record, or a refusal that names what is wrong.
//!
//! Owns strict reading, canonical bytes, the signature check at the edge, the way to the right partition, and overload.
//! Refuses verdicts: an accepted record is durable, and no more.

use crate::{
    outcome::{Key, Outcome, Outcomes},
    problem::Refusal,
};
use axum::http::StatusCode;
use bytes::Bytes;
use cairn_log::{AppendError, EventLog, Place};
use cairn_schemas::{
    Body, EventHash, RealmId, SignedEvent, Stream, Topic,
    codec::CodecError,
    limits,
    record::{self, accept_json},
    sign,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// An append whose outcome is unknown is sent again this often before its sender is told to.
const APPEND_TRIES: usize = 3;

/// An event that may be appended: read, canonical, authentic, with a home.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub id: String,
    pub hash: EventHash,
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
    /// Ends of the topics as far as this gateway has written them: what it knows of the lag without asking.
    ends: Arc<Mutex<BTreeMap<(u32, Topic), u64>>>,
}

impl Intake {
    pub fn new(log: Arc<dyn EventLog>, outcomes: Outcomes, max_lag: u64) -> Self {
        Intake { log, outcomes, max_lag, ends: Arc::default() }
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
        let partition = self
            .partition_of(&signed)
            .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "CRN-1105", format!("realm {}", signed.event.realm)))?;
        if partition >= self.log.partitions() {
            let detail = format!("partition {partition} of {}", self.log.partitions());
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CRN-1112", detail));
        }
        let topic = signed.event.topic();
        Ok(Accepted { id: signed.event.id.to_string(), hash: signed.hash, topic, partition, record: record.into() })
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
    pub async fn append(&self, events: &[Accepted]) -> Result<Vec<u64>, Refusal> {
        let mut offsets = vec![None; events.len()];
        let mut batches: BTreeMap<(u32, Topic), Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            match self.outcomes.known(Key::Event(event.hash)) {
                Some(Outcome { offset, .. }) => offsets[index] = Some(offset),
                None => batches.entry((event.partition, event.topic)).or_default().push(index),
            }
        }
        // Before the first append: a durable record is never answered with «no».
        for (partition, topic) in batches.keys() {
            self.check_lag(*partition, *topic)?;
        }
        let mut begun = false;
        for ((partition, topic), indices) in batches {
            let place = Place::new(Stream::Topic(topic), partition);
            let records = indices.iter().map(|index| events[*index].record.clone()).collect();
            // Once one batch is durable, all that can be said of the request is that it is to be sent again.
            let appended =
                self.append_to(place, topic, records).await.map_err(|refusal| if begun { unknown(&place, &refusal) } else { refusal })?;
            for (index, offset) in indices.iter().zip(appended) {
                offsets[*index] = Some(offset);
            }
            begun = true;
        }
        offsets
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "CRN-1108", "a short answer"))
    }

    async fn append_to(&self, place: Place, topic: Topic, records: Vec<Bytes>) -> Result<Vec<u64>, Refusal> {
        for _ in 0..APPEND_TRIES {
            match self.log.append(place, records.clone()).await {
                Ok(appended) => {
                    let offsets: Vec<u64> = appended.into_iter().map(|at| at.offset).collect();
                    self.note_end(place.partition, topic, offsets.last().map_or(0, |last| last + 1));
                    return Ok(offsets);
                }
                Err(AppendError::Unknown { .. }) => continue,
                Err(error) => return Err(not_taken(&error)),
            }
        }
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "CRN-1107", format!("append to {place}")))
    }

    fn check_lag(&self, partition: u32, topic: Topic) -> Result<(), Refusal> {
        let end = self.ends.lock().unwrap_or_else(PoisonError::into_inner).get(&(partition, topic)).copied().unwrap_or(0);
        let lag = end.saturating_sub(self.outcomes.decided(partition, topic));
        if lag <= self.max_lag { Ok(()) } else { Err(overloaded(topic, lag)) }
    }

    fn note_end(&self, partition: u32, topic: Topic, end: u64) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ends.entry((partition, topic)).or_default();
        *known = end.max(*known);
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

fn overloaded(topic: Topic, lag: u64) -> Refusal {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1106", format!("{lag} records of {topic} wait for their decision"))
}
