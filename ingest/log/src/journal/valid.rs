//! The one validity rule, question by question.
//!
//! Owns what a claim, block 0 and every later block must be, given the chain so far. Refuses to change anything.
//! The cheap questions come first; whether a body can be read is asked only once the header is known to count, for a body
//! that is not understood halts the reader, and nobody without the owner's key may cause that.

use super::{Chain, JournalError, Step, ValidBlock, VoidReason};
use crate::Record;
use cairn_schemas::{
    PublicKey, Root,
    block::{self, Block, Body, Claim, Header, Next},
    limits,
    merkle::empty_root,
};

/// Why a record does not extend the chain.
pub(super) enum Refusal {
    Void(VoidReason),
    Halt(JournalError),
}

impl Refusal {
    pub(super) fn into_step(self) -> Result<Step, JournalError> {
        match self {
            Refusal::Void(reason) => Ok(Step::Void(reason)),
            Refusal::Halt(error) => Err(error),
        }
    }
}

/// `Ok` if the answer is yes; void for `reason` if it is no.
fn must(answer: bool, reason: VoidReason) -> Result<(), Refusal> {
    if answer { Ok(()) } else { Err(Refusal::Void(reason)) }
}

impl Chain {
    pub(super) fn judge_claim(&self, claim: &Claim) -> Result<(), Refusal> {
        must(self.genesis.is_some(), VoidReason::BeforeGenesis)?;
        must(self.instance == Some(claim.instance), VoidReason::Instance)?;
        must(claim.partition == self.partition, VoidReason::Partition)?;
        must(claim.epoch == self.epoch + 1, VoidReason::Epoch)?;
        must(self.processors.contains(&claim.key), VoidReason::Unauthorised)?;
        must(claim.is_authentic(), VoidReason::Signature)
    }

    pub(super) fn judge_block(&self, block: &Block, record: &Record) -> Result<ValidBlock, Refusal> {
        let header = &block.header;
        self.is_here(header)?;
        must(header.height == self.blocks, VoidReason::Height)?;
        must(header.epoch == self.epoch, VoidReason::Epoch)?;
        must(header.prev == self.prev, VoidReason::Prev)?;
        // Epoch 0 holds block 0 and nothing else: before the first claim nobody owns the partition.
        let owner = self.owner.ok_or(Refusal::Void(VoidReason::Epoch))?;
        self.is_timely(header, record)?;
        must(forward(&self.next, &header.next), VoidReason::Position)?;
        self.continues_tree(header)?;
        let (hash, body) = self.open(block, record, &owner)?;
        must(body.genesis.is_none(), VoidReason::Genesis)?;
        must(!body.decisions.is_empty() || !body.dispositions.is_empty(), VoidReason::Empty)?;
        must(body.dispositions.len() as u64 == u64::from(header.dispositions), VoidReason::Dispositions)?;
        must(self.tree.size().checked_add(body.decisions.len() as u64) == Some(header.tree_size), VoidReason::Leaves)?;
        let (entries, leaves) = self.leaves_of(&body, header.time).map_err(|source| self.unreadable(header, record, source))?;
        let mut tree = self.tree.clone();
        leaves.iter().for_each(|leaf| tree.append(leaf.0));
        must(header.root == Root(tree.root()), VoidReason::Root)?;
        Ok(ValidBlock { header: header.clone(), hash, body, entries, leaves })
    }

    /// Block 0: epoch 0, signed by the first processor key of the document that it carries, and nothing else in it.
    ///
    /// Before it there is no key to hold a header to, so one whose body cannot be read halts: an old binary must not
    /// begin a second history beside one that a newer binary began.
    pub(super) fn judge_genesis(&self, block: &Block, record: &Record) -> Result<Step, Refusal> {
        let header = &block.header;
        self.is_here(header)?;
        must(header.height == 0 && header.epoch == 0, VoidReason::BeforeGenesis)?;
        must(header.prev == self.prev, VoidReason::Prev)?;
        self.is_timely(header, record)?;
        must(block::body_hash(&block.body) == header.body, VoidReason::Body)?;
        let mut body = block.open().map_err(|source| self.unreadable(header, record, source))?;
        let genesis = body.genesis.take().ok_or(Refusal::Void(VoidReason::Genesis))?;
        let first = genesis.processors.first().ok_or(Refusal::Void(VoidReason::Genesis))?;
        must(block.is_signed_by(first), VoidReason::Signature)?;
        let id = genesis.id().map_err(|source| self.unreadable(header, record, source))?;
        must(id == header.instance, VoidReason::Instance)?;
        must(header.partition < genesis.partitions && header.rules == genesis.rules, VoidReason::Genesis)?;
        let bare = body == Body::default() && header.dispositions == 0 && header.next == Next::start();
        let treeless = header.first_leaf == 0 && header.tree_size == 0 && header.root == Root(empty_root());
        must(bare && treeless, VoidReason::Genesis)?;
        body.genesis = Some(genesis.clone());
        let block = ValidBlock { header: header.clone(), hash: header.hash(), body, entries: Vec::new(), leaves: Vec::new() };
        Ok(Step::Genesis { genesis: Box::new(genesis), block: Box::new(block) })
    }

    fn is_here(&self, header: &Header) -> Result<(), Refusal> {
        must(self.instance.is_none_or(|instance| instance == header.instance), VoidReason::Instance)?;
        must(header.partition == self.partition, VoidReason::Partition)
    }

    fn is_timely(&self, header: &Header, record: &Record) -> Result<(), Refusal> {
        must(header.time >= self.time, VoidReason::TimeBack)?;
        must(header.time.millis() <= record.time.saturating_add(limits::CLOCK_SKEW_MS), VoidReason::TimeAhead)
    }

    fn continues_tree(&self, header: &Header) -> Result<(), Refusal> {
        must(header.first_leaf == self.tree.size() && header.tree_size >= header.first_leaf, VoidReason::Leaves)
    }

    /// The body, once signature and hash have shown that the header means it.
    fn open(&self, block: &Block, record: &Record, owner: &PublicKey) -> Result<(cairn_schemas::BlockHash, Body), Refusal> {
        must(block.is_signed_by(owner), VoidReason::Signature)?;
        must(block::body_hash(&block.body) == block.header.body, VoidReason::Body)?;
        let body = block.open().map_err(|source| self.unreadable(&block.header, record, source))?;
        Ok((block.header.hash(), body))
    }

    fn unreadable(&self, header: &Header, record: &Record, source: cairn_schemas::codec::CodecError) -> Refusal {
        let (partition, offset, height) = (self.partition, record.offset, header.height);
        Refusal::Halt(JournalError::UnreadableBody { partition, offset, height, source })
    }
}

/// Whether no topic's position goes back.
fn forward(from: &[Next; 6], to: &[Next; 6]) -> bool {
    from.iter().zip(to).all(|(from, to)| (from.offset, from.index) <= (to.offset, to.index))
}
