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
    for (index, panel) in panels.chunks_mut(ks.len()).enumerate() {
        let first = lines.start + index * W;
        let width = W.min(lines.end - first);
        set.run(Pack { operand, first, width, k: ks.start, panel });
    }
    panels
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

struct Pack<'a, const W: usize> {
    operand: Operand<'a>,
    first: usize,
    width: usize,
    k: usize,
    panel: &'a mut [[f32; W]],
}

impl<const W: usize> Vectorised for Pack<'_, W> {
    #[inline(always)]
    fn run(self) {
        if self.operand.line_stride == 1 {
            self.copied();
        } else {
            self.transposed();
        }
    }
}

/// Elements that a line of the cache holds.
const RUN: usize = 16;

impl<const W: usize> Pack<'_, W> {
    /// Neighbours in memory stay neighbours.
    #[inline(always)]
    fn copied(self) {
        let Self { operand, first, width, k, panel } = self;
        for (k, row) in (k..).zip(panel) {
            let from = &operand.elements[operand.at(first, k)..][..width];
            // The next panel's are too far apart for the processor to foresee.
            (W..2 * W).step_by(RUN).for_each(|ahead| prefetch(operand.elements, operand.at(first + ahead, k)));
            match from.first_chunk() {
                Some(from) => *row = *from,
                None => {
                    row[..width].copy_from_slice(from);
                    row[width..].fill(0.0);
                }
            }
        }
    }

    /// Each line's elements go W apart: by squares of four, whole lines of the cache of four lines at a time.
    #[inline(always)]
    fn transposed(self) {
        let Self { operand, first, width, k, panel } = self;
        let whole = if operand.k_stride == 1 { width / 4 * 4 } else { 0 };
        for (k, rows) in (k..).step_by(RUN).zip(panel.chunks_mut(RUN)) {
            let done = if whole > 0 { rows.len() / 4 * 4 } else { 0 };
            for line in (0..whole).step_by(4) {
                let from = |i: usize| operand.elements[operand.at(first + line + i, k)..][..done].as_chunks::<4>().0;
                let lines = from(0).iter().zip(from(1)).zip(from(2)).zip(from(3));
                for ((((a, b), c), d), [e, f, g, h]) in lines.zip(rows.as_chunks_mut::<4>().0) {
                    let (e, f) = (&mut e.as_chunks_mut().0[line / 4], &mut f.as_chunks_mut().0[line / 4]);
                    let (g, h) = (&mut g.as_chunks_mut().0[line / 4], &mut h.as_chunks_mut().0[line / 4]);
                    transpose([a, b, c, d], [e, f, g, h]);
                }
            }
            // The next panel's lines are too far apart for the processor to foresee.
            (W..2 * W).for_each(|ahead| prefetch(operand.elements, operand.at(first + ahead, k)));
            for (index, row) in rows.iter_mut().enumerate() {
                let rest = if index < done { whole } else { 0 };
                for (line, value) in row.iter_mut().enumerate().skip(rest) {
                    *value = if line < width { operand.elements[operand.at(first + line, k + index)] } else { 0.0 };
                }
            }
        }
    }
}
