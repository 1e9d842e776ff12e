//! Canonical bytes of a program, and its hash.
//!
//! Layout, all integers u32 little-endian: "CRNP", contract version, number of instructions, then for each: code, number
//! of words, words (operands first, then attributes; a list is preceded by its length); then the number of
//! outputs and their ids. One program has one byte string: what does not encode back to itself is refused.

use super::op::Op;
use super::{Draft, Id, Program, limits};
use crate::contract;
use crate::error::ProgramError;

const MAGIC: &[u8; 4] = b"CRNP";
/// Words of the longest instruction: a list of operands, its length, an axis.
const WORDS: u32 = 2 + limits::OPERANDS as u32;

impl Program {
    /// The program's only byte string.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut put = |word: u32| bytes.extend_from_slice(&word.to_le_bytes());
        put(contract::VERSION);
        put(self.ops.len() as u32);
        for op in &self.ops {
            let (code, words) = op.words();
            put(code);
            put(words.len() as u32);
            words.into_iter().for_each(&mut put);
        }
        put(self.outputs.len() as u32);
        self.outputs.iter().copied().for_each(put);
        bytes
    }

    /// Reads and checks a program. Bytes that `to_bytes` would not write, another contract version, and every fault that
    /// a [`Draft`] refuses are errors.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(4)? != MAGIC {
            return Err(ProgramError::Bytes { at: 0, reason: "this is no program" });
        }
        let version = reader.word()?;
        if version != contract::VERSION {
            return Err(ProgramError::Version { found: version });
        }
        let mut draft = Draft::new();
        for id in 0..reader.count(limits::INSTRUCTIONS as u32, "too many instructions")? as Id {
            let code = reader.word()?;
            let words = reader.words(WORDS, "too many words in an instruction")?;
            draft.push(Op::of(id, code, &words)?)?;
        }
        let outputs = reader.words(limits::INSTRUCTIONS as u32, "too many outputs")?;
        if reader.at != bytes.len() {
            return Err(ProgramError::Bytes { at: reader.at, reason: "bytes after the end" });
        }
        draft.finish(outputs)
    }

    /// BLAKE3 of the canonical bytes: the address of the program's blob.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ProgramError> {
        let taken = self.bytes[self.at..].get(..count).ok_or(ProgramError::Bytes { at: self.at, reason: "the bytes end early" })?;
        self.at += count;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, ProgramError> {
        let taken = self.take(4)?;
        Ok(u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    fn count(&mut self, limit: u32, reason: &'static str) -> Result<u32, ProgramError> {
        let at = self.at;
        let count = self.word()?;
        if count > limit { Err(ProgramError::Bytes { at, reason }) } else { Ok(count) }
    }

    fn words(&mut self, limit: u32, reason: &'static str) -> Result<Vec<u32>, ProgramError> {
        (0..self.count(limit, reason)?).map(|_| self.word()).collect()
    }
}
