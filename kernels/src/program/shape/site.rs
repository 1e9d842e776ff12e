//! One instruction among the types of the values before it.
//!
//! Owns the questions that checks ask of operands, and the words in which a misfit is refused.

use super::super::ir::{Dtype, Id, Type};
use super::super::op::Op;
use crate::error::ProgramError;

/// An instruction whose operands are before it.
pub struct SiteOf<'a> {
    pub id: Id,
    pub op: &'a Op,
    pub types: &'a [Type],
}

impl<'a> SiteOf<'a> {
    pub fn refuse<T>(&self, reason: String) -> Result<T, ProgramError> {
        Err(ProgramError::Shape { id: self.id, op: self.op.name(), reason })
    }

    pub fn too_large<T>(&self, subject: &'static str, size: u64, limit: u64) -> Result<T, ProgramError> {
        Err(ProgramError::TooLarge { id: self.id, op: self.op.name(), subject, size, limit })
    }

    pub fn of(&self, operand: Id) -> &'a Type {
        &self.types[operand as usize]
    }

    pub fn typed(&self, operand: Id, wanted: Dtype) -> Result<&'a Type, ProgramError> {
        let found = self.of(operand);
        if found.dtype != wanted {
            return self.refuse(format!("value {operand} is {found}, {} is wanted", wanted.name()));
        }
        Ok(found)
    }

    pub fn float(&self, operand: Id) -> Result<&'a Type, ProgramError> {
        self.typed(operand, Dtype::F32)
    }

    pub fn matrix(&self, operand: Id) -> Result<[u32; 2], ProgramError> {
        let found = self.float(operand)?;
        match found.shape[..] {
            [m, n] => Ok([m, n]),
            _ => self.refuse(format!("value {operand} is {found}, a matrix is wanted")),
        }
    }

    pub fn vector(&self, operand: Id) -> Result<u32, ProgramError> {
        let found = self.float(operand)?;
        match found.shape[..] {
            [n] => Ok(n),
            _ => self.refuse(format!("value {operand} is {found}, a vector is wanted")),
        }
    }

    pub fn four_axes(&self, operand: Id) -> Result<[u32; 4], ProgramError> {
        let found = self.float(operand)?;
        match found.shape[..] {
            [a, b, c, d] => Ok([a, b, c, d]),
            _ => self.refuse(format!("value {operand} is {found}, four axes are wanted")),
        }
    }

    pub fn exactly(&self, subject: &str, operand: Id, wanted: &Type) -> Result<(), ProgramError> {
        let found = self.of(operand);
        if found != wanted {
            return self.refuse(format!("{subject} is {found}, {wanted} is wanted"));
        }
        Ok(())
    }

    pub fn alike(&self, a: Id, b: Id) -> Result<Type, ProgramError> {
        let (left, right) = (self.float(a)?, self.float(b)?);
        if left != right {
            return self.refuse(format!("value {a} is {left}, value {b} is {right}: they must be alike"));
        }
        Ok(left.clone())
    }

    pub fn one_type(&self, a: Id, b: Id) -> Result<(), ProgramError> {
        if self.of(a).dtype != self.of(b).dtype {
            return self.refuse(format!("value {a} is {}, value {b} is {}: one element type is wanted", self.of(a), self.of(b)));
        }
        Ok(())
    }

    pub fn same(&self, subject: &str, found: u32, wanted: u32) -> Result<(), ProgramError> {
        if found != wanted {
            return self.refuse(format!("{subject} is {found} on one side and {wanted} on the other"));
        }
        Ok(())
    }

    pub fn axis_of(&self, of: &Type, axis: u32) -> Result<usize, ProgramError> {
        if axis as usize >= of.shape.len() {
            return self.refuse(format!("{of} has no axis {axis}"));
        }
        Ok(axis as usize)
    }

    pub fn broadcast_floats(&self, operands: &[Id]) -> Result<Type, ProgramError> {
        for &operand in operands {
            self.float(operand)?;
        }
        Ok(Type::f32(&self.broadcast(operands)?))
    }

    /// The common shape of the operands: aligned at the last axis, an axis that is absent or 1 is repeated.
    pub fn broadcast(&self, operands: &[Id]) -> Result<Vec<u32>, ProgramError> {
        let rank = operands.iter().map(|&operand| self.of(operand).shape.len()).max().unwrap_or(0);
        let mut result = vec![1; rank];
        for &operand in operands {
            for (n, &own) in result.iter_mut().rev().zip(self.of(operand).shape.iter().rev()) {
                if *n != own && *n != 1 && own != 1 {
                    let types: Vec<String> = operands.iter().map(|&operand| format!("value {operand} is {}", self.of(operand))).collect();
                    return self.refuse(format!("{}: one axis is {n} and {own}", types.join(", ")));
                }
                *n = own.max(*n);
            }
        }
        Ok(result)
    }
}
