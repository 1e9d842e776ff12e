//! Shapes, sizes and order, checked before anything is allocated.
//!
//! Owns the type of every instruction's result and the limits of a program. Refuses repair: what does not fit is refused
//! with a reason that names the instruction.

mod movement;
mod site;
mod windows;

use super::ir::{Dtype, Id, Type};
use super::op::Op;
use crate::contract::philox::PROGRAM_SITES;
use crate::error::ProgramError;
use site::SiteOf;

/// Limits of one program. A program beyond them is refused before memory is asked for.
pub mod limits {
    /// Instructions of a program.
    pub const INSTRUCTIONS: usize = 16_384;
    /// Operands of one instruction.
    pub const OPERANDS: usize = 256;
    /// Axes of a tensor.
    pub const AXES: usize = 4;
    /// Elements of one tensor: 1 GiB of f32.
    pub const ELEMENTS: u64 = 1 << 28;
    /// Bytes of all values that live at one time.
    pub const BYTES: u64 = 4 << 30;
    /// Common axis of an integer product: 2^17 × 127² is below 2^31.
    pub const EXACT: u32 = 1 << 17;
}

/// The type of the instruction's result.
pub fn infer(id: Id, op: &Op, types: &[Type]) -> Result<Type, ProgramError> {
    let site = SiteOf { id, op, types };
    if id as usize >= limits::INSTRUCTIONS {
        return site.too_large("the number of instructions", u64::from(id) + 1, limits::INSTRUCTIONS as u64);
    }
    let operands = op.operands();
    if operands.len() > limits::OPERANDS {
        return site.too_large("the number of operands", operands.len() as u64, limits::OPERANDS as u64);
    }
    if let Some(&operand) = operands.iter().find(|&&operand| operand as usize >= types.len()) {
        return Err(ProgramError::Cyclic { id, op: op.name(), operand });
    }
    let result = site.infer()?;
    site.sized(&result)?;
    Ok(result)
}

