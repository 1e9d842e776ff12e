//! Programs: tensor instructions in single-assignment form with static shapes, and what can be said of them without running.
//!
//! Owns the instruction set (`ir`), the check of every shape before anything is allocated (`shape`), canonical bytes and
//! hash (`canonical`), and differentiation from program to program (`gradient`). Refuses execution, which is `exec`'s.

mod canonical;
mod gradient;
mod ir;
mod shape;

pub use gradient::gradient;
pub use ir::{Dtype, Id, Op, Type};
pub use shape::limits;

use crate::error::ProgramError;

/// A checked program: every instruction reads earlier values only, every shape fits, every size is within `limits`.
///
/// It is built by a [`Draft`] or read from canonical bytes; there is no other way to hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    ops: Vec<Op>,
    types: Vec<Type>,
    outputs: Vec<Id>,
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
}

/// A program in the making; each instruction is checked as it is added.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    ops: Vec<Op>,
    types: Vec<Type>,
    bytes: u64,
}

impl Draft {
    /// An empty draft.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one instruction and returns its id.
    ///
    /// Errors name the instruction that would have got that id: an operand not before it, a shape that does not fit, a
    /// size over the limits.
    pub fn push(&mut self, op: Op) -> Result<Id, ProgramError> {
        let id = self.ops.len() as Id;
        shape::admit(id, &op, self.bytes)?;
        let result = shape::infer(id, &op, &self.types)?;
        self.bytes += result.bytes();
        shape::admit(id, &op, self.bytes)?;
        self.ops.push(op);
        self.types.push(result);
        Ok(id)
    }

    /// The type of value `id`, which `push` has returned.
    pub fn type_of(&self, id: Id) -> &Type {
        &self.types[id as usize]
    }

    /// The finished program with its outputs.
    pub fn finish(self, outputs: Vec<Id>) -> Result<Program, ProgramError> {
        for (index, &value) in outputs.iter().enumerate() {
            if value as usize >= self.ops.len() {
                return Err(ProgramError::Output { index, value, count: self.ops.len() });
            }
        }
        Ok(Program { ops: self.ops, types: self.types, outputs })
    }
}

#[cfg(test)]
mod tests;
