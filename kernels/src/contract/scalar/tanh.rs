//! The hyperbolic tangent: t ÷ (t + 2), with t = e^2|x| − 1, which is exact to the last bits near 0 and never cancels.

use super::exp::{careful_growth, growth};
use super::function::{Phases, multiply_add, value};
use super::pair::Pair;

/// Hyperbolic tangent, correctly rounded. tanh(±0) = ±0.
pub fn tanh(x: f32) -> f32 {
    value::<Tanh>(x)
}

pub(crate) struct Tanh;

impl Phases for Tanh {
    #[inline(always)]
    fn quick<const FUSED: bool>(x: f32) -> f64 {
        let (growth, power) = growth::<FUSED>(2.0 * f64::from(size(x)));
        let t = multiply_add::<FUSED>(power, growth, power - 1.0);
        (t / (t + 2.0)).copysign(f64::from(x))
    }

    fn careful(x: f32) -> Pair {
        let (growth, power) = careful_growth(2.0 * f64::from(size(x)));
        let t = growth.times_power(power) + Pair::exact(power - 1.0);
        (t / (t + Pair::exact(2.0))).signed(x)
    }
}

/// |x|, at most 10: from 9.02 on the result rounds to 1. Keeps NaN.
#[inline(always)]
fn size(x: f32) -> f32 {
    if x.abs() > 10.0 { 10.0 } else { x.abs() }
}
