//! What accounts promise, whatever is ordered; and what they refuse even when it is recorded.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::decider::Context;
use cairn_schemas::{Timestamp, event::TransferPending, ids::BlockHash};
use proptest::prelude::*;

const REALM: RealmId = RealmId([1; 32]);
const PEOPLE: u8 = 4;

fn person(who: u8) -> PublicKey {
    PublicKey([who; 32])
}

fn account(who: u8) -> Account {
    if who == 0 { Account::Issuer } else { Account::Named(format!("p{who}").parse().unwrap()) }
}

fn amount(minor: u128) -> Amount {
    Amount::new(minor).unwrap()
}

/// A realm with an issuer (person 0) and an account for each of the others.
fn realm() -> Accounts {
    let mut books = Accounts::default();
    books.open(REALM, Account::Treasury, None, "test").unwrap();
    for who in 0..PEOPLE {
        books.evolve(&Fact::AccountOpened { realm: REALM, account: account(who), owner: person(who) }).unwrap();
    }
    books
}

fn movement(from: u8, to: u8, minor: u128) -> Fact {
    moved(REALM, account(from), account(to), amount(minor), EventHash([9; 32]))
}

#[derive(Clone, Debug)]
enum Order {
    Post { by: u8, from: u8, to: u8, minor: u64 },
    Hold { by: u8, from: u8, to: u8, minor: u64, timeout: u64 },
    Settle { by: u8, which: u8 },
    Void { by: u8, which: u8 },
    Wait(u64),
    Extend(u64),
}

fn order() -> impl Strategy<Value = Order> {
    let who = || 0..PEOPLE;
    prop_oneof![
        (who(), who(), who(), 0..200u64).prop_map(|(by, from, to, minor)| Order::Post { by, from, to, minor }),
        (who(), who(), who(), 0..200u64, 0..50u64).prop_map(|(by, from, to, minor, timeout)| Order::Hold { by, from, to, minor, timeout }),
        (who(), 0..20u8).prop_map(|(by, which)| Order::Settle { by, which }),
        (who(), 0..20u8).prop_map(|(by, which)| Order::Void { by, which }),
        (0..30u64).prop_map(Order::Wait),
        (0..30u64).prop_map(Order::Extend),
    ]
}

fn obey(books: &Accounts, order: &Order, number: u8, now: &mut Timestamp) -> Vec<Fact> {
    let hash = |which: u8| EventHash([which; 32]);
    let answer = match order {
        Order::Post { by, from, to, minor } => {
            books.decide_post(REALM, &person(*by), hash(number), &account(*from), &account(*to), amount((*minor).into()))
        }
        Order::Hold { by, from, to, minor, timeout } => {
            let ask = TransferPending { from: account(*from), to: account(*to), amount: amount((*minor).into()), timeout_ms: *timeout };
            books.decide_hold(REALM, &person(*by), hash(number), &ask, *now)
        }
        Order::Settle { by, which } => books.decide_settle(REALM, &person(*by), hash(number), hash(*which)),
        Order::Void { by, which } => books.decide_void(REALM, &person(*by), hash(*which)),
        Order::Extend(by_ms) => Ok(vec![Fact::DeadlinesExtended { by_ms: *by_ms }]),
        Order::Wait(millis) => {
            *now = now.plus(*millis);
            let ctx = Context { time: *now, height: 1, prev: BlockHash::ZERO, gap_ms: None };
            Ok(books.overdue(&ctx).flat_map(|transfer| books.decide_overdue(&ctx, transfer)).collect())
        }
    };
    answer.unwrap_or_default()
}

