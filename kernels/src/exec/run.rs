//! The plain interpreter: one instruction after another, over any set of kernels. By stages it is `fast::staged`.
//!
//! Owns arguments, values and their lifetimes: a value is freed with its last reader. Which kernel an instruction is, and
//! on what, is `dispatch`'s. Refuses to know how a kernel computes.

use super::reference::Kernels;
use super::tensor::{Elements, Tensor};
use crate::error::KernelError;
use crate::program::{Id, Op, Program, Type};

/// Runs a checked program.
pub fn run<K: Kernels>(kernels: &K, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
    watched(kernels, program, state, inputs, |_| {})
}

/// The same; `watch` sees the values after each instruction, before any is freed.
pub(super) fn watched<K: Kernels>(
    kernels: &K,
    program: &Program,
    state: &[Tensor],
    inputs: &[Tensor],
    mut watch: impl FnMut(&Values),
) -> Result<Vec<Tensor>, KernelError> {
    kernels.ready()?;
    let lifetimes = program.lifetimes();
    let mut values = Values { program, made: Vec::with_capacity(program.ops().len()) };
    for (id, op) in (0..).zip(program.ops()) {
        let wanted = program.type_of(id);
        let value = match *op {
            Op::State { tensor, .. } => argument("state tensor", state, tensor, wanted)?,
            Op::Input { slot, .. } => argument("input", inputs, slot, wanted)?,
            _ => values.compute(kernels, wanted, op),
        };
        values.made.push(Some(value));
        watch(&values);
        lifetimes.end_at(id).iter().for_each(|&ended| values.made[ended as usize] = None);
    }
    Ok(program.outputs().iter().map(|&id| values.get(id).clone()).collect())
}

/// The values of a run so far.
pub(super) struct Values<'a> {
    pub program: &'a Program,
    pub made: Vec<Option<Tensor>>,
}

impl Values<'_> {
    /// Those that are not freed.
    #[cfg(test)]
    pub fn alive(&self) -> impl Iterator<Item = &Tensor> {
        self.made.iter().flatten()
    }

    pub fn get(&self, id: Id) -> &Tensor {
        match &self.made[id as usize] {
            Some(tensor) => tensor,
            None => unreachable!("value {id} was freed before its last reader"),
        }
    }

    pub fn floats(&self, id: Id) -> &[f32] {
        self.get(id).floats()
    }

    pub fn integers(&self, id: Id) -> &[u32] {
        self.get(id).integers()
    }

    pub fn elements(&self, id: Id) -> &Elements {
        self.get(id).elements()
    }

    pub fn shape(&self, id: Id) -> &[u32] {
        &self.program.type_of(id).shape
    }

    /// The length of the last axis.
    pub fn columns(&self, id: Id) -> usize {
        self.shape(id).last().map_or(1, |&n| n as usize)
    }
}

/// The argument of this index, if it is there and of the declared type.
pub(crate) fn argument(subject: &'static str, given: &[Tensor], index: u32, wanted: &Type) -> Result<Tensor, KernelError> {
    let found = given.get(index as usize);
    let refuse = |found: String| Err(KernelError::Argument { subject, index, found, wanted: wanted.to_string() });
    match found {
        Some(tensor) if tensor.bytes().contains(&i8::MIN) => refuse(format!("{} with a −128, which no i8 here is", tensor.type_of())),
        Some(tensor) if tensor.type_of() == *wanted => Ok(tensor.clone()),
        Some(tensor) => refuse(tensor.type_of().to_string()),
        None => refuse("missing".to_owned()),
    }
}
