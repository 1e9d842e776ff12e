//! Layers and optimisers beside their formulas in f64, and their gradients beside differences of those.

#![allow(clippy::unwrap_used)]

use super::primitive_tests::{differentiated, tensor};
use super::{Executor, Tensor};
use crate::contract::philox;
use crate::error::ProgramError;
use crate::program::layers::{
    Affine, LstmState, LstmWeights, Projections, Randomness, conv2d, dropout, gelu, layer_norm, linear, log_softmax, lstm_cell,
    mean_squared_error, multi_head_attention, rms_norm, silu, softmax,
};
use crate::program::optim::{AdamW, Moments, Schedule, Sgd, clip, sgd};
use crate::program::{Draft, Dtype, Id, Op, gradient};

fn near(found: &[f32], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (&found, &wanted) in found.iter().zip(wanted) {
        assert!((f64::from(found) - wanted).abs() <= tolerance * (1.0 + wanted.abs()), "{found} against {wanted}");
    }
}

/// Compares the layer with `exact`, and the gradients of Σ y² with central differences of it.
fn exactly(parameters: &[Tensor], layer: impl Fn(&mut Draft, &[Id]) -> Result<Id, ProgramError>, exact: impl Fn(&[Vec<f64>]) -> Vec<f64>) {
    const STEP: f64 = 1e-5;
    let (y, gradients) = differentiated(parameters, layer);
    let mut at: Vec<Vec<f64>> = parameters.iter().map(|of| of.floats().iter().map(|&x| f64::from(x)).collect()).collect();
    near(y.floats(), &exact(&at), 2e-6);
    let loss = |at: &[Vec<f64>]| -> f64 { exact(at).iter().map(|y| y * y).sum() };
    for (of, gradient) in gradients.iter().enumerate() {
        let mut wanted = vec![];
        for element in 0..at[of].len() {
            let x = at[of][element];
            at[of][element] = x + STEP;
            let above = loss(&at);
            at[of][element] = x - STEP;
            wanted.push((above - loss(&at)) / (2.0 * STEP));
            at[of][element] = x;
        }
        near(gradient.floats(), &wanted, 5e-5);
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Its series, for |x| ≤ 3.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn exact_softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / sum).collect()
}

/// a[m, k] · b[k, n]
fn product(a: &[f64], b: &[f64], k: usize) -> Vec<f64> {
    let n = b.len() / k;
    a.chunks(k).flat_map(|row| (0..n).map(|j| (0..k).map(|i| row[i] * b[i * n + j]).sum())).collect()
}

#[test]
fn activations() {
    let x = [Tensor::f32(&[9], vec![-2.5, -1.0, -0.3, 0.0, 0.1, 0.7, 1.9, 2.5, -0.0])];
    exactly(&x, |draft, p| gelu(draft, p[0]), |p| p[0].iter().map(|&x| x * 0.5 * (1.0 + erf(x / 2f64.sqrt()))).collect());
    exactly(&x, |draft, p| silu(draft, p[0]), |p| p[0].iter().map(|&x| x * logistic(x)).collect());
}

/// Where 1 ÷ (1 + e^−x) overflows: neither the sigmoid nor its gradient may.
#[test]
fn the_sigmoid_keeps_its_tails() {
    let x = [Tensor::f32(&[4], vec![-100.0, 100.0, f32::NEG_INFINITY, 0.0])];
    let (y, gradients) = differentiated(&x, |draft, p| draft.map(crate::program::Unary::Sigmoid, p[0]));
    assert_eq!(y.floats(), [3.783_506e-44, 1.0, 0.0, 0.5]);
    assert_eq!(gradients[0].floats(), [0.0, 0.0, 0.0, 0.25]);
}

