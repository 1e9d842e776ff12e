//! Orders of accumulation: the chunk rule and the lane rule, as short as they can be said.
//!
//! Owns which rounding happens after which. Refuses layout, threads and vectors: those may not change a bit.

use super::scalar::{fma, stored};

/// Products in one chunk of a contraction.
pub const CHUNK: usize = 512;
/// Elements in one block of a sum over the last axis.
pub const BLOCK: usize = 4096;
/// Lanes of a block.
pub const LANES: usize = 32;

/// Σ a·b over `count` terms, `term(k)` giving the k-th pair: chunks of 512, each from +0 with fused steps, k ascending;
/// then the chunks' values added in order.
pub fn chunked_dot(count: usize, term: impl Fn(usize) -> (f32, f32)) -> f32 {
    chunked(count, |accumulator, k| {
        let (a, b) = term(k);
        fma(a, b, accumulator)
    })
}

/// Σ x over `count` terms by the chunk rule: the order of a reduction over any axis but the last.
pub fn chunked_sum(count: usize, term: impl Fn(usize) -> f32) -> f32 {
    chunked(count, |accumulator, k| accumulator + term(k))
}

fn chunked(count: usize, step: impl Fn(f32, usize) -> f32) -> f32 {
    let chunk = |first: usize| (first..count.min(first + CHUNK)).fold(0.0, &step);
    let mut total = chunk(0);
    for first in (CHUNK..count).step_by(CHUNK) {
        total += chunk(first);
    }
    stored(total)
}

/// Σ x by the lane rule: the order of a sum over the last axis.
pub fn lane_sum(values: &[f32]) -> f32 {
    lanes(values, |lane, x| lane + x)
}

/// Σ x² by the lane rule, each square fused into its lane.
pub fn lane_sum_of_squares(values: &[f32]) -> f32 {
    lanes(values, |lane, x| fma(x, x, lane))
}

/// The blocks' results are reduced by the same rule, as a plain sum: they are squares already.
fn lanes(values: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
    if values.len() <= BLOCK {
        return stored(block(values, &step));
    }
    let blocks: Vec<f32> = values.chunks(BLOCK).map(|part| block(part, &step)).collect();
    lane_sum(&blocks)
}

fn block(values: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (i, &x) in values.iter().enumerate() {
        lanes[i % LANES] = step(lanes[i % LANES], x);
    }
    fold_lanes(lanes)
}

/// j += j+16, 8, 4, 2, 1.
pub fn fold_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The larger of two: NaN wins, −0 < +0.
#[inline(always)]
pub fn max(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a > b || (a == b && a.is_sign_positive()) {
        a
    } else {
        b
    }
}

/// The lowest index of the largest value; a NaN is larger than any number.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate().skip(1) {
        let beats = if row[best].is_nan() { false } else { x.is_nan() || x > row[best] };
        if beats {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_sum_is_plus_zero() {
        assert_eq!(chunked_dot(0, |_| (1.0, 1.0)).to_bits(), 0);
        assert_eq!(lane_sum(&[]).to_bits(), 0);
        assert_eq!(lane_sum(&[-0.0; 3]).to_bits(), 0);
    }

    #[test]
    fn a_chunk_ends_after_512_terms() {
        // 2^24 swallows single ones inside its chunk, not the second chunk's total of them.
        let value = |k: usize| if k == 0 { 16_777_216.0 } else { 1.0 };
        assert_eq!(chunked_sum(512, value), 16_777_216.0);
        assert_eq!(chunked_sum(1024, value), 16_777_216.0 + 512.0);
    }

    #[test]
    fn element_i_goes_to_lane_i_mod_32() {
        let mut values = vec![1.0f32; 64];
        values[0] = 16_777_216.0;
        // Lane 0 holds 2^24 + 1 = 2^24; lane 16 joins it with 2 first, then the pairs of the other lanes.
        assert_eq!(lane_sum(&values), 16_777_216.0 + 62.0);
    }

    #[test]
    fn zeros_and_nans_have_an_order() {
        assert_eq!(max(-0.0, 0.0).to_bits(), 0);
        assert_eq!(max(0.0, -0.0).to_bits(), 0);
        assert!(max(f32::NAN, 1.0).is_nan());
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[1.0, f32::NAN, f32::INFINITY, f32::NAN]), 1);
    }
}
