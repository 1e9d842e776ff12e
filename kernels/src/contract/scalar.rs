//! Scalars of the contract: IEEE 754 binary32, round to nearest even, one NaN, subnormals kept.
//!
//! Owns `fma`, `exp` and `log`, each correctly rounded without a call into the host's libm (whose bits differ from
//! machine to machine). The two transcendental functions are computed in f64 first; where that error leaves the rounding
//! in doubt (one input in millions) they are computed again as an unevaluated sum of two f64 with an error below 2^-90
//! (Ziv 1991), far finer than the closest that any of their 2³² results comes to a rounding boundary. The results of all
//! 2³² inputs were compared with CORE-MATH; their hash is a test (`golden_hash_of_all_outputs`).

/// The only NaN that is ever stored.
pub const NAN: f32 = f32::from_bits(0x7FC0_0000);

/// What is stored for `x`: itself, or the one NaN.
///
/// Chosen among integers: a choice among floats is one the compiler may drop, as a NaN's payload is nothing to it.
#[inline(always)]
pub fn stored(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(if bits & 0x7FFF_FFFF > 0x7F80_0000 { NAN.to_bits() } else { bits })
}

/// a × b + c with one rounding.
///
/// The product of two f32 is exact in f64; the sum is rounded to odd there, so that the second rounding cannot err
/// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
#[inline]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (high, low) = two_sum(f64::from(a) * f64::from(b), f64::from(c));
    stored(to_f32(high, low))
}

/// Square root, IEEE.
#[inline]
pub fn sqrt(x: f32) -> f32 {
    stored(x.sqrt())
}

/// eˣ, correctly rounded.
pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return NAN;
    }
    // Beyond these the result has left the range of binary32, subnormals included.
    if x > 89.0 {
        return f32::INFINITY;
    }
    if x < -104.0 {
        return 0.0;
    }
    let turns = nearest(f64::from(x) * std::f64::consts::LOG2_E);
    let power = power_of_two(turns as i32);
    let rest = (f64::from(x) - turns * LN_2_HEAD) - turns * LN_2_TAIL;
    // Taylor of e^rest; |rest| ≤ 0.35, so that the fourteenth term is below 2^-56.
    let series = (1..=13).rev().fold(1.0, |sum, term| 1.0 + rest * sum / f64::from(term));
    undoubted(series * power).unwrap_or_else(|| exp_slowly(x, turns, power))
}

fn exp_slowly(x: f32, turns: f64, power: f64) -> f32 {
    let rest = Pair::exact(f64::from(x)) - LN_2.scaled(turns);
    // Taylor of e^(rest/64) − 1; |rest/64| ≤ 0.0055, so that the tenth term is below 2^-96.
    let small = rest.times_power(1.0 / 64.0);
    let series = (2..=10).rev().fold(Pair::exact(1.0), |sum, term| Pair::exact(1.0) + (small * sum).divided_by(f64::from(term)));
    let mut grown = small * series;
    // (1 + g)² − 1 = 2g + g²: squaring without the leading one keeps the low bits.
    for _ in 0..6 {
        grown = grown.times_power(2.0) + grown * grown;
    }
    let result = (Pair::exact(1.0) + grown).times_power(power);
    to_f32(result.high, result.low)
}

/// Natural logarithm, correctly rounded. log(±0) = −∞, log of a negative is NaN.
pub fn log(x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return NAN;
    }
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x == f32::INFINITY {
        return x;
    }
    let bits = f64::from(x).to_bits(); // every f32 is a normal f64
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        exponent += 1;
    }
    // log m = 2 artanh(s), s = (m − 1)/(m + 1); |s| ≤ 0.172, so that the thirteenth term is below 2^-60 of the first.
    let s = (fraction - 1.0) / (fraction + 1.0);
    let series = (0..12).rev().fold(0.0, |sum, term| 1.0 / f64::from(2 * term + 1) + s * s * sum);
    undoubted(2.0 * s * series + f64::from(exponent) * LN_2.high).unwrap_or_else(|| log_slowly(fraction, f64::from(exponent)))
}