proptest! {
    /// Whatever is ordered: money is conserved, nobody is overdrawn, promises are covered, and nobody pays but by their own order.
    #[test]
    fn the_books_balance_after_any_orders(orders in proptest::collection::vec(order(), 1..60)) {
        let (mut books, mut now) = (realm(), Timestamp::default());
        for (number, order) in orders.iter().enumerate() {
            let before: Vec<_> = (0..PEOPLE).map(|who| books.balance(REALM, &account(who))).collect();
            for fact in obey(&books, order, u8::try_from(number).unwrap(), &mut now) {
                prop_assert_eq!(books.evolve(&fact), Ok(()));
            }
            prop_assert_eq!(books.check_invariants(), Ok(()));
            if let Order::Post { by, .. } | Order::Settle { by, .. } = order {
                let poorer = |who: &u8| books.balance(REALM, &account(*who)) < before[usize::from(*who)];
                prop_assert!((0..PEOPLE).filter(poorer).all(|who| who == *by));
            }
        }
    }

    #[test]
    fn a_balance_has_one_text(minor in any::<i128>()) {
        if let Some(balance) = Balance::new(minor) {
            let json = serde_json::to_string(&balance).unwrap();
            prop_assert_eq!(&json, &format!("\"{minor}\""));
            prop_assert_eq!(serde_json::from_str::<Balance>(&json).unwrap(), balance);
        }
    }
}

#[test]
fn balances_end_at_the_largest_amount() {
    let most = Balance::ZERO.plus(amount(limits::AMOUNT_MAX)).unwrap();
    let least = Balance::ZERO.minus(amount(limits::AMOUNT_MAX)).unwrap();
    assert_eq!(most.plus(amount(1)), None);
    assert_eq!(least.minus(amount(limits::AMOUNT_MAX)), None);
    assert_eq!(Balance::sum([most, least, most, least].into_iter()), None, "even a sum that would end at zero is refused, not wrapped");
    assert_eq!(Balance::sum([most, least].into_iter()), Some(Balance::ZERO));
    for text in ["\"-0\"", "\"+1\"", "\"01\"", "\"\"", "1", "\"100000000000000000000000000000000000000\""] {
        assert!(serde_json::from_str::<Balance>(text).is_err(), "{text} is no balance");
    }
}

#[test]
fn a_recorded_fact_that_cannot_be_halts() {
    let mut books = realm();
    books.evolve(&movement(0, 1, 50)).unwrap();
    let held = |transfer, minor| Fact::TransferHeld {
        realm: REALM,
        transfer: EventHash([transfer; 32]),
        by: person(1),
        from: account(1),
        to: account(2),
        amount: amount(minor),
        due: Timestamp::MAX,
    };
    let closed = |transfer| Fact::TransferClosed { realm: REALM, transfer: EventHash([transfer; 32]), settled: true };
    books.evolve(&held(1, 40)).unwrap();
    let cannot_be = [
        movement(1, 2, 11),
        movement(1, 9, 1),
        movement(9, 1, 1),
        held(1, 1),
        held(2, 11),
        closed(3),
        Fact::AccountOpened { realm: REALM, account: account(1), owner: person(2) },
    ];
    for fact in cannot_be {
        let mut books = books.clone();
        assert_eq!(books.evolve(&fact).unwrap_err().code(), "CRN-3103", "{}", fact.name());
    }
    books.evolve(&closed(1)).unwrap();
    books.evolve(&movement(1, 2, 50)).unwrap();
    assert_eq!(books.check_invariants(), Ok(()));
}

/// Escrows and stakes are there while they hold something: a finished job leaves nothing behind.
#[test]
fn an_empty_escrow_is_forgotten() {
    let mut books = realm();
    let escrow = Account::Escrow(EventHash([5; 32]).into());
    let (fill, drain) = (
        moved(REALM, Account::Issuer, escrow.clone(), amount(5), EventHash::ZERO),
        moved(REALM, escrow.clone(), account(1), amount(5), EventHash::ZERO),
    );
    books.evolve(&fill).unwrap();
    assert_eq!(books.balance(REALM, &escrow).amount(), amount(5));
    books.evolve(&drain).unwrap();
    assert!(books.entry(REALM, &escrow).is_none());
    assert!(books.entry(REALM, &Account::Treasury).is_some(), "the treasury stays, empty as it is");
}

#[test]
fn books_that_do_not_balance_are_found() {
    let mut books = realm();
    books.ledgers.get_mut(&REALM).unwrap().get_mut(&account(1)).unwrap().balance = Balance::new(1).unwrap();
    assert_eq!(books.check_invariants().unwrap_err().code(), "CRN-3102");
    let mut books = realm();
    books.ledgers.get_mut(&REALM).unwrap().get_mut(&Account::Issuer).unwrap().held = amount(1);
    assert_eq!(books.check_invariants().unwrap_err().code(), "CRN-3102");
}
