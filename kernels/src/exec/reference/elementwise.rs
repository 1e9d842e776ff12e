//! Element by element, over operands that may be repeated.

use crate::contract::convert::{bf16, from_bf16, i8_of, i8_within, i32_of, u32_of};
use crate::contract::order::max;
use crate::contract::scalar::{cos, erf, exp, fma, log, sin, stored, tanh};
use crate::exec::tensor::{Element, Elements, typed};
use crate::exec::walk::Walk;
use crate::program::{Binary, Dtype, Relation, Unary};

/// Functions of one, two or three elements, and casts.
pub trait Elementwise {
    fn map(&self, function: Unary, x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| unary(function, x)).collect()
    }

    fn zip(&self, function: Binary, walk: &Walk<2>, a: &[f32], b: &[f32]) -> Vec<f32> {
        walk.offsets().map(|[i, j]| binary(function, a[i], b[j])).collect()
    }

    fn fma(&self, walk: &Walk<3>, a: &[f32], b: &[f32], c: &[f32]) -> Vec<f32> {
        walk.offsets().map(|[i, j, k]| fma(a[i], b[j], c[k])).collect()
    }

    fn compare(&self, relation: Relation, walk: &Walk<2>, a: &Elements, b: &Elements) -> Vec<u32> {
        fn of<T: Element + PartialOrd>(relation: Relation, walk: &Walk<2>, a: &[T], b: &[T]) -> Vec<u32> {
            walk.offsets().map(|[i, j]| holds(relation, a[i], b[j])).collect()
        }
        typed!(a, T => of(relation, walk, T::of(a), T::of(b)))
    }

    fn select(&self, walk: &Walk<3>, condition: &[u32], a: &Elements, b: &Elements) -> Elements {
        fn chosen<T: Element>(walk: &Walk<3>, condition: &[u32], a: &[T], b: &[T]) -> Elements {
            T::elements(walk.offsets().map(|[c, i, j]| if condition[c] != 0 { a[i] } else { b[j] }).collect())
        }
        typed!(a, T => chosen(walk, condition, T::of(a), T::of(b)))
    }

    fn cast(&self, to: Dtype, x: &Elements) -> Elements {
        match x {
            Elements::F32(x) => cast_of(x, to, |x| x, u32_of, i32_of, i8_of),
            Elements::U32(x) => cast_of(x, to, |x| x as f32, |x| x, |x| x.min(i32::MAX as u32) as i32, |x| i8_within(i64::from(x))),
            Elements::I32(x) => cast_of(x, to, |x| x as f32, |x| x.max(0) as u32, |x| x, |x| i8_within(i64::from(x))),
            Elements::I8(x) => cast_of(x, to, f32::from, |x| x.max(0) as u32, i32::from, |x| x),
            Elements::Bf16(x) => Elements::F32(x.iter().map(|&x| from_bf16(x)).collect()),
        }
    }
}

/// A function of one f32.
#[inline(always)]
pub fn unary(function: Unary, x: f32) -> f32 {
    stored(match function {
        Unary::Negate => -x,
        Unary::Absolute => x.abs(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Exp => exp(x),
        Unary::Log => log(x),
        Unary::Sigmoid => logistic(x, exp(-x.abs())),
        Unary::Tanh => tanh(x),
        Unary::Erf => erf(x),
        Unary::Sin => sin(x),
        Unary::Cos => cos(x),
    })
}

/// The sigmoid of x, given e^−|x|.
#[inline(always)]
pub fn logistic(x: f32, e: f32) -> f32 {
    let r = 1.0 / (1.0 + e);
    if x < 0.0 { e * r } else { r }
}

/// A function of two f32.
#[inline(always)]
pub fn binary(function: Binary, a: f32, b: f32) -> f32 {
    stored(match function {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Maximum => max(a, b),
        Binary::Minimum => -max(-a, -b),
    })
}

/// A relation of two numbers as 1 or 0.
#[inline(always)]
pub fn holds<T: PartialOrd>(relation: Relation, a: T, b: T) -> u32 {
    u32::from(match relation {
        Relation::Equal => a == b,
        Relation::Less => a < b,
        Relation::LessOrEqual => a <= b,
    })
}

fn cast_of<T: Copy>(
    x: &[T],
    to: Dtype,
    float: impl Fn(T) -> f32,
    unsigned: impl Fn(T) -> u32,
    signed: impl Fn(T) -> i32,
    small: impl Fn(T) -> i8,
) -> Elements {
    match to {
        Dtype::F32 => Elements::F32(x.iter().map(|&x| float(x)).collect()),
        Dtype::U32 => Elements::U32(x.iter().map(|&x| unsigned(x)).collect()),
        Dtype::I32 => Elements::I32(x.iter().map(|&x| signed(x)).collect()),
        Dtype::I8 => Elements::I8(x.iter().map(|&x| small(x)).collect()),
        Dtype::Bf16 => Elements::Bf16(x.iter().map(|&x| bf16(float(x))).collect()),
    }
}
