//! Sine and cosine: x = k π/2 + r with |r| ≤ π/4, then the series of sin r or cos r, by the quadrant that k ends in.
//!
//! The quick phase subtracts k π/2 in three parts (Cody and Waite 1980), which holds for |x| ≤ 2^18. Beyond, and in doubt, x
//! is multiplied by the 192 bits of 2/π that matter for its exponent (Payne and Hanek, "Radian reduction for trigonometric
//! functions", 1983): no finite f32 comes closer than 2^-30 to a multiple of π/2, so that r keeps 90 bits and more.

use std::f64::consts::FRAC_2_PI;

use super::function::{Phases, SHIFT, inverse_factorial, multiply_add, polynomial, value};
use super::pair::Pair;

/// Sine of x radians, correctly rounded. sin(±0) = ±0, sin(±∞) is NaN.
pub fn sin(x: f32) -> f32 {
    value::<Sin>(x)
}

/// Cosine of x radians, correctly rounded. cos(±∞) is NaN.
pub fn cos(x: f32) -> f32 {
    value::<Cos>(x)
}

pub(crate) struct Sin;
pub(crate) struct Cos;

impl Phases for Sin {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        quick::<FUSED>(x, 0)
    }

    fn wide(x: f32) -> f64 {
        wide(x, 0)
    }

    fn careful(x: f32) -> Pair {
        careful(x, 0)
    }
}

/// cos(x) = sin(x + π/2): a quadrant ahead.
impl Phases for Cos {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        quick::<FUSED>(x, 1)
    }

    fn wide(x: f32) -> f64 {
        wide(x, 1)
    }

    fn careful(x: f32) -> Pair {
        careful(x, 1)
    }
}

/// Above it k has more than 18 bits.
const QUICK: f32 = 262_144.0;

/// π/2 in three parts: the first two have 33 bits or less, so that their products with k are exact.
pub(super) const HALF_PI_HEAD: f64 = f64::from_bits(0x3FF9_21FB_5440_0000);
pub(super) const HALF_PI_MIDDLE: f64 = f64::from_bits(0x3DD0_B461_1A60_0000);
pub(super) const HALF_PI_TAIL: f64 = f64::from_bits(0x3BA3_198A_2E03_7073);

/// π/2 to 106 bits.
pub(super) const HALF_PI: Pair = Pair { high: f64::from_bits(0x3FF9_21FB_5444_2D18), low: f64::from_bits(0x3C91_A626_3314_5C07) };

/// sin(r) ÷ r as a series in r². |r| ≤ π/4, so that what is left out is below 2^-44.
pub(super) const SINE: [f64; 7] = [
    inverse_factorial(1),
    -inverse_factorial(3),
    inverse_factorial(5),
    -inverse_factorial(7),
    inverse_factorial(9),
    -inverse_factorial(11),
    inverse_factorial(13),
];

/// cos(r) as a series in r². What is left out is below 2^-49.
pub(super) const COSINE: [f64; 8] = [
    inverse_factorial(0),
    -inverse_factorial(2),
    inverse_factorial(4),
    -inverse_factorial(6),
    inverse_factorial(8),
    -inverse_factorial(10),
    inverse_factorial(12),
    -inverse_factorial(14),
];

/// sin(x + ahead × π/2), or NaN where k is too large.
#[inline(always)]
fn quick<const FUSED: bool>(x: f32, ahead: u64) -> f64 {
    let shifted = multiply_add::<FUSED>(f64::from(x), FRAC_2_PI, SHIFT);
    let turns = shifted - SHIFT;
    // The first difference is exact, the second correctly rounded, and the third part is far below both: r keeps its bits
    // however close x comes to a multiple of π/2.
    let head = multiply_add::<FUSED>(-turns, HALF_PI_HEAD, f64::from(x));
    let middle = multiply_add::<FUSED>(-turns, HALF_PI_MIDDLE, head);
    let rest = multiply_add::<FUSED>(-turns, HALF_PI_TAIL, middle);
    let y = turned::<FUSED>(rest, shifted.to_bits().wrapping_add(ahead));
    if x.abs() <= QUICK { y } else { f64::NAN }
}

