//! Losses: scalars.

use super::{Made, axes};
use crate::program::{Draft, Id, Op};

/// The mean over all rows of −log softmax at the row's label: logits\[…, classes\], labels u32\[…\].
pub fn cross_entropy(draft: &mut Draft, logits: Id, labels: Id) -> Made {
    let shape = axes(draft, "cross_entropy", logits)?;
    let (classes, rows) = (shape[shape.len() - 1], shape[..shape.len() - 1].iter().fold(1u32, |rows, &n| rows.saturating_mul(n)));
    let logits = draft.reshape(logits, &[rows, classes])?;
    let labels = draft.reshape(labels, &[rows])?;
    let losses = draft.push(Op::CrossEntropy { logits, labels })?;
    draft.push(Op::Mean { x: losses })
}

/// Σ (a − b)² ÷ n over all elements: lane rule with fused squares, then one division.
pub fn mean_squared_error(draft: &mut Draft, a: Id, b: Id) -> Made {
    let difference = draft.subtract(a, b)?;
    let squares = draft.push(Op::SumSquares { x: difference })?;
    let count = draft.type_of(difference).elements() as u32;
    draft.divided_by(squares, count)
}
