//! `accounts`: every account after each change of it.
//!
//! Owns the balances that follow from the movements, and nothing else: the books were checked by the decider, and the view
//! `books` adds them up again.

use super::{Builder, Seen};
use crate::rows::{AccountRow, Columns, FactAt, Table};
use cairn_schemas::{Account, Amount, EventHash, Fact, PublicKey, RealmId};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Accounts {
    books: HashMap<(RealmId, Account), Book>,
    /// What each pending transfer holds, until it is closed.
    pending: HashMap<EventHash, (Account, i128)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Book {
    owner: Option<PublicKey>,
    balance: i128,
    held: i128,
}

impl Builder for Accounts {
    fn table(&self) -> Table {
        Table::Accounts
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, _seen: &Seen<'_>, out: &mut Columns) {
        if let Some((_, movement)) = fact.movement() {
            let amount = signed(movement.amount);
            self.change(at, movement.realm, &movement.debit, out, |book| book.balance -= amount);
            self.change(at, movement.realm, &movement.credit, out, |book| book.balance += amount);
        }
        match fact {
            Fact::AccountOpened { realm, account, owner } => {
                self.change(at, *realm, account, out, |book| book.owner = Some(*owner));
            }
            Fact::RealmOpened { realm, issuer, .. } => {
                self.change(at, *realm, &Account::Issuer, out, |book| book.owner = Some(*issuer));
            }
            Fact::TransferHeld { realm, transfer, from, amount, .. } => {
                let amount = signed(*amount);
                self.pending.insert(*transfer, (from.clone(), amount));
                self.change(at, *realm, from, out, |book| book.held += amount);
            }
            Fact::TransferClosed { realm, transfer, .. } => {
                if let Some((from, amount)) = self.pending.remove(transfer) {
                    self.change(at, *realm, &from, out, |book| book.held -= amount);
                }
            }
            _ => {}
        }
    }
}

impl Accounts {
    fn change(&mut self, at: &FactAt, realm: RealmId, account: &Account, out: &mut Columns, change: impl FnOnce(&mut Book)) {
        let book = self.books.entry((realm, account.clone())).or_default();
        let before = book.balance;
        change(book);
        let Book { owner, balance, held } = *book;
        out.push(at, &AccountRow { realm, account: account.clone(), owner, change: balance - before, balance, held });
    }
}

/// Amounts end at 10^38 − 1, below the largest i128.
fn signed(amount: Amount) -> i128 {
    i128::try_from(amount.get()).unwrap_or(i128::MAX)
}
