//! The adjoint of each instruction: what it adds to the adjoints of its operands, as instructions.
//!
//! Owns one rule per instruction, in terms of the operands, of the result `y` where that saves work, and of the result's
//! adjoint `g`. Each step is an instruction of its own, with its own rounding.

use super::super::Draft;
use super::super::ir::{Binary, Id, Reduction, Relation, Unary};
use super::super::op::{Op, Operands};
use super::Backward;
use crate::error::ProgramError;

type Given = Result<(), ProgramError>;

impl Backward<'_> {
    /// Hands the adjoint `g` of value `y` to the operands of `op`, which made it.
    pub(super) fn pass(&mut self, y: Id, op: &Op, g: Id) -> Given {
        match *op {
            Op::State { .. } | Op::Input { .. } | Op::Fill { .. } | Op::Detach { .. } => Ok(()),
            Op::MatMul { a, b, a_transposed, b_transposed } => self.product([a, b], [a_transposed, b_transposed], g, |[a, b], [at, bt]| {
                Op::MatMul { a, b, a_transposed: at, b_transposed: bt }
            }),
            Op::BatchedMatMul { a, b, a_transposed, b_transposed } => {
                self.product([a, b], [a_transposed, b_transposed], g, |[a, b], [at, bt]| Op::BatchedMatMul {
                    a,
                    b,
                    a_transposed: at,
                    b_transposed: bt,
                })
            }
            Op::AddBias { x, bias } => {
                self.give(x, |_| Ok(g))?;
                self.give(bias, |draft| draft.push(Op::SumRows { x: g }))
            }
            Op::Relu { x } => self.give(x, |draft| draft.push(Op::ReluGrad { x, gradient: g })),
            Op::CrossEntropy { logits, labels } => {
                self.give(logits, |draft| draft.push(Op::CrossEntropyGrad { logits, labels, gradient: g }))
            }
            Op::Mean { x } => self.give(x, |draft| {
                let count = draft.type_of(x).shape[0];
                draft.push(Op::MeanGrad { gradient: g, count })
            }),
            Op::SumRows { x } => self.give(x, |draft| spread(draft, g, x)),
            Op::Add { a, b } => {
                self.give(a, |_| Ok(g))?;
                self.give(b, |_| Ok(g))
            }
            Op::SumSquares { x } => self.give(x, |draft| {
                let twice = draft.scale(g, 2.0)?;
                draft.multiply(x, twice)
            }),
            Op::Sqrt { x } => self.give(x, |draft| {
                let twice = draft.add(y, y)?;
                draft.divide(g, twice)
            }),
            // Roundings of storage are passed over: the gradient is that of the real numbers.
            Op::Cast { x, .. } => self.give(x, |_| Ok(g)),
            Op::Map { x, function } => self.give(x, |draft| slope(draft, function, x, y, g)),
            Op::Zip { a, b, function } => self.zipped(function, [a, b], y, g),
            Op::Fma { a, b, c } => {
                self.give_repeated(a, |draft| draft.multiply(g, b))?;
                self.give_repeated(b, |draft| draft.multiply(g, a))?;
                self.give_repeated(c, |_| Ok(g))
            }
            Op::Select { condition, a, b } => {
                self.give_repeated(a, |draft| where_(draft, condition, g))?;
                self.give_repeated(b, |draft| elsewhere(draft, condition, g))
            }
            Op::Reduce { x, function, .. } => self.give(x, |draft| reduced(draft, function, x, y, g)),
            Op::Broadcast { x, .. } => self.give_repeated(x, |_| Ok(g)),
            Op::Reshape { x, .. } => self.give(x, |draft| {
                let shape = draft.type_of(x).shape.clone();
                draft.reshape(g, &shape)
            }),
            Op::Permute { x, ref axes } => self.give(x, |draft| {
                let mut back = vec![0; axes.len()];
                (0u32..).zip(axes).for_each(|(to, &from)| back[from as usize] = to);
                draft.permute(g, &back)
            }),
            Op::Slice { x, axis, start, length } => self.give(x, |draft| padded(draft, g, x, axis, start, length)),
            Op::Concat { ref parts, axis } => self.parted(parts, axis, g),
            Op::Embedding { table, ids } => self.give(table, |draft| {
                let rows = draft.type_of(table).shape[0];
                draft.push(Op::EmbeddingGrad { ids, gradient: g, rows })
            }),
            Op::Conv2d { .. } | Op::MaxPool { .. } | Op::AveragePool { .. } => self.windowed(op, g),
            _ => Err(ProgramError::NotDifferentiable { id: y, op: op.name() }),
        }
    }

    /// With A' and B' as read: dA' = dC·B'ᵀ and dB' = A'ᵀ·dC, each turned back if it was read turned.
    fn product(&mut self, [a, b]: [Id; 2], [a_turned, b_turned]: [bool; 2], g: Id, op: impl Fn([Id; 2], [bool; 2]) -> Op) -> Given {
        let by_a = if a_turned { op([b, g], [b_turned, true]) } else { op([g, b], [false, !b_turned]) };
        let by_b = if b_turned { op([g, a], [true, a_turned]) } else { op([a, g], [!a_turned, false]) };
        self.give(a, |draft| draft.push(by_a))?;
        self.give(b, |draft| draft.push(by_b))
    }

    fn zipped(&mut self, function: Binary, [a, b]: [Id; 2], y: Id, g: Id) -> Given {
        match function {
            Binary::Add => {
                self.give_repeated(a, |_| Ok(g))?;
                self.give_repeated(b, |_| Ok(g))
            }
            Binary::Subtract => {
                self.give_repeated(a, |_| Ok(g))?;
                self.give_repeated(b, |draft| draft.map(Unary::Negate, g))
            }
            Binary::Multiply => {
                self.give_repeated(a, |draft| draft.multiply(g, b))?;
                self.give_repeated(b, |draft| draft.multiply(g, a))
            }
            // (a ÷ b) by b is −(a ÷ b) ÷ b.
            Binary::Divide => {
                self.give_repeated(a, |draft| draft.divide(g, b))?;
                self.give_repeated(b, |draft| {
                    let product = draft.multiply(g, y)?;
                    let quotient = draft.divide(product, b)?;
                    draft.map(Unary::Negate, quotient)
                })
            }
            Binary::Maximum => self.chosen([b, a], [a, b], g),
            Binary::Minimum => self.chosen([a, b], [a, b], g),
        }
    }

    /// The gradient goes to a where low ≤ high, so at a tie; else to b.
    fn chosen(&mut self, [low, high]: [Id; 2], [a, b]: [Id; 2], g: Id) -> Given {
        let condition = self.draft.compare(Relation::LessOrEqual, low, high)?;
        self.give_repeated(a, |draft| where_(draft, condition, g))?;
        self.give_repeated(b, |draft| elsewhere(draft, condition, g))
    }

    fn parted(&mut self, parts: &Operands, axis: u32, g: Id) -> Given {
        let mut start = 0;
        for &part in &parts.0 {
            let length = self.draft.type_of(part).shape[axis as usize];
            self.give(part, |draft| draft.slice(g, axis, start, length))?;
            start += length;
        }
        Ok(())
    }
}

