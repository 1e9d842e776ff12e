//! Launches of products: matrices, windows of a convolution, exact ones.
//!
//! Owns the size of tiles and how the chunks of k are shared out. Both change speed and no bit: the chunk rule fixes the order.

use super::machine::{Address, Argument, Launch};
use crate::program::{Op, Type};

/// Terms of a chunk.
const CHUNK: u64 = 512;
/// Terms of a large tile's step.
const STEP: u32 = 8;
/// Blocks that keep a large device busy: below it, tiles are small and chunks are shared out.
const BUSY: u64 = 264;
/// Large tiles that keep nearly all processors of one busy: they multiply faster even where a processor has but one.
const LARGE: u64 = 112;
/// Elements of the chunks' values that are kept at once: 256 MiB.
const APART: u64 = 1 << 26;

/// A product's sizes: C\[m, n\] over k, `count` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub m: u64,
    pub n: u64,
    pub k: u64,
    pub count: u64,
    /// Whether a large tile can read it: operands whose neighbours are fours together, as C's are, and a k of whole steps.
    pub wide: bool,
}

/// How a product is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Rows and columns of a tile: 64 or 128.
    pub tile: u64,
    /// Chunks whose values are kept apart at once; 0 where a block does all of its tile's.
    pub apart: u64,
}

impl Division {
    pub fn of(sizes: Sizes) -> Self {
        let tiles = |tile: u64| sizes.m.div_ceil(tile) * sizes.n.div_ceil(tile) * sizes.count;
        let tile = if sizes.wide && tiles(128) >= LARGE { 128 } else { 64 };
        let chunks = sizes.k.div_ceil(CHUNK);
        let share = sizes.count == 1 && chunks > 1 && tiles(tile) < BUSY;
        // Large tiles read less; with many chunks to share out there are blocks enough for them.
        let tile = if share && sizes.wide && tiles(128) * chunks >= BUSY { 128 } else { tile };
        let most = (APART / (sizes.m * sizes.n)).min(u64::from(Launch::DEEP));
        if !share || most < 2 {
            return Self { tile, apart: 0 };
        }
        // Parts of one length, so that none is a few blocks alone.
        Self { tile, apart: chunks.div_ceil(chunks.div_ceil(most)) }
    }
}

/// The launches of one product whose kernel is `name`_64 or `name`_128. `words` gives its structure but for the last two:
/// whether chunks are kept apart, and the first chunk or place. `scratch` holds the values that are kept apart.
pub fn launches(
    name: &str,
    sizes: Sizes,
    division: Division,
    c: Address,
    operands: [Address; 2],
    words: &[u32],
    scratch: Address,
) -> Vec<Launch> {
    let Division { tile, apart } = division;
    let tiles = (sizes.m.div_ceil(tile) * sizes.n.div_ceil(tile)) as u32;
    let launch = |out: Address, deep: u32, first: u64| {
        let words = [words, &[u32::from(apart > 0), first as u32]].concat();
        let arguments =
            vec![Argument::Address(out), Argument::Address(operands[0]), Argument::Address(operands[1]), Argument::Words(words)];
        Launch { kernel: format!("{name}_{tile}"), grid: [tiles, deep], threads: 256, arguments }
    };
    if apart == 0 {
        return parts(sizes.count, u64::from(Launch::DEEP)).map(|(first, count)| launch(c, count as u32, first)).collect();
    }
    let (chunks, elements) = (sizes.k.div_ceil(CHUNK), sizes.m * sizes.n);
    let sums = |(first, count): (u64, u64)| {
        let last = u32::from(first + count == chunks);
        [launch(scratch, count as u32, first), add_chunks(c, scratch, elements, count, u32::from(first > 0), last)]
    };
    parts(chunks, apart).flat_map(sums).collect()
}

/// Adds chunks' values in order.
pub fn add_chunks(out: Address, sums: Address, elements: u64, chunks: u64, later: u32, finish: u32) -> Launch {
    let numbers = [elements as u32, chunks as u32, later, finish].map(Argument::Word);
    Launch::each("add_chunks", elements, [Argument::Address(out), Argument::Address(sums)].into_iter().chain(numbers).collect())
}

