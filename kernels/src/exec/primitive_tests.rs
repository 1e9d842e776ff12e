//! Instructions beside candle-core, forward and backward, within tolerance: each as a part of Σ y².

#![allow(clippy::unwrap_used)]

use candle_core::{Device, Result as Candle, Tensor as Theirs, Var};

use super::oracle_tests::{close, theirs};
use super::{Executor, Tensor};
use crate::contract::philox::symmetric;
use crate::error::ProgramError;
use crate::program::{Binary, Draft, Dtype, Id, Op, Reduction, Relation, Unary, gradient};

/// Numbers without pattern in [−1, 1).
pub fn values(count: usize, seed: u32) -> Vec<f32> {
    (0..count as u32).map(|i| symmetric(i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(0x9E37_79B9)))).collect()
}

pub fn tensor(shape: &[u32], seed: u32) -> Tensor {
    Tensor::f32(shape, values(shape.iter().product::<u32>() as usize, seed))
}

/// The same, from ½ to 2½.
fn positive(shape: &[u32], seed: u32) -> Tensor {
    Tensor::f32(shape, tensor(shape, seed).floats().iter().map(|x| x + 1.5).collect())
}

/// y of the parameters, and the gradients of Σ y² by each, on the reference.
pub fn differentiated(parameters: &[Tensor], y: impl Fn(&mut Draft, &[Id]) -> Result<Id, ProgramError>) -> (Tensor, Vec<Tensor>) {
    let mut draft = Draft::new();
    let ids: Vec<Id> =
        (0..).zip(parameters).map(|(tensor, of)| draft.push(Op::State { tensor, shape: of.shape().to_vec() }).unwrap()).collect();
    let y = y(&mut draft, &ids).unwrap();
    let loss = draft.push(Op::SumSquares { x: y }).unwrap();
    let gradients = gradient(&mut draft, loss, &ids).unwrap();
    let program = draft.finish([vec![y], gradients].concat()).unwrap();
    let mut results = Executor::reference().execute(&program, parameters, &[]).unwrap();
    let y = results.remove(0);
    (y, results)
}

