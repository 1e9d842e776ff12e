//! Verbs and checks about people, keys, money and votes.
//!
//! Owns the sentences of the core books; those about work stand in [`super::training`]. Refuses judgement: a verb only says things.

use super::{
    Check, Outcome, Verb, World,
    world::{id, text},
};
use cairn_schemas::{
    Account, Amount, EventHash, PublicKey,
    decision::Subject,
    event::{
        AccountOpened, Admission, Choice, Currency, KeyRegistered, KeyRevoked, KeyRotated, NoteRecorded, ProcessorAuthorised,
        ProposalOpened, RealmOpened, StakeLocked, StakeReleased, TransferPending, TransferPosted, TransferSettled, TransferVoided,
        VoteCast,
    },
};
use std::str::FromStr;

type Said = Result<Outcome, String>;

pub const VERBS: &[(&str, Verb)] = &[
    ("_ s pass", |world, args| {
        world.pass(1_000 * number::<u64>(args[0])?);
        world.next_block()?;
        Ok(Outcome::Done)
    }),
    ("nobody decides for _ s", |world, args| {
        world.outage(1_000 * number::<u64>(args[0])?)?;
        Ok(Outcome::Done)
    }),
    ("_ has _", endow),
    ("_ opens realm _", |world, args| open_realm(world, args[0], realm(args[1], Admission::Open, &["admin"])?)),
    ("_ opens closed realm _", |world, args| open_realm(world, args[0], realm(args[1], Admission::Admins, &["admin"])?)),
    ("_ opens realm _ without admins", |world, args| open_realm(world, args[0], realm(args[1], Admission::Open, &[])?)),
    ("_ opens realm _ on partition _", |world, args| {
        open_realm(world, args[0], RealmOpened { partition: number(args[2])?, ..realm(args[1], Admission::Open, &["admin"])? })
    }),
    ("_ opens _ more realms", |world, args| {
        every(number(args[1])?, |at| open_realm(world, args[0], realm(&format!("more{at}"), Admission::Open, &["admin"])?))
    }),
    ("_ authorises _", |world, args| world.say(args[0], ProcessorAuthorised { key: id(args[1]) })),
    ("_ joins", |world, args| world.say(args[0], KeyRegistered { key: id(args[0]) })),
    ("_ registers an unfit key", |world, args| world.say(args[0], KeyRegistered { key: unfit_key() })),
    ("_ registers _", |world, args| world.say(args[0], KeyRegistered { key: id(args[1]) })),
    ("_ registers _ more keys", |world, args| {
        every(number(args[1])?, |at| world.say(args[0], KeyRegistered { key: id(&format!("{} {at}", args[0])) }))
    }),
    ("_ rotates _ to _", |world, args| {
        let outcome = world.say(args[0], KeyRotated { from: id(args[1]), to: id(args[2]) })?;
        if outcome == accepted() {
            world.signs_with(args[0], args[2]);
        }
        Ok(outcome)
    }),
    ("_ revokes _", |world, args| world.say(args[0], KeyRevoked { key: id(args[1]) })),
    ("_ notes *", |world, args| world.say(args[0], NoteRecorded { text: parse(args[1])?, about: None, blob: None })),
    ("_ proposes _", |world, args| {
        let ask = ProposalOpened { title: parse(args[1])?, text: parse("why not")? };
        world.say_named(args[0], ask, Some(args[1]))
    }),
    ("_ votes _ on _", |world, args| {
        let ask = VoteCast { proposal: world.called(args[2]), choice: choice(args[1])? };
        world.say(args[0], ask)
    }),
    ("_ opens account _", |world, args| world.say(args[0], AccountOpened { account: parse(args[1])? })),
    ("_ pays _ _", |world, args| pay(world, args[0], args[0], args[1], args[2])),
    ("_ pays _ _ out of _", |world, args| pay(world, args[0], args[3], args[1], args[2])),
    ("_ promises _ _ for _ s as _", |world, args| {
        let (from, to) = (account(world, args[0])?, account(world, args[1])?);
        let ask = TransferPending { from, to, amount: parse(args[2])?, timeout_ms: 1_000 * number::<u64>(args[3])? };
        world.say_named(args[0], ask, Some(args[4]))
    }),
    ("_ settles _", |world, args| world.say(args[0], TransferSettled { transfer: world.called(args[1]) })),
    ("_ voids _", |world, args| world.say(args[0], TransferVoided { transfer: world.called(args[1]) })),
    ("_ stakes _", |world, args| world.say(args[0], StakeLocked { from: account(world, args[0])?, amount: parse(args[1])? })),
    ("_ releases _", |world, args| world.say(args[0], StakeReleased { to: account(world, args[0])?, amount: parse(args[1])? })),
];

