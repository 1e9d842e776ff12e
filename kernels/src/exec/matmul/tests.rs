//! Products of operands as they lie in larger tensors, at the borders of tiles, blocks and parts.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::contract::order::chunked_dot;
use crate::test_values::floats;

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

fn expected(a: Operand, b: Operand, k: usize) -> Vec<u32> {
    let at = |of: Operand, line: usize, k: usize| of.elements[line * of.line_stride + k * of.k_stride];
    let element = |i: usize, j: usize| chunked_dot(k, |k| (at(a, i, k), at(b, j, k)));
    bits((0..a.lines).flat_map(|i| (0..b.lines).map(move |j| (i, j))).map(|(i, j)| element(i, j)))
}

/// Every instruction set, alone and with `threads`, into a C that held other values before.
fn agrees(a: Operand, b: Operand, k: usize, threads: usize) -> Result<(), TestCaseError> {
    let wanted = expected(a, b, k);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for isa in Isa::all() {
        let products = Matmul::new(isa);
        for pool in [None, Some(&pool)] {
            let mut out = vec![f32::NAN; a.lines * b.lines];
            products.run(pool, a, b, k, &mut out);
            prop_assert_eq!(&bits(out), &wanted, "{} {:?}", isa.name(), pool.map(|_| threads));
        }
    }
    Ok(())
}

/// Lines and their length, and how they lie: the strides of a head of an attention, of every other pixel, of a matrix.
fn operand(lines: usize, k: usize) -> impl Strategy<Value = (usize, usize, Vec<f32>)> {
    (1usize..4, 0usize..3, any::<bool>()).prop_flat_map(move |(inner, gap, transposed)| {
        let (line_stride, k_stride) = if transposed { (inner, lines * inner + gap) } else { (k * inner + gap, inner) };
        let length = (lines * line_stride).max(k * k_stride) + lines + k;
        (Just(line_stride), Just(k_stride), floats(length))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn strides_change_no_bit(
        (m, n, k, a, b) in (1usize..30, 1usize..70, prop_oneof![1usize..40, 505usize..520]).prop_flat_map(|(m, n, k)| {
            (Just(m), Just(n), Just(k), operand(m, k), operand(n, k))
        })
    ) {
        let a = Operand { elements: &a.2, lines: m, line_stride: a.0, k_stride: a.1 };
        let b = Operand { elements: &b.2, lines: n, line_stride: b.0, k_stride: b.1 };
        agrees(a, b, k, 3)?;
    }

    #[test]
    fn parts_cover_each_element_once(m in 1usize..100, n in 1usize..100, threads in 1usize..9) {
        let (rows, columns) = shares(m, n, threads, (6, 16));
        let mut out = vec![0.0; m * n];
        let parts = parts(&mut out, n, rows, columns);
        prop_assert!(parts.len() <= threads, "a part for each thread at most");
        for mut part in parts {
            for (i, row) in part.rows.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value += ((part.row + i) * n + part.column + j) as f32 + 1.0;
                }
            }
        }
        prop_assert_eq!(out, (1..=m * n).map(|i| i as f32).collect::<Vec<_>>());
    }
}

fn values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| crate::contract::philox::symmetric(i.wrapping_mul(2_654_435_761))).collect()
}

#[test]
fn blocks_meet_without_a_seam() {
    // One more than a block's rows and columns, and than those that are read as they lie; deep enough for threads; three chunks.
    for (m, n, k) in [(241, 129, 1100), (241, 65, 1100), (137, 97, 530), (13, 2049, 60), (5, 2100, 513), (500, 7, 600)] {
        let (a, b) = (values(m * k), values(n * k));
        let a = Operand { elements: &a, lines: m, line_stride: k, k_stride: 1 };
        let b = Operand { elements: &b, lines: n, line_stride: 1, k_stride: n };
        agrees(a, b, k, 4).unwrap();
    }
}

#[test]
fn a_contraction_over_nothing_is_plus_zero() {
    let empty = Operand { elements: &[], lines: 3, line_stride: 0, k_stride: 1 };
    agrees(empty, empty, 0, 2).unwrap();
}

#[test]
fn threads_share_the_longer_side() {
    assert_eq!(shares(16, 4096, 2, (12, 32)), (24, 2048));
    assert_eq!(shares(4096, 64, 2, (12, 32)), (2052, 64));
    assert_eq!(shares(1024, 1024, 4, (12, 32)), (516, 512));
}
