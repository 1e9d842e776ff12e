//! Quotas: how much of a partition's room one key, or all strangers of a realm together, may take.
//!
//! Owns the count of events that are appended and not yet decided, by who signed them, and of authors that registered themselves in
//! open realms. Refuses admission, which is the decider's: a quota only says "not now". What another gateway or a process before this
//! one appended is not counted here, but in the lag.

use crate::{
    intake::Accepted,
    outcome::{Outcomes, Signer},
    problem::Refusal,
};
use axum::http::StatusCode;
use cairn_schemas::{RealmId, Topic, limits};
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The bounds; an operator may lower them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Events of one registered key, appended and not yet decided.
    pub per_key: usize,
    /// The same of all keys together that a realm does not know.
    pub strangers: usize,
    /// Authors that ever registered themselves in one realm.
    pub newcomers: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas { per_key: limits::OUTSTANDING_PER_KEY, strangers: limits::OUTSTANDING_STRANGERS, newcomers: limits::NEWCOMERS_PER_REALM }
    }
}

/// What one event takes.
#[derive(Clone, Copy, Debug)]
struct Share {
    signer: Signer,
    newcomer: Option<RealmId>,
}

#[derive(Debug, Default)]
struct Counts {
    signers: HashMap<Signer, usize>,
    newcomers: HashMap<RealmId, usize>,
    /// What was appended and is not known to be decided, by place and offset.
    appended: BTreeMap<(u32, Topic), BTreeMap<u64, Share>>,
}

impl Counts {
    fn take(&mut self, share: Share) {
        *self.signers.entry(share.signer).or_default() += 1;
        if let Some(realm) = share.newcomer {
            *self.newcomers.entry(realm).or_default() += 1;
        }
    }

    fn give_back(&mut self, share: Share) {
        lower(&mut self.signers, share.signer);
        if let Some(realm) = share.newcomer {
            lower(&mut self.newcomers, realm);
        }
    }

    /// Gives back what was decided meanwhile.
    fn settle(&mut self, outcomes: &Outcomes) {
        let mut decided = Vec::new();
        for ((partition, topic), shares) in &mut self.appended {
            let open = shares.split_off(&outcomes.decided(*partition, *topic));
            decided.extend(std::mem::replace(shares, open).into_values());
        }
        decided.into_iter().for_each(|share| self.give_back(share));
    }
}

/// One less; who has nothing left leaves nothing behind.
fn lower<K: Eq + Hash>(counts: &mut HashMap<K, usize>, of: K) {
    if let Entry::Occupied(mut count) = counts.entry(of) {
        *count.get_mut() = count.get().saturating_sub(1);
        if *count.get() == 0 {
            count.remove();
        }
    }
}

/// The counts of one gateway. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    quotas: Quotas,
    outcomes: Outcomes,
    counts: Arc<Mutex<Counts>>,
}

impl Ledger {
    pub fn new(quotas: Quotas, outcomes: Outcomes) -> Ledger {
        Ledger { quotas, outcomes, counts: Arc::default() }
    }

    /// Takes room for events that are about to be appended, for all or for none.
    pub fn reserve(&self, events: &[Accepted]) -> Result<Reservation, Refusal> {
        let mut reservation = Reservation { ledger: self.clone(), shares: Vec::with_capacity(events.len()) };
        self.counts().settle(&self.outcomes);
        for (index, event) in events.iter().enumerate() {
            let share = Share { signer: self.outcomes.signer(event.realm, event.kid), newcomer: event.newcomer.then_some(event.realm) };
            self.reserve_one(share).map_err(|refusal| refusal.at(index))?;
            reservation.shares.push(Some(share));
        }
        Ok(reservation)
    }

    fn reserve_one(&self, share: Share) -> Result<(), Refusal> {
        let refused = |detail: String| Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1117", detail));
        let mut counts = self.counts();
        let (most, whose) = match share.signer {
            Signer::Key(_, key) => (self.quotas.per_key, format!("key {key} has")),
            Signer::Stranger(realm) => (self.quotas.strangers, format!("unregistered keys of realm {realm} have")),
        };
        if counts.signers.get(&share.signer).copied().unwrap_or(0) >= most {
            return refused(format!("{whose} {most} events that are not decided yet"));
        }
        if let Some(realm) = share.newcomer {
            let begun = counts.newcomers.get(&realm).copied().unwrap_or(0);
            if self.outcomes.newcomers(&realm) + begun >= self.quotas.newcomers {
                return refused(format!(
                    "{} authors have registered themselves in realm {realm}: an admin may register more",
                    self.quotas.newcomers
                ));
            }
        }
        counts.take(share);
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that was taken. What is not said to be appended is given back.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Ledger,
    shares: Vec<Option<Share>>,
}

impl Reservation {
    /// From here on, the event at `index` holds its room until the journal passes `offset`.
    pub fn appended(&mut self, index: usize, event: &Accepted, offset: u64) {
        if let Some(share) = self.shares.get_mut(index).and_then(Option::take) {
            self.ledger.counts().appended.entry((event.partition, event.topic)).or_default().insert(offset, share);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut counts = self.ledger.counts();
        self.shares.drain(..).flatten().for_each(|share| counts.give_back(share));
    }
}
