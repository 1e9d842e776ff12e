//! The scalars against IEEE, against known values, and against what mathematics says of the functions.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use proptest::prelude::*;

use super::{Cos, Erf, Exp, Function, Log, NAN, Phases, Sin, Tanh, erf, exp, fma, golden, log, sin};
use crate::test_values::float;

const ODD: [Function; 3] = [Function::Tanh, Function::Erf, Function::Sin];

#[test]
fn special_values() {
    use Function::{Cos, Erf, Exp, Log, Sin, Tanh};
    const INF: f32 = f32::INFINITY;
    let least = f32::from_bits(1);
    let table = [
        (Exp, 0.0, 1.0),
        (Exp, -0.0, 1.0),
        (Exp, least, 1.0),
        (Exp, 1.0, std::f32::consts::E),
        (Exp, INF, INF),
        (Exp, -INF, 0.0),
        (Exp, f32::from_bits(0x42B1_7217), f32::from_bits(0x7F7F_FF84)), // the last that does not overflow
        (Exp, f32::from_bits(0x42B1_7218), INF),
        (Exp, f32::from_bits(0xC2CF_F1B4), least), // the last that does not vanish
        (Exp, f32::from_bits(0xC2CF_F1B5), 0.0),
        (Log, 1.0, 0.0),
        (Log, 2.0, std::f32::consts::LN_2),
        (Log, 0.0, -INF),
        (Log, -0.0, -INF),
        (Log, INF, INF),
        (Log, -1.0, NAN),
        (Log, -INF, NAN),
        (Log, -least, NAN),
        (Tanh, 0.0, 0.0),
        (Tanh, -0.0, -0.0),
        (Tanh, least, least),
        (Tanh, INF, 1.0),
        (Tanh, -INF, -1.0),
        (Tanh, f32::from_bits(0x4110_2CB3), 1.0f32.next_down()), // the last below 1
        (Tanh, f32::from_bits(0x4110_2CB4), 1.0),
        (Erf, 0.0, 0.0),
        (Erf, -0.0, -0.0),
        (Erf, least, least),
        (Erf, INF, 1.0),
        (Erf, -INF, -1.0),
        (Erf, f32::from_bits(0x407A_D444), 1.0f32.next_down()), // the last below 1
        (Erf, f32::from_bits(0x407A_D445), 1.0),
        (Sin, 0.0, 0.0),
        (Sin, -0.0, -0.0),
        (Sin, -least, -least),
        (Sin, std::f32::consts::PI, -8.742_278e-8),
        (Sin, f32::MAX, -0.521_876_5), // 2/π to 150 bits is needed here
        (Sin, INF, NAN),
        (Sin, -INF, NAN),
        (Cos, 0.0, 1.0),
        (Cos, -0.0, 1.0),
        (Cos, least, 1.0),
        (Cos, std::f32::consts::PI, -1.0),
        (Cos, f32::MAX, 0.853_021),
        (Cos, INF, NAN),
        (Cos, -INF, NAN),
    ];
    for (function, x, y) in table {
        assert_eq!(function.of(x).to_bits(), y.to_bits(), "{}({x:e}) is {:e}", function.name(), function.of(x));
    }
    for function in Function::ALL {
        for nan in [0x7FC0_0000, 0x7F80_0001, 0xFFC1_2345] {
            assert_eq!(function.of(f32::from_bits(nan)).to_bits(), NAN.to_bits(), "{}", function.name());
        }
    }
}

#[test]
fn golden_hash_of_a_sample_of_outputs() {
    for (function, wanted) in golden::OF_SAMPLE {
        let hash = golden::hash_of(golden::sample(), |values| values.iter_mut().for_each(|x| *x = function.of(*x)));
        assert_eq!(hash, wanted, "{}", function.name());
    }
}

/// To be run with `--ignored` after any change of a function, one function a test, so that each tells its own end.
mod golden_hash_of_all_outputs {
    use super::*;

