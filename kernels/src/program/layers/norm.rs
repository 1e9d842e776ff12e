//! Norms and softmax: over the last axis, in two passes, by the lane rule.

use super::{Made, axes};
use crate::error::ProgramError;
use crate::program::{Draft, Id, Reduction, Unary};

/// (x − mean) ÷ √(variance + ε) × gain + bias (Ba, Kiros and Hinton 2016). The variance is that of the centred values.
pub fn layer_norm(draft: &mut Draft, x: Id, gain: Id, bias: Id, epsilon: f32) -> Made {
    let last = last_axis(draft, "layer_norm", x)?;
    let mean = draft.mean(x, last)?;
    let centred = draft.subtract(x, mean)?;
    let inverse = inverse_deviation(draft, centred, last, epsilon)?;
    let normal = draft.multiply(centred, inverse)?;
    draft.fma(normal, gain, bias)
}

/// x ÷ √(mean of squares + ε) × gain (Zhang and Sennrich 2019).
pub fn rms_norm(draft: &mut Draft, x: Id, gain: Id, epsilon: f32) -> Made {
    let last = last_axis(draft, "rms_norm", x)?;
    let inverse = inverse_deviation(draft, x, last, epsilon)?;
    let normal = draft.multiply(x, inverse)?;
    draft.multiply(normal, gain)
}

/// exp(x − max) ÷ Σ exp(x − max). No gradient passes through the maximum: what it would add is zero.
pub fn softmax(draft: &mut Draft, x: Id) -> Made {
    let (_, terms, sum) = exponentials(draft, x)?;
    draft.divide(terms, sum)
}

/// (x − max) − log Σ exp(x − max).
pub fn log_softmax(draft: &mut Draft, x: Id) -> Made {
    let (shifted, _, sum) = exponentials(draft, x)?;
    let log = draft.map(Unary::Log, sum)?;
    draft.subtract(shifted, log)
}

fn exponentials(draft: &mut Draft, x: Id) -> Result<(Id, Id, Id), ProgramError> {
    let last = last_axis(draft, "softmax", x)?;
    let max = draft.reduce(Reduction::Maximum, x, last)?;
    let max = draft.detach(max)?;
    let shifted = draft.subtract(x, max)?;
    let terms = draft.map(Unary::Exp, shifted)?;
    let sum = draft.reduce(Reduction::Sum, terms, last)?;
    Ok((shifted, terms, sum))
}

/// 1 ÷ √(Σ x² ÷ n + ε).
fn inverse_deviation(draft: &mut Draft, x: Id, last: u32, epsilon: f32) -> Made {
    let squares = draft.reduce(Reduction::SumSquares, x, last)?;
    let count = draft.type_of(x).shape[last as usize];
    let mean = draft.divided_by(squares, count)?;
    let epsilon = draft.constant(epsilon)?;
    let shifted = draft.add(mean, epsilon)?;
    let deviation = draft.sqrt(shifted)?;
    draft.map(Unary::Reciprocal, deviation)
}

fn last_axis(draft: &Draft, layer: &'static str, x: Id) -> Result<u32, ProgramError> {
    Ok(axes(draft, layer, x)?.len() as u32 - 1)
}