#[test]
fn norms() {
    let parameters = [tensor(&[3, 7], 1), tensor(&[7], 2), tensor(&[7], 3)];
    let normal = |row: &[f64], centred: bool| -> Vec<f64> {
        let n = row.len() as f64;
        let mean = if centred { row.iter().sum::<f64>() / n } else { 0.0 };
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        row.iter().map(|x| (x - mean) / (variance + f64::from(1e-3f32)).sqrt()).collect()
    };
    exactly(
        &parameters,
        |draft, p| layer_norm(draft, p[0], p[1], p[2], 1e-3),
        |p| p[0].chunks(7).flat_map(|row| normal(row, true).into_iter().zip(p[1].iter().zip(&p[2])).map(|(x, (g, b))| x * g + b)).collect(),
    );
    exactly(
        &parameters[..2],
        |draft, p| rms_norm(draft, p[0], p[1], 1e-3),
        |p| p[0].chunks(7).flat_map(|row| normal(row, false).into_iter().zip(&p[1]).map(|(x, g)| x * g)).collect(),
    );
}

#[test]
fn softmaxes() {
    let parameters = [tensor(&[2, 2, 5], 1)];
    exactly(&parameters, |draft, p| softmax(draft, p[0]), |p| p[0].chunks(5).flat_map(exact_softmax).collect());
    exactly(
        &parameters,
        |draft, p| log_softmax(draft, p[0]),
        |p| p[0].chunks(5).flat_map(|row| exact_softmax(row).into_iter().map(f64::ln)).collect(),
    );
}

#[test]
fn linear_of_leading_axes() {
    let parameters = [tensor(&[2, 3, 4], 1), tensor(&[4, 5], 2), tensor(&[5], 3)];
    let layer = |draft: &mut Draft, p: &[Id]| linear(draft, p[0], Affine { weight: p[1], bias: Some(p[2]) });
    exactly(&parameters, layer, |p| product(&p[0], &p[1], 4).chunks(5).flat_map(|row| row.iter().zip(&p[2]).map(|(x, b)| x + b)).collect());
}

