//! Lifetimes of values, and the memory that they need together.
//!
//! Owns the one answer to «who reads this last»: the interpreter frees by it, and the peak is computed from it before
//! anything runs. Refuses an executor's scratch, which one instruction's operands bound.

use std::collections::BTreeMap;

use super::{Id, Op, Program, limits};
use crate::error::ProgramError;

/// When each value's elements are no longer wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    /// For each instruction the values that die with it.
    ends: Vec<Vec<Id>>,
}

impl Lifetimes {
    /// The values that nothing reads after instruction `id`: its last operands, or its own result that nothing reads at all.
    /// Outputs never end.
    pub fn end_at(&self, id: Id) -> &[Id] {
        &self.ends[id as usize]
    }
}

impl Program {
    /// When each value ends.
    pub fn lifetimes(&self) -> Lifetimes {
        let mut last: Vec<usize> = (0..self.ops.len()).collect();
        for (id, op) in self.ops.iter().enumerate() {
            op.operands().iter().for_each(|&operand| last[operand as usize] = id);
        }
        self.outputs.iter().for_each(|&id| last[id as usize] = self.ops.len());
        let mut ends = vec![vec![]; self.ops.len()];
        for (value, &end) in last.iter().enumerate() {
            if let Some(ends) = ends.get_mut(end) {
                ends.push(value as Id);
            }
        }
        Lifetimes { ends }
    }

    /// The most bytes that tensors take at any moment of a run: the state's tensors and the inputs that the program
    /// reads, all the time; every other value from its instruction to its last reader. A value that only renames another
    /// (`reshape`, `detach`) takes none of its own.
    ///
    /// It is exact for an executor that does one instruction after another, as the reference does, and an upper bound for those that
    /// fuse: what they take is [`Fusion::peak_bytes`](super::Fusion::peak_bytes). No machine enters into either.
    pub fn peak_bytes(&self) -> u64 {
        self.peak().0
    }

    pub(super) fn within_memory(&self) -> Result<(), ProgramError> {
        let (size, id) = self.peak();
        if size <= limits::BYTES {
            return Ok(());
        }
        let op = self.ops[id as usize].name();
        Err(ProgramError::TooLarge { id, op, subject: "the program's memory in bytes", size, limit: limits::BYTES })
    }

    /// The peak and the first instruction that reaches it.
    fn peak(&self) -> (u64, Id) {
        let lifetimes = self.lifetimes();
        let given = self.given_bytes();
        let owner = self.owners();
        let mut names = vec![0u32; self.ops.len()];
        let (mut live, mut peak) = (0u64, (given, 0));
        for id in 0..self.ops.len() {
            names[owner[id]] += 1;
            if owner[id] == id && !self.is_given(id) {
                live += self.types[id].bytes();
            }
            if given + live > peak.0 {
                peak = (given + live, id as Id);
            }
            for &ended in lifetimes.end_at(id as Id) {
                let owner = owner[ended as usize];
                names[owner] -= 1;
                if names[owner] == 0 && !self.is_given(owner) {
                    live -= self.types[owner].bytes();
                }
            }
        }
        peak
    }

    /// Bytes of the distinct state tensors and inputs; where one is read twice, under the larger of its types.
    pub(super) fn given_bytes(&self) -> u64 {
        let mut given: BTreeMap<(bool, u32), u64> = BTreeMap::new();
        for (op, of) in self.ops.iter().zip(&self.types) {
            let key = match *op {
                Op::State { tensor, .. } => (false, tensor),
                Op::Input { slot, .. } => (true, slot),
                _ => continue,
            };
            let bytes = given.entry(key).or_default();
            *bytes = of.bytes().max(*bytes);
        }
        given.into_values().sum()
    }

    fn is_given(&self, id: usize) -> bool {
        matches!(self.ops[id], Op::State { .. } | Op::Input { .. })
    }

    /// For each value the one whose elements it holds: its own, or what it renames.
    fn owners(&self) -> Vec<usize> {
        let mut owner: Vec<usize> = Vec::with_capacity(self.ops.len());
        for (id, op) in self.ops.iter().enumerate() {
            owner.push(match *op {
                Op::Reshape { x, .. } | Op::Detach { x } => owner[x as usize],
                _ => id,
            });
        }
        owner
    }
}
