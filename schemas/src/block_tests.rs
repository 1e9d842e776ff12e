#![allow(clippy::unwrap_used)]
use super::*;
use crate::{ByteString, golden};

fn key() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

fn block() -> Block {
    let body = Body::default().to_cbor().unwrap();
    let header = Header {
        instance: InstanceId([1; 32]),
        partition: 2,
        epoch: 3,
        height: 4,
        prev: BlockHash([5; 32]),
        time: Timestamp::from_millis(1_763_712_000_000).unwrap(),
        rules: 1,
        next: Next::start().map(|next| Next { offset: 10 + next.topic as u64, last: RecordHash([6; 32]), ..next }),
        dispositions: 0,
        first_leaf: 7,
        tree_size: 9,
        root: Root([8; 32]),
        body: body_hash(&body),
    };
    Block::signed(header, body, &key())
}

#[test]
fn blocks_and_claims_keep_their_bytes() {
    let block = block();
    assert_eq!(block.header.to_bytes().len(), Header::LEN);
    golden::check("block.bin", &block.to_record());
    assert_eq!(JournalRecord::read(&block.to_record()).unwrap(), JournalRecord::Block(Box::new(block.clone())));
    assert!(block.is_signed_by(&key().public()));
    let claim = Claim::signed(InstanceId([1; 32]), 2, 3, &key());
    golden::check("claim.bin", &claim.to_record());
    assert_eq!(JournalRecord::read(&claim.to_record()).unwrap(), JournalRecord::Claim(claim.clone()));
    assert!(claim.is_authentic());
}

#[test]
fn every_bit_of_a_header_is_signed() {
    let record = block().to_record();
    let signed = 4 + Header::LEN;
    for at in 4..signed {
        let mut bent = record.clone();
        bent[at] ^= 1;
        let passes = matches!(JournalRecord::read(&bent), Ok(JournalRecord::Block(block)) if block.is_signed_by(&key().public()));
        assert!(!passes, "byte {at}");
    }
}

#[test]
fn truncated_trailing_and_newer_records_are_told_apart() {
    let record = block().to_record();
    assert!(matches!(JournalRecord::read(&record[..100]), Err(CodecError::Truncated(_))));
    let mut newer = record.clone();
    newer[4] = 2;
    assert_eq!(JournalRecord::read(&newer), Err(CodecError::Version(2)));
    let mut longer = Claim::signed(InstanceId([1; 32]), 2, 3, &key()).to_record();
    longer.push(0);
    assert!(matches!(JournalRecord::read(&longer), Err(CodecError::Trailing(_))));
    assert!(JournalRecord::read(b"????").is_err());
}

#[test]
fn a_genesis_keeps_its_id() {
    let genesis = Genesis {
        name: "demo".parse().unwrap(),
        nonce: ByteString(vec![7; 16]),
        time: Timestamp::from_millis(1_763_712_000_000).unwrap(),
        partitions: 1,
        admins: vec![key().public()],
        processors: vec![key().public()],
        origin: "demo.cairn/07".parse().unwrap(),
        checkpoint_keys: vec![key().public()],
        rules: 1,
        demo: true,
    };
    golden::check("genesis.cbor", &cbor::to_vec(&genesis).unwrap());
    golden::check("genesis.id", genesis.id().unwrap().to_string().as_bytes());
    assert_eq!(genesis.origin_of(3), "demo.cairn/07/3");
}
