//! Evolving: a recorded decision becomes state.
//!
//! Owns the order in which the books hear a fact. Refuses judgement: a recorded fact applies, or the partition halts.

use super::{Context, Halt, State};
#[cfg(feature = "planted")]
use crate::planted;
use cairn_schemas::{
    Fact, SignedEvent,
    decision::{Decision, Subject},
};

/// Applies a recorded decision; `event` is the decision's own event, read again from its bytes, and moves the lane it stands in.
///
/// After `Err` the state is worthless: facts may be half applied.
pub fn evolve(state: &mut State, ctx: &Context, decision: &Decision, event: Option<&SignedEvent>) -> Result<(), Halt> {
    match (&decision.subject, event) {
        #[cfg(feature = "planted")]
        (Subject::Event { .. }, Some(_)) if decision.verdict.code().is_some() && planted::is(planted::Fault::LaneStays) => {}
        (Subject::Event { .. }, Some(signed)) => state.lanes.advance(signed)?,
        (Subject::Tick(_), None) => {}
        _ => return Err(Halt::fact("admission", "a decision on an event comes with that event, a tick without")),
    }
    decision.facts.iter().try_for_each(|fact| apply(state, ctx, fact))
}

/// Every book hears every fact, and takes those it knows.
fn apply(state: &mut State, ctx: &Context, fact: &Fact) -> Result<(), Halt> {
    state.realms.evolve(fact)?;
    state.keys.evolve(fact)?;
    state.processors.evolve(fact)?;
    state.accounts.evolve(fact)?;
    state.votes.evolve(fact)?;
    state.workers.evolve(ctx, fact)?;
    state.jobs.evolve(ctx, fact)?;
    state.tasks.evolve(ctx, fact)?;
    state.checks.evolve(ctx, fact)
}