#[test]
fn squared_errors() {
    let parameters = [tensor(&[3, 4], 1), tensor(&[3, 4], 2)];
    exactly(
        &parameters,
        |draft, p| mean_squared_error(draft, p[0], p[1]),
        |p| vec![p[0].iter().zip(&p[1]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / 12.0],
    );
}

#[test]
fn a_cell_of_an_lstm() {
    let parameters =
        [tensor(&[2, 3], 1), tensor(&[2, 4], 2), tensor(&[2, 4], 3), tensor(&[3, 16], 4), tensor(&[4, 16], 5), tensor(&[16], 6)];
    let layer = |draft: &mut Draft, p: &[Id]| {
        let weights = LstmWeights { input: p[3], hidden: p[4], bias: p[5] };
        let after = lstm_cell(draft, p[0], LstmState { hidden: p[1], cell: p[2] }, weights)?;
        draft.concat(&[after.hidden, after.cell], 0)
    };
    exactly(&parameters, layer, |p| {
        let sums = product(&p[0], &p[3], 3).into_iter().zip(product(&p[1], &p[4], 4)).map(|(a, b)| a + b);
        let gates: Vec<f64> = sums.enumerate().map(|(i, x)| x + p[5][i % 16]).collect();
        let gate = |index: usize, i: usize| gates[i / 4 * 16 + index * 4 + i % 4];
        let cell = |i: usize| logistic(gate(1, i)) * p[2][i] + logistic(gate(0, i)) * gate(2, i).tanh();
        (0..8).map(|i| logistic(gate(3, i)) * cell(i).tanh()).chain((0..8).map(cell)).collect()
    });
}

#[test]
fn attention_with_and_without_a_mask() {
    let parameters = [tensor(&[2, 3, 4], 1), tensor(&[4, 4], 2), tensor(&[4, 4], 3), tensor(&[4, 4], 4), tensor(&[4, 4], 5)];
    for causal in [false, true] {
        let layer = |draft: &mut Draft, p: &[Id]| {
            let affine = |at: usize| Affine { weight: p[at], bias: None };
            let projections = Projections { query: affine(1), key: affine(2), value: affine(3), output: affine(4) };
            multi_head_attention(draft, p[0], &projections, 2, causal)
        };
        exactly(&parameters, layer, |p| {
            let [q, k, v] = [1, 2, 3].map(|at| product(&p[0], &p[at], 4));
            let mut joined = vec![0.0; 24];
            for (batch, head, query) in (0..12).map(|i| (i / 6, i / 3 % 2, i % 3)) {
                let at = |of: &[f64], time: usize, i: usize| of[(batch * 3 + time) * 4 + head * 2 + i];
                let keys = if causal { query + 1 } else { 3 };
                let scores: Vec<f64> =
                    (0..keys).map(|key| (0..2).map(|i| at(&q, query, i) * at(&k, key, i)).sum::<f64>() / 2f64.sqrt()).collect();
                for (key, weight) in exact_softmax(&scores).into_iter().enumerate() {
                    (0..2).for_each(|i| joined[(batch * 3 + query) * 4 + head * 2 + i] += weight * at(&v, key, i));
                }
            }
            product(&joined, &p[4], 4)
        });
    }
}

#[test]
fn pooling_over_windows_that_overlap() {
    let parameters = [tensor(&[2, 5, 6, 2], 1)];
    let windows = |fold: fn(&[f64]) -> f64| {
        move |p: &[Vec<f64>]| -> Vec<f64> {
            let at = |n: usize, y: usize, x: usize, c: usize| p[0][((n * 5 + y) * 6 + x) * 2 + c];
            let window = |n: usize, oy: usize, ox: usize, c: usize| -> Vec<f64> {
                (0..9).map(|t| at(n, oy * 2 + t / 3, ox * 2 + t % 3, c)).collect()
            };
            (0..16).map(|i| fold(&window(i / 8, i / 4 % 2, i / 2 % 2, i % 2))).collect()
        }
    };
    exactly(
        &parameters,
        |draft, p| draft.push(Op::MaxPool { x: p[0], kernel: 3, stride: 2 }),
        windows(|w| w.iter().copied().fold(f64::MIN, f64::max)),
    );
    exactly(
        &parameters,
        |draft, p| draft.push(Op::AveragePool { x: p[0], kernel: 3, stride: 2 }),
        windows(|w| w.iter().sum::<f64>() / 9.0),
    );
}

/// At stride 2 with padding the last column is seen by no window's last tap, and the first taps see padding.
#[test]
fn convolutions_with_a_remainder() {
    let parameters = [tensor(&[2, 5, 6, 2], 1), tensor(&[3, 3, 2, 3], 2), tensor(&[3], 3)];
    let layer = |draft: &mut Draft, p: &[Id]| conv2d(draft, p[0], Affine { weight: p[1], bias: Some(p[2]) }, 2, 1);
    exactly(&parameters, layer, |p| {
        let at = |n: usize, y: usize, x: usize, c: usize| match (y.checked_sub(1), x.checked_sub(1)) {
            (Some(y @ 0..5), Some(x @ 0..6)) => p[0][((n * 5 + y) * 6 + x) * 2 + c],
            _ => 0.0,
        };
        let element = |i: usize| -> f64 {
            let (n, oy, ox, output) = (i / 27, i / 9 % 3, i / 3 % 3, i % 3);
            p[2][output] + (0..18).map(|k| at(n, oy * 2 + k / 6, ox * 2 + k / 2 % 3, k % 2) * p[1][k * 3 + output]).sum::<f64>()
        };
        (0..54).map(element).collect()
    });
}

/// A program over f32 states and u32 inputs, run by the reference and the twin, which must agree.
fn run(build: impl Fn(&mut Draft, &[Id], &[Id]) -> Result<Vec<Id>, ProgramError>, state: &[Tensor], inputs: &[Tensor]) -> Vec<Tensor> {
    let mut draft = Draft::new();
    let mut of = |given: &[Tensor], op: fn(u32, Vec<u32>) -> Op| -> Vec<Id> {
        (0..).zip(given).map(|(index, tensor)| draft.push(op(index, tensor.shape().to_vec())).unwrap()).collect()
    };
    let tensors = of(state, |tensor, shape| Op::State { tensor, shape });
    let arguments = of(inputs, |slot, shape| Op::Input { slot, dtype: Dtype::U32, shape });
    let outputs = build(&mut draft, &tensors, &arguments).unwrap();
    let program = draft.finish(outputs).unwrap();
    let results = Executor::reference().execute(&program, state, inputs).unwrap();
    assert_eq!(Executor::fast(2).execute(&program, state, inputs).unwrap(), results);
    results
}

#[test]
fn dropout_is_of_the_sample_and_scales_what_stays() {
    let (seed, step, site, rate) = (0x1234_5678_9ABC_DEF0u64, 77, 16, 0.25);
    let x = tensor(&[3, 50, 4], 1);
    let build = |draft: &mut Draft, p: &[Id], i: &[Id]| {
        let y = dropout(draft, p[0], Randomness { seed: i[0], samples: i[1], step: i[2] }, site, rate)?;
        let loss = draft.push(Op::SumSquares { x: y })?;
        Ok(vec![y, gradient(draft, loss, &[p[0]])?[0]])
    };
    let key = philox::key(seed);
    let inputs = |samples: &[u32]| {
        [Tensor::u32(&[2], key.to_vec()), Tensor::u32(&[samples.len() as u32], samples.to_vec()), Tensor::u32(&[], vec![step])]
    };
    let together = run(build, &[x.clone()], &inputs(&[5, 900, 6]));
    let mut kept = 0;
    for (index, (&y, &x)) in together[0].floats().iter().zip(x.floats()).enumerate() {
        let (sample, element) = ([5, 900, 6][index / 200], index as u32 % 200);
        let word = philox::philox(key, [element / 4, sample, site, step])[(element % 4) as usize];
        let stays = word >= 1 << 30;
        kept += u32::from(stays);
        let wanted = if stays { x * (1.0 / 0.75) } else { 0.0 };
        assert_eq!(y.to_bits(), wanted.to_bits());
        assert_eq!(together[1].floats()[index] == 0.0, !stays);
    }
    assert!((400..=500).contains(&kept), "{kept} of 600 at a rate of a quarter");
    // A batch that is split draws the same.
    let alone = run(build, &[Tensor::f32(&[1, 50, 4], x.floats()[200..400].to_vec())], &inputs(&[900]));
    assert_eq!(alone[0].floats(), &together[0].floats()[200..400]);
    let mut draft = Draft::new();
    let x = draft.constant(1.0).unwrap();
    let error = dropout(&mut draft, x, Randomness { seed: x, samples: x, step: x }, 16, 1.0).unwrap_err();
    assert_eq!((error.code(), error.to_string()), ("CRN-2310", "dropout: the rate is 1, from 0 to below 1 is wanted".to_owned()));
}

#[test]
fn adamw_follows_its_formula() {
    let rule = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, decay: 0.1 };
    let build = |draft: &mut Draft, p: &[Id], _: &[Id]| {
        let rate = draft.constant(0.05)?;
        let step = rule.step(draft, [p[3], p[4]], rate)?;
        let after = rule.update(draft, &step, Moments { parameter: p[0], first: p[1], second: p[2] }, p[5])?;
        Ok(vec![after.parameter, after.first, after.second, step.powers[0], step.powers[1]])
    };
    let one = Tensor::f32(&[], vec![1.0]);
    let mut state = vec![tensor(&[6], 1), Tensor::zeros(&[6]), Tensor::zeros(&[6]), one.clone(), one];
    let (mut x, mut m, mut v): (Vec<f64>, _, _) = (state[0].floats().iter().map(|&x| f64::from(x)).collect(), vec![0.0; 6], vec![0.0; 6]);
    for t in 1..=5 {
        let gradient = tensor(&[6], 10 + t as u32);
        state = run(build, &[&state[..], &[gradient.clone()]].concat(), &[]);
        for (i, &g) in gradient.floats().iter().enumerate() {
            let g = f64::from(g);
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.99 * v[i] + 0.01 * g * g;
            let direction = (m[i] / (1.0 - 0.9f64.powi(t))) / ((v[i] / (1.0 - 0.99f64.powi(t))).sqrt() + 1e-6);
            x[i] = x[i] * (1.0 - 0.05 * 0.1) - 0.05 * direction;
        }
        near(state[0].floats(), &x, 1e-5);
    }
}

