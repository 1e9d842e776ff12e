//! The transcendental functions over slices.
//!
//! Owns the loop that does the quick phase of many elements at once, then one by one those whose rounding it leaves in
//! doubt. Correct rounding makes the bits those of the scalar function, whichever phase they come from.

use super::simd::{Isa, Vectorised};
use crate::contract::scalar::{Cos, Erf, Exp, Function, Log, Phases, Sin, Tanh, rounded, settled};

/// Elements between two looks at what is in doubt: their results and doubts stay in the nearest cache.
const BLOCK: usize = 64;

/// Replaces every value by the function's, correctly rounded, with the vector instructions of this processor.
///
/// ```
/// use cairn_kernels::{contract::scalar::Function, exec::apply};
///
/// let mut values = vec![0.0f32, -0.5, 20.0];
/// apply(Function::Tanh, &mut values);
/// assert_eq!(values, [0.0, -0.462_117_17, 1.0]);
/// ```
pub fn apply(function: Function, values: &mut [f32]) {
    match Isa::detect() {
        Some(isa) => apply_with(isa, function, values),
        None => values.iter_mut().for_each(|x| *x = function.of(*x)),
    }
}

/// The same by the instructions of `isa`.
pub(super) fn apply_with(isa: Isa, function: Function, values: &mut [f32]) {
    match function {
        Function::Exp => isa.run(Apply(values, Exp)),
        Function::Log => isa.run(Apply(values, Log)),
        Function::Tanh => isa.run(Apply(values, Tanh)),
        Function::Erf => isa.run(Apply(values, Erf)),
        Function::Sin => isa.run(Apply(values, Sin)),
        Function::Cos => isa.run(Apply(values, Cos)),
    }
}

struct Apply<'a, F>(&'a mut [f32], F);

impl<F: Phases> Vectorised for Apply<'_, F> {
    #[inline(always)]
    fn run(self) {
        for block in self.0.chunks_mut(BLOCK) {
            let (mut results, mut doubts, mut any) = ([0.0; BLOCK], [0; BLOCK], 0);
            for ((&x, result), doubt) in block.iter().zip(&mut results).zip(&mut doubts) {
                let (y, sure) = rounded(F::quick::<true>(x));
                *result = y;
                *doubt = u32::from(!sure);
                any |= *doubt;
            }
            if any != 0 {
                settle::<F>(block, &mut results, &doubts);
            }
            block.copy_from_slice(&results[..block.len()]);
        }
    }
}

#[cold]
#[inline(never)]
fn settle<F: Phases>(block: &[f32], results: &mut [f32], doubts: &[u32]) {
    for ((&x, result), &doubt) in block.iter().zip(results).zip(doubts) {
        if doubt != 0 {
            *result = settled::<F>(x);
        }
    }
}

#[cfg(test)]
#[path = "vector_tests.rs"]
mod tests;
