//! Federated averaging in fixed point: exact, so that the order of contributions cannot matter (McMahan et al. 2017).
//!
//! Owns the rule of the contract: parameters at scale 2³², rounded to nearest even; times the shard's records; summed in
//! i128; divided by all records, rounded to nearest even; back to f32. Optimisers start again at rest.

use super::material::Contribution;
use super::state::State;
use crate::error::KernelError;
use crate::exec::Tensor;

/// The average of contributions, of which there is at least one, all of one model.
pub fn average(contributions: &[Contribution]) -> Result<State, KernelError> {
    let total: i128 = contributions.iter().map(|of| i128::from(of.records)).sum();
    let first = contributions.first().filter(|_| total > 0);
    let first = first.ok_or_else(|| KernelError::Contributions { reason: "there are no records".to_owned() })?;
    let mut parameters = vec![];
    for (tensor, like) in first.state.parameters().iter().enumerate() {
        let mut sums = vec![0i128; like.floats().len()];
        for (shard, of) in contributions.iter().enumerate() {
            for (element, (sum, &x)) in sums.iter_mut().zip(of.state.parameters()[tensor].floats()).enumerate() {
                let fixed = to_fixed(x).ok_or_else(|| KernelError::OutOfFixedPoint {
                    shard: shard as u32,
                    tensor: tensor as u32,
                    element,
                    value: x.to_string(),
                })?;
                *sum += i128::from(fixed) * i128::from(of.records);
            }
        }
        let elements = sums.iter().map(|&sum| from_fixed(divide_to_even(sum, total))).collect();
        parameters.push(Tensor::f32(like.shape(), elements));
    }
    Ok(State::at_rest(first.state.model(), parameters))
}

/// x × 2³² rounded to nearest even; none unless |x| < 2²⁰. In integers, as no rounding instruction is on every machine.
fn to_fixed(x: f32) -> Option<i64> {
    let bits = x.to_bits();
    let exponent = (bits >> 23 & 0xFF) as i32;
    if exponent >= 127 + 20 {
        return None;
    }
    let (mantissa, exponent) = if exponent == 0 { (bits & 0x7F_FFFF, 1) } else { (bits & 0x7F_FFFF | 0x80_0000, exponent) };
    // x = mantissa × 2^(exponent − 150), so that the fixed point is mantissa × 2^shift.
    let shift = exponent - 150 + 32;
    let magnitude =
        if shift >= 0 { i64::from(mantissa) << shift } else { divide_to_even(i128::from(mantissa), 1 << (-shift).min(64)) as i64 };
    Some(if bits >> 31 == 1 { -magnitude } else { magnitude })
}

/// The nearest f32 to value × 2^-32. `as` rounds an integer to nearest even; the scaling is exact.
fn from_fixed(value: i128) -> f32 {
    value as f32 / 4_294_967_296.0
}

/// a ÷ b rounded to nearest, ties to even; b > 0.
fn divide_to_even(a: i128, b: i128) -> i128 {
    let (quotient, rest) = (a.div_euclid(b), a.rem_euclid(b));
    match (rest * 2).cmp(&b) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point_rounds_to_even_and_refuses_what_it_cannot_hold() {
        let unit = 2f32.powi(-32);
        for (x, fixed) in [(0.0, 0), (-0.0, 0), (1.0, 1 << 32), (-1.5, -3 << 31), (unit / 2.0, 0), (unit * 1.5, 2), (-unit * 0.75, -1)] {
            assert_eq!(to_fixed(x), Some(fixed), "{x}");
        }
        assert_eq!(to_fixed(f32::from_bits(1)), Some(0), "the least subnormal");
        assert!(to_fixed(1_048_575.9).is_some());
        for x in [1_048_576.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(to_fixed(x), None, "{x}");
        }
    }

    #[test]
    fn division_rounds_ties_to_even_on_both_sides_of_zero() {
        for (a, b, quotient) in [(1, 2, 0), (3, 2, 2), (-1, 2, 0), (-3, 2, -2), (5, 3, 2), (-5, 3, -2), (-4, 3, -1)] {
            assert_eq!(divide_to_even(a, b), quotient, "{a}/{b}");
        }
    }
}
