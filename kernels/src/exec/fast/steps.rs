//! The loop of each elementwise instruction over blocks of words, vectorised across elements.
//!
//! Owns which formula an instruction is; the formulas are the reference's own functions, inlined here. Words are f32, u32 or i32 by
//! their bits.

use super::Vectorised;
use crate::contract::convert::{i32_of, u32_of};
use crate::contract::scalar::{Function, sqrt, stored};
use crate::exec::reference::{binary, holds, logistic, unary};
use crate::exec::simd::Isa;
use crate::exec::vector::apply_with;
use crate::program::{Binary, Dtype, Op, Program, Relation, Unary};

/// What a step computes of up to three words.
#[derive(Debug, Clone, Copy)]
pub enum Kernel {
    Copy,
    Map(Unary),
    Zip(Binary),
    Fma,
    Compare(Relation, Dtype),
    Select,
    Cast(Dtype, Dtype),
    Relu,
    ReluGrad,
    Sqrt,
    /// fma(factor, x, y)
    Axpy(f32),
}

/// In loops over one element: what a transcendental function takes.
const TRANSCENDENTAL: usize = 12;

impl Kernel {
    /// The kernel of an instruction, and whether its first two operands are turned. Panics on what is no step of a group.
    pub fn of(op: &Op, program: &Program) -> (Self, bool) {
        let kernel = match *op {
            Op::Map { function, .. } => Self::Map(function),
            Op::Zip { function, .. } => Self::Zip(function),
            Op::Add { .. } | Op::AddBias { .. } => Self::Zip(Binary::Add),
            Op::Fma { .. } => Self::Fma,
            Op::Compare { relation, a, .. } => Self::Compare(relation, program.type_of(a).dtype),
            Op::Select { .. } => Self::Select,
            Op::Cast { x, to } => Self::Cast(program.type_of(x).dtype, to),
            Op::Broadcast { .. } => Self::Copy,
            Op::Relu { .. } => Self::Relu,
            Op::ReluGrad { .. } => Self::ReluGrad,
            Op::Sqrt { .. } => Self::Sqrt,
            Op::Velocity { momentum, .. } => Self::Axpy(f32::from_bits(momentum)),
            Op::Descend { rate, .. } => Self::Axpy(-f32::from_bits(rate)),
            _ => unreachable!("{} is no step of a group", op.name()),
        };
        (kernel, matches!(op, Op::Descend { .. }))
    }

    /// What an element costs, in loops over one.
    pub fn cost(self) -> usize {
        match self {
            Self::Map(Unary::Negate | Unary::Absolute | Unary::Reciprocal) => 1,
            Self::Map(_) => TRANSCENDENTAL,
            _ => 1,
        }
    }

    /// `out` of the arguments that the kernel has; the others are not read.
    pub fn run(self, isa: Isa, [a, b, c]: [&[u32]; 3], out: &mut [u32]) {
        // The function is named within each loop: one that is handed to a loop is chosen again for each element.
        macro_rules! zip {
            ($function:expr, $($name:ident),*) => {
                match $function { $(Binary::$name => isa.run(Two { a, b, out, f: |a, b| binary(Binary::$name, float(a), float(b)).to_bits() }),)* }
            };
        }
        macro_rules! compare {
            ($relation:expr, $of:expr, $($name:ident),*) => {
                match $relation { $(Relation::$name => isa.run(Two { a, b, out, f: |a, b| holds(Relation::$name, $of(a), $of(b)) }),)* }
            };
        }
        match self {
            Self::Copy => out.copy_from_slice(a),
            Self::Map(function) => map(isa, function, a, out),
            Self::Zip(function) => zip!(function, Add, Subtract, Multiply, Divide, Maximum, Minimum),
            Self::Fma => isa.run(Three { a, b, c, out, f: |a, b, c| stored(float(a).mul_add(float(b), float(c))).to_bits() }),
            Self::Compare(relation, Dtype::F32) => compare!(relation, float, Equal, Less, LessOrEqual),
            Self::Compare(relation, Dtype::I32) => compare!(relation, signed, Equal, Less, LessOrEqual),
            Self::Compare(relation, _) => compare!(relation, std::convert::identity, Equal, Less, LessOrEqual),
            Self::Select => isa.run(Three { a, b, c, out, f: |condition, a, b| if condition != 0 { a } else { b } }),
            Self::Cast(from, to) => cast(isa, from, to, a, out),
            // x > 0 keeps x, a NaN is stored as the one NaN, all else (−0 too) is +0: max(x, +0).
            Self::Relu => isa.run(One { a, out, f: |x| if float(x) > 0.0 || float(x).is_nan() { stored(float(x)).to_bits() } else { 0 } }),
            Self::ReluGrad => isa.run(Two { a, b, out, f: |x, g| if float(x) > 0.0 { stored(float(g)).to_bits() } else { 0 } }),
            Self::Sqrt => isa.run(One { a, out, f: |x| sqrt(float(x)).to_bits() }),
            Self::Axpy(factor) => isa.run(Two { a, b, out, f: |x, y| stored(factor.mul_add(float(x), float(y))).to_bits() }),
        }
    }
}

