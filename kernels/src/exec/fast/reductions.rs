//! Reductions, vectorised across lanes along the last axis, and across neighbouring lines along any other.

use super::{Block, Fast, Vectorised};
use crate::contract::order::{CHUNK, LANES, max};
use crate::contract::scalar::stored;
use crate::exec::reference::{Line, Reductions};
use crate::program::Reduction;

impl Reductions for Fast {
    fn reduce(&self, function: Reduction, line: Line, x: &[f32]) -> Vec<f32> {
        match (function, line.last) {
            (Reduction::Sum, true) => self.rows(line.length, x, |row| self.lanes(row, |sum, x| sum + x)),
            (Reduction::SumSquares, true) => self.rows(line.length, x, |row| self.lanes(row, |sum, x| x.mul_add(x, sum))),
            (Reduction::Maximum, true) => self.rows(line.length, x, |row| self.largest(row)),
            (Reduction::Sum, false) => self.columns(line, x, 0.0, CHUNK, |sum, x| sum + x, |total, chunk| total + chunk),
            (Reduction::SumSquares, false) => self.columns(line, x, 0.0, CHUNK, |sum, x| x.mul_add(x, sum), |total, chunk| total + chunk),
            (Reduction::Maximum, false) => self.columns(line, x, f32::NEG_INFINITY, line.length, max, max),
        }
    }
}

impl Fast {
    fn rows(&self, length: usize, x: &[f32], value: impl Fn(&[f32]) -> f32 + Sync) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / length];
        self.parts_of(x.len(), &mut out, 1, |first, out| {
            for (out, row) in out.iter_mut().zip(x[first * length..].chunks(length)) {
                *out = value(row);
            }
        });
        out
    }

    fn largest(&self, row: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        self.isa.run(Block { values: row, lanes: &mut lanes, step: max });
        stored(lanes.into_iter().fold(f32::NEG_INFINITY, max))
    }

    /// For each outer place: chunks of rows of neighbouring lines, each from `start` by `step`; the chunks by `join`.
    fn columns(
        &self,
        line: Line,
        x: &[f32],
        start: f32,
        chunk: usize,
        step: impl Fn(f32, f32) -> f32 + Copy + Sync,
        join: impl Fn(f32, f32) -> f32 + Copy + Sync,
    ) -> Vec<f32> {
        let Line { outer, length, inner, .. } = line;
        let mut out = vec![start; outer * inner];
        self.parts_of(x.len(), &mut out, inner, |first, out| {
            let planes = x[first * length..].chunks(length * inner);
            let mut sums = vec![start; inner];
            for (plane, out) in planes.zip(out.chunks_mut(inner)) {
                for (index, rows) in plane.chunks(chunk * inner).enumerate() {
                    if index == 0 {
                        rows.chunks(inner).for_each(|row| self.isa.run(Fold { from: row, into: out, step }));
                    } else {
                        sums.fill(start);
                        rows.chunks(inner).for_each(|row| self.isa.run(Fold { from: row, into: &mut sums, step }));
                        self.isa.run(Fold { from: &sums, into: out, step: join });
                    }
                }
                out.iter_mut().for_each(|value| *value = stored(*value));
            }
        });
        out
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