fn log_slowly(fraction: f64, exponent: f64) -> f32 {
    let s = Pair::exact(fraction - 1.0).divided_by(fraction + 1.0);
    let square = s * s;
    // Twenty terms: the next is below 2^-98 of the first.
    let series = (0..20).rev().fold(Pair::exact(0.0), |sum, term| Pair::exact(1.0).divided_by(f64::from(2 * term + 1)) + square * sum);
    let result = (s * series).times_power(2.0) + LN_2.scaled(exponent);
    to_f32(result.high, result.low)
}

/// The nearest f32, if every value within 2^-47 of `y`, relatively, has the same: the quick phases err by 2^-50 at most.
fn undoubted(y: f64) -> Option<f32> {
    const DOUBT: f64 = 1.0 / (1u64 << 47) as f64;
    let (below, above) = ((y - y * DOUBT) as f32, (y + y * DOUBT) as f32);
    (below.to_bits() == above.to_bits()).then_some(below)
}

/// An unevaluated sum of two f64, |low| ≤ ulp(high)/2 (Dekker 1971).
#[derive(Clone, Copy)]
struct Pair {
    high: f64,
    low: f64,
}

/// ln 2 to 106 bits, rounded to nearest.
const LN_2: Pair = Pair { high: f64::from_bits(0x3FE6_2E42_FEFA_39EF), low: f64::from_bits(0x3C7A_BC9E_3B39_803F) };

/// ln 2 in two parts: the first has 40 bits, so that its product with any exponent is exact.
const LN_2_HEAD: f64 = f64::from_bits(0x3FE6_2E42_FEFA_2000);
const LN_2_TAIL: f64 = f64::from_bits(0x3D69_EF35_793C_7673);

impl Pair {
    fn exact(high: f64) -> Self {
        Self { high, low: 0.0 }
    }

    fn normal(high: f64, low: f64) -> Self {
        let (high, low) = two_sum(high, low);
        Self { high, low }
    }

    /// Times a power of two: exact.
    fn times_power(self, power: f64) -> Self {
        Self { high: self.high * power, low: self.low * power }
    }

    fn scaled(self, factor: f64) -> Self {
        self * Self::exact(factor)
    }

    fn divided_by(self, divisor: f64) -> Self {
        let quotient = self.high / divisor;
        let (product, error) = two_product(quotient, divisor);
        let rest = (self.high - product) - error + self.low;
        Self::normal(quotient, rest / divisor)
    }
}

impl std::ops::Add for Pair {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = two_sum(self.high, other.high);
        let (tail, rest) = two_sum(self.low, other.low);
        let near = Self::normal(high, low + tail);
        Self::normal(near.high, near.low + rest)
    }
}

impl std::ops::Sub for Pair {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + Self { high: -other.high, low: -other.low }
    }
}

impl std::ops::Mul for Pair {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (high, low) = two_product(self.high, other.high);
        Self::normal(high, low + (self.high * other.low + self.low * other.high))
    }
}

/// a + b = high + low, exactly (Knuth).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let high = a + b;
    let b_part = high - a;
    (high, (a - (high - b_part)) + (b - b_part))
}

/// a × b = high + low, exactly (Dekker's split; no fma, which older machines lack).
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let (a_high, a_low) = split(a);
    let (b_high, b_low) = split(b);
    let high = a * b;
    (high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low)
}

fn split(a: f64) -> (f64, f64) {
    let scaled = a * 134_217_729.0; // 2^27 + 1
    let high = scaled - (scaled - a);
    (high, a - high)
}

/// high + low rounded once to f32: round to odd in f64 first, then to nearest even.
#[inline]
fn to_f32(high: f64, low: f64) -> f32 {
    if low == 0.0 || !high.is_finite() || high.to_bits() & 1 == 1 {
        return high as f32;
    }
    // The exact sum lies strictly between `high` and its neighbour in low's direction: that neighbour is odd.
    let away = (low > 0.0) == (high > 0.0);
    let bits = high.to_bits();
    f64::from_bits(if away { bits + 1 } else { bits - 1 }) as f32
}

/// Round to nearest even for |x| < 2^51, by the classic addition (no libm call).
fn nearest(x: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 × 2^52
    (x + SHIFT) - SHIFT
}

/// 2^n for −1022 ≤ n ≤ 1023.
fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
mod tests;
