//! A lane takes each event once, in order, however records come.
#![allow(clippy::unwrap_used)]

use super::*;
use cairn_schemas::{Encoding, Event, EventId, Signature, Timestamp, event::NoteRecorded};
use proptest::prelude::*;

/// An author's events in order, each naming the one before; `branch` makes others at the same seqs.
fn chain(length: usize, branch: &str) -> Vec<SignedEvent> {
    let mut prev = EventHash::ZERO;
    let event = |seq: usize, prev| Event {
        id: EventId::from_parts(0, &[0; 10]),
        realm: RealmId::ZERO,
        source: PublicKey([1; 32]),
        seq: seq as u64,
        prev,
        time: Timestamp::default(),
        not_after: None,
        subject: None,
        body: NoteRecorded { text: branch.parse().unwrap(), about: None, blob: None }.into(),
    };
    (1..=length)
        .map(|seq| {
            let event = event(seq, prev);
            prev = event.hash().unwrap();
            let (kid, signature) = (event.source, Signature([0; 64]));
            SignedEvent { event, hash: prev, encoding: Encoding::Cose, kid, signature, to_be_signed: Vec::new() }
        })
        .collect()
}

proptest! {
    #[test]
    fn every_event_is_taken_once_and_in_order(arrivals in proptest::collection::vec((1..12usize, any::<bool>()), 0..80)) {
        let (true_one, other) = (chain(12, "said"), chain(12, "unsaid"));
        let (mut lanes, mut taken) = (Lanes::default(), Vec::new());
        for (seq, forked) in arrivals {
            // The other branch only ever arrives where the true one has been: it must never get in.
            let forked = forked && seq <= taken.len();
            let signed = &(if forked { &other } else { &true_one })[seq - 1];
            let expected = match (seq, forked) {
                (_, true) => Err(DispositionCode::Fork),
                (seq, _) if seq <= taken.len() => Err(DispositionCode::Duplicate),
                (seq, _) if seq == taken.len() + 1 => Ok(()),
                _ => Err(DispositionCode::Gap),
            };
            prop_assert_eq!(lanes.is_next(&signed.event, signed.hash), expected);
            prop_assert_eq!(lanes.advance(signed).is_ok(), expected.is_ok());
            if expected.is_ok() {
                taken.push(signed.hash);
            }
        }
        let head = lanes.head(RealmId::ZERO, Topic::Audit, PublicKey([1; 32]));
        prop_assert_eq!(head, (taken.len() as u64, taken.last().copied().unwrap_or(EventHash::ZERO)));
    }
}

#[test]
fn an_event_that_names_another_predecessor_waits() {
    let (mine, other) = (chain(2, "mine"), chain(2, "other"));
    let mut lanes = Lanes::default();
    lanes.advance(&mine[0]).unwrap();
    assert_eq!(lanes.is_next(&other[1].event, other[1].hash), Err(DispositionCode::Gap));
}

#[test]
fn a_lane_remembers_so_much_and_no_more() {
    let (said, unsaid) = (chain(REMEMBERED + 10, "said"), chain(REMEMBERED + 10, "unsaid"));
    let mut lanes = Lanes::default();
    said.iter().for_each(|signed| lanes.advance(signed).unwrap());
    assert_eq!(lanes.0.values().map(|lane| lane.recent.len()).max(), Some(REMEMBERED));
    let judge = |signed: &SignedEvent| lanes.is_next(&signed.event, signed.hash);
    assert_eq!((judge(&unsaid[9]), judge(&unsaid[10])), (Err(DispositionCode::Duplicate), Err(DispositionCode::Fork)));
}
