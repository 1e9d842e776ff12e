//! Movement in runs: where a row of the result is contiguous or repeated in the operand, it is copied or filled at once.

use super::Fast;
use crate::exec::reference::Movement;
use crate::exec::tensor::{Element, Elements, typed};
use crate::exec::walk::Walk;

impl Movement for Fast {
    fn gather(&self, walk: &Walk<1>, x: &Elements) -> Elements {
        typed!(x, T => T::elements(self.gathered(walk, T::of(x))))
    }

    fn concat(&self, outer: usize, parts: &[(&Elements, usize)]) -> Elements {
        fn joined<T: Element>(outer: usize, parts: &[(&Elements, usize)]) -> Elements {
            let mut out = Vec::with_capacity(outer * parts.iter().map(|(_, run)| run).sum::<usize>());
            for place in 0..outer {
                parts.iter().for_each(|&(part, run)| out.extend_from_slice(&T::of(part)[place * run..(place + 1) * run]));
            }
            T::elements(out)
        }
        typed!(parts[0].0, T => joined::<T>(outer, parts))
    }
}

impl Fast {
    fn gathered<T: Element + Default + Send + Sync>(&self, walk: &Walk<1>, x: &[T]) -> Vec<T> {
        let row = walk.row();
        let mut out = vec![T::default(); walk.count()];
        self.parts(&mut out, row.length, |first, out| {
            for (index, out) in out.chunks_mut(row.length).enumerate() {
                let [at] = walk.at(first + index * row.length);
                match row.strides[0] {
                    0 => out.fill(x[at]),
                    1 => out.copy_from_slice(&x[at..at + out.len()]),
                    stride => out.iter_mut().zip(x[at..].iter().step_by(stride)).for_each(|(out, &x)| *out = x),
                }
            }
        });
        out
    }
}
