//! What stands between a log over Kafka and its brokers.
//!
//! Owns codes 5141 to 5155. Refuses what passes by itself: a broker that is away for seconds is waited for, not reported.

use super::topics::Finding;
use crate::error::next_of;
use std::path::PathBuf;

/// Why a log over Kafka is not opened, or stops. It can be cloned, because one cause may end many calls.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    #[error("the log's address or its settings: {what}")]
    Address { what: String },
    #[error("the secret in {}: {reason}", from.display())]
    Secret { from: PathBuf, reason: String },
    #[error("Kafka at {brokers} does not answer: {reason}")]
    Unreachable { brokers: String, reason: String },
    #[error(transparent)]
    Topic(#[from] Finding),
    #[error("topic {topic} was deleted or made anew while the log was open: its id was {was} and is {is}")]
    Replaced { topic: String, was: String, is: String },
    #[error("Kafka refuses {what}: {reason}")]
    Refused { what: String, reason: String },
    #[error("{operation} of topic {topic}: {reason}")]
    Change { operation: &'static str, topic: String, reason: String },
    #[error("the Kafka client: {reason}")]
    Client { reason: String },
    #[error("topic {topic} has records without the broker's append time")]
    Undated { topic: String },
    #[error("a record of topic {topic}[{partition}] at or after {offset} cannot be read: {reason}")]
    Unread { topic: String, partition: u32, offset: u64, reason: String },
}

impl KafkaError {
    /// What the client library itself refuses: a setting that does not fit, a file that it cannot read.
    pub(super) fn of_client(error: &rdkafka::error::KafkaError) -> Self {
        KafkaError::Client { reason: error.to_string() }
    }

    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            KafkaError::Address { .. } => "CRN-5141",
            KafkaError::Secret { .. } => "CRN-5142",
            KafkaError::Unreachable { .. } => "CRN-5143",
            KafkaError::Topic(finding) => finding.code(),
            KafkaError::Replaced { .. } => "CRN-5150",
            KafkaError::Refused { .. } => "CRN-5151",
            KafkaError::Change { .. } => "CRN-5152",
            KafkaError::Client { .. } => "CRN-5153",
            KafkaError::Undated { .. } => "CRN-5154",
            KafkaError::Unread { .. } => "CRN-5155",
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        next_of(self.code())
    }

    /// Whether the same question may be answered later.
    pub fn passes(&self) -> bool {
        matches!(self, KafkaError::Unreachable { .. })
    }
}
