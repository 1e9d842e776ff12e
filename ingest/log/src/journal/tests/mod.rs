//! Tests of the journal: the fold, every void reason, following.

#![allow(clippy::unwrap_used)]

mod fold;
mod follow;
mod void;

use super::{Chain, Draft, Step, VoidReason, genesis};
use crate::{Record, Traces};
use bytes::Bytes;
use cairn_schemas::{
    BlockHash, ByteString, Fact, InstanceId, RecordHash, SecretKey, Timestamp, Topic,
    block::{self, Block, Body, Claim, Header},
    decision::{Decision, Disposition, DispositionCode, Position, Subject, Tick, Verdict},
    genesis::Genesis,
};

pub(crate) const START: i64 = 1_800_000_000_000;

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// Two processors may lead from the first block on: `key(1)` and `key(2)`.
pub(crate) fn document() -> Genesis {
    Genesis {
        name: "test".parse().unwrap(),
        nonce: ByteString(vec![7; 16]),
        time: Timestamp::from_millis(START).unwrap(),
        partitions: 2,
        admins: vec![key(9).public()],
        processors: vec![key(1).public(), key(2).public()],
        origin: "example.org/test".parse().unwrap(),
        checkpoint_keys: vec![key(8).public()],
        rules: 1,
        demo: true,
    }
}

/// One tick that says `by_ms`.
fn tick(by_ms: u64) -> Decision {
    Decision { subject: Subject::Tick(Tick::Extension), verdict: Verdict::Accepted, facts: vec![Fact::DeadlinesExtended { by_ms }] }
}

fn disposition(offset: u64) -> Disposition {
    let at = Position { topic: Topic::Audit, offset, index: 0 };
    Disposition { at, length: 3, record: RecordHash([3; 32]), code: DispositionCode::Malformed, evidence: None }
}

/// A writer of journal records for partition 0, whose chain moves with what it writes.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) chain: Chain,
    key: SecretKey,
}

impl Desk {
    /// Behind block 0 and the first claim.
    pub(crate) fn open() -> (Desk, Vec<Bytes>) {
        let begin = bytes(&genesis::block(&document(), 0, &key(1)).unwrap());
        let mut desk = Desk { chain: Chain::new(0), key: key(1) };
        desk.read(&begin);
        let claim = desk.claim(&key(1));
        (desk, vec![begin, claim])
    }

    /// Reads a record that must count.
    fn read(&mut self, record: &Bytes) -> Step {
        let step = take(&mut self.chain, record, START).unwrap();
        assert!(!matches!(step, Step::Void(_)), "{step:?}");
        step
    }

    pub(crate) fn claim(&mut self, key: &SecretKey) -> Bytes {
        let claim = Claim::signed(document().id().unwrap(), 0, self.chain.epoch() + 1, key);
        self.key = key.clone();
        let record = Bytes::from(claim.to_record());
        self.read(&record);
        record
    }

    fn draft(&self, body: Body) -> Draft {
        Draft { time: self.chain.time(), rules: 1, next: *self.chain.next(), body }
    }

    /// The next block with one tick; the desk does not move.
    pub(crate) fn propose(&self, by_ms: u64) -> Block {
        let body = Body { decisions: vec![tick(by_ms)], ..Body::default() };
        self.chain.clone().form(self.draft(body), &self.key).unwrap()
    }

    pub(crate) fn block(&mut self, by_ms: u64) -> Bytes {
        let record = bytes(&self.propose(by_ms));
        self.read(&record);
        record
    }
}

pub(crate) fn bytes(block: &Block) -> Bytes {
    Bytes::from(block.to_record())
}

/// Hands the next record over, appended at `time`.
fn take(chain: &mut Chain, record: &Bytes, time: i64) -> Result<Step, super::JournalError> {
    chain.take(&Record { offset: chain.offset(), time, bytes: record.clone(), traces: Traces::default() })
}

/// The same block with a changed header, signed anew.
fn altered(block: &Block, key: &SecretKey, change: impl FnOnce(&mut Header)) -> Bytes {
    let mut header = block.header.clone();
    change(&mut header);
    bytes(&Block::signed(header, block.body.clone(), key))
}

/// The same header over another body, its hash and signature made to fit.
fn with_body(block: &Block, key: &SecretKey, body: Vec<u8>, change: impl FnOnce(&mut Header)) -> Bytes {
    let mut header = block.header.clone();
    header.body = block::body_hash(&body);
    change(&mut header);
    bytes(&Block::signed(header, body, key))
}

fn reason(step: Step) -> VoidReason {
    match step {
        Step::Void(reason) => reason,
        counted => panic!("it counts: {counted:?}"),
    }
}
