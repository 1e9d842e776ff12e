//! Convolutions as matrix products over gathered windows, and pooling across channels.
//!
//! Owns the gathering, in the contract's order and with its real zeros, so that the product sees exactly the reference's
//! terms. Refuses to gather more than `SCRATCH` elements at once.

use super::Fast;
use super::reductions::Fold;
use crate::contract::order::{CHUNK, argmax, max};
use crate::contract::scalar::stored;
use crate::exec::reference::{Convolution, Kernels, Pooling, Product, Reference, Windows};

/// Elements gathered at once, unless one image alone has more: 4 MiB.
const SCRATCH: usize = 1 << 20;

impl Windows for Fast {
    fn conv2d(&self, c: Convolution, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let [oy, ox] = c.output;
        let k = c.kernel[0] * c.kernel[1] * c.inputs;
        let window = |row: usize, out: &mut [f32]| {
            let (image, y, at) = (row / ox / oy, row / ox % oy, row % ox);
            gather(c.kernel, c.inputs, out, |ky, kx| {
                let (y, at) = c.seen(0, y, ky).zip(c.seen(1, at, kx))?;
                Some(&x[((image * c.input[0] + y) * c.input[1] + at) * c.inputs..][..c.inputs])
            });
        };
        self.product_of_windows(c.images * oy * ox, k, c.outputs, window, weight)
    }

    fn conv2d_grad_input(&self, c: Convolution, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [height, width] = c.input;
        let k = c.kernel[0] * c.kernel[1] * c.outputs;
        // weight[tap, input, output] as [tap, output, input].
        let mut turned = vec![0.0; weight.len()];
        for (tap, out) in weight.chunks(c.inputs * c.outputs).zip(turned.chunks_mut(c.inputs * c.outputs)) {
            for (output, out) in out.chunks_mut(c.inputs).enumerate() {
                out.iter_mut().zip(tap[output..].iter().step_by(c.outputs)).for_each(|(out, &w)| *out = w);
            }
        }
        let window = |row: usize, out: &mut [f32]| {
            let (image, y, at) = (row / width / height, row / width % height, row % width);
            gather(c.kernel, c.outputs, out, |ky, kx| {
                let (oy, ox) = c.seeing(0, y, ky).zip(c.seeing(1, at, kx))?;
                Some(&gradient[((image * c.output[0] + oy) * c.output[1] + ox) * c.outputs..][..c.outputs])
            });
        };
        self.product_of_windows(c.images * height * width, k, c.inputs, window, &turned)
    }

    fn conv2d_grad_weight(&self, c: Convolution, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [oy, ox] = c.output;
        let (m, rows) = (c.kernel[0] * c.kernel[1] * c.inputs, c.images * oy * ox);
        let mut total: Vec<f32> = vec![];
        // One chunk of the chunk rule is one product; chunks add in order.
        for first in (0..rows).step_by(CHUNK) {
            let k = CHUNK.min(rows - first);
            let mut windows = vec![0.0; k * m];
            for (row, out) in (first..).zip(windows.chunks_mut(m)) {
                let (image, y, at) = (row / ox / oy, row / ox % oy, row % ox);
                gather(c.kernel, c.inputs, out, |ky, kx| {
                    let (y, at) = c.seen(0, y, ky).zip(c.seen(1, at, kx))?;
                    Some(&x[((image * c.input[0] + y) * c.input[1] + at) * c.inputs..][..c.inputs])
                });
            }
            let product = Product { m, n: c.outputs, k, a_transposed: true, b_transposed: false };
            let chunk = self.matmul(product, &windows, &gradient[first * c.outputs..(first + k) * c.outputs]);
            if first == 0 {
                total = chunk;
            } else {
                self.isa.run(Fold { from: &chunk, into: &mut total, step: |total, chunk| stored(total + chunk) });
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
        let mut values = vec![0.0; p.taps()];
        let mut out = vec![0.0; x.len()];
        for (window, gradient) in gradient.chunks(p.channels).enumerate() {
            for (channel, g) in gradient.iter().enumerate() {
                values.iter_mut().enumerate().for_each(|(tap, value)| *value = x[p.at(window, tap) + channel]);
                out[p.at(window, argmax(&values)) + channel] += g;
            }
        }
        out.iter_mut().for_each(|sum| *sum = stored(*sum));
        out
    }

    fn average_pool_grad(&self, p: Pooling, gradient: &[f32]) -> Vec<f32> {
        if p.taps() > CHUNK {
            return Reference.average_pool_grad(p, gradient);
        }
        let mut out = vec![0.0; p.images * p.input[0] * p.input[1] * p.channels];
        for (window, gradient) in gradient.chunks(p.channels).enumerate() {
            for tap in 0..p.taps() {
                let at = p.at(window, tap);
                self.isa.run(Fold { from: gradient, into: &mut out[at..at + p.channels], step: |sum, g| sum + g });
            }
        }
        out.iter_mut().for_each(|sum| *sum = stored(*sum / p.taps() as f32));
        out
    }
}

impl Fast {
    /// Windows[rows, k] · B[k, n], as many windows at a time as the scratch holds.
    fn product_of_windows(&self, rows: usize, k: usize, n: usize, window: impl Fn(usize, &mut [f32]) + Sync, b: &[f32]) -> Vec<f32> {
        let share = (SCRATCH / k).clamp(1, rows);
        let mut windows = vec![0.0; share * k];
        let mut out = Vec::with_capacity(rows * n);
        for first in (0..rows).step_by(share) {
            let m = share.min(rows - first);
            let windows = &mut windows[..m * k];
            self.parts(windows, k, |start, out| {
                (first + start / k..).zip(out.chunks_mut(k)).for_each(|(row, out)| window(row, out));
            });
            out.extend_from_slice(&self.matmul(Product { m, n, k, a_transposed: false, b_transposed: false }, windows, b));
        }
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
        let mut out = vec![start; p.images * p.output[0] * p.output[1] * p.channels];
        self.parts(&mut out, p.channels, |first, out| {
            for (window, out) in (first / p.channels..).zip(out.chunks_mut(p.channels)) {
                for tap in 0..p.taps() {
                    let at = p.at(window, tap);
                    self.isa.run(Fold { from: &x[at..at + p.channels], into: out, step });
                }
                out.iter_mut().for_each(|value| *value = stored(end(*value)));
            }
        });
        out
    }
}

/// The channels that each tap of a window sees, in order (ky, kx); +0 where it sees none.
#[inline(always)]
fn gather<'a>(kernel: [usize; 2], channels: usize, out: &mut [f32], seen: impl Fn(usize, usize) -> Option<&'a [f32]>) {
    for (tap, out) in out.chunks_mut(channels).enumerate() {
        match seen(tap / kernel[1], tap % kernel[1]) {
            Some(values) => out.copy_from_slice(values),
            None => out.fill(0.0),
        }
    }
}
