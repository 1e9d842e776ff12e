//! The scalar reference of every instruction: what the bits are.
//!
//! Owns one short function per instruction, written as the contract says it, in families. Refuses speed. An executor
//! implements [`Kernels`] and its families by overriding what it does faster; everything else stays the reference.

mod elementwise;
mod lookups;
mod movement;
mod reductions;
mod windows;

pub use elementwise::{Elementwise, binary, holds, logistic, unary};
pub use lookups::{Draw, Lookups};
pub use movement::Movement;
pub use reductions::{Line, Reductions};
pub use windows::{Convolution, Pooling, Windows};

use crate::contract::float_mode;
use crate::contract::order::{argmax, chunked_dot, chunked_sum, lane_sum, lane_sum_of_squares, max};
use crate::contract::scalar::{exp, fma, log, sqrt, stored};
use crate::error::KernelError;

/// A matrix product: C\[m,n\] over k, each operand read transposed if so marked.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a_transposed: bool,
    pub b_transposed: bool,
}

impl Product {
    /// Where A\[i,k\] lies.
    pub fn a_at(&self, i: usize, k: usize) -> usize {
        if self.a_transposed { k * self.m + i } else { i * self.k + k }
    }

    /// Where B\[k,j\] lies.
    pub fn b_at(&self, k: usize, j: usize) -> usize {
        if self.b_transposed { j * self.k + k } else { k * self.n + j }
    }
}

/// The instructions as functions on elements; `columns` is the length of the last axis.
pub trait Kernels: Elementwise + Reductions + Movement + Windows + Lookups {
    /// Whether every thread that will compute is in the contract's floating-point mode.
    fn ready(&self) -> Result<(), KernelError> {
        float_mode::assert_default()
    }

    fn matmul(&self, product: Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let element = |i: usize, j: usize| chunked_dot(product.k, |k| (a[product.a_at(i, k)], b[product.b_at(k, j)]));
        (0..product.m).flat_map(|i| (0..product.n).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
    }

    /// The product of each pair of matrices, one after another.
    fn batched_matmul(&self, product: Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let pairs = a.chunks(product.m * product.k).zip(b.chunks(product.k * product.n));
        let mut out = Vec::with_capacity(a.len() / product.k * product.n);
        pairs.for_each(|(a, b)| out.extend_from_slice(&self.matmul(product, a, b)));
        out
    }

    /// Exact: no order shows.
    fn matmul_i8(&self, product: Product, a: &[i8], b: &[i8]) -> Vec<i32> {
        let term = |i: usize, j: usize, k: usize| i32::from(a[product.a_at(i, k)]) * i32::from(b[product.b_at(k, j)]);
        let element = |i: usize, j: usize| (0..product.k).map(|k| term(i, j, k)).sum();
        (0..product.m).flat_map(|i| (0..product.n).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
    }

    fn add_bias(&self, x: &[f32], bias: &[f32]) -> Vec<f32> {
        x.chunks(bias.len()).flat_map(|row| row.iter().zip(bias).map(|(x, b)| stored(x + b))).collect()
    }

    fn relu(&self, x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| stored(max(x, 0.0))).collect()
    }

    fn relu_grad(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        x.iter().zip(gradient).map(|(&x, &g)| if x > 0.0 { stored(g) } else { 0.0 }).collect()
    }

    fn cross_entropy(&self, columns: usize, logits: &[f32], labels: &[u32]) -> Vec<f32> {
        let loss = |(row, &label): (&[f32], &u32)| {
            let softmax = Softmax::of(row);
            // A label that is no class has no logit: its loss is NaN rather than a panic or a neighbour's.
            let own = row.get(label as usize).copied().unwrap_or(f32::NAN);
            stored(log(softmax.sum) - (own - softmax.max))
        };
        logits.chunks(columns).zip(labels).map(loss).collect()
    }

    fn cross_entropy_grad(&self, columns: usize, logits: &[f32], labels: &[u32], gradient: &[f32]) -> Vec<f32> {
        let mut result = Vec::with_capacity(logits.len());
        for ((row, &label), &scale) in logits.chunks(columns).zip(labels).zip(gradient) {
            let softmax = Softmax::of(row);
            for (class, e) in softmax.terms.iter().enumerate() {
                let target = if class == label as usize { 1.0 } else { 0.0 };
                result.push(stored((e / softmax.sum - target) * scale));
            }
        }
        result
    }

    fn mean(&self, x: &[f32]) -> f32 {
        stored(lane_sum(x) / x.len() as f32)
    }

    fn mean_grad(&self, gradient: f32, count: usize) -> Vec<f32> {
        vec![stored(gradient / count as f32); count]
    }

    fn sum_rows(&self, columns: usize, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / columns;
        (0..columns).map(|j| chunked_sum(rows, |i| x[i * columns + j])).collect()
    }

    fn add(&self, a: &[f32], b: &[f32]) -> Vec<f32> {
        a.iter().zip(b).map(|(a, b)| stored(a + b)).collect()
    }

    fn sum_squares(&self, x: &[f32]) -> f32 {
        lane_sum_of_squares(x)
    }

    fn sqrt(&self, x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| sqrt(x)).collect()
    }

    /// factor × x + y, fused, element by element: a velocity's and a descent's expression.
    fn axpy(&self, factor: f32, x: &[f32], y: &[f32]) -> Vec<f32> {
        x.iter().zip(y).map(|(&x, &y)| fma(factor, x, y)).collect()
    }

    fn argmax(&self, columns: usize, x: &[f32]) -> Vec<u32> {
        x.chunks(columns).map(|row| argmax(row) as u32).collect()
    }
}

/// The executor that overrides nothing.
#[derive(Debug)]
pub struct Reference;

impl Kernels for Reference {}
impl Elementwise for Reference {}
impl Reductions for Reference {}
impl Movement for Reference {}
impl Windows for Reference {}
impl Lookups for Reference {}

/// exp(x − max) of one row, their lane sum and the maximum.
struct Softmax {
    max: f32,
    terms: Vec<f32>,
    sum: f32,
}

impl Softmax {
    fn of(row: &[f32]) -> Self {
        let max = row.iter().copied().reduce(max).unwrap_or(0.0);
        let terms: Vec<f32> = row.iter().map(|&x| exp(x - max)).collect();
        let sum = lane_sum(&terms);
        Self { max, terms, sum }
    }
}
