//! Each void reason: the record that is void for it, beside the one that counts.

use super::*;
use crate::journal::JournalError;
use cairn_schemas::{block::Next, limits::CLOCK_SKEW_MS};

/// Every case: the reason, and a record offered behind block 0, a claim of `key(1)` and one block.
fn cases() -> Vec<(VoidReason, &'static str, Bytes)> {
    use VoidReason::*;
    let (mut desk, _) = Desk::open();
    let first = desk.block(1);
    let next = desk.propose(2);
    let own = &key(1);
    let claim = |instance, partition, epoch, key: &SecretKey| Bytes::from(Claim::signed(instance, partition, epoch, key).to_record());
    let instance = document().id().unwrap();
    let forged_claim = {
        let mut claim = Claim::signed(instance, 0, 2, &key(2));
        claim.signature = key(3).sign(b"another");
        Bytes::from(claim.to_record())
    };
    let reordered = {
        let mut ahead = desk.clone();
        ahead.block(2);
        bytes(&ahead.propose(3))
    };
    let other_body = with_body(&next, own, next.body.clone(), |header| header.body = cairn_schemas::Root([1; 32]));
    let with_genesis = block::Body { decisions: vec![tick(2)], genesis: Some(document()), ..block::Body::default() }.to_cbor().unwrap();
    let empty = desk.chain.clone().form(desk.draft(block::Body::default()), own).unwrap();
    let another_tick = block::Body { decisions: vec![tick(3)], ..block::Body::default() }.to_cbor().unwrap();
    vec![
        (Malformed, "noise", Bytes::from_static(b"noise")),
        (Malformed, "a truncated block", first.slice(..80)),
        (Instance, "a block of another instance", altered(&next, own, |h| h.instance = InstanceId([5; 32]))),
        (Instance, "a claim of another instance", claim(InstanceId([5; 32]), 0, 2, &key(2))),
        (Partition, "a block of another partition", altered(&next, own, |h| h.partition = 1)),
        (Partition, "a claim of another partition", claim(instance, 1, 2, &key(2))),
        (Genesis, "a genesis document in a later block", with_body(&next, own, with_genesis, |_| {})),
        (Epoch, "a replayed claim", claim(instance, 0, 1, &key(1))),
        (Epoch, "a claim that skips an epoch", claim(instance, 0, 3, &key(2))),
        (Epoch, "a block of an epoch to come", altered(&next, own, |h| h.epoch = 2)),
        (Unauthorised, "a claim by an unknown key", claim(instance, 0, 2, &key(3))),
        (Height, "a second copy", first.clone()),
        (Height, "a block before its predecessor", reordered),
        (Prev, "another past", altered(&next, own, |h| h.prev = BlockHash([5; 32]))),
        (Signature, "a block by a key that may lead, and does not", altered(&next, &key(2), |_| {})),
        (Signature, "a forged claim", forged_claim),
        (TimeBack, "an earlier time", altered(&next, own, |h| h.time = Timestamp::from_millis(START - 1).unwrap())),
        (TimeAhead, "a time to come", altered(&next, own, |h| h.time = h.time.plus(CLOCK_SKEW_MS as u64 + 1))),
        (Body, "a body that was not signed", other_body),
        (Empty, "nothing in it", bytes(&empty)),
        (Dispositions, "a miscounted disposition", altered(&next, own, |h| h.dispositions = 1)),
        (Leaves, "another first leaf", altered(&next, own, |h| h.first_leaf = 0)),
        (Leaves, "another size", altered(&next, own, |h| h.tree_size += 1)),
        (Root, "another root", altered(&next, own, |h| h.root = cairn_schemas::Root([5; 32]))),
        (Root, "another decision under the same root", with_body(&next, own, another_tick, |_| {})),
    ]
}

