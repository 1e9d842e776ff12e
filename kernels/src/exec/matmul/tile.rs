//! Some rows and columns of C held in registers while one chunk runs through.
//!
//! Owns the arithmetic of the chunk rule: fused steps from +0 with k ascending, one rounding where the chunk joins the
//! total, one NaN where the total is stored. Each output has a lane of its own, so no order can change.

#![allow(clippy::needless_range_loop)] // iterators over registers may stay calls

use std::ops::Range;

use super::super::simd::{InstructionSet, Vectorised};

/// Where a chunk stands among the chunks of its contraction.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub first: bool,
    pub last: bool,
}

impl Place {
    /// The place of the chunk `ks` of 0 to `k`.
    pub fn of(ks: &Range<usize>, k: usize) -> Self {
        Self { first: ks.start == 0, last: ks.end == k }
    }
}

/// Rows of A that a tile reads: element k of each of R rows.
pub trait Lines<const R: usize>: Copy {
    /// How far they go.
    fn depth(&self) -> usize;

    /// The same no farther than `depth`: where a loop ends is then where each row does, and no element is checked.
    fn cut(self, depth: usize) -> Self;

    /// Element `k` of row `row`; k below the depth.
    fn at(&self, row: usize, k: usize) -> f32;
}

/// Laid out in panels that hold ROWS.
impl<const R: usize, const ROWS: usize> Lines<R> for &[[f32; ROWS]] {
    #[inline(always)]
    fn depth(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn cut(self, depth: usize) -> Self {
        &self[..depth]
    }

    #[inline(always)]
    fn at(&self, row: usize, k: usize) -> f32 {
        self[k][row]
    }
}

/// As they lie, each from its first element on.
impl<const R: usize> Lines<R> for [&[f32]; R] {
    #[inline(always)]
    fn depth(&self) -> usize {
        let mut depth = usize::MAX;
        for row in 0..R {
            depth = depth.min(self[row].len());
        }
        depth
    }

    #[inline(always)]
    fn cut(mut self, depth: usize) -> Self {
        for row in 0..R {
            self[row] = &self[row][..depth];
        }
        self
    }

    #[inline(always)]
    fn at(&self, row: usize, k: usize) -> f32 {
        self[row][k]
    }
}

/// R rows of C and `width` of its columns from `column` on, computed in V vectors.
pub struct Tile<'a, 'c, S, A, const R: usize, const V: usize, const COLUMNS: usize> {
    pub set: S,
    pub a: A,
    pub b: &'a [[f32; COLUMNS]],
    pub out: &'a mut [&'c mut [f32]],
    pub column: usize,
    pub width: usize,
    pub place: Place,
}

impl<S: InstructionSet, A: Lines<R>, const R: usize, const V: usize, const COLUMNS: usize> Vectorised
    for Tile<'_, '_, S, A, R, V, COLUMNS>
{
    #[inline(always)]
    fn run(self) {
        let Self { set, a, b, out, column, width, place } = self;
        let sums: [[S::Vector; V]; R] = chunk(set, a, b);
        for row in 0..R {
            let out = &mut out[row][column..column + width];
            if width == V * S::LANES {
                join(set, out, &sums[row], place);
            } else {
                // Columns beyond the last are computed and dropped.
                let mut whole = [0.0; COLUMNS];
                whole[..width].copy_from_slice(out);
                join(set, &mut whole, &sums[row], place);
                out.copy_from_slice(&whole[..width]);
            }
        }
    }
}

// Plain loops here and below: a closure handed to `std::array::from_fn` or `map` may stay a call, and a register that crosses
// a call goes through memory: without optimisation across the parts of a crate, as in our builds, that was four fifths of the speed.
#[inline(always)]
fn chunk<S: InstructionSet, A: Lines<R>, const R: usize, const V: usize, const COLUMNS: usize>(
    set: S,
    a: A,
    b: &[[f32; COLUMNS]],
) -> [[S::Vector; V]; R] {
    let mut sums = [[set.zero(); V]; R];
    let depth = a.depth().min(b.len());
    let (a, b) = (a.cut(depth), &b[..depth]);
    for k in 0..depth {
        let b = &b[k];
        let mut vectors = [set.zero(); V];
        for v in 0..V {
            vectors[v] = set.read(&b[v * S::LANES..]);
        }
        for row in 0..R {
            for v in 0..V {
                sums[row][v] = set.fused(a.at(row, k), vectors[v], sums[row][v]);
            }
        }
    }
    sums
}

/// The chunk's sums become the total or are added to it; the last total is stored.
#[inline(always)]
fn join<S: InstructionSet, const V: usize>(set: S, out: &mut [f32], sums: &[S::Vector; V], place: Place) {
    for v in 0..V {
        let out = &mut out[v * S::LANES..][..S::LANES];
        let total = if place.first { sums[v] } else { set.add(set.read(out), sums[v]) };
        set.write(if place.last { set.stored(total) } else { total }, out);
    }
}
