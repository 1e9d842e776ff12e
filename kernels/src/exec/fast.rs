//! The vectorised twin of the reference.
//!
//! Owns matrix products by register tiles, column sums, lane sums and element-wise loops, each vectorised across outputs
//! or lanes, so that every output sees the reference's operations in the reference's order. Refuses any other order.

mod elementwise;
mod lookups;
mod movement;
mod reductions;
mod windows;

use std::borrow::Cow;

use rayon::prelude::*;

use super::reference::{Kernels, Product};
use super::simd::{Isa, Vectorised};
use crate::contract::float_mode;
use crate::contract::order::{BLOCK, CHUNK, LANES, fold_lanes, lane_sum};
use crate::contract::scalar::stored;
use crate::error::KernelError;

/// Rows and columns of C that one tile keeps in registers: 8 of AVX-512, 16 of AVX2.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 32;
/// Multiply-adds below which handing rows to other threads costs more than it saves.
const PARALLEL_WORK: usize = 1 << 20;
/// The same for element-wise work.
const PARALLEL_ELEMENTS: usize = 1 << 15;

/// The fast executor.
#[derive(Debug)]
pub struct Fast {
    isa: Isa,
    pool: Option<rayon::ThreadPool>,
}

impl Fast {
    /// With `threads` threads; a pool that the system refuses means one thread, which changes no bit.
    pub fn new(isa: Isa, threads: usize) -> Self {
        let pool = (threads > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()).flatten();
        Self { isa, pool }
    }

    /// The instruction set.
    pub fn name(&self) -> &'static str {
        self.isa.name()
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

    /// One output element per pair of input elements.
    fn zip(&self, a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let mut out = vec![0.0; a.len()];
        self.isa.run(Zip { a, b, out: &mut out, f });
        out
    }

    fn lanes(&self, values: &[f32], step: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
        let blocks: Vec<f32> = values.chunks(BLOCK).map(|block| self.block(block, step)).collect();
        match blocks[..] {
            [only] => stored(only),
            _ => lane_sum(&blocks),
        }
    }

    fn block(&self, values: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.isa.run(Block { values, lanes: &mut lanes, step });
        fold_lanes(lanes)
    }
}

impl Kernels for Fast {
    fn ready(&self) -> Result<(), KernelError> {
        float_mode::assert_default()?;
        let threads = self.pool.iter().flat_map(|pool| pool.broadcast(|_| float_mode::assert_default()));
        threads.collect()
    }

    fn matmul(&self, product: Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let Product { m, n, k, .. } = product;
        let rows = if product.a_transposed { Cow::Owned(transposed(a, k, m)) } else { Cow::Borrowed(a) };
        let panels = panels(product, b);
        let mut out = vec![0.0f32; m * n];
        let part = |(rows, out): (&[f32], &mut [f32])| self.isa.run(Multiply { k, n, rows, panels: &panels, out });
        match &self.pool {
            Some(pool) if m * n * k >= PARALLEL_WORK && m > TILE_ROWS => {
                // Whole tiles of rows for each thread: an output element is computed by one thread alone.
                let share = m.div_ceil(pool.current_num_threads()).next_multiple_of(TILE_ROWS);
                pool.install(|| rows.par_chunks(share * k).zip(out.par_chunks_mut(share * n)).for_each(part));
            }
            _ => part((&rows, &mut out)),
        }
        out
    }

    fn add_bias(&self, x: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        for (row, out) in x.chunks(bias.len()).zip(out.chunks_mut(bias.len())) {
            self.isa.run(Zip { a: row, b: bias, out, f: |x, b| stored(x + b) });
        }
        out
    }

    fn relu(&self, x: &[f32]) -> Vec<f32> {
        // x > 0 keeps x, a NaN is stored as the one NaN, all else (−0 too) is +0: max(x, +0).
        self.zip(x, x, |x, _| if x > 0.0 || x.is_nan() { stored(x) } else { 0.0 })
    }

    fn relu_grad(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.zip(x, gradient, |x, g| if x > 0.0 { stored(g) } else { 0.0 })
    }

    fn sum_rows(&self, columns: usize, x: &[f32]) -> Vec<f32> {
        let mut total = vec![0.0; columns];
        for (index, chunk) in x.chunks(CHUNK * columns).enumerate() {
            let mut sums = vec![0.0; columns];
            chunk.chunks(columns).for_each(|row| self.isa.run(Accumulate { from: row, into: &mut sums }));
            if index == 0 {
                total = sums;
            } else {
                self.isa.run(Accumulate { from: &sums, into: &mut total });
            }
        }
        total.into_iter().map(stored).collect()
    }

    fn add(&self, a: &[f32], b: &[f32]) -> Vec<f32> {
        self.zip(a, b, |a, b| stored(a + b))
    }

    fn sum_squares(&self, x: &[f32]) -> f32 {
        self.lanes(x, |lane, x| x.mul_add(x, lane))
    }

    fn axpy(&self, factor: f32, x: &[f32], y: &[f32]) -> Vec<f32> {
        self.zip(x, y, move |x, y| stored(factor.mul_add(x, y)))
    }
}

struct Zip<'a, F> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
    f: F,
}

