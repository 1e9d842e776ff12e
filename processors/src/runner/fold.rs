//! Folding: the state that a journal leads to.
//!
//! Owns the pairing of a chain with the state behind the same record. Refuses decisions: recorded facts are applied.

use super::{RULES, RunError};
use crate::decider::{Context, Halt, State, evolve};
use cairn_log::{
    EventLog,
    journal::{Chain, Follower, Step, Taken, ValidBlock},
};
use cairn_schemas::{
    SignedEvent,
    decision::{Decision, Subject},
    record,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A follower of one journal and the state behind its last record. After an error it is worthless.
#[derive(Debug)]
pub struct Fold {
    pub follower: Follower,
    /// None before block 0.
    pub state: Option<State>,
}

impl Fold {
    pub fn new(log: Arc<dyn EventLog>, chain: Chain, state: Option<State>) -> Fold {
        Fold { follower: Follower::new(log, chain), state }
    }

    /// Takes the next journal record, if one is visible, and applies it.
    pub async fn try_next(&mut self) -> Result<Option<Taken>, RunError> {
        let Some(taken) = self.follower.try_next().await? else { return Ok(None) };
        self.apply(&taken.step)?;
        Ok(Some(taken))
    }

    /// Takes the next journal record; waits until there is one.
    pub async fn next(&mut self) -> Result<Taken, RunError> {
        let taken = self.follower.next().await?;
        self.apply(&taken.step)?;
        Ok(taken)
    }

    fn apply(&mut self, step: &Step) -> Result<(), RunError> {
        let partition = self.follower.chain().partition();
        match (step, &mut self.state) {
            (Step::Genesis { genesis, block }, state) => {
                known_rules(block)?;
                *state = Some(State::new(genesis, partition).map_err(|source| RunError::Halted { partition, height: 0, source })?);
                Ok(())
            }
            (Step::Block(block), Some(state)) => apply_block(state, block),
            (Step::Block(_), None) => Err(RunError::NoGenesis { partition }),
            (Step::Claim(_) | Step::Void(_), _) => Ok(()),
        }
    }
}

/// The context in which a block's decisions are applied.
pub fn context(block: &ValidBlock) -> Context {
    let header = &block.header;
    Context { time: header.time, height: header.height, prev: header.prev, gap_ms: None }
}

/// Refuses a block that was decided by rules this binary lacks.
pub fn known_rules(block: &ValidBlock) -> Result<(), RunError> {
    let header = &block.header;
    if header.rules == RULES {
        return Ok(());
    }
    Err(RunError::Rules { partition: header.partition, height: header.height, rules: header.rules })
}

fn apply_block(state: &mut State, block: &ValidBlock) -> Result<(), RunError> {
    known_rules(block)?;
    let ctx = context(block);
    block.body.decisions.iter().try_for_each(|decision| {
        let event = event_of(decision).map_err(|source| halted(state, &ctx, source))?;
        apply(state, &ctx, decision, event.as_ref())
    })
}

/// The event of a decision, read from its recorded bytes; none for a tick.
pub fn event_of(decision: &Decision) -> Result<Option<SignedEvent>, Halt> {
    match &decision.subject {
        Subject::Tick(_) => Ok(None),
        Subject::Event { record, .. } => record::open(&record.0).map(Some).map_err(Halt::Bytes),
    }
}

/// Applies one decision. The books only panic by a defect; the partition halts then, for its state may be half changed.
pub fn apply(state: &mut State, ctx: &Context, decision: &Decision, event: Option<&SignedEvent>) -> Result<(), RunError> {
    let partition = state.partition();
    match catch_unwind(AssertUnwindSafe(|| evolve(state, ctx, decision, event))) {
        Ok(evolved) => evolved.map_err(|source| RunError::Halted { partition, height: ctx.height, source }),
        Err(_) => Err(RunError::Panicked { partition, height: ctx.height }),
    }
}

/// A halt of the decider, in the block of `ctx`.
pub fn halted(state: &State, ctx: &Context, source: Halt) -> RunError {
    RunError::Halted { partition: state.partition(), height: ctx.height, source }
}
