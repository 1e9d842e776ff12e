//! Training: the joining of the books of workers, jobs, tasks and checks. The frame only; replaced with those books.

use super::{Context, Halt, Rejection, State};
use cairn_schemas::{
    Fact,
    decision::{RejectionCode, Tick},
    event::Body,
    ids::{EventHash, RealmId},
    sign::PublicKey,
};

pub(super) fn decide(
    _state: &State,
    _ctx: &Context,
    _by: &PublicKey,
    _realm: RealmId,
    _hash: EventHash,
    _body: &Body,
) -> Result<Vec<Fact>, Rejection> {
    Err(RejectionCode::NotAllowed.into())
}

pub(super) fn due(_state: &State, _ctx: &Context, _limit: usize) -> Vec<Tick> {
    Vec::new()
}

pub(super) fn decide_tick(_state: &State, _ctx: &Context, _tick: Tick) -> Vec<Fact> {
    Vec::new()
}

/// Whether any task waits for anybody: then an outage of ours extends its deadlines.
pub(super) fn has_deadlines(_state: &State) -> bool {
    false
}

/// Bonds are covered by stakes, obligations by escrows.
pub(super) fn check_invariants(_state: &State) -> Result<(), Halt> {
    Ok(())
}
