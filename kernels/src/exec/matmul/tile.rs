//! Some rows and columns of C held in registers while one chunk runs through.
//!
//! Owns the arithmetic of the chunk rule: fused steps from +0 with k ascending, one rounding where the chunk joins the
//! total, one NaN where the total is stored. Each output has a lane of its own, so no order can change.

#![allow(clippy::needless_range_loop)] // iterators over registers may stay calls

use super::super::simd::{InstructionSet, Vectorised};

/// Where a chunk stands among the chunks of its contraction.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub first: bool,
    pub last: bool,
}

/// R rows of C (of panels that hold ROWS) and `width` of its columns from `column` on, computed in V vectors.
pub struct Tile<'a, 'c, S, const R: usize, const ROWS: usize, const V: usize, const COLUMNS: usize> {
    pub set: S,
    pub a: &'a [[f32; ROWS]],
    pub b: &'a [[f32; COLUMNS]],
    pub out: &'a mut [&'c mut [f32]],
    pub column: usize,
    pub width: usize,
    pub place: Place,
}

impl<S: InstructionSet, const R: usize, const ROWS: usize, const V: usize, const COLUMNS: usize> Vectorised
    for Tile<'_, '_, S, R, ROWS, V, COLUMNS>
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
fn chunk<S: InstructionSet, const R: usize, const ROWS: usize, const V: usize, const COLUMNS: usize>(
    set: S,
    a: &[[f32; ROWS]],
    b: &[[f32; COLUMNS]],
) -> [[S::Vector; V]; R] {
    let mut sums = [[set.zero(); V]; R];
    let depth = a.len().min(b.len());
    let (a, b) = (&a[..depth], &b[..depth]);
    for k in 0..depth {
        let (a, b) = (&a[k], &b[k]);
        let mut vectors = [set.zero(); V];
        for v in 0..V {
            vectors[v] = set.read(&b[v * S::LANES..]);
        }
        for row in 0..R {
            for v in 0..V {
                sums[row][v] = set.fused(a[row], vectors[v], sums[row][v]);
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
