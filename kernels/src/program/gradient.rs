//! Reverse-mode differentiation, from program to program.
//!
//! Owns the adjoint of each instruction. Adjoints of a value with several consumers are added in descending consumer id:
//! the walk goes down the ids, so that order is the walk's own. Refuses instructions that training never differentiates.

use super::Draft;
use super::ir::{Id, Op};
use crate::error::ProgramError;

/// Appends to `draft` the gradient of the scalar `loss` by each of `parameters`, and returns their ids in that order.
///
/// A parameter that the loss does not depend on gets zeros of its shape. An instruction without an adjoint on a path from
/// a parameter to the loss is an error.
pub fn gradient(draft: &mut Draft, loss: Id, parameters: &[Id]) -> Result<Vec<Id>, ProgramError> {
    let forward = draft.ops[..=loss as usize].to_vec();
    let reached = reached_from(&forward, parameters);
    let mut adjoints: Vec<Option<Id>> = vec![None; forward.len()];
    adjoints[loss as usize] = Some(fill(draft, 1.0, loss)?);
    for id in (0..=loss).rev() {
        let (true, Some(adjoint)) = (reached[id as usize], adjoints[id as usize]) else { continue };
        for (operand, op) in adjoint_ops(draft, id, &forward[id as usize], adjoint, &reached)? {
            let term = match op {
                Term::Same => adjoint,
                Term::New(op) => draft.push(op)?,
            };
            adjoints[operand as usize] = Some(match adjoints[operand as usize] {
                None => term,
                Some(earlier) => draft.push(Op::Add { a: earlier, b: term })?,
            });
        }
    }
    parameters
        .iter()
        .map(|&parameter| adjoints.get(parameter as usize).copied().flatten().map_or_else(|| fill(draft, 0.0, parameter), Ok))
        .collect()
}

/// What an instruction adds to the adjoint of one operand.
enum Term {
    /// The adjoint of the result itself.
    Same,
    /// A value computed from it.
    New(Op),
}

fn adjoint_ops(draft: &Draft, id: Id, op: &Op, adjoint: Id, reached: &[bool]) -> Result<Vec<(Id, Term)>, ProgramError> {
    let terms = match *op {
        Op::State { .. } | Op::Input { .. } | Op::Fill { .. } => vec![],
        Op::MatMul { a, b, a_transposed, b_transposed } => {
            let product = |a, b, a_transposed, b_transposed| Term::New(Op::MatMul { a, b, a_transposed, b_transposed });
            // With A' and B' as read: dA' = dC·B'ᵀ and dB' = A'ᵀ·dC, each turned back if it was read turned.
            let by_a = if a_transposed { product(b, adjoint, b_transposed, true) } else { product(adjoint, b, false, !b_transposed) };
            let by_b = if b_transposed { product(adjoint, a, true, a_transposed) } else { product(a, adjoint, !a_transposed, false) };
            vec![(a, by_a), (b, by_b)]
        }
        Op::AddBias { x, bias } => vec![(x, Term::Same), (bias, Term::New(Op::SumRows { x: adjoint }))],
        Op::Relu { x } => vec![(x, Term::New(Op::ReluGrad { x, gradient: adjoint }))],
        Op::CrossEntropy { logits, labels } => {
            vec![(logits, Term::New(Op::CrossEntropyGrad { logits, labels, gradient: adjoint }))]
        }
        Op::Mean { x } => vec![(x, Term::New(Op::MeanGrad { gradient: adjoint, count: draft.type_of(x).shape[0] }))],
        Op::Add { a, b } => vec![(a, Term::Same), (b, Term::Same)],
        _ => return Err(ProgramError::NotDifferentiable { id, op: op.name() }),
    };
    Ok(terms.into_iter().filter(|(operand, _)| reached[*operand as usize]).collect())
}

/// Which values depend on a parameter: only those carry adjoints.
fn reached_from(ops: &[Op], parameters: &[Id]) -> Vec<bool> {
    let mut reached = vec![false; ops.len()];
    for (id, op) in ops.iter().enumerate() {
        reached[id] = parameters.contains(&(id as Id)) || op.operands().iter().any(|&operand| reached[operand as usize]);
    }
    reached
}

fn fill(draft: &mut Draft, value: f32, like: Id) -> Result<Id, ProgramError> {
    let shape = draft.type_of(like).shape.clone();
    draft.push(Op::Fill { bits: value.to_bits(), shape })
}
