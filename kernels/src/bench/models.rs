//! Small models as one training step each: a program, its first state and a batch.
//!
//! The peer's are the same in its own words, from the same lists of sizes.

use super::numbers;
use crate::contract::scalar::sqrt;
use crate::error::ProgramError;
use crate::exec::Tensor;
use crate::program::layers::{self, Affine, Projections};
use crate::program::optim::{AdamW, Moments, Sgd, sgd};
use crate::program::{Draft, Dtype, Id, Op, Program, gradient};

/// Layers of the perceptron: 784 pixels, ten classes.
pub const MLP: [u32; 4] = [784, 512, 256, 10];
pub const MLP_BATCH: u32 = 64;
/// Channels of two convolutions of 3 × 3 with padding, each with ReLU and a pool of 2 × 2; then one layer to ten classes.
pub const CNN: [u32; 3] = [1, 16, 32];
pub const CNN_BATCH: u32 = 32;
pub const SIDE: u32 = 28;
pub const CLASSES: u32 = 10;
pub const RATE: f32 = 0.01;
pub const MOMENTUM: f32 = 0.9;

/// A decoder of characters, norms before attention and before the layers of four times the width, GELU.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    pub vocabulary: u32,
    pub width: u32,
    pub heads: u32,
    pub blocks: u32,
    pub time: u32,
    pub batch: u32,
}

pub const DECODER: Decoder = Decoder { vocabulary: 96, width: 128, heads: 4, blocks: 2, time: 64, batch: 8 };
pub const ADAMW: AdamW = AdamW { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1 };

/// A training step: state in, state and loss out.
#[derive(Debug)]
pub struct Step {
    pub program: Program,
    pub state: Vec<Tensor>,
    pub inputs: Vec<Tensor>,
}

/// The parameters' shapes of each model, in the order that its state has them.
pub fn mlp_shapes() -> Vec<Vec<u32>> {
    MLP.windows(2).flat_map(|pair| [pair.to_vec(), vec![pair[1]]]).collect()
}

pub fn cnn_shapes() -> Vec<Vec<u32>> {
    let side = SIDE / 4;
    let convolutions = CNN.windows(2).flat_map(|pair| [vec![3, 3, pair[0], pair[1]], vec![pair[1]]]);
    convolutions.chain([vec![side * side * CNN[2], CLASSES], vec![CLASSES]]).collect()
}

pub fn decoder_shapes(of: Decoder) -> Vec<Vec<u32>> {
    let Decoder { vocabulary, width, time, .. } = of;
    let norm = || [vec![width], vec![width]];
    let affine = |inputs: u32, outputs: u32| [vec![inputs, outputs], vec![outputs]];
    let mut shapes = vec![vec![vocabulary, width], vec![time, width]];
    for _ in 0..of.blocks {
        shapes.extend(norm());
        (0..4).for_each(|_| shapes.extend(affine(width, width)));
        shapes.extend(norm());
        shapes.extend(affine(width, 4 * width));
        shapes.extend(affine(4 * width, width));
    }
    shapes.extend(norm());
    shapes.extend(affine(width, vocabulary));
    shapes
}

/// First values: matrices by their inputs, gains one, the rest zero or small.
pub fn initial(shapes: &[Vec<u32>]) -> Vec<Tensor> {
    let first = |(seed, shape): (usize, &Vec<u32>)| {
        let count = shape.iter().product::<u32>() as usize;
        let scale = match shape.len() {
            1 => 0.02,
            _ => sqrt(3.0 / shape[..shape.len() - 1].iter().product::<u32>() as f32),
        };
        Tensor::f32(shape, numbers(count, seed as u32 + 1).into_iter().map(|x| x * scale).collect())
    };
    shapes.iter().enumerate().map(first).collect()
}

pub fn images(batch: u32) -> Vec<f32> {
    numbers((batch * SIDE * SIDE) as usize, 99)
}

pub fn labels(count: u32, classes: u32) -> Vec<u32> {
    (0..count).map(|i| i.wrapping_mul(2_654_435_761) % classes).collect()
}

pub fn mlp() -> Result<Step, ProgramError> {
    let shapes = mlp_shapes();
    let mut draft = Draft::new();
    let states = state(&mut draft, &[&shapes[..], &shapes].concat())?;
    let x = input(&mut draft, 0, Dtype::F32, &[MLP_BATCH, MLP[0]])?;
    let labels_in = input(&mut draft, 1, Dtype::U32, &[MLP_BATCH])?;
    let mut y = x;
    for (index, layer) in states[..shapes.len()].chunks(2).enumerate() {
        y = layers::linear(&mut draft, y, Affine { weight: layer[0], bias: Some(layer[1]) })?;
        if index + 2 < MLP.len() {
            y = layers::relu(&mut draft, y)?;
        }
    }
    let loss = layers::cross_entropy(&mut draft, y, labels_in)?;
    let inputs = vec![Tensor::f32(&[MLP_BATCH, MLP[0]], images(MLP_BATCH)), Tensor::u32(&[MLP_BATCH], labels(MLP_BATCH, CLASSES))];
    descended(draft, &states, loss, &shapes, inputs)
}