    macro_rules! of {
        ($($name:ident $function:ident),*) => {
            $(#[test]
            #[ignore = "all 2³² inputs: a minute or two"]
            fn $name() {
                let function = Function::$function;
                let hash = golden::hash_of(0..=u32::MAX, |values| values.iter_mut().for_each(|x| *x = function.of(*x)));
                assert_eq!(hash, golden::of_all(function));
            })*
        };
    }
    of!(exp Exp, log Log, tanh Tanh, erf Erf, sin Sin, cos Cos);
}

/// The bound that the rounding test rests on, for both ways to multiply and add.
fn quick_is_as_near_as_it_says<F: Phases>(x: f32) -> Result<(), TestCaseError> {
    let careful = F::careful(x).high;
    for (phase, quick) in [("apart", F::quick::<false>(x)), ("fused", F::quick::<true>(x)), ("wide", F::wide(x))] {
        let error = (quick - careful) / careful;
        prop_assert!(quick.is_nan() || quick == careful || error.abs() < 2.0f64.powi(-43), "{phase} {x:e}: 2^{}", error.abs().log2());
    }
    Ok(())
}

/// Floats of every magnitude with a course of its own.
fn wide() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -12.0f32..12.0, 2 => -110.0f32..110.0, 2 => -3e5f32..3e5, 4 => any::<u32>().prop_map(f32::from_bits), 1 => float()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    /// `mul_add` rounds once by its own contract; ours must agree without it.
    #[test]
    fn fma_is_fused(a in float(), b in float(), c in float()) {
        prop_assert_eq!(fma(a, b, c).to_bits(), super::stored(a.mul_add(b, c)).to_bits());
    }

    /// Cancellation and halfway cases, where a second rounding would show.
    #[test]
    fn fma_is_fused_where_it_matters(a: u32, b: u32, ulps in -3i32..3) {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let c = -f32::from_bits((a * b).to_bits().wrapping_add_signed(ulps));
        prop_assert_eq!(fma(a, b, c).to_bits(), super::stored(a.mul_add(b, c)).to_bits());
    }

    #[test]
    fn quick_phases_keep_their_bound(x in wide()) {
        quick_is_as_near_as_it_says::<Exp>(x)?;
        quick_is_as_near_as_it_says::<Log>(x)?;
        quick_is_as_near_as_it_says::<Tanh>(x)?;
        quick_is_as_near_as_it_says::<Erf>(x)?;
        quick_is_as_near_as_it_says::<Sin>(x)?;
        quick_is_as_near_as_it_says::<Cos>(x)?;
    }

    #[test]
    fn odd_functions_are_odd_and_cosine_is_even(x in wide()) {
        prop_assume!(!x.is_nan() && x.is_finite());
        for function in ODD {
            prop_assert_eq!(function.of(-x).to_bits(), (-function.of(x)).to_bits(), "{}", function.name());
        }
        prop_assert_eq!(Function::Cos.of(-x).to_bits(), Function::Cos.of(x).to_bits());
    }

    /// Of neighbours too, where one wrong rounding would break it.
    #[test]
    fn functions_that_rise_never_fall(x in wide(), other in wide()) {
        for (a, b) in [(x, x.next_up()), (x.min(other), x.max(other))] {
            for function in [Function::Exp, Function::Log, Function::Tanh, Function::Erf] {
                let (below, above) = (function.of(a), function.of(b));
                prop_assert!(below <= above || below.is_nan(), "{}({a:e}) = {below:e}, ({b:e}) = {above:e}", function.name());
            }
        }
    }

    #[test]
    fn results_stay_in_range(x in wide()) {
        prop_assume!(x.is_finite());
        for function in [Function::Tanh, Function::Erf, Function::Sin, Function::Cos] {
            prop_assert!(function.of(x).abs() <= 1.0, "{}", function.name());
        }
        prop_assert!(exp(x) >= 0.0);
        prop_assert!(sin(x).abs() <= x.abs() && Function::Tanh.of(x).abs() <= x.abs(), "below the diagonal");
        prop_assert!(erf(x).abs() <= 1.128_379_2 * x.abs(), "below its tangent at 0");
        prop_assert!(x <= 0.0 || log(x) <= x - 1.0, "below its tangent at 1");
    }
}
