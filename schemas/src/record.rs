//! Records: a signed event as its bytes lie in a topic.
//!
//! Owns both encodings (COSE_Sign1 around CBOR, detached JWS beside JCS), which of the two a record is, and their strict reading.
//! Refuses the question whether the signature holds: [`SignedEvent::is_authentic`] is asked by whoever must know, once.

use crate::{
    codec::{CodecError, cose, jcs, jws},
    event::{Event, event_hash},
    ids::{EventHash, RecordHash},
    limits,
    sign::{self, PublicKey, SecretKey, Signature},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `typ` of a COSE-signed event.
pub const COSE_TYP: &str = "application/cairn-event+cose";
/// `typ` of a JWS-signed event.
pub const JWS_TYP: &str = "cairn-event+jws";

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    Json,
    Cose,
}

impl Encoding {
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::Cose => "cose",
        }
    }
}

/// An event with its signature, read strictly; whether the signature holds is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEvent {
    pub event: Event,
    pub hash: EventHash,
    pub encoding: Encoding,
    /// The key that signed; the author is `event.source`.
    pub kid: PublicKey,
    pub signature: Signature,
    /// The bytes that the signature is over.
    pub to_be_signed: Vec<u8>,
}

impl SignedEvent {
    /// Whether the signature holds under ZIP 215.
    pub fn is_authentic(&self) -> bool {
        sign::verify(&self.kid, &self.to_be_signed, &self.signature)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRecord<E> {
    event: E,
    signature: String,
}

/// Signs an event into a record of the encoding asked for.
pub fn seal(event: &Event, key: &SecretKey, encoding: Encoding) -> Result<Vec<u8>, CodecError> {
    let record = match encoding {
        Encoding::Cose => cose::sign(key, COSE_TYP, &event.to_cbor()?)?,
        Encoding::Json => {
            let payload = event.to_jcs()?;
            let signature = jws::sign(key, JWS_TYP, &payload)?;
            json_record(&payload, &signature)?
        }
    };
    if record.len() > limits::EVENT_BYTES {
        return Err(CodecError::TooLarge { size: record.len(), limit: limits::EVENT_BYTES });
    }
    Ok(record)
}

/// Reads a record as it must lie in a log: canonical bytes only.
pub fn open(record: &[u8]) -> Result<SignedEvent, CodecError> {
    if record.len() > limits::EVENT_BYTES {
        return Err(CodecError::TooLarge { size: record.len(), limit: limits::EVENT_BYTES });
    }
    match record.first() {
        Some(b'{') => {
            let signed = open_json(record)?;
            if canonical_json(&signed.0, &signed.1)? == record { Ok(signed.0) } else { Err(CodecError::NotCanonical) }
        }
        Some(0xd2) => open_cose(record),
        _ => Err(CodecError::Schema("a record is a JSON object or a tagged COSE_Sign1".into())),
    }
}

/// Reads JSON in any key order and spacing, as people send it, and gives the canonical record beside what it says.
pub fn accept_json(sent: &[u8]) -> Result<(SignedEvent, Vec<u8>), CodecError> {
    let (signed, signature) = open_json(sent)?;
    let record = canonical_json(&signed, &signature)?;
    if record.len() > limits::EVENT_BYTES {
        return Err(CodecError::TooLarge { size: record.len(), limit: limits::EVENT_BYTES });
    }
    Ok((signed, record))
}

/// SHA-256 over a record as it lies in a log.
pub fn record_hash(record: &[u8]) -> RecordHash {
    RecordHash(Sha256::digest(record).into())
}

fn open_cose(record: &[u8]) -> Result<SignedEvent, CodecError> {
    let parts = cose::parse(record, COSE_TYP)?;
    Ok(SignedEvent {
        event: Event::from_cbor(&parts.payload)?,
        hash: event_hash(&parts.payload),
        encoding: Encoding::Cose,
        kid: parts.kid,
        signature: parts.signature,
        to_be_signed: parts.to_be_signed,
    })
}

fn open_json(record: &[u8]) -> Result<(SignedEvent, String), CodecError> {
    let wire: JsonRecord<Box<serde_json::value::RawValue>> = jcs::from_slice(record)?;
    let event = Event::from_json(wire.event.get().as_bytes())?;
    let parts = jws::parse(&wire.signature, &event.to_jcs()?, JWS_TYP)?;
    let signed = SignedEvent {
        hash: event.hash()?,
        event,
        encoding: Encoding::Json,
        kid: parts.kid,
        signature: parts.signature,
        to_be_signed: parts.to_be_signed,
    };
    Ok((signed, wire.signature))
}

fn canonical_json(signed: &SignedEvent, signature: &str) -> Result<Vec<u8>, CodecError> {
    json_record(&signed.event.to_jcs()?, signature)
}

/// The keys are in JCS order as written here, and both values are canonical already.
fn json_record(payload: &[u8], signature: &str) -> Result<Vec<u8>, CodecError> {
    let signature = jcs::to_vec(&signature)?;
    Ok([b"{\"event\":", payload, b",\"signature\":", &signature, b"}"].concat())
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