pub fn cnn() -> Result<Step, ProgramError> {
    let shapes = cnn_shapes();
    let mut draft = Draft::new();
    let states = state(&mut draft, &[&shapes[..], &shapes].concat())?;
    let x = input(&mut draft, 0, Dtype::F32, &[CNN_BATCH, SIDE, SIDE, 1])?;
    let labels_in = input(&mut draft, 1, Dtype::U32, &[CNN_BATCH])?;
    let mut y = x;
    for layer in states[..4].chunks(2) {
        y = layers::conv2d(&mut draft, y, Affine { weight: layer[0], bias: Some(layer[1]) }, 1, 1)?;
        y = layers::relu(&mut draft, y)?;
        y = draft.push(Op::MaxPool { x: y, kernel: 2, stride: 2 })?;
    }
    y = draft.reshape(y, &[CNN_BATCH, shapes[4][0]])?;
    y = layers::linear(&mut draft, y, Affine { weight: states[4], bias: Some(states[5]) })?;
    let loss = layers::cross_entropy(&mut draft, y, labels_in)?;
    let inputs = vec![Tensor::f32(&[CNN_BATCH, SIDE, SIDE, 1], images(CNN_BATCH)), Tensor::u32(&[CNN_BATCH], labels(CNN_BATCH, CLASSES))];
    descended(draft, &states, loss, &shapes, inputs)
}

/// The step by momentum.
fn descended(mut draft: Draft, states: &[Id], loss: Id, shapes: &[Vec<u32>], inputs: Vec<Tensor>) -> Result<Step, ProgramError> {
    let (parameters, velocities) = states.split_at(shapes.len());
    let gradients = gradient(&mut draft, loss, parameters)?;
    let rate = draft.constant(RATE)?;
    let mut next: [Vec<Id>; 2] = Default::default();
    for ((&parameter, &velocity), &gradient) in parameters.iter().zip(velocities).zip(&gradients) {
        let after = sgd(&mut draft, Sgd { parameter, velocity }, gradient, MOMENTUM, rate)?;
        next[0].push(after.parameter);
        next[1].push(after.velocity);
    }
    let program = draft.finish([&next[0][..], &next[1], &[loss]].concat())?;
    let state = initial(shapes).into_iter().chain(shapes.iter().map(|shape| Tensor::zeros(shape))).collect();
    Ok(Step { program, state, inputs })
}

pub fn decoder(of: Decoder) -> Result<Step, ProgramError> {
    let shapes = decoder_shapes(of);
    let (rows, count) = ([of.batch, of.time], shapes.len());
    let mut draft = Draft::new();
    let states = state(&mut draft, &[&shapes[..], &shapes, &shapes, &[vec![], vec![]]].concat())?;
    let ids = input(&mut draft, 0, Dtype::U32, &rows)?;
    let labels_in = input(&mut draft, 1, Dtype::U32, &rows)?;
    let mut next = states.iter().copied();
    let mut parameter = || next.next().unwrap_or_default();
    let mut y = draft.push(Op::Embedding { table: parameter(), ids })?;
    y = draft.add(y, parameter())?;
    let pair = |parameter: &mut dyn FnMut() -> Id| (parameter(), parameter());
    let affine = |parameter: &mut dyn FnMut() -> Id| Affine { weight: parameter(), bias: Some(parameter()) };
    for _ in 0..of.blocks {
        let (gain, bias) = pair(&mut parameter);
        let normal = layers::layer_norm(&mut draft, y, gain, bias, 1e-5)?;
        let [query, key, value, output] = std::array::from_fn(|_| affine(&mut parameter));
        let attended = layers::multi_head_attention(&mut draft, normal, &Projections { query, key, value, output }, of.heads, true)?;
        y = draft.add(y, attended)?;
        let (gain, bias) = pair(&mut parameter);
        let normal = layers::layer_norm(&mut draft, y, gain, bias, 1e-5)?;
        let wide = layers::linear(&mut draft, normal, affine(&mut parameter))?;
        let wide = layers::gelu(&mut draft, wide)?;
        let narrow = layers::linear(&mut draft, wide, affine(&mut parameter))?;
        y = draft.add(y, narrow)?;
    }
    let (gain, bias) = pair(&mut parameter);
    y = layers::layer_norm(&mut draft, y, gain, bias, 1e-5)?;
    y = layers::linear(&mut draft, y, affine(&mut parameter))?;
    let loss = layers::cross_entropy(&mut draft, y, labels_in)?;
    let gradients = gradient(&mut draft, loss, &states[..count])?;
    let rate = draft.constant(RATE)?;
    let step = ADAMW.step(&mut draft, [states[3 * count], states[3 * count + 1]], rate)?;
    let mut after: [Vec<Id>; 3] = Default::default();
    for (index, &gradient) in gradients.iter().enumerate() {
        let before = Moments { parameter: states[index], first: states[count + index], second: states[2 * count + index] };
        let moments = ADAMW.update(&mut draft, &step, before, gradient)?;
        after[0].push(moments.parameter);
        after[1].push(moments.first);
        after[2].push(moments.second);
    }
    let program = draft.finish([&after[0][..], &after[1], &after[2], &step.powers, &[loss]].concat())?;
    let rest = (0..2).flat_map(|_| shapes.iter().map(|shape| Tensor::zeros(shape)));
    let powers = || Tensor::f32(&[], vec![1.0]);
    let state = initial(&shapes).into_iter().chain(rest).chain([powers(), powers()]).collect();
    let text = |seed| Tensor::u32(&rows, labels(of.batch * of.time + seed, of.vocabulary)[seed as usize..].to_vec());
    Ok(Step { program, state, inputs: vec![text(0), text(1)] })
}

fn state(draft: &mut Draft, shapes: &[Vec<u32>]) -> Result<Vec<Id>, ProgramError> {
    (0u32..).zip(shapes).map(|(tensor, shape)| draft.push(Op::State { tensor, shape: shape.clone() })).collect()
}

fn input(draft: &mut Draft, slot: u32, dtype: Dtype, shape: &[u32]) -> Result<Id, ProgramError> {
    draft.push(Op::Input { slot, dtype, shape: shape.to_vec() })
}
