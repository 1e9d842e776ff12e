//! Blocks and claims: the records of a journal, byte for byte.
//!
//! Owns their frozen layouts, hashes and signatures. Refuses validity: whether a block counts is decided by the one rule in
//! `cairn-log`, which folds them in order.
//!
//! Block record: `CRNB` ‖ header (fixed length, big endian) ‖ signature (64) ‖ body (deterministic CBOR).
//! Claim record: `CRNC` ‖ claim (fixed length, big endian) ‖ signature (64).

use crate::{
    codec::{CodecError, cbor},
    decision::{Decision, Disposition},
    genesis::Genesis,
    ids::{BlockHash, InstanceId, RecordHash, Root},
    limits,
    sign::{self, PublicKey, SecretKey, Signature},
    topic::Topic,
    value::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The only layout written so far.
pub const FORMAT: u8 = 1;
const BLOCK_MAGIC: &[u8; 4] = b"CRNB";
const CLAIM_MAGIC: &[u8; 4] = b"CRNC";
const BLOCK_TAG: &[u8] = b"cairn block v1\0";
const CLAIM_TAG: &[u8] = b"cairn claim v1\0";
const BODY_TAG: &[u8] = b"cairn block body v1\0";
const SIGNATURE: usize = 64;

/// Where the next input of a topic is, and the hash of the last record taken, by which a replaced log is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    pub topic: Topic,
    pub offset: u64,
    /// Index inside the batch at `offset`; 0 for a record not begun.
    pub index: u32,
    pub last: RecordHash,
}

impl Next {
    /// The positions of a partition where nothing was read.
    pub fn start() -> [Next; 6] {
        Topic::ALL.map(|topic| Next { topic, offset: 0, index: 0, last: RecordHash::ZERO })
    }
}

/// The header of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub instance: InstanceId,
    pub partition: u32,
    pub epoch: u64,
    pub height: u64,
    /// Hash of the last valid journal record before it, block or claim; zero for block 0.
    pub prev: BlockHash,
    pub time: Timestamp,
    pub rules: u32,
    pub next: [Next; 6],
    pub dispositions: u32,
    /// Number of the first leaf of this block.
    pub first_leaf: u64,
    /// Leaves of the partition's history with this block.
    pub tree_size: u64,
    /// RFC 6962 root over all of them.
    pub root: Root,
    pub body: Root,
}

/// What a block says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub decisions: Vec<Decision>,
    pub dispositions: Vec<Disposition>,
    /// Only in block 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis: Option<Genesis>,
}

impl Body {
    pub fn to_cbor(&self) -> Result<Vec<u8>, CodecError> {
        cbor::to_vec(self)
    }
}

/// SHA-256 over a tag and a body's bytes.
pub fn body_hash(body: &[u8]) -> Root {
    Root(Sha256::new().chain_update(BODY_TAG).chain_update(body).finalize().into())
}

impl Header {
    /// Bytes of an encoded header.
    pub const LEN: usize = 1 + 32 + 4 + 8 + 8 + 32 + 8 + 4 + 6 * (1 + 8 + 4 + 32) + 4 + 8 + 8 + 32 + 32;

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Header::LEN);
        out.push(FORMAT);
        out.extend(self.instance.0);
        out.extend(self.partition.to_be_bytes());
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.height.to_be_bytes());
        out.extend(self.prev.0);
        out.extend(self.time.millis().to_be_bytes());
        out.extend(self.rules.to_be_bytes());
        for next in &self.next {
            out.push(next.topic as u8);
            out.extend(next.offset.to_be_bytes());
            out.extend(next.index.to_be_bytes());
            out.extend(next.last.0);
        }
        out.extend(self.dispositions.to_be_bytes());
        out.extend(self.first_leaf.to_be_bytes());
        out.extend(self.tree_size.to_be_bytes());
        out.extend(self.root.0);
        out.extend(self.body.0);
        out
    }

    fn read(input: &mut Input<'_>) -> Result<Header, CodecError> {
        input.format()?;
        let (instance, partition, epoch, height) = (InstanceId(input.take()?), input.u32()?, input.u64()?, input.u64()?);
        let (prev, time, rules) = (BlockHash(input.take()?), input.time()?, input.u32()?);
        let mut next = Next::start();
        for slot in &mut next {
            if input.u8()? != slot.topic as u8 {
                return Err(CodecError::Schema("the positions of a header are in the order of the topics".into()));
            }
            *slot = Next { topic: slot.topic, offset: input.u64()?, index: input.u32()?, last: RecordHash(input.take()?) };
        }
        let (dispositions, first_leaf, tree_size) = (input.u32()?, input.u64()?, input.u64()?);
        let (root, body) = (Root(input.take()?), Root(input.take()?));
        Ok(Header { instance, partition, epoch, height, prev, time, rules, next, dispositions, first_leaf, tree_size, root, body })
    }

    /// SHA-256 over a tag and the header, without the signature.
    pub fn hash(&self) -> BlockHash {
        BlockHash(Sha256::new().chain_update(BLOCK_TAG).chain_update(self.to_bytes()).finalize().into())
    }
}

