//! The scalars against IEEE, against known values, and against the golden hashes of their outputs.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use proptest::prelude::*;

use super::{NAN, exp, fma, log};
use crate::test_values::float;

#[test]
fn special_values_of_exp() {
    let table = [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f32::INFINITY, f32::INFINITY),
        (f32::NEG_INFINITY, 0.0),
        (f32::from_bits(0x42B1_7217), f32::from_bits(0x7F7F_FF84)), // the last that does not overflow
        (f32::from_bits(0x42B1_7218), f32::INFINITY),
        (f32::from_bits(0xC2CF_F1B4), f32::from_bits(1)), // the last that does not vanish
        (f32::from_bits(0xC2CF_F1B5), 0.0),
        (1.0, std::f32::consts::E),
        (f32::from_bits(1), 1.0),
    ];
    for (x, result) in table {
        assert_eq!(exp(x).to_bits(), f32::to_bits(result), "exp({x:e})");
    }
    assert_eq!(exp(f32::from_bits(0x7F80_0001)).to_bits(), NAN.to_bits());
}

#[test]
fn special_values_of_log() {
    let table =
        [(1.0, 0.0), (0.0, f32::NEG_INFINITY), (-0.0, f32::NEG_INFINITY), (f32::INFINITY, f32::INFINITY), (2.0, std::f32::consts::LN_2)];
    for (x, result) in table {
        assert_eq!(log(x).to_bits(), f32::to_bits(result), "log({x:e})");
    }
    for x in [-1.0, f32::NEG_INFINITY, f32::NAN, -f32::from_bits(1)] {
        assert_eq!(log(x).to_bits(), NAN.to_bits(), "log({x:e})");
    }
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
}

fn hash_of(f: fn(f32) -> f32, inputs: impl Iterator<Item = u32>) -> String {
    let mut hash = blake3::Hasher::new();
    for bits in inputs {
        hash.update(&f(f32::from_bits(bits)).to_bits().to_le_bytes());
    }
    hash.finalize().to_hex().to_string()
}

/// One input in 65 521, which is prime: all exponents and signs.
#[test]
fn golden_hash_of_a_sample_of_outputs() {
    let sample = || (0..=u32::MAX).step_by(65_521);
    assert_eq!(hash_of(exp, sample()), "cca26bb1cddd9c1f198f55c997f4b848a14ae562c64020b3b3468a2d1cabe456");
    assert_eq!(hash_of(log, sample()), "2090874aa613b91f835d40afcedac58b2ba2338fc8fb128dcd933a3cdad58c86");
}

/// All 2³² inputs, in ascending bits. Minutes; run it with `--ignored` after any change here. These outputs were compared
/// with CORE-MATH's `expf` and `logf`, one by one: no difference.
#[test]
#[ignore = "takes four minutes"]
fn golden_hash_of_all_outputs() {
    assert_eq!(hash_of(exp, 0..=u32::MAX), "44ac207dec9896234f402a9d2beb29ebb889e3bd52a99df3622ce525f0618cfb");
    assert_eq!(hash_of(log, 0..=u32::MAX), "874ae018f18cf056d10e442aa1a1e042f05133b95c0e604fd420f27531f51320");
}
