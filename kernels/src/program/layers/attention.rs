//! Attention as the composition that it is: scores, scale, mask, softmax, and the values under it (Vaswani et al. 2017).
//!
//! Scores and their gradients are products under the chunk rule: over the width of a head, over keys (P·V, dQ) and over
//! queries (dK, dV), each ascending. The softmax is the last axis's: maximum first, lane sum, division before P·V.

use super::norm::softmax;
use super::{Affine, Made, linear};
use crate::contract::scalar::sqrt;
use crate::error::ProgramError;
use crate::program::{Draft, Id, Op, Relation};

/// The four projections of a block of attention, each from the model's width to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projections {
    pub query: Affine,
    pub key: Affine,
    pub value: Affine,
    pub output: Affine,
}

/// x\[batch, time, width\] attended to by itself in `heads` parts of the width, each of `width ÷ heads`.
pub fn multi_head_attention(draft: &mut Draft, x: Id, projections: &Projections, heads: u32, causal: bool) -> Made {
    let [batch, time, width] = draft.type_of(x).shape[..] else {
        return refuse(format!("value {x} is {}, batch, time and width are wanted", draft.type_of(x)));
    };
    if heads == 0 || width % heads != 0 {
        return refuse(format!("{heads} heads do not share a width of {width}"));
    }
    let mut head = |affine| -> Made {
        let projected = linear(draft, x, affine)?;
        let parted = draft.reshape(projected, &[batch, time, heads, width / heads])?;
        draft.permute(parted, &[0, 2, 1, 3])
    };
    let (query, key, value) = (head(projections.query)?, head(projections.key)?, head(projections.value)?);
    let attended = attention(draft, query, key, value, causal)?;
    let joined = draft.permute(attended, &[0, 2, 1, 3])?;
    let joined = draft.reshape(joined, &[batch, time, width])?;
    linear(draft, joined, projections.output)
}

/// softmax(Q·Kᵀ ÷ √width)·V of values with leading axes, time and width. With `causal`, a query sees no later key.
pub fn attention(draft: &mut Draft, query: Id, key: Id, value: Id, causal: bool) -> Made {
    let scores = draft.push(Op::BatchedMatMul { a: query, b: key, a_transposed: false, b_transposed: true })?;
    let width = draft.type_of(query).shape.last().copied().unwrap_or(1);
    let mut scores = draft.scale(scores, 1.0 / sqrt(width as f32))?;
    if causal {
        scores = causal_mask(draft, scores)?;
    }
    let weights = softmax(draft, scores)?;
    draft.push(Op::BatchedMatMul { a: weights, b: value, a_transposed: false, b_transposed: false })
}

/// Scores\[…, query, key\] where the key is not after the query, else −∞: its weight is then +0.
pub fn causal_mask(draft: &mut Draft, scores: Id) -> Made {
    let [.., queries, keys] = draft.type_of(scores).shape[..] else {
        return refuse(format!("scores are {}, queries and keys are wanted", draft.type_of(scores)));
    };
    let query = draft.push(Op::Iota { axis: 0, shape: vec![queries, 1] })?;
    let key = draft.push(Op::Iota { axis: 0, shape: vec![keys] })?;
    let seen = draft.compare(Relation::LessOrEqual, key, query)?;
    let never = draft.constant(f32::NEG_INFINITY)?;
    draft.select(seen, scores, never)
}

fn refuse(reason: String) -> Made {
    Err(ProgramError::Layer { layer: "attention", reason })
}
