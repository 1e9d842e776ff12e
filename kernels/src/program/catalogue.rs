//! Every instruction once, over one set of operands: what tests of codes, shapes and executors go through, a device's test of itself too.

#![allow(clippy::unwrap_used)]

use super::{Binary, Draft, Dtype, Id, Op, Operands, Program, Reduction, Relation, Unary};

/// The operands, by id: what they are is their type.
pub fn operands() -> Vec<Op> {
    let input = |slot: usize, dtype, shape: &[u32]| Op::Input { slot: slot as u32, dtype, shape: shape.to_vec() };
    let shapes: [(Dtype, &[u32]); 16] = [
        (Dtype::F32, &[2, 3]),       // 0 a matrix
        (Dtype::F32, &[3]),          // 1 a vector, a bias
        (Dtype::U32, &[2]),          // 2 labels, ids, samples, a seed
        (Dtype::U32, &[]),           // 3 a step
        (Dtype::F32, &[]),           // 4 a scalar
        (Dtype::F32, &[2, 5, 4, 3]), // 5 images
        (Dtype::F32, &[3, 2, 3, 2]), // 6 a kernel
        (Dtype::F32, &[2, 3, 5, 2]), // 7 what the kernel makes of the images at stride 2 with padding 1
        (Dtype::F32, &[2, 3, 4]),    // 8 matrices
        (Dtype::F32, &[2, 4, 2]),    // 9 matrices
        (Dtype::I8, &[2, 3]),        // 10
        (Dtype::I8, &[3, 2]),        // 11
        (Dtype::F32, &[2]),          // 12 a gradient of two
        (Dtype::F32, &[2, 2, 2, 3]), // 13 what windows of 3 at stride 1 and of 2 at stride 2 … make of the images
        (Dtype::F32, &[3, 2]),       // 14 a matrix
        (Dtype::Bf16, &[2, 3]),      // 15
    ];
    (0..).zip(shapes).map(|(slot, (dtype, shape))| input(slot, dtype, shape)).collect()
}

/// Each further instruction with its code and words, and the type of its result.
pub fn instructions() -> Vec<(Op, &'static str, &'static str)> {
    let mut all = vec![
        (Op::State { tensor: 1, shape: vec![2, 3] }, "1: 1 2 2 3", "f32[2, 3]"),
        (Op::Input { slot: 2, dtype: Dtype::U32, shape: vec![2] }, "2: 2 2 1 2", "u32[2]"),
        (Op::Fill { bits: 0x3F80_0000, shape: vec![] }, "3: 1065353216 0", "f32[]"),
        (Op::MatMul { a: 0, b: 14, a_transposed: false, b_transposed: false }, "4: 0 14 0 0", "f32[2, 2]"),
        (Op::AddBias { x: 0, bias: 1 }, "5: 0 1", "f32[2, 3]"),
        (Op::Relu { x: 0 }, "6: 0", "f32[2, 3]"),
        (Op::ReluGrad { x: 0, gradient: 0 }, "7: 0 0", "f32[2, 3]"),
        (Op::CrossEntropy { logits: 0, labels: 2 }, "8: 0 2", "f32[2]"),
        (Op::CrossEntropyGrad { logits: 0, labels: 2, gradient: 12 }, "9: 0 2 12", "f32[2, 3]"),
        (Op::Mean { x: 1 }, "10: 1", "f32[]"),
        (Op::MeanGrad { gradient: 4, count: 7 }, "11: 4 7", "f32[7]"),
        (Op::SumRows { x: 0 }, "12: 0", "f32[3]"),
        (Op::Add { a: 0, b: 0 }, "13: 0 0", "f32[2, 3]"),
        (Op::SumSquares { x: 0 }, "14: 0", "f32[]"),
        (Op::Sqrt { x: 0 }, "15: 0", "f32[2, 3]"),
        (Op::Velocity { velocity: 0, gradient: 0, momentum: 5 }, "16: 0 0 5", "f32[2, 3]"),
        (Op::Descend { parameter: 0, velocity: 0, rate: 5 }, "17: 0 0 5", "f32[2, 3]"),
        (Op::Argmax { x: 0 }, "18: 0", "u32[2]"),
        (Op::Cast { x: 0, to: Dtype::U32 }, "19: 0 2", "u32[2, 3]"),
        (Op::Cast { x: 0, to: Dtype::I8 }, "19: 0 3", "i8[2, 3]"),
        (Op::Cast { x: 0, to: Dtype::I32 }, "19: 0 4", "i32[2, 3]"),
        (Op::Cast { x: 0, to: Dtype::Bf16 }, "19: 0 5", "bf16[2, 3]"),
        (Op::Cast { x: 15, to: Dtype::F32 }, "19: 15 1", "f32[2, 3]"),
        (Op::Cast { x: 10, to: Dtype::F32 }, "19: 10 1", "f32[2, 3]"),
        (Op::Cast { x: 2, to: Dtype::I8 }, "19: 2 3", "i8[2]"),
        (Op::Fma { a: 0, b: 4, c: 1 }, "22: 0 4 1", "f32[2, 3]"),
        (Op::Select { condition: 3, a: 10, b: 10 }, "24: 3 10 10", "i8[2, 3]"),
        (Op::Select { condition: 3, a: 0, b: 1 }, "24: 3 0 1", "f32[2, 3]"),
        (Op::Broadcast { x: 1, shape: vec![2, 2, 3] }, "26: 1 3 2 2 3", "f32[2, 2, 3]"),
        (Op::Reshape { x: 0, shape: vec![6] }, "27: 0 1 6", "f32[6]"),
        (Op::Permute { x: 8, axes: vec![2, 0, 1] }, "28: 8 3 2 0 1", "f32[4, 2, 3]"),
        (Op::Slice { x: 5, axis: 1, start: 1, length: 3 }, "29: 5 1 1 3", "f32[2, 3, 4, 3]"),
        (Op::Concat { parts: Operands(vec![8, 8, 8]), axis: 1 }, "30: 3 8 8 8 1", "f32[2, 9, 4]"),
        (Op::Detach { x: 0 }, "31: 0", "f32[2, 3]"),
        (Op::Iota { axis: 1, shape: vec![2, 3] }, "32: 1 2 2 3", "u32[2, 3]"),
        (Op::FillInteger { dtype: Dtype::I32, bits: u32::MAX, shape: vec![2] }, "33: 4 4294967295 1 2", "i32[2]"),
        (Op::Random { seed: 2, samples: 2, step: 3, site: 16, shape: vec![5] }, "34: 2 2 3 16 1 5", "u32[2, 5]"),
        (Op::BatchedMatMul { a: 8, b: 9, a_transposed: false, b_transposed: false }, "35: 8 9 0 0", "f32[2, 3, 2]"),
        (Op::BatchedMatMul { a: 9, b: 8, a_transposed: true, b_transposed: true }, "35: 9 8 1 1", "f32[2, 2, 3]"),
        (Op::MatMulI8 { a: 10, b: 11, a_transposed: false, b_transposed: false }, "36: 10 11 0 0", "i32[2, 2]"),
        (Op::MatMulI8 { a: 11, b: 11, a_transposed: true, b_transposed: false }, "36: 11 11 1 0", "i32[2, 2]"),
        (Op::Conv2d { x: 5, weight: 6, stride: 2, padding: 1 }, "37: 5 6 2 1", "f32[2, 3, 3, 2]"),
        (Op::Conv2d { x: 5, weight: 6, stride: 1, padding: 0 }, "37: 5 6 1 0", "f32[2, 3, 3, 2]"),
    ];
    all.extend(windows());
    let functions = (0..).zip(Unary::ALL).map(|(at, &function)| (Op::Map { x: 0, function }, UNARY[at], "f32[2, 3]"));
    all.extend(functions);
    all.extend((0..).zip(Binary::ALL).map(|(at, &function)| (Op::Zip { a: 0, b: 1, function }, BINARY[at], "f32[2, 3]")));
    all.extend((0..).zip(Relation::ALL).map(|(at, &relation)| (Op::Compare { a: 0, b: 4, relation }, RELATION[at], "u32[2, 3]")));
    all.extend((0..).zip(Reduction::ALL).map(|(at, &function)| (Op::Reduce { x: 8, function, axis: 1 }, REDUCTION[at], "f32[2, 1, 4]")));
    all
}

