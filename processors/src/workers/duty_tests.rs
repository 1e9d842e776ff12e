#![allow(clippy::unwrap_used)]
use super::*;
use crate::workers::view::tale::*;
use cairn_schemas::{
    Fact,
    fact::{Phase, VoidReason},
};

/// What each of the four owes after these facts, as `worker verifier third`.
fn owed_after(facts: &[Fact]) -> [Option<Act>; 3] {
    [WORKER, VERIFIER, THIRD].map(|who| {
        let mut view = begun(key(who).public());
        view.take(&block(facts.to_vec()));
        let owed = duties(&view);
        assert!(owed.len() <= 1, "nobody has two parts: {owed:?}");
        assert!(owed.iter().all(|duty| duty.task == task() && duty.attempt == 1));
        owed.first().map(|duty| duty.act)
    })
}

#[test]
fn each_fact_hands_the_word_to_the_next() {
    use Act::*;
    let path: Vec<(Fact, [Option<Act>; 3])> = vec![
        (created(), [None, None, None]),
        (assigned(1), [Some(Accept), None, None]),
        (accepted(), [Some(Work), None, None]),
        (committed(), [None, None, None]),
        (challenged(&[2, 4]), [Some(Open), None, None]),
        (drawn(VERIFIER), [Some(Open), None, None]),
        (opened(&[0, 1, 3]), [None, Some(Seal), None]),
        (sealed(VERIFIER), [Some(Answer), None, None]),
        (opened(&[2, 4]), [None, Some(Reveal), None]),
        (closed(VERIFIER), [None, None, None]),
        (third_drawn(), [None, None, Some(Seal)]),
        (sealed(THIRD), [None, None, Some(Reveal)]),
        (closed(THIRD), [None, None, None]),
        (verified(), [None, None, None]),
    ];
    let mut facts = Vec::new();
    for (fact, owed) in path {
        facts.push(fact.clone());
        assert_eq!(owed_after(&facts), owed, "after {}", fact.name());
    }
}

#[test]
fn an_attempt_that_nobody_checks_is_opened_once() {
    let mut facts = vec![created(), assigned(1), accepted(), committed(), challenged(&[])];
    assert_eq!(owed_after(&facts), [Some(Act::Answer), None, None]);
    facts.push(opened(&[0, 4]));
    assert_eq!(owed_after(&facts), [None, None, None]);
}

#[test]
fn whoever_takes_a_silent_verifiers_place_seals_and_reveals_what_was_answered_before() {
    let to_answer = [created(), assigned(1), accepted(), committed(), challenged(&[1]), drawn(VERIFIER), opened(&[0]), sealed(VERIFIER)];
    let mut facts = to_answer.to_vec();
    facts.extend([opened(&[1, 4]), silent(Phase::Reveal, VERIFIER), drawn(THIRD)]);
    assert_eq!(owed_after(&facts), [None, None, Some(Act::Seal)], "the verifier is released");
    facts.push(sealed(THIRD));
    assert_eq!(owed_after(&facts), [None, None, Some(Act::Reveal)], "the worker has answered already");
    let mut facts = to_answer.to_vec();
    facts.push(checker_voided(VERIFIER));
    assert_eq!(owed_after(&facts), [None, None, None], "nobody waits for the answer until another has sealed");
}

#[test]
fn an_attempt_that_ended_asks_nothing_of_anybody() {
    let path = [created(), assigned(1), accepted(), committed(), challenged(&[1]), drawn(VERIFIER), opened(&[0])];
    for after in 2..=path.len() {
        let mut facts = path[..after].to_vec();
        facts.push(voided(VoidReason::Silent));
        assert_eq!(owed_after(&facts), [None, None, None], "after {}", path[after - 1].name());
    }
}

#[test]
fn what_others_wait_for_comes_first() {
    let mut acts = [Act::Work, Act::Seal, Act::Accept, Act::Open, Act::Reveal, Act::Answer];
    acts.sort();
    assert_eq!(acts, [Act::Accept, Act::Reveal, Act::Answer, Act::Open, Act::Seal, Act::Work]);
}
