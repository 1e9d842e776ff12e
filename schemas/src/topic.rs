//! Topics: the six places where authors speak, and the journal where deciders answer.
//!
//! Owns the names and the stable numbers of the streams. Refuses contents: an event knows its topic, a topic knows no event.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One of the six input topics. The numbers are part of persisted formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Topic {
    Jobs = 0,
    Gradients = 1,
    Proofs = 2,
    Audit = 3,
    Votes = 4,
    Payments = 5,
}

impl Topic {
    /// All topics, in the order in which positions are written into a block header.
    pub const ALL: [Topic; 6] = [Topic::Jobs, Topic::Gradients, Topic::Proofs, Topic::Audit, Topic::Votes, Topic::Payments];

    /// The name that users see; also the Kafka topic.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Jobs => "jobs",
            Topic::Gradients => "gradients",
            Topic::Proofs => "proofs",
            Topic::Audit => "audit",
            Topic::Votes => "votes",
            Topic::Payments => "payments",
        }
    }
}

/// A stream of records: one of the topics, or the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    Topic(Topic),
    Journal,
}

impl Stream {
    /// All streams: the topics in their order, then the journal.
    pub const ALL: [Stream; 7] = [
        Stream::Topic(Topic::Jobs),
        Stream::Topic(Topic::Gradients),
        Stream::Topic(Topic::Proofs),
        Stream::Topic(Topic::Audit),
        Stream::Topic(Topic::Votes),
        Stream::Topic(Topic::Payments),
        Stream::Journal,
    ];

    /// The stable number in persisted formats: 0 to 5 for topics, 6 for the journal.
    pub const fn number(self) -> u8 {
        match self {
            Stream::Topic(topic) => topic as u8,
            Stream::Journal => 6,
        }
    }

    /// The stream of a persisted number, or `None` for one that no version has written.
    pub fn from_number(number: u8) -> Option<Stream> {
        Stream::ALL.into_iter().find(|stream| stream.number() == number)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Stream::Topic(topic) => topic.name(),
            Stream::Journal => "journal",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names none of the six topics.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no topic: jobs, gradients, proofs, audit, votes or payments")]
pub struct UnknownTopic(pub String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Topic::ALL.into_iter().find(|topic| topic.name() == text).ok_or_else(|| UnknownTopic(text.into()))
    }
}