/// A block as it lies in the journal. The body stays bytes until somebody who understands it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub header: Header,
    pub signature: Signature,
    pub body: Vec<u8>,
}

impl Block {
    /// Signs a header over a body; the caller has put the body's hash into the header.
    pub fn signed(header: Header, body: Vec<u8>, key: &SecretKey) -> Block {
        let signature = key.sign(&header.hash().0);
        Block { header, signature, body }
    }

    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        sign::verify(key, &self.header.hash().0, &self.signature)
    }

    pub fn to_record(&self) -> Vec<u8> {
        [BLOCK_MAGIC.as_slice(), &self.header.to_bytes(), &self.signature.0, &self.body].concat()
    }

    /// The decisions and dispositions.
    pub fn open(&self) -> Result<Body, CodecError> {
        cbor::from_slice(&self.body)
    }
}

/// A processor takes a partition: epoch = current + 1, in effect where it lies in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub instance: InstanceId,
    pub partition: u32,
    pub epoch: u64,
    pub key: PublicKey,
    pub signature: Signature,
}

impl Claim {
    pub fn signed(instance: InstanceId, partition: u32, epoch: u64, key: &SecretKey) -> Claim {
        let mut claim = Claim { instance, partition, epoch, key: key.public(), signature: Signature([0; SIGNATURE]) };
        claim.signature = key.sign(&claim.hash().0);
        claim
    }

    pub fn is_authentic(&self) -> bool {
        sign::verify(&self.key, &self.hash().0, &self.signature)
    }

    /// SHA-256 over a tag and the claim, without the signature.
    pub fn hash(&self) -> BlockHash {
        BlockHash(Sha256::new().chain_update(CLAIM_TAG).chain_update(self.unsigned()).finalize().into())
    }

    fn unsigned(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend(self.instance.0);
        out.extend(self.partition.to_be_bytes());
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.key.0);
        out
    }

    pub fn to_record(&self) -> Vec<u8> {
        [CLAIM_MAGIC.as_slice(), &self.unsigned(), &self.signature.0].concat()
    }
}

/// A record of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalRecord {
    Block(Box<Block>),
    Claim(Claim),
}

impl JournalRecord {
    /// Reads a journal record. [`CodecError::Version`] means that a newer binary wrote it: halt, never skip.
    pub fn read(bytes: &[u8]) -> Result<JournalRecord, CodecError> {
        if bytes.len() > limits::BLOCK_BYTES + Header::LEN + SIGNATURE + BLOCK_MAGIC.len() {
            return Err(CodecError::TooLarge { size: bytes.len(), limit: limits::BLOCK_BYTES });
        }
        let mut input = Input { rest: bytes, at: 0 };
        match &input.take::<4>()? {
            BLOCK_MAGIC => {
                let header = Header::read(&mut input)?;
                let signature = Signature(input.take()?);
                Ok(JournalRecord::Block(Box::new(Block { header, signature, body: input.rest.to_vec() })))
            }
            CLAIM_MAGIC => {
                input.format()?;
                let (instance, partition, epoch) = (InstanceId(input.take()?), input.u32()?, input.u64()?);
                let key = PublicKey(input.take()?);
                let signature = Signature(input.take()?);
                if !input.rest.is_empty() {
                    return Err(CodecError::Trailing(input.at));
                }
                Ok(JournalRecord::Claim(Claim { instance, partition, epoch, key, signature }))
            }
            _ => Err(CodecError::Schema("a journal record begins with CRNB or CRNC".into())),
        }
    }
}

/// Reads fixed-length big-endian fields from the front.
struct Input<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(CodecError::Truncated(self.at))?;
        (self.rest, self.at) = (rest, self.at + N);
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.take::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    fn time(&mut self) -> Result<Timestamp, CodecError> {
        Timestamp::from_millis(i64::from_be_bytes(self.take()?)).ok_or_else(|| CodecError::Schema("a time from 1970 to 9999".into()))
    }

    fn format(&mut self) -> Result<(), CodecError> {
        match self.u8()? {
            FORMAT => Ok(()),
            other => Err(CodecError::Version(other)),
        }
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
