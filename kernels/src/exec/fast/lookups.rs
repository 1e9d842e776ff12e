//! Rows by their ids, vectorised across columns, and random words, four to a counter.

use super::Fast;
use super::reductions::Fold;
use crate::contract::order::CHUNK;
use crate::contract::philox::philox;
use crate::contract::scalar::{NAN, stored};
use crate::exec::reference::{Draw, Lookups};

impl Lookups for Fast {
    fn embedding(&self, columns: usize, table: &[f32], ids: &[u32]) -> Vec<f32> {
        let mut out = vec![NAN; columns * ids.len()];
        self.parts(&mut out, columns, |first, out| {
            for (&id, out) in ids[first / columns..].iter().zip(out.chunks_mut(columns)) {
                if let Some(row) = table.chunks(columns).nth(id as usize) {
                    out.copy_from_slice(row);
                }
            }
        });
        out
    }

    fn embedding_grad(&self, rows: usize, columns: usize, ids: &[u32], gradient: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; rows * columns];
        // Counts of terms in each row's open chunk, whose sums are in `chunk` from its second chunk on.
        let mut seen = vec![0usize; rows];
        let mut chunks: std::collections::BTreeMap<usize, Vec<f32>> = std::collections::BTreeMap::new();
        for (&id, gradient) in ids.iter().zip(gradient.chunks(columns)) {
            let id = id as usize;
            let Some(count) = seen.get_mut(id) else { continue };
            let total = &mut out[id * columns..(id + 1) * columns];
            if *count < CHUNK {
                self.isa.run(Fold { from: gradient, into: total, step: |sum, g| sum + g });
            } else {
                let chunk = chunks.entry(id).or_insert_with(|| vec![0.0; columns]);
                if *count > CHUNK && *count % CHUNK == 0 {
                    self.isa.run(Fold { from: chunk, into: total, step: |total, chunk| total + chunk });
                    chunk.fill(0.0);
                }
                self.isa.run(Fold { from: gradient, into: chunk, step: |sum, g| sum + g });
            }
            *count += 1;
        }
        for (id, chunk) in chunks {
            let total = &mut out[id * columns..(id + 1) * columns];
            self.isa.run(Fold { from: &chunk, into: total, step: |total, chunk| total + chunk });
        }
        out.iter_mut().for_each(|value| *value = stored(*value));
        out
    }

    fn random(&self, draw: Draw, samples: &[u32], count: usize) -> Vec<u32> {
        let mut out = vec![0; samples.len() * count];
        self.parts(&mut out, count, |first, out| {
            for (&sample, out) in samples[first / count..].iter().zip(out.chunks_mut(count)) {
                for (block, out) in (0u32..).zip(out.chunks_mut(4)) {
                    out.copy_from_slice(&philox(draw.key, [block, sample, draw.site, draw.step])[..out.len()]);
                }
            }
        });
        out
    }
}
