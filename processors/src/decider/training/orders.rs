//! Orders: jobs and workers come and go.
//!
//! Owns what it takes to submit a job, to cancel it, to become a worker and to stop. Refuses attempts.

use super::ends;
use crate::decider::{Context, Rejection, State, books::Place, rejection::require};
use cairn_schemas::{
    Account, Fact,
    decision::RejectionCode,
    event::{JobSubmitted, WorkerRegistered},
    fact::{JobEnd, Movement, TaskKind},
    ids::{EventHash, JobId, RealmId},
    sign::PublicKey,
};

/// A job is taken if its terms are sound, its money is there, and enough workers are.
pub fn submit(
    state: &State,
    ctx: &Context,
    by: &PublicKey,
    realm: RealmId,
    hash: EventHash,
    ask: &JobSubmitted,
) -> Result<Vec<Fact>, Rejection> {
    state.jobs.may_open(ask)?;
    state.accounts.is_owned_by(realm, &ask.account, by)?;
    state.accounts.can_pay(realm, &ask.account, ask.pay.escrow)?;
    let staked = state.workers.staked(realm, ask.workers.stake).count();
    require(u32::try_from(staked).is_ok_and(|staked| staked >= ask.workers.min), RejectionCode::TooFewWorkers)?;
    let job = JobId::from(hash);
    let held = Movement {
        realm,
        debit: ask.account.clone(),
        credit: Account::Escrow(job),
        amount: ask.pay.escrow,
        because: Some(hash),
        task: None,
        attempt: None,
    };
    let accepted = Fact::JobAccepted { realm, job, author: *by, terms: ask.clone() };
    let due = ctx.time.plus(ask.deadlines.task_ms);
    let tasks = (0..ask.plan.shards).map(|shard| ends::created(job, shard, Place { kind: TaskKind::Train, round: 0, shard }, due));
    Ok([accepted, Fact::EscrowHeld(held)].into_iter().chain(tasks).collect())
}

/// The author of a job ends it. Work that is committed is seen through and paid: it was done before anybody said stop.
pub fn cancel(state: &State, ctx: &Context, by: &PublicKey, realm: RealmId, job: JobId) -> Result<Vec<Fact>, Rejection> {
    let found = state.jobs.open(realm, &job)?;
    require(found.author == *by, RejectionCode::NotAllowed)?;
    require(found.closing.is_none(), RejectionCode::JobEnded)?;
    Ok(ends::close(state, ctx, job, found, JobEnd::Cancelled, None))
}

/// An author becomes a worker, paid on an account of its own.
pub fn register(state: &State, by: &PublicKey, realm: RealmId, ask: &WorkerRegistered) -> Result<Vec<Fact>, Rejection> {
    state.accounts.is_owned_by(realm, &ask.account, by)?;
    state.workers.decide_register(realm, by, ask)
}
