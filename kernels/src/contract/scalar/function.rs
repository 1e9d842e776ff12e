//! How a function comes to be correctly rounded: quickly in f64, and carefully where that leaves the rounding in doubt.
//!
//! Owns the test between the two phases (Ziv, "Fast evaluation of elementary mathematical functions with correctly rounded
//! last bit", 1991) and what their series share. The quick phase errs by at most 2^-43 of its result, and one input in some
//! 2^17 is left in doubt. The careful one errs by less than 2^-90, while a result that is told from a rounding boundary by
//! less than some 2^-62 would be a surprise among 2³² (their bits are as good as random). So it is compared: see `golden`.
//!
//! Nothing but +, −, ×, ÷ and fused multiply-add of f64, integers and small tables is used, all of which are IEEE's or exact
//! on every machine, a GPU included.

use super::pair::Pair;
use super::{cos, erf, exp, log, sin, tanh};

/// A transcendental function of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Exp,
    Log,
    Tanh,
    Erf,
    Sin,
    Cos,
}

impl Function {
    /// Every one of them.
    pub const ALL: [Self; 6] = [Self::Exp, Self::Log, Self::Tanh, Self::Erf, Self::Sin, Self::Cos];

    /// Its name in mathematics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Tanh => "tanh",
            Self::Erf => "erf",
            Self::Sin => "sin",
            Self::Cos => "cos",
        }
    }

    /// Its value at `x`, correctly rounded.
    pub fn of(self, x: f32) -> f32 {
        match self {
            Self::Exp => exp(x),
            Self::Log => log(x),
            Self::Tanh => tanh(x),
            Self::Erf => erf(x),
            Self::Sin => sin(x),
            Self::Cos => cos(x),
        }
    }
}

/// The ways to compute one function, from the quickest to the most careful.
pub(crate) trait Phases {
    /// f(x) within 2^-43 of itself, or NaN, which leaves `x` to the others. It has no branch, so that a compiler can do
    /// many `x` at once. The bound holds whether multiply-add is `FUSED`, as where there is a unit for it, or not.
    fn quick<const FUSED: bool>(x: f32) -> f64;

    /// The same for some that `quick` leaves, one at a time.
    fn wide(_x: f32) -> f64 {
        f64::NAN
    }

    /// f(x) within 2^-90 of itself for any `x` where it is not 0.
    fn careful(x: f32) -> Pair;
}

/// f(x), correctly rounded.
#[inline]
pub(super) fn value<F: Phases>(x: f32) -> f32 {
    let (y, sure) = rounded(F::quick::<false>(x));
    if sure { y } else { settled::<F>(x) }
}

/// f(x), correctly rounded, where `quick` was in doubt.
#[cold]
#[inline(never)]
pub(crate) fn settled<F: Phases>(x: f32) -> f32 {
    let (y, sure) = rounded(F::wide(x));
    if sure { y } else { F::careful(x).rounded() }
}

/// What is between the quick phase's bound and the rounding test's.
pub(super) const DOUBT: f64 = 1.0 / (1u64 << 42) as f64;

/// The nearest f32, and whether all values within 2^-42 of `y`, relatively, have the same.
#[inline(always)]
#[allow(clippy::float_cmp)] // NaN equals nothing: it is always in doubt
pub(crate) fn rounded(y: f64) -> (f32, bool) {
    let (below, above) = ((y * (1.0 - DOUBT)) as f32, (y * (1.0 + DOUBT)) as f32);
    (below, below == above)
}

/// 1.5 × 2^52: the sum of it and |x| < 2^51 is rounded to an integer, which its low bits then hold.
pub(super) const SHIFT: f64 = 6_755_399_441_055_744.0;

/// a × b + c, with one rounding or two.
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial in x with these coefficients, the constant first.
#[inline(always)]
pub(super) fn polynomial<const FUSED: bool, const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    (0..N - 1).rev().fold(coefficients[N - 1], |sum, n| multiply_add::<FUSED>(x, sum, coefficients[n]))
}

/// 1 ÷ n!, correctly rounded for n ≤ 18, as n! is then exact.
pub(super) const fn inverse_factorial(n: u64) -> f64 {
    let (mut product, mut factor) = (1, 2);
    while factor <= n {
        product *= factor;
        factor += 1;
    }
    1.0 / product as f64
}
