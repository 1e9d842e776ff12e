//! What holds for the decider as a whole.
#![allow(clippy::unwrap_used)]

use super::{
    story::{Story, World},
    *,
};
use cairn_schemas::{
    Fact, SignedEvent, code,
    codec::{CodecError, cbor},
    decision::{Decision, DispositionCode, Position, RejectionCode, Subject, Tick, Verdict},
    limits, record,
    topic::Topic,
};

fn told() -> World {
    Story::begin("acme has 100\nbob has 0\nacme pays bob 60\nacme promises bob 10 for 5 s as rent\nacme notes hello").ends("bob has 60")
}

fn last_event(world: &World) -> (SignedEvent, Position, Vec<u8>) {
    let found = world.journal.iter().rev().find_map(|decision| match &decision.subject {
        Subject::Event { at, record } => Some((record::open(&record.0).unwrap(), *at, record.0.clone())),
        Subject::Tick(_) => None,
    });
    found.unwrap()
}

#[test]
fn the_same_question_has_the_same_answer() {
    let world = told();
    let (signed, at, bytes) = last_event(&world);
    let answer = || decide_event(&world.state, &world.ctx, &signed, at, &bytes);
    assert_eq!(answer(), answer());
    assert_eq!(told().state.hash(), told().state.hash());
}

#[test]
fn a_snapshot_is_read_strictly() {
    let bytes = told().state.to_bytes().unwrap();
    assert_eq!(State::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    let trailing = [bytes.as_slice(), &[0]].concat();
    assert_eq!(State::from_bytes(&trailing).unwrap_err().code(), "CRN-3107");
    assert!(State::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(State::from_bytes(&[]).is_err());
}

#[test]
fn what_does_not_decode_is_malformed() {
    let world = told();
    let at = Position { topic: Topic::Audit, offset: 0, index: 0 };
    let admission = admit(&world.state, &world.ctx, Err(&CodecError::NotCanonical), at, false);
    assert_eq!(admission, Admission::Disposed(DispositionCode::Malformed));
}

#[test]
fn an_event_evolves_once_and_only_with_its_own_bytes() {
    let mut world = told();
    let (signed, at, bytes) = last_event(&world);
    let decision = decide_event(&world.state, &world.ctx, &signed, at, &bytes);
    let again = evolve(&mut world.state, &world.ctx, &decision, Some(&signed));
    assert_eq!(again.unwrap_err().code(), "CRN-3103", "it is in its lane already");
    assert!(evolve(&mut world.state, &world.ctx, &decision, None).is_err());
    let tick = Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts: Vec::new() };
    assert!(evolve(&mut world.state, &world.ctx, &tick, Some(&signed)).is_err());
    assert_eq!(evolve(&mut world.state, &world.ctx, &tick, None), Ok(()));
}

/// A job of many tasks must not make a decision that no block can carry: what does not fit is turned down whole.
#[test]
fn consequences_that_do_not_fit_are_turned_down() {
    let world = told();
    let (_, at, bytes) = last_event(&world);
    let note = world.journal.last().unwrap().facts[0].clone();
    assert!(matches!(note, Fact::NoteKept { .. }));
    let subject = Subject::Event { at, record: cairn_schemas::ByteString(bytes.clone()) };
    let with = |facts| Decision { subject: subject.clone(), verdict: Verdict::Accepted, facts };
    let few = decide::fitting(with(vec![note.clone(); 100]), bytes.len());
    assert_eq!((few.verdict.code(), few.facts.len()), (None, 100));
    let many = decide::fitting(with(vec![note; 1_000]), bytes.len());
    assert_eq!((many.verdict.code(), many.facts.len()), (Some(RejectionCode::LimitReached), 0));
    assert!(cbor::to_vec(&many).unwrap().len() <= limits::DECISION_BYTES);
}

#[test]
fn a_partition_that_genesis_lacks_does_not_begin() {
    let genesis = story::world::genesis().unwrap();
    assert!(State::new(&genesis, 1).is_ok());
    assert_eq!(State::new(&genesis, 2).unwrap_err().code(), "CRN-4007");
}

#[test]
fn every_halt_has_a_next_step() {
    let halts = [
        Halt::fact("money.moved", "why"),
        Halt::invariant("accounts", "why"),
        Halt::Genesis { partition: 0, why: "why".into() },
        Halt::Tick { tick: "challenge" },
        Halt::Bytes(CodecError::NotCanonical),
    ];
    assert!(halts.iter().all(|halt| code::find(halt.code()).is_some()));
}

#[test]
fn a_detail_is_cut_to_what_a_journal_should_carry() {
    let rejection = Rejection::because(RejectionCode::BadTerms, "ü".repeat(1_000));
    assert_eq!(rejection.detail.chars().count(), 128);
}
