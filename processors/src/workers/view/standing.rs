//! Standing: what a worker is and has in each realm.
//!
//! Owns its keys, accounts, registration and stake as facts told them. Refuses other authors' affairs.

use cairn_schemas::{
    Account, Amount, Fact, PublicKey, RealmId,
    fact::{KeyState, Movement, WorkerState},
};
use std::collections::{BTreeMap, BTreeSet};

/// One author's affairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    me: PublicKey,
    /// Realms in which the author may speak.
    admitted: BTreeSet<RealmId>,
    /// Its own accounts and its stakes, with what is on them.
    accounts: BTreeMap<(RealmId, Account), Amount>,
    registered: BTreeMap<RealmId, WorkerState>,
}

impl Standing {
    pub(super) fn new(me: PublicKey) -> Standing {
        Standing { me, admitted: BTreeSet::new(), accounts: BTreeMap::new(), registered: BTreeMap::new() }
    }

    /// Whether the author's first key is registered in the realm.
    pub fn is_admitted(&self, realm: &RealmId) -> bool {
        self.admitted.contains(realm)
    }

    /// What is on an account of its own; none if it is not open.
    pub fn balance(&self, realm: &RealmId, account: &Account) -> Option<Amount> {
        self.accounts.get(&(*realm, account.clone())).copied()
    }

    pub fn stake(&self, realm: &RealmId) -> Amount {
        self.balance(realm, &Account::Stake(self.me)).unwrap_or_default()
    }

    /// Where the author stands as a worker; none before its registration.
    pub fn worker(&self, realm: &RealmId) -> Option<WorkerState> {
        self.registered.get(realm).copied()
    }

    pub(super) fn follow(&mut self, fact: &Fact) {
        if let Some((_, movement)) = fact.movement() {
            return self.moved(movement);
        }
        match fact {
            Fact::KeyChanged { realm, author, state: KeyState::Registered, .. } if *author == self.me => {
                self.admitted.insert(*realm);
            }
            Fact::AccountOpened { realm, account, owner } if *owner == self.me => {
                self.accounts.entry((*realm, account.clone())).or_default();
            }
            Fact::WorkerChanged { realm, worker, state, .. } if *worker == self.me => {
                self.registered.insert(*realm, *state);
            }
            _ => {}
        }
    }

    fn moved(&mut self, movement: &Movement) {
        let mine = Account::Stake(self.me);
        for (account, is_credit) in [(&movement.debit, false), (&movement.credit, true)] {
            let key = (movement.realm, account.clone());
            if *account == mine {
                self.accounts.entry(key.clone()).or_default();
            }
            if let Some(balance) = self.accounts.get_mut(&key) {
                let moved = if is_credit { balance.checked_add(movement.amount) } else { balance.checked_sub(movement.amount) };
                // A recorded movement was covered when it was decided.
                *balance = moved.unwrap_or_default();
            }
        }
    }
}