fn slope(draft: &mut Draft, function: Unary, x: Id, y: Id, g: Id) -> Result<Id, ProgramError> {
    match function {
        Unary::Negate => draft.map(Unary::Negate, g),
        // The gradient at ±0, where there is none, is +0.
        Unary::Absolute => {
            let zero = draft.constant(0.0)?;
            let turned = draft.map(Unary::Negate, g)?;
            let (below, above) = (draft.compare(Relation::Less, x, zero)?, draft.compare(Relation::Less, zero, x)?);
            let positive = draft.select(above, g, zero)?;
            draft.select(below, turned, positive)
        }
        Unary::Reciprocal => {
            let square = draft.multiply(y, y)?;
            let product = draft.multiply(g, square)?;
            draft.map(Unary::Negate, product)
        }
        Unary::Exp => draft.multiply(g, y),
        Unary::Log => draft.divide(g, x),
        Unary::Sigmoid => {
            let one = draft.constant(1.0)?;
            let rest = draft.subtract(one, y)?;
            let slope = draft.multiply(y, rest)?;
            draft.multiply(g, slope)
        }
        // 1 − y², with one rounding.
        Unary::Tanh => {
            let (one, turned) = (draft.constant(1.0)?, draft.map(Unary::Negate, y)?);
            let slope = draft.fma(turned, y, one)?;
            draft.multiply(g, slope)
        }
        // 2 ÷ √π × exp(−x²).
        Unary::Erf => {
            let (turned, factor) = (draft.map(Unary::Negate, x)?, draft.constant(std::f32::consts::FRAC_2_SQRT_PI)?);
            let exponent = draft.multiply(turned, x)?;
            let bell = draft.map(Unary::Exp, exponent)?;
            let slope = draft.multiply(factor, bell)?;
            draft.multiply(g, slope)
        }
        Unary::Sin => {
            let slope = draft.map(Unary::Cos, x)?;
            draft.multiply(g, slope)
        }
        Unary::Cos => {
            let slope = draft.map(Unary::Sin, x)?;
            let product = draft.multiply(g, slope)?;
            draft.map(Unary::Negate, product)
        }
    }
}

fn reduced(draft: &mut Draft, function: Reduction, x: Id, y: Id, g: Id) -> Result<Id, ProgramError> {
    match function {
        Reduction::Sum => spread(draft, g, x),
        Reduction::SumSquares => {
            let twice = draft.scale(g, 2.0)?;
            draft.multiply(x, twice)
        }
        // Each element that equals the largest gets it.
        Reduction::Maximum => {
            let largest = draft.compare(Relation::Equal, x, y)?;
            where_(draft, largest, g)
        }
    }
}

fn spread(draft: &mut Draft, g: Id, like: Id) -> Result<Id, ProgramError> {
    let shape = draft.type_of(like).shape.clone();
    draft.broadcast(g, &shape)
}

fn where_(draft: &mut Draft, condition: Id, g: Id) -> Result<Id, ProgramError> {
    let zero = draft.constant(0.0)?;
    draft.select(condition, g, zero)
}

fn elsewhere(draft: &mut Draft, condition: Id, g: Id) -> Result<Id, ProgramError> {
    let zero = draft.constant(0.0)?;
    draft.select(condition, zero, g)
}

/// +0 everywhere but where the slice was.
fn padded(draft: &mut Draft, g: Id, like: Id, axis: u32, start: u32, length: u32) -> Result<Id, ProgramError> {
    let shape = draft.type_of(like).shape.clone();
    let rest = shape[axis as usize] - start - length;
    let mut parts = vec![];
    for (part, length) in [(None, start), (Some(g), length), (None, rest)] {
        match part {
            Some(part) => parts.push(part),
            None if length > 0 => {
                let mut shape = shape.clone();
                shape[axis as usize] = length;
                parts.push(draft.push(Op::Fill { bits: 0, shape })?);
            }
            None => {}
        }
    }
    if parts.len() == 1 { Ok(g) } else { draft.concat(&parts, axis) }
}
