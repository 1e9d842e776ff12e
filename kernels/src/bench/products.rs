//! Exact matrix products of one core beside its arithmetic limit, its memory and the inexact product.
//!
//! Ours is a program with one instruction, through the executor, its result's memory included; the peer writes into memory it is given.

use std::hint::black_box;

use super::{Figure, Turns, numbers, time};
use crate::error::{Error, ProgramError};
use crate::exec::{Executor, Product, Tensor};
use crate::program::{Draft, Dtype, Op, Program};

/// Floating-point operations that one turn takes at least: some ten milliseconds.
const OPERATIONS: usize = 1 << 30;
/// Rounds of the arithmetic limit: some ten milliseconds.
const ROUNDS: u32 = 2_000_000;
/// Words that are read for the limit of memory: far more than any cache here.
const READ: usize = 1 << 25;

/// Squares, a tall and a flat one, and a weight gradient: 65 536 positions, 384 features in, 1 536 out.
const SHAPES: [(&str, [usize; 3]); 6] = [
    ("sgemm_256", [256; 3]),
    ("sgemm_1024", [1024; 3]),
    ("sgemm_4096", [4096; 3]),
    ("sgemm_tall", [4096, 64, 1024]),
    ("sgemm_flat", [16, 4096, 4096]),
    ("gemm_dw", [384, 1536, 65_536]),
];

pub fn figures(runs: usize, show: &mut impl FnMut(Figure)) -> Result<(), Error> {
    let executor = Executor::fast(1);
    for (name, [m, n, k]) in SHAPES {
        let product = Product { m, n, k, a_transposed: name == "gemm_dw", b_transposed: false };
        let program = program(product)?;
        let inputs =
            [Tensor::f32(&shape(m, k, product.a_transposed), numbers(m * k, 1)), Tensor::f32(&shape(k, n, false), numbers(k * n, 2))];
        let operations = 2 * m * n * k;
        let repeats = (OPERATIONS / operations).max(1);
        let (mut limit, mut peer) = (Turns::default(), Turns::default());
        let done = (repeats * operations) as f64 / 1e9;
        for _ in 0..runs {
            let mut result = Ok(vec![]);
            let ours = time(|| (0..repeats).for_each(|_| result = executor.execute(&program, &[], black_box(&inputs))));
            result?;
            let mut burst = 0;
            let alone = time(|| burst = executor.burst(ROUNDS));
            limit.push(done / ours.as_secs_f64(), burst as f64 / 1e9 / alone.as_secs_f64());
            if let Some(theirs) = peer_time(product, &inputs, repeats) {
                peer.push(done / ours.as_secs_f64(), done / theirs.as_secs_f64());
            }
        }
        show(limit.figure(format!("{name}_of_limit"), "GFLOP/s", format!("fused steps in registers alone, {}", executor.name())));
        if name == "sgemm_flat" {
            show(of_memory(&executor, &program, &inputs, runs)?);
        }
        if !peer.ours.is_empty() {
            show(peer.figure(name, "GFLOP/s", peer_name()));
        }
    }
    Ok(())
}

/// What a flat product reads in a second, beside memory that is only read.
fn of_memory(executor: &Executor, program: &Program, inputs: &[Tensor; 2], runs: usize) -> Result<Figure, Error> {
    let words = vec![1u64; READ];
    let bytes = (inputs[0].floats().len() + inputs[1].floats().len()) * 4;
    let mut turns = Turns::default();
    for _ in 0..runs {
        let mut result = Ok(vec![]);
        let ours = time(|| result = executor.execute(program, &[], black_box(inputs)));
        result?;
        let read = time(|| {
            black_box(black_box(&words).iter().fold(0, |all, word| all ^ word));
        });
        turns.push(bytes as f64 / 1e9 / ours.as_secs_f64(), READ as f64 * 8.0 / 1e9 / read.as_secs_f64());
    }
    Ok(turns.figure("sgemm_flat_of_memory", "GB/s", "reading memory alone"))
}

fn shape(rows: usize, columns: usize, turned: bool) -> [u32; 2] {
    if turned { [columns as u32, rows as u32] } else { [rows as u32, columns as u32] }
}

fn program(product: Product) -> Result<Program, ProgramError> {
    let Product { m, n, k, a_transposed, b_transposed } = product;
    let mut draft = Draft::new();
    let mut input = |slot, shape: [u32; 2]| draft.push(Op::Input { slot, dtype: Dtype::F32, shape: shape.to_vec() });
    let (a, b) = (input(0, shape(m, k, a_transposed))?, input(1, shape(k, n, b_transposed))?);
    let c = draft.push(Op::MatMul { a, b, a_transposed, b_transposed })?;
    draft.finish(vec![c])
}

#[cfg(feature = "peer")]
fn peer_name() -> &'static str {
    super::gemm::name()
}

#[cfg(feature = "peer")]
fn peer_time(product: Product, inputs: &[Tensor], repeats: usize) -> Option<std::time::Duration> {
    let mut out = vec![0.0; product.m * product.n];
    Some(time(|| {
        for _ in 0..repeats {
            super::gemm::multiply(product, inputs[0].floats(), inputs[1].floats(), &mut out);
            black_box(&mut out);
        }
    }))
}

#[cfg(not(feature = "peer"))]
fn peer_name() -> &'static str {
    "none"
}

#[cfg(not(feature = "peer"))]
fn peer_time(_: Product, _: &[Tensor], _: usize) -> Option<std::time::Duration> {
    None
}
