//! The writing thread: group commit.
//!
//! Owns the tail of the log. One round: gather what waits, lay it out as frames, one write, one fdatasync, show it, answer. Refuses to go on after a
//! failed fsync, and leaves no byte of a refused append behind.

use super::frame::{Encoder, FrameHead, SEGMENT_HEAD, SegmentHead};
use super::recover::{Tail, begin_segment, settle_segment};
use super::{OnFatal, Options, Shared};
use crate::{AppendError, Appended, Batch, Place, Record};
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Bytes of one group, after which no further append is taken into it.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Appends of one group.
const GROUP_ASKS: usize = 4_096;

/// One append that waits.
#[derive(Debug)]
pub struct Ask {
    pub place: Place,
    pub batch: Batch,
    pub answer: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
    pub _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    asks: mpsc::Receiver<Ask>,
    tail: Tail,
    segment_bytes: u64,
    /// A new segment was begun and not finished for want of space: nothing more may go into the old one, or both would
    /// hold frames of the same number.
    rolling: bool,
    on_fatal: OnFatal,
    /// The frames of the group under way; kept for its memory.
    buffer: Vec<u8>,
}

/// Frames in the buffer, each with the position it will have.
struct Layout {
    frames: Vec<(FrameHead, u32)>,
    /// The first offset of each append of the group.
    offsets: Vec<u64>,
    time: i64,
}

/// How a group ended that was not committed.
enum Failed {
    /// Nothing of it is in the log.
    Refused(io::Error),
    /// Nobody knows, and nothing may be written any more.
    Fatal(String),
}

impl Writer {
    pub fn new(shared: Arc<Shared>, tail: Tail, asks: mpsc::Receiver<Ask>, options: &Options) -> Self {
        let segment_bytes = u64::from(options.segment_bytes.min(u32::MAX / 2));
        Writer { shared, asks, tail, segment_bytes, rolling: false, on_fatal: options.on_fatal.clone(), buffer: Vec::new() }
    }

    /// Commits groups until the log is dropped, or an fsync fails.
    pub fn run(mut self) {
        while let Some(first) = self.asks.blocking_recv() {
            let group = self.gather(first);
            if let Err(reason) = self.round(group) {
                // Those who wait still learn it, by their dropped senders: the outcome is unknown.
                return (self.on_fatal.0)(&reason);
            }
        }
        if let Err(error) = self.tail.file.sync() {
            (self.on_fatal.0)(&format!("fsync of the log at its end: {error}"));
        }
    }

    fn gather(&mut self, first: Ask) -> Vec<Ask> {
        let mut bytes = first.size();
        let mut group = vec![first];
        while bytes < GROUP_BYTES && group.len() < GROUP_ASKS {
            let Ok(ask) = self.asks.try_recv() else { break };
            bytes += ask.size();
            group.push(ask);
        }
        // Stable: appends to one place keep the order in which they came, and become one frame.
        group.sort_by_key(|ask| ask.place);
        group
    }

    fn round(&mut self, group: Vec<Ask>) -> Result<(), String> {
        match self.commit(&group) {
            Ok(layout) => {
                self.show(&group, &layout);
                for (ask, first) in group.into_iter().zip(layout.offsets) {
                    let appended = (first..).take(ask.batch.records.len()).map(|offset| Appended { offset, time: layout.time }).collect();
                    let _ = ask.answer.send(Ok(appended));
                }
                self.mark(layout.time);
                Ok(())
            }
            Err(Failed::Refused(error)) => {
                group.into_iter().for_each(|ask| ask.refuse(&error));
                Ok(())
            }
            Err(Failed::Fatal(reason)) => Err(reason),
        }
    }

    /// Writes the group and makes it durable.
    fn commit(&mut self, group: &[Ask]) -> Result<Layout, Failed> {
        let bytes: usize = group.iter().map(Ask::size).sum();
        let full = self.tail.at > SEGMENT_HEAD as u64 && self.tail.at + bytes as u64 > self.segment_bytes;
        if full || self.rolling {
            self.roll()?;
        }
        let layout = self.lay_out(group);
        if let Err(error) = self.tail.file.write_at(&self.buffer, self.tail.at) {
            return Err(self.cut(error));
        }
        self.tail.file.sync().map_err(|error| Failed::Fatal(format!("fsync of the log: {error}")))?;
        self.tail.at += self.buffer.len() as u64;
        self.tail.number += layout.frames.len() as u64;
        Ok(layout)
    }