impl SiteOf<'_> {
    fn infer(&self) -> Result<Type, ProgramError> {
        match self.op {
            Op::State { shape, .. } | Op::Fill { shape, .. } => Ok(Type::f32(shape)),
            Op::Input { dtype, shape, .. } => Ok(Type { dtype: *dtype, shape: shape.clone() }),
            Op::Iota { axis, shape } => self.axis_of(&Type::u32(shape), *axis).map(|_| Type::u32(shape)),
            Op::FillInteger { dtype, shape, .. } => self.filled(*dtype, shape),
            Op::Random { seed, samples, step, site, shape } => self.random([*seed, *samples, *step], *site, shape),
            &Op::MatMul { a, b, a_transposed, b_transposed } => self.product(self.matrix(a)?, a_transposed, self.matrix(b)?, b_transposed),
            &Op::BatchedMatMul { a, b, a_transposed, b_transposed } => self.batched([a, b], a_transposed, b_transposed),
            &Op::MatMulI8 { a, b, a_transposed, b_transposed } => self.exact([a, b], a_transposed, b_transposed),
            &Op::AddBias { x, bias } => {
                let [m, n] = self.matrix(x)?;
                self.same("the bias", self.vector(bias)?, n)?;
                Ok(Type::f32(&[m, n]))
            }
            &Op::Relu { x } | &Op::Sqrt { x } | &Op::Map { x, .. } => self.float(x).cloned(),
            &Op::Detach { x } => Ok(self.of(x).clone()),
            &Op::Cast { x, to } => self.cast(x, to),
            &Op::Zip { a, b, .. } => self.broadcast_floats(&[a, b]),
            &Op::Fma { a, b, c } => self.broadcast_floats(&[a, b, c]),
            &Op::Compare { a, b, .. } => self.compared(a, b),
            &Op::Select { condition, a, b } => self.selected(condition, a, b),
            &Op::Reduce { x, axis, .. } => {
                let mut result = self.float(x)?.clone();
                let axis = self.axis_of(&result, axis)?;
                result.shape[axis] = 1;
                Ok(result)
            }
            Op::Broadcast { .. } | Op::Reshape { .. } | Op::Permute { .. } | Op::Slice { .. } | Op::Concat { .. } => self.moved(),
            Op::Conv2d { .. }
            | Op::Conv2dGradInput { .. }
            | Op::Conv2dGradWeight { .. }
            | Op::MaxPool { .. }
            | Op::MaxPoolGrad { .. }
            | Op::AveragePool { .. }
            | Op::AveragePoolGrad { .. } => self.windowed(),
            &Op::ReluGrad { x: a, gradient: b }
            | &Op::Add { a, b }
            | &Op::Velocity { velocity: a, gradient: b, .. }
            | &Op::Descend { parameter: a, velocity: b, .. } => self.alike(a, b),
            &Op::CrossEntropy { logits, labels } => {
                let [m, _] = self.rows_with_labels(logits, labels)?;
                Ok(Type::f32(&[m]))
            }
            &Op::CrossEntropyGrad { logits, labels, gradient } => {
                let [m, n] = self.rows_with_labels(logits, labels)?;
                self.same("the gradient", self.vector(gradient)?, m)?;
                Ok(Type::f32(&[m, n]))
            }
            &Op::Mean { x } => self.vector(x).map(|_| Type::f32(&[])),
            &Op::MeanGrad { gradient, count } => {
                self.same("the gradient's number of elements", self.float(gradient)?.elements() as u32, 1)?;
                Ok(Type::f32(&[count]))
            }
            &Op::SumRows { x } => self.matrix(x).map(|[_, n]| Type::f32(&[n])),
            &Op::SumSquares { x } => self.float(x).map(|_| Type::f32(&[])),
            &Op::Argmax { x } => self.matrix(x).map(|[m, _]| Type::u32(&[m])),
            &Op::Embedding { table, ids } => {
                let [_, width] = self.matrix(table)?;
                Ok(Type::f32(&[&self.typed(ids, Dtype::U32)?.shape[..], &[width]].concat()))
            }
            &Op::EmbeddingGrad { ids, gradient, rows } => self.embedding_grad(ids, gradient, rows),
        }
    }

    fn filled(&self, dtype: Dtype, shape: &[u32]) -> Result<Type, ProgramError> {
        match dtype {
            Dtype::U32 | Dtype::I32 => Ok(Type { dtype, shape: shape.to_vec() }),
            _ => self.refuse(format!("{} is no type of its integers: u32 or i32 is wanted", dtype.name())),
        }
    }

    fn random(&self, [seed, samples, step]: [Id; 3], site: u32, shape: &[u32]) -> Result<Type, ProgramError> {
        self.exactly("the seed", seed, &Type::u32(&[2]))?;
        self.exactly("the step", step, &Type::u32(&[]))?;
        if site < PROGRAM_SITES {
            return self.refuse(format!("site {site} is not a program's: those begin at {PROGRAM_SITES}"));
        }
        match self.typed(samples, Dtype::U32)?.shape[..] {
            [count] => Ok(Type::u32(&[&[count], shape].concat())),
            _ => self.refuse(format!("the samples are {}, a vector is wanted", self.of(samples))),
        }
    }

    fn product(&self, a: [u32; 2], a_transposed: bool, b: [u32; 2], b_transposed: bool) -> Result<Type, ProgramError> {
        let ([m, k], [other_k, n]) = (turned(a, a_transposed), turned(b, b_transposed));
        self.same("the common axis", k, other_k)?;
        Ok(Type::f32(&[m, n]))
    }

    fn batched(&self, [a, b]: [Id; 2], a_transposed: bool, b_transposed: bool) -> Result<Type, ProgramError> {
        let (Some((batch, rows)), Some((other, columns))) = (self.stack(a)?, self.stack(b)?) else {
            return self.refuse(format!(
                "value {a} is {}, value {b} is {}: matrices under leading axes are wanted",
                self.of(a),
                self.of(b)
            ));
        };
        if batch != other {
            return self.refuse(format!("value {a} is {}, value {b} is {}: their leading axes differ", self.of(a), self.of(b)));
        }
        let matrix = self.product(rows, a_transposed, columns, b_transposed)?;
        Ok(Type::f32(&[batch, &matrix.shape].concat()))
    }

    /// The leading axes and the matrix of a tensor of at least three axes.
    fn stack(&self, operand: Id) -> Result<Option<(&[u32], [u32; 2])>, ProgramError> {
        let stacked = self.float(operand)?.shape.split_last_chunk::<2>();
        Ok(stacked.filter(|(batch, _)| !batch.is_empty()).map(|(batch, &matrix)| (batch, matrix)))
    }

    fn exact(&self, operands: [Id; 2], a_transposed: bool, b_transposed: bool) -> Result<Type, ProgramError> {
        let [a, b] = operands.map(|operand| match self.typed(operand, Dtype::I8)?.shape[..] {
            [m, n] => Ok([m, n]),
            _ => self.refuse(format!("value {operand} is {}, a matrix is wanted", self.of(operand))),
        });
        let (a, b) = (a?, b?);
        let [_, k] = turned(a, a_transposed);
        if k > limits::EXACT {
            return self.too_large("the common axis", u64::from(k), u64::from(limits::EXACT));
        }
        Ok(Type { dtype: Dtype::I32, ..self.product(a, a_transposed, b, b_transposed)? })
    }

    fn cast(&self, x: Id, to: Dtype) -> Result<Type, ProgramError> {
        let Type { dtype: from, shape } = self.of(x);
        let through_f32 = [*from, to].contains(&Dtype::Bf16) && ![*from, to].contains(&Dtype::F32);
        if *from == to || through_f32 {
            return self.refuse(format!("{} is not turned to {}", from.name(), to.name()));
        }
        Ok(Type { dtype: to, shape: shape.clone() })
    }

    fn compared(&self, a: Id, b: Id) -> Result<Type, ProgramError> {
        self.one_type(a, b)?;
        if matches!(self.of(a).dtype, Dtype::I8 | Dtype::Bf16) {
            return self.refuse(format!("value {a} is {}: f32, u32 or i32 is compared", self.of(a)));
        }
        Ok(Type::u32(&self.broadcast(&[a, b])?))
    }

    fn selected(&self, condition: Id, a: Id, b: Id) -> Result<Type, ProgramError> {
        self.typed(condition, Dtype::U32)?;
        self.one_type(a, b)?;
        Ok(Type { dtype: self.of(a).dtype, shape: self.broadcast(&[condition, a, b])? })
    }

    fn embedding_grad(&self, ids: Id, gradient: Id, rows: u32) -> Result<Type, ProgramError> {
        let places = &self.typed(ids, Dtype::U32)?.shape;
        match self.float(gradient)?.shape.split_last() {
            Some((&width, leading)) if leading == &places[..] => Ok(Type::f32(&[rows, width])),
            _ => self.refuse(format!("value {gradient} is {}: a row for each of {} is wanted", self.of(gradient), self.of(ids))),
        }
    }

    fn rows_with_labels(&self, logits: Id, labels: Id) -> Result<[u32; 2], ProgramError> {
        let [m, n] = self.matrix(logits)?;
        let found = self.of(labels);
        if *found != Type::u32(&[m]) {
            return self.refuse(format!("value {labels} is {found}, labels u32[{m}] are wanted"));
        }
        Ok([m, n])
    }

    fn sized(&self, result: &Type) -> Result<(), ProgramError> {
        if result.shape.len() > limits::AXES {
            return self.too_large("the number of axes", result.shape.len() as u64, limits::AXES as u64);
        }
        if result.elements() > limits::ELEMENTS {
            return self.too_large("the number of elements", result.elements(), limits::ELEMENTS);
        }
        if result.shape.contains(&0) {
            return self.refuse(format!("an axis of {result} is empty"));
        }
        Ok(())
    }
}

fn turned([rows, columns]: [u32; 2], transposed: bool) -> [u32; 2] {
    if transposed { [columns, rows] } else { [rows, columns] }
}
