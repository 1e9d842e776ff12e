//! Keys: which key speaks for which author of a realm, now.
//!
//! Owns every key that was ever registered: a key belongs to one author, once and for ever. Refuses signatures, and rights:
//! who is an admin, the book of realms knows.

use crate::decider::{Halt, Rejection, rejection::require};
use cairn_schemas::{Fact, decision::RejectionCode, fact::KeyState, ids::RealmId, limits, sign::PublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys(BTreeMap<RealmId, Ring>);

/// The keys of one realm, and how many valid ones each author has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ring {
    keys: BTreeMap<PublicKey, Key>,
    authors: BTreeMap<PublicKey, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    author: PublicKey,
    state: KeyState,
}

impl Keys {
    /// Whether events of `author` may be signed by `kid` from here on.
    pub fn speaks_for(&self, realm: RealmId, author: &PublicKey, kid: &PublicKey) -> bool {
        self.key(realm, kid).is_some_and(|key| key.author == *author && key.state == KeyState::Registered)
    }

    /// Whether this author was ever registered, even if no key speaks for it any more.
    pub fn is_author(&self, realm: RealmId, author: &PublicKey) -> bool {
        self.0.get(&realm).is_some_and(|ring| ring.authors.contains_key(author))
    }

    /// A key becomes one of the author's; the author itself may be new.
    pub fn decide_register(&self, realm: RealmId, author: PublicKey, key: PublicKey) -> Result<Vec<Fact>, Rejection> {
        self.is_fit(realm, &key)?;
        require(self.valid_keys(realm, &author) < limits::KEYS_PER_AUTHOR, RejectionCode::LimitReached)?;
        Ok(vec![Fact::KeyChanged { realm, author, key, state: KeyState::Registered }])
    }

    /// One key takes the place of another.
    pub fn decide_rotate(&self, realm: RealmId, author: &PublicKey, from: PublicKey, to: PublicKey) -> Result<Vec<Fact>, Rejection> {
        require(self.speaks_for(realm, author, &from), RejectionCode::NoSuchKey)?;
        self.is_fit(realm, &to)?;
        let changed = |key, state| Fact::KeyChanged { realm, author: *author, key, state };
        // The new one first: at no moment is the author without a key.
        Ok(vec![changed(to, KeyState::Registered), changed(from, KeyState::Rotated)])
    }

    /// An author gives up one of its keys, but never locks itself out; an admin may take anybody else's.
    pub fn decide_revoke(&self, realm: RealmId, by: &PublicKey, key: PublicKey, by_admin: bool) -> Result<Vec<Fact>, Rejection> {
        let found = self.key(realm, &key).filter(|found| found.state == KeyState::Registered);
        let author = found.ok_or(RejectionCode::NoSuchKey)?.author;
        require(author == *by || by_admin, RejectionCode::NotAllowed)?;
        require(author != *by || self.valid_keys(realm, by) > 1, RejectionCode::LastKey)?;
        Ok(vec![Fact::KeyChanged { realm, author, key, state: KeyState::Revoked }])
    }

    pub fn evolve(&mut self, fact: &Fact) -> Result<(), Halt> {
        let Fact::KeyChanged { realm, author, key, state } = fact else { return Ok(()) };
        let ring = self.0.entry(*realm).or_default();
        let valid = ring.authors.entry(*author).or_default();
        let before = ring.keys.insert(*key, Key { author: *author, state: *state });
        match (before, state) {
            (None, KeyState::Registered) => *valid += 1,
            (Some(was), KeyState::Rotated | KeyState::Revoked) if was.state == KeyState::Registered && was.author == *author => *valid -= 1,
            _ => return Err(Halt::fact(fact.name(), format!("{key} is not in the state that this follows"))),
        }
        Ok(())
    }

    fn key(&self, realm: RealmId, key: &PublicKey) -> Option<&Key> {
        self.0.get(&realm)?.keys.get(key)
    }

    fn valid_keys(&self, realm: RealmId, author: &PublicKey) -> u32 {
        self.0.get(&realm).and_then(|ring| ring.authors.get(author)).copied().unwrap_or(0)
    }

    /// A new key is canonical, of prime order, and nobody's so far: one that was rotated away or revoked stays so.
    fn is_fit(&self, realm: RealmId, key: &PublicKey) -> Result<(), Rejection> {
        PublicKey::strict(key.0).map_err(|why| Rejection::because(RejectionCode::BadKey, why.to_string()))?;
        require(self.key(realm, key).is_none(), RejectionCode::KeyExists)?;
        require(self.0.get(&realm).is_none_or(|ring| ring.keys.len() < limits::KEYS_PER_REALM), RejectionCode::LimitReached)
    }
}
