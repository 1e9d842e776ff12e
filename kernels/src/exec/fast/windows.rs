//! Convolutions as matrix products over gathered windows, and pooling across channels.
//!
//! Owns the gathering, in the contract's order and with its real zeros, so that the product sees exactly the reference's
//! terms; each thread gathers as many windows as stay near and multiplies them at once. Refuses to gather more than `SCRATCH`
//! elements at a time.

use rayon::prelude::*;

use super::reductions::Fold;
use super::{Fast, Vectorised, operands};
use crate::contract::order::{CHUNK, max};
use crate::contract::scalar::stored;
use crate::exec::reference::{Convolution, Pooling, Product, Reference, Windows};

/// Elements that a thread gathers at once, unless one window has more: 256 KiB, a quarter of a second-level cache.
const GATHERED: usize = 1 << 16;
/// Elements of chunks' sums that wait for their turn, unless those of one chunk for each thread are more: 4 MiB.
const SCRATCH: usize = 1 << 20;

impl Windows for Fast {
    fn conv2d(&self, c: Convolution, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let k = c.kernel[0] * c.kernel[1] * c.inputs;
        self.product_of_windows(c.images * c.output[0] * c.output[1], k, c.outputs, |row, out| seen(c, x, row, out), weight)
    }

    fn conv2d_grad_input(&self, c: Convolution, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let k = c.kernel[0] * c.kernel[1] * c.outputs;
        // weight[tap, input, output] as [tap, output, input].
        let mut turned = vec![0.0; weight.len()];
        for (tap, out) in weight.chunks(c.inputs * c.outputs).zip(turned.chunks_mut(c.inputs * c.outputs)) {
            for (output, out) in out.chunks_mut(c.inputs).enumerate() {
                out.iter_mut().zip(tap[output..].iter().step_by(c.outputs)).for_each(|(out, &w)| *out = w);
            }
        }
        self.product_of_windows(c.images * c.input[0] * c.input[1], k, c.inputs, |row, out| seeing(c, gradient, row, out), &turned)
    }

    fn conv2d_grad_weight(&self, c: Convolution, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (m, rows) = (c.kernel[0] * c.kernel[1] * c.inputs, c.images * c.output[0] * c.output[1]);
        let size = m * c.outputs;
        let mut total = self.buffers.take(size);
        let chunks = rows.div_ceil(CHUNK);
        let wave = (SCRATCH / size).max(self.threads()).min(chunks);
        let mut sums = vec![0.0; wave * size];
        for first in (0..chunks).step_by(wave) {
            let sums = &mut sums[..wave.min(chunks - first) * size];
            // One chunk of the chunk rule is one product; chunks add in order.
            let chunk = |index: usize, out: &mut [f32]| {
                let first = (first + index) * CHUNK;
                let k = CHUNK.min(rows - first);
                let mut windows = vec![0.0; k * m];
                (first..).zip(windows.chunks_mut(m)).for_each(|(row, out)| seen(c, x, row, out));
                let product = Product { m, n: c.outputs, k, a_transposed: true, b_transposed: false };
                let (a, b) = operands(product, &windows, &gradient[first * c.outputs..(first + k) * c.outputs]);
                let pool = if chunks == 1 { self.pool.as_ref() } else { None };
                self.products.run(pool, a, b, k, out);
            };
            match &self.pool {
                Some(pool) if chunks > 1 => {
                    pool.install(|| sums.par_chunks_mut(size).enumerate().for_each(|(index, out)| chunk(index, out)));
                }
                _ => sums.chunks_mut(size).enumerate().for_each(|(index, out)| chunk(index, out)),
            }
            for (index, sums) in sums.chunks(size).enumerate() {
                if first + index == 0 {
                    total.copy_from_slice(sums);
                } else {
                    self.isa.run(Fold { from: sums, into: &mut total, step: |total, chunk| stored(total + chunk) });
                }
            }
        }
        total
    }

    fn max_pool(&self, p: Pooling, x: &[f32]) -> Vec<f32> {
        self.pooled(p, x, f32::NEG_INFINITY, max, |value| value)
    }

    fn average_pool(&self, p: Pooling, x: &[f32]) -> Vec<f32> {
        if p.taps() > CHUNK {
            return Reference.average_pool(p, x);
        }
        let count = p.taps() as f32;
        self.pooled(p, x, 0.0, |sum, x| sum + x, |sum| sum / count)
    }

