//! Replay: a partition's journal folded again, and every step of it asked again.
//!
//! Owns the report: what was checked, what could not be, what did not agree. Refuses trust in the processor: signatures are
//! verified again, events admitted and decided again, dispositions made again, roots and the state hash computed again.

mod check;

use super::{
    Pool, RunError, Snapshots,
    fold::{apply, context, event_of, known_rules},
    verify,
};
use crate::decider::{State, check_invariants};
use cairn_log::{
    EventLog, Place, ReadLimit,
    journal::{Chain, Follower, Step, ValidBlock},
};
use cairn_schemas::{Root, SignedEvent, StateHash, Timestamp, block::Next};
use check::Check;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Problems kept in a report; beyond them only their number is.
const PROBLEMS: usize = 100;
/// Blocks from one walk over all invariants to the next.
const INVARIANT_BLOCKS: u64 = 256;

/// How to replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    pub pool: Pool,
    /// Snapshots whose state hash the replay must meet.
    pub snapshots: Option<Snapshots>,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayProgress {
    pub blocks: u64,
    /// Journal offset of the record taken last.
    pub offset: u64,
    /// The journal's end when the replay began.
    pub end: u64,
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub height: u64,
    pub what: String,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    pub partition: u32,
    /// Valid blocks, block 0 included.
    pub blocks: u64,
    pub claims: u64,
    /// Journal records that do not count, by reason.
    pub void: BTreeMap<&'static str, u64>,
    /// Events and ticks decided again.
    pub decisions: u64,
    /// Of the decisions, those without an event.
    pub ticks: u64,
    /// Author signatures verified again.
    pub signatures: u64,
    pub dispositions: u64,
    /// Dispositions whose records still exist, made again.
    pub redisposed: u64,
    /// Dispositions whose records were deleted.
    pub unchecked: u64,
    /// Events on which the decider panicked; decided again they may fare otherwise.
    pub rejected_internal: u64,
    /// Snapshots whose state hash was met.
    pub snapshots: u64,
    pub height: Option<u64>,
    pub tree_size: u64,
    pub root: Option<Root>,
    pub state_hash: Option<StateHash>,
    /// All that did not agree; `problems` holds the first hundred.
    pub problem_count: u64,
    pub problems: Vec<Problem>,
}

impl ReplayReport {
    /// Whether everything that could be checked agreed.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, height: u64, what: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS {
            self.problems.push(Problem { height, what: what.into() });
        }
    }
}

/// Replays a partition from the front of its journal to the end that is visible now. Writes nothing.
///
/// Errors are of reading only: a journal that cannot be read on, a log that does not answer. What does not agree is in the report.
/// A journal without blocks gives a clean report of 0 blocks.
pub async fn replay(
    log: Arc<dyn EventLog>,
    partition: u32,
    options: &ReplayOptions,
    mut progress: impl FnMut(&ReplayProgress),
) -> Result<ReplayReport, RunError> {
    let end = log.read(Place::journal(partition), 0, ReadLimit { records: 1, bytes: 1 }).await?.end;
    let expected = match &options.snapshots {
        Some(snapshots) => snapshots.hashes(partition, options.pool).await,
        None => Vec::new(),
    };
    let mut replay = Replay {
        log: log.clone(),
        options: options.clone(),
        state: None,
        expected: expected.into_iter().collect(),
        report: ReplayReport { partition, ..ReplayReport::default() },
    };
    let mut follower = Follower::new(log, Chain::new(partition));
    loop {
        let (next, time) = (*follower.chain().next(), follower.chain().time());
        let Some(taken) = follower.try_next().await? else { break };
        replay.take(&taken.step, &next, time).await?;
        progress(&ReplayProgress { blocks: replay.report.blocks, offset: taken.offset, end });
    }
    Ok(replay.finish(follower.chain()))
}