/// The same for all finite x.
fn wide(x: f32, ahead: u64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (rest, quadrant) = reduced(x);
    turned::<false>(rest.high, quadrant.wrapping_add(ahead))
}

fn careful(x: f32, ahead: u64) -> Pair {
    if !x.is_finite() {
        return Pair::exact(f64::NAN);
    }
    let (rest, quadrant) = reduced(x);
    let (square, quadrant) = (rest * rest, quadrant.wrapping_add(ahead));
    // Fourteen terms: the next is below 2^-97 of the first.
    let series = |first: u32| {
        (0..14).rev().fold(Pair::exact(1.0), |sum, term| {
            let next = 2 * term + first;
            Pair::exact(1.0) - square * sum / f64::from(next * (next + 1))
        })
    };
    let size = if quadrant & 1 == 0 { rest * series(2) } else { series(1) };
    if quadrant & 2 == 0 { size } else { -size }
}

/// sin(rest + quadrant × π/2).
#[inline(always)]
fn turned<const FUSED: bool>(rest: f64, quadrant: u64) -> f64 {
    let square = rest * rest;
    let sine = rest * polynomial::<FUSED, _>(square, &SINE);
    let cosine = polynomial::<FUSED, _>(square, &COSINE);
    let size = if quadrant & 1 == 0 { sine } else { cosine };
    f64::from_bits(size.to_bits() ^ ((quadrant & 2) << 62))
}

/// (r, k modulo 4) of a finite x = k π/2 + r, with r within 2^-90 of itself.
fn reduced(x: f32) -> (Pair, u64) {
    let (rest, quadrant) = if x.abs() < std::f32::consts::FRAC_PI_4 { (Pair::exact(f64::from(x.abs())), 0) } else { multiplied(x.abs()) };
    (rest.signed(x), if x.is_sign_negative() { quadrant.wrapping_neg() } else { quadrant })
}

/// 2/π: 64 zeros, then its bits behind the binary point.
pub(super) const TWO_OVER_PI: [u64; 6] =
    [0, 0xA2F9_836E_4E44_1529, 0xFC27_57D1_F534_DDC0, 0xDB62_9599_3C43_9041, 0xFE51_63AB_DEBB_C561, 0xB724_6E3A_424D_D2E0];

/// Payne and Hanek's product for 0.5 ≤ x < ∞, x = integer × 2^scale: bits of 2/π that give multiples of 4 are left out on
/// the left, those below 2^-150 on the right.
fn multiplied(x: f32) -> (Pair, u64) {
    let integer = u128::from(x.to_bits() & 0x007F_FFFF | 0x0080_0000);
    let first = (x.to_bits() >> 23) as usize - 88;
    let upper = u128::from(bits_of_two_over_pi(first)) << 64 | u128::from(bits_of_two_over_pi(first + 64));
    let lower = u128::from(bits_of_two_over_pi(first + 128));
    // x × 2/π modulo 4, in units of 2^-126.
    let turns = integer.wrapping_mul(upper).wrapping_add((integer * lower) >> 64);
    // Two bits before the point; what is behind it is read as a signed fraction, so that the nearest quadrant is taken.
    let quadrant = turns.wrapping_add(1 << 125) >> 126;
    let fraction = (turns << 2) as i128;
    let size = Pair::integer(fraction.unsigned_abs()).times_power(1.0 / (1u128 << 127) as f64 / 2.0) * HALF_PI;
    (if fraction < 0 { -size } else { size }, quadrant as u64)
}

/// 64 bits of the table from bit `first` on.
fn bits_of_two_over_pi(first: usize) -> u64 {
    let (word, bit) = (first / 64, first % 64);
    let two = u128::from(TWO_OVER_PI[word]) << 64 | u128::from(TWO_OVER_PI[word + 1]);
    (two >> (64 - bit)) as u64
}