#[inline(always)]
fn float(bits: u32) -> f32 {
    f32::from_bits(bits)
}

#[inline(always)]
fn signed(bits: u32) -> i32 {
    bits as i32
}

fn map(isa: Isa, function: Unary, a: &[u32], out: &mut [u32]) {
    let transcendental = |function: Function, out: &mut [u32]| {
        out.copy_from_slice(a);
        apply_with(isa, function, bytemuck::cast_slice_mut(out));
    };
    match function {
        Unary::Negate => isa.run(One { a, out, f: |x| unary(Unary::Negate, float(x)).to_bits() }),
        Unary::Absolute => isa.run(One { a, out, f: |x| unary(Unary::Absolute, float(x)).to_bits() }),
        Unary::Reciprocal => isa.run(One { a, out, f: |x| unary(Unary::Reciprocal, float(x)).to_bits() }),
        Unary::Exp => transcendental(Function::Exp, out),
        Unary::Log => transcendental(Function::Log, out),
        Unary::Tanh => transcendental(Function::Tanh, out),
        Unary::Erf => transcendental(Function::Erf, out),
        Unary::Sin => transcendental(Function::Sin, out),
        Unary::Cos => transcendental(Function::Cos, out),
        Unary::Sigmoid => {
            isa.run(One { a, out, f: |x| (-float(x).abs()).to_bits() });
            apply_with(isa, Function::Exp, bytemuck::cast_slice_mut(out));
            isa.run(Update { a, out, f: |x, e| stored(logistic(float(x), float(e))).to_bits() });
        }
    }
}

/// The reference's casts, between types of four bytes.
fn cast(isa: Isa, from: Dtype, to: Dtype, a: &[u32], out: &mut [u32]) {
    match (from, to) {
        (Dtype::F32, Dtype::U32) => isa.run(One { a, out, f: |x| u32_of(float(x)) }),
        (Dtype::F32, Dtype::I32) => isa.run(One { a, out, f: |x| i32_of(float(x)) as u32 }),
        (Dtype::U32, Dtype::F32) => isa.run(One { a, out, f: |x| (x as f32).to_bits() }),
        (Dtype::U32, Dtype::I32) => isa.run(One { a, out, f: |x: u32| x.min(i32::MAX as u32) }),
        (Dtype::I32, Dtype::F32) => isa.run(One { a, out, f: |x| (x as i32 as f32).to_bits() }),
        (Dtype::I32, Dtype::U32) => isa.run(One { a, out, f: |x| (x as i32).max(0) as u32 }),
        _ => unreachable!("{} to {} is no step of a group", from.name(), to.name()),
    }
}

struct One<'a, F> {
    a: &'a [u32],
    out: &'a mut [u32],
    f: F,
}

impl<F: Fn(u32) -> u32> Vectorised for One<'_, F> {
    #[inline(always)]
    fn run(self) {
        for (out, &a) in self.out.iter_mut().zip(self.a) {
            *out = (self.f)(a);
        }
    }
}

/// out = f(a, out)
struct Update<'a, F> {
    a: &'a [u32],
    out: &'a mut [u32],
    f: F,
}

impl<F: Fn(u32, u32) -> u32> Vectorised for Update<'_, F> {
    #[inline(always)]
    fn run(self) {
        for (out, &a) in self.out.iter_mut().zip(self.a) {
            *out = (self.f)(a, *out);
        }
    }
}

struct Two<'a, F> {
    a: &'a [u32],
    b: &'a [u32],
    out: &'a mut [u32],
    f: F,
}

impl<F: Fn(u32, u32) -> u32> Vectorised for Two<'_, F> {
    #[inline(always)]
    fn run(self) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out = (self.f)(a, b);
        }
    }
}

struct Three<'a, F> {
    a: &'a [u32],
    b: &'a [u32],
    c: &'a [u32],
    out: &'a mut [u32],
    f: F,
}

impl<F: Fn(u32, u32, u32) -> u32> Vectorised for Three<'_, F> {
    #[inline(always)]
    fn run(self) {
        for (((out, &a), &b), &c) in self.out.iter_mut().zip(self.a).zip(self.b).zip(self.c) {
            *out = (self.f)(a, b, c);
        }
    }
}
