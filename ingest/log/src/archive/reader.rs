//! The archive as a log: read like any other, by whatever folds a journal.
//!
//! Owns the finding of the segment that holds an offset. Refuses appends where it stands alone; before a tail it answers only for
//! journal records that the tail has deleted, and all else is the tail's.

use super::{Archive, ArchiveError, Cover, Segment};
use crate::{
    AppendError, Appended, Assigner, Assignments, Batch, Clock, DeleteError, EventLog, Place, Read, ReadError, ReadLimit, Record,
    SystemClock, check_place,
};
use async_trait::async_trait;
use cairn_schemas::Stream;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the tail's word about its front and its end is taken again: asking costs a seek, and who reads from far behind would ask
/// before each read.
const FRESH: Duration = Duration::from_secs(1);

/// Journals out of the archive, and behind them the log that goes on, if there is one.
#[derive(Debug)]
pub struct ArchiveLog {
    archive: Archive,
    partitions: u32,
    tail: Option<Arc<dyn EventLog>>,
    clock: SystemClock,
    /// By partition: what is known of its segments, and the one that was read last.
    opened: Mutex<BTreeMap<u32, Opened>>,
    /// By partition: what the tail said last.
    fronts: Mutex<BTreeMap<u32, Front>>,
}

/// Where the tail of a journal began and ended when it was asked.
#[derive(Clone, Copy, Debug)]
struct Front {
    first: u64,
    end: u64,
    asked: Instant,
}

#[derive(Clone, Debug)]
struct Opened {
    cover: Arc<Cover>,
    /// The offset behind the last segment; 0 without any.
    end: u64,
    /// Where in the cover `segment` stands.
    at: usize,
    segment: Option<Arc<Segment>>,
}

impl ArchiveLog {
    /// The archive alone, as it is now: journals up to the last archived block, and topics whose records are all deleted.
    pub async fn alone(archive: Archive) -> Result<ArchiveLog, ArchiveError> {
        let partitions = archive.partitions().await?;
        Ok(ArchiveLog {
            archive,
            partitions,
            tail: None,
            clock: SystemClock::default(),
            opened: Mutex::default(),
            fronts: Mutex::default(),
        })
    }

    /// The archive before a log that keeps only what comes later.
    pub fn before(archive: Archive, tail: Arc<dyn EventLog>) -> ArchiveLog {
        let partitions = tail.partitions();
        let (opened, fronts) = (Mutex::default(), Mutex::default());
        ArchiveLog { archive, partitions, tail: Some(tail), clock: SystemClock::default(), opened, fronts }
    }

    /// Journal records from an offset on; without any at the archive's end, and beyond it.
    async fn recall(&self, partition: u32, from: u64, limit: ReadLimit) -> Result<Read, ArchiveError> {
        let mut opened = self.opened(partition, from).await?;
        let nothing = opened.cover.spans.is_empty().then_some(0);
        if from < opened.end {
            let records = self.gather(partition, from, limit, &mut opened).await?;
            return Ok(Read { records, end: opened.end });
        }
        match opened.cover.gap.or(nothing) {
            Some(height) => Err(ArchiveError::Gap { partition, height }),
            None => Ok(Read { records: Vec::new(), end: opened.end }),
        }
    }

    /// Records of as many segments as the limit holds: what is archived often is in small ones.
    async fn gather(&self, partition: u32, from: u64, limit: ReadLimit, opened: &mut Opened) -> Result<Vec<Record>, ArchiveError> {
        let (mut records, mut left) = (Vec::new(), limit);
        while let Some(next) = records.last().map_or(Some(from), |last: &Record| Some(last.offset + 1).filter(|&next| next < opened.end)) {
            let segment = match self.segment(partition, next, opened).await {
                // What was read is given; the next read meets the damage.
                Err(_) if !records.is_empty() => break,
                segment => segment?,
            };
            let before = records.len();
            select(&segment, next, &mut left, &mut records);
            if records.len() == before || left.records == 0 {
                break;
            }
        }
        Ok(records)
    }

    /// What is known of a partition. Before a tail, the archive grows: beyond its known end it is looked at again.
    async fn opened(&self, partition: u32, from: u64) -> Result<Opened, ArchiveError> {
        let known = self.lock().get(&partition).filter(|opened| self.tail.is_none() || from < opened.end).cloned();
        if let Some(opened) = known {
            return Ok(opened);
        }
        let cover = self.archive.cover(partition).await?;
        let segment = match cover.spans.last() {
            Some(span) => Some(Arc::new(self.archive.load(partition, *span).await?)),
            None => None,
        };
        let (at, end) = (cover.spans.len().saturating_sub(1), segment.as_ref().map_or(0, |segment| segment.end()));
        let opened = Opened { cover: Arc::new(cover), end, at, segment };
        self.lock().insert(partition, opened.clone());
        Ok(opened)
    }