const UNARY: [&str; 10] = ["20: 0 1", "20: 0 2", "20: 0 3", "20: 0 4", "20: 0 5", "20: 0 6", "20: 0 7", "20: 0 8", "20: 0 9", "20: 0 10"];
const BINARY: [&str; 6] = ["21: 0 1 1", "21: 0 1 2", "21: 0 1 3", "21: 0 1 4", "21: 0 1 5", "21: 0 1 6"];
const RELATION: [&str; 3] = ["23: 0 4 1", "23: 0 4 2", "23: 0 4 3"];
const REDUCTION: [&str; 3] = ["25: 8 1 1", "25: 8 2 1", "25: 8 3 1"];

fn windows() -> Vec<(Op, &'static str, &'static str)> {
    vec![
        (Op::Conv2dGradInput { weight: 6, gradient: 7, stride: 1, padding: 0, height: 5, width: 6 }, "38: 6 7 1 0 5 6", "f32[2, 5, 6, 3]"),
        (Op::Conv2dGradWeight { x: 5, gradient: 13, stride: 2, padding: 1, height: 4, width: 4 }, "39: 5 13 2 1 4 4", "f32[4, 4, 3, 3]"),
        (Op::MaxPool { x: 5, kernel: 2, stride: 2 }, "40: 5 2 2", "f32[2, 2, 2, 3]"),
        (Op::MaxPoolGrad { x: 5, gradient: 13, kernel: 2, stride: 2 }, "41: 5 13 2 2", "f32[2, 5, 4, 3]"),
        (Op::AveragePool { x: 5, kernel: 3, stride: 1 }, "42: 5 3 1", "f32[2, 3, 2, 3]"),
        (Op::AveragePoolGrad { gradient: 13, kernel: 2, stride: 1, height: 3, width: 3 }, "43: 13 2 1 3 3", "f32[2, 3, 3, 3]"),
        (Op::Embedding { table: 14, ids: 2 }, "44: 14 2", "f32[2, 2]"),
        (Op::EmbeddingGrad { ids: 2, gradient: 0, rows: 9 }, "45: 2 0 9", "f32[9, 3]"),
    ]
}

/// A draft of the operands.
pub fn base() -> Draft {
    let mut draft = Draft::new();
    operands().into_iter().for_each(|op| {
        draft.push(op).unwrap();
    });
    draft
}

/// All instructions as one program that returns every value that is not an operand.
pub fn every() -> Program {
    let mut draft = base();
    let outputs: Vec<Id> = instructions().into_iter().map(|(op, ..)| draft.push(op).unwrap()).collect();
    draft.finish(outputs).unwrap()
}
