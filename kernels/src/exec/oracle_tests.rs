//! candle-core as the oracle: an independent implementation, within tolerance, forward and backward.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use candle_core::{Device, Tensor as Theirs, Var};
use proptest::prelude::*;

use super::{Executor, Tensor};
use crate::bml::{Example, Job, Model, Rule};
use crate::program::{Draft, Dtype, Id, Op, gradient};
use crate::test_values::tame;
use crate::trace::State;

pub fn theirs(of: &Tensor) -> Theirs {
    let shape: Vec<usize> = of.shape().iter().map(|&n| n as usize).collect();
    Theirs::from_slice(of.floats(), shape, &Device::Cpu).unwrap()
}

pub fn close(ours: &Tensor, theirs: &Theirs) {
    let theirs: Vec<f32> = theirs.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(ours.floats().len(), theirs.len());
    for (a, b) in ours.floats().iter().zip(&theirs) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} against candle's {b}");
    }
}

fn tensor(shape: &'static [u32]) -> impl Strategy<Value = Tensor> {
    let count = shape.iter().product::<u32>() as usize;
    prop::collection::vec(tame(), count).prop_map(|values| Tensor::f32(shape, values))
}

/// Mean over rows of log Σ exp − the label's logit, in candle's words.
fn loss_of(logits: &Theirs, labels: &[u32]) -> Theirs {
    let max = logits.max_keepdim(1).unwrap();
    let sum = logits.broadcast_sub(&max).unwrap().exp().unwrap().sum_keepdim(1).unwrap();
    let normal = logits.broadcast_sub(&max).unwrap().broadcast_sub(&sum.log().unwrap()).unwrap();
    let labels = Theirs::from_slice(labels, (labels.len(), 1), &Device::Cpu).unwrap();
    normal.gather(&labels, 1).unwrap().mean_all().unwrap().neg().unwrap()
}

/// Builds a program whose loss is the cross entropy of `logits(parameters)`, and returns loss and gradients of both sides.
fn compare(parameters: &[Tensor], labels: &[u32], ours: impl Fn(&mut Draft, &[Id]) -> Id, their: impl Fn(&[Theirs]) -> Theirs) {
    let mut draft = Draft::new();
    let ids: Vec<Id> =
        (0u32..).zip(parameters).map(|(tensor, of)| draft.push(Op::State { tensor, shape: of.shape().to_vec() }).unwrap()).collect();
    let label_input = draft.push(Op::Input { slot: 0, dtype: Dtype::U32, shape: vec![labels.len() as u32] }).unwrap();
    let logits = ours(&mut draft, &ids);
    let losses = draft.push(Op::CrossEntropy { logits, labels: label_input }).unwrap();
    let loss = draft.push(Op::Mean { x: losses }).unwrap();
    let gradients = gradient(&mut draft, loss, &ids).unwrap();
    let program = draft.finish([vec![logits, loss], gradients].concat()).unwrap();
    let results = Executor::reference().execute(&program, parameters, &[Tensor::u32(&[labels.len() as u32], labels.to_vec())]).unwrap();

    let variables: Vec<Var> = parameters.iter().map(|of| Var::from_tensor(&theirs(of)).unwrap()).collect();
    let logits = their(&variables.iter().map(|of| of.as_tensor().clone()).collect::<Vec<_>>());
    let loss = loss_of(&logits, labels);
    let store = loss.backward().unwrap();
    close(&results[0], &logits);
    close(&results[1], &loss);
    for (ours, variable) in results[2..].iter().zip(&variables) {
        close(ours, store.get(variable).unwrap());
    }
}

