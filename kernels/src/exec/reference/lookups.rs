//! Rows by their ids, places as numbers, and random words.

use crate::contract::order::chunked_sum;
use crate::contract::philox::philox;
use crate::contract::scalar::NAN;

/// What random words are drawn under: all but sample and element.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    pub key: [u32; 2],
    pub site: u32,
    pub step: u32,
}

/// Tables and counters.
pub trait Lookups {
    fn embedding(&self, columns: usize, table: &[f32], ids: &[u32]) -> Vec<f32> {
        let absent = vec![NAN; columns];
        ids.iter().flat_map(|&id| table.chunks(columns).nth(id as usize).unwrap_or(&absent)).copied().collect()
    }

    fn embedding_grad(&self, rows: usize, columns: usize, ids: &[u32], gradient: &[f32]) -> Vec<f32> {
        let mut positions = vec![vec![]; rows];
        for (position, &id) in ids.iter().enumerate() {
            if let Some(positions) = positions.get_mut(id as usize) {
                positions.push(position);
            }
        }
        let row = |positions: Vec<usize>| -> Vec<f32> {
            (0..columns).map(|j| chunked_sum(positions.len(), |k| gradient[positions[k] * columns + j])).collect()
        };
        positions.into_iter().flat_map(row).collect()
    }

    /// For each of `outer` places and each place of the axis its number, `inner` times.
    fn iota(&self, outer: usize, length: usize, inner: usize) -> Vec<u32> {
        (0..outer).flat_map(|_| (0..length as u32).flat_map(move |place| std::iter::repeat_n(place, inner))).collect()
    }

    /// `count` words for each sample.
    fn random(&self, draw: Draw, samples: &[u32], count: usize) -> Vec<u32> {
        let word = |sample: u32, element: u32| philox(draw.key, [element / 4, sample, draw.site, draw.step])[(element % 4) as usize];
        samples.iter().flat_map(|&sample| (0..count as u32).map(move |element| word(sample, element))).collect()
    }
}
