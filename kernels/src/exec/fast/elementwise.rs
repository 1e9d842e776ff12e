//! Element-wise loops over operands that may be repeated, vectorised across the result's elements.
//!
//! Owns one loop of up to three operands: where one is repeated along a row, its element is spread over a block first, so
//! that the loop only ever runs over slices. Refuses formulas: those are the reference's own functions, inlined here.

use super::{Fast, Vectorised};
use crate::contract::scalar::{Function, stored};
use crate::exec::reference::{Elementwise, binary, holds, logistic, unary};
use crate::exec::tensor::{Element, Elements, typed};
use crate::exec::vector::apply_with;
use crate::exec::walk::Walk;
use crate::program::{Binary, Relation, Unary};

/// Elements that a loop takes at once: three spread operands of f32 fit the nearest cache.
const BLOCK: usize = 512;

impl Elementwise for Fast {
    fn map(&self, function: Unary, x: &[f32]) -> Vec<f32> {
        let all = Walk::broadcast(&[x.len() as u32], [&[x.len() as u32], &[], &[]]);
        match function {
            Unary::Negate => self.spread(&all, x, &[()], &[()], |x, (), ()| unary(Unary::Negate, x)),
            Unary::Absolute => self.spread(&all, x, &[()], &[()], |x, (), ()| unary(Unary::Absolute, x)),
            Unary::Reciprocal => self.spread(&all, x, &[()], &[()], |x, (), ()| unary(Unary::Reciprocal, x)),
            Unary::Exp => self.transcendental(Function::Exp, x.to_vec()),
            Unary::Log => self.transcendental(Function::Log, x.to_vec()),
            Unary::Tanh => self.transcendental(Function::Tanh, x.to_vec()),
            Unary::Erf => self.transcendental(Function::Erf, x.to_vec()),
            Unary::Sin => self.transcendental(Function::Sin, x.to_vec()),
            Unary::Cos => self.transcendental(Function::Cos, x.to_vec()),
            Unary::Sigmoid => {
                let falling = self.spread(&all, x, &[()], &[()], |x: f32, (), ()| -x.abs());
                let e = self.transcendental(Function::Exp, falling);
                let walk = Walk::broadcast(&[x.len() as u32], [&[x.len() as u32], &[x.len() as u32], &[]]);
                self.spread(&walk, x, &e, &[()], |x, e, ()| stored(logistic(x, e)))
            }
        }
    }

    fn zip(&self, function: Binary, walk: &Walk<2>, a: &[f32], b: &[f32]) -> Vec<f32> {
        let walk = walk.widened();
        macro_rules! each {
            ($($name:ident),*) => {
                match function { $(Binary::$name => self.spread(&walk, a, b, &[()], |a, b, ()| binary(Binary::$name, a, b)),)* }
            };
        }
        each!(Add, Subtract, Multiply, Divide, Maximum, Minimum)
    }

    fn fma(&self, walk: &Walk<3>, a: &[f32], b: &[f32], c: &[f32]) -> Vec<f32> {
        self.spread(walk, a, b, c, |a, b, c| stored(a.mul_add(b, c)))
    }

    fn compare(&self, relation: Relation, walk: &Walk<2>, a: &Elements, b: &Elements) -> Vec<u32> {
        fn of<T: Element + PartialOrd + Default + Sync>(fast: &Fast, relation: Relation, walk: &Walk<3>, a: &[T], b: &[T]) -> Vec<u32> {
            macro_rules! each {
                ($($name:ident),*) => {
                    match relation { $(Relation::$name => fast.spread(walk, a, b, &[()], |a, b, ()| holds(Relation::$name, a, b)),)* }
                };
            }
            each!(Equal, Less, LessOrEqual)
        }
        let walk = walk.widened();
        typed!(a, T => of(self, relation, &walk, T::of(a), T::of(b)))
    }

    fn select(&self, walk: &Walk<3>, condition: &[u32], a: &Elements, b: &Elements) -> Elements {
        typed!(a, T => T::elements(self.spread(walk, condition, T::of(a), T::of(b), |c, a, b| if c != 0 { a } else { b })))
    }
}

impl Fast {
    fn transcendental(&self, function: Function, mut values: Vec<f32>) -> Vec<f32> {
        self.parts(&mut values, 1, |_, values| apply_with(self.isa, function, values));
        values
    }

    fn spread<A, B, C, T>(&self, walk: &Walk<3>, a: &[A], b: &[B], c: &[C], f: impl Fn(A, B, C) -> T + Copy + Sync) -> Vec<T>
    where
        A: Copy + Default + Sync,
        B: Copy + Default + Sync,
        C: Copy + Default + Sync,
        T: Copy + Default + Send,
    {
        let mut out = vec![T::default(); walk.count()];
        self.parts(&mut out, 1, |first, out| self.isa.run(Spread { walk, first, a: Feed::of(a), b: Feed::of(b), c: Feed::of(c), out, f }));
        out
    }
}

/// The elements of the result from `first` on.
struct Spread<'a, A, B, C, T, F> {
    walk: &'a Walk<3>,
    first: usize,
    a: Feed<'a, A>,
    b: Feed<'a, B>,
    c: Feed<'a, C>,
    out: &'a mut [T],
    f: F,
}

impl<A: Copy, B: Copy, C: Copy, T, F: Fn(A, B, C) -> T> Vectorised for Spread<'_, A, B, C, T, F> {
    #[inline(always)]
    fn run(self) {
        let Self { walk, first, mut a, mut b, mut c, out, f } = self;
        let row = walk.row();
        let mut index = first;
        let mut rest = out;
        while !rest.is_empty() {
            let (out, after) = rest.split_at_mut((row.length - index % row.length).min(rest.len()));
            index += out.len();
            rest = after;
            let [at_a, at_b, at_c] = walk.at(index - out.len());
            a.enter(at_a, row.strides[0], out.len());
            b.enter(at_b, row.strides[1], out.len());
            c.enter(at_c, row.strides[2], out.len());
            for out in out.chunks_mut(BLOCK) {
                let operands = a.next(out.len()).iter().zip(b.next(out.len())).zip(c.next(out.len()));
                for (out, ((&a, &b), &c)) in out.iter_mut().zip(operands) {
                    *out = f(a, b, c);
                }
            }
        }
    }
}

/// An operand as blocks of contiguous elements.
struct Feed<'a, E> {
    elements: &'a [E],
    at: usize,
    repeated: bool,
    block: [E; BLOCK],
}

impl<'a, E: Copy + Default> Feed<'a, E> {
    fn of(elements: &'a [E]) -> Self {
        Self { elements, at: 0, repeated: false, block: [E::default(); BLOCK] }
    }
}

impl<E: Copy> Feed<'_, E> {
    /// Begins a row of `count` elements. Strides of a row are 0 or 1: operands are dense.
    #[inline(always)]
    fn enter(&mut self, at: usize, stride: usize, count: usize) {
        self.at = at;
        self.repeated = stride == 0;
        if self.repeated {
            self.block[..count.min(BLOCK)].fill(self.elements[at]);
        }
    }

    #[inline(always)]
    fn next(&mut self, count: usize) -> &[E] {
        if self.repeated {
            return &self.block[..count];
        }
        self.at += count;
        &self.elements[self.at - count..self.at]
    }
}