impl<F: Fn(f32, f32) -> f32> Vectorised for Zip<'_, F> {
    #[inline(always)]
    fn run(self) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out = (self.f)(a, b);
        }
    }
}

struct Accumulate<'a> {
    from: &'a [f32],
    into: &'a mut [f32],
}

impl Vectorised for Accumulate<'_> {
    #[inline(always)]
    fn run(self) {
        for (sum, &x) in self.into.iter_mut().zip(self.from) {
            *sum += x;
        }
    }
}

struct Block<'a, F> {
    values: &'a [f32],
    lanes: &'a mut [f32; LANES],
    step: F,
}

impl<F: Fn(f32, f32) -> f32> Vectorised for Block<'_, F> {
    #[inline(always)]
    fn run(self) {
        let (groups, rest) = self.values.as_chunks::<LANES>();
        for group in groups {
            for (lane, &x) in self.lanes.iter_mut().zip(group) {
                *lane = (self.step)(*lane, x);
            }
        }
        for (lane, &x) in self.lanes.iter_mut().zip(rest) {
            *lane = (self.step)(*lane, x);
        }
    }
}

type Panel = [f32; TILE_COLUMNS];

/// B in panels of `TILE_COLUMNS` columns, k rows each, contiguous; columns beyond n are +0 and their results dropped.
fn panels(product: Product, b: &[f32]) -> Vec<Panel> {
    let Product { n, k, .. } = product;
    let mut panels = vec![[0.0; TILE_COLUMNS]; n.div_ceil(TILE_COLUMNS) * k];
    for (index, panel) in panels.chunks_mut(k).enumerate() {
        let first = index * TILE_COLUMNS;
        let width = TILE_COLUMNS.min(n - first);
        for (row_index, row) in panel.iter_mut().enumerate() {
            if product.b_transposed {
                for (j, value) in row[..width].iter_mut().enumerate() {
                    *value = b[(first + j) * k + row_index];
                }
            } else {
                let from = row_index * n + first;
                row[..width].copy_from_slice(&b[from..from + width]);
            }
        }
    }
    panels
}

/// The transpose of a matrix of `rows` × `columns`, in squares that fit the nearest cache.
fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const SQUARE: usize = 16;
    let mut out = vec![0.0; matrix.len()];
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for i in top..rows.min(top + SQUARE) {
                for j in left..columns.min(left + SQUARE) {
                    out[j * rows + i] = matrix[i * columns + j];
                }
            }
        }
    }
    out
}

/// Some rows of C: tiles of `TILE_ROWS` × `TILE_COLUMNS`, one panel after another.
struct Multiply<'a> {
    k: usize,
    n: usize,
    rows: &'a [f32],
    panels: &'a [Panel],
    out: &'a mut [f32],
}

impl Vectorised for Multiply<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { k, n, rows, panels, out } = self;
        for (index, panel) in panels.chunks(k).enumerate() {
            let first = index * TILE_COLUMNS;
            let width = TILE_COLUMNS.min(n - first);
            for (rows, out) in rows.chunks(TILE_ROWS * k).zip(out.chunks_mut(TILE_ROWS * n)) {
                if rows.len() == TILE_ROWS * k {
                    let rows = std::array::from_fn::<_, TILE_ROWS, _>(|row| &rows[row * k..(row + 1) * k]);
                    write(&tile(rows, panel), n, first, width, out);
                } else {
                    for (row, out) in rows.chunks(k).zip(out.chunks_mut(n)) {
                        write(&tile([row], panel), n, first, width, out);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn write<const ROWS: usize>(tile: &[Panel; ROWS], n: usize, first: usize, width: usize, out: &mut [f32]) {
    for (values, out) in tile.iter().zip(out.chunks_mut(n)) {
        for (out, &value) in out[first..first + width].iter_mut().zip(values) {
            *out = stored(value);
        }
    }
}

/// The chunk rule for ROWS × `TILE_COLUMNS` outputs at once.
#[inline(always)]
fn tile<const ROWS: usize>(rows: [&[f32]; ROWS], panel: &[Panel]) -> [Panel; ROWS] {
    let mut total = [[0.0; TILE_COLUMNS]; ROWS];
    for (index, panel) in panel.chunks(CHUNK).enumerate() {
        let part = rows.map(|row| &row[index * CHUNK..index * CHUNK + panel.len()]);
        let chunk = chunk(part, panel);
        if index == 0 {
            total = chunk;
        } else {
            for (total, chunk) in total.iter_mut().zip(&chunk) {
                for (total, &chunk) in total.iter_mut().zip(chunk) {
                    *total += chunk;
                }
            }
        }
    }
    total
}

#[inline(always)]
fn chunk<const ROWS: usize>(rows: [&[f32]; ROWS], panel: &[Panel]) -> [Panel; ROWS] {
    let mut sums = [[0.0f32; TILE_COLUMNS]; ROWS];
    for (k, b) in panel.iter().enumerate() {
        for row in 0..ROWS {
            let a = rows[row][k];
            for column in 0..TILE_COLUMNS {
                sums[row][column] = a.mul_add(b[column], sums[row][column]);
            }
        }
    }
    sums
}