#[test]
fn sgd_takes_its_rate_as_a_value() {
    let build = |draft: &mut Draft, p: &[Id], _: &[Id]| {
        let after = sgd(draft, Sgd { parameter: p[0], velocity: p[1] }, p[2], 0.5, p[3])?;
        let descended = draft.push(Op::Descend { parameter: p[0], velocity: after.velocity, rate: 0.1f32.to_bits() })?;
        Ok(vec![after.parameter, descended])
    };
    let results = run(build, &[tensor(&[5], 1), tensor(&[5], 2), tensor(&[5], 3), Tensor::f32(&[], vec![0.1])], &[]);
    assert_eq!(results[0], results[1]);
}

#[test]
fn gradients_are_clipped_beyond_the_limit_only() {
    let gradients = [Tensor::f32(&[2], vec![3.0, 0.0]), Tensor::f32(&[1], vec![4.0])];
    let clipped = |limit: f32| {
        let build = |draft: &mut Draft, p: &[Id], _: &[Id]| clip(draft, p, limit).map(|(clipped, norm)| [clipped, vec![norm]].concat());
        run(build, &gradients, &[])
    };
    let under = clipped(7.0);
    assert_eq!((&under[0], &under[1], under[2].floats()), (&gradients[0], &gradients[1], &[5.0f32][..]));
    let over = clipped(2.5);
    assert_eq!((over[0].floats(), over[1].floats()), (&[1.5f32, 0.0][..], &[2.0f32][..]));
}

