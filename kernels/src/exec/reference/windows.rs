//! Convolutions and pooling, channels last.

use crate::contract::order::{chunked_dot, chunked_sum, max};
use crate::contract::scalar::stored;

/// The sizes of a convolution: x\[n, y, x, inputs\], weight\[ky, kx, inputs, outputs\], result\[n, oy, ox, outputs\].
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    pub images: usize,
    pub input: [usize; 2],
    pub inputs: usize,
    pub output: [usize; 2],
    pub outputs: usize,
    pub kernel: [usize; 2],
    pub stride: usize,
    pub padding: usize,
}

impl Convolution {
    /// The place that tap k of a window sees: none in the padding.
    #[inline(always)]
    pub fn seen(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        (place * self.stride + tap).checked_sub(self.padding).filter(|&at| at < self.input[axis])
    }

    /// The window whose tap k sees a place, if there is one.
    #[inline(always)]
    pub fn seeing(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let ahead = (place + self.padding).checked_sub(tap)?;
        (ahead % self.stride == 0).then_some(ahead / self.stride).filter(|&at| at < self.output[axis])
    }
}

/// The sizes of pooling over square windows of x\[n, y, x, channels\].
#[derive(Debug, Clone, Copy)]
pub struct Pooling {
    pub images: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub channels: usize,
    pub kernel: usize,
    pub stride: usize,
}

impl Pooling {
    /// Offset of tap (ky, kx) of window (oy, ox) in x.
    fn tap(&self, image: usize, [oy, ox]: [usize; 2], tap: usize, channel: usize) -> usize {
        let (y, x) = (oy * self.stride + tap / self.kernel, ox * self.stride + tap % self.kernel);
        ((image * self.input[0] + y) * self.input[1] + x) * self.channels + channel
    }

    /// Elements of a window.
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// The tap of a window's first largest element.
    fn largest(&self, x: &[f32], image: usize, window: [usize; 2], channel: usize) -> usize {
        let values: Vec<f32> = (0..self.taps()).map(|tap| x[self.tap(image, window, tap, channel)]).collect();
        crate::contract::order::argmax(&values)
    }

    /// `value` for each window and channel, in the order of the result.
    fn windows(&self, value: impl Fn(usize, [usize; 2], usize) -> f32) -> Vec<f32> {
        places(self.images, self.output, self.channels).into_iter().map(|(image, window, channel)| value(image, window, channel)).collect()
    }

    /// For each element of x: Σ of the gradient over the windows that see it and that `counts`, in ascending (oy, ox).
    fn back(&self, gradient: &[f32], counts: impl Fn(usize, [usize; 2], usize, usize) -> bool) -> Vec<f32> {
        let [rows, columns] = self.output;
        let element = |(image, [y, x], channel): (usize, [usize; 2], usize)| {
            let mut terms = vec![];
            for (oy, ox) in (0..rows).flat_map(|oy| (0..columns).map(move |ox| (oy, ox))) {
                let (Some(ky), Some(kx)) = (y.checked_sub(oy * self.stride), x.checked_sub(ox * self.stride)) else { continue };
                if ky < self.kernel && kx < self.kernel && counts(image, [oy, ox], ky * self.kernel + kx, channel) {
                    terms.push(gradient[((image * rows + oy) * columns + ox) * self.channels + channel]);
                }
            }
            chunked_sum(terms.len(), |k| terms[k])
        };
        places(self.images, self.input, self.channels).into_iter().map(element).collect()
    }
}

/// (image, place, channel) in row-major order.
fn places(images: usize, [rows, columns]: [usize; 2], channels: usize) -> Vec<(usize, [usize; 2], usize)> {
    let count = images * rows * columns * channels;
    (0..count).map(|i| (i / channels / columns / rows, [i / channels / columns % rows, i / channels % columns], i % channels)).collect()
}

/// Windows over two axes.
pub trait Windows {
    fn conv2d(&self, c: Convolution, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let [_, kx] = c.kernel;
        let element = |(image, [oy, ox], output): (usize, [usize; 2], usize)| {
            chunked_dot(c.kernel[0] * kx * c.inputs, |k| {
                let (tap, input) = (k / c.inputs, k % c.inputs);
                let seen = c.seen(0, oy, tap / kx).zip(c.seen(1, ox, tap % kx));
                let value = seen.map_or(0.0, |(y, at)| x[((image * c.input[0] + y) * c.input[1] + at) * c.inputs + input]);
                (value, weight[k * c.outputs + output])
            })
        };
        places(c.images, c.output, c.outputs).into_iter().map(element).collect()
    }

    fn conv2d_grad_input(&self, c: Convolution, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [_, kx] = c.kernel;
        let element = |(image, [y, x], input): (usize, [usize; 2], usize)| {
            chunked_dot(c.kernel[0] * kx * c.outputs, |k| {
                let (tap, output) = (k / c.outputs, k % c.outputs);
                let seeing = c.seeing(0, y, tap / kx).zip(c.seeing(1, x, tap % kx));
                let value = seeing.map_or(0.0, |(oy, ox)| gradient[((image * c.output[0] + oy) * c.output[1] + ox) * c.outputs + output]);
                (value, weight[(tap * c.inputs + input) * c.outputs + output])
            })
        };
        places(c.images, c.input, c.inputs).into_iter().map(element).collect()
    }

    fn conv2d_grad_weight(&self, c: Convolution, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [rows, columns] = c.output;
        let element = |(input, tap, output): (usize, [usize; 2], usize)| {
            chunked_dot(c.images * rows * columns, |k| {
                let (image, oy, ox) = (k / columns / rows, k / columns % rows, k % columns);
                let seen = c.seen(0, oy, tap[0]).zip(c.seen(1, ox, tap[1]));
                let value = seen.map_or(0.0, |(y, at)| x[((image * c.input[0] + y) * c.input[1] + at) * c.inputs + input]);
                (value, gradient[k * c.outputs + output])
            })
        };
        let taps = (0..c.kernel[0]).flat_map(|ky| (0..c.kernel[1]).map(move |kx| [ky, kx]));
        let weights = taps.flat_map(|tap| (0..c.inputs).flat_map(move |input| (0..c.outputs).map(move |output| (input, tap, output))));
        weights.map(element).collect()
    }

    fn max_pool(&self, p: Pooling, x: &[f32]) -> Vec<f32> {
        p.windows(|image, window, channel| {
            stored((0..p.taps()).map(|tap| x[p.tap(image, window, tap, channel)]).fold(f32::NEG_INFINITY, max))
        })
    }

    fn max_pool_grad(&self, p: Pooling, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        p.back(gradient, |image, window, tap, channel| p.largest(x, image, window, channel) == tap)
    }

    fn average_pool(&self, p: Pooling, x: &[f32]) -> Vec<f32> {
        p.windows(|image, window, channel| stored(chunked_sum(p.taps(), |tap| x[p.tap(image, window, tap, channel)]) / p.taps() as f32))
    }

    fn average_pool_grad(&self, p: Pooling, gradient: &[f32]) -> Vec<f32> {
        p.back(gradient, |_, _, _, _| true).into_iter().map(|sum| stored(sum / p.taps() as f32)).collect()
    }
}
