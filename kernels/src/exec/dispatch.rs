//! Which kernel an instruction is.
//!
//! Owns the way from operands and types to a kernel's arguments: sizes, walks, lines. Refuses arithmetic.

use super::reference::{Convolution, Draw, Kernels, Line, Pooling, Product};
use super::run::Values;
use super::tensor::{Elements, Tensor};
use super::walk::Walk;
use crate::program::{Dtype, Id, Op, Type};

impl Values<'_> {
    /// The value of an instruction whose operands are there.
    pub fn compute<K: Kernels>(&self, kernels: &K, wanted: &Type, op: &Op) -> Tensor {
        if let Op::Reshape { x, .. } | Op::Detach { x } = *op {
            return self.get(x).reshaped(&wanted.shape);
        }
        Tensor::of(&wanted.shape, self.elements_of(kernels, wanted, op))
    }

    fn elements_of<K: Kernels>(&self, kernels: &K, wanted: &Type, op: &Op) -> Elements {
        match *op {
            Op::Argmax { x } => Elements::U32(kernels.argmax(self.columns(x), self.floats(x))),
            Op::Cast { x, to } => kernels.cast(to, self.elements(x)),
            Op::Compare { a, b, relation } => {
                Elements::U32(kernels.compare(relation, &self.walk(wanted, [a, b]), self.elements(a), self.elements(b)))
            }
            Op::Select { condition, a, b } => {
                let walk = self.walk(wanted, [condition, a, b]);
                kernels.select(&walk, self.integers(condition), self.elements(a), self.elements(b))
            }
            Op::Broadcast { x, .. } => kernels.gather(&self.walk(wanted, [x]), self.elements(x)),
            Op::Permute { x, ref axes } => kernels.gather(&Walk::permuted(self.shape(x), axes), self.elements(x)),
            Op::Slice { x, axis, start, length } => kernels.gather(&Walk::sliced(self.shape(x), axis, start, length), self.elements(x)),
            Op::Concat { ref parts, axis } => {
                let (outer, _) = wanted.shape.split_at(axis as usize);
                let run = |part: Id| self.shape(part)[axis as usize..].iter().map(|&n| n as usize).product();
                let parts: Vec<_> = parts.0.iter().map(|&part| (self.elements(part), run(part))).collect();
                kernels.concat(outer.iter().map(|&n| n as usize).product(), &parts)
            }
            Op::Iota { axis, ref shape } => {
                let line = Line::of(shape, axis);
                Elements::U32(kernels.iota(line.outer, line.length, line.inner))
            }
            Op::FillInteger { dtype, bits, .. } => match dtype {
                Dtype::I32 => Elements::I32(vec![bits as i32; wanted.elements() as usize]),
                _ => Elements::U32(vec![bits; wanted.elements() as usize]),
            },
            Op::Random { seed, samples, step, site, ref shape } => {
                let seed = self.integers(seed);
                let draw = Draw { key: [seed[0], seed[1]], site, step: self.integers(step)[0] };
                Elements::U32(kernels.random(draw, self.integers(samples), Type::u32(shape).elements() as usize))
            }
            Op::MatMulI8 { a, b, a_transposed, b_transposed } => {
                let product = self.product(wanted, a, [a_transposed, b_transposed]);
                Elements::I32(kernels.matmul_i8(product, self.get(a).bytes(), self.get(b).bytes()))
            }
            _ => Elements::F32(self.floats_of(kernels, wanted, op)),
        }
    }

    fn floats_of<K: Kernels>(&self, kernels: &K, wanted: &Type, op: &Op) -> Vec<f32> {
        match *op {
            Op::Fill { bits, .. } => vec![f32::from_bits(bits); wanted.elements() as usize],
            Op::MatMul { a, b, a_transposed, b_transposed } => {
                kernels.matmul(self.product(wanted, a, [a_transposed, b_transposed]), self.floats(a), self.floats(b))
            }
            Op::BatchedMatMul { a, b, a_transposed, b_transposed } => {
                kernels.batched_matmul(self.product(wanted, a, [a_transposed, b_transposed]), self.floats(a), self.floats(b))
            }
            Op::AddBias { x, bias } => kernels.add_bias(self.floats(x), self.floats(bias)),
            Op::Relu { x } => kernels.relu(self.floats(x)),
            Op::ReluGrad { x, gradient } => kernels.relu_grad(self.floats(x), self.floats(gradient)),
            Op::CrossEntropy { logits, labels } => kernels.cross_entropy(self.columns(logits), self.floats(logits), self.integers(labels)),
            Op::CrossEntropyGrad { logits, labels, gradient } => {
                kernels.cross_entropy_grad(self.columns(logits), self.floats(logits), self.integers(labels), self.floats(gradient))
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
            Op::Map { x, function } => kernels.map(function, self.floats(x)),
            Op::Zip { a, b, function } => kernels.zip(function, &self.walk(wanted, [a, b]), self.floats(a), self.floats(b)),
            Op::Fma { a, b, c } => kernels.fma(&self.walk(wanted, [a, b, c]), self.floats(a), self.floats(b), self.floats(c)),
            Op::Reduce { x, function, axis } => kernels.reduce(function, Line::of(self.shape(x), axis), self.floats(x)),
            Op::Embedding { table, ids } => kernels.embedding(self.columns(table), self.floats(table), self.integers(ids)),
            Op::EmbeddingGrad { ids, gradient, rows } => {
                kernels.embedding_grad(rows as usize, self.columns(gradient), self.integers(ids), self.floats(gradient))
            }
            _ => self.windowed(kernels, wanted, op),
        }
    }

    fn windowed<K: Kernels>(&self, kernels: &K, wanted: &Type, op: &Op) -> Vec<f32> {
        match *op {
            Op::Conv2d { x, weight, stride, padding } => {
                let sizes = convolution(self.shape(x), self.shape(weight), &wanted.shape, stride, padding);
                kernels.conv2d(sizes, self.floats(x), self.floats(weight))
            }
            Op::Conv2dGradInput { weight, gradient, stride, padding, .. } => {
                let sizes = convolution(&wanted.shape, self.shape(weight), self.shape(gradient), stride, padding);
                kernels.conv2d_grad_input(sizes, self.floats(weight), self.floats(gradient))
            }
            Op::Conv2dGradWeight { x, gradient, stride, padding, .. } => {
                let sizes = convolution(self.shape(x), &wanted.shape, self.shape(gradient), stride, padding);
                kernels.conv2d_grad_weight(sizes, self.floats(x), self.floats(gradient))
            }
            Op::MaxPool { x, kernel, stride } => kernels.max_pool(pooling(self.shape(x), &wanted.shape, kernel, stride), self.floats(x)),
            Op::MaxPoolGrad { x, gradient, kernel, stride } => {
                let sizes = pooling(&wanted.shape, self.shape(gradient), kernel, stride);
                kernels.max_pool_grad(sizes, self.floats(x), self.floats(gradient))
            }
            Op::AveragePool { x, kernel, stride } => {
                kernels.average_pool(pooling(self.shape(x), &wanted.shape, kernel, stride), self.floats(x))
            }
            Op::AveragePoolGrad { gradient, kernel, stride, .. } => {
                let sizes = pooling(&wanted.shape, self.shape(gradient), kernel, stride);
                kernels.average_pool_grad(sizes, self.floats(gradient))
            }
            _ => unreachable!("{} is computed elsewhere", op.name()),
        }
    }

    fn walk<const N: usize>(&self, result: &Type, operands: [Id; N]) -> Walk<N> {
        Walk::broadcast(&result.shape, operands.map(|operand| self.shape(operand)))
    }

    fn product(&self, result: &Type, a: Id, [a_transposed, b_transposed]: [bool; 2]) -> Product {
        let size = |shape: &[u32], from_end: usize| shape[shape.len() - from_end] as usize;
        let k = size(self.shape(a), if a_transposed { 2 } else { 1 });
        Product { m: size(&result.shape, 2), n: size(&result.shape, 1), k, a_transposed, b_transposed }
    }
}

fn convolution(x: &[u32], weight: &[u32], result: &[u32], stride: u32, padding: u32) -> Convolution {
    let at = |shape: &[u32], axis: usize| shape[axis] as usize;
    Convolution {
        images: at(x, 0),
        input: [at(x, 1), at(x, 2)],
        inputs: at(weight, 2),
        output: [at(result, 1), at(result, 2)],
        outputs: at(weight, 3),
        kernel: [at(weight, 0), at(weight, 1)],
        stride: stride as usize,
        padding: padding as usize,
    }
}

fn pooling(x: &[u32], result: &[u32], kernel: u32, stride: u32) -> Pooling {
    let at = |shape: &[u32], axis: usize| shape[axis] as usize;
    Pooling {
        images: at(x, 0),
        input: [at(x, 1), at(x, 2)],
        output: [at(result, 1), at(result, 2)],
        channels: at(x, 3),
        kernel: kernel as usize,
        stride: stride as usize,
    }
}
