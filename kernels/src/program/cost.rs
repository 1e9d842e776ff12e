//! What a run costs: its floating-point operations, told before it.
//!
//! Owns the count of each instruction: a multiplication and an addition are two operations, every other result one,
//! whatever its function costs. Refuses time, which is the executor's.

use super::{Id, Op, Program};

impl Program {
    /// Floating-point operations of one run, saturating.
    pub fn operations(&self) -> u64 {
        (0..).zip(&self.ops).map(|(id, op)| self.operations_of(id, op)).fold(0, u64::saturating_add)
    }

    fn operations_of(&self, id: Id, op: &Op) -> u64 {
        let result = self.type_of(id).elements();
        let elements = |id: Id| self.type_of(id).elements();
        match *op {
            Op::State { .. } | Op::Input { .. } | Op::Fill { .. } | Op::FillInteger { .. } | Op::Iota { .. } => 0,
            Op::Reshape { .. } | Op::Permute { .. } | Op::Slice { .. } | Op::Concat { .. } | Op::Broadcast { .. } => 0,
            Op::Detach { .. } | Op::Embedding { .. } => 0,
            Op::MatMul { a, a_transposed, .. } | Op::BatchedMatMul { a, a_transposed, .. } | Op::MatMulI8 { a, a_transposed, .. } => {
                let shape = &self.type_of(a).shape;
                let common = shape[shape.len() - if a_transposed { 2 } else { 1 }];
                result.saturating_mul(2 * u64::from(common))
            }
            Op::Conv2d { x: _, weight, .. } => result.saturating_mul(2 * elements(weight) / u64::from(self.last(id))),
            Op::Conv2dGradInput { weight, gradient, .. } => {
                elements(gradient).saturating_mul(2 * elements(weight) / u64::from(self.last(gradient)))
            }
            Op::Conv2dGradWeight { gradient, .. } => elements(gradient).saturating_mul(2 * result / u64::from(self.last(gradient))),
            Op::MaxPool { x, .. } | Op::MaxPoolGrad { x, .. } | Op::AveragePool { x, .. } => elements(x),
            Op::Reduce { x, .. } | Op::Mean { x } | Op::SumRows { x } | Op::Argmax { x } => elements(x),
            Op::SumSquares { x } => 2 * elements(x),
            Op::CrossEntropy { logits, .. } => 3 * elements(logits),
            Op::CrossEntropyGrad { .. } => 4 * result,
            Op::EmbeddingGrad { gradient, .. } => elements(gradient),
            Op::Fma { .. } | Op::Velocity { .. } | Op::Descend { .. } => 2 * result,
            _ => result,
        }
    }

    fn last(&self, id: Id) -> u32 {
        self.type_of(id).shape.last().copied().unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::program::{Draft, gradient};

    #[test]
    fn a_product_and_its_gradients_cost_what_their_sums_do() {
        let mut draft = Draft::new();
        let a = draft.push(Op::State { tensor: 0, shape: vec![5, 7] }).unwrap();
        let b = draft.push(Op::State { tensor: 1, shape: vec![7, 3] }).unwrap();
        let product = draft.matmul(a, b).unwrap();
        assert_eq!(draft.clone().finish(vec![product]).unwrap().operations(), 2 * 5 * 7 * 3);
        let loss = draft.push(Op::SumSquares { x: product }).unwrap();
        let outputs = gradient(&mut draft, loss, &[a, b]).unwrap();
        // Twice the sum, its factor 1 × 2, and the slope of each of 15 squares.
        assert_eq!(draft.finish(outputs).unwrap().operations(), 3 * 2 * 5 * 7 * 3 + 2 * 15 + 1 + 15);
    }

    #[test]
    fn a_convolution_costs_a_product_for_each_of_its_results() {
        let mut draft = Draft::new();
        let x = draft.push(Op::State { tensor: 0, shape: vec![2, 6, 6, 3] }).unwrap();
        let weight = draft.push(Op::State { tensor: 1, shape: vec![3, 3, 3, 4] }).unwrap();
        let y = draft.push(Op::Conv2d { x, weight, stride: 1, padding: 1 }).unwrap();
        let forward = 2 * (2 * 6 * 6 * 4) * (3 * 3 * 3);
        assert_eq!(draft.clone().finish(vec![y]).unwrap().operations(), forward);
        let loss = draft.push(Op::SumSquares { x: y }).unwrap();
        let outputs = gradient(&mut draft, loss, &[x, weight]).unwrap();
        let values = 2 * 6 * 6 * 4;
        assert_eq!(draft.finish(outputs).unwrap().operations(), 3 * forward + 3 * values + 1);
    }
}
