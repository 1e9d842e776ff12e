//! Leading: the loop of a processor that owns a partition.
//!
//! Owns the blocks in flight and the comparison with what is read back. Refuses to go on beside another owner: any valid
//! record in the journal that is not the next of its own blocks ends it.
//!
//! Group commit without a timer: while one append is on its way, inputs gather, and become the next block when it lands.

use super::{
    Metrics, Options, Processor, RunError, Snapshot,
    append::append,
    claim,
    fold::{Fold, halted},
    form::{Ahead, Formed, block_time},
    spans::Deciding,
    take::Inputs,
    trim::trim,
};
use crate::decider::check_invariants;
use cairn_log::{
    AppendError, Appended, Batch, Place,
    journal::{Chain, Follower, Step, Taken, ValidBlock, VoidReason},
};
use cairn_schemas::{Timestamp, limits};
use futures::future::{BoxFuture, pending};
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

/// A processor at work on one partition.
pub struct Leader<'a> {
    processor: &'a Processor,
    partition: u32,
    /// What was read back.
    follower: Follower,
    /// What was formed.
    ahead: Ahead,
    inputs: Inputs,
    /// Formed and not read back, the oldest first.
    in_flight: VecDeque<Flight>,
    /// How many of them, from the back, were not handed to the log yet.
    unsent: usize,
    appending: Option<Appending>,
    /// The wall clock when this leadership began.
    live_from: Timestamp,
    last_void: Option<VoidReason>,
    blocks: u64,
    saving: Option<BoxFuture<'static, Result<(), RunError>>>,
    since_snapshot: u64,
}

/// A block on its way to the journal and back.
struct Flight {
    formed: Formed,
    deciding: Deciding,
}

struct Appending {
    since: Instant,
    /// Which of the blocks in flight, by hash, the answer is about.
    hashes: Vec<cairn_schemas::BlockHash>,
    answer: BoxFuture<'static, Result<Vec<Appended>, AppendError>>,
}

/// Why a leader stops without anything being wrong.
pub enum Over {
    /// Another owner appeared, behind this chain.
    Lost(Box<Chain>),
    /// Its own blocks do not count.
    Void(VoidReason),
}

