//! Adjoints of convolutions and pooling: instructions of their own, whose order of sums is the contract's.

use super::super::op::Op;
use super::super::{Draft, Id};
use super::Backward;
use crate::error::ProgramError;

impl Backward<'_> {
    pub(super) fn windowed(&mut self, op: &Op, gradient: Id) -> Result<(), ProgramError> {
        match *op {
            Op::Conv2d { x, weight, stride, padding } => {
                let [height, width] = plane(self.draft, x, 1);
                self.give(x, |draft| draft.push(Op::Conv2dGradInput { weight, gradient, stride, padding, height, width }))?;
                let [height, width] = plane(self.draft, weight, 0);
                self.give(weight, |draft| draft.push(Op::Conv2dGradWeight { x, gradient, stride, padding, height, width }))
            }
            Op::MaxPool { x, kernel, stride } => self.give(x, |draft| draft.push(Op::MaxPoolGrad { x, gradient, kernel, stride })),
            Op::AveragePool { x, kernel, stride } => {
                let [height, width] = plane(self.draft, x, 1);
                self.give(x, |draft| draft.push(Op::AveragePoolGrad { gradient, kernel, stride, height, width }))
            }
            _ => Ok(()),
        }
    }
}

fn plane(draft: &Draft, of: Id, axis: usize) -> [u32; 2] {
    let shape = &draft.type_of(of).shape;
    [shape[axis], shape[axis + 1]]
}
