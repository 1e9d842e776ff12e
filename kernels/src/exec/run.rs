//! The interpreter: one instruction after another, over any set of kernels.
//!
//! Owns arguments, values and their lifetimes: a value is dropped after its last reader. Refuses to know how a kernel computes.

use super::reference::{Kernels, Product};
use super::tensor::Tensor;
use crate::error::KernelError;
use crate::program::{Id, Op, Program, Type};

/// Runs a checked program.
pub fn run<K: Kernels>(kernels: &K, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
    kernels.ready()?;
    let mut values = Values { program, state, inputs, made: Vec::with_capacity(program.ops().len()) };
    let last = last_readers(program);
    for (id, op) in program.ops().iter().enumerate() {
        let value = values.compute(kernels, id as Id, op)?;
        values.made.push(value);
        for operand in op.operands() {
            if last[operand as usize] == id {
                values.made[operand as usize] = Value::Gone;
            }
        }
    }
    program.outputs().iter().map(|&id| Ok(values.get(id).clone())).collect()
}

/// For each value the last instruction that reads it; an output is never dropped.
fn last_readers(program: &Program) -> Vec<usize> {
    let mut last = vec![usize::MAX; program.ops().len()];
    for (id, op) in program.ops().iter().enumerate() {
        op.operands().iter().for_each(|&operand| last[operand as usize] = id);
    }
    program.outputs().iter().for_each(|&id| last[id as usize] = usize::MAX);
    last
}

enum Value {
    State(usize),
    Input(usize),
    Made(Tensor),
    Gone,
}

struct Values<'a> {
    program: &'a Program,
    state: &'a [Tensor],
    inputs: &'a [Tensor],
    made: Vec<Value>,
}

impl Values<'_> {
    fn get(&self, id: Id) -> &Tensor {
        match &self.made[id as usize] {
            Value::State(tensor) => &self.state[*tensor],
            Value::Input(slot) => &self.inputs[*slot],
            Value::Made(tensor) => tensor,
            Value::Gone => unreachable!("value {id} was dropped before its last reader"),
        }
    }

    fn floats(&self, id: Id) -> &[f32] {
        self.get(id).floats()
    }

    fn columns(&self, id: Id) -> usize {
        self.program.type_of(id).shape.last().map_or(1, |&n| n as usize)
    }

    fn compute<K: Kernels>(&self, kernels: &K, id: Id, op: &Op) -> Result<Value, KernelError> {
        let wanted = self.program.type_of(id);
        let result = match *op {
            Op::State { tensor, .. } => {
                argument("state tensor", self.state, tensor, wanted)?;
                return Ok(Value::State(tensor as usize));
            }
            Op::Input { slot, .. } => {
                argument("input", self.inputs, slot, wanted)?;
                return Ok(Value::Input(slot as usize));
            }
            Op::Argmax { x } => {
                return Ok(Value::Made(Tensor::u32(&wanted.shape, kernels.argmax(self.columns(x), self.floats(x)))));
            }
            Op::Fill { bits, .. } => vec![f32::from_bits(bits); wanted.elements() as usize],
            Op::MatMul { a, b, a_transposed, b_transposed } => {
                let shape = &self.program.type_of(a).shape;
                let k = shape[usize::from(!a_transposed)] as usize;
                let product = Product { m: wanted.shape[0] as usize, n: wanted.shape[1] as usize, k, a_transposed, b_transposed };
                kernels.matmul(product, self.floats(a), self.floats(b))
            }
            Op::AddBias { x, bias } => kernels.add_bias(self.floats(x), self.floats(bias)),
            Op::Relu { x } => kernels.relu(self.floats(x)),
            Op::ReluGrad { x, gradient } => kernels.relu_grad(self.floats(x), self.floats(gradient)),
            Op::CrossEntropy { logits, labels } => {
                kernels.cross_entropy(self.columns(logits), self.floats(logits), self.get(labels).integers())
            }
            Op::CrossEntropyGrad { logits, labels, gradient } => {
                let labels = self.get(labels).integers();
                kernels.cross_entropy_grad(self.columns(logits), self.floats(logits), labels, self.floats(gradient))
            }
            Op::Mean { x } => vec![kernels.mean(self.floats(x))],
            Op::MeanGrad { gradient, count } => kernels.mean_grad(self.floats(gradient)[0], count as usize),
            Op::SumRows { x } => kernels.sum_rows(self.columns(x), self.floats(x)),
            Op::Add { a, b } => kernels.add(self.floats(a), self.floats(b)),
            Op::SumSquares { x } => vec![kernels.sum_squares(self.floats(x))],
            Op::Sqrt { x } => kernels.sqrt(self.floats(x)),
            Op::Velocity { velocity, gradient, momentum } => {
                kernels.axpy(f32::from_bits(momentum), self.floats(velocity), self.floats(gradient))
            }
            Op::Descend { parameter, velocity, rate } => kernels.axpy(-f32::from_bits(rate), self.floats(velocity), self.floats(parameter)),
        };
        Ok(Value::Made(Tensor::f32(&wanted.shape, result)))
    }
}

fn argument(subject: &'static str, given: &[Tensor], index: u32, wanted: &Type) -> Result<(), KernelError> {
    let found = given.get(index as usize).map(Tensor::type_of);
    if found.as_ref() == Some(wanted) {
        return Ok(());
    }
    let found = found.map_or("missing".to_owned(), |found| found.to_string());
    Err(KernelError::Argument { subject, index, found, wanted: wanted.to_string() })
}
