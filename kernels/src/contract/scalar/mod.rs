//! Scalars of the contract: IEEE 754 binary32, round to nearest even, one NaN, subnormals kept.
//!
//! Owns `fma` and `sqrt`, and shows the transcendental functions, each correctly rounded without a call into the host's
//! libm (whose bits differ from machine to machine). How they come to be so is told in `function`; each has its own file.

pub(crate) mod constants;
mod erf;
mod exp;
mod function;
mod log;
mod pair;
mod tanh;
mod trig;

pub use erf::erf;
pub use exp::exp;
pub use function::Function;
pub use log::log;
pub use tanh::tanh;
pub use trig::{cos, sin};

pub(crate) use erf::Erf;
pub(crate) use exp::Exp;
pub(crate) use function::{Phases, rounded, settled};
pub(crate) use log::Log;
pub(crate) use tanh::Tanh;
pub(crate) use trig::{Cos, Sin};

use pair::{to_f32, two_sum};

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

#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
mod tests;
