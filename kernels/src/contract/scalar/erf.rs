//! The error function: erf(x) = x P(x²), with one polynomial for all x.
//!
//! erf(√z) ÷ √z = 2/√π ∫₀¹ e^(−z t²) dt, the mean of decaying exponentials, is so smooth that 24 coefficients do for
//! 0 ≤ z ≤ 16. Its derivatives alternate in sign, so that about the middle of the range the sum of |coefficients| is its
//! value at z = 0, and Horner's rule loses no more than a factor of 1.13 ÷ 0.25 anywhere.

use super::exp::careful_growth;
use super::function::{Phases, multiply_add, polynomial, value};
use super::pair::Pair;

/// Error function, correctly rounded. erf(±0) = ±0.
pub fn erf(x: f32) -> f32 {
    value::<Erf>(x)
}

pub(crate) struct Erf;

/// erf(√z) ÷ √z in powers of u = z/8 − 1: its interpolant at the zeros of the Chebyshev polynomial of degree 24, which
/// is within 2^-44 of it.
#[allow(clippy::unreadable_literal)]
pub(super) const SERIES: [f64; 24] = [
    0.3535309956433878,
    -0.17657623330136532,
    0.13167511689964084,
    -0.10771044253014905,
    0.09020899387698399,
    -0.07472786567162942,
    0.059886909359934994,
    -0.04576511177349191,
    0.03306059062184811,
    -0.022473555537373086,
    0.014349836806032582,
    -0.00860629367904577,
    0.0048527008914917595,
    -0.002577962875421378,
    0.0012946046887796594,
    -0.0006135610536966054,
    0.00027244442325580383,
    -0.00011675995435633769,
    5.0995742764843516e-05,
    -1.9474614222107485e-05,
    4.867587784831905e-06,
    -1.8477082233652099e-06,
    1.525078675158126e-06,
    -4.7677593373708656e-07,
];

/// 2 ÷ √π to 106 bits.
pub(super) const TWO_OVER_ROOT_PI: Pair = Pair { high: f64::from_bits(0x3FF2_0DD7_5042_9B6D), low: f64::from_bits(0x3C71_AE3A_914F_ED80) };

impl Phases for Erf {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        let size = f64::from(size(x));
        let u = multiply_add::<FUSED>(size * size, 0.125, -1.0);
        (size * polynomial::<FUSED, _>(u, &SERIES)).copysign(f64::from(x))
    }

    /// erf(x) = 2/√π e^(−x²) x (1 + 2x²/3 (1 + 2x²/5 (1 + …))): nothing cancels (Abramowitz and Stegun, 7.1.6).
    fn careful(x: f32) -> Pair {
        let size = f64::from(size(x));
        let square = size * size; // exact
        // x² ≤ 16: the term after the eightieth is below 2^-98 of the sum.
        let series = (1..=80).rev().fold(Pair::exact(1.0), |sum, term| Pair::exact(1.0) + sum * (2.0 * square) / f64::from(2 * term + 1));
        let (growth, power) = careful_growth(-square);
        let bell = (Pair::exact(1.0) + growth).times_power(power);
        (TWO_OVER_ROOT_PI * bell * size * series).signed(x)
    }
}

/// |x|, at most 4: from 3.92 on the result rounds to 1. Keeps NaN.
#[inline(always)]
fn size(x: f32) -> f32 {
    if x.abs() > 4.0 { 4.0 } else { x.abs() }
}
