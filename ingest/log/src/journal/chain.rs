//! The chain: all that the validity rule needs to know about a partition's past.
//!
//! Owns instance, epoch and owner, height, time, input positions and the tree of the history. It moves in two ways, over a
//! record that was read ([`Chain::take`]) and over a block that is being formed ([`Chain::form`]), and both are one function.
//! Refuses I/O: records are handed to it.

use super::{JournalError, Step, ValidBlock};
use crate::Record;
use cairn_schemas::{
    BlockHash, Fact, InstanceId, LeafHash, PublicKey, Root, Timestamp,
    block::{Body, Claim, Header, JournalRecord, Next},
    codec::CodecError,
    decision::{Decision, LeafEntry},
    genesis::Genesis,
    merkle::Range,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The fold of one partition's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    pub(super) partition: u32,
    /// Only this instance counts. Without one, the first valid block 0 says which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<InstanceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) genesis: Option<Genesis>,
    pub(super) epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<PublicKey>,
    /// Keys that may claim: the genesis document's, changed by facts.
    pub(super) processors: BTreeSet<PublicKey>,
    /// Valid blocks so far, which is the next height.
    pub(super) blocks: u64,
    pub(super) prev: BlockHash,
    pub(super) time: Timestamp,
    pub(super) next: [Next; 6],
    pub(super) tree: Range,
    /// Where the last valid record lies; its hash is `prev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<u64>,
    /// Where to read next.
    pub(super) offset: u64,
}

impl Chain {
    /// The empty chain of a partition, of whichever instance its block 0 is.
    pub fn new(partition: u32) -> Chain {
        Chain {
            partition,
            instance: None,
            genesis: None,
            epoch: 0,
            owner: None,
            processors: BTreeSet::new(),
            blocks: 0,
            prev: BlockHash::ZERO,
            time: Timestamp::default(),
            next: Next::start(),
            tree: Range::new(),
            at: None,
            offset: 0,
        }
    }

    /// The empty chain of a partition of one instance: another instance's blocks are void.
    pub fn of(instance: InstanceId, partition: u32) -> Chain {
        Chain { instance: Some(instance), ..Chain::new(partition) }
    }

    pub fn partition(&self) -> u32 {
        self.partition
    }

    pub fn instance(&self) -> Option<InstanceId> {
        self.instance
    }

    /// The document of block 0, once that was read.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// 0 until the first claim.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The key that may sign blocks now; none before the first claim.
    pub fn owner(&self) -> Option<PublicKey> {
        self.owner
    }

    /// Whether a key may claim this partition.
    pub fn authorises(&self, key: &PublicKey) -> bool {
        self.processors.contains(key)
    }

    /// Height of the last valid block.
    pub fn height(&self) -> Option<u64> {
        self.blocks.checked_sub(1)
    }

    /// Hash of the last valid record, block or claim; zero before block 0.
    pub fn prev(&self) -> BlockHash {
        self.prev
    }

    /// Time of the last valid block.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The next input of each topic, in their order.
    pub fn next(&self) -> &[Next; 6] {
        &self.next
    }

    /// Leaves of the history.
    pub fn tree_size(&self) -> u64 {
        self.tree.size()
    }

    /// RFC 6962 root of the history.
    pub fn root(&self) -> Root {
        Root(self.tree.root())
    }

    /// The compact range of the history, from which checkpoints and tiles go on.
    pub fn tree(&self) -> &Range {
        &self.tree
    }

    /// Journal offset of the last valid record.
    pub fn at(&self) -> Option<u64> {
        self.at
    }

    /// Journal offset to read from next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next record. A void one moves nothing but the offset; an error moves nothing at all.
    pub fn take(&mut self, record: &Record) -> Result<Step, JournalError> {
        if record.offset < self.offset {
            return Err(JournalError::Order { partition: self.partition, offset: record.offset, expected: self.offset });
        }
        let step = self.judge(record)?;
        match &step {
            Step::Void(_) => {}
            Step::Claim(claim) => self.follow_claim(claim, record.offset),
            Step::Genesis { genesis, block } => self.begin(genesis, block, record.offset),
            Step::Block(block) => {
                self.advance(&block.header, block.hash, &block.body.decisions, &block.leaves);
                self.at = Some(record.offset);
            }
        }
        self.offset = record.offset + 1;
        Ok(step)
    }

    fn judge(&self, record: &Record) -> Result<Step, JournalError> {
        let read = match JournalRecord::read(&record.bytes) {
            Ok(read) => read,
            Err(CodecError::Version(version)) => {
                return Err(JournalError::UnknownFormat { partition: self.partition, offset: record.offset, version });
            }
            Err(_) => return Ok(Step::Void(super::VoidReason::Malformed)),
        };
        let judged = match read {
            JournalRecord::Claim(claim) => self.judge_claim(&claim).map(|()| Step::Claim(claim)),
            JournalRecord::Block(block) if self.genesis.is_none() => self.judge_genesis(&block, record),
            JournalRecord::Block(block) => self.judge_block(&block, record).map(|block| Step::Block(Box::new(block))),
        };
        judged.or_else(super::valid::Refusal::into_step)
    }

    fn begin(&mut self, genesis: &Genesis, block: &ValidBlock, offset: u64) {
        self.instance = Some(block.header.instance);
        self.processors = genesis.processors.iter().copied().collect();
        self.genesis = Some(genesis.clone());
        self.advance(&block.header, block.hash, &[], &[]);
        self.at = Some(offset);
    }

    fn follow_claim(&mut self, claim: &Claim, offset: u64) {
        self.epoch = claim.epoch;
        self.owner = Some(claim.key);
        self.prev = claim.hash();
        self.at = Some(offset);
    }

    /// Moves over a block that extends this chain.
    pub(super) fn advance(&mut self, header: &Header, hash: BlockHash, decisions: &[Decision], leaves: &[LeafHash]) {
        leaves.iter().for_each(|leaf| self.tree.append(leaf.0));
        for fact in decisions.iter().flat_map(|decision| &decision.facts) {
            match fact {
                Fact::ProcessorChanged { key, authorised: true } => drop(self.processors.insert(*key)),
                Fact::ProcessorChanged { key, authorised: false } => drop(self.processors.remove(key)),
                _ => {}
            }
        }
        self.blocks = header.height + 1;
        self.prev = hash;
        self.time = header.time;
        self.next = header.next;
    }

    /// The entries and leaf hashes of decisions, were they the next block's.
    pub(super) fn leaves_of(&self, body: &Body, time: Timestamp) -> Result<(Vec<LeafEntry>, Vec<LeafHash>), CodecError> {
        let mut entries = Vec::with_capacity(body.decisions.len());
        let mut leaves = Vec::with_capacity(body.decisions.len());
        for (leaf, decision) in (self.tree.size()..).zip(&body.decisions) {
            let entry = LeafEntry::of(decision, self.partition, leaf, self.blocks, time)?;
            leaves.push(entry.hash()?);
            entries.push(entry);
        }
        Ok((entries, leaves))
    }
}
