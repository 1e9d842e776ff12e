//! Shapes, sizes and order, checked before anything is allocated.
//!
//! Owns the type of every instruction's result and the limits of a program. Refuses repair: no broadcasting, no casts.

use super::ir::{Dtype, Id, Op, Type};
use crate::error::ProgramError;

/// Limits of one program. A program beyond them is refused before memory is asked for.
pub mod limits {
    /// Instructions of a program.
    pub const INSTRUCTIONS: usize = 4_096;
    /// Axes of a tensor.
    pub const AXES: usize = 4;
    /// Elements of one tensor: 1 GiB of f32.
    pub const ELEMENTS: u64 = 1 << 28;
    /// Bytes of all values of a program together.
    pub const BYTES: u64 = 4 << 30;
}

/// Whether one more instruction fits into the program at all.
pub fn admit(id: Id, op: &Op, bytes: u64) -> Result<(), ProgramError> {
    let large = |subject, size, limit| Err(ProgramError::TooLarge { id, op: op.name(), subject, size, limit });
    if id as usize >= limits::INSTRUCTIONS {
        return large("the number of instructions", u64::from(id) + 1, limits::INSTRUCTIONS as u64);
    }
    if bytes > limits::BYTES {
        return large("the program's memory in bytes", bytes, limits::BYTES);
    }
    Ok(())
}

/// The type of the instruction's result.
pub fn infer(id: Id, op: &Op, types: &[Type]) -> Result<Type, ProgramError> {
    for operand in op.operands() {
        if operand as usize >= types.len() {
            return Err(ProgramError::Cyclic { id, op: op.name(), operand });
        }
    }
    let site = SiteOf { id, op, types };
    let result = site.infer()?;
    site.sized(&result)?;
    Ok(result)
}

struct SiteOf<'a> {
    id: Id,
    op: &'a Op,
    types: &'a [Type],
}

impl SiteOf<'_> {
    fn infer(&self) -> Result<Type, ProgramError> {
        match self.op {
            Op::State { shape, .. } | Op::Fill { shape, .. } => Ok(Type::f32(shape)),
            Op::Input { dtype, shape, .. } => Ok(Type { dtype: *dtype, shape: shape.clone() }),
            &Op::MatMul { a, b, a_transposed, b_transposed } => {
                let ([m, k], [other_k, n]) = (turned(self.matrix(a)?, a_transposed), turned(self.matrix(b)?, b_transposed));
                self.same("the common axis", k, other_k)?;
                Ok(Type::f32(&[m, n]))
            }
            &Op::AddBias { x, bias } => {
                let [m, n] = self.matrix(x)?;
                self.same("the bias", self.vector(bias)?, n)?;
                Ok(Type::f32(&[m, n]))
            }
            &Op::Relu { x } | &Op::Sqrt { x } => self.float(x).cloned(),
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
        }
    }

    fn refuse<T>(&self, reason: String) -> Result<T, ProgramError> {
        Err(ProgramError::Shape { id: self.id, op: self.op.name(), reason })
    }

    fn float(&self, operand: Id) -> Result<&Type, ProgramError> {
        let found = &self.types[operand as usize];
        match found.dtype {
            Dtype::F32 => Ok(found),
            Dtype::U32 => self.refuse(format!("value {operand} is {found}, f32 is wanted")),
        }
    }

    fn matrix(&self, operand: Id) -> Result<[u32; 2], ProgramError> {
        let found = self.float(operand)?;
        match found.shape[..] {
            [m, n] => Ok([m, n]),
            _ => self.refuse(format!("value {operand} is {found}, a matrix is wanted")),
        }
    }

    fn vector(&self, operand: Id) -> Result<u32, ProgramError> {
        let found = self.float(operand)?;
        match found.shape[..] {
            [n] => Ok(n),
            _ => self.refuse(format!("value {operand} is {found}, a vector is wanted")),
        }
    }

    fn alike(&self, a: Id, b: Id) -> Result<Type, ProgramError> {
        let (left, right) = (self.float(a)?, self.float(b)?);
        if left != right {
            return self.refuse(format!("value {a} is {left}, value {b} is {right}: they must be alike"));
        }
        Ok(left.clone())
    }

    fn rows_with_labels(&self, logits: Id, labels: Id) -> Result<[u32; 2], ProgramError> {
        let [m, n] = self.matrix(logits)?;
        let found = &self.types[labels as usize];
        if *found != Type::u32(&[m]) {
            return self.refuse(format!("value {labels} is {found}, labels u32[{m}] are wanted"));
        }
        Ok([m, n])
    }

    fn same(&self, subject: &str, found: u32, wanted: u32) -> Result<(), ProgramError> {
        if found != wanted {
            return self.refuse(format!("{subject} is {found} on one side and {wanted} on the other"));
        }
        Ok(())
    }

    fn sized(&self, result: &Type) -> Result<(), ProgramError> {
        let large = |subject, size, limit| Err(ProgramError::TooLarge { id: self.id, op: self.op.name(), subject, size, limit });
        if result.shape.len() > limits::AXES {
            return large("the number of axes", result.shape.len() as u64, limits::AXES as u64);
        }
        if result.elements() > limits::ELEMENTS {
            return large("the number of elements", result.elements(), limits::ELEMENTS);
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
