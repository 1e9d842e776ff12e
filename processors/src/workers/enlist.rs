//! Enlisting: from a key to a worker with a stake, one word after another.
//!
//! Owns the order (key, account, registration, stake) and the question what is missing, which the view answers: after a crash it
//! goes on where it was. Refuses to fund: whoever has money moves it first.

use super::view::View;
use cairn_schemas::{
    Account, Amount, Body, Name, PublicKey, RealmId,
    event::{AccountOpened, Admission, KeyRegistered, StakeLocked, WorkerRegistered},
};

/// Words that an enlistment takes in the lane of payments, the stake being the last of all: its account, its stake.
pub const PAYMENTS: u64 = 2;

/// What a worker wants to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enlistment {
    pub realm: RealmId,
    /// Its name, and its account's.
    pub name: Name,
    /// The stake that it wants locked, as far as its account has it.
    pub stake: Amount,
}

/// What an enlistment needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The worker says this.
    Say(Body),
    /// An admin registers the key.
    Admission(PublicKey),
    /// Somebody moves money to the account: it lacks this much of the stake.
    Funds(Amount),
    /// Nothing: the worker can be drawn.
    Nothing,
}

/// What is missing next, as far as the journal says.
pub fn missing(view: &View, wanted: &Enlistment) -> Missing {
    let (realm, standing) = (&wanted.realm, view.standing());
    let account = Account::Named(wanted.name.clone());
    if !standing.is_admitted(realm) {
        return match view.realm(realm).map(|realm| realm.admission) {
            Some(Admission::Open) => Missing::Say(KeyRegistered { key: view.me() }.into()),
            _ => Missing::Admission(view.me()),
        };
    }
    let Some(balance) = standing.balance(realm, &account) else {
        return Missing::Say(AccountOpened { account: wanted.name.clone() }.into());
    };
    if standing.worker(realm).is_none() {
        return Missing::Say(WorkerRegistered { name: wanted.name.clone(), account }.into());
    }
    let lacking = wanted.stake.checked_sub(standing.stake(realm)).unwrap_or_default();
    match (lacking, balance.min(lacking)) {
        (Amount::ZERO, _) => Missing::Nothing,
        (lacking, Amount::ZERO) => Missing::Funds(lacking),
        (_, amount) => Missing::Say(StakeLocked { from: account, amount }.into()),
    }
}