    /// Takes back a write that failed half-way, durably: its frames must not appear after a crash.
    fn cut(&self, error: io::Error) -> Failed {
        match self.tail.file.set_len(self.tail.at).and_then(|()| self.tail.file.sync()) {
            Ok(()) => Failed::Refused(error),
            Err(cut) => Failed::Fatal(format!("a write to the log failed ({error}) and could not be taken back: {cut}")),
        }
    }

    /// Goes on in a new segment. All of the old one is durable: every group was synced.
    fn roll(&mut self) -> Result<(), Failed> {
        let head = SegmentHead { partitions: self.shared.partitions, salt: self.shared.index().salt(), first: self.tail.number };
        let files = self.shared.files.as_ref();
        self.rolling = true;
        let file = begin_segment(files, head).map_err(Failed::Refused)?;
        settle_segment(files, file.as_ref()).map_err(|error| Failed::Fatal(format!("fsync of the log's next segment: {error}")))?;
        self.rolling = false;
        self.shared.index_mut().begin_segment(head.first);
        self.tail = Tail { file, at: SEGMENT_HEAD as u64, number: head.first };
        Ok(())
    }

    /// Fills the buffer: one frame for each run of records to one place, more where they do not fit.
    fn lay_out(&mut self, group: &[Ask]) -> Layout {
        self.buffer.clear();
        self.buffer.shrink_to(2 * GROUP_BYTES);
        let index = self.shared.index();
        let time = self.shared.stamp.now_ms();
        let mut encoder = Encoder { into: &mut self.buffer, salt: index.salt(), durable: self.tail.number - 1, time };
        let mut layout = Layout { frames: Vec::new(), offsets: Vec::with_capacity(group.len()), time };
        for run in group.chunk_by(|one, next| one.place == next.place) {
            let place = run[0].place;
            let mut offset = index.end(place);
            layout.offsets.extend(run.iter().scan(offset, |next, ask| {
                let first = *next;
                *next += ask.batch.records.len() as u64;
                Some(first)
            }));
            let records: Vec<&Bytes> = run.iter().flat_map(|ask| &ask.batch.records).collect();
            let mut left = records.as_slice();
            while !left.is_empty() {
                let (now, later) = left.split_at(Encoder::fitting(left.iter().copied()));
                let at = self.tail.at + encoder.into.len() as u64;
                let head = encoder.records(self.tail.number + layout.frames.len() as u64, place, offset, now);
                layout.frames.push((head, at as u32));
                offset += now.len() as u64;
                left = later;
            }
        }
        layout
    }

    fn show(&self, group: &[Ask], layout: &Layout) {
        let mut index = self.shared.index_mut();
        for (head, at) in &layout.frames {
            let added = index.add(head, *at);
            debug_assert!(added.is_ok(), "{added:?}");
        }
        for (ask, first) in group.iter().zip(&layout.offsets) {
            let records = (*first..).zip(ask.batch.iter());
            let records = records.map(|(offset, (bytes, traces))| Record { offset, time: layout.time, bytes: bytes.clone(), traces });
            index.remember(ask.place, records);
        }
        drop(index);
        self.shared.changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Says on disk that all is durable, when there is time for it. It is not synced, and lost without harm: it only lets the next
    /// recovery tell damage from a torn tail.
    fn mark(&self, time: i64) {
        if self.asks.is_empty() {
            let salt = self.shared.index().salt();
            let _ = self.tail.mark(salt, time);
        }
    }
}

impl Ask {
    /// Bytes that the append takes on disk, about.
    fn size(&self) -> usize {
        self.batch.records.iter().map(|record| record.len() + 4).sum::<usize>() + 2 * super::frame::FRAME_HEAD
    }

    fn refuse(self, error: &io::Error) {
        let place = self.place;
        let refusal = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::Full { place },
            kind => AppendError::Io { place, source: io::Error::new(kind, error.to_string()) },
        };
        let _ = self.answer.send(Err(refusal));
    }
}
