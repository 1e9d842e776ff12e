//! The suite of the tales: all of them together reach every code there is.
#![allow(clippy::unwrap_used)]

use super::{Story, tales};
use cairn_schemas::decision::{DispositionCode, RejectionCode};
use std::collections::BTreeSet;

#[test]
fn every_code_has_its_tale() {
    let worlds: Vec<_> = tales::all().map(|tale| tale.tell().unwrap()).collect();
    let rejected: BTreeSet<_> = worlds.iter().flat_map(|world| &world.journal).filter_map(|decision| decision.verdict.code()).collect();
    let disposed: BTreeSet<_> = worlds.iter().flat_map(|world| world.dispositions.iter().copied()).collect();
    let unreached: Vec<_> = RejectionCode::ALL.iter().filter(|code| !rejected.contains(code)).collect();
    assert!(unreached.is_empty(), "no tale reaches {unreached:?}");
    let unreached: Vec<_> = DispositionCode::ALL.iter().filter(|code| !disposed.contains(code)).collect();
    assert!(unreached.is_empty(), "no tale reaches {unreached:?}");
}

#[test]
fn tales_have_names_of_their_own() {
    let names: BTreeSet<_> = tales::all().map(|tale| tale.name).collect();
    assert_eq!(names.len(), tales::all().count());
}

/// A language that cannot fail proves nothing: wrong verdicts, wrong endings and unknown words are found.
#[test]
fn a_story_that_is_not_true_fails() {
    let told = |begin, ends| super::Tale { name: "lie", begin, ends }.tell().unwrap_err();
    assert!(told("acme has 10\nacme pays treasury 20  accepted", "").contains("came out rejected insufficient_funds"));
    assert!(told("acme has 10\nacme pays treasury 5", "acme has 10").contains("it is 5"));
    assert!(told("acme dances", "").contains("no verb fits"));
    assert!(told("acme has 10", "acme dances").contains("no check fits"));
    assert!(told("acme has 10\nacme pays treasury 5, softly", "").contains("no manner"));
}

/// Hashes of old events are forgotten, but what they were is never taken again.
#[test]
fn an_event_from_long_ago_is_a_duplicate() {
    let mut world = Story::begin("acme joins\nacme notes first").ends("");
    for at in 0..300 {
        world.next_block().unwrap();
        super::live(&mut world, &format!("acme notes number {at}")).unwrap();
    }
    super::live(&mut world, "acme notes first again  duplicate").unwrap();
    super::live(&mut world, "acme notes number 299 again  duplicate").unwrap();
    assert_eq!(world.check(), Ok(()));
}
