//! The exponential function: eˣ = 2^k (1 + g), with x = k ln 2 + r and g the series of e^r − 1.
//!
//! Owns both precisions of that split, which `tanh` and `erf` use too. Keeping g apart from 1 is what gives e^x − 1 to the
//! last bits near 0 (Cody and Waite, "Software Manual for the Elementary Functions", 1980).

use super::function::{Phases, SHIFT, inverse_factorial, multiply_add, polynomial, value};
use super::pair::Pair;

/// eˣ, correctly rounded.
pub fn exp(x: f32) -> f32 {
    value::<Exp>(x)
}

pub(crate) struct Exp;

impl Phases for Exp {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        let (growth, power) = growth::<FUSED>(f64::from(bounded(x)));
        (1.0 + growth) * power
    }

    fn careful(x: f32) -> Pair {
        let (growth, power) = careful_growth(f64::from(bounded(x)));
        (Pair::exact(1.0) + growth).times_power(power)
    }
}

/// Beyond these bounds the result has left the range of binary32, subnormals included, and stays where it is. Keeps NaN.
#[inline(always)]
fn bounded(x: f32) -> f32 {
    x.clamp(-104.0, 89.0)
}

/// ln 2 to 106 bits, rounded to nearest.
pub(super) const LN_2: Pair = Pair { high: f64::from_bits(0x3FE6_2E42_FEFA_39EF), low: f64::from_bits(0x3C7A_BC9E_3B39_803F) };

/// ln 2 in two parts: the first has 40 bits, so that its product with k is exact.
pub(super) const LN_2_HEAD: f64 = f64::from_bits(0x3FE6_2E42_FEFA_2000);
pub(super) const LN_2_TAIL: f64 = f64::from_bits(0x3D69_EF35_793C_7673);

/// Taylor of (e^r − 1) ÷ r. |r| ≤ 0.347, so that what is left out is below 2^-45.
pub(super) const SERIES: [f64; 11] = [
    inverse_factorial(1),
    inverse_factorial(2),
    inverse_factorial(3),
    inverse_factorial(4),
    inverse_factorial(5),
    inverse_factorial(6),
    inverse_factorial(7),
    inverse_factorial(8),
    inverse_factorial(9),
    inverse_factorial(10),
    inverse_factorial(11),
];

/// (g, 2^k) of eˣ = 2^k (1 + g) for |x| < 700, with g within 2^-44 of itself.
#[inline(always)]
pub(super) fn growth<const FUSED: bool>(x: f64) -> (f64, f64) {
    let shifted = multiply_add::<FUSED>(x, std::f64::consts::LOG2_E, SHIFT);
    let turns = shifted - SHIFT;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let head = multiply_add::<FUSED>(-turns, LN_2_HEAD, x);
    let rest = multiply_add::<FUSED>(-turns, LN_2_TAIL, head);
    (rest * polynomial::<FUSED, _>(rest, &SERIES), power)
}

/// The same with g within 2^-95 of itself, or of 1 where k is not 0.
pub(super) fn careful_growth(x: f64) -> (Pair, f64) {
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let rest = Pair::exact(x) - LN_2 * (shifted - SHIFT);
    // Taylor of e^(r/64) − 1; |r/64| ≤ 0.0055, so that the eleventh term is below 2^-100 of the first.
    let small = rest.times_power(1.0 / 64.0);
    let series = (2..=10).rev().fold(Pair::exact(1.0), |sum, term| Pair::exact(1.0) + small * sum / f64::from(term));
    let mut growth = small * series;
    // (1 + g)² − 1 = 2g + g²: squaring without the leading one keeps the low bits.
    for _ in 0..6 {
        growth = growth.times_power(2.0) + growth * growth;
    }
    (growth, power)
}
