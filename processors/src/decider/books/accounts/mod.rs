//! Accounts: who owns what, and every movement of it.
//!
//! Owns balances and pending transfers; in each realm all balances add up to zero, and only the issuer's is negative.
//! Refuses time (block time is given to it), keys (admission has met the author) and prices (jobs know those).

mod balance;
mod pending;

pub use balance::Balance;
use pending::Pending;

use crate::decider::{Halt, Rejection, rejection::require};
use cairn_schemas::{
    Account, Amount, Fact,
    decision::RejectionCode,
    fact::Movement,
    ids::{EventHash, RealmId},
    limits,
    sign::PublicKey,
    value::Name,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    ledgers: BTreeMap<RealmId, BTreeMap<Account, Entry>>,
    pending: Pending,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Who may debit it; nobody, where only facts do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<PublicKey>,
    balance: Balance,
    /// Promised to pending transfers.
    held: Amount,
}

impl Entry {
    /// What may be spent: the issuer down to the limit of amounts, all others down to zero.
    fn can_pay(&self, account: &Account, amount: Amount) -> bool {
        self.held.checked_add(amount).and_then(|gone| self.balance.minus(gone)).is_some_and(|left| may_stand(account, left))
    }
}

fn may_stand(account: &Account, balance: Balance) -> bool {
    *account == Account::Issuer || !balance.is_negative()
}

/// What the accounts answer to those who ask before they act.
impl Accounts {
    /// What lies in an account; nothing, if there is none.
    pub fn balance(&self, realm: RealmId, account: &Account) -> Balance {
        self.entry(realm, account).map_or(Balance::ZERO, |entry| entry.balance)
    }

    /// Whether `by` may debit the account.
    pub fn is_owned_by(&self, realm: RealmId, account: &Account, by: &PublicKey) -> Result<(), Rejection> {
        let entry = self.entry(realm, account).ok_or(RejectionCode::NoSuchAccount)?;
        require(entry.owner == Some(*by), RejectionCode::NotOwner)
    }

    /// Whether the account has that much beyond what it has promised.
    pub fn can_pay(&self, realm: RealmId, account: &Account, amount: Amount) -> Result<(), Rejection> {
        let payable = self.entry(realm, account).is_some_and(|entry| entry.can_pay(account, amount));
        // Only the limit of amounts stops the issuer.
        let code = if *account == Account::Issuer { RejectionCode::BadAmount } else { RejectionCode::InsufficientFunds };
        require(payable, code)
    }

    fn entry(&self, realm: RealmId, account: &Account) -> Option<&Entry> {
        self.ledgers.get(&realm)?.get(account)
    }

    fn exists(&self, realm: RealmId, account: &Account) -> Result<(), Rejection> {
        require(self.entry(realm, account).is_some(), RejectionCode::NoSuchAccount)
    }
}

/// What authors order.
impl Accounts {
    pub fn decide_open(&self, realm: RealmId, by: &PublicKey, name: &Name) -> Result<Vec<Fact>, Rejection> {
        // A name that reads as an account of another kind is taken.
        let account = name.as_str().parse().unwrap_or(Account::Treasury);
        require(matches!(account, Account::Named(_)), RejectionCode::AccountExists)?;
        require(self.entry(realm, &account).is_none(), RejectionCode::AccountExists)?;
        let accounts = self.ledgers.get(&realm).map_or(0, BTreeMap::len);
        require(accounts < limits::ACCOUNTS_PER_REALM, RejectionCode::LimitReached)?;
        Ok(vec![Fact::AccountOpened { realm, account, owner: *by }])
    }

    pub fn decide_post(
        &self,
        realm: RealmId,
        by: &PublicKey,
        because: EventHash,
        from: &Account,
        to: &Account,
        amount: Amount,
    ) -> Result<Vec<Fact>, Rejection> {
        self.may_transfer(realm, by, from, to, amount)?;
        Ok(vec![moved(realm, from.clone(), to.clone(), amount, because)])
    }