pub const CHECKS: &[(&str, Check)] = &[
    ("_ has _", |world, args| same(args[1], world.state.balance(world.realm(), &account(world, args[0])?))),
    ("_ can spend _", |world, args| {
        let (account, most) = (account(world, args[0])?, parse::<Amount>(args[1])?);
        let more = most.checked_add(Amount::new(1).unwrap_or_default()).unwrap_or(most);
        let can = |amount| world.state.accounts.can_pay(world.realm(), &account, amount).is_ok();
        if can(most) && !can(more) { Ok(()) } else { Err("it is another sum".into()) }
    }),
    ("_ speaks for _", |world, args| same("true", world.state.keys.speaks_for(world.realm(), &id(args[1]), &id(args[0])))),
    ("_ is silent", |world, args| same("false", world.state.keys.speaks_for(world.realm(), &id(args[0]), &id(args[0])))),
    ("_ voted _ on _", |world, args| {
        let last = world.state.votes.choice(world.realm(), world.called(args[2]), &id(args[0]));
        if last == Some(choice(args[1])?) { Ok(()) } else { Err(format!("it was {last:?}")) }
    }),
    ("fact _ happened _ times", |world, args| {
        let facts = world.journal.iter().flat_map(|decision| &decision.facts);
        same(args[1], facts.filter(|fact| fact.name() == args[0]).count())
    }),
    ("tick _ happened _ times", |world, args| {
        let is_it = |subject: &Subject| matches!(subject, Subject::Tick(tick) if tick.name() == args[0]);
        same(args[1], world.journal.iter().filter(|decision| is_it(&decision.subject)).count())
    }),
];

/// Gives somebody an account with money in it, in as many events as that takes.
fn endow(world: &mut World, args: &[&str]) -> Said {
    let (who, realm) = (args[0], world.realm());
    if !world.state.keys.is_author(realm, &id(who)) {
        must(world.say(who, KeyRegistered { key: id(who) })?)?;
    }
    must(world.say(who, AccountOpened { account: parse(who)? })?)?;
    if args[1] != "0" {
        must(pay(world, "issuer", "issuer", who, args[1])?)?;
    }
    Ok(Outcome::Done)
}

fn pay(world: &mut World, who: &str, from: &str, to: &str, amount: &str) -> Said {
    let ask = TransferPosted { from: account(world, from)?, to: account(world, to)?, amount: parse(amount)? };
    world.say(who, ask)
}

fn realm(name: &str, admission: Admission, admins: &[&str]) -> Result<RealmOpened, String> {
    Ok(RealmOpened {
        name: parse(name)?,
        partition: 0,
        admins: admins.iter().map(|name| id(name)).collect(),
        admission,
        currency: Currency { code: parse("coin")?, scale: 2 },
        issuer: id("issuer"),
    })
}

/// The realm's name stands for it only once it is open: a second of that name must not hide the first.
fn open_realm(world: &mut World, who: &str, ask: RealmOpened) -> Said {
    let name = ask.name.to_string();
    let outcome = world.say(who, ask)?;
    if outcome == accepted() {
        let hash = world.last_event().ok_or("nothing was decided")?;
        world.name(&name, hash);
    }
    Ok(outcome)
}

/// Says the same kind of thing over and over; the outcome is that of the first that was not accepted, or of the last.
fn every(times: u32, mut say: impl FnMut(u32) -> Said) -> Said {
    let mut outcome = Outcome::Done;
    for at in 0..times {
        outcome = say(at)?;
        if outcome != accepted() {
            break;
        }
    }
    Ok(outcome)
}

/// A point of small order: the identity. Signatures by it would verify for anybody.
fn unfit_key() -> PublicKey {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    PublicKey(bytes)
}

fn choice(word: &str) -> Result<Choice, String> {
    match word {
        "yes" => Ok(Choice::Yes),
        "no" => Ok(Choice::No),
        "abstain" => Ok(Choice::Abstain),
        _ => Err(format!("`{word}` is no choice")),
    }
}

/// An account by its name; `stake:NAME` and `escrow:NAME` stand for those of a person and of a named job.
pub fn account(world: &World, name: &str) -> Result<Account, String> {
    match name.split_once(':') {
        Some(("stake", who)) => Ok(Account::Stake(id(who))),
        Some(("escrow", job)) => Ok(Account::Escrow(EventHash::into(world.called(job)))),
        _ => parse(name),
    }
}

pub fn parse<T: FromStr<Err: std::fmt::Display>>(word: &str) -> Result<T, String> {
    word.parse().map_err(text)
}

pub fn number<T: FromStr<Err: std::fmt::Display>>(word: &str) -> Result<T, String> {
    parse(word)
}

pub fn accepted() -> Outcome {
    Outcome::Said("accepted".into())
}

/// An arrangement must succeed.
pub fn must(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Said(said) if said != "accepted" => Err(format!("came out {said}")),
        _ => Ok(()),
    }
}

/// Whether a figure is what the ending says.
pub fn same(told: &str, is: impl std::fmt::Display) -> Result<(), String> {
    let is = is.to_string();
    if is == told { Ok(()) } else { Err(format!("it is {is}")) }
}