fn beside(
    parameters: &[Tensor],
    ours: impl Fn(&mut Draft, &[Id]) -> Result<Id, ProgramError>,
    their: impl Fn(&[Theirs]) -> Candle<Theirs>,
) {
    let (y, gradients) = differentiated(parameters, ours);
    let variables: Vec<Var> = parameters.iter().map(|of| Var::from_tensor(&theirs(of)).unwrap()).collect();
    let result = their(&variables.iter().map(|of| of.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let store = result.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    close(&y, &result);
    for (ours, variable) in gradients.iter().zip(&variables) {
        // What only a comparison reads has no gradient there and zeros here.
        let none = || variable.as_tensor().zeros_like().unwrap();
        close(ours, &store.get(variable).cloned().unwrap_or_else(none));
    }
}

#[test]
fn functions_of_one() {
    type Function = fn(&Theirs) -> Candle<Theirs>;
    let table: [(Unary, Function); 10] = [
        (Unary::Negate, Theirs::neg),
        (Unary::Absolute, Theirs::abs),
        (Unary::Reciprocal, Theirs::recip),
        (Unary::Exp, Theirs::exp),
        (Unary::Log, Theirs::log),
        (Unary::Sigmoid, |x| (x.neg()?.exp()? + 1.0)?.recip()),
        (Unary::Tanh, Theirs::tanh),
        (Unary::Erf, Theirs::erf),
        (Unary::Sin, Theirs::sin),
        (Unary::Cos, Theirs::cos),
    ];
    assert_eq!(table.len(), Unary::ALL.len());
    for (function, their) in table {
        beside(&[positive(&[3, 5], 1)], |draft, p| draft.map(function, p[0]), |p| their(&p[0]));
        if !matches!(function, Unary::Log | Unary::Reciprocal) {
            beside(&[tensor(&[3, 5], 2)], |draft, p| draft.map(function, p[0]), |p| their(&p[0]));
        }
    }
    beside(&[positive(&[7], 3)], |draft, p| draft.sqrt(p[0]), |p| p[0].sqrt());
}

#[test]
fn functions_of_two_and_three_that_broadcast() {
    let (x, row, column) = (tensor(&[2, 3, 4], 1), positive(&[4], 2), positive(&[2, 1, 1], 3));
    for other in [&row, &column, &positive(&[2, 3, 4], 4)] {
        let parameters = [x.clone(), other.clone()];
        let two = |function| move |draft: &mut Draft, p: &[Id]| draft.zip(function, p[0], p[1]);
        beside(&parameters, two(Binary::Add), |p| p[0].broadcast_add(&p[1]));
        beside(&parameters, two(Binary::Subtract), |p| p[0].broadcast_sub(&p[1]));
        beside(&parameters, two(Binary::Multiply), |p| p[0].broadcast_mul(&p[1]));
        beside(&parameters, two(Binary::Divide), |p| p[0].broadcast_div(&p[1]));
        beside(&parameters, two(Binary::Maximum), |p| p[0].maximum(&p[1].broadcast_as(p[0].shape())?));
        beside(&parameters, two(Binary::Minimum), |p| p[0].minimum(&p[1].broadcast_as(p[0].shape())?));
    }
    beside(
        &[x.clone(), row.clone(), column.clone()],
        |draft, p| draft.fma(p[0], p[1], p[2]),
        |p| p[0].broadcast_mul(&p[1])?.broadcast_add(&p[2]),
    );
    let chosen = |draft: &mut Draft, p: &[Id]| {
        let below = draft.compare(Relation::Less, p[0], p[1])?;
        draft.select(below, p[2], p[0])
    };
    beside(&[x, tensor(&[2, 3, 4], 9), column], chosen, |p| p[0].lt(&p[1])?.where_cond(&p[2].broadcast_as(p[0].shape())?, &p[0]));
}

#[test]
fn reductions_of_each_axis() {
    let x = tensor(&[3, 4, 5], 1);
    for axis in 0..3u32 {
        let at = axis as usize;
        let ours = |function| move |draft: &mut Draft, p: &[Id]| draft.reduce(function, p[0], axis);
        beside(&[x.clone()], ours(Reduction::Sum), |p| p[0].sum_keepdim(at));
        beside(&[x.clone()], ours(Reduction::SumSquares), |p| p[0].sqr()?.sum_keepdim(at));
        beside(&[x.clone()], ours(Reduction::Maximum), |p| p[0].max_keepdim(at));
        beside(&[x.clone()], |draft, p| draft.mean(p[0], axis), |p| p[0].mean_keepdim(at));
    }
    beside(&[tensor(&[6, 4], 2)], |draft, p| draft.push(Op::SumRows { x: p[0] }), |p| p[0].sum(0));
    beside(&[tensor(&[6, 4], 2)], |draft, p| draft.push(Op::SumSquares { x: p[0] }), |p| p[0].sqr()?.sum_all());
}

#[test]
fn movements() {
    let x = tensor(&[2, 3, 4], 1);
    beside(&[x.clone()], |draft, p| draft.permute(p[0], &[2, 0, 1]), |p| p[0].permute((2, 0, 1)));
    beside(&[x.clone()], |draft, p| draft.reshape(p[0], &[4, 6]), |p| p[0].reshape((4, 6)));
    beside(&[x.clone()], |draft, p| draft.slice(p[0], 1, 1, 2), |p| p[0].narrow(1, 1, 2));
    beside(&[x.clone()], |draft, p| draft.broadcast(p[0], &[5, 2, 3, 4]), |p| p[0].broadcast_as((5, 2, 3, 4)));
    let parts = [x, tensor(&[2, 1, 4], 2)];
    beside(&parts, |draft, p| draft.concat(&[p[0], p[1], p[0]], 1), |p| Theirs::cat(&[&p[0], &p[1], &p[0]], 1));
}

#[test]
fn batched_products_in_all_four_readings() {
    for (a_transposed, b_transposed) in [(false, false), (true, false), (false, true), (true, true)] {
        let shape = |rows, columns, turned| if turned { [2, 3, columns, rows] } else { [2, 3, rows, columns] };
        let parameters = [tensor(&shape(4, 5, a_transposed), 1), tensor(&shape(5, 2, b_transposed), 2)];
        let read = |of: &Theirs, turned| if turned { of.t()?.contiguous() } else { Ok(of.clone()) };
        beside(
            &parameters,
            |draft, p| draft.push(Op::BatchedMatMul { a: p[0], b: p[1], a_transposed, b_transposed }),
            |p| read(&p[0], a_transposed)?.matmul(&read(&p[1], b_transposed)?),
        );
    }
}

#[test]
fn convolutions() {
    // Windows at stride 2 end at the edge: candle's gradient knows one remainder for both axes. `layer_tests` has others.
    for (stride, padding, kernel) in [(1, 0, [3, 3]), (1, 1, [3, 2]), (2, 1, [3, 3]), (2, 0, [1, 1])] {
        let parameters = [tensor(&[2, 5, 7, 3], 1), tensor(&[kernel[0], kernel[1], 3, 4], 2)];
        beside(
            &parameters,
            |draft, p| draft.push(Op::Conv2d { x: p[0], weight: p[1], stride, padding }),
            |p| {
                let (x, weight) = (p[0].permute((0, 3, 1, 2))?.contiguous()?, p[1].permute((3, 2, 0, 1))?.contiguous()?);
                x.conv2d(&weight, padding as usize, stride as usize, 1, 1)?.permute((0, 2, 3, 1))
            },
        );
    }
}

#[test]
fn pooling() {
    let x = [tensor(&[2, 6, 4, 3], 1)];
    let first = |p: &[Theirs]| p[0].permute((0, 3, 1, 2))?.contiguous();
    // Forward only: candle divides the gradient of a maximum by the size of its window. `layer_tests` has the gradient.
    let (y, _) = differentiated(&x, |draft, p| draft.push(Op::MaxPool { x: p[0], kernel: 2, stride: 2 }));
    close(&y, &first(&[theirs(&x[0])]).unwrap().max_pool2d(2).unwrap().permute((0, 2, 3, 1)).unwrap());
    let average = |draft: &mut Draft, p: &[Id]| draft.push(Op::AveragePool { x: p[0], kernel: 2, stride: 2 });
    beside(&x, average, |p| first(p)?.avg_pool2d(2)?.permute((0, 2, 3, 1)));
}

#[test]
fn embeddings() {
    let ids = [3u32, 0, 3, 1, 3, 2];
    let ours = |draft: &mut Draft, p: &[Id]| {
        let parts = ids
            .iter()
            .map(|&id| draft.push(Op::FillInteger { dtype: Dtype::U32, bits: id, shape: vec![1] }))
            .collect::<Result<Vec<_>, _>>()?;
        let ids = draft.concat(&parts, 0)?;
        draft.push(Op::Embedding { table: p[0], ids })
    };
    beside(&[tensor(&[5, 3], 1)], ours, |p| p[0].index_select(&Theirs::new(&ids, &Device::Cpu)?, 0));
}

#[test]
fn exact_products_are_exact() {
    let small = |values: Vec<i8>, shape: &[u32]| Tensor::of(shape, super::Elements::I8(values));
    let mut draft = Draft::new();
    let input = |slot, shape: &[u32]| Op::Input { slot, dtype: Dtype::I8, shape: shape.to_vec() };
    let (a, b) = (draft.push(input(0, &[2, 3])).unwrap(), draft.push(input(1, &[2, 3])).unwrap());
    let y = draft.push(Op::MatMulI8 { a, b, a_transposed: false, b_transposed: true }).unwrap();
    let program = draft.finish(vec![y]).unwrap();
    let (a, b) = (small(vec![127, -127, 3, 0, 1, 2], &[2, 3]), small(vec![127, 127, 1, -1, 5, 7], &[2, 3]));
    for executor in [Executor::reference(), Executor::fast(2)] {
        let y = executor.execute(&program, &[], &[a.clone(), b.clone()]).unwrap();
        assert_eq!(y[0], Tensor::of(&[2, 2], super::Elements::I32(vec![3, -741, 129, 19])));
        let error = executor.execute(&program, &[], &[a.clone(), small(vec![-128; 6], &[2, 3])]).unwrap_err();
        assert_eq!(error.to_string(), "input 1 is i8[2, 3] with a −128, which no i8 here is, the program wants i8[2, 3]");
    }
}
