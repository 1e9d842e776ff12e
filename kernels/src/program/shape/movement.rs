//! Shapes of what merely moves elements: any element type, no rounding.

use super::super::ir::{Id, Type};
use super::super::op::Op;
use super::site::SiteOf;
use crate::error::ProgramError;

impl SiteOf<'_> {
    pub fn moved(&self) -> Result<Type, ProgramError> {
        match self.op {
            Op::Broadcast { x, shape } => self.repeated(*x, shape),
            Op::Reshape { x, shape } => self.reshaped(*x, shape),
            Op::Permute { x, axes } => self.permuted(*x, axes),
            &Op::Slice { x, axis, start, length } => self.sliced(x, axis, start, length),
            Op::Concat { parts, axis } => self.joined(&parts.0, *axis),
            _ => self.refuse("it moves nothing".to_owned()),
        }
    }

    fn repeated(&self, x: Id, shape: &[u32]) -> Result<Type, ProgramError> {
        let found = self.of(x);
        let fits =
            found.shape.len() <= shape.len() && found.shape.iter().rev().zip(shape.iter().rev()).all(|(&own, &n)| own == n || own == 1);
        if !fits {
            return self.refuse(format!("value {x} is {found}, which does not broadcast to {shape:?}"));
        }
        Ok(Type { dtype: found.dtype, shape: shape.to_vec() })
    }

    fn reshaped(&self, x: Id, shape: &[u32]) -> Result<Type, ProgramError> {
        let found = self.of(x);
        let result = Type { dtype: found.dtype, shape: shape.to_vec() };
        if result.elements() != found.elements() {
            return self.refuse(format!("value {x} is {found}, which has not the elements of {shape:?}"));
        }
        Ok(result)
    }

    fn permuted(&self, x: Id, axes: &[u32]) -> Result<Type, ProgramError> {
        let found = self.of(x);
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..found.shape.len() as u32) {
            return self.refuse(format!("{axes:?} is no order of the axes of {found}"));
        }
        Ok(Type { dtype: found.dtype, shape: axes.iter().map(|&axis| found.shape[axis as usize]).collect() })
    }

    fn sliced(&self, x: Id, axis: u32, start: u32, length: u32) -> Result<Type, ProgramError> {
        let mut result = self.of(x).clone();
        let n = &mut result.shape[self.axis_of(self.of(x), axis)?];
        if start.checked_add(length).is_none_or(|end| end > *n) {
            return self.refuse(format!("{length} places from {start} are not on axis {axis} of {}", self.of(x)));
        }
        *n = length;
        Ok(result)
    }

    fn joined(&self, parts: &[Id], axis: u32) -> Result<Type, ProgramError> {
        let Some((&first, rest)) = parts.split_first() else {
            return self.refuse("there are no parts".to_owned());
        };
        let mut result = self.of(first).clone();
        let axis = self.axis_of(&result, axis)?;
        for &part in rest {
            let found = self.of(part);
            let mut wanted = result.clone();
            wanted.shape[axis] = found.shape.get(axis).copied().unwrap_or_default();
            if *found != wanted {
                return self.refuse(format!("value {first} is {}, value {part} is {found}: only axis {axis} may differ", self.of(first)));
            }
            // Saturated: a sum too large is refused by its size.
            result.shape[axis] = result.shape[axis].saturating_add(found.shape[axis]);
        }
        Ok(result)
    }
}
