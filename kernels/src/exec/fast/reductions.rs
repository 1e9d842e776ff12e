//! Reductions, vectorised across lanes along the last axis, and across neighbouring lines along any other.

use rayon::prelude::*;

use super::{Fast, Vectorised};
use crate::contract::order::{BLOCK, CHUNK, LANES, fold_lanes, lane_sum, max};
use crate::contract::scalar::stored;
use crate::exec::reference::{Line, Reductions};
use crate::program::Reduction;

/// Neighbouring lines whose sums stay in registers.
const NEIGHBOURS: usize = 64;

impl Reductions for Fast {
    fn reduce(&self, function: Reduction, line: Line, x: &[f32]) -> Vec<f32> {
        match (function, line.last) {
            (Reduction::Sum, true) => self.rows(line.length, x, 0.0, |sum, x| sum + x, whole, lane_sum),
            (Reduction::SumSquares, true) => self.rows(line.length, x, 0.0, |sum, x| x.mul_add(x, sum), whole, lane_sum),
            (Reduction::Maximum, true) => self.rows(line.length, x, f32::NEG_INFINITY, max, |lanes| largest(lanes), largest),
            (Reduction::Sum, false) => self.columns(line, x, 0.0, CHUNK, |sum, x| sum + x, |total, chunk| total + chunk),
            (Reduction::SumSquares, false) => self.columns(line, x, 0.0, CHUNK, |sum, x| x.mul_add(x, sum), |total, chunk| total + chunk),
            (Reduction::Maximum, false) => self.columns(line, x, f32::NEG_INFINITY, line.length, max, max),
        }
    }
}

/// A block's lanes by the lane rule.
#[inline(always)]
fn whole(lanes: &[f32; LANES]) -> f32 {
    fold_lanes(*lanes)
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    stored(values.iter().copied().fold(f32::NEG_INFINITY, max))
}

impl Fast {
    /// For each row its blocks' lanes from `start` by `step`, a block's lanes by `fold`, and its blocks by `join` where it has several.
    fn rows(
        &self,
        length: usize,
        x: &[f32],
        start: f32,
        step: impl Fn(f32, f32) -> f32 + Copy + Sync,
        fold: impl Fn(&[f32; LANES]) -> f32 + Copy + Sync,
        join: impl Fn(&[f32]) -> f32 + Copy + Sync,
    ) -> Vec<f32> {
        let mut out = self.buffers.take(x.len() / length);
        self.parts_of(x.len(), &mut out, 1, |first, out| {
            let x = &x[first * length..][..out.len() * length];
            self.isa.run(Rows { length, x, out, start, step, fold, join });
        });
        out
    }

    /// For each outer place: chunks of rows of neighbouring lines, each from `start` by `step`; the chunks by `join`.
    pub(super) fn columns(
        &self,
        line: Line,
        x: &[f32],
        start: f32,
        chunk: usize,
        step: impl Fn(f32, f32) -> f32 + Copy + Sync,
        join: impl Fn(f32, f32) -> f32 + Copy + Sync,
    ) -> Vec<f32> {
        let Line { outer, length, inner, .. } = line;
        let mut out = self.buffers.take(outer * inner);
        let chunks = length.div_ceil(chunk);
        if outer == 1 && chunks > 1 {
            // One sum of many chunks: a chunk is a thread's, and they are joined in order.
            let mut sums = vec![0.0; chunks * inner];
            self.parts_of(x.len(), &mut sums, inner, |first, sums| {
                for (sums, rows) in sums.chunks_mut(inner).zip(x[first * chunk..].chunks(chunk * inner)) {
                    self.isa.run(Columns { rows, sums, start, step });
                }
            });
            out.copy_from_slice(&sums[..inner]);
            sums[inner..].chunks(inner).for_each(|sums| self.isa.run(Fold { from: sums, into: &mut out, step: join }));
            self.isa.run(Fold { from: &sums[..inner], into: &mut out, step: |sum, _| stored(sum) });
            return out;
        }
        self.parts_of(x.len(), &mut out, inner, |first, out| {
            let planes = x[first * length..].chunks(length * inner);
            let mut sums = vec![start; inner];
            for (plane, out) in planes.zip(out.chunks_mut(inner)) {
                for (index, rows) in plane.chunks(chunk * inner).enumerate() {
                    if index == 0 {
                        self.isa.run(Columns { rows, sums: out, start, step });
                    } else {
                        self.isa.run(Columns { rows, sums: &mut sums, start, step });
                        self.isa.run(Fold { from: &sums, into: out, step: join });
                    }
                }
                out.iter_mut().for_each(|value| *value = stored(*value));
            }
        });
        out
    }