    /// Everything that makes a transfer a good one, now or later.
    fn may_transfer(&self, realm: RealmId, by: &PublicKey, from: &Account, to: &Account, amount: Amount) -> Result<(), Rejection> {
        require(!amount.is_zero() && from != to, RejectionCode::BadAmount)?;
        self.is_owned_by(realm, from, by)?;
        if matches!(to, Account::Escrow(_) | Account::Stake(_)) {
            return Err(Rejection::because(RejectionCode::NotAllowed, "only jobs fill an escrow and only stake.locked a stake"));
        }
        self.exists(realm, to)?;
        self.can_pay(realm, from, amount)
    }
}

fn moved(realm: RealmId, debit: Account, credit: Account, amount: Amount, because: EventHash) -> Fact {
    Fact::MoneyMoved(Movement { realm, debit, credit, amount, because: Some(because), task: None, attempt: None })
}

/// What is recorded.
impl Accounts {
    pub fn evolve(&mut self, fact: &Fact) -> Result<(), Halt> {
        match fact {
            Fact::RealmOpened { realm, .. } => self.open(*realm, Account::Treasury, None, fact.name()),
            Fact::AccountOpened { realm, account, owner } => self.open(*realm, account.clone(), Some(*owner), fact.name()),
            Fact::TransferHeld { .. } | Fact::TransferClosed { .. } | Fact::DeadlinesExtended { .. } => self.evolve_pending(fact),
            _ => fact.movement().map_or(Ok(()), |(_, movement)| self.apply(movement, fact.name())),
        }
    }

    fn open(&mut self, realm: RealmId, account: Account, owner: Option<PublicKey>, fact: &'static str) -> Result<(), Halt> {
        let entry = Entry { owner, ..Entry::default() };
        match self.ledgers.entry(realm).or_default().insert(account, entry) {
            None => Ok(()),
            Some(_) => Err(Halt::fact(fact, "the account is open already")),
        }
    }

    /// Moves money. What a decision promised is checked again: a book that does not balance is worth less than none.
    fn apply(&mut self, movement: &Movement, fact: &'static str) -> Result<(), Halt> {
        let Movement { realm, debit, credit, amount, .. } = movement;
        let wrong = |why: &str| Halt::fact(fact, format!("{amount} from {debit} to {credit}: {why}"));
        let ledger = self.ledgers.get_mut(realm).ok_or_else(|| wrong("no such realm"))?;
        let from = ledger.get_mut(debit).filter(|from| from.can_pay(debit, *amount)).ok_or_else(|| wrong("it is not there to be spent"))?;
        from.balance = from.balance.minus(*amount).ok_or_else(|| wrong("too large"))?;
        if from.owner.is_none() && from.balance == Balance::ZERO && *debit != Account::Treasury {
            ledger.remove(debit);
        }
        let by_facts = matches!(credit, Account::Escrow(_) | Account::Stake(_));
        let to = if by_facts { Some(ledger.entry(credit.clone()).or_default()) } else { ledger.get_mut(credit) };
        let to = to.ok_or_else(|| wrong("no such account"))?;
        to.balance = to.balance.plus(*amount).ok_or_else(|| wrong("too large"))?;
        Ok(())
    }

    /// Balances add up to zero, nobody but the issuer is below it, and what is held is what pending transfers hold.
    pub fn check_invariants(&self) -> Result<(), Halt> {
        let broken = |why: String| Err(Halt::invariant("accounts", why));
        let held = self.pending.held();
        for (realm, ledger) in &self.ledgers {
            if Balance::sum(ledger.values().map(|entry| entry.balance)) != Some(Balance::ZERO) {
                return broken(format!("the balances of realm {realm} do not add up to zero"));
            }
            for (account, entry) in ledger {
                if !may_stand(account, entry.balance) || !entry.can_pay(account, Amount::ZERO) {
                    return broken(format!("{account} of realm {realm} has less than it promised"));
                }
                if held.get(&(*realm, account.clone())).copied().unwrap_or(Amount::ZERO) != entry.held {
                    return broken(format!("{account} of realm {realm} does not hold what its pending transfers say"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
