//! Events: what an author can say, and its one hash in both encodings.
//!
//! Owns the attributes (CloudEvents 1.0 names, plus `realm`, `seq`, `prev`, `not_after`), every type with its topic and
//! its data, and the event hash. Refuses signatures (see [`crate::record`]) and meaning: what an event does, the decider says.

use crate::{
    codec::{CodecError, cbor, jcs},
    ids::{EventHash, EventId, RealmId},
    limits,
    sign::PublicKey,
    topic::Topic,
    value::{Line, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod bodies;
pub use bodies::*;

/// Domain tag of the event hash.
const EVENT_TAG: &[u8] = b"cairn event v1\0";

/// A statement by an author, without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The author's own id for it. Names, proves nothing.
    pub id: EventId,
    /// The realm it belongs to; the instance id for events about the instance.
    pub realm: RealmId,
    /// The author: its first key.
    pub source: PublicKey,
    /// Position in the lane (realm, topic, author), from 1.
    pub seq: u64,
    /// Hash of the lane's previous event; zero for the first.
    pub prev: EventHash,
    /// The author's clock. For people: no rule looks at it.
    pub time: Timestamp,
    /// Block time after which the event is no longer taken.
    pub not_after: Option<Timestamp>,
    /// What it is about, for people.
    pub subject: Option<Line>,
    pub body: Body,
}

/// The attributes as they are written; `D` is the data in the form of one encoding.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<D> {
    data: D,
    id: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
    prev: EventHash,
    realm: RealmId,
    seq: u64,
    source: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Line>,
    time: Timestamp,
    r#type: String,
}

impl Event {
    pub fn topic(&self) -> Topic {
        self.body.topic()
    }

    /// SHA-256 over a tag and the deterministic CBOR: what `prev`, duplicates and forks are told by.
    pub fn hash(&self) -> Result<EventHash, CodecError> {
        Ok(event_hash(&self.to_cbor()?))
    }

    /// Deterministic CBOR (RFC 8949 §4.2.1).
    pub fn to_cbor(&self) -> Result<Vec<u8>, CodecError> {
        cbor::to_vec(&self.wire(&self.body))
    }

    /// Canonical JSON (RFC 8785).
    pub fn to_jcs(&self) -> Result<Vec<u8>, CodecError> {
        jcs::to_vec(&self.wire(&self.body))
    }

    /// Reads deterministic CBOR; anything else is refused.
    pub fn from_cbor(bytes: &[u8]) -> Result<Event, CodecError> {
        let wire: Wire<ciborium::Value> = cbor::from_slice(bytes)?;
        let body = Body::from_cbor(&wire.r#type, &wire.data)?;
        Event::checked(wire.with(body))
    }

    /// Reads JSON in any key order; duplicate and unknown keys are refused.
    pub fn from_json(bytes: &[u8]) -> Result<Event, CodecError> {
        let wire: Wire<Box<serde_json::value::RawValue>> = jcs::from_slice(bytes)?;
        let body = Body::from_json(&wire.r#type, wire.data.get().as_bytes())?;
        Event::checked(wire.with(body))
    }

    fn checked(event: Event) -> Result<Event, CodecError> {
        if event.seq == 0 || event.seq > limits::INTEGER_MAX {
            return Err(CodecError::Schema("seq is 1 to 2^53 − 1".into()));
        }
        Ok(event)
    }

    fn wire<'a>(&self, body: &'a Body) -> Wire<&'a Body> {
        Wire {
            data: body,
            id: self.id,
            not_after: self.not_after,
            prev: self.prev,
            realm: self.realm,
            seq: self.seq,
            source: self.source,
            subject: self.subject.clone(),
            time: self.time,
            r#type: body.type_name().to_owned(),
        }
    }
}

impl<D> Wire<D> {
    fn with(self, body: Body) -> Event {
        Event {
            id: self.id,
            realm: self.realm,
            source: self.source,
            seq: self.seq,
            prev: self.prev,
            time: self.time,
            not_after: self.not_after,
            subject: self.subject,
            body,
        }
    }
}

/// The event hash of an event's deterministic CBOR.
pub fn event_hash(cbor: &[u8]) -> EventHash {
    EventHash(Sha256::new().chain_update(EVENT_TAG).chain_update(cbor).finalize().into())
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