struct Replay {
    log: Arc<dyn EventLog>,
    options: ReplayOptions,
    /// None before block 0, and after a fact that does not apply: what follows such a one cannot be decided again.
    state: Option<State>,
    expected: BTreeMap<u64, StateHash>,
    report: ReplayReport,
}

impl Replay {
    async fn take(&mut self, step: &Step, next: &[Next; 6], time: Timestamp) -> Result<(), RunError> {
        match step {
            Step::Void(reason) => *self.report.void.entry(reason.text()).or_default() += 1,
            Step::Claim(_) => self.report.claims += 1,
            Step::Genesis { genesis, block } => {
                self.report.blocks += 1;
                match State::new(genesis, block.header.partition) {
                    Ok(state) => self.state = Some(state),
                    Err(halt) => self.report.problem(0, halt.to_string()),
                }
            }
            Step::Block(block) => {
                self.report.blocks += 1;
                if let Some(state) = self.state.take() {
                    self.block(state, block, next, time).await?;
                }
            }
        }
        Ok(())
    }

    async fn block(&mut self, mut state: State, block: &ValidBlock, next: &[Next; 6], time: Timestamp) -> Result<(), RunError> {
        let height = block.header.height;
        if let Err(error) = known_rules(block) {
            self.report.problem(height, error.to_string());
            return Ok(());
        }
        let events: Result<Vec<_>, _> = block.body.decisions.iter().map(event_of).collect();
        let events = match events {
            Ok(events) => events,
            Err(halt) => {
                self.report.problem(height, format!("the bytes of a decided event: {halt}"));
                return Ok(());
            }
        };
        let authentic = self.signatures(&events);
        let again = check::load(self.log.as_ref(), self.options.pool, block).await?;
        let mut check = Check::new(block, next, time, &mut self.report);
        check.positions();
        check.ticks(&state);
        check.dispositions(again);
        let ctx = context(block);
        for (index, (decision, event)) in block.body.decisions.iter().zip(&events).enumerate() {
            check.decide_again(&state, index, event.as_ref(), authentic[index]);
            if let Err(error) = apply(&mut state, &ctx, decision, event.as_ref()) {
                self.report.problem(height, error.to_string());
                return Ok(());
            }
        }
        check.dispose_again(&state, block.body.decisions.len());
        self.meet(&state, block);
        self.state = Some(state);
        Ok(())
    }

    /// Whether the signature of each event holds; true for a tick.
    fn signatures(&mut self, events: &[Option<SignedEvent>]) -> Vec<bool> {
        let signed: Vec<_> = events.iter().flatten().collect();
        self.report.signatures += signed.len() as u64;
        let mut verdicts = verify::verify_signed(self.options.pool, &signed).into_iter();
        events.iter().map(|event| event.is_none() || verdicts.next().unwrap_or(false)).collect()
    }

    /// Walks the invariants now and then, and compares the state with a snapshot of that height.
    fn meet(&mut self, state: &State, block: &ValidBlock) {
        let height = block.header.height;
        let expected = self.expected.remove(&height);
        if expected.is_some() || height % INVARIANT_BLOCKS == 0 {
            self.invariants(state, height);
        }
        match (expected, state.hash()) {
            (None, _) => {}
            (Some(expected), Ok(found)) if expected == found => self.report.snapshots += 1,
            (Some(_), _) => self.report.problem(height, "the snapshot of this height has another state hash"),
        }
    }

    fn invariants(&mut self, state: &State, height: u64) {
        if let Err(halt) = check_invariants(state) {
            self.report.problem(height, halt.to_string());
        }
    }

    fn finish(mut self, chain: &Chain) -> ReplayReport {
        self.report.height = chain.height();
        self.report.tree_size = chain.tree_size();
        self.report.root = chain.height().map(|_| chain.root());
        if let Some(state) = self.state.take() {
            let height = chain.height().unwrap_or(0);
            self.invariants(&state, height);
            match state.hash() {
                Ok(hash) => self.report.state_hash = Some(hash),
                Err(halt) => self.report.problem(height, halt.to_string()),
            }
        }
        self.report
    }
}