fn product(a_transposed: bool, b_transposed: bool) -> impl Fn(&mut Draft, &[Id]) -> Id {
    move |draft, ids| draft.push(Op::MatMul { a: ids[0], b: ids[1], a_transposed, b_transposed }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn products_in_all_four_readings(a in tensor(&[3, 5]), at in tensor(&[5, 3]), b in tensor(&[5, 4]), bt in tensor(&[4, 5])) {
        let labels = [0, 3, 1];
        compare(&[a.clone(), b.clone()], &labels, product(false, false), |p| p[0].matmul(&p[1]).unwrap());
        compare(&[at.clone(), b], &labels, product(true, false), |p| p[0].t().unwrap().matmul(&p[1]).unwrap());
        compare(&[a, bt.clone()], &labels, product(false, true), |p| p[0].matmul(&p[1].t().unwrap()).unwrap());
        compare(&[at, bt], &labels, product(true, true), |p| p[0].t().unwrap().matmul(&p[1].t().unwrap()).unwrap());
    }

    #[test]
    fn bias_relu_and_a_value_used_twice(x in tensor(&[3, 4]), bias in tensor(&[4])) {
        let ours = |draft: &mut Draft, ids: &[Id]| {
            let sum = draft.push(Op::AddBias { x: ids[0], bias: ids[1] }).unwrap();
            let bent = draft.push(Op::Relu { x: sum }).unwrap();
            draft.push(Op::Add { a: bent, b: sum }).unwrap()
        };
        compare(&[x, bias], &[2, 0, 3], ours, |p| {
            let sum = p[0].broadcast_add(&p[1]).unwrap();
            sum.relu().unwrap().add(&sum).unwrap()
        });
    }
}

/// Three steps of a compiled job: forward, backward, momentum and descent, beside candle's own gradients.
#[test]
fn a_training_step_is_candles_within_tolerance() {
    let job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    let Rule::Sgd(rule) = job.train.rule else { unreachable!("the small job descends") };
    let program = job.compile().unwrap().train;
    let mut state = State::initial(&Arc::new(Model::of(&job).unwrap()), job.train.seed).tensors().to_vec();
    let count = state.len() / 2;
    let mut parameters: Vec<Theirs> = state[..count].iter().map(theirs).collect();
    let mut velocities: Vec<Theirs> = state[count..].iter().map(theirs).collect();
    for step in 0..3 {
        let (batch, input) = (job.train.batch, 784);
        let values: Vec<f32> = (0..batch * input).map(|i| ((i * 37 + step * 11) % 101) as f32 / 101.0).collect();
        let labels: Vec<u32> = (0..batch).map(|i| (i * 7 + step) % job.model.record().classes()).collect();
        let features = Tensor::f32(&[batch, input], values);
        let mut outputs = Executor::fast(1).execute(&program, &state, &[features.clone(), Tensor::u32(&[batch], labels.clone())]).unwrap();

        let variables: Vec<Var> = parameters.iter().map(|of| Var::from_tensor(of).unwrap()).collect();
        let hidden = theirs(&features).matmul(&variables[0]).unwrap().broadcast_add(&variables[1]).unwrap().relu().unwrap();
        let loss = loss_of(&hidden.matmul(&variables[2]).unwrap().broadcast_add(&variables[3]).unwrap(), &labels);
        let store = loss.backward().unwrap();
        let mut squares = 0.0;
        for (index, variable) in variables.iter().enumerate() {
            let gradient = store.get(variable).unwrap();
            squares += gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            velocities[index] = ((&velocities[index] * f64::from(rule.momentum)).unwrap() + gradient).unwrap();
            parameters[index] = (&parameters[index] - (&velocities[index] * f64::from(rule.rate)).unwrap()).unwrap();
        }
        close(&outputs.pop().unwrap(), &Theirs::new(squares.sqrt(), &Device::Cpu).unwrap());
        close(&outputs.pop().unwrap(), &loss);
        state = outputs;
        state[..count].iter().zip(&parameters).for_each(|(ours, theirs)| close(ours, theirs));
        state[count..].iter().zip(&velocities).for_each(|(ours, theirs)| close(ours, theirs));
    }
}
