//! Payments: what accounts and workers have to say to an order of an author.
//!
//! Owns the joining of the books of accounts and workers. Refuses prices and pay: jobs know those.

use super::{Context, Rejection, State, rejection::require};
use cairn_schemas::{
    Account, Amount, Fact,
    decision::{RejectionCode, Tick},
    event::{Body, StakeLocked, StakeReleased},
    fact::Movement,
    ids::{EventHash, RealmId},
    sign::PublicKey,
};

/// Decides an order about money.
pub(super) fn decide(
    state: &State,
    ctx: &Context,
    by: &PublicKey,
    realm: RealmId,
    hash: EventHash,
    body: &Body,
) -> Result<Vec<Fact>, Rejection> {
    let accounts = &state.accounts;
    match body {
        Body::AccountOpened(ask) => accounts.decide_open(realm, by, &ask.account),
        Body::TransferPosted(ask) => accounts.decide_post(realm, by, hash, &ask.from, &ask.to, ask.amount),
        Body::TransferPending(ask) => accounts.decide_hold(realm, by, hash, ask, ctx.time),
        Body::TransferSettled(ask) => accounts.decide_settle(realm, by, hash, ask.transfer),
        Body::TransferVoided(ask) => accounts.decide_void(realm, by, ask.transfer),
        Body::StakeLocked(ask) => lock_stake(state, by, realm, hash, ask),
        Body::StakeReleased(ask) => release_stake(state, by, realm, hash, ask),
        _ => Err(RejectionCode::NotAllowed.into()),
    }
}

/// Transfers whose time is over, the oldest first.
pub(super) fn due(state: &State, ctx: &Context, limit: usize) -> Vec<Tick> {
    state.accounts.overdue(ctx).take(limit).map(Tick::TransferDue).collect()
}

/// A worker puts its own money where a proof can take it.
fn lock_stake(state: &State, by: &PublicKey, realm: RealmId, hash: EventHash, ask: &StakeLocked) -> Result<Vec<Fact>, Rejection> {
    state.workers.is_worker(realm, by)?;
    require(!ask.amount.is_zero(), RejectionCode::BadAmount)?;
    state.accounts.is_owned_by(realm, &ask.from, by)?;
    state.accounts.can_pay(realm, &ask.from, ask.amount)?;
    Ok(vec![moved(realm, ask.from.clone(), Account::Stake(*by), ask.amount, hash)])
}

/// Stake comes back only to a worker that owes nobody an answer.
fn release_stake(state: &State, by: &PublicKey, realm: RealmId, hash: EventHash, ask: &StakeReleased) -> Result<Vec<Fact>, Rejection> {
    state.workers.is_worker(realm, by)?;
    require(!ask.amount.is_zero(), RejectionCode::BadAmount)?;
    state.workers.has_no_duty(realm, by)?;
    state.accounts.is_owned_by(realm, &ask.to, by)?;
    state.accounts.can_pay(realm, &Account::Stake(*by), ask.amount)?;
    Ok(vec![moved(realm, Account::Stake(*by), ask.to.clone(), ask.amount, hash)])
}

fn moved(realm: RealmId, debit: Account, credit: Account, amount: Amount, because: EventHash) -> Fact {
    Fact::MoneyMoved(Movement { realm, debit, credit, amount, because: Some(because), task: None, attempt: None })
}
