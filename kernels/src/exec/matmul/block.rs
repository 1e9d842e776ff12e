//! One thread's product in blocks that fit the caches.
//!
//! Owns the order of blocks and the sizes of tiles. A block's depth is the contract's chunk, no more and no less, so that
//! what a block adds to C is what the chunk rule adds (the loops are those of Goto and van de Geijn, "Anatomy of
//! High-Performance Matrix Multiplication", 2008, and of BLIS).

use std::ops::Range;

use super::super::simd::{InstructionSet, Isa};
use super::pack::{Operand, TOGETHER, pack};
use super::tile::{Place, Tile};
use crate::contract::order::CHUNK;

/// Rows of A in one block: 480 KiB at a chunk's depth, half of a second-level cache.
const BLOCK_ROWS: usize = 240;
/// Columns of B in one block: 4 MiB at a chunk's depth, in the third-level cache.
const BLOCK_COLUMNS: usize = 2048;
/// Lines of an operand that stay in the second-level cache while the other one passes by: 256 KiB at a chunk's depth.
const NARROW: usize = 128;

/// What one thread lays its blocks out in.
#[derive(Debug, Default)]
pub struct Space {
    a: Vec<f32>,
    b: Vec<f32>,
}

/// Rows and columns of a tile: with those of B and one of A they fill 27 of 32 vector registers, or 15 of 16.
pub fn tile_of(isa: Isa) -> (usize, usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => (12, 32),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => (6, 16),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) => (6, 16),
    }
}

/// `out` = A·B over `k` terms, `out` being rows of equal length.
pub fn multiply(isa: Isa, a: Operand, b: Operand, k: usize, out: &mut [&mut [f32]], space: &mut Space) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(set) if is_direct(a, b) => direct::<_, 6, 4, 2, 64>(set, a, b, k, out, space),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(set) => blocks::<_, 12, 2, 1, 32>(set, a, b, k, out, space),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(set) if is_direct(a, b) => direct::<_, 6, 2, 1, 16>(set, a, b, k, out, space),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(set) => blocks::<_, 6, 2, 1, 16>(set, a, b, k, out, space),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(set) if is_direct(a, b) => direct::<_, 6, 4, 2, 16>(set, a, b, k, out, space),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(set) => blocks::<_, 6, 4, 2, 16>(set, a, b, k, out, space),
    }
}

fn blocks<S: InstructionSet, const ROWS: usize, const V: usize, const HALF: usize, const COLUMNS: usize>(
    set: S,
    a: Operand,
    b: Operand,
    k: usize,
    out: &mut [&mut [f32]],
    space: &mut Space,
) {
    if a.lines <= NARROW {
        for ks in pieces(k, CHUNK) {
            let a = pack::<_, ROWS>(set, a, 0..a.lines, ks.clone(), &mut space.a);
            for columns in pieces(b.lines, TOGETHER * COLUMNS) {
                let b = pack::<_, COLUMNS>(set, b, columns.clone(), ks.clone(), &mut space.b);
                tiles::<S, ROWS, V, HALF, COLUMNS>(set, ks.len(), a, b, out, columns, Place::of(&ks, k));
            }
        }
        return;
    }
    for columns in pieces(b.lines, BLOCK_COLUMNS) {
        for ks in pieces(k, CHUNK) {
            let b = pack::<_, COLUMNS>(set, b, columns.clone(), ks.clone(), &mut space.b);
            for rows in pieces(a.lines, BLOCK_ROWS) {
                let a = pack::<_, ROWS>(set, a, rows.clone(), ks.clone(), &mut space.a);
                tiles::<S, ROWS, V, HALF, COLUMNS>(set, ks.len(), a, b, &mut out[rows], columns.clone(), Place::of(&ks, k));
            }
        }
    }
}

/// Each panel of B with each of A, all of `depth`: those rows and `columns` of C.
fn tiles<S: InstructionSet, const ROWS: usize, const V: usize, const HALF: usize, const COLUMNS: usize>(
    set: S,
    depth: usize,
    a: &[[f32; ROWS]],
    b: &[[f32; COLUMNS]],
    out: &mut [&mut [f32]],
    columns: Range<usize>,
    place: Place,
) {
    for (b, column) in b.chunks(depth).zip(columns.clone().step_by(COLUMNS)) {
        let width = COLUMNS.min(columns.end - column);
        for (a, out) in a.chunks(depth).zip(out.chunks_mut(ROWS)) {
            if width > HALF * S::LANES {
                tile::<S, ROWS, V, COLUMNS>(set, a, b, out, column, width, place);
            } else {
                tile::<S, ROWS, HALF, COLUMNS>(set, a, b, out, column, width, place);
            }
        }
    }
}

/// Whether rows of A are read as they lie: beside few columns, that is no oftener than laying them out would read them.
fn is_direct(a: Operand, b: Operand) -> bool {
    a.lines > NARROW && b.lines <= NARROW && a.k_stride == 1
}

/// The same with A as it lies. Its rows may be a multiple of 4 KiB apart, and then want one set of the nearest cache: a tile
/// has fewer of them than that has ways, and more columns.
fn direct<S: InstructionSet, const ROWS: usize, const V: usize, const HALF: usize, const COLUMNS: usize>(
    set: S,
    a: Operand,
    b: Operand,
    k: usize,
    out: &mut [&mut [f32]],
    space: &mut Space,
) {
    for ks in pieces(k, CHUNK) {
        let panels = pack::<_, COLUMNS>(set, b, 0..b.lines, ks.clone(), &mut space.b);
        let place = Place::of(&ks, k);
        for rows in pieces(a.lines, ROWS) {
            let out = &mut out[rows.clone()];
            for (b, columns) in panels.chunks(ks.len()).zip(pieces(b.lines, COLUMNS)) {
                let (column, width) = (columns.start, columns.len());
                macro_rules! of_rows {
                    ($($rows:literal)*) => {
                        match out.len() {
                            $($rows => if const { $rows <= ROWS } {
                                let a: [&[f32]; $rows] = std::array::from_fn(|row| a.line(rows.start + row, &ks));
                                if width > HALF * S::LANES {
                                    set.run(Tile::<S, _, $rows, V, COLUMNS> { set, a, b, out, column, width, place });
                                } else {
                                    set.run(Tile::<S, _, $rows, HALF, COLUMNS> { set, a, b, out, column, width, place });
                                }
                            },)*
                            rows => unreachable!("a tile of {rows} rows"),
                        }
                    };
                }
                of_rows!(1 2 3 4 5 6);
            }
        }
    }
}

/// The tile that has as many rows as there are.
fn tile<S: InstructionSet, const ROWS: usize, const V: usize, const COLUMNS: usize>(
    set: S,
    a: &[[f32; ROWS]],
    b: &[[f32; COLUMNS]],
    out: &mut [&mut [f32]],
    column: usize,
    width: usize,
    place: Place,
) {
    macro_rules! of_rows {
        ($($rows:literal)*) => {
            match out.len() {
                $($rows => if const { $rows <= ROWS } {
                    set.run(Tile::<S, &[[f32; ROWS]], $rows, V, COLUMNS> { set, a, b, out, column, width, place });
                },)*
                rows => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    of_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// 0 to `total` in pieces of `size`, the last one shorter.
fn pieces(total: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(size).map(move |first| first..total.min(first + size))
}
