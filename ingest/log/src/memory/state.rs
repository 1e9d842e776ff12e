//! What lies in the log, and what the next appends meet.
//!
//! Owns offsets, stamps and visibility. Refuses waiting and locks: its owner has those.

use super::AppendFault;
use crate::{AppendError, Appended, Batch, DeleteError, Place, Read, ReadError, ReadLimit, Record, Traces};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
pub(super) struct State {
    pub crashes: u64,
    /// Faults for the next appends to a place, first come first met.
    pub faults: BTreeMap<Place, VecDeque<AppendFault>>,
    /// Places whose appends are held back.
    pub held: BTreeSet<Place>,
    /// Appends that are not durable yet, in the order in which they came.
    pub unsynced: VecDeque<Unsynced>,
    streams: BTreeMap<Place, Records>,
    latest: i64,
}

#[derive(Debug, Default)]
struct Records {
    visible: VecDeque<Record>,
    /// The lowest offset that may still be read.
    first: u64,
    next: u64,
    end: u64,
}

/// An append that was taken and is not durable: nobody sees it, its caller waits.
#[derive(Debug)]
pub(super) struct Unsynced {
    pub place: Place,
    batch: Batch,
    now: i64,
    synced: oneshot::Sender<Vec<Appended>>,
}

pub(super) enum Outcome {
    Known(Vec<Appended>),
    Unknown,
    Held(oneshot::Receiver<Vec<Appended>>),
}

impl State {
    pub fn append(&mut self, place: Place, batch: Batch, now: i64) -> Result<Outcome, AppendError> {
        let fault = self.faults.get_mut(&place).and_then(VecDeque::pop_front);
        Ok(match fault {
            Some(AppendFault::Full) => return Err(AppendError::Full { place }),
            Some(AppendFault::UnknownLost) => Outcome::Unknown,
            Some(AppendFault::UnknownWritten) => {
                self.write(place, &batch, usize::MAX, now);
                Outcome::Unknown
            }
            Some(AppendFault::UnknownTorn { kept }) => {
                self.write(place, &batch, kept, now);
                Outcome::Unknown
            }
            Some(AppendFault::Duplicated) => {
                self.write(place, &batch, usize::MAX, now);
                Outcome::Known(self.write(place, &batch, usize::MAX, now))
            }
            None if self.held.contains(&place) => {
                let (synced, receiver) = oneshot::channel();
                self.unsynced.push_back(Unsynced { place, batch, now, synced });
                Outcome::Held(receiver)
            }
            None => Outcome::Known(self.write(place, &batch, usize::MAX, now)),
        })
    }

    /// The time that a record taken now carries.
    pub fn stamp(&mut self, now: i64) -> i64 {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Makes the first `kept` records durable and visible.
    fn write(&mut self, place: Place, batch: &Batch, kept: usize, now: i64) -> Vec<Appended> {
        let time = self.stamp(now);
        let stream = self.streams.entry(place).or_default();
        let appended = batch.iter().take(kept).map(|(bytes, traces)| stream.push(bytes.clone(), traces, time));
        appended.collect()
    }

    /// Makes one held append durable and answers its caller, who may have gone.
    pub fn sync(&mut self, unsynced: Unsynced) {
        let appended = self.write(unsynced.place, &unsynced.batch, usize::MAX, unsynced.now);
        let _ = unsynced.synced.send(appended);
    }

    /// Makes one held append durable whose caller dies with the node and is answered nothing.
    pub fn survive(&mut self, unsynced: Unsynced) {
        self.write(unsynced.place, &unsynced.batch, usize::MAX, unsynced.now);
    }

    pub fn skip(&mut self, place: Place, offsets: u64) {
        self.streams.entry(place).or_default().next += offsets;
    }

    /// Deletes from the front, and returns the first offset that is kept.
    pub fn delete_below(&mut self, place: Place, below: u64) -> Result<u64, DeleteError> {
        let stream = self.streams.entry(place).or_default();
        if below > stream.end {
            return Err(DeleteError::BeyondEnd { place, below, end: stream.end });
        }
        stream.delete_below(below);
        Ok(stream.first)
    }

    pub fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        match self.streams.get(&place) {
            Some(stream) => stream.read(place, from, limit),
            None => Records::default().read(place, from, limit),
        }
    }

    pub fn shows_any(&self, places: &[(Place, u64)]) -> bool {
        places.iter().any(|(place, from)| self.streams.get(place).is_some_and(|stream| stream.end > *from))
    }
}

impl Records {
    fn push(&mut self, bytes: Bytes, traces: Traces, time: i64) -> Appended {
        let offset = self.next;
        self.visible.push_back(Record { offset, time, bytes, traces });
        self.next += 1;
        self.end = self.next;
        Appended { offset, time }
    }

    fn delete_below(&mut self, below: u64) {
        self.first = self.first.max(below);
        while self.visible.front().is_some_and(|record| record.offset < self.first) {
            self.visible.pop_front();
        }
    }

    fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        if from < self.first {
            return Err(ReadError::Truncated { place, from, first: self.first });
        }
        if from > self.end {
            return Err(ReadError::BeyondEnd { place, from, end: self.end });
        }
        let start = self.visible.partition_point(|record| record.offset < from);
        let mut left = limit.bytes;
        let mut records = Vec::new();
        for record in self.visible.range(start..).take(limit.records.max(1)) {
            if record.bytes.len() > left && !records.is_empty() {
                break;
            }
            left = left.saturating_sub(record.bytes.len());
            records.push(record.clone());
        }
        Ok(Read { records, end: self.end })
    }
}
