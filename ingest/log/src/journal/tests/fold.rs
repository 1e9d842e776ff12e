//! The fold: golden bytes, who may lead, and that nothing void ever changes it.

use super::*;
use proptest::prelude::*;
use std::{fs, path::Path};

/// Compares with `schemas/golden/{name}`; `CAIRN_GOLDEN=write` writes a new format's file.
fn golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden").join(name);
    if std::env::var("CAIRN_GOLDEN").is_ok_and(|mode| mode == "write") {
        fs::write(&path, bytes).unwrap();
    }
    let kept = fs::read(&path).unwrap_or_else(|error| panic!("golden/{name}: {error}; write it with CAIRN_GOLDEN=write"));
    assert!(kept == bytes, "golden/{name} changed");
}

/// Records of a short history: block 0, a claim, two blocks, another's claim, two of its blocks.
fn history() -> (Vec<Bytes>, Chain) {
    let (mut desk, mut records) = Desk::open();
    records.push(desk.block(1));
    let both = Body { decisions: vec![tick(2), tick(3)], dispositions: vec![disposition(0)], genesis: None };
    let mut next = *desk.chain.next();
    (next[3].offset, next[3].last) = (1, RecordHash([3; 32]));
    let block = bytes(&desk.chain.clone().form(Draft { next, ..desk.draft(both) }, &key(1)).unwrap());
    desk.read(&block);
    records.push(block);
    records.push(desk.claim(&key(2)));
    records.extend([desk.block(4), desk.block(5)]);
    (records, desk.chain)
}

#[test]
fn a_history_keeps_its_bytes() {
    let (records, chain) = history();
    let mut all = Vec::new();
    for record in &records {
        all.extend(u32::try_from(record.len()).unwrap().to_be_bytes());
        all.extend_from_slice(record);
    }
    golden("journal.bin", &all);
    golden("chain.bin", &chain.to_bytes().unwrap());
}

#[test]
fn a_chain_is_what_was_read() {
    let (records, written) = history();
    let mut chain = Chain::new(0);
    let steps: Vec<_> = records.iter().map(|record| take(&mut chain, record, START).unwrap()).collect();
    assert_eq!(chain, written);
    assert_eq!((chain.epoch(), chain.owner(), chain.height(), chain.tree_size()), (2, Some(key(2).public()), Some(4), 5));
    assert_eq!(chain.genesis(), Some(&document()));
    let Step::Block(block) = &steps[3] else { panic!("{:?}", steps[3]) };
    let leaves: Vec<_> = block.entries.iter().map(|entry| (entry.leaf, entry.height, entry.verdict.as_str())).collect();
    assert_eq!(leaves, [(1, 2, "accepted"), (2, 2, "accepted")]);
    assert_eq!(block.leaves, block.entries.iter().map(|entry| entry.hash().unwrap()).collect::<Vec<_>>());
    assert_eq!(Chain::from_bytes(0, &chain.to_bytes().unwrap()).unwrap(), chain);
    for broken in [&[][..], &[2], &[1, 0xff]] {
        assert_eq!(Chain::from_bytes(0, broken).unwrap_err().code(), "CRN-4004");
    }
    assert_eq!(Chain::from_bytes(1, &chain.to_bytes().unwrap()).unwrap_err().code(), "CRN-4004");
}

#[test]
fn a_fact_lets_another_processor_lead_and_shuts_it_out_again() {
    let (mut desk, _) = Desk::open();
    let change = |desk: &mut Desk, authorised| {
        let fact = Fact::ProcessorChanged { key: key(3).public(), authorised };
        let decision = Decision { facts: vec![fact], ..tick(0) };
        let body = Body { decisions: vec![decision], ..Body::default() };
        let block = bytes(&desk.chain.clone().form(desk.draft(body), &desk.key).unwrap());
        desk.read(&block);
    };
    assert!(!desk.chain.authorises(&key(3).public()));
    change(&mut desk, true);
    desk.claim(&key(3));
    change(&mut desk, false);
    desk.block(1); // its ownership ends only by a higher claim
    let again = Bytes::from(Claim::signed(document().id().unwrap(), 0, 3, &key(3)).to_record());
    assert_eq!(reason(take(&mut desk.chain, &again, START).unwrap()), VoidReason::Unauthorised);
}

#[test]
fn a_block_too_large_is_not_formed() {
    let (desk, _) = Desk::open();
    let body = Body { dispositions: (0..10_000).map(disposition).collect(), ..Body::default() };
    let mut chain = desk.chain.clone();
    assert!(chain.form(desk.draft(body), &desk.key).is_err());
    assert_eq!(chain, desk.chain);
}

/// Records that never count, wherever they are put into the history.
fn strays() -> Vec<Bytes> {
    let (records, chain) = history();
    let (zombie, _) = Desk::open();
    let rival = Desk { chain, key: key(1) };
    vec![
        Bytes::from_static(b"noise"),
        bytes(&Desk { key: key(3), ..zombie.clone() }.propose(9)),
        bytes(&rival.propose(9)),
        Bytes::from(Claim::signed(document().id().unwrap(), 0, 1, &key(3)).to_record()),
        Bytes::from(Claim::signed(document().id().unwrap(), 1, 2, &key(2)).to_record()),
        records[3].slice(..200),
    ]
}

proptest! {
    /// Copies behind their original, and strays anywhere, change nothing but the count of void records.
    #[test]
    fn nothing_void_changes_the_fold(extra in prop::collection::vec((0usize..7, any::<prop::sample::Index>(), any::<bool>()), 0..40)) {
        let (records, expected) = history();
        let strays = strays();
        let mut mixed = Vec::new();
        for (at, record) in records.iter().enumerate() {
            mixed.push(record.clone());
            for (_, choice, copy) in extra.iter().filter(|(place, ..)| *place == at) {
                mixed.push(if *copy { choice.get(&mixed).clone() } else { choice.get(&strays).clone() });
            }
        }
        let mut chain = Chain::new(0);
        let voids = mixed.iter().filter(|record| matches!(take(&mut chain, record, START).unwrap(), Step::Void(_))).count();
        prop_assert_eq!(voids, mixed.len() - records.len());
        prop_assert_eq!((chain.prev(), chain.root(), chain.epoch(), chain.next()), (expected.prev(), expected.root(), expected.epoch(), expected.next()));
    }

    /// No bytes make a reader panic, whatever of a block they keep.
    #[test]
    fn damaged_records_are_judged(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let (desk, _) = Desk::open();
        let mut record = desk.propose(1).to_record();
        let at = at.index(record.len());
        record[at] ^= byte;
        record.truncate(cut.index(record.len()) + 1);
        let whole = record == desk.propose(1).to_record();
        let step = take(&mut desk.chain.clone(), &Bytes::from(record), START);
        prop_assert_eq!(matches!(step, Ok(Step::Block(_))), whole);
    }
}