#[test]
fn each_void_record_is_void_for_its_reason_and_moves_nothing() {
    let (mut desk, _) = Desk::open();
    desk.block(1);
    for (expected, what, record) in cases() {
        let mut chain = desk.chain.clone();
        assert_eq!(reason(take(&mut chain, &record, START).unwrap()), expected, "{what}");
        assert_eq!((chain.prev(), chain.height(), chain.at()), (desk.chain.prev(), desk.chain.height(), desk.chain.at()), "{what}");
        let good = bytes(&desk.propose(2));
        assert!(matches!(take(&mut chain, &good, START).unwrap(), Step::Block(_)), "after {what}");
    }
}

#[test]
fn every_reason_has_its_case() {
    let elsewhere = [VoidReason::BeforeGenesis, VoidReason::Position];
    let met: Vec<_> = cases().into_iter().map(|(reason, ..)| reason).chain(elsewhere).collect();
    let missing: Vec<_> = VoidReason::ALL.iter().filter(|reason| !met.contains(reason)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn positions_go_forward_only() {
    let (mut desk, _) = Desk::open();
    let at = |offset, index| {
        let mut next = Next::start();
        next[3] = Next { topic: Topic::Audit, offset, index, last: RecordHash([4; 32]) };
        next
    };
    let block = |desk: &Desk, next| {
        let body = Body { dispositions: vec![disposition(0)], ..Body::default() };
        let draft = Draft { next, ..desk.draft(body) };
        bytes(&desk.chain.clone().form(draft, &desk.key).unwrap())
    };
    let ahead = block(&desk, at(5, 2));
    desk.read(&ahead);
    for (offset, index) in [(5, 1), (4, 9), (0, 0)] {
        let back = block(&desk, at(offset, index));
        assert_eq!(reason(take(&mut desk.chain.clone(), &back, START).unwrap()), VoidReason::Position);
    }
    let (further, same) = (block(&desk, at(6, 0)), block(&desk, at(5, 2)));
    assert!(matches!(take(&mut desk.chain.clone(), &same, START).unwrap(), Step::Block(_)));
    assert!(matches!(take(&mut desk.chain, &further, START).unwrap(), Step::Block(_)));
}

#[test]
fn before_block_0_nothing_counts() {
    let (desk, records) = Desk::open();
    for record in [records[1].clone(), bytes(&desk.propose(1))] {
        assert_eq!(reason(take(&mut Chain::new(0), &record, START).unwrap()), VoidReason::BeforeGenesis);
    }
}

#[test]
fn block_0_is_what_the_document_says_and_nothing_more() {
    use VoidReason::*;
    let begin = genesis::block(&document(), 0, &key(1)).unwrap();
    let own = &key(1);
    let body = |change: fn(&mut block::Body)| {
        let mut body = begin.open().unwrap();
        change(&mut body);
        body.to_cbor().unwrap()
    };
    let cases = [
        (Signature, altered(&begin, &key(2), |_| {})),
        (Partition, altered(&begin, own, |h| h.partition = 1)),
        (Instance, altered(&begin, own, |h| h.instance = InstanceId([5; 32]))),
        (BeforeGenesis, altered(&begin, own, |h| h.epoch = 1)),
        (BeforeGenesis, altered(&begin, own, |h| h.height = 1)),
        (Prev, altered(&begin, own, |h| h.prev = BlockHash([5; 32]))),
        (TimeAhead, altered(&begin, own, |h| h.time = h.time.plus(60_000))),
        (Genesis, altered(&begin, own, |h| h.rules = 2)),
        (Genesis, altered(&begin, own, |h| h.tree_size = 1)),
        (Genesis, altered(&begin, own, |h| h.next[0].offset = 1)),
        (Genesis, with_body(&begin, own, body(|b| b.genesis = None), |_| {})),
        (Genesis, with_body(&begin, own, body(|b| b.decisions.push(tick(1))), |_| {})),
        (Body, with_body(&begin, own, body(|_| {}), |h| h.body = cairn_schemas::Root([5; 32]))),
    ];
    for (expected, record) in cases {
        assert_eq!(reason(take(&mut Chain::new(0), &record, START).unwrap()), expected);
    }
    let mut other = Chain::of(InstanceId([6; 32]), 0);
    assert_eq!(reason(take(&mut other, &bytes(&begin), START).unwrap()), Instance);
    let mut chain = Chain::of(document().id().unwrap(), 0);
    assert!(matches!(take(&mut chain, &bytes(&begin), START).unwrap(), Step::Genesis { .. }));
    assert_eq!(reason(take(&mut chain, &bytes(&begin), START).unwrap()), Height);
}

#[test]
fn nobody_owns_epoch_0() {
    let mut chain = Chain::new(0);
    take(&mut chain, &bytes(&genesis::block(&document(), 0, &key(1)).unwrap()), START).unwrap();
    let desk = Desk { chain: chain.clone(), key: key(1) };
    assert_eq!(reason(take(&mut chain, &bytes(&desk.propose(1)), START).unwrap()), VoidReason::Epoch);
}

#[test]
fn a_block_may_be_two_seconds_ahead_of_the_log_and_no_more() {
    let (desk, _) = Desk::open();
    let block = bytes(&desk.propose(1));
    assert!(matches!(take(&mut desk.chain.clone(), &block, START - CLOCK_SKEW_MS).unwrap(), Step::Block(_)));
    assert_eq!(reason(take(&mut desk.chain.clone(), &block, START - CLOCK_SKEW_MS - 1).unwrap()), VoidReason::TimeAhead);
}

#[test]
fn a_zombie_of_an_old_epoch_is_void() {
    let (mut desk, _) = Desk::open();
    let zombie = desk.clone();
    desk.claim(&key(2));
    assert_eq!(reason(take(&mut desk.chain.clone(), &bytes(&zombie.propose(1)), START).unwrap()), VoidReason::Epoch);
    let late = altered(&zombie.propose(1), &key(1), |header| (header.epoch, header.prev) = (2, desk.chain.prev()));
    assert_eq!(reason(take(&mut desk.chain, &late, START).unwrap()), VoidReason::Signature);
}

#[test]
fn what_is_not_understood_halts() {
    let (desk, _) = Desk::open();
    let mut record = desk.propose(1).to_record();
    record[4] = 2;
    let halted = take(&mut desk.chain.clone(), &Bytes::from(record), START);
    assert!(matches!(halted, Err(JournalError::UnknownFormat { version: 2, .. })), "{halted:?}");

    let strange = with_body(&desk.propose(1), &key(1), vec![0xa1, 0x61, b'x', 0x01], |_| {});
    let mut chain = desk.chain.clone();
    let halted = take(&mut chain, &strange, START);
    assert!(matches!(halted, Err(JournalError::UnreadableBody { height: 1, .. })), "{halted:?}");
    assert_eq!(halted.unwrap_err().code(), "CRN-4002");
    assert_eq!(chain, desk.chain, "a halt moves nothing");

    let forged = with_body(&desk.propose(1), &key(3), vec![0xa1, 0x61, b'x', 0x01], |_| {});
    assert_eq!(reason(take(&mut chain, &forged, START).unwrap()), VoidReason::Signature, "only the owner can halt a reader");
}

#[test]
fn every_halt_has_its_code_and_its_next_step() {
    let codec = || cairn_schemas::codec::CodecError::NotCanonical;
    let id = InstanceId::ZERO;
    let errors = [
        JournalError::UnknownFormat { partition: 0, offset: 0, version: 2 },
        JournalError::UnreadableBody { partition: 0, offset: 0, height: 0, source: codec() },
        JournalError::PositionMismatch { partition: 0, offset: 0 },
        JournalError::SavedChain { partition: 0, source: codec() },
        JournalError::Order { partition: 0, offset: 0, expected: 1 },
        JournalError::OtherInstance { partition: 0, found: id, wanted: id },
        JournalError::BadGenesis("why"),
        JournalError::NoGenesis { partition: 0 },
    ];
    for error in errors {
        assert!(cairn_schemas::code::find(error.code()).is_some() && !error.next().is_empty(), "{error}");
    }
}
