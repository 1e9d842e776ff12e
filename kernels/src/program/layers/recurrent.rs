//! The cell of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

use super::activation::{sigmoid, tanh};
use crate::error::ProgramError;
use crate::program::{Draft, Id, Op};

/// Weights of the four gates side by side, in the order input, forget, candidate, output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LstmWeights {
    /// \[inputs, 4 × width\]
    pub input: Id,
    /// \[width, 4 × width\]
    pub hidden: Id,
    /// \[4 × width\]
    pub bias: Id,
}

/// What a cell remembers: \[batch, width\] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LstmState {
    pub hidden: Id,
    pub cell: Id,
}

/// One step on x\[batch, inputs\]: cell′ = forget × cell + input × candidate with one rounding after the second product's,
/// hidden′ = output × tanh(cell′).
pub fn lstm_cell(draft: &mut Draft, x: Id, state: LstmState, weights: LstmWeights) -> Result<LstmState, ProgramError> {
    let seen = draft.matmul(x, weights.input)?;
    let remembered = draft.matmul(state.hidden, weights.hidden)?;
    let sum = draft.push(Op::Add { a: seen, b: remembered })?;
    let gates = draft.push(Op::AddBias { x: sum, bias: weights.bias })?;
    let width = draft.type_of(state.cell).shape.last().copied().unwrap_or(1);
    let mut gate = |index: u32| draft.slice(gates, 1, index * width, width);
    let (input, forget, candidate, output) = (gate(0)?, gate(1)?, gate(2)?, gate(3)?);
    let (input, forget, output) = (sigmoid(draft, input)?, sigmoid(draft, forget)?, sigmoid(draft, output)?);
    let candidate = tanh(draft, candidate)?;
    let new = draft.multiply(input, candidate)?;
    let cell = draft.fma(forget, state.cell, new)?;
    let bent = tanh(draft, cell)?;
    Ok(LstmState { hidden: draft.multiply(output, bent)?, cell })
}
