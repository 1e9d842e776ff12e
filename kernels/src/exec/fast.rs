//! The vectorised twin of the reference.
//!
//! Owns a program's run by stages (`staged`), groups of elementwise instructions (`fused`, `steps`), column sums and lane sums, each
//! vectorised across outputs or lanes, so that every output sees the reference's operations in the reference's order; `matmul` does
//! the products. Refuses any other order.

mod fused;
mod lookups;
mod loss;
mod movement;
mod reductions;
mod staged;
mod steps;
mod windows;

use std::sync::Arc;

use rayon::prelude::*;

use super::buffers::Buffers;
use super::limit;
use super::matmul::{Matmul, Operand, PARALLEL_WORK};
use super::reference::{Elementwise, Kernels, Line, Product};
use super::simd::{Isa, Vectorised};
use crate::contract::float_mode;
use crate::contract::order::CHUNK;
use crate::contract::scalar::stored;
use crate::error::KernelError;

/// Elements below which handing a share to another thread costs more than it saves.
const PARALLEL_ELEMENTS: usize = 1 << 15;

/// The fast executor.
#[derive(Debug)]
pub struct Fast {
    isa: Isa,
    products: Matmul,
    buffers: Arc<Buffers>,
    pool: Option<rayon::ThreadPool>,
}

impl Fast {
    /// With `threads` threads; a pool that the system refuses means one thread, which changes no bit.
    pub fn new(isa: Isa, threads: usize) -> Self {
        let pool = (threads > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()).flatten();
        Self { isa, products: Matmul::new(isa), buffers: Arc::default(), pool }
    }

    /// The instruction set.
    pub fn name(&self) -> &'static str {
        self.isa.name()
    }

    /// See [`limit::burst`].
    pub fn burst(&self, rounds: u32) -> u64 {
        limit::burst(self.isa, rounds)
    }

    /// Bytes that values and what is kept for them take.
    #[cfg(test)]
    pub fn held(&self) -> u64 {
        self.buffers.held()
    }

    /// Calls `work` with each thread's share of `out` and the place of its first element, a multiple of `unit`.
    fn parts<T: Send>(&self, out: &mut [T], unit: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        self.parts_of(out.len(), out, unit, work);
    }

    /// As `parts`, for work on `size` elements.
    fn parts_of<T: Send>(&self, size: usize, out: &mut [T], unit: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        match &self.pool {
            Some(pool) if size >= PARALLEL_ELEMENTS && out.len() > unit => {
                let share = out.len().div_ceil(pool.current_num_threads()).next_multiple_of(unit);
                pool.install(|| out.par_chunks_mut(share).enumerate().for_each(|(index, out)| work(index * share, out)));
            }
            _ => work(0, out),
        }
    }

    fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }
}

impl Kernels for Fast {
    fn ready(&self) -> Result<(), KernelError> {
        float_mode::assert_default()?;
        let threads = self.pool.iter().flat_map(|pool| pool.broadcast(|_| float_mode::assert_default()));
        threads.collect()
    }

    fn matmul(&self, product: Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let mut out = self.buffers.take(product.m * product.n);
        let (a, b) = operands(product, a, b);
        self.products.run(self.pool.as_ref(), a, b, product.k, &mut out);
        out
    }

    fn batched_matmul(&self, product: Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let Product { m, n, k, .. } = product;
        let count = a.len() / (m * k);
        let mut out = self.buffers.take(count * m * n);
        let run = |pool, index: usize, out: &mut [f32]| {
            let (a, b) = operands(product, &a[index * m * k..][..m * k], &b[index * k * n..][..k * n]);
            self.products.run(pool, a, b, k, out);
        };
        match &self.pool {
            // Whole products for each thread while there are enough of them; parts of one after another where not.
            Some(pool) if count >= pool.current_num_threads() && count * m * n * k >= PARALLEL_WORK => {
                pool.install(|| out.par_chunks_mut(m * n).enumerate().for_each(|(index, out)| run(None, index, out)));
            }
            pool => out.chunks_mut(m * n).enumerate().for_each(|(index, out)| run(pool.as_ref(), index, out)),
        }
        out
    }

    fn sum_rows(&self, columns: usize, x: &[f32]) -> Vec<f32> {
        let line = Line { outer: 1, length: x.len() / columns, inner: columns, last: false };
        self.columns(line, x, 0.0, CHUNK, |sum, x| sum + x, |total, chunk| total + chunk)
    }

    fn cross_entropy(&self, columns: usize, logits: &[f32], labels: &[u32]) -> Vec<f32> {
        self.losses(columns, logits, labels)
    }

    fn cross_entropy_grad(&self, columns: usize, logits: &[f32], labels: &[u32], gradient: &[f32]) -> Vec<f32> {
        self.loss_gradients(columns, logits, labels, gradient)
    }

    fn mean(&self, x: &[f32]) -> f32 {
        stored(self.lanes(x, |lane, x| lane + x) / x.len() as f32)
    }

    fn sum_squares(&self, x: &[f32]) -> f32 {
        self.lanes(x, |lane, x| x.mul_add(x, lane))
    }
}

/// What is elementwise runs in groups; what is not of four bytes stays the reference's.
impl Elementwise for Fast {}

/// The matrices of a product with their strides.
fn operands<'a>(product: Product, a: &'a [f32], b: &'a [f32]) -> (Operand<'a>, Operand<'a>) {
    let Product { m, n, k, a_transposed, b_transposed } = product;
    let strides = |lines: usize, across: bool| if across { (1, lines) } else { (k, 1) };
    let ((a_line, a_k), (b_line, b_k)) = (strides(m, a_transposed), strides(n, !b_transposed));
    let a = Operand { elements: a, lines: m, line_stride: a_line, k_stride: a_k };
    (a, Operand { elements: b, lines: n, line_stride: b_line, k_stride: b_k })
}
