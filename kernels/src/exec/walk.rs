//! How the elements of a result lie in operands that are repeated, turned or cut.
//!
//! Owns the offset of each result element in each of N operands: strides over merged axes, 0 where an operand is repeated.
//! Refuses to know what is done with the elements.

/// The places of a result's elements in N operands.
#[derive(Debug, Clone)]
pub struct Walk<const N: usize> {
    /// Outermost first, none of length 1, merged where every operand runs on.
    axes: Vec<Axis<N>>,
    start: [usize; N],
}

#[derive(Debug, Clone, Copy)]
struct Axis<const N: usize> {
    length: usize,
    strides: [usize; N],
}

/// The innermost axis of a walk: its length, and how far each operand goes with each step.
#[derive(Debug, Clone, Copy)]
pub struct Row<const N: usize> {
    pub length: usize,
    pub strides: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// Operands that broadcast to `result`.
    pub fn broadcast(result: &[u32], operands: [&[u32]; N]) -> Self {
        let own = operands.map(strides);
        let axes = result.iter().enumerate().map(|(axis, &length)| {
            let stride = |operand: usize| {
                let absent = result.len() - operands[operand].len();
                if axis < absent || operands[operand][axis - absent] == 1 { 0 } else { own[operand][axis - absent] }
            };
            Axis { length: length as usize, strides: std::array::from_fn(stride) }
        });
        Self::merged(axes, [0; N])
    }

    fn merged(axes: impl Iterator<Item = Axis<N>>, start: [usize; N]) -> Self {
        let mut merged: Vec<Axis<N>> = vec![];
        for axis in axes.filter(|axis| axis.length > 1) {
            match merged.last_mut() {
                Some(outer) if (0..N).all(|n| outer.strides[n] == axis.strides[n] * axis.length) => {
                    *outer = Axis { length: outer.length * axis.length, strides: axis.strides };
                }
                _ => merged.push(axis),
            }
        }
        Self { axes: merged, start }
    }

    /// Elements of the result.
    pub fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.length).product()
    }

    /// The innermost axis.
    pub fn row(&self) -> Row<N> {
        let inner = self.axes.last().map_or(Axis { length: 1, strides: [0; N] }, |&axis| axis);
        Row { length: inner.length, strides: inner.strides }
    }

    /// Where element `index` of the result is in each operand.
    pub fn at(&self, index: usize) -> [usize; N] {
        let (mut offsets, mut rest) = (self.start, index);
        for axis in self.axes.iter().rev() {
            let place = rest % axis.length;
            rest /= axis.length;
            (0..N).for_each(|n| offsets[n] += place * axis.strides[n]);
        }
        offsets
    }

    /// The offsets of all elements, in the result's order.
    pub fn offsets(&self) -> impl Iterator<Item = [usize; N]> {
        let row = self.row();
        (0..self.count()).step_by(row.length).flat_map(move |first| {
            let start = self.at(first);
            (0..row.length).map(move |place| std::array::from_fn(|n| start[n] + place * row.strides[n]))
        })
    }
}

impl Walk<1> {
    /// Whether the operand is repeated as a whole, from its first element to its last.
    pub fn repeats_whole(&self) -> bool {
        matches!(self.axes[..], [Axis { strides: [0], .. }, Axis { strides: [1], .. }])
    }

    /// Axis i of the result is axis `axes[i]` of an operand of `shape`.
    pub fn permuted(shape: &[u32], axes: &[u32]) -> Self {
        let own = strides(shape);
        let axes = axes.iter().map(|&axis| Axis { length: shape[axis as usize] as usize, strides: [own[axis as usize]] });
        Self::merged(axes, [0])
    }

    /// `length` places from `start` of one axis of an operand of `shape`.
    pub fn sliced(shape: &[u32], axis: u32, start: u32, length: u32) -> Self {
        let own = strides(shape);
        let axis = axis as usize;
        let axes = shape.iter().enumerate().map(|(at, &n)| {
            let length = if at == axis { length } else { n };
            Axis { length: length as usize, strides: [own[at]] }
        });
        Self::merged(axes, [start as usize * own[axis]])
    }
}

/// Row-major: the last axis runs fastest.
fn strides(shape: &[u32]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as usize;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(walk: Walk<1>) -> Vec<usize> {
        walk.offsets().map(|[at]| at).collect()
    }

    #[test]
    fn offsets_of_what_is_repeated_turned_or_cut() {
        assert_eq!(firsts(Walk::broadcast(&[2, 3], [&[3]])), [0, 1, 2, 0, 1, 2]);
        assert_eq!(firsts(Walk::broadcast(&[2, 3], [&[2, 1]])), [0, 0, 0, 1, 1, 1]);
        assert_eq!(firsts(Walk::broadcast(&[2, 2], [&[]])), [0; 4]);
        assert_eq!(firsts(Walk::permuted(&[2, 3], &[1, 0])), [0, 3, 1, 4, 2, 5]);
        assert_eq!(firsts(Walk::sliced(&[2, 3], 1, 1, 2)), [1, 2, 4, 5]);
        assert_eq!(firsts(Walk::broadcast(&[], [&[]])), [0]);
    }

    #[test]
    fn axes_merge_where_every_operand_runs_on() {
        let walk = Walk::broadcast(&[4, 5, 6], [&[4, 5, 6], &[]]);
        assert_eq!((walk.row().length, walk.row().strides), (120, [1, 0]));
        let walk = Walk::broadcast(&[4, 5, 6], [&[4, 5, 6], &[5, 6]]);
        assert_eq!((walk.row().length, walk.row().strides), (30, [1, 1]));
    }
}
