//! The clock of deadlines: which ticks are due in a block, and what each decides.
//!
//! Owns their order: first the extension after an outage, then transfers, then work. Refuses clocks: the only time is block time.

use super::{Context, Halt, State, payments, training};
use cairn_schemas::{
    Fact,
    decision::{Decision, Subject, Tick, Verdict},
    limits,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The ticks due in this block, at most [`limits::TICKS_PER_BLOCK`]. The runner asks again, block after block, until there are none.
///
/// An extension stands alone: what is due is told from the deadlines it moves, so the rest waits for the next block.
pub fn due(state: &State, ctx: &Context) -> Vec<Tick> {
    if ctx.gap_ms.is_some_and(|gap| gap > 0) && has_deadlines(state) {
        return vec![Tick::Extension];
    }
    let mut ticks = payments::due(state, ctx, limits::TICKS_PER_BLOCK);
    ticks.extend(training::due(state, ctx, limits::TICKS_PER_BLOCK - ticks.len()));
    ticks
}

/// Decides a tick. Nobody sent it, so nobody can be told no: a panic here halts the partition.
pub fn decide_tick(state: &State, ctx: &Context, tick: Tick) -> Result<Decision, Halt> {
    let facts = catch_unwind(AssertUnwindSafe(|| consequences(state, ctx, tick))).map_err(|_| Halt::Tick { tick: tick.name() })?;
    Ok(Decision { subject: Subject::Tick(tick), verdict: Verdict::Accepted, facts })
}

fn consequences(state: &State, ctx: &Context, tick: Tick) -> Vec<Fact> {
    match tick {
        Tick::Extension => vec![Fact::DeadlinesExtended { by_ms: ctx.gap_ms.unwrap_or(0) }],
        Tick::TransferDue(transfer) => state.accounts.decide_overdue(ctx, transfer),
        _ => training::decide_tick(state, ctx, tick),
    }
}

/// Whether anybody waits for anything: without open deadlines an outage needs no extension.
fn has_deadlines(state: &State) -> bool {
    state.accounts.has_pending() || training::has_deadlines(state)
}
