#![allow(clippy::unwrap_used)]
use super::{tale::*, *};
use crate::{
    author::{Author, Outbox},
    workers::{
        duty::duties,
        enlist::{Enlistment, Missing, missing},
    },
};
use cairn_schemas::{
    Account, Amount, ByteString, Encoding,
    decision::{Disposition, Position, RejectionCode},
    event::{Opening, TaskAccepted, WorkOpened},
    fact::{KeyState, Movement, WorkerState},
};

fn said(author: &mut Author, body: impl Into<Body>, verdict: Verdict, facts: Vec<Fact>) -> ValidBlock {
    let kept = author.say(REALM, body, Timestamp::default()).unwrap();
    let at = Position { topic: kept.topic, offset: 0, index: 0 };
    of(vec![Decision { subject: Subject::Event { at, record: ByteString(kept.record.to_vec()) }, verdict, facts }], Vec::new())
}

fn author(seed: u8) -> Author {
    Author::new(key(seed), Encoding::Cose, Outbox::in_memory())
}

#[test]
fn what_was_said_is_known_again_from_the_journal_alone() {
    let mut worker = author(WORKER);
    let mut view = begun(worker.id());
    view.take(&block(vec![created(), assigned(1)]));
    let accept = duties(&view)[0];
    let rejected = Verdict::Rejected { code: RejectionCode::WrongPhase, detail: String::new() };
    let news = view.take(&said(&mut worker, TaskAccepted { task: task(), attempt: 1 }, rejected.clone(), vec![]));
    assert_eq!((news.heard.len(), &news.heard[0].verdict), (1, &rejected));
    assert!(view.has_said(&accept));
    assert!(duties(&view).is_empty(), "a word that was turned down is not said for ever");
    assert_eq!(view.lanes().collect::<Vec<_>>(), [((REALM, Topic::Jobs), worker.head(REALM, Topic::Jobs).unwrap())]);
    view.take(&block(vec![voided(cairn_schemas::fact::VoidReason::Silent), assigned(2)]));
    assert_eq!(duties(&view), [Duty { attempt: 2, ..accept }], "another attempt is another duty");
}

#[test]
fn others_words_and_lanes_are_not_mine() {
    let mut view = begun(key(WORKER).public());
    let news = view.take(&said(&mut author(VERIFIER), TaskAccepted { task: task(), attempt: 1 }, Verdict::Accepted, vec![]));
    assert_eq!(news, News::default());
    assert_eq!(view.lanes().count(), 0);
}

#[test]
fn the_second_opening_is_told_by_the_last_leaf() {
    let mut view = begun(key(WORKER).public());
    view.take(&block(vec![created(), assigned(1)]));
    let act = |leaves: &[u32]| {
        let openings = leaves.iter().map(|index| Opening { leaf: leaf(*index), path: vec![], state: None }).collect();
        view.duty_of(&WorkOpened { task: task(), attempt: 1, openings }.into()).unwrap().act
    };
    assert_eq!(act(&[0, 3]), Act::Open);
    assert_eq!(act(&[2, LEAVES - 1]), Act::Answer);
    assert_eq!(act(&[LEAVES - 1]), Act::Answer);
}

#[test]
fn an_ended_job_leaves_nothing_behind() {
    let mut worker = author(WORKER);
    let mut view = begun(worker.id());
    view.take(&block(vec![created(), assigned(1)]));
    view.take(&said(&mut worker, TaskAccepted { task: task(), attempt: 1 }, Verdict::Accepted, vec![accepted()]));
    view.take(&block(vec![Fact::JobFailed { job: task().job, reason: cairn_schemas::fact::JobEnd::Cancelled }]));
    assert!(view.job(&task().job).is_none() && view.task(&task()).is_none() && duties(&view).is_empty());
    assert!(!view.has_said(&Duty { act: Act::Accept, task: task(), attempt: 1 }));
}

