//! A batch: what one append takes.
//!
//! Owns the limits of an append. Refuses places and outcomes: those are the log's.

use crate::{AppendError, Place, trace::Traces};
use bytes::Bytes;
use cairn_schemas::limits;

/// Records of one append. One HTTP request's events fit four times.
pub const APPEND_RECORDS: usize = 4 * limits::EVENTS_PER_REQUEST;
/// Bytes of one append: one HTTP request's events at their largest fit.
pub const APPEND_BYTES: usize = 64 * 1024 * 1024;

/// Records in order, and beside some of them the spans that they continue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub records: Vec<Bytes>,
    /// Those of the record at the same index; a record beyond the last continues none.
    pub traces: Vec<Traces>,
}

impl Batch {
    /// Records that all continue the same spans.
    pub fn traced(records: Vec<Bytes>, traces: Traces) -> Batch {
        let traces = if traces.is_empty() { Vec::new() } else { vec![traces; records.len()] };
        Batch { records, traces }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, Traces)> {
        self.records.iter().enumerate().map(|(index, bytes)| (bytes, self.traces.get(index).cloned().unwrap_or_default()))
    }

    /// Refuses what no backend takes; returns the sum of the bytes.
    pub(crate) fn check(&self, partitions: u32, place: Place) -> Result<usize, AppendError> {
        let too_large = |what, size, limit| Err(AppendError::TooLarge { place, what, size, limit });
        if place.partition >= partitions {
            return Err(AppendError::NoSuchPlace { place, partitions });
        }
        if self.records.len() > APPEND_RECORDS {
            return too_large("records in one append", self.records.len(), APPEND_RECORDS);
        }
        if let Some(record) = self.records.iter().find(|record| record.len() > limits::RECORD_BYTES) {
            return too_large("bytes of one record", record.len(), limits::RECORD_BYTES);
        }
        let bytes = self.records.iter().map(Bytes::len).sum();
        if bytes > APPEND_BYTES { too_large("bytes of one append", bytes, APPEND_BYTES) } else { Ok(bytes) }
    }
}

/// Records that nobody follows.
impl From<Vec<Bytes>> for Batch {
    fn from(records: Vec<Bytes>) -> Batch {
        Batch { records, traces: Vec::new() }
    }
}
