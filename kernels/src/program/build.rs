//! A draft's short words: one for each instruction that compositions are made of.
//!
//! Owns nothing but names; each word appends exactly the instruction that it says, and [`Draft::push`] checks it.

use super::op::Operands;
use super::{Binary, Draft, Dtype, Id, Op, Reduction, Relation, Unary};
use crate::error::ProgramError;

type Pushed = Result<Id, ProgramError>;

impl Draft {
    /// The number of values so far; their ids are below it.
    pub fn count(&self) -> Id {
        self.ops.len() as Id
    }

    /// Bytes of the largest value so far; a state's tensors are not among them.
    pub fn widest(&self) -> u64 {
        let made = self.ops.iter().zip(&self.types).filter(|(op, _)| !matches!(op, Op::State { .. }));
        made.map(|(_, of)| of.bytes()).max().unwrap_or(0)
    }

    /// The scalar with this value, made once. It broadcasts to everything.
    pub fn constant(&mut self, value: f32) -> Pushed {
        let bits = value.to_bits();
        if let Some(&id) = self.constants.get(&bits) {
            return Ok(id);
        }
        let id = self.push(Op::Fill { bits, shape: vec![] })?;
        self.constants.insert(bits, id);
        Ok(id)
    }

    /// The scalar u32 with this value.
    pub fn integer(&mut self, value: u32) -> Pushed {
        self.push(Op::FillInteger { dtype: Dtype::U32, bits: value, shape: vec![] })
    }

    /// `function` of each element.
    pub fn map(&mut self, function: Unary, x: Id) -> Pushed {
        self.push(Op::Map { x, function })
    }

    /// a + b, broadcasting.
    pub fn add(&mut self, a: Id, b: Id) -> Pushed {
        self.zip(Binary::Add, a, b)
    }

    /// a − b, broadcasting.
    pub fn subtract(&mut self, a: Id, b: Id) -> Pushed {
        self.zip(Binary::Subtract, a, b)
    }

    /// a × b, broadcasting.
    pub fn multiply(&mut self, a: Id, b: Id) -> Pushed {
        self.zip(Binary::Multiply, a, b)
    }

    /// a ÷ b, broadcasting.
    pub fn divide(&mut self, a: Id, b: Id) -> Pushed {
        self.zip(Binary::Divide, a, b)
    }

    /// `function` of each pair, broadcasting.
    pub fn zip(&mut self, function: Binary, a: Id, b: Id) -> Pushed {
        self.push(Op::Zip { a, b, function })
    }

    /// x × the constant.
    pub fn scale(&mut self, x: Id, factor: f32) -> Pushed {
        let factor = self.constant(factor)?;
        self.multiply(x, factor)
    }

    /// a × b + c with one rounding, broadcasting.
    pub fn fma(&mut self, a: Id, b: Id, c: Id) -> Pushed {
        self.push(Op::Fma { a, b, c })
    }

    /// √x.
    pub fn sqrt(&mut self, x: Id) -> Pushed {
        self.push(Op::Sqrt { x })
    }

    /// 1 where the relation holds, else 0, as u32; broadcasting.
    pub fn compare(&mut self, relation: Relation, a: Id, b: Id) -> Pushed {
        self.push(Op::Compare { a, b, relation })
    }

    /// a where the condition is not 0, else b; broadcasting.
    pub fn select(&mut self, condition: Id, a: Id, b: Id) -> Pushed {
        self.push(Op::Select { condition, a, b })
    }

    /// The reduction of one axis, which remains with length 1.
    pub fn reduce(&mut self, function: Reduction, x: Id, axis: u32) -> Pushed {
        self.push(Op::Reduce { x, function, axis })
    }

    /// Σ over an axis ÷ its length.
    pub fn mean(&mut self, x: Id, axis: u32) -> Pushed {
        let sum = self.reduce(Reduction::Sum, x, axis)?;
        let count = self.type_of(x).shape[axis as usize];
        self.divided_by(sum, count)
    }

    /// x ÷ a count; exact counts end at 2^24, beyond which the nearest f32 stands for it.
    pub fn divided_by(&mut self, x: Id, count: u32) -> Pushed {
        let count = self.constant(count as f32)?;
        self.divide(x, count)
    }

    /// The nearest value of another type.
    pub fn cast(&mut self, x: Id, to: Dtype) -> Pushed {
        self.push(Op::Cast { x, to })
    }

    /// x repeated to a shape.
    pub fn broadcast(&mut self, x: Id, shape: &[u32]) -> Pushed {
        self.push(Op::Broadcast { x, shape: shape.to_vec() })
    }

    /// The same elements under another shape; x itself where it has that shape.
    pub fn reshape(&mut self, x: Id, shape: &[u32]) -> Pushed {
        if self.type_of(x).shape == shape {
            return Ok(x);
        }
        self.push(Op::Reshape { x, shape: shape.to_vec() })
    }

    /// Axis i of the result is axis `axes[i]` of x.
    pub fn permute(&mut self, x: Id, axes: &[u32]) -> Pushed {
        self.push(Op::Permute { x, axes: axes.to_vec() })
    }

    /// `length` places of one axis from `start` on.
    pub fn slice(&mut self, x: Id, axis: u32, start: u32, length: u32) -> Pushed {
        self.push(Op::Slice { x, axis, start, length })
    }

    /// The parts one behind the other along an axis.
    pub fn concat(&mut self, parts: &[Id], axis: u32) -> Pushed {
        self.push(Op::Concat { parts: Operands(parts.to_vec()), axis })
    }

    /// x, through which no gradient passes.
    pub fn detach(&mut self, x: Id) -> Pushed {
        self.push(Op::Detach { x })
    }

    /// A·B of two matrices.
    pub fn matmul(&mut self, a: Id, b: Id) -> Pushed {
        self.push(Op::MatMul { a, b, a_transposed: false, b_transposed: false })
    }
}
