//! Forming: the block that extends a chain, made by its owner.
//!
//! Owns heights, hashes, leaves and the signature of a block to be. Refuses its contents and its time: the runner brings both.

use super::Chain;
use cairn_schemas::{
    InstanceId, Root, SecretKey, Timestamp,
    block::{self, Block, Body, Header, Next},
    codec::CodecError,
    limits,
};

/// What a processor puts into the next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub time: Timestamp,
    pub rules: u32,
    /// The positions after this block.
    pub next: [Next; 6],
    pub body: Body,
}

impl Chain {
    /// Forms the block that comes next and moves the chain over it, as if it had been read back already.
    ///
    /// The chain becomes speculative by this: keep the one that was folded from records, and return to it if another block wins.
    /// Errors: [`CodecError::TooLarge`] beyond [`limits::BLOCK_BYTES`]; the chain is then unmoved.
    pub fn form(&mut self, draft: Draft, key: &SecretKey) -> Result<Block, CodecError> {
        let bytes = draft.body.to_cbor()?;
        if bytes.len() > limits::BLOCK_BYTES {
            return Err(CodecError::TooLarge { size: bytes.len(), limit: limits::BLOCK_BYTES });
        }
        let (_, leaves) = self.leaves_of(&draft.body, draft.time)?;
        let mut tree = self.tree.clone();
        leaves.iter().for_each(|leaf| tree.append(leaf.0));
        let header = Header {
            instance: self.instance.unwrap_or(InstanceId::ZERO),
            partition: self.partition,
            epoch: self.epoch,
            height: self.blocks,
            prev: self.prev,
            time: draft.time,
            rules: draft.rules,
            next: draft.next,
            dispositions: u32::try_from(draft.body.dispositions.len()).unwrap_or(u32::MAX),
            first_leaf: self.tree.size(),
            tree_size: tree.size(),
            root: Root(tree.root()),
            body: block::body_hash(&bytes),
        };
        let block = Block::signed(header, bytes, key);
        self.advance(&block.header, block.header.hash(), &draft.body.decisions, &leaves);
        Ok(block)
    }
}
