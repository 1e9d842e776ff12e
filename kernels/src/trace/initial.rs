//! First values of tensors, from a job's seed by the contract's functions.
//!
//! Owns the one way from a tensor's id and an element's place to its first value, so that any element is computable alone.

use crate::bml::{Initial, Variable};
use crate::contract::philox::{Site, symmetric, word};
use crate::contract::scalar::{cos, log, sqrt};
use crate::exec::Tensor;

/// The first value of tensor `id`. Its randomness is that of sample `id` at the site for initial values.
pub fn tensor(seed: u64, id: u32, variable: &Variable) -> Tensor {
    let of = &variable.of;
    let elements = 0..of.elements() as u32;
    let drawn = |element, step| word(seed, element, id, Site::Initialise, step);
    let values = match variable.initial {
        Initial::Zero => return Tensor::zeros(&of.shape),
        Initial::One => elements.map(|_| 1.0).collect(),
        // One rounding.
        Initial::Uniform { limit } => elements.map(|e| symmetric(drawn(e, 0)) * limit).collect(),
        Initial::Normal { deviation } => elements.map(|e| normal([drawn(e, 0), drawn(e, 1)]) * deviation).collect(),
        Initial::Forget => elements.map(|e| if e / (of.elements() as u32 / 4) == 1 { 1.0 } else { 0.0 }).collect(),
    };
    Tensor::f32(&of.shape, values)
}

/// √(−2 log u) × cos(2π v) of two words as uniform values, u above 0 (Box and Muller 1958); a rounding after each operation.
fn normal([u, v]: [u32; 2]) -> f32 {
    // Multiples of 2^-24 that are odd: exact, and neither 0 nor 1.
    let unit = |word: u32| ((word >> 8) | 1) as f32 / (1 << 24) as f32;
    sqrt(-2.0 * log(unit(u))) * cos(2.0 * std::f32::consts::PI * unit(v))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Type;

    fn of(shape: &[u32], initial: Initial) -> Vec<f32> {
        tensor(7, 3, &Variable { name: "x".to_owned(), of: Type::f32(shape), initial }).floats().to_vec()
    }

    #[test]
    fn values_have_the_spread_that_they_should() {
        let normal = of(&[10_000], Initial::Normal { deviation: 0.5 });
        let mean = normal.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e4;
        let variance = normal.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.02 && (0.24..0.26).contains(&variance), "{mean} {variance}");
        let within = normal.iter().filter(|x| x.abs() < 0.5).count();
        assert!((6_700..6_950).contains(&within), "68.3 % are within a deviation: {within}");
        assert!(of(&[1_000], Initial::Uniform { limit: 0.25 }).iter().all(|x| x.abs() <= 0.25));
        assert_eq!(of(&[], Initial::One), [1.0]);
        assert_eq!(of(&[8], Initial::Forget), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_ends_of_a_normal_value_are_finite() {
        for words in [[0, 0], [u32::MAX, u32::MAX], [0, u32::MAX]] {
            assert!(normal(words).is_finite(), "{words:?}");
        }
    }
}
