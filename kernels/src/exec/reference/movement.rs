//! What moves elements and rounds nothing.

use crate::exec::tensor::{Element, Elements, typed};
use crate::exec::walk::Walk;

/// Repeating, turning, cutting and joining.
pub trait Movement {
    /// The elements where the walk says.
    fn gather(&self, walk: &Walk<1>, x: &Elements) -> Elements {
        typed!(x, T => { let x = T::of(x); T::elements(walk.offsets().map(|[i]| x[i]).collect()) })
    }

    /// For each of `outer` places the part's run of elements, part after part; `runs` are their lengths.
    fn concat(&self, outer: usize, parts: &[(&Elements, usize)]) -> Elements {
        fn joined<T: Element>(outer: usize, parts: &[(&Elements, usize)]) -> Elements {
            let run = |place: usize, &(part, run): &(_, usize)| T::of(part)[place * run..(place + 1) * run].to_vec();
            T::elements((0..outer).flat_map(|place| parts.iter().flat_map(move |part| run(place, part))).collect())
        }
        typed!(parts[0].0, T => joined::<T>(outer, parts))
    }
}
