//! `cairn bench kernels`: the exact matrix product of one core, beside the core's own limit and the inexact product.
//!
//! Owns the shapes. Ours is a program with one instruction, through the executor, its result's memory included; the peer is the `gemm`
//! crate with AVX-512, into memory it is given, where this binary was built with the feature `peer` (that crate turns on features of
//! what Arrow is built on, so a plain build leaves it out). They take turns, so that what else the machine does meets both.

use super::{Figure, median};
use crate::exit::Failure;
use anyhow::Context as _;
use cairn_kernels::{
    ProgramError,
    exec::{Executor, Product, Tensor},
    program::{Draft, Op, Program, Type},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Floating-point operations that one measurement takes at least: some ten milliseconds.
const OPERATIONS: usize = 1 << 30;
/// Rounds of the arithmetic limit: some ten milliseconds.
const ROUNDS: u32 = 2_000_000;

/// One shape, and the names of its figures.
struct Case {
    name: &'static str,
    of_limit: &'static str,
    product: Product,
}

/// Squares, a tall and a flat one, and a weight gradient: 65 536 positions, 384 features in, 1 536 out.
fn cases() -> [Case; 6] {
    let case = |name, of_limit, [m, n, k]: [usize; 3]| {
        let product = Product { m, n, k, a_transposed: name == "gemm_dw", b_transposed: false };
        Case { name, of_limit, product }
    };
    [
        case("sgemm_256", "sgemm_256_of_limit", [256; 3]),
        case("sgemm_1024", "sgemm_1024_of_limit", [1024; 3]),
        case("sgemm_4096", "sgemm_4096_of_limit", [4096; 3]),
        case("sgemm_tall", "sgemm_tall_of_limit", [4096, 64, 1024]),
        case("sgemm_flat", "sgemm_flat_of_limit", [16, 4096, 4096]),
        case("gemm_dw", "gemm_dw_of_limit", [384, 1536, 65_536]),
    ]
}

/// The figures of each shape, medians of `runs`.
pub fn run(runs: u8) -> Result<Vec<Figure>, Failure> {
    let executor = Executor::fast(1);
    let mut figures = vec![];
    for Case { name, of_limit, product } in cases() {
        let [ours, limit, peers] = measure(&executor, product, runs)?;
        figures.push(Figure::new(of_limit, ours, "GFLOP/s", limit_of(&executor), limit));
        if let Some(peer) = peer_name() {
            figures.push(Figure::new(name, ours, "GFLOP/s", peer, peers));
        }
    }
    Ok(figures)
}

fn limit_of(executor: &Executor) -> &'static str {
    match executor.name() {
        "avx512" => "fused steps alone, AVX-512",
        "avx2" => "fused steps alone, AVX2",
        "neon" => "fused steps alone, NEON",
        _ => "no vector instructions",
    }
}

/// 10⁹ operations per second: ours, the core's limit, the peer's.
fn measure(executor: &Executor, product: Product, runs: u8) -> Result<[f64; 3], Failure> {
    let program = program(product).context("a program of one product")?;
    let inputs: Vec<Tensor> = program.ops().iter().filter_map(matrix).collect();
    let operations = 2 * product.m * product.n * product.k;
    let repeats = (OPERATIONS / operations).max(1);
    let rate = |operations: f64, time: Duration| operations / time.as_secs_f64() / 1e9;
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..runs {
        let begun = Instant::now();
        for _ in 0..repeats {
            black_box(executor.execute(&program, &[], &inputs).context("the product")?);
        }
        rates[0].push(rate((repeats * operations) as f64, begun.elapsed()));
        let begun = Instant::now();
        let burst = executor.burst(ROUNDS);
        rates[1].push(rate(burst as f64, begun.elapsed()));
        rates[2].push(rate((repeats * operations) as f64, peer_time(product, &inputs, repeats)));
    }
    Ok(rates.map(median))
}

#[cfg(feature = "peer")]
fn peer_name() -> Option<&'static str> {
    Some(cairn_kernels::peer::name())
}

#[cfg(not(feature = "peer"))]
fn peer_name() -> Option<&'static str> {
    None
}

#[cfg(feature = "peer")]
fn peer_time(product: Product, inputs: &[Tensor], repeats: usize) -> Duration {
    let mut out = vec![0.0; product.m * product.n];
    let begun = Instant::now();
    for _ in 0..repeats {
        cairn_kernels::peer::multiply(product, inputs[0].floats(), inputs[1].floats(), &mut out);
        black_box(&mut out);
    }
    begun.elapsed()
}

#[cfg(not(feature = "peer"))]
fn peer_time(_: Product, _: &[Tensor], _: usize) -> Duration {
    Duration::ZERO
}

fn program(product: Product) -> Result<Program, ProgramError> {
    let Product { m, n, k, a_transposed, b_transposed } = product;
    let matrix = |rows: usize, columns: usize, turned: bool| {
        Type::f32(&if turned { [columns as u32, rows as u32] } else { [rows as u32, columns as u32] })
    };
    let (a, b) = (matrix(m, k, a_transposed), matrix(k, n, b_transposed));
    let mut draft = Draft::new();
    let a = draft.push(Op::Input { slot: 0, dtype: a.dtype, shape: a.shape })?;
    let b = draft.push(Op::Input { slot: 1, dtype: b.dtype, shape: b.shape })?;
    let c = draft.push(Op::MatMul { a, b, a_transposed, b_transposed })?;
    draft.finish(vec![c])
}

/// An input's elements, between −1 and 1.
fn matrix(op: &Op) -> Option<Tensor> {
    let Op::Input { shape, .. } = op else { return None };
    let value = |i: u64| ((i.wrapping_mul(2_654_435_761) >> 8) & 0xFFFF) as f32 / 32_768.0 - 0.99;
    Some(Tensor::f32(shape, (0..Type::f32(shape).elements()).map(value).collect()))
}
