//! Walking a segment, frame by frame.
//!
//! Owns the one way in which frames are read, at recovery and for readers. Refuses to judge: whether a bad frame is damage or a torn tail is
//! recovery's to say; to a reader it is always damage, because only what was durable is shown.

use super::files::{Files, SegmentFile};
use super::frame::{FRAME_HEAD, FrameHead, Kind, Reason, SEGMENT_HEAD, segment_name};
use crate::{Place, Read, ReadError, ReadLimit, Record};
use bytes::Bytes;
use std::io;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// What stands at a walker's position.
pub enum Step {
    Frame(FrameHead),
    /// The file ends exactly here.
    End,
    Bad(Reason),
}

/// A position in a segment.
pub struct Walker {
    file: Box<dyn SegmentFile>,
    salt: u32,
    pub at: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl Walker {
    pub fn new(file: Box<dyn SegmentFile>, salt: u32) -> Self {
        Walker { file, salt, at: SEGMENT_HEAD as u64, chunk: Vec::new(), chunk_at: 0 }
    }

    /// The frame's head at the position, which does not move.
    pub fn head(&mut self) -> io::Result<Step> {
        let salt = self.salt;
        let bytes = self.view(0, FRAME_HEAD)?;
        if bytes.is_empty() {
            return Ok(Step::End);
        }
        Ok(FrameHead::decode(bytes, salt).map_or_else(Step::Bad, Step::Frame))
    }

    /// The body of the frame at the position; shorter than its head says where the file ends.
    pub fn body(&mut self, head: &FrameHead) -> io::Result<&[u8]> {
        self.view(FRAME_HEAD, head.body_len())
    }

    pub fn pass(&mut self, head: &FrameHead) {
        self.at += head.stride() as u64;
    }

    /// Whether a whole frame's head at or behind the position says that frame `number` was once durable.
    pub fn durable_later(&mut self, number: u64) -> io::Result<bool> {
        loop {
            match self.head()? {
                Step::Frame(head) if head.durable >= number => return Ok(true),
                Step::End => return Ok(false),
                // Every frame begins at a multiple of 8, however its predecessors were torn.
                Step::Frame(_) | Step::Bad(_) => self.at += 8,
            }
        }
    }

    /// Bytes at the position plus `skip`: `len` of them, or up to the file's end.
    fn view(&mut self, skip: usize, len: usize) -> io::Result<&[u8]> {
        let from = self.at + skip as u64;
        let held = from >= self.chunk_at && from + len as u64 <= self.chunk_at + self.chunk.len() as u64;
        if !held {
            self.chunk.resize(len.max(CHUNK), 0);
            let read = self.file.read_at(&mut self.chunk, from)?;
            self.chunk.truncate(read);
            self.chunk_at = from;
        }
        let start = (from - self.chunk_at) as usize;
        let end = (start + len).min(self.chunk.len());
        Ok(&self.chunk[start..end])
    }
}

/// The way to records that are no longer in memory: where to begin in which segments.
#[derive(Debug)]
pub struct Route {
    pub place: Place,
    pub from: u64,
    pub end: u64,
    pub salt: u32,
    pub stops: Vec<Stop>,
}

/// A stretch of a segment in which frames of the place begin, the first at its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    pub segment: u64,
    pub at: u32,
    pub until: u32,
}

impl Route {
    /// Reads along the route until the limit, or its end. Blocks.
    pub fn walk(&self, files: &dyn Files, limit: ReadLimit) -> Result<Read, ReadError> {
        let mut gathered = Gathered { from: self.from, limit, bytes: 0, records: Vec::new(), full: false };
        let mut open: Option<(u64, Walker)> = None;
        for stop in &self.stops {
            let mut walker = match open.take() {
                Some((segment, walker)) if segment == stop.segment => walker,
                _ => Walker::new(files.open(&segment_name(stop.segment)).map_err(|source| self.io(source))?, self.salt),
            };
            self.stretch(&mut walker, stop, &mut gathered)?;
            if gathered.full || gathered.next() == self.end {
                break;
            }
            open = Some((stop.segment, walker));
        }
        match self.stops.first() {
            Some(stop) if gathered.records.is_empty() => {
                Err(self.damaged(stop.segment, stop.at.into(), "the record is not where it was written"))
            }
            _ => Ok(Read { records: gathered.records, end: self.end }),
        }
    }

    fn stretch(&self, walker: &mut Walker, stop: &Stop, gathered: &mut Gathered) -> Result<(), ReadError> {
        walker.at = u64::from(stop.at);
        while walker.at < u64::from(stop.until) && !gathered.full && gathered.next() < self.end {
            let at = walker.at;
            let damaged = |reason| self.damaged(stop.segment, at, reason);
            let head = match walker.head().map_err(|source| self.io(source))? {
                Step::Frame(head) => head,
                Step::End => return Err(damaged("the segment is cut off")),
                Step::Bad(reason) => return Err(damaged(reason)),
            };
            match head.kind {
                Kind::Mark => return Err(damaged("a frame was overwritten")),
                Kind::Records { place, offset, count } if place == self.place && offset + u64::from(count) > gathered.next() => {
                    if offset > gathered.next() {
                        return Err(damaged("records are missing before this frame"));
                    }
                    let body = Bytes::copy_from_slice(walker.body(&head).map_err(|source| self.io(source))?);
                    let records = head.records(&body).map_err(damaged)?;
                    gathered.take(records);
                }
                Kind::Records { .. } => {}
            }
            walker.pass(&head);
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> ReadError {
        ReadError::Io { place: self.place, source }
    }

    fn damaged(&self, segment: u64, at: u64, reason: Reason) -> ReadError {
        ReadError::Damaged { place: self.place, offset: self.from, file: segment_name(segment), at, reason }
    }
}

/// Records taken so far, and what is left of the limit.
struct Gathered {
    from: u64,
    limit: ReadLimit,
    bytes: usize,
    records: Vec<Record>,
    full: bool,
}

impl Gathered {
    fn next(&self) -> u64 {
        self.records.last().map_or(self.from, |last| last.offset + 1)
    }

    fn take(&mut self, records: Vec<Record>) {
        for record in records {
            if record.offset < self.next() {
                continue;
            }
            let over = self.bytes + record.bytes.len() > self.limit.bytes || self.records.len() >= self.limit.records;
            if over && !self.records.is_empty() {
                self.full = true;
                return;
            }
            self.bytes += record.bytes.len();
            self.records.push(record);
        }
    }
}
