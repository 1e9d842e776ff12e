//! The fast executors against the reference: equal bits for all shapes and values, on one thread or several.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::fast::Fast;
use super::reference::{Kernels, Product, Reference};
use super::simd::Isa;
use crate::test_values::floats;

/// Every instruction set of this machine, alone and with three threads.
fn twins() -> Vec<Fast> {
    Isa::all().into_iter().flat_map(|isa| [Fast::new(isa, 1), Fast::new(isa, 3)]).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Runs one kernel on the reference and all twins.
fn agree(kernel: impl Fn(&dyn Dispatch) -> Vec<f32>) -> Result<(), TestCaseError> {
    let wanted = bits(&kernel(&Reference));
    for nan in wanted.iter().filter(|&&x| f32::from_bits(x).is_nan()) {
        prop_assert_eq!(*nan, 0x7FC0_0000, "one NaN is stored");
    }
    for twin in twins() {
        prop_assert_eq!(&bits(&kernel(&twin)), &wanted, "{}", twin.name());
    }
    Ok(())
}

/// `Kernels` as an object.
trait Dispatch: Kernels {}
impl<K: Kernels> Dispatch for K {}

fn matrices() -> impl Strategy<Value = (Product, Vec<f32>, Vec<f32>)> {
    let k = prop_oneof![3 => 0usize..20, 2 => 508usize..516, 1 => 1020usize..1030, 1 => 1534usize..1540];
    (0usize..28, 0usize..70, k, any::<bool>(), any::<bool>()).prop_flat_map(|(m, n, k, a_transposed, b_transposed)| {
        let product = Product { m, n, k, a_transposed, b_transposed };
        (Just(product), floats(m * k), floats(k * n))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn matrix_products((product, a, b) in matrices()) {
        agree(|kernels| kernels.matmul(product, &a, &b))?;
    }

    #[test]
    fn batched_products((product, count, a, b) in (1usize..14, 1usize..40, 1usize..40, 1usize..8, any::<[bool; 2]>()).prop_flat_map(|(m, n, k, count, [a, b])| {
        let product = Product { m, n, k, a_transposed: a, b_transposed: b };
        (Just(product), Just(count), floats(count * m * k), floats(count * k * n))
    })) {
        prop_assert_eq!(a.len(), count * product.m * product.k);
        agree(|kernels| kernels.batched_matmul(product, &a, &b))?;
    }

    #[test]
    fn sums_over_rows((columns, x) in (1usize..40, 1usize..1100).prop_flat_map(|(columns, rows)| (Just(columns), floats(columns * rows)))) {
        agree(|kernels| kernels.sum_rows(columns, &x))?;
    }

    #[test]
    fn sums_over_lanes(x in prop_oneof![1usize..100, 4000usize..4200, 8100usize..9000].prop_flat_map(floats)) {
        agree(|kernels| vec![kernels.sum_squares(&x), kernels.mean(&x)])?;
    }

    #[test]
    fn losses((columns, logits, labels) in (1usize..40, 1usize..6).prop_flat_map(|(n, m)| (Just(n), floats(m * n), prop::collection::vec(0..n as u32 + 2, m)))) {
        let scale = vec![0.25; labels.len()];
        agree(|kernels| kernels.cross_entropy(columns, &logits, &labels))?;
        agree(|kernels| kernels.cross_entropy_grad(columns, &logits, &labels, &scale))?;
        agree(|kernels| kernels.argmax(columns, &logits).into_iter().map(|class| class as f32).collect())?;
    }
}

/// Large enough that rows are handed to threads.
#[test]
fn a_large_product_is_the_same_on_several_threads() {
    let product = Product { m: 103, n: 65, k: 700, a_transposed: true, b_transposed: true };
    let values = |count: usize, seed: u32| -> Vec<f32> {
        (0..count as u32).map(|i| crate::contract::philox::symmetric(i.wrapping_mul(2_654_435_761).wrapping_add(seed))).collect()
    };
    let (a, b) = (values(product.m * product.k, 1), values(product.k * product.n, 2));
    agree(|kernels| kernels.matmul(product, &a, &b)).unwrap();

    let product = Product { m: 25, n: 64, k: 128, ..product };
    agree(|kernels| kernels.batched_matmul(product, &a[..9 * 25 * 128], &b[..5 * 64 * 128].repeat(2)[..9 * 64 * 128])).unwrap();
}

#[test]
fn this_machine_has_a_twin_to_test() {
    assert!(!Isa::all().is_empty(), "without AVX2 and FMA, or NEON, nothing above compares anything");
}
