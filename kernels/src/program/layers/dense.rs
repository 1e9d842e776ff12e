//! Weighted sums.

use super::{Made, axes};
use crate::program::{Draft, Id, Op};

/// A weight, and what is added behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    pub weight: Id,
    pub bias: Option<Id>,
}

/// x·W + b over the last axis: x\[…, inputs\], W\[inputs, outputs\], b\[outputs\]. The axes before are rows of one product,
/// so that the weight's gradient is one sum over all of them.
pub fn linear(draft: &mut Draft, x: Id, affine: Affine) -> Made {
    let mut shape = axes(draft, "linear", x)?;
    let width = shape.pop().unwrap_or(1);
    let rows = draft.reshape(x, &[shape.iter().fold(1u32, |rows, &n| rows.saturating_mul(n)), width])?;
    let mut y = draft.matmul(rows, affine.weight)?;
    if let Some(bias) = affine.bias {
        y = draft.push(Op::AddBias { x: y, bias })?;
    }
    shape.push(draft.type_of(y).shape[1]);
    draft.reshape(y, &shape)
}

/// The cross-correlation of x\[n, y, x, inputs\] with a weight\[ky, kx, inputs, outputs\], and b\[outputs\].
pub fn conv2d(draft: &mut Draft, x: Id, affine: Affine, stride: u32, padding: u32) -> Made {
    let y = draft.push(Op::Conv2d { x, weight: affine.weight, stride, padding })?;
    affine.bias.map_or(Ok(y), |bias| draft.add(y, bias))
}