/// First and number of each part of `count` things.
fn parts(count: u64, most: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..count).step_by(most as usize).map(move |first| (first, most.min(count - first)))
}

/// Sizes and the words of `Matrices` up to the last two.
pub fn matrices(a: &Type, result: &Type, [a_transposed, b_transposed]: [bool; 2]) -> (Sizes, [u32; 9]) {
    let from_end = |of: &Type, n: usize| of.shape[of.shape.len() - n];
    let (m, n) = (from_end(result, 2), from_end(result, 1));
    let k = from_end(a, if a_transposed { 2 } else { 1 });
    let count = result.elements() / (u64::from(m) * u64::from(n));
    let (a_line, a_k) = if a_transposed { (1, m) } else { (k, 1) };
    let (b_line, b_k) = if b_transposed { (k, 1) } else { (1, n) };
    // Where a matrix has one line or column, either stride would do; the next matrix lies behind the whole of this one.
    let wide = k % STEP == 0 && n % 4 == 0 && (!a_transposed || m % 4 == 0);
    let sizes = Sizes { m: m.into(), n: n.into(), k: k.into(), count, wide };
    (sizes, [m, n, k, a_line, a_k, b_line, b_k, m * k, k * n])
}

/// Sizes and the words of `Convolution` up to the last two, from the types of image, weight and output.
pub fn convolution(op: &Op, x: &Type, weight: &Type, output: &Type) -> (Sizes, [u32; 11]) {
    let (stride, padding) = match *op {
        Op::Conv2d { stride, padding, .. } | Op::Conv2dGradInput { stride, padding, .. } | Op::Conv2dGradWeight { stride, padding, .. } => {
            (stride, padding)
        }
        _ => unreachable!("{} is no convolution", op.name()),
    };
    let ([images, height, width, inputs], [ky, kx, _, outputs]) = (axes(x), axes(weight));
    let [_, oy, ox, _] = axes(output);
    let all = |axes: [u32; 3]| axes.iter().map(|&n| u64::from(n)).product();
    let (windows, places, taps) = (all([images, oy, ox]), all([images, height, width]), all([ky, kx, 1]));
    let (m, n, k) = match op {
        Op::Conv2dGradInput { .. } => (places, inputs, taps * u64::from(outputs)),
        Op::Conv2dGradWeight { .. } => (taps * u64::from(inputs), outputs, windows),
        _ => (windows, outputs, taps * u64::from(inputs)),
    };
    let wide = k % u64::from(STEP) == 0 && inputs % 4 == 0 && outputs % 4 == 0;
    (Sizes { m, n: n.into(), k, count: 1, wide }, [images, height, width, inputs, oy, ox, outputs, ky, kx, stride, padding])
}

/// Axes of a tensor that has four.
pub fn axes(of: &Type) -> [u32; 4] {
    let mut axes = [1; 4];
    axes.iter_mut().zip(&of.shape).for_each(|(axis, &length)| *axis = length);
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_and_shares_fit_the_product() {
        let divided = |m, n, k, count, wide| {
            let Division { tile, apart } = Division::of(Sizes { m, n, k, count, wide });
            (tile, apart)
        };
        let of = |m, n, k, count| divided(m, n, k, count, true);
        assert_eq!(of(4096, 4096, 4096, 1), (128, 0));
        assert_eq!(of(384, 1536, 65_536, 1), (128, 64), "few tiles, many chunks: shared out, in two parts");
        assert_eq!(divided(4095, 4096, 4096, 1, false).0, 64, "only a small tile reads neighbours one by one");
        assert_eq!(of(64, 10, 784, 1), (64, 2));
        assert_eq!(of(64, 10, 512, 1), (64, 0), "one chunk is not shared out");
        assert_eq!(of(128, 64, 1024, 96), (64, 0), "batches are blocks enough");
        assert_eq!(of(1 << 14, 1 << 14, 1024, 1).1, 0);
    }
}