    fn max_pool_grad(&self, p: Pooling, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        if p.taps() > CHUNK {
            return Reference.max_pool_grad(p, x, gradient);
        }
        self.back(p, x.len(), |image, out| self.isa.run(LargestBack { p, image, x, gradient, out }), |sum| sum)
    }

    fn average_pool_grad(&self, p: Pooling, gradient: &[f32]) -> Vec<f32> {
        if p.taps() > CHUNK {
            return Reference.average_pool_grad(p, gradient);
        }
        let count = p.taps() as f32;
        let size = p.images * p.input[0] * p.input[1] * p.channels;
        self.back(p, size, |image, out| self.isa.run(EvenBack { p, image, gradient, out }), |sum| sum / count)
    }
}

impl Fast {
    /// Windows[rows, k] · B[k, n], as many windows at a time as stay in a thread's cache.
    fn product_of_windows(&self, rows: usize, k: usize, n: usize, window: impl Fn(usize, &mut [f32]) + Sync, b: &[f32]) -> Vec<f32> {
        let share = (GATHERED / k).clamp(1, rows);
        let mut out = self.buffers.take(rows * n);
        self.parts_of(rows * k, &mut out, n, |first, out| {
            let mut windows = vec![0.0; share.min(out.len() / n) * k];
            for (index, out) in out.chunks_mut(share * n).enumerate() {
                let first = first / n + index * share;
                let windows = &mut windows[..out.len() / n * k];
                (first..).zip(windows.chunks_mut(k)).for_each(|(row, out)| window(row, out));
                let product = Product { m: out.len() / n, n, k, a_transposed: false, b_transposed: false };
                let (a, b) = operands(product, windows, b);
                self.products.run(None, a, b, k, out);
            }
        });
        out
    }

    /// The taps of each window folded in order (ky, kx) from `start`, channel beside channel.
    fn pooled(
        &self,
        p: Pooling,
        x: &[f32],
        start: f32,
        step: impl Fn(f32, f32) -> f32 + Copy + Sync,
        end: impl Fn(f32) -> f32 + Copy + Sync,
    ) -> Vec<f32> {
        let mut out = self.buffers.take(p.images * p.output[0] * p.output[1] * p.channels);
        let line = p.output[1] * p.channels;
        self.parts_of(x.len(), &mut out, line, |first, out| {
            for (row, out) in (first / line..).zip(out.chunks_mut(line)) {
                self.isa.run(Pooled { p, row, x, out, start, step, end });
            }
        });
        out
    }

    /// The images' gradients, each from +0 by `image`; then `end` of each sum.
    fn back(&self, p: Pooling, size: usize, image: impl Fn(usize, &mut [f32]) + Sync, end: impl Fn(f32) -> f32 + Copy + Sync) -> Vec<f32> {
        let mut out = self.buffers.take(size);
        let unit = p.input[0] * p.input[1] * p.channels;
        self.parts(&mut out, unit, |first, out| {
            for (index, out) in (first / unit..).zip(out.chunks_mut(unit)) {
                out.fill(0.0);
                image(index, out);
                self.isa.run(Each { values: out, f: |sum| stored(end(sum)) });
            }
        });
        out
    }
}

/// What window `row` of the output sees, in order (ky, kx, input); +0 where it sees nothing.
fn seen(c: Convolution, x: &[f32], row: usize, out: &mut [f32]) {
    let [oy, ox] = c.output;
    let (image, y, at) = (row / ox / oy, row / ox % oy, row % ox);
    // Taps of one ky are neighbours in x: those from `low` to `high` are not in the padding.
    let start = at * c.stride;
    let low = c.padding.saturating_sub(start).min(c.kernel[1]);
    let high = (c.input[1] + c.padding).saturating_sub(start).clamp(low, c.kernel[1]);
    for (ky, out) in out.chunks_mut(c.kernel[1] * c.inputs).enumerate() {
        let Some(y) = c.seen(0, y, ky).filter(|_| low < high) else {
            out.fill(0.0);
            continue;
        };
        let from = ((image * c.input[0] + y) * c.input[1] + start + low - c.padding) * c.inputs;
        let (before, rest) = out.split_at_mut(low * c.inputs);
        let (inside, after) = rest.split_at_mut((high - low) * c.inputs);
        before.fill(0.0);
        inside.copy_from_slice(&x[from..from + inside.len()]);
        after.fill(0.0);
    }
}

