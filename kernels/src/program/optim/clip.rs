//! Gradient clipping by global norm (Pascanu, Mikolov and Bengio 2013).

use crate::error::ProgramError;
use crate::program::{Binary, Draft, Id, Op};

/// √ Σ squares: the lane rule within each tensor, then the tensors' sums one after another.
pub fn global_norm(draft: &mut Draft, gradients: &[Id]) -> Result<Id, ProgramError> {
    let Some((&first, rest)) = gradients.split_first() else {
        return Err(ProgramError::Layer { layer: "global_norm", reason: "there are no gradients".to_owned() });
    };
    let mut total = draft.push(Op::SumSquares { x: first })?;
    for &x in rest {
        let b = draft.push(Op::SumSquares { x })?;
        total = draft.push(Op::Add { a: total, b })?;
    }
    draft.push(Op::Sqrt { x: total })
}

/// Each gradient × (limit ÷ max(norm, limit)), a factor of exactly 1 up to the limit; and the norm before.
pub fn clip(draft: &mut Draft, gradients: &[Id], limit: f32) -> Result<(Vec<Id>, Id), ProgramError> {
    let norm = global_norm(draft, gradients)?;
    let limit = draft.constant(limit)?;
    let larger = draft.zip(Binary::Maximum, norm, limit)?;
    let factor = draft.divide(limit, larger)?;
    let clipped = gradients.iter().map(|&gradient| draft.multiply(gradient, factor)).collect::<Result<_, _>>()?;
    Ok((clipped, norm))
}
