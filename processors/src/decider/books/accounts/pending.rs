//! Pending transfers: money that is promised and not yet paid.
//!
//! Owns what is held, for whom and until when. Refuses clocks: block time comes with the question.

use super::{Accounts, moved};
use crate::decider::{Context, Halt, Rejection, rejection::require};
use cairn_schemas::{
    Account, Amount, Fact, Timestamp,
    decision::RejectionCode,
    event::TransferPending,
    ids::{EventHash, RealmId},
    limits,
    sign::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    transfers: BTreeMap<EventHash, Transfer>,
    /// The same transfers by their time, so that nobody looks at those that are not due.
    by_due: BTreeSet<(Timestamp, EventHash)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    realm: RealmId,
    by: PublicKey,
    from: Account,
    to: Account,
    amount: Amount,
    due: Timestamp,
}

impl Pending {
    /// What each account has promised.
    pub(super) fn held(&self) -> BTreeMap<(RealmId, Account), Amount> {
        let mut held = BTreeMap::<_, Amount>::new();
        for transfer in self.transfers.values() {
            let sum = held.entry((transfer.realm, transfer.from.clone())).or_default();
            *sum = sum.checked_add(transfer.amount).unwrap_or(*sum);
        }
        held
    }

    fn find(&self, realm: RealmId, transfer: EventHash) -> Result<&Transfer, Rejection> {
        let found = self.transfers.get(&transfer).filter(|found| found.realm == realm);
        found.ok_or_else(|| RejectionCode::NoSuchTransfer.into())
    }
}

/// What authors order, and what time brings.
impl Accounts {
    pub fn decide_hold(
        &self,
        realm: RealmId,
        by: &PublicKey,
        transfer: EventHash,
        ask: &TransferPending,
        now: Timestamp,
    ) -> Result<Vec<Fact>, Rejection> {
        require(ask.timeout_ms > 0, RejectionCode::BadTerms)?;
        self.may_transfer(realm, by, &ask.from, &ask.to, ask.amount)?;
        require(self.pending.transfers.len() < limits::PENDING_TRANSFERS, RejectionCode::LimitReached)?;
        let due = now.plus(ask.timeout_ms);
        Ok(vec![Fact::TransferHeld { realm, transfer, by: *by, from: ask.from.clone(), to: ask.to.clone(), amount: ask.amount, due }])
    }

    /// Its author completes it.
    pub fn decide_settle(&self, realm: RealmId, by: &PublicKey, because: EventHash, transfer: EventHash) -> Result<Vec<Fact>, Rejection> {
        let found = self.pending.find(realm, transfer)?;
        require(found.by == *by, RejectionCode::NotOwner)?;
        Ok(vec![
            Fact::TransferClosed { realm, transfer, settled: true },
            moved(realm, found.from.clone(), found.to.clone(), found.amount, because),
        ])
    }

    /// Its author takes it back, or its receiver turns it down.
    pub fn decide_void(&self, realm: RealmId, by: &PublicKey, transfer: EventHash) -> Result<Vec<Fact>, Rejection> {
        let found = self.pending.find(realm, transfer)?;
        let receiver = self.is_owned_by(realm, &found.to, by).is_ok();
        require(found.by == *by || receiver, RejectionCode::NotOwner)?;
        Ok(vec![Fact::TransferClosed { realm, transfer, settled: false }])
    }

    /// Its time is over: the money is free again.
    pub fn decide_overdue(&self, ctx: &Context, transfer: EventHash) -> Vec<Fact> {
        let overdue = self.pending.transfers.get(&transfer).filter(|found| ctx.is_past(found.due));
        overdue.map(|found| Fact::TransferClosed { realm: found.realm, transfer, settled: false }).into_iter().collect()
    }

    /// The transfers whose time is over, the oldest first.
    pub fn overdue(&self, ctx: &Context) -> impl Iterator<Item = EventHash> {
        self.pending.by_due.iter().take_while(|(due, _)| ctx.is_past(*due)).map(|(_, transfer)| *transfer)
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.transfers.is_empty()
    }
}

/// What is recorded.
impl Accounts {
    pub(super) fn evolve_pending(&mut self, fact: &Fact) -> Result<(), Halt> {
        match fact {
            Fact::TransferHeld { realm, transfer, by, from, to, amount, due } => {
                let held = Transfer { realm: *realm, by: *by, from: from.clone(), to: to.clone(), amount: *amount, due: *due };
                self.hold(*transfer, held, fact.name())
            }
            Fact::TransferClosed { transfer, .. } => self.free(*transfer, fact.name()),
            Fact::DeadlinesExtended { by_ms } => {
                self.extend(*by_ms);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn hold(&mut self, hash: EventHash, transfer: Transfer, fact: &'static str) -> Result<(), Halt> {
        let entry = self.ledgers.get_mut(&transfer.realm).and_then(|ledger| ledger.get_mut(&transfer.from));
        let payable = entry.filter(|entry| entry.can_pay(&transfer.from, transfer.amount));
        let entry = payable.ok_or_else(|| Halt::fact(fact, format!("{} cannot promise {}", transfer.from, transfer.amount)))?;
        entry.held = entry.held.checked_add(transfer.amount).ok_or_else(|| Halt::fact(fact, "too large"))?;
        self.pending.by_due.insert((transfer.due, hash));
        match self.pending.transfers.insert(hash, transfer) {
            None => Ok(()),
            Some(_) => Err(Halt::fact(fact, format!("{hash} is pending already"))),
        }
    }

    fn free(&mut self, hash: EventHash, fact: &'static str) -> Result<(), Halt> {
        let wrong = || Halt::fact(fact, format!("{hash} is not pending"));
        let transfer = self.pending.transfers.remove(&hash).ok_or_else(wrong)?;
        self.pending.by_due.remove(&(transfer.due, hash));
        let entry = self.ledgers.get_mut(&transfer.realm).and_then(|ledger| ledger.get_mut(&transfer.from)).ok_or_else(wrong)?;
        entry.held = entry.held.checked_sub(transfer.amount).ok_or_else(wrong)?;
        Ok(())
    }

    /// After an outage of ours, everybody has as much time left as before it.
    fn extend(&mut self, by_ms: u64) {
        for transfer in self.pending.transfers.values_mut() {
            transfer.due = transfer.due.plus(by_ms);
        }
        self.pending.by_due = self.pending.transfers.iter().map(|(hash, transfer)| (transfer.due, *hash)).collect();
    }
}
