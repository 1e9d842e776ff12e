//! Following: a chain moved along a log, record by record, as long as there is one.
//!
//! Owns the place in the log and the count of void records. Refuses to go on from a position that the log no longer holds
//! as it was saved.

use super::{Chain, JournalError, Step, VoidReason};
use crate::{EventLog, Place, ReadLimit, Record, Traces};
use bytes::Bytes;
use cairn_schemas::{BlockHash, block::JournalRecord};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// One record of the journal and what it turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub offset: u64,
    /// When the log took it, milliseconds since 1970.
    pub time: i64,
    /// The record's own bytes.
    pub bytes: Bytes,
    /// As in [`Record::traces`].
    pub traces: Traces,
    pub step: Step,
}

/// Void records by reason.
pub type Voids = BTreeMap<VoidReason, u64>;

/// Reads `journal[p]` from where a chain ends. Every future is safe to drop: no record is lost or taken twice.
#[derive(Debug)]
pub struct Follower {
    log: Arc<dyn EventLog>,
    chain: Chain,
    ahead: VecDeque<Record>,
    voids: Voids,
    /// Whether the log was seen to hold the record that the chain ends with.
    met: bool,
}

impl Follower {
    /// Goes on behind `chain`; an empty one begins at the front.
    pub fn new(log: Arc<dyn EventLog>, chain: Chain) -> Follower {
        let met = chain.at().is_none();
        Follower { log, chain, ahead: VecDeque::new(), voids: Voids::new(), met }
    }

    /// The chain behind the last record that was taken.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Void records met by this follower.
    pub fn voids(&self) -> &Voids {
        &self.voids
    }

    pub fn into_chain(self) -> Chain {
        self.chain
    }

    /// The next record; waits until there is one.
    ///
    /// Errors halt: asked again, it answers the same.
    pub async fn next(&mut self) -> Result<Taken, JournalError> {
        loop {
            if let Some(taken) = self.try_next().await? {
                return Ok(taken);
            }
            self.log.wait(&[(self.place(), self.chain.offset())]).await?;
        }
    }

    /// The next record if one is visible now.
    pub async fn try_next(&mut self) -> Result<Option<Taken>, JournalError> {
        if self.ahead.is_empty() {
            self.meet().await?;
            let read = self.log.read(self.place(), self.chain.offset(), ReadLimit::default()).await?;
            self.ahead.extend(read.records);
        }
        let Some(record) = self.ahead.front() else { return Ok(None) };
        // A halting record stays in front, so that the next question meets it again.
        let step = self.chain.take(record)?;
        let taken = Taken { offset: record.offset, time: record.time, bytes: record.bytes.clone(), traces: record.traces.clone(), step };
        self.ahead.pop_front();
        if let Step::Void(reason) = taken.step {
            *self.voids.entry(reason).or_default() += 1;
            tracing::debug!(partition = self.chain.partition(), offset = taken.offset, %reason, "void journal record");
        }
        Ok(Some(taken))
    }

    /// Takes all that is visible now and tells `each` of it; returns how many records that were.
    pub async fn catch_up(&mut self, mut each: impl FnMut(Taken)) -> Result<u64, JournalError> {
        let mut count = 0;
        while let Some(taken) = self.try_next().await? {
            each(taken);
            count += 1;
        }
        Ok(count)
    }

    fn place(&self) -> Place {
        Place::journal(self.chain.partition())
    }

    /// Makes sure, once, that the log still holds the record at which the chain was saved.
    async fn meet(&mut self) -> Result<(), JournalError> {
        let Some(at) = self.chain.at().filter(|_| !self.met) else { return Ok(()) };
        let read = self.log.read(self.place(), at, ReadLimit { records: 1, bytes: 1 }).await?;
        let found = read.records.first().filter(|record| record.offset == at).and_then(hash_of);
        if found != Some(self.chain.prev()) {
            return Err(JournalError::PositionMismatch { partition: self.chain.partition(), offset: at });
        }
        self.met = true;
        Ok(())
    }
}

fn hash_of(record: &Record) -> Option<BlockHash> {
    match JournalRecord::read(&record.bytes).ok()? {
        JournalRecord::Block(block) => Some(block.header.hash()),
        JournalRecord::Claim(claim) => Some(claim.hash()),
    }
}
