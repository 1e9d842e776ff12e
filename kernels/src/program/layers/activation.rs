//! Functions of each element.

use super::Made;
use crate::program::{Draft, Id, Op, Unary};

/// max(x, +0).
pub fn relu(draft: &mut Draft, x: Id) -> Made {
    draft.push(Op::Relu { x })
}

/// 1 ÷ (1 + e^−x), without overflow.
pub fn sigmoid(draft: &mut Draft, x: Id) -> Made {
    draft.map(Unary::Sigmoid, x)
}

/// The hyperbolic tangent.
pub fn tanh(draft: &mut Draft, x: Id) -> Made {
    draft.map(Unary::Tanh, x)
}

/// x × Φ(x), with Φ(x) = (1 + erf(x × √½)) × ½: the exact form, not the tanh's (Hendrycks and Gimpel 2016).
pub fn gelu(draft: &mut Draft, x: Id) -> Made {
    let scaled = draft.scale(x, std::f32::consts::FRAC_1_SQRT_2)?;
    let erf = draft.map(Unary::Erf, scaled)?;
    let one = draft.constant(1.0)?;
    let twice = draft.add(erf, one)?;
    let share = draft.scale(twice, 0.5)?;
    draft.multiply(x, share)
}

/// x × sigmoid(x).
pub fn silu(draft: &mut Draft, x: Id) -> Made {
    let share = sigmoid(draft, x)?;
    draft.multiply(x, share)
}
