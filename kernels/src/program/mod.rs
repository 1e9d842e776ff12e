//! Programs: tensor instructions in single-assignment form with static shapes, and what can be said of them without running.
//!
//! Owns the instruction set (`ir`, `op`), the check of every shape before anything is allocated (`shape`), lifetimes and
//! peak memory (`liveness`), which instructions run together (`fusion`), canonical bytes and hash (`canonical`), and differentiation from program to program
//! (`gradient`). What a person composes of instructions is in `build`, `layers` and `optim`. Refuses execution, which is
//! `exec`'s.

mod build;
mod canonical;
pub(crate) mod catalogue;
mod cost;
pub mod fusion;
mod gradient;
mod ir;
pub mod layers;
mod liveness;
mod op;
pub mod optim;
mod shape;

pub use fusion::Fusion;
pub use gradient::gradient;
pub use ir::{Binary, Dtype, Id, Reduction, Relation, Type, Unary};
pub use liveness::Lifetimes;
pub use op::{Op, Operands};
pub use shape::limits;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::ProgramError;

/// A checked program: every instruction reads earlier values only, every shape fits, every size is within `limits`.
///
/// It is built by a [`Draft`] or read from canonical bytes; there is no other way to hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    ops: Vec<Op>,
    types: Vec<Type>,
    outputs: Vec<Id>,
    /// Made once, when the program is finished.
    fusion: Arc<Fusion>,
}

impl Program {
    /// The instructions; an instruction's id is its place.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The type of value `id`.
    pub fn type_of(&self, id: Id) -> &Type {
        &self.types[id as usize]
    }

    /// The values that an execution returns, in this order.
    pub fn outputs(&self) -> &[Id] {
        &self.outputs
    }

    /// Its stages: which instructions run together.
    pub fn fusion(&self) -> &Fusion {
        &self.fusion
    }
}

/// A program in the making; each instruction is checked as it is added.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    ops: Vec<Op>,
    types: Vec<Type>,
    /// Scalars by their bits, so that each is made once.
    constants: BTreeMap<u32, Id>,
}

impl Draft {
    /// An empty draft.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one instruction and returns its id.
    ///
    /// Errors name the instruction that would have got that id, and leave the draft as it was: an operand not before it, a
    /// shape that does not fit, a size over the limits.
    pub fn push(&mut self, op: Op) -> Result<Id, ProgramError> {
        let id = self.ops.len() as Id;
        let result = shape::infer(id, &op, &self.types)?;
        self.ops.push(op);
        self.types.push(result);
        Ok(id)
    }

    /// The type of value `id`, which `push` has returned.
    pub fn type_of(&self, id: Id) -> &Type {
        &self.types[id as usize]
    }

    /// The finished program with its outputs.
    ///
    /// Errors: an output that names no value; a peak of memory over the limit, naming the instruction where it is.
    pub fn finish(self, outputs: Vec<Id>) -> Result<Program, ProgramError> {
        for (index, &value) in outputs.iter().enumerate() {
            if value as usize >= self.ops.len() {
                return Err(ProgramError::Output { index, value, count: self.ops.len() });
            }
        }
        let mut program = Program { ops: self.ops, types: self.types, outputs, fusion: Arc::default() };
        program.within_memory()?;
        program.fusion = Arc::new(Fusion::of(&program));
        Ok(program)
    }
}

#[cfg(test)]
mod misfit_tests;
#[cfg(test)]
mod tests;
