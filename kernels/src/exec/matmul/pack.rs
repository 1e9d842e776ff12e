//! Operands as the tiles read them: panels of a few lines side by side, one after another along k.
//!
//! Owns the only reading of operands in whatever order they lie. Refuses arithmetic.

use std::ops::Range;

use super::super::simd::{InstructionSet, Vectorised, prefetch, transpose};

/// One operand of a product: element k of line i lies at i·`line_stride` + k·`k_stride`. A's lines are its rows, B's its columns.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    pub elements: &'a [f32],
    pub lines: usize,
    pub line_stride: usize,
    pub k_stride: usize,
}

impl Operand<'_> {
    /// `lines` lines from `first` on.
    pub fn part(self, first: usize, lines: usize) -> Self {
        Self { elements: &self.elements[first * self.line_stride..], lines, ..self }
    }

    /// The elements `ks` of one line, of an operand whose elements lie one after another.
    pub fn line(&self, line: usize, ks: &Range<usize>) -> &[f32] {
        &self.elements[self.at(line, ks.start)..][..ks.len()]
    }

    #[inline(always)]
    fn at(&self, line: usize, k: usize) -> usize {
        line * self.line_stride + k * self.k_stride
    }
}

/// `lines` × `ks` of an operand in panels of W lines; lines beyond the last are +0, and their results dropped.
pub fn pack<'b, S: InstructionSet, const W: usize>(
    set: S,
    operand: Operand,
    lines: Range<usize>,
    ks: Range<usize>,
    buffer: &'b mut Vec<f32>,
) -> &'b [[f32; W]] {
    let panels = aligned(buffer, lines.len().div_ceil(W) * ks.len() * W).as_chunks_mut::<W>().0;
    if operand.line_stride == 1 {
        for (index, panels) in panels.chunks_mut(TOGETHER * ks.len()).enumerate() {
            let first = lines.start + index * TOGETHER * W;
            set.run(Copied { operand, lines: first..lines.end.min(first + TOGETHER * W), ks: ks.clone(), panels });
        }
    } else {
        for (index, panel) in panels.chunks_mut(ks.len()).enumerate() {
            let first = lines.start + index * W;
            let width = W.min(lines.end - first);
            set.run(Transposed { operand, first, width, k: ks.start, panel });
        }
    }
    panels
}

/// Panels whose lines are read at once where neighbours in memory are neighbours: a run that the processor foresees, and as many places to write
/// as the nearest cache has ways.
pub const TOGETHER: usize = 8;

/// Lines that are neighbours in memory stay neighbours.
struct Copied<'a, const W: usize> {
    operand: Operand<'a>,
    lines: Range<usize>,
    ks: Range<usize>,
    panels: &'a mut [[f32; W]],
}

impl<const W: usize> Vectorised for Copied<'_, W> {
    #[inline(always)]
    fn run(self) {
        let Self { operand, lines, ks, panels } = self;
        for k in 0..ks.len() {
            let from = &operand.elements[operand.at(lines.start, ks.start + k)..][..lines.len()];
            // The next panels' are too far apart for the processor to foresee.
            for ahead in (0..lines.len()).step_by(RUN) {
                prefetch(operand.elements, operand.at(lines.end + ahead, ks.start + k));
            }
            let (whole, rest) = from.as_chunks::<W>();
            for (panel, from) in whole.iter().enumerate() {
                panels[panel * ks.len() + k] = *from;
            }
            if !rest.is_empty() {
                let row = &mut panels[whole.len() * ks.len() + k];
                row[..rest.len()].copy_from_slice(rest);
                row[rest.len()..].fill(0.0);
            }
        }
    }
}

/// `length` elements that begin with a line of the cache, so that no vector lies across two.
fn aligned(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    const LINE: usize = 64 / size_of::<f32>();
    if buffer.len() < length + LINE {
        buffer.resize(length + LINE, 0.0);
    }
    let skip = buffer.as_ptr().align_offset(64).min(LINE);
    &mut buffer[skip..skip + length]
}

/// Each line's elements go W apart: by squares of four, whole lines of the cache of four lines at a time.
struct Transposed<'a, const W: usize> {
    operand: Operand<'a>,
    first: usize,
    width: usize,
    k: usize,
    panel: &'a mut [[f32; W]],
}

/// Elements that a line of the cache holds.
const RUN: usize = 16;

impl<const W: usize> Vectorised for Transposed<'_, W> {
    #[inline(always)]
    fn run(self) {
        let Self { operand, first, width, k, panel } = self;
        let whole = if operand.k_stride == 1 { width / 4 * 4 } else { 0 };
        for (k, rows) in (k..).step_by(RUN).zip(panel.chunks_mut(RUN)) {
            let done = if whole > 0 { rows.len() / 4 * 4 } else { 0 };
            for square in 0..whole / 4 {
                let (line, at) = (4 * square, first + 4 * square);
                let starts = [operand.at(at, k), operand.at(at + 1, k), operand.at(at + 2, k), operand.at(at + 3, k)];
                for square in 0..done / 4 {
                    let (deep, [a, b, c, d]) = (4 * square, starts);
                    transpose(operand.elements, [a + deep, b + deep, c + deep, d + deep], &mut rows[deep..][..4], line);
                }
            }
            // The next panel's lines are too far apart for the processor to foresee.
            for ahead in W..2 * W {
                prefetch(operand.elements, operand.at(first + ahead, k));
            }
            for (index, row) in rows.iter_mut().enumerate() {
                let rest = if index < done { whole } else { 0 };
                for (line, value) in row.iter_mut().enumerate().skip(rest) {
                    *value = if line < width { operand.elements[operand.at(first + line, k + index)] } else { 0.0 };
                }
            }
        }
    }
}
