//! Ids: every hash and name has a type of its own, so that none can stand where another is meant.
//!
//! Owns the two forms of each id (lowercase hex or text for people and JSON, bytes for CBOR) and their strict parsing.
//! Refuses keys (see [`crate::sign`]) and hashing rules: who hashes what is said where it is hashed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: {why}")]
pub struct IdError {
    pub kind: &'static str,
    pub text: String,
    pub why: &'static str,
}

impl IdError {
    fn new(kind: &'static str, text: &str, why: &'static str) -> Self {
        // What is echoed stays short, whatever was sent.
        IdError { kind, text: text.chars().take(80).collect(), why }
    }
}

struct Bytes32(&'static str);

impl<'de> de::Visitor<'de> for Bytes32 {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} of 32 bytes", self.0)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 32], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

macro_rules! digest {
    ($($(#[$doc:meta])* $name:ident = $kind:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// 32 zero bytes: the predecessor of a first element.
            pub const ZERO: $name = $name([0; 32]);

            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight hex digits, for tables read by people.
            pub fn short(&self) -> String {
                data_encoding::HEXLOWER.encode(&self.0[..4])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut out = [0; 32];
                if text.len() != 64 {
                    return Err(IdError::new($kind, text, "it is 64 lowercase hex digits"));
                }
                data_encoding::HEXLOWER
                    .decode_mut(text.as_bytes(), &mut out)
                    .map_err(|_| IdError::new($kind, text, "it is 64 lowercase hex digits"))?;
                Ok($name(out))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    d.deserialize_bytes(Bytes32($kind)).map($name)
                }
            }
        }
    )+};
}

digest! {
    /// SHA-256 of a tag and the deterministic CBOR of an event, without signature or headers: the same in both encodings.
    EventHash = "event hash",
    /// SHA-256 of the genesis document.
    InstanceId = "instance id",
    /// The hash of the event that opened the realm; the instance id for events about the instance itself.
    RealmId = "realm id",
    /// The hash of the event that submitted the job.
    JobId = "job id",
    /// SHA-256 over a record as it lies in a log.
    RecordHash = "record hash",
    /// SHA-256 over a block header or claim without its signature.
    BlockHash = "block hash",
    /// SHA-256 over a tag and a decision's bytes.
    DecisionHash = "decision hash",
    /// RFC 6962 hash of a leaf entry.
    LeafHash = "leaf hash",
    /// The root of an RFC 6962 tree.
    Root = "tree root",
    /// BLAKE3 of a blob.
    BlobHash = "blob hash",
    /// The root of a training state's tensors, or of the inputs of a task.
    StateRoot = "state root",
    /// SHA-256 over a verifier's id, task, attempt, salt and answer.
    Seal = "seal",
    /// SHA-256 of the whole state of a decider.
    StateHash = "state hash",
}

impl From<EventHash> for JobId {
    fn from(hash: EventHash) -> Self {
        JobId(hash.0)
    }
}

impl From<EventHash> for RealmId {
    fn from(hash: EventHash) -> Self {
        RealmId(hash.0)
    }
}

/// The realm in which a genesis admin speaks about the instance itself.
impl From<InstanceId> for RealmId {
    fn from(id: InstanceId) -> Self {
        RealmId(id.0)
    }
}

/// The id its author gave an event: a UUIDv7. It names; it proves nothing and need not be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// An id from the author's clock (milliseconds since 1970) and ten random bytes.
    pub fn from_parts(millis: u64, random: &[u8; 10]) -> Self {
        EventId(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }

    fn checked(id: uuid::Uuid) -> Result<Self, &'static str> {
        if id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122 { Ok(EventId(id)) } else { Err("it is a UUIDv7") }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let why = "it is a hyphenated lowercase UUIDv7";
        let id = uuid::Uuid::try_parse(text).map_err(|_| IdError::new("event id", text, why))?;
        let id = EventId::checked(id).map_err(|why| IdError::new("event id", text, why))?;
        // `try_parse` also takes braces, capitals and no hyphens; one id has one text.
        if id.to_string() == text { Ok(id) } else { Err(IdError::new("event id", text, why)) }
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(self.0.as_bytes()) }
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Sixteen;
        impl de::Visitor<'_> for Sixteen {
            type Value = [u8; 16];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event id of 16 bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
                bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        if d.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
            text.parse().map_err(de::Error::custom)
        } else {
            let bytes = d.deserialize_bytes(Sixteen)?;
            EventId::checked(uuid::Uuid::from_bytes(bytes)).map_err(de::Error::custom)
        }
    }
}

/// A task of a job: its position in the fixed order of the job's tasks (each round: shards, then the aggregation; last the evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskId {
    pub job: JobId,
    pub index: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job, self.index)
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new("task id", text, "it is <job>/<index>");
        let (job, index) = text.split_once('/').ok_or_else(wrong)?;
        Ok(TaskId { job: job.parse()?, index: index.parse().map_err(|_| wrong())? })
    }
}

#[cfg(test)]
#[path = "ids_tests.rs"]
mod tests;
