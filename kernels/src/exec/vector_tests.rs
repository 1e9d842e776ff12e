//! Every instruction set against the scalar functions: the same bits.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{BLOCK, apply, apply_with};
use crate::contract::scalar::{Function, golden};
use crate::exec::simd::Isa;
use crate::test_values::float;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn slices_of_any_length_have_the_scalar_bits(values in prop::collection::vec(float(), 0..3 * BLOCK)) {
        for function in Function::ALL {
            let wanted: Vec<u32> = values.iter().map(|&x| function.of(x).to_bits()).collect();
            for isa in Isa::all() {
                let mut out = values.clone();
                apply_with(isa, function, &mut out);
                prop_assert_eq!(&bits(&out), &wanted, "{} by {}", function.name(), isa.name());
            }
            let mut out = values.clone();
            apply(function, &mut out);
            prop_assert_eq!(&bits(&out), &wanted, "{}", function.name());
        }
    }
}

/// Whole blocks of inputs that the quick phase leaves: it is the scalar's loop then, and no element is forgotten.
#[test]
fn blocks_in_doubt_have_the_scalar_bits() {
    for function in Function::ALL {
        let mut values: Vec<f32> = golden::sample().map(f32::from_bits).filter(|x| x.is_nan() || x.abs() > 1e6).collect();
        let wanted: Vec<u32> = values.iter().map(|&x| function.of(x).to_bits()).collect();
        apply(function, &mut values);
        assert_eq!(bits(&values), wanted, "{}", function.name());
    }
}

#[test]
fn golden_hash_of_a_sample_of_outputs_by_every_instruction_set() {
    for isa in Isa::all() {
        for (function, wanted) in golden::OF_SAMPLE {
            let hash = golden::hash_of(golden::sample(), |values| apply_with(isa, function, values));
            assert_eq!(hash, wanted, "{} by {}", function.name(), isa.name());
        }
    }
}

/// As the scalar functions' own.
mod golden_hash_of_all_outputs_by_every_instruction_set {
    use super::*;

    macro_rules! of {
        ($($name:ident $function:ident),*) => {
            $(#[test]
            #[ignore = "all 2³² inputs: a minute or two"]
            fn $name() {
                for isa in Isa::all() {
                    let hash = golden::hash_of(0..=u32::MAX, |values| apply_with(isa, Function::$function, values));
                    assert_eq!(hash, golden::of_all(Function::$function), "{}", isa.name());
                }
            })*
        };
    }
    of!(exp Exp, log Log, tanh Tanh, erf Erf, sin Sin, cos Cos);
}
