//! Where each place's records lie, and the recent ones themselves.
//!
//! Owns what is visible: a record is here once it is durable, and not before. Rebuilt at every open. Refuses files: it
//! answers from memory or names the way.

use super::frame::{FrameHead, Kind, SEGMENT_HEAD};
use super::walk::{Route, Stop};
use crate::{Place, Read, ReadError, ReadLimit, Record};
use cairn_schemas::Stream;
use std::collections::VecDeque;

/// Bytes of a segment that one entry of the index covers: a read looks through no more to find a record.
pub const STRIDE: u32 = 64 * 1024;
/// Entries that one read follows.
const STOPS: usize = 256;

/// All places of a log.
#[derive(Debug)]
pub struct Index {
    partitions: u32,
    salt: u32,
    places: Vec<PlaceIndex>,
    /// The segments in order; entries name a segment by its rank here.
    segments: Vec<Segment>,
    recent_limit: usize,
    recent_bytes: usize,
    /// The places of the recent records, eldest first.
    recent: VecDeque<Place>,
}

#[derive(Debug, Default)]
struct PlaceIndex {
    end: u64,
    /// Each covers the place's frames that begin within [`STRIDE`] bytes from it.
    entries: Vec<Entry>,
    /// The last records before `end`, without a hole.
    recent: VecDeque<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    /// The number of its first frame.
    first: u64,
    /// Where its visible frames end. What lies behind is none of a reader's.
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    segment: u32,
    at: u32,
}

/// How a read goes on.
pub enum Plan {
    Answer(Read),
    Walk(Route),
}

impl Index {
    pub fn new(partitions: u32, salt: u32, recent_limit: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(Stream::ALL.len() * partitions as usize, PlaceIndex::default);
        Index { partitions, salt, places, segments: Vec::new(), recent_limit, recent_bytes: 0, recent: VecDeque::new() }
    }

    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    pub fn salt(&self) -> u32 {
        self.salt
    }

    pub fn end(&self, place: Place) -> u64 {
        self.places[self.rank(place)].end
    }

    /// From now on frames lie in the segment that begins with frame `first`.
    pub fn begin_segment(&mut self, first: u64) {
        self.segments.push(Segment { first, end: SEGMENT_HEAD as u32 });
    }

    /// Shows the records of a frame at `at` of the last segment. Refuses a frame that does not continue its place.
    pub fn add(&mut self, head: &FrameHead, at: u32) -> Result<(), &'static str> {
        match head.kind {
            Kind::Records { place, .. } if place.partition >= self.partitions => {
                Err("a frame is of a partition that the log does not have")
            }
            Kind::Records { place, offset, count } => {
                if let Some(segment) = self.segments.last_mut() {
                    segment.end = at + head.stride() as u32;
                }
                self.extend(place, offset, count, at)
            }
            Kind::Mark => Ok(()),
        }
    }

    fn extend(&mut self, place: Place, offset: u64, count: u32, at: u32) -> Result<(), &'static str> {
        let segment = self.segments.len().saturating_sub(1) as u32;
        let rank = self.rank(place);
        let of = &mut self.places[rank];
        if offset != of.end {
            return Err("a frame's offset does not continue its place");
        }
        of.end = offset + u64::from(count);
        let covered = of.entries.last().is_some_and(|last| last.segment == segment && at - last.at < STRIDE);
        if !covered {
            of.entries.push(Entry { offset, segment, at });
        }
        Ok(())
    }

    /// Keeps records just shown for readers at the tail, and lets the eldest go.
    pub fn remember(&mut self, place: Place, records: impl Iterator<Item = Record>) {
        let rank = self.rank(place);
        for record in records {
            self.recent_bytes += weight(&record);
            self.recent.push_back(place);
            self.places[rank].recent.push_back(record);
        }
        while self.recent_bytes > self.recent_limit {
            let Some(eldest) = self.recent.pop_front() else { break };
            let rank = self.rank(eldest);
            self.recent_bytes -= self.places[rank].recent.pop_front().map_or(0, |record| weight(&record));
        }
    }

    pub fn shows_any(&self, places: &[(Place, u64)]) -> bool {
        places.iter().any(|(place, from)| self.end(*place) > *from)
    }

    /// Answers a read, or says where to look.
    pub fn plan(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Plan, ReadError> {
        let of = &self.places[self.rank(place)];
        if from > of.end {
            return Err(ReadError::BeyondEnd { place, from, end: of.end });
        }
        if from == of.end {
            return Ok(Plan::Answer(Read { records: Vec::new(), end: of.end }));
        }
        let held = of.recent.front().filter(|first| first.offset <= from);
        Ok(match held {
            Some(first) => Plan::Answer(of.recall((from - first.offset) as usize, limit)),
            None => Plan::Walk(Route { place, from, end: of.end, salt: self.salt, stops: self.stops(of, from) }),
        })
    }

    fn stops(&self, of: &PlaceIndex, from: u64) -> Vec<Stop> {
        let first = of.entries.partition_point(|entry| entry.offset <= from).saturating_sub(1);
        let entries = of.entries[first..].iter().take(STOPS);
        let stop = |entry: &Entry| {
            let segment = self.segments[entry.segment as usize];
            Stop { segment: segment.first, at: entry.at, until: segment.end.min(entry.at + STRIDE) }
        };
        entries.map(stop).collect()
    }

    fn rank(&self, place: Place) -> usize {
        usize::from(place.stream.number()) * self.partitions as usize + place.partition as usize
    }
}

/// What a recent record takes in memory, about: an empty one is not nothing.
fn weight(record: &Record) -> usize {
    record.bytes.len() + record.traces.size() + size_of::<Record>() + size_of::<Place>()
}

impl PlaceIndex {
    fn recall(&self, start: usize, limit: ReadLimit) -> Read {
        let mut left = limit.bytes;
        let mut records = Vec::new();
        for record in self.recent.range(start..).take(limit.records.max(1)) {
            if record.bytes.len() > left && !records.is_empty() {
                break;
            }
            left = left.saturating_sub(record.bytes.len());
            records.push(record.clone());
        }
        Read { records, end: self.end }
    }
}
