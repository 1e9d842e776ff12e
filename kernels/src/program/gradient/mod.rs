//! Reverse-mode differentiation, from program to program.
//!
//! Owns the walk: adjoints of a value with several consumers are added in descending consumer id, and the walk goes down
//! the ids, so that order is its own. The adjoint of each instruction is in `adjoint`, of windows in `windows`. Refuses
//! instructions that training never differentiates. Gradients pass through values of f32 and bf16 only: an integer is a
//! constant.

mod adjoint;
mod windows;

use super::Draft;
use super::ir::{Id, Reduction};
use super::op::Op;
use crate::error::ProgramError;

/// Appends to `draft` the gradient of the scalar `loss` by each of `parameters`, and returns their ids in that order.
///
/// A parameter that the loss does not depend on gets zeros of its shape. An instruction without an adjoint on a path from
/// a parameter to the loss is an error.
pub fn gradient(draft: &mut Draft, loss: Id, parameters: &[Id]) -> Result<Vec<Id>, ProgramError> {
    let forward = draft.ops[..=loss as usize].to_vec();
    let reached = reached_from(draft, loss, parameters);
    let adjoints = vec![None; forward.len()];
    let mut backward = Backward { draft, reached, adjoints };
    backward.adjoints[loss as usize] = Some(backward.fill(1.0, loss)?);
    for id in (0..=loss).rev() {
        if let (true, Some(adjoint)) = (backward.reached[id as usize], backward.adjoints[id as usize]) {
            backward.pass(id, &forward[id as usize], adjoint)?;
        }
    }
    let of = |&parameter: &Id| match backward.adjoints.get(parameter as usize).copied().flatten() {
        Some(adjoint) => Ok(adjoint),
        None => backward.fill(0.0, parameter),
    };
    parameters.iter().map(of).collect()
}

/// The draft on the way back.
struct Backward<'a> {
    draft: &'a mut Draft,
    reached: Vec<bool>,
    adjoints: Vec<Option<Id>>,
}

impl Backward<'_> {
    /// Adds what `term` appends to the adjoint of an operand, if a parameter is behind that.
    fn give(&mut self, operand: Id, term: impl FnOnce(&mut Draft) -> Result<Id, ProgramError>) -> Result<(), ProgramError> {
        if !self.reached[operand as usize] {
            return Ok(());
        }
        let term = term(self.draft)?;
        let adjoint = match self.adjoints[operand as usize] {
            None => term,
            Some(earlier) => self.draft.push(Op::Add { a: earlier, b: term })?,
        };
        self.adjoints[operand as usize] = Some(adjoint);
        Ok(())
    }

    /// `give` for an operand that was broadcast: the sum over what was repeated.
    fn give_repeated(&mut self, operand: Id, term: impl FnOnce(&mut Draft) -> Result<Id, ProgramError>) -> Result<(), ProgramError> {
        let shape = self.draft.type_of(operand).shape.clone();
        self.give(operand, |draft| {
            let term = term(draft)?;
            gathered(draft, term, &shape)
        })
    }

    fn fill(&mut self, value: f32, like: Id) -> Result<Id, ProgramError> {
        let shape = self.draft.type_of(like).shape.clone();
        self.draft.push(Op::Fill { bits: value.to_bits(), shape })
    }
}

/// The sum of `term` over the axes that `shape` was repeated on. Neighbouring ones are summed as one axis, outermost
/// first; that includes the last axis, under the lane rule, or does not, under the chunk rule.
fn gathered(draft: &mut Draft, term: Id, shape: &[u32]) -> Result<Id, ProgramError> {
    let repeated = draft.type_of(term).shape.clone();
    let absent = repeated.len() - shape.len();
    let mut runs: Vec<(bool, u32)> = vec![];
    for (axis, &n) in repeated.iter().enumerate().filter(|&(_, &n)| n > 1) {
        let summed = axis < absent || shape[axis - absent] == 1;
        match runs.last_mut() {
            Some((same, length)) if *same == summed => *length *= n,
            _ => runs.push((summed, n)),
        }
    }
    let mut sum = term;
    if runs.iter().any(|&(summed, _)| summed) {
        let lengths: Vec<u32> = runs.iter().map(|&(_, length)| length).collect();
        sum = draft.reshape(sum, &lengths)?;
        for (axis, _) in runs.iter().enumerate().filter(|(_, (summed, _))| *summed) {
            sum = draft.reduce(Reduction::Sum, sum, axis as u32)?;
        }
    }
    draft.reshape(sum, shape)
}

/// Which values depend on a parameter and can vary smoothly: only those carry adjoints.
fn reached_from(draft: &Draft, loss: Id, parameters: &[Id]) -> Vec<bool> {
    let mut reached = vec![false; loss as usize + 1];
    for (id, op) in draft.ops[..=loss as usize].iter().enumerate() {
        let behind = parameters.contains(&(id as Id)) || op.operands().iter().any(|&operand| reached[operand as usize]);
        reached[id] = behind && draft.types[id].dtype.is_float();
    }
    reached
}