#[test]
fn dispositions_are_told_by_record() {
    let record = RecordHash([3; 32]);
    let at = Position { topic: Topic::Jobs, offset: 3, index: 0 };
    let mut view = begun(key(WORKER).public());
    let news = view.take(&of(vec![], vec![Disposition { at, length: 1, record, code: DispositionCode::Gap, evidence: None }]));
    assert_eq!(news.disposed, [(record, DispositionCode::Gap)]);
}

#[test]
fn enlisting_goes_on_where_it_was() {
    let me = key(WORKER).public();
    let account = Account::Named("ada".parse().unwrap());
    let amount = |minor| Amount::new(minor).unwrap();
    let moved = |debit: Account, credit: Account, minor| {
        Fact::MoneyMoved(Movement { realm: REALM, debit, credit, amount: amount(minor), because: None, task: None, attempt: None })
    };
    let opened = Fact::RealmOpened {
        realm: REALM,
        name: "home".parse().unwrap(),
        partition: 0,
        admins: vec![],
        admission: Admission::Open,
        currency: cairn_schemas::event::Currency { code: "eur".parse().unwrap(), scale: 2 },
        issuer: me,
    };
    let path: Vec<(Fact, &str)> = vec![
        (opened, "key.registered.v1"),
        (Fact::KeyChanged { realm: REALM, author: me, key: me, state: KeyState::Registered }, "account.opened.v1"),
        (Fact::AccountOpened { realm: REALM, account: account.clone(), owner: me }, "worker.registered.v1"),
        (
            Fact::WorkerChanged {
                realm: REALM,
                worker: me,
                name: "ada".parse().unwrap(),
                account: account.clone(),
                state: WorkerState::Active,
            },
            "50 more",
        ),
        (moved(Account::Issuer, account.clone(), 30), "stake 30"),
        (moved(account.clone(), Account::Stake(me), 30), "20 more"),
        (moved(Account::Issuer, account.clone(), 90), "stake 20"),
        (moved(account.clone(), Account::Stake(me), 20), "nothing"),
    ];
    let wanted = Enlistment { realm: REALM, name: "ada".parse().unwrap(), stake: amount(50) };
    let mut view = View::new(me);
    assert_eq!(missing(&view, &wanted), Missing::Admission(me), "before the realm is known nobody may say how");
    for (fact, next) in path {
        let name = fact.name();
        view.take(&block(vec![fact]));
        let found = match missing(&view, &wanted) {
            Missing::Say(Body::StakeLocked(said)) => format!("stake {}", said.amount),
            Missing::Say(body) => body.type_name().to_owned(),
            Missing::Funds(lacking) => format!("{lacking} more"),
            Missing::Admission(_) => "admission".to_owned(),
            Missing::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, next, "after {name}");
    }
}

/// A verifier sealed and was slashed elsewhere before the answer came: the answer was too early, and is owed again once another has sealed.
#[test]
fn an_answer_that_came_too_early_is_owed_again() {
    let mut worker = author(WORKER);
    let mut view = begun(worker.id());
    let path = [created(), assigned(1), accepted(), committed(), challenged(&[1]), drawn(VERIFIER), opened(&[0]), sealed(VERIFIER)];
    view.take(&block(path.to_vec()));
    let answer = duties(&view)[0];
    assert_eq!(answer.act, Act::Answer);
    view.take(&block(vec![checker_voided(VERIFIER), drawn(THIRD)]));
    let openings = [1, LEAVES - 1].map(|index| Opening { leaf: leaf(index), path: vec![], state: None }).into();
    let rejected = Verdict::Rejected { code: RejectionCode::WrongPhase, detail: String::new() };
    view.take(&said(&mut worker, WorkOpened { task: task(), attempt: 1, openings }, rejected, vec![]));
    assert!(duties(&view).is_empty(), "nobody has sealed");
    view.take(&block(vec![sealed(THIRD)]));
    assert_eq!(duties(&view), [answer], "an honest worker is not silent");
}
