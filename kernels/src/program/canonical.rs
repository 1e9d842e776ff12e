//! Canonical bytes of a program, and its hash.
//!
//! Layout, all integers u32 little-endian: "CRNP", contract version, number of instructions, then for each: code, number
//! of words, words (operands first, then attributes, then a shape preceded by its number of axes); then the number of
//! outputs and their ids. One program has one byte string: what does not encode back to itself is refused.

use super::ir::{Dtype, Op};
use super::{Draft, Program, limits};
use crate::contract;
use crate::error::ProgramError;

const MAGIC: &[u8; 4] = b"CRNP";
/// Words of the longest instruction: attributes, number of axes, axes.
const WORDS: u32 = 4 + limits::AXES as u32;

impl Program {
    /// The program's only byte string.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut put = |word: u32| bytes.extend_from_slice(&word.to_le_bytes());
        put(contract::VERSION);
        put(self.ops.len() as u32);
        for op in &self.ops {
            let (code, words) = words_of(op);
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
        for _ in 0..reader.count(limits::INSTRUCTIONS as u32, "too many instructions")? {
            let at = reader.at;
            let code = reader.word()?;
            let words = reader.words(WORDS, "too many words in an instruction")?;
            let op = op_of(code, &words).ok_or(ProgramError::Bytes { at, reason: "an unknown or misshapen instruction" })?;
            draft.push(op)?;
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

fn words_of(op: &Op) -> (u32, Vec<u32>) {
    let shaped = |first: &[u32], shape: &[u32]| [first, &[shape.len() as u32], shape].concat();
    match op {
        Op::State { tensor, shape } => (1, shaped(&[*tensor], shape)),
        Op::Input { slot, dtype, shape } => (2, shaped(&[*slot, *dtype as u32], shape)),
        Op::Fill { bits, shape } => (3, shaped(&[*bits], shape)),
        &Op::MatMul { a, b, a_transposed, b_transposed } => (4, vec![a, b, u32::from(a_transposed), u32::from(b_transposed)]),
        &Op::AddBias { x, bias } => (5, vec![x, bias]),
        &Op::Relu { x } => (6, vec![x]),
        &Op::ReluGrad { x, gradient } => (7, vec![x, gradient]),
        &Op::CrossEntropy { logits, labels } => (8, vec![logits, labels]),
        &Op::CrossEntropyGrad { logits, labels, gradient } => (9, vec![logits, labels, gradient]),
        &Op::Mean { x } => (10, vec![x]),
        &Op::MeanGrad { gradient, count } => (11, vec![gradient, count]),
        &Op::SumRows { x } => (12, vec![x]),
        &Op::Add { a, b } => (13, vec![a, b]),
        &Op::SumSquares { x } => (14, vec![x]),
        &Op::Sqrt { x } => (15, vec![x]),
        &Op::Velocity { velocity, gradient, momentum } => (16, vec![velocity, gradient, momentum]),
        &Op::Descend { parameter, velocity, rate } => (17, vec![parameter, velocity, rate]),
        &Op::Argmax { x } => (18, vec![x]),
    }
}

fn op_of(code: u32, words: &[u32]) -> Option<Op> {
    Some(match (code, words) {
        (1, &[tensor, ref rest @ ..]) => Op::State { tensor, shape: shape_of(rest)? },
        (2, &[slot, dtype, ref rest @ ..]) => Op::Input { slot, dtype: dtype_of(dtype)?, shape: shape_of(rest)? },
        (3, &[bits, ref rest @ ..]) => Op::Fill { bits, shape: shape_of(rest)? },
        (4, &[a, b, at, bt]) => Op::MatMul { a, b, a_transposed: flag(at)?, b_transposed: flag(bt)? },
        (5, &[x, bias]) => Op::AddBias { x, bias },
        (6, &[x]) => Op::Relu { x },
        (7, &[x, gradient]) => Op::ReluGrad { x, gradient },
        (8, &[logits, labels]) => Op::CrossEntropy { logits, labels },
        (9, &[logits, labels, gradient]) => Op::CrossEntropyGrad { logits, labels, gradient },
        (10, &[x]) => Op::Mean { x },
        (11, &[gradient, count]) => Op::MeanGrad { gradient, count },
        (12, &[x]) => Op::SumRows { x },
        (13, &[a, b]) => Op::Add { a, b },
        (14, &[x]) => Op::SumSquares { x },
        (15, &[x]) => Op::Sqrt { x },
        (16, &[velocity, gradient, momentum]) => Op::Velocity { velocity, gradient, momentum },
        (17, &[parameter, velocity, rate]) => Op::Descend { parameter, velocity, rate },
        (18, &[x]) => Op::Argmax { x },
        _ => return None,
    })
}

fn shape_of(words: &[u32]) -> Option<Vec<u32>> {
    let (&axes, shape) = words.split_first()?;
    (axes as usize == shape.len()).then(|| shape.to_vec())
}

fn dtype_of(word: u32) -> Option<Dtype> {
    [Dtype::F32, Dtype::U32].into_iter().find(|&dtype| dtype as u32 == word)
}

fn flag(word: u32) -> Option<bool> {
    (word < 2).then_some(word == 1)
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
