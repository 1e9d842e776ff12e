//! The log: durable, ordered streams of records, and the contract that every backend of it keeps.
//!
//! Owns the [`EventLog`] contract, its backends ([`memory`], [`disk`], [`kafka`]), the conformance [`suite`] that each of them
//! passes, the content-addressed [`blobs`] over a [`store`], the rule of the [`journal`], and the [`archive`]
//! of journals. Refuses meaning: to the log a record is bytes, and only
//! `journal` looks inside.
//!
//! Four things hold for every backend, and a caller may assume nothing beyond them:
//! offsets ascend but may have gaps; a record is visible only once it is durable; an append may end with an unknown
//! outcome and is then sent again, so that a record may be there twice; an assignment may be lost without a word.

pub mod archive;
pub mod assignment;
mod backlog;
mod batch;
pub mod blobs;
pub mod clock;
pub mod disk;
pub mod durable;
mod error;
pub mod journal;
pub mod kafka;
pub mod memory;
pub mod store;
pub mod suite;
pub mod trace;

pub use assignment::{Assigner, Assignment, Assignments, Change};
pub use backlog::Backlog;
pub use batch::{APPEND_BYTES, APPEND_RECORDS, Batch};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{AppendError, DeleteError, ReadError};
pub use trace::{Trace, Traces};

use async_trait::async_trait;
use bytes::Bytes;
use cairn_schemas::Stream;
use std::fmt;

/// Where a record lies: one partition of one stream. The unit of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub stream: Stream,
    pub partition: u32,
}

impl Place {
    pub const fn new(stream: Stream, partition: u32) -> Self {
        Place { stream, partition }
    }

    /// The journal of a partition.
    pub const fn journal(partition: u32) -> Self {
        Place { stream: Stream::Journal, partition }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.stream, self.partition)
    }
}

/// What was read: the bytes as they were appended, and where and when that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: u64,
    /// When the log took the record, milliseconds since 1970-01-01 UTC, by the log's clock. Never goes back within a place.
    pub time: i64,
    pub bytes: Bytes,
    /// The spans that it continues, as far as the log remembers: a hint, which nothing may depend on.
    pub traces: Traces,
}

/// Where one appended record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub offset: u64,
    /// As in [`Record::time`].
    pub time: i64,
}

/// How much one read returns at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    pub records: usize,
    /// Summed over [`Record::bytes`]. The first record comes whatever its size, so that every reader gets on.
    pub bytes: usize,
}

impl Default for ReadLimit {
    fn default() -> Self {
        ReadLimit { records: 1_024, bytes: 4 * 1024 * 1024 }
    }
}

/// The answer to one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Offsets strictly ascending, none below the one asked for.
    pub records: Vec<Record>,
    /// One past the last visible record of the place, at the time of the read (behind an archive, up to a second before); 0 where
    /// nothing was ever visible.
    pub end: u64,
}

impl Read {
    /// The offset to read from next, after a read from `from`.
    pub fn next(&self, from: u64) -> u64 {
        self.records.last().map_or(from.max(self.end), |last| last.offset + 1)
    }
}

/// A log of seven streams, each with the same number of partitions.
///
/// Everything here is safe to call at once from many tasks. Every future is safe to drop: a dropped `read`, `wait` or
/// `time` has done nothing, a dropped `append` has an unknown outcome.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Partitions of each stream, at least 1. MUST NOT change during the life of the log.
    fn partitions(&self) -> u32;

    /// Appends the records of `batch` to one place, in the order given, and says where each lies.
    ///
    /// On `Ok`, MUST: all are durable and visible, offsets strictly ascend, nothing of this call is missing or out of order.
    /// MAY: a record is there more than once (an at-least-once backend retries); the offsets answered are those of one full copy.
    /// MAY: records of other calls lie between them, and offsets have gaps.
    /// On [`AppendError::Unknown`]: each may be there once, more often, or not at all; the caller sends the same bytes again.
    /// On every other error, MUST: nothing of this call is visible, now or later.
    /// Two appends to one place of which the second was called after the first returned lie in that order.
    ///
    /// At most [`APPEND_RECORDS`] records, [`APPEND_BYTES`] in sum and [`RECORD_BYTES`](cairn_schemas::limits::RECORD_BYTES) each; more is
    /// [`AppendError::TooLarge`]. MUST take all up to these. No records: `Ok` and nothing happens.
    ///
    /// The traces beside the records MAY be forgotten, all or some, then or later; those of one record MUST NOT be given to another.
    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError>;

    /// Reads visible records of one place with offset at or above `from`, as many as `limit` allows.
    ///
    /// MUST: only durable records; once visible, a record stays where and what it is until it is deleted from the
    /// front; at least one record if any is visible at or above `from`; append times never go back along a place.
    /// MUST NOT return bytes other than those appended: that is [`ReadError::Damaged`].
    /// MAY return fewer than the limit allows. Reading at the end gives no records and is no error.
    /// Beyond the end is [`ReadError::BeyondEnd`]: the log lost what this reader has seen. Below the first kept record is
    /// [`ReadError::Truncated`].
    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError>;

    /// Returns once any of `places` shows a record at or above its offset; at once where one does already, or where what lay there was
    /// deleted, which a read then says.
    ///
    /// MUST NOT return earlier. MAY return late, but not never. Without places it never returns.
    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError>;

    /// The log's clock now, milliseconds since 1970-01-01 UTC: what an append would be stamped with. Never goes back.
    async fn time(&self) -> Result<i64, ReadError>;

    /// Deletes the visible records of `place` below `below`, from the front, and returns the first offset that may still be read.
    ///
    /// MUST NOT delete anything at or above `below`. MAY keep more than asked. On `Ok(first)`, MUST: `first` is at most the greater of
    /// `below` and what it was before, reads below `first` are [`ReadError::Truncated`], also after a restart, and reads from it on answer
    /// as before; offsets go on as if nothing was deleted. Deleting again is harmless.
    /// Beyond the end is [`DeleteError::BeyondEnd`]: the caller believes in records that this log does not have. On any error nothing that
    /// was not asked for is gone. A backend that keeps everything says so: [`DeleteError::Unsupported`], and deletes nothing.
    async fn delete_below(&self, place: Place, _below: u64) -> Result<u64, DeleteError> {
        Err(DeleteError::Unsupported { place })
    }

    /// Joins as `member` and learns which partitions it is given, now and from then on.
    ///
    /// A partition stands for its journal and its six topics. MUST: generations of one partition ascend from one
    /// assignment to the next, whoever gets it; a member sees `Revoked` of a generation before it sees the next `Given` of the partition.
    /// MAY: two members both believe they own a partition (the revocation of the elder is late, or lost with its network);
    /// a generation that came and went unseen is never told. So an assignment allows to claim a partition; only a claim in the journal owns it.
    fn assignments(&self, member: &str) -> Assignments;
}

/// Refuses a place that the log does not have.
pub(crate) fn check_place(partitions: u32, place: Place) -> Result<(), ReadError> {
    if place.partition < partitions { Ok(()) } else { Err(ReadError::NoSuchPlace { place, partitions }) }
}
