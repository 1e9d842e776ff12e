//! One axis to one element.

use crate::contract::order::{chunked_dot, chunked_sum, lane_sum, lane_sum_of_squares, max};
use crate::contract::scalar::stored;
use crate::program::Reduction;

/// The axis that a reduction goes along: element k of line (i, j) lies at (i × length + k) × inner + j.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub outer: usize,
    pub length: usize,
    pub inner: usize,
    /// Whether it is the last axis, so that sums follow the lane rule.
    pub last: bool,
}

impl Line {
    /// Axis `axis` of `shape`.
    pub fn of(shape: &[u32], axis: u32) -> Self {
        let axis = axis as usize;
        let product = |axes: &[u32]| axes.iter().map(|&n| n as usize).product();
        Self {
            outer: product(&shape[..axis]),
            length: shape[axis] as usize,
            inner: product(&shape[axis + 1..]),
            last: axis + 1 == shape.len(),
        }
    }
}

/// Sums and maxima along an axis.
pub trait Reductions {
    fn reduce(&self, function: Reduction, line: Line, x: &[f32]) -> Vec<f32> {
        let Line { outer, length, inner, last } = line;
        let lines = (0..outer).flat_map(|i| (0..inner).map(move |j| i * length * inner + j));
        let element = |first: usize| {
            let at = |k: usize| x[first + k * inner];
            let values = || -> Vec<f32> { (0..length).map(at).collect() };
            match (function, last) {
                (Reduction::Sum, true) => lane_sum(&values()),
                (Reduction::Sum, false) => chunked_sum(length, at),
                (Reduction::SumSquares, true) => lane_sum_of_squares(&values()),
                (Reduction::SumSquares, false) => chunked_dot(length, |k| (at(k), at(k))),
                (Reduction::Maximum, _) => stored(values().into_iter().fold(f32::NEG_INFINITY, max)),
            }
        };
        lines.map(element).collect()
    }
}
