//! The exact matrix product.
//!
//! Owns how one product is divided: among threads here, for the caches in `block`, for the registers in `tile`, with the
//! operands laid out by `pack`. Refuses to divide a contraction anywhere but where the chunk rule rounds.

mod block;
mod pack;
mod tile;

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::simd::Isa;
use block::Space;
pub use pack::Operand;

/// Multiply-adds below which handing a part to another thread costs more than it saves.
pub const PARALLEL_WORK: usize = 1 << 20;
/// Multiply-adds in whose time one element is laid out: what a thread's own copy of an operand costs.
const PACK_COST: usize = 8;

/// Matrix products on one machine, with the buffers they were last done in.
#[derive(Debug)]
pub struct Matmul {
    isa: Isa,
    /// One for each thread that has worked at once; at most 5 MiB each.
    spaces: Mutex<Vec<Space>>,
}

impl Matmul {
    pub fn new(isa: Isa) -> Self {
        Self { isa, spaces: Mutex::default() }
    }

    /// `out`\[i,j\] over the rows i of `a` and the columns j of `b`, row-major, by the chunk rule over `k` terms.
    pub fn run(&self, pool: Option<&rayon::ThreadPool>, a: Operand, b: Operand, k: usize, out: &mut [f32]) {
        let (m, n) = (a.lines, b.lines);
        assert_eq!(out.len(), m * n, "C is {m} × {n}");
        if out.is_empty() || k == 0 {
            return out.fill(0.0);
        }
        match pool {
            Some(pool) if m * n * k >= PARALLEL_WORK => {
                let (rows, columns) = shares(m, n, pool.current_num_threads(), block::tile_of(self.isa));
                pool.install(|| parts(out, n, rows, columns).into_par_iter().for_each(|part| self.part(a, b, k, part)));
            }
            _ => parts(out, n, m, n).into_iter().for_each(|part| self.part(a, b, k, part)),
        }
    }

    fn part(&self, a: Operand, b: Operand, k: usize, mut part: Part) {
        let (rows, columns) = (part.rows.len(), part.rows[0].len());
        let mut space = self.lock().pop().unwrap_or_default();
        let (a, b) = (a.part(part.row, rows), b.part(part.column, columns));
        block::multiply(self.isa, a, b, k, &mut part.rows, &mut space);
        self.lock().push(space);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Space>> {
        // The buffers hold nothing between products, so one that was left in a panic is as good as any.
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rectangle of C, which one thread computes.
struct Part<'a> {
    row: usize,
    column: usize,
    rows: Vec<&'a mut [f32]>,
}

/// C in rectangles of `rows` × `columns`.
fn parts(out: &mut [f32], n: usize, rows: usize, columns: usize) -> Vec<Part<'_>> {
    let mut parts = vec![];
    for (index, band) in out.chunks_mut(rows * n).enumerate() {
        let first = parts.len();
        parts.extend((0..n).step_by(columns).map(|column| Part { row: index * rows, column, rows: vec![] }));
        for row in band.chunks_mut(n) {
            parts[first..].iter_mut().zip(row.chunks_mut(columns)).for_each(|(part, piece)| part.rows.push(piece));
        }
    }
    parts
}

/// Rows and columns of the rectangles that keep `threads` threads equally busy with the least laid out twice.
fn shares(m: usize, n: usize, threads: usize, (tile_rows, tile_columns): (usize, usize)) -> (usize, usize) {
    let share = |size: usize, parts: usize, tile: usize| size.div_ceil(parts).next_multiple_of(tile);
    let grids = (1..=threads).filter(|down| threads.is_multiple_of(*down));
    let sizes = grids.map(|down| (share(m, down, tile_rows), share(n, threads / down, tile_columns)));
    sizes.min_by_key(|&(rows, columns)| rows * columns + PACK_COST * (rows + columns)).unwrap_or((m, n))
}

#[cfg(test)]
mod tests;