impl<'a> Leader<'a> {
    /// A leader behind its own claim.
    pub async fn new(processor: &'a Processor, fold: Fold) -> Result<Leader<'a>, RunError> {
        let chain = fold.follower.chain().clone();
        let partition = chain.partition();
        let state = fold.state.ok_or(RunError::NoGenesis { partition })?;
        let inputs = Inputs::open(processor.log.clone(), partition, processor.options.clone(), chain.next()).await?;
        processor.publish(&chain);
        let live_from = block_time(chain.time(), processor.clock.now_ms(), None);
        Ok(Leader {
            processor,
            partition,
            follower: fold.follower,
            ahead: Ahead { state, chain },
            inputs,
            in_flight: VecDeque::new(),
            unsent: 0,
            appending: None,
            live_from,
            last_void: None,
            blocks: 0,
            saving: None,
            since_snapshot: 0,
        })
    }

    /// Leads until another owner appears or its own blocks turn out void.
    pub async fn lead(mut self) -> Result<Over, RunError> {
        loop {
            if let Some(over) = self.read_back().await? {
                return Ok(over);
            }
            // The clock is read before the topics: what is appended after this moment is not below the ends read.
            let wall = self.processor.clock.now_ms();
            self.inputs.fill().await?;
            self.report(wall);
            // While blocks are under way, it moves only as they are read back.
            if self.in_flight.is_empty() {
                self.processor.pulse.beat(self.partition);
            }
            self.snapshot();
            while self.may_form() && self.form(wall)? {}
            self.send();
            self.wait(wall).await?;
        }
    }

    fn options(&self) -> &Options {
        &self.processor.options
    }

    /// Takes what the journal shows.
    async fn read_back(&mut self) -> Result<Option<Over>, RunError> {
        while let Some(taken) = self.follower.try_next().await? {
            if self.took(&taken) {
                self.processor.publish(self.follower.chain());
            } else {
                return Ok(Some(Over::Lost(self.follower.chain().clone().into())));
            }
        }
        let front = self.in_flight.front().and_then(|flight| flight.formed.offset);
        if front.is_none_or(|offset| offset >= self.follower.chain().offset()) {
            return Ok(None);
        }
        // The journal went past our block, and it did not count.
        claim::check_clock(self.processor, self.partition).await?;
        Ok(Some(Over::Void(self.last_void.unwrap_or(VoidReason::Malformed))))
    }

    /// Whether the partition is still ours behind this record.
    fn took(&mut self, taken: &Taken) -> bool {
        match &taken.step {
            Step::Void(reason) => {
                self.last_void = Some(*reason);
                self.processor.metrics.void_block(self.partition);
                true
            }
            Step::Block(block) if self.in_flight.front().is_some_and(|flight| flight.formed.hash == block.hash) => {
                self.confirmed(block);
                true
            }
            Step::Block(_) | Step::Claim(_) | Step::Genesis { .. } => false,
        }
    }

    fn confirmed(&mut self, block: &ValidBlock) {
        let Some(Flight { formed, deciding }) = self.in_flight.pop_front() else { return };
        deciding.decided();
        self.processor.pulse.beat(self.partition);
        self.unsent = self.unsent.min(self.in_flight.len());
        self.since_snapshot += 1;
        let now = self.processor.clock.now_ms();
        self.processor.metrics.block(block);
        for time in formed.times {
            self.processor.metrics.decided_seconds.observe(seconds(now.saturating_sub(time)));
        }
    }

    fn report(&self, wall: i64) {
        let age = self.inputs.oldest().map_or(0, |oldest| wall.saturating_sub(oldest));
        self.processor.metrics.lag(self.partition, Metrics::DECIDER, self.inputs.waiting(), seconds(age));
    }

    /// Whether another block may be begun. Beside an append on its way only a full one, for a partial one grows by waiting.
    fn may_form(&self) -> bool {
        let room = self.in_flight.len() < limits::BLOCKS_IN_FLIGHT;
        let busy = self.appending.is_some() || self.unsent > 0;
        room && !self.snapshot_due() && (!busy || self.inputs.bytes() >= limits::BLOCK_BYTES)
    }

    /// Forms the next block, if there is anything to decide.
    fn form(&mut self, wall: i64) -> Result<bool, RunError> {
        let began = SystemTime::now();
        let oldest = self.inputs.oldest();
        let ctx = self.ahead.context(block_time(self.ahead.chain.time(), wall, oldest), self.live_from);
        if oldest.is_none() && !self.ahead.has_due(&ctx) {
            return Ok(false);
        }
        let Some(formed) = self.ahead.form(&ctx, &mut self.inputs, &self.processor.key)? else { return Ok(false) };
        self.blocks += 1;
        if self.options().invariant_blocks > 0 && self.blocks % self.options().invariant_blocks == 0 {
            check_invariants(&self.ahead.state).map_err(|source| halted(&self.ahead.state, &ctx, source))?;
        }
        let deciding = Deciding::begin(&formed.traced, self.partition, ctx.height, began);
        self.in_flight.push_back(Flight { formed, deciding });
        self.unsent += 1;
        Ok(true)
    }

    /// Hands what was formed to the log, in one append: only so is the order of blocks theirs.
    fn send(&mut self) {
        if self.appending.is_some() || self.unsent == 0 {
            return;
        }
        let unsent = self.in_flight.range(self.in_flight.len() - self.unsent..);
        let mut hashes = Vec::with_capacity(self.unsent);
        let mut batch = Batch::default();
        for Flight { formed, deciding } in unsent {
            hashes.push(formed.hash);
            batch.records.push(formed.record.clone());
            batch.traces.push(deciding.traces());
        }
        self.unsent = 0;
        let answer = append(self.processor.clone(), Place::journal(self.partition), batch);
        self.appending = Some(Appending { since: Instant::now(), hashes, answer: Box::pin(answer) });
    }

    fn sent(&mut self, answer: Result<Vec<Appended>, AppendError>) -> Result<(), RunError> {
        let Some(appending) = self.appending.take() else { return Ok(()) };
        for (hash, appended) in appending.hashes.iter().zip(answer?) {
            let flights = self.in_flight.iter_mut().map(|flight| &mut flight.formed);
            flights.filter(|formed| formed.hash == *hash).for_each(|formed| formed.offset = Some(appended.offset));
        }
        self.processor.metrics.append_seconds.observe(appending.since.elapsed().as_secs_f64());
        Ok(())
    }

    /// Waits for news: an answer to the append, a record anywhere, the next deadline.
    async fn wait(&mut self, wall: i64) -> Result<(), RunError> {
        let pause = self.pause(wall);
        let mut places = self.inputs.places();
        places.push((Place::journal(self.partition), self.follower.chain().offset()));
        let log = self.processor.log.clone();
        let answer = async {
            match &mut self.appending {
                Some(appending) => (&mut appending.answer).await,
                None => pending().await,
            }
        };
        let saved = async {
            match &mut self.saving {
                Some(saving) => saving.await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answer => self.sent(answer),
            saved = saved => {
                self.saving = None;
                // The journal is unharmed, and the next snapshot may fare better.
                saved.unwrap_or_else(|error| tracing::warn!(code = error.code(), "no snapshot, or nothing was deleted behind it: {error}"));
                Ok(())
            }
            waited = log.wait(&places) => Ok(waited?),
            () = self.processor.timer.sleep(pause) => Ok(()),
        }
    }

    /// How long until something falls due, at most a heartbeat.
    fn pause(&self, wall: i64) -> Duration {
        let heartbeat = self.options().heartbeat;
        let longest = i64::try_from(heartbeat.as_millis()).unwrap_or(i64::MAX).max(1);
        let is_due = |after: i64| {
            let time = block_time(self.ahead.chain.time(), wall.saturating_add(after), self.inputs.oldest());
            self.ahead.has_due(&self.ahead.context(time, self.live_from))
        };
        if !self.may_form() || !is_due(longest) {
            return heartbeat;
        }
        // What is due stays due: the first millisecond at which it is can be bisected.
        let (mut not_yet, mut due) = (0, longest);
        while due - not_yet > 1 {
            let middle = not_yet + (due - not_yet) / 2;
            if is_due(middle) { due = middle } else { not_yet = middle }
        }
        Duration::from_millis(due.unsigned_abs())
    }

    fn snapshot_due(&self) -> bool {
        let every = self.options().snapshot_blocks;
        self.processor.snapshots.is_some() && every > 0 && self.since_snapshot >= every && self.saving.is_none()
    }

    /// Saves what was read back, once nothing is in flight: then the state ahead is the state behind the journal.
    fn snapshot(&mut self) {
        let Some(snapshots) = self.processor.snapshots.clone().filter(|_| self.snapshot_due() && self.in_flight.is_empty()) else { return };
        self.since_snapshot = 0;
        let (chain, partition) = (self.follower.chain(), self.partition);
        let Some((bytes, height)) = Snapshot::bytes_of(chain, &self.ahead.state).zip(chain.height()) else { return };
        let Processor { log, archive, options, .. } = self.processor.clone();
        self.saving = Some(Box::pin(async move {
            snapshots.save(partition, height, bytes.into()).await?;
            match archive {
                Some(archive) => trim(&log, &archive, &snapshots, partition, options.pool).await.map(drop),
                None => Ok(()),
            }
        }));
    }
}

/// However it ends: lost, halted, or dropped by who stops it.
impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.processor.metrics.no_lag(self.partition);
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
