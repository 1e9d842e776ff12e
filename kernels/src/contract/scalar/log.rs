//! The natural logarithm: log(2^e m) = e ln 2 + 2 artanh(s), with s = (m − 1) ÷ (m + 1) and m between √½ and √2.

use std::f64::consts::FRAC_1_SQRT_2;

use super::exp::LN_2;
use super::function::{Phases, multiply_add, polynomial, value};
use super::pair::Pair;

/// Natural logarithm, correctly rounded. log(±0) = −∞, log of a negative is NaN.
pub fn log(x: f32) -> f32 {
    value::<Log>(x)
}

pub(crate) struct Log;

/// 2 artanh(s) ÷ s as a series in s². |s| ≤ 0.172, so that what is left out is below 2^-44.
pub(super) const SERIES: [f64; 8] = [2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0];

impl Phases for Log {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        let (fraction, exponent) = parts(x);
        let s = (fraction - 1.0) / (fraction + 1.0);
        let y = multiply_add::<FUSED>(exponent, LN_2.high, s * polynomial::<FUSED, _>(s * s, &SERIES));
        if (x > 0.0) & (x < f32::INFINITY) { y } else { f64::NAN }
    }

    fn careful(x: f32) -> Pair {
        if x.is_nan() || x < 0.0 {
            return Pair::exact(f64::NAN);
        }
        if x == 0.0 || x == f32::INFINITY {
            return Pair::exact(if x == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        let (fraction, exponent) = parts(x);
        let s = Pair::exact(fraction - 1.0) / (fraction + 1.0);
        let square = s * s;
        // Twenty terms: the next is below 2^-98 of the first.
        let series = (0..20).rev().fold(Pair::exact(0.0), |sum, term| Pair::exact(1.0) / f64::from(2 * term + 1) + square * sum);
        (s * series).times_power(2.0) + LN_2 * exponent
    }
}

/// (m, e) of a positive, finite x = 2^e m. Every f32 is a normal f64, the subnormal ones too.
#[inline(always)]
fn parts(x: f32) -> (f64, f64) {
    const ONE: u64 = 1.0f64.to_bits();
    const TWO_52: f64 = (1u64 << 52) as f64;
    let bits = f64::from(x).to_bits();
    // Adding what √½ lacks to 1 carries into the exponent where the fraction is √2 or more.
    let biased = bits.wrapping_add(ONE - FRAC_1_SQRT_2.to_bits()) >> 52;
    let fraction = f64::from_bits(bits.wrapping_sub(biased << 52).wrapping_add(ONE));
    // 2^52 + n has n in its low bits: an integer becomes a float without a conversion, which not all vector units have.
    let exponent = f64::from_bits(TWO_52.to_bits() | biased) - (TWO_52 + 1023.0);
    (fraction, exponent)
}