    /// The segment that holds an offset below the end: the one read last, or the one behind it, or else it is searched for.
    async fn segment(&self, partition: u32, from: u64, opened: &mut Opened) -> Result<Arc<Segment>, ArchiveError> {
        let cover = opened.cover.clone();
        let spans = &cover.spans;
        let (mut low, mut high) = (0, spans.len());
        match &opened.segment {
            Some(last) if last.from <= from && from < last.end() => return Ok(last.clone()),
            Some(last) if from == last.end() => (low, high) = (opened.at + 1, (opened.at + 2).min(high)),
            // Who reads from the front meets damage where it comes to it, not before.
            _ if from == 0 => high = high.min(1),
            _ => {}
        }
        // Ends ascend: the first segment that ends behind the offset holds it.
        let mut found = None;
        while low < high {
            let at = low + (high - low) / 2;
            let segment = Arc::new(self.archive.load(partition, spans[at]).await?);
            if from < segment.end() {
                (high, found) = (at, Some((at, segment)));
            } else {
                low = at + 1;
            }
        }
        match found {
            Some((at, segment)) if segment.from <= from => {
                (opened.at, opened.segment) = (at, Some(segment.clone()));
                self.remember(partition, &cover, at, &segment);
                Ok(segment)
            }
            Some((_, segment)) => Err(ArchiveError::Gap { partition, height: segment.first }),
            None => Err(ArchiveError::Gap { partition, height: spans.last().map_or(0, |span| span.last + 1) }),
        }
    }

    fn remember(&self, partition: u32, cover: &Arc<Cover>, at: usize, segment: &Arc<Segment>) {
        if let Some(opened) = self.lock().get_mut(&partition).filter(|opened| Arc::ptr_eq(&opened.cover, cover)) {
            (opened.at, opened.segment) = (at, Some(segment.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fronts(&self) -> MutexGuard<'_, BTreeMap<u32, Front>> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the tail said of a journal's front, where `from` lies below it and the word is fresh.
    fn behind(&self, place: Place, from: u64) -> Option<Front> {
        let front = self.fronts().get(&place.partition).copied()?;
        (place.stream == Stream::Journal && from < front.first && front.asked.elapsed() < FRESH).then_some(front)
    }

    /// Asks the tail where it ends, at its front, which may move on meanwhile; and keeps both.
    async fn ask(&self, tail: &dyn EventLog, place: Place, mut first: u64) -> Result<Front, ReadError> {
        let end = loop {
            match tail.read(place, first, ReadLimit { records: 1, bytes: 1 }).await {
                Err(ReadError::Truncated { first: moved, .. }) if moved > first => first = moved,
                read => break read?.end,
            }
        };
        let front = Front { first, end, asked: Instant::now() };
        self.fronts().insert(place.partition, front);
        Ok(front)
    }
}

/// Takes records of a segment, as many as is left of what a read may give; once a record does not fit, nothing is left.
fn select(segment: &Segment, from: u64, left: &mut ReadLimit, records: &mut Vec<Record>) {
    let start = segment.records.partition_point(|record| record.offset < from);
    for record in &segment.records[start..] {
        let fits = left.records > 0 && record.bytes.len() <= left.bytes;
        if !fits && !records.is_empty() {
            left.records = 0;
            return;
        }
        *left = ReadLimit { records: left.records.saturating_sub(1), bytes: left.bytes.saturating_sub(record.bytes.len()) };
        records.push(record.clone());
    }
}

#[async_trait]
impl EventLog for ArchiveLog {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        match &self.tail {
            Some(tail) => tail.append(place, batch).await,
            None => batch.check(self.partitions, place).and(Err(AppendError::ReadOnly { place })),
        }
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        check_place(self.partitions, place)?;
        let is_journal = place.stream == Stream::Journal;
        let Some(tail) = &self.tail else {
            if !is_journal {
                return Err(ReadError::Truncated { place, from, first: u64::MAX });
            }
            let read = self.recall(place.partition, from, limit).await?;
            return if from > read.end { Err(ReadError::BeyondEnd { place, from, end: read.end }) } else { Ok(read) };
        };
        let front = match self.behind(place, from) {
            Some(front) => front,
            None => match tail.read(place, from, limit).await {
                Err(ReadError::Truncated { first, .. }) if is_journal => self.ask(tail.as_ref(), place, first).await?,
                read => return read,
            },
        };
        let told = self.recall(place.partition, from, limit).await?;
        if told.records.is_empty() {
            return Err(ReadError::Truncated { place, from, first: front.first });
        }
        // The end is the tail's: the archive is behind it.
        Ok(Read { end: front.end, ..told })
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        if let Some(tail) = &self.tail {
            let known = places.iter().any(|(place, from)| self.behind(*place, *from).is_some());
            return if known { Ok(()) } else { tail.wait(places).await };
        }
        for (place, from) in places {
            check_place(self.partitions, *place)?;
            if place.stream == Stream::Journal && *from < self.opened(place.partition, *from).await?.end {
                return Ok(());
            }
        }
        // What is archived later, a later opening shows.
        std::future::pending().await
    }

    async fn time(&self) -> Result<i64, ReadError> {
        match &self.tail {
            Some(tail) => tail.time().await,
            None => Ok(self.clock.now_ms()),
        }
    }

    async fn delete_below(&self, place: Place, below: u64) -> Result<u64, DeleteError> {
        match &self.tail {
            Some(tail) => tail.delete_below(place, below).await,
            None => Err(DeleteError::Unsupported { place }),
        }
    }

    /// An archive alone gives nobody a partition.
    fn assignments(&self, member: &str) -> Assignments {
        match &self.tail {
            Some(tail) => tail.assignments(member),
            None => Assigner::default().join(member),
        }
    }
}
