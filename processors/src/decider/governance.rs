//! Who may speak and what is asked of all: realms, keys, processors, notes, proposals and votes.
//!
//! Owns the joining of those books. Refuses money and work.

use super::{Rejection, State, books::notes, rejection::require};
use cairn_schemas::{
    Account, Fact,
    decision::RejectionCode,
    event::{Body, KeyRegistered, RealmOpened},
    ids::{EventHash, RealmId},
    sign::PublicKey,
};

/// Decides what a genesis admin says about the instance.
pub(super) fn decide_instance(state: &State, by: &PublicKey, hash: EventHash, body: &Body) -> Result<Vec<Fact>, Rejection> {
    match body {
        Body::RealmOpened(ask) => open_realm(state, hash.into(), ask),
        Body::ProcessorAuthorised(ask) => state.processors.decide_authorise(ask.key),
        Body::NoteRecorded(ask) => Ok(notes::decide(state.instance.into(), by, ask)),
        _ => Err(Rejection::because(RejectionCode::NotAllowed, "the instance is no realm; say it in one")),
    }
}

/// Decides what an author says about itself and the realm.
pub(super) fn decide(state: &State, by: &PublicKey, realm: RealmId, hash: EventHash, body: &Body) -> Result<Vec<Fact>, Rejection> {
    match body {
        Body::KeyRegistered(ask) => register(state, by, realm, ask),
        Body::KeyRotated(ask) => state.keys.decide_rotate(realm, by, ask.from, ask.to),
        Body::KeyRevoked(ask) => state.keys.decide_revoke(realm, by, ask.key, state.realms.is_admin(realm, by)),
        Body::NoteRecorded(ask) => Ok(notes::decide(realm, by, ask)),
        Body::ProposalOpened(ask) => state.votes.decide_open(realm, by, hash, ask),
        Body::VoteCast(ask) => state.votes.decide_cast(realm, by, ask),
        _ => Err(RejectionCode::NotAllowed.into()),
    }
}

/// A realm opens with its admins and issuer as its first authors, and the issuer's account.
fn open_realm(state: &State, realm: RealmId, ask: &RealmOpened) -> Result<Vec<Fact>, Rejection> {
    let mut facts = state.realms.decide_open(realm, ask)?;
    let issuer_is_admin = ask.admins.contains(&ask.issuer);
    for author in ask.admins.iter().chain((!issuer_is_admin).then_some(&ask.issuer)) {
        facts.extend(state.keys.decide_register(realm, *author, *author)?);
    }
    facts.push(Fact::AccountOpened { realm, account: Account::Issuer, owner: ask.issuer });
    Ok(facts)
}

/// A key names its own author when it registers itself or an admin registers it; any other author adds it to its own keys.
fn register(state: &State, by: &PublicKey, realm: RealmId, ask: &KeyRegistered) -> Result<Vec<Fact>, Rejection> {
    let new_author = *by == ask.key || state.realms.is_admin(realm, by);
    let author = if new_author { ask.key } else { *by };
    require(!new_author || !state.keys.is_author(realm, &author), RejectionCode::KeyExists)?;
    state.keys.decide_register(realm, author, ask.key)
}
