//! Backlog: what lies before a reader who is not at the end.
//!
//! Owns the one way to say how far behind a fold is. Refuses to count what nobody can read: gaps and markers behind the last record are
//! no lag, and what a reader has passed (void blocks, records disposed of) is behind it.

use crate::{EventLog, Place, ReadError, ReadLimit};

/// The visible records of a place at or above an offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many they are at most: offsets may have gaps.
    pub records: u64,
    /// Append time of the first, milliseconds since 1970.
    pub oldest: Option<i64>,
    /// One past the last visible record.
    pub end: u64,
}

impl Backlog {
    /// Looks at a place. Costs the read of one record.
    pub async fn at(log: &dyn EventLog, place: Place, from: u64) -> Result<Backlog, ReadError> {
        let read = log.read(place, from, ReadLimit { records: 1, bytes: 1 }).await?;
        let first = read.records.first();
        let records = first.map_or(0, |first| read.end.saturating_sub(first.offset));
        Ok(Backlog { records, oldest: first.map(|first| first.time), end: read.end })
    }

    /// Age of the oldest record, milliseconds.
    pub fn age_ms(&self, now: i64) -> u64 {
        self.oldest.map_or(0, |oldest| u64::try_from(now.saturating_sub(oldest)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ManualClock, memory::MemoryLog};
    use bytes::Bytes;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_backlog_is_what_lies_before_the_reader() {
        let clock = Arc::new(ManualClock::new(1_000));
        let log = MemoryLog::new(1, clock.clone());
        let place = Place::journal(0);
        assert_eq!(Backlog::at(&log, place, 0).await.unwrap(), Backlog::default());
        for _ in 0..3 {
            log.append(place, vec![Bytes::from_static(b"r")].into()).await.unwrap();
            clock.advance(10);
        }
        for (from, records, oldest) in [(0, 3, Some(1_000)), (2, 1, Some(1_020)), (3, 0, None)] {
            let backlog = Backlog::at(&log, place, from).await.unwrap();
            assert_eq!(backlog, Backlog { records, oldest, end: 3 });
            assert_eq!(backlog.age_ms(1_030), oldest.map_or(0, |oldest| 1_030 - u64::try_from(oldest).unwrap()));
        }
        assert!(matches!(Backlog::at(&log, place, 4).await, Err(ReadError::BeyondEnd { .. })));
    }
}
