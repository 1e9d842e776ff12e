//! Taking: the six topics of a partition become one line of inputs.
//!
//! Owns what was read ahead, how much, and whose turn it is (deficit round robin by bytes: Shreedhar and Varghese, 1995).
//! Refuses decisions: an input leaves the line only when a block has a place for it.

use super::{
    Options, RunError,
    verify::{Input, verify},
};
#[cfg(feature = "planted")]
use crate::planted;
use cairn_log::{EventLog, Place, Read, ReadError, ReadLimit};
use cairn_schemas::{RecordHash, Stream, Topic, block::Next, record};
use futures::future::try_join_all;
use std::{collections::VecDeque, sync::Arc};

/// Bytes that a topic may send on each of its turns: a busy topic delays another by at most this much per turn.
const QUANTUM: usize = 64 * 1024;
/// Records of one read.
const RECORDS: usize = 1_024;

/// The inputs of one partition that no block has taken yet.
#[derive(Debug)]
pub struct Inputs {
    log: Arc<dyn EventLog>,
    partition: u32,
    options: Options,
    queues: [Queue; 6],
    turn: usize,
    /// Whether the topic whose turn it is was given its quantum.
    granted: bool,
}

/// What was read ahead of one topic.
#[derive(Debug)]
struct Queue {
    topic: Topic,
    ready: VecDeque<Input>,
    bytes: usize,
    deficit: usize,
    /// The offset to read from next.
    from: u64,
    /// The end of the topic when it was read last.
    end: u64,
}

impl Inputs {
    /// The inputs from the positions of a chain on. The record before each position must be the one that was decided on.
    pub async fn open(log: Arc<dyn EventLog>, partition: u32, options: Options, next: &[Next; 6]) -> Result<Inputs, RunError> {
        for position in next {
            meet(log.as_ref(), partition, position).await?;
        }
        let queues = next.map(|next| Queue::at(next.topic, next.offset));
        #[cfg(feature = "planted")]
        let queues = queues
            .map(|queue| Queue { from: queue.from + u64::from(queue.from > 0 && planted::is(planted::Fault::RecordSkipped)), ..queue });
        Ok(Inputs { log, partition, options, queues, turn: 0, granted: false })
    }

    /// Reads and verifies what is visible, as far as there is room. Dropped half way, these inputs are worthless.
    pub async fn fill(&mut self) -> Result<(), RunError> {
        let room = self.options.queue_bytes;
        let reads = try_join_all(self.queues.iter().map(|queue| queue.read(self.log.as_ref(), self.partition, room))).await?;
        let mut records = Vec::new();
        for (queue, read) in self.queues.iter_mut().zip(reads) {
            let Some(read) = read else { continue };
            (queue.from, queue.end) = (read.next(queue.from), read.end);
            records.extend(read.records.into_iter().map(|record| (queue.topic, record)));
        }
        for input in verify(self.options.pool, records).await {
            self.queues[input.topic as usize].push(input);
        }
        Ok(())
    }

    /// Append time of the oldest input, milliseconds since 1970.
    pub fn oldest(&self) -> Option<i64> {
        self.queues.iter().filter_map(|queue| queue.ready.front()).map(|input| input.record.time).min()
    }

    /// Bytes of all inputs read ahead.
    pub fn bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes).sum()
    }

    /// Offsets between the oldest inputs and the ends last read: at most how many records wait.
    pub fn waiting(&self) -> u64 {
        self.queues.iter().map(|queue| queue.end - queue.ready.front().map_or(queue.from, |input| input.record.offset).min(queue.end)).sum()
    }

    /// What to wait for: the topics that have room for more.
    pub fn places(&self) -> Vec<(Place, u64)> {
        let with_room = self.queues.iter().filter(|queue| queue.bytes < self.options.queue_bytes);
        with_room.map(|queue| (place(queue.topic, self.partition), queue.from)).collect()
    }

    /// The next input, which stays in the line until [`Inputs::pop`].
    pub fn peek(&mut self) -> Option<&Input> {
        if self.queues.iter().all(|queue| queue.ready.is_empty()) {
            return None;
        }
        // Each round adds a quantum to every waiting topic, so the longest record has its turn after a few.
        while !self.queues[self.turn].may_send() {
            let queue = &mut self.queues[self.turn];
            if queue.ready.is_empty() {
                queue.deficit = 0;
            }
            if queue.ready.is_empty() || self.granted {
                (self.turn, self.granted) = ((self.turn + 1) % self.queues.len(), false);
            } else {
                queue.deficit += QUANTUM;
                self.granted = true;
            }
        }
        self.queues[self.turn].ready.front()
    }

    /// Takes what [`Inputs::peek`] showed out of the line.
    pub fn pop(&mut self) -> Option<Input> {
        let queue = &mut self.queues[self.turn];
        let input = queue.ready.pop_front()?;
        queue.bytes -= input.record.bytes.len();
        queue.deficit = queue.deficit.saturating_sub(input.record.bytes.len());
        Some(input)
    }
}

impl Queue {
    fn at(topic: Topic, from: u64) -> Queue {
        Queue { topic, ready: VecDeque::new(), bytes: 0, deficit: 0, from, end: from }
    }

    async fn read(&self, log: &dyn EventLog, partition: u32, room: usize) -> Result<Option<Read>, ReadError> {
        if self.bytes >= room {
            return Ok(None);
        }
        let limit = ReadLimit { records: RECORDS, bytes: room - self.bytes };
        log.read(place(self.topic, partition), self.from, limit).await.map(Some)
    }

    fn push(&mut self, input: Input) {
        self.bytes += input.record.bytes.len();
        self.ready.push_back(input);
    }

    fn may_send(&self) -> bool {
        self.ready.front().is_some_and(|input| input.record.bytes.len() <= self.deficit)
    }
}

fn place(topic: Topic, partition: u32) -> Place {
    Place::new(Stream::Topic(topic), partition)
}

/// Compares the record before a position with its saved hash. One that was deleted below the position is not missed.
async fn meet(log: &dyn EventLog, partition: u32, next: &Next) -> Result<(), RunError> {
    let Some(before) = next.offset.checked_sub(1).filter(|_| next.last != RecordHash::ZERO) else { return Ok(()) };
    let read = match log.read(place(next.topic, partition), before, ReadLimit { records: 1, bytes: 1 }).await {
        Err(ReadError::Truncated { first, .. }) if first <= next.offset => return Ok(()),
        read => read?,
    };
    let found = read.records.first().filter(|found| found.offset == before);
    if found.is_none_or(|found| record::record_hash(&found.bytes) != next.last) {
        return Err(RunError::InputMismatch { topic: next.topic, partition, offset: next.offset });
    }
    Ok(())
}