#[test]
fn rates_follow_their_schedules() {
    let rate = |schedule: &Schedule, step: u32| {
        let build = |draft: &mut Draft, _: &[Id], i: &[Id]| schedule.rate(draft, i[0]).map(|rate| vec![rate]);
        run(build, &[], &[Tensor::u32(&[], vec![step])])[0].floats()[0]
    };
    assert_eq!(rate(&Schedule::Constant { rate: 0.3 }, 9), 0.3);
    let stepped = Schedule::Step { rate: 1.0, factor: 0.5, milestones: vec![3, 5] };
    assert_eq!([0, 2, 3, 4, 5, 99].map(|step| rate(&stepped, step)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    let cosine = Schedule::Cosine { peak: 2.0, floor: 0.5, warmup: 4, total: 10 };
    let wanted = |step: u32| match step {
        0..4 => 2.0 * f64::from(step + 1) / 4.0,
        _ => 0.5 + 1.5 * 0.5 * (1.0 + (std::f64::consts::PI * (f64::from(step.min(10)) - 4.0) / 6.0).cos()),
    };
    for step in 0..12 {
        near(&[rate(&cosine, step)], &[wanted(step)], 1e-6);
    }
    let never = Schedule::Cosine { peak: 1.0, floor: 0.0, warmup: 4, total: 4 };
    let mut draft = Draft::new();
    let step = draft.integer(0).unwrap();
    assert_eq!(never.rate(&mut draft, step).unwrap_err().code(), "CRN-2310");
}
