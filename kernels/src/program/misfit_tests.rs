//! What each instruction refuses, in its words.

#![allow(clippy::unwrap_used)]

use super::{Binary, Dtype, Op, Operands, Reduction, Relation, Unary, catalogue};

fn input(shape: &[u32]) -> Op {
    Op::Input { slot: 0, dtype: Dtype::F32, shape: shape.to_vec() }
}

fn product(a: u32, b: u32) -> Op {
    Op::MatMul { a, b, a_transposed: false, b_transposed: false }
}

fn batched(a: u32, b: u32) -> Op {
    Op::BatchedMatMul { a, b, a_transposed: false, b_transposed: false }
}

fn exact(a: u32, b: u32) -> Op {
    Op::MatMulI8 { a, b, a_transposed: false, b_transposed: false }
}

fn concat(parts: &[u32], axis: u32) -> Op {
    Op::Concat { parts: Operands(parts.to_vec()), axis }
}

fn random(seed: u32, samples: u32, step: u32, site: u32) -> Op {
    Op::Random { seed, samples, step, site, shape: vec![4] }
}

/// Each beside the operands of the catalogue, which are values 0 to 15.
fn table() -> Vec<(Op, &'static str)> {
    vec![
        (product(0, 0), "(matmul): the common axis is 3 on one side and 2 on the other"),
        (product(0, 1), "(matmul): value 1 is f32[3], a matrix is wanted"),
        (product(0, 2), "(matmul): value 2 is u32[2], f32 is wanted"),
        (product(0, 16), "(matmul) reads value 16, which is not before it"),
        (product(0, 99), "(matmul) reads value 99, which is not before it"),
        (Op::AddBias { x: 0, bias: 12 }, "(add_bias): the bias is 2 on one side and 3 on the other"),
        (Op::Add { a: 0, b: 1 }, "(add): value 0 is f32[2, 3], value 1 is f32[3]: they must be alike"),
        (Op::Mean { x: 0 }, "(mean): value 0 is f32[2, 3], a vector is wanted"),
        (Op::CrossEntropy { logits: 0, labels: 1 }, "(cross_entropy): value 1 is f32[3], labels u32[2] are wanted"),
        (input(&[0, 2]), "(input): an axis of f32[0, 2] is empty"),
        (input(&[1, 1, 1, 1, 1]), "(input): the number of axes is 5, at most 4 is taken"),
        (input(&[u32::MAX; 4]), "(input): the number of elements is 18446744073709551615, at most 268435456 is taken"),
        (Op::Cast { x: 0, to: Dtype::F32 }, "(cast): f32 is not turned to f32"),
        (Op::Cast { x: 15, to: Dtype::I8 }, "(cast): bf16 is not turned to i8"),
        (Op::Map { x: 2, function: Unary::Exp }, "(exp): value 2 is u32[2], f32 is wanted"),
        (Op::Zip { a: 0, b: 12, function: Binary::Divide }, "(divide): value 0 is f32[2, 3], value 12 is f32[2]: one axis is 3 and 2"),
        (Op::Zip { a: 0, b: 15, function: Binary::Add }, "(add): value 15 is bf16[2, 3], f32 is wanted"),
        (Op::Fma { a: 0, b: 1, c: 12 }, "(fma): value 0 is f32[2, 3], value 1 is f32[3], value 12 is f32[2]: one axis is 3 and 2"),
        (Op::Compare { a: 10, b: 10, relation: Relation::Less }, "(less): value 10 is i8[2, 3]: f32, u32 or i32 is compared"),
        (
            Op::Compare { a: 0, b: 2, relation: Relation::Less },
            "(less): value 0 is f32[2, 3], value 2 is u32[2]: one element type is wanted",
        ),
        (Op::Select { condition: 0, a: 0, b: 0 }, "(select): value 0 is f32[2, 3], u32 is wanted"),
        (Op::Select { condition: 3, a: 0, b: 10 }, "(select): value 0 is f32[2, 3], value 10 is i8[2, 3]: one element type is wanted"),
        (Op::Reduce { x: 0, function: Reduction::Maximum, axis: 2 }, "(maximum_of): f32[2, 3] has no axis 2"),
        (Op::Broadcast { x: 0, shape: vec![3] }, "(broadcast): value 0 is f32[2, 3], which does not broadcast to [3]"),
        (Op::Broadcast { x: 0, shape: vec![4, 3] }, "(broadcast): value 0 is f32[2, 3], which does not broadcast to [4, 3]"),
        (Op::Reshape { x: 0, shape: vec![7] }, "(reshape): value 0 is f32[2, 3], which has not the elements of [7]"),
        (Op::Permute { x: 0, axes: vec![0, 0] }, "(permute): [0, 0] is no order of the axes of f32[2, 3]"),
        (Op::Slice { x: 0, axis: 1, start: u32::MAX, length: 2 }, "(slice): 2 places from 4294967295 are not on axis 1 of f32[2, 3]"),
        (Op::Slice { x: 0, axis: 1, start: 3, length: 0 }, "(slice): an axis of f32[2, 0] is empty"),
        (concat(&[], 0), "(concat): there are no parts"),
        (concat(&[0, 14], 0), "(concat): value 0 is f32[2, 3], value 14 is f32[3, 2]: only axis 0 may differ"),
        (concat(&[0; 257], 0), "(concat): the number of operands is 257, at most 256 is taken"),
        (Op::Iota { axis: 0, shape: vec![] }, "(iota): u32[] has no axis 0"),
        (
            Op::FillInteger { dtype: Dtype::I8, bits: 0, shape: vec![] },
            "(fill_integer): i8 is no type of its integers: u32 or i32 is wanted",
        ),
        (random(3, 2, 3, 16), "(random): the seed is u32[], u32[2] is wanted"),
        (random(2, 3, 3, 16), "(random): the samples are u32[], a vector is wanted"),
        (random(2, 2, 2, 16), "(random): the step is u32[2], u32[] is wanted"),
        (random(2, 2, 3, 15), "(random): site 15 is not a program's: those begin at 16"),
        (batched(0, 0), "(batched_matmul): value 0 is f32[2, 3], value 0 is f32[2, 3]: matrices under leading axes are wanted"),
        (batched(8, 8), "(batched_matmul): the common axis is 4 on one side and 3 on the other"),
        (batched(8, 5), "(batched_matmul): value 8 is f32[2, 3, 4], value 5 is f32[2, 5, 4, 3]: their leading axes differ"),
        (exact(10, 10), "(matmul_i8): the common axis is 3 on one side and 2 on the other"),
        (exact(0, 11), "(matmul_i8): value 0 is f32[2, 3], i8 is wanted"),
        (Op::Conv2d { x: 5, weight: 0, stride: 1, padding: 0 }, "(conv2d): value 0 is f32[2, 3], four axes are wanted"),
        (Op::Conv2d { x: 7, weight: 6, stride: 1, padding: 0 }, "(conv2d): the number of channels is 2 on one side and 3 on the other"),
        (
            Op::Conv2d { x: 5, weight: 6, stride: 0, padding: 0 },
            "(conv2d): no window of 3 by steps of 0 lies on an axis of 5 with padding 0",
        ),
        (
            Op::Conv2d { x: 5, weight: 6, stride: 1, padding: 2 },
            "(conv2d): no window of 2 by steps of 1 lies on an axis of 4 with padding 2",
        ),
        (
            Op::Conv2dGradInput { weight: 6, gradient: 7, stride: 1, padding: 0, height: 5, width: 5 },
            "(conv2d_grad_input): the gradient's height or width is 5 on one side and 4 on the other",
        ),
        (
            Op::Conv2dGradWeight { x: 5, gradient: 7, stride: 1, padding: 0, height: 9, width: 2 },
            "(conv2d_grad_weight): no window of 9 by steps of 1 lies on an axis of 5 with padding 0",
        ),
        (Op::MaxPool { x: 5, kernel: 5, stride: 1 }, "(max_pool): no window of 5 by steps of 1 lies on an axis of 4 with padding 0"),
        (
            Op::MaxPoolGrad { x: 5, gradient: 13, kernel: 2, stride: 1 },
            "(max_pool_grad): the gradient is f32[2, 2, 2, 3], f32[2, 4, 3, 3] is wanted",
        ),
        (Op::AveragePool { x: 0, kernel: 1, stride: 1 }, "(average_pool): value 0 is f32[2, 3], four axes are wanted"),
        (
            Op::AveragePoolGrad { gradient: 13, kernel: 2, stride: 1, height: u32::MAX, width: 3 },
            "(average_pool_grad): the gradient's height or width is 2 on one side and 4294967294 on the other",
        ),
        (Op::Embedding { table: 0, ids: 0 }, "(embedding): value 0 is f32[2, 3], u32 is wanted"),
        (
            Op::EmbeddingGrad { ids: 2, gradient: 14, rows: 3 },
            "(embedding_grad): value 14 is f32[3, 2]: a row for each of u32[2] is wanted",
        ),
    ]
}

#[test]
fn a_misfit_is_refused_and_the_instruction_named() {
    let base = catalogue::base();
    for (op, text) in table() {
        let mut draft = base.clone();
        let error = draft.push(op).unwrap_err();
        assert_eq!(error.to_string(), format!("instruction 16 {text}"));
        assert_eq!(draft.push(input(&[1])).unwrap(), 16, "a refused instruction leaves the draft as it was");
    }
}

#[test]
fn an_exact_product_ends_where_it_might_overflow() {
    let mut draft = super::Draft::new();
    let small = |shape: &[u32]| Op::Input { slot: 0, dtype: Dtype::I8, shape: shape.to_vec() };
    let (a, b) = (draft.push(small(&[1, 1 << 17])).unwrap(), draft.push(small(&[1, (1 << 17) + 1])).unwrap());
    let of = |x| Op::MatMulI8 { a: x, b: x, a_transposed: false, b_transposed: true };
    draft.push(of(a)).unwrap();
    assert_eq!(draft.push(of(b)).unwrap_err().to_string(), "instruction 3 (matmul_i8): the common axis is 131073, at most 131072 is taken");
}