/// The outputs' gradients that see place `row` of the input, in order (ky, kx, output); +0 where none does.
fn seeing(c: Convolution, gradient: &[f32], row: usize, out: &mut [f32]) {
    let [height, width] = c.input;
    let (image, y, at) = (row / width / height, row / width % height, row % width);
    for (ky, out) in out.chunks_mut(c.kernel[1] * c.outputs).enumerate() {
        let oy = c.seeing(0, y, ky);
        for (kx, out) in out.chunks_mut(c.outputs).enumerate() {
            match (oy, c.seeing(1, at, kx)) {
                (Some(oy), Some(ox)) => {
                    let from = ((image * c.output[0] + oy) * c.output[1] + ox) * c.outputs;
                    out.copy_from_slice(&gradient[from..from + c.outputs]);
                }
                _ => out.fill(0.0),
            }
        }
    }
}

/// One row of windows of one image.
struct Pooled<'a, S, E> {
    p: Pooling,
    row: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    start: f32,
    step: S,
    end: E,
}

impl<S: Fn(f32, f32) -> f32, E: Fn(f32) -> f32> Vectorised for Pooled<'_, S, E> {
    #[inline(always)]
    fn run(self) {
        let Self { p, row, x, out, start, step, end } = self;
        let (image, oy) = (row / p.output[0], row % p.output[0]);
        let first = (image * p.input[0] + oy * p.stride) * p.input[1] * p.channels;
        for (ox, out) in out.chunks_mut(p.channels).enumerate() {
            out.fill(start);
            for ky in 0..p.kernel {
                for kx in 0..p.kernel {
                    let at = first + (ky * p.input[1] + ox * p.stride + kx) * p.channels;
                    for (out, &x) in out.iter_mut().zip(&x[at..at + p.channels]) {
                        *out = step(*out, x);
                    }
                }
            }
            for value in out {
                *value = stored(end(*value));
            }
        }
    }
}

/// Each window's gradient to its first largest element, over one image.
struct LargestBack<'a> {
    p: Pooling,
    image: usize,
    x: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Vectorised for LargestBack<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { p, image, x, gradient, out } = self;
        let (windows, size) = (p.output[0] * p.output[1], out.len());
        let x = &x[image * size..][..size];
        let gradient = &gradient[image * windows * p.channels..][..windows * p.channels];
        let (mut best, mut place) = (vec![0.0f32; p.channels], vec![0u32; p.channels]);
        for (window, gradient) in gradient.chunks(p.channels).enumerate() {
            let first = (window / p.output[1] * p.input[1] + window % p.output[1]) * p.stride * p.channels;
            let taps = || (0..p.kernel).flat_map(|ky| (0..p.kernel).map(move |kx| first + (ky * p.input[1] + kx) * p.channels));
            for (tap, at) in (0u32..).zip(taps()) {
                for ((best, place), &x) in best.iter_mut().zip(&mut place).zip(&x[at..at + p.channels]) {
                    // A NaN beats all but a NaN before it.
                    let beats = tap == 0 || (!best.is_nan() && (x.is_nan() || x > *best));
                    *best = if beats { x } else { *best };
                    *place = if beats { tap } else { *place };
                }
            }
            for (tap, at) in (0u32..).zip(taps()) {
                for ((out, &place), &g) in out[at..at + p.channels].iter_mut().zip(&place).zip(gradient) {
                    *out = if place == tap { *out + g } else { *out };
                }
            }
        }
    }
}

/// Each window's gradient to all its elements, over one image.
struct EvenBack<'a> {
    p: Pooling,
    image: usize,
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Vectorised for EvenBack<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { p, image, gradient, out } = self;
        let size = p.output[0] * p.output[1] * p.channels;
        for (window, gradient) in gradient[image * size..][..size].chunks(p.channels).enumerate() {
            let first = (window / p.output[1] * p.input[1] + window % p.output[1]) * p.stride * p.channels;
            for ky in 0..p.kernel {
                for kx in 0..p.kernel {
                    let at = first + (ky * p.input[1] + kx) * p.channels;
                    for (out, &g) in out[at..at + p.channels].iter_mut().zip(gradient) {
                        *out += g;
                    }
                }
            }
        }
    }
}

/// f of each value in its place.
struct Each<'a, F> {
    values: &'a mut [f32],
    f: F,
}

impl<F: Fn(f32) -> f32> Vectorised for Each<'_, F> {
    #[inline(always)]
    fn run(self) {
        for value in self.values {
            *value = (self.f)(*value);
        }
    }
}
