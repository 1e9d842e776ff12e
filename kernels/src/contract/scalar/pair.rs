//! Numbers of about 106 bits, as an unevaluated sum of two f64: what is computed with where f64 leaves a rounding in doubt.
//!
//! Owns exact sums and products and what follows from them (Dekker, "A floating-point technique for extending the
//! available precision", 1971; Knuth, TAOCP 2, 4.2.2). Refuses fma: without a unit for it, it is a call into libm.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::stored;

/// An unevaluated sum of two f64, |low| ≤ ulp(high)/2. Each operation errs by less than 2^-100 of its result, but for sums
/// that cancel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub high: f64,
    pub low: f64,
}

impl Pair {
    /// `x` itself, of any value: infinities and NaN are their own sum.
    pub fn exact(x: f64) -> Self {
        Self { high: x, low: 0.0 }
    }

    /// An integer of at most 2^127, to 106 bits.
    pub fn integer(n: u128) -> Self {
        let high = n as f64;
        Self { high, low: n.wrapping_sub(high as u128) as i128 as f64 }
    }

    fn normal(high: f64, low: f64) -> Self {
        let (high, low) = two_sum(high, low);
        Self { high, low }
    }

    /// Times a power of two: exact.
    pub fn times_power(self, power: f64) -> Self {
        Self { high: self.high * power, low: self.low * power }
    }

    /// Itself, or its negative where `sign` is.
    pub fn signed(self, sign: f32) -> Self {
        if sign.is_sign_negative() { -self } else { self }
    }

    /// Rounded once to what is stored.
    pub fn rounded(self) -> f32 {
        stored(to_f32(self.high, self.low))
    }
}

impl Neg for Pair {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Add for Pair {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = two_sum(self.high, other.high);
        let (tail, rest) = two_sum(self.low, other.low);
        let near = Self::normal(high, low + tail);
        Self::normal(near.high, near.low + rest)
    }
}

impl Sub for Pair {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Pair {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (high, low) = two_product(self.high, other.high);
        Self::normal(high, low + (self.high * other.low + self.low * other.high))
    }
}

impl Mul<f64> for Pair {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        self * Self::exact(factor)
    }
}

impl Div for Pair {
    type Output = Self;
    fn div(self, divisor: Self) -> Self {
        let quotient = self.high / divisor.high;
        let rest = self - divisor * quotient;
        Self::normal(quotient, rest.high / divisor.high)
    }
}

impl Div<f64> for Pair {
    type Output = Self;
    fn div(self, divisor: f64) -> Self {
        self / Self::exact(divisor)
    }
}

/// a + b = high + low, exactly (Knuth).
#[inline]
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let high = a + b;
    let b_part = high - a;
    (high, (a - (high - b_part)) + (b - b_part))
}

/// a × b = high + low, exactly (Dekker's split).
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
pub(super) fn to_f32(high: f64, low: f64) -> f32 {
    if low == 0.0 || !high.is_finite() || high.to_bits() & 1 == 1 {
        return high as f32;
    }
    // The exact sum lies strictly between `high` and its neighbour in low's direction: that neighbour is odd.
    let away = (low > 0.0) == (high > 0.0);
    let bits = high.to_bits();
    f64::from_bits(if away { bits + 1 } else { bits - 1 }) as f32
}