    /// The blocks of one long row, each a thread's; then as [`Fast::rows`].
    pub(super) fn lanes(&self, values: &[f32], step: impl Fn(f32, f32) -> f32 + Copy + Sync) -> f32 {
        let block = |block: &[f32]| {
            let mut sum = [0.0];
            self.isa.run(Rows { length: block.len(), x: block, out: &mut sum, start: 0.0, step, fold: whole, join: lane_sum });
            sum[0]
        };
        let blocks: Vec<f32> = match &self.pool {
            Some(pool) if values.len() >= super::PARALLEL_ELEMENTS => {
                pool.install(|| values.par_chunks(BLOCK).with_min_len(4).map(block).collect())
            }
            _ => values.chunks(BLOCK).map(block).collect(),
        };
        match blocks[..] {
            [only] => stored(only),
            _ => lane_sum(&blocks),
        }
    }
}

struct Rows<'a, S, F, J> {
    length: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    start: f32,
    step: S,
    fold: F,
    join: J,
}

impl<S: Fn(f32, f32) -> f32, F: Fn(&[f32; LANES]) -> f32, J: Fn(&[f32]) -> f32> Vectorised for Rows<'_, S, F, J> {
    #[inline(always)]
    fn run(self) {
        let Self { length, x, out, start, step, fold, join } = self;
        for (out, row) in out.iter_mut().zip(x.chunks(length)) {
            if length <= BLOCK {
                *out = stored(fold(&lanes_of(row, start, &step)));
            } else {
                let blocks: Vec<f32> = row.chunks(BLOCK).map(|block| fold(&lanes_of(block, start, &step))).collect();
                *out = join(&blocks);
            }
        }
    }
}

#[inline(always)]
fn lanes_of(block: &[f32], start: f32, step: &impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut lanes = [start; LANES];
    let (groups, rest) = block.as_chunks::<LANES>();
    for group in groups {
        for (lane, &x) in lanes.iter_mut().zip(group) {
            *lane = step(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, x);
    }
    lanes
}

/// sums = the rows one after another by `step` from `start`.
struct Columns<'a, F> {
    rows: &'a [f32],
    sums: &'a mut [f32],
    start: f32,
    step: F,
}

impl<F: Fn(f32, f32) -> f32> Vectorised for Columns<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Self { rows, sums, start, step } = self;
        let inner = sums.len();
        let (wide, rest) = sums.as_chunks_mut::<NEIGHBOURS>();
        let first = wide.len() * NEIGHBOURS;
        for (index, out) in wide.iter_mut().enumerate() {
            let mut sums = [start; NEIGHBOURS];
            for row in rows.chunks_exact(inner) {
                for (sum, &x) in sums.iter_mut().zip(&row[index * NEIGHBOURS..][..NEIGHBOURS]) {
                    *sum = step(*sum, x);
                }
            }
            *out = sums;
        }
        rest.fill(start);
        if !rest.is_empty() {
            for row in rows.chunks_exact(inner) {
                for (sum, &x) in rest.iter_mut().zip(&row[first..]) {
                    *sum = step(*sum, x);
                }
            }
        }
    }
}

/// into = step(into, from), element by element.
pub(super) struct Fold<'a, F> {
    pub from: &'a [f32],
    pub into: &'a mut [f32],
    pub step: F,
}

impl<F: Fn(f32, f32) -> f32> Vectorised for Fold<'_, F> {
    #[inline(always)]
    fn run(self) {
        for (into, &from) in self.into.iter_mut().zip(self.from) {
            *into = (self.step)(*into, from);
        }
    }
}
