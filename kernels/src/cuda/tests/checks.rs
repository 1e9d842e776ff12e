//! What must hold on any machine: the compiled kernels against the reference, bit for bit.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::bml::template_tests::{ADAMW, CNN, LSTM, TRANSFORMER, inputs, job};
use crate::bml::{Example, Model};
use crate::contract::philox::symmetric;
use crate::contract::scalar::{Function, golden};
use crate::cuda::engine::{Engine, Value};
use crate::cuda::machine::Machine;
use crate::cuda::products::{Division, Sizes, convolution, launches, matrices};
use crate::exec::program_tests::{catalogued, drawn_programs};
use crate::exec::{Elements, Executor, Tensor, self_test};
use crate::program::{Draft, Dtype, Id, Op, Program, Type, Unary, catalogue};
use crate::trace::State;

/// Runs a program on both and compares every output.
fn agree<M: Machine>(on: &Engine<M>, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<(), TestCaseError> {
    let wanted = Executor::reference().execute(program, state, inputs).unwrap();
    let found = on.execute(program, state, inputs).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(found.len(), wanted.len());
    for (&id, (found, wanted)) in program.outputs().iter().zip(found.iter().zip(&wanted)) {
        prop_assert!(found == wanted, "value {} of {:?}: {}", id, program.ops()[id as usize], first_difference(found, wanted));
    }
    Ok(())
}

fn first_difference(found: &Tensor, wanted: &Tensor) -> String {
    let size = found.type_of().dtype.size() as usize;
    let (found, wanted) = (found.to_le_bytes(), wanted.to_le_bytes());
    let at = found.iter().zip(wanted.iter()).position(|(a, b)| a != b).unwrap_or_default() / size;
    let element = |bytes: &[u8]| format!("{:02x?}", bytes[at * size..][..size].iter().rev().collect::<Vec<_>>());
    format!("element {at} is {}, {} is wanted", element(&found), element(&wanted))
}

pub fn random(shape: &[u32], seed: u32) -> Tensor {
    let count = Type::f32(shape).elements() as u32;
    Tensor::f32(shape, (0..count).map(|i| symmetric(i.wrapping_mul(2_654_435_761).wrapping_add(seed))).collect())
}

fn unary(function: Function) -> Unary {
    Unary::ALL.iter().copied().find(|unary| unary.name() == function.name()).unwrap()
}

/// A program of one instruction over inputs of these types.
fn single(types: &[(Dtype, &[u32])], op: Op) -> Program {
    let mut draft = Draft::new();
    for (slot, (dtype, shape)) in (0..).zip(types) {
        draft.push(Op::Input { slot, dtype: *dtype, shape: shape.to_vec() }).unwrap();
    }
    let id = draft.push(op).unwrap();
    draft.finish(vec![id]).unwrap()
}

pub fn the_test_of_itself_passes<M: Machine>(on: &Engine<M>) {
    let execute = |program: &Program, state: &[Tensor], inputs: &[Tensor]| on.execute(program, state, inputs);
    self_test::compare(&on.pool.machine.name(), execute, &Executor::reference()).unwrap();
}

/// The catalogue on drawn arguments.
pub fn every_instruction<M: Machine>(on: &Engine<M>, cases: u32) {
    drawn(cases, &catalogued(), |arguments| {
        let state = [arguments[0].clone(), arguments[0].clone()];
        agree(on, &catalogue::every(), &state, &arguments)
    });
}

pub fn programs_drawn_at_random<M: Machine>(on: &Engine<M>, cases: u32) {
    drawn(cases, &drawn_programs(), |(program, arguments)| agree(on, &program, &[], &arguments));
}

fn drawn<T: std::fmt::Debug>(cases: u32, from: &impl Strategy<Value = T>, holds: impl Fn(T) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::with_cases(cases) };
    TestRunner::new(config).run(from, holds).unwrap();
}

/// One input in 65 521 and the neighbours of every edge, by the hash that the processor's forms are held to: the quick phase,
/// and the careful one where it is in doubt.
pub fn golden_hash_of_a_sample_of_each_function<M: Machine>(on: &Engine<M>) {
    for (function, wanted) in golden::OF_SAMPLE {
        let inputs: Vec<f32> = golden::sample().map(f32::from_bits).collect();
        let shape = [inputs.len() as u32];
        let program = single(&[(Dtype::F32, &shape)], Op::Map { x: 0, function: unary(function) });
        let outputs = on.execute(&program, &[], &[Tensor::f32(&shape, inputs)]).unwrap();
        assert_eq!(blake3::hash(&outputs[0].to_le_bytes()).to_hex().to_string(), wanted, "{}", function.name());
    }
}

/// Inputs at which the quick phase leaves the rounding in doubt, so that the careful phases are executed and right.
pub fn what_is_in_doubt_is_settled_as_on_the_processor<M: Machine>(on: &Engine<M>) {
    for function in Function::ALL {
        let hard: Vec<f32> = golden::hard(function).collect();
        assert!(hard.len() >= 20, "{}: {}", function.name(), hard.len());
        let shape = [hard.len() as u32];
        let program = single(&[(Dtype::F32, &shape)], Op::Map { x: 0, function: unary(function) });
        agree(on, &program, &[], &[Tensor::f32(&shape, hard)]).unwrap();
    }
}

/// Edges of tiles and chunks, all four transpositions, both tiles, whole and with chunks kept apart in several parts.
pub fn products_in_every_division<M: Machine>(on: &Engine<M>) {
    let odd = [([1, 1, 1], 0), ([63, 65, 511], 1), ([64, 3, 512], 2), ([5, 130, 513], 3), ([66, 20, 1030], 0), ([129, 2, 1024], 1)];
    let wide = [([130, 20, 1032], 0), ([4, 132, 520], 1), ([129, 64, 1024], 2), ([12, 4, 1544], 3)];
    for ([m, n, k], turn) in odd.into_iter().chain(wide) {
        let [a_transposed, b_transposed] = [turn & 1 == 1, turn & 2 == 2];
        let a = random(&if a_transposed { [k, m] } else { [m, k] }, 1);
        let b = random(&if b_transposed { [n, k] } else { [k, n] }, 2);
        let op = Op::MatMul { a: 0, b: 1, a_transposed, b_transposed };
        let program = single(&[(Dtype::F32, a.shape()), (Dtype::F32, b.shape())], op);
        let result = Type::f32(&[m, n]);
        let (sizes, words) = matrices(&a.type_of(), &result, [a_transposed, b_transposed]);
        assert_eq!(sizes.wide, wide.contains(&([m, n, k], turn)));
        divided(on, "matmul", sizes, &words, [&a, &b], &program, &result);
    }
}

/// Channels one by one and by fours.
pub fn convolutions_in_every_division<M: Machine>(on: &Engine<M>) {
    for (inputs, outputs) in [(9, 5), (4, 8)] {
        convolutions(on, inputs, outputs);
    }
}

fn convolutions<M: Machine>(on: &Engine<M>, inputs: u32, outputs: u32) {
    // Windows are eight times three by seven.
    let (x, weight, output) = (Type::f32(&[8, 5, 13, inputs]), Type::f32(&[3, 4, inputs, outputs]), Type::f32(&[8, 3, 6, outputs]));
    let (stride, padding) = (2, 1);
    for (name, op, types, result) in [
        ("conv2d", Op::Conv2d { x: 0, weight: 1, stride, padding }, [&x, &weight], &output),
        (
            "conv2d_grad_input",
            Op::Conv2dGradInput { weight: 0, gradient: 1, stride, padding, height: 5, width: 13 },
            [&weight, &output],
            &x,
        ),
        ("conv2d_grad_weight", Op::Conv2dGradWeight { x: 0, gradient: 1, stride, padding, height: 3, width: 4 }, [&x, &output], &weight),
    ] {
        let program = single(&types.map(|of| (Dtype::F32, &of.shape[..])), op.clone());
        let (sizes, words) = convolution(&op, &x, &weight, &output);
        assert_eq!(sizes.wide, inputs % 4 == 0);
        let operands = [random(&types[0].shape, 3), random(&types[1].shape, 4)];
        divided(on, name, sizes, &words, [&operands[0], &operands[1]], &program, result);
    }
}

/// One product by every division against the reference.
fn divided<M: Machine>(on: &Engine<M>, name: &str, sizes: Sizes, words: &[u32], operands: [&Tensor; 2], program: &Program, result: &Type) {
    let wanted = Executor::fast(1).execute(program, &[], &operands.map(Clone::clone)).unwrap().remove(0);
    let divisions = [(64, 0), (128, 0), (64, 2), (128, 3)].map(|(tile, apart)| Division { tile, apart });
    for division in divisions.into_iter().filter(|division| division.tile == 64 || sizes.wide) {
        let values = operands.map(|operand| on.upload(operand).unwrap());
        let out = std::sync::Arc::new(on.pool.take(result.bytes() as usize).unwrap());
        let scratch = on.pool.take((4 * division.apart * sizes.m * sizes.n) as usize).unwrap();
        for launch in launches(name, sizes, division, out.at, [values[0].at, values[1].at], words, scratch.at) {
            on.start(&launch).unwrap();
        }
        let found = on.download(result, &out).unwrap();
        assert!(found == wanted, "{name} {sizes:?} by {division:?}: {}", first_difference(&found, &wanted));
    }
}

/// A whole training step of a job, twice on a resident state: the second step takes no new memory.
pub fn steps_on_a_state_that_stays<M: Machine>(on: &Engine<M>) {
    let mut draft = Draft::new();
    let weight = draft.push(Op::State { tensor: 0, shape: vec![20, 7] }).unwrap();
    let bias = draft.push(Op::State { tensor: 1, shape: vec![7] }).unwrap();
    let x = draft.push(Op::Input { slot: 0, dtype: Dtype::F32, shape: vec![9, 20] }).unwrap();
    let labels = draft.push(Op::Input { slot: 1, dtype: Dtype::U32, shape: vec![9] }).unwrap();
    let product = draft.matmul(x, weight).unwrap();
    let logits = draft.push(Op::AddBias { x: product, bias }).unwrap();
    let losses = draft.push(Op::CrossEntropy { logits, labels }).unwrap();
    let loss = draft.push(Op::Mean { x: losses }).unwrap();
    let gradients = crate::program::gradient(&mut draft, loss, &[weight, bias]).unwrap();
    let rate = 0.1f32.to_bits();
    let descend = |draft: &mut Draft, parameter, velocity| draft.push(Op::Descend { parameter, velocity, rate }).unwrap();
    let outputs: Vec<Id> =
        [weight, bias].into_iter().zip(gradients).map(|(parameter, gradient)| descend(&mut draft, parameter, gradient)).collect();
    let program = draft.finish([&outputs[..], &[loss]].concat()).unwrap();

    let inputs = [random(&[9, 20], 5), Tensor::u32(&[9], vec![0, 1, 2, 3, 4, 5, 6, 0, 99])];
    let mut wanted = vec![random(&[20, 7], 6), random(&[7], 7)];
    let mut state = on.place(&wanted).unwrap();
    for _ in 0..3 {
        wanted = Executor::reference().execute(&program, &wanted, &inputs).unwrap();
        let loss = wanted.pop().unwrap();
        let mut outputs = on.run(&program, &state, &inputs).unwrap();
        assert_eq!(on.download(&Type::f32(&[]), &outputs.pop().unwrap()).unwrap(), loss);
        state = state.iter().map(|(of, _)| of.clone()).zip(outputs).collect();
        let hashes: Vec<[u8; 32]> = wanted.iter().map(|wanted| blake3::hash(&wanted.to_le_bytes()).into()).collect();
        assert_eq!(on.hashes(&state).unwrap(), hashes);
        let read = on.read(&state).unwrap();
        assert_eq!(read, wanted);
        // What was read is found again where it lies, also when the next step has begun from it; what equals it is moved.
        let places = |state: &[(Type, Value<M>)]| state.iter().map(|(_, value)| value.at).collect::<Vec<_>>();
        let again = on.place(&read).unwrap();
        assert_eq!(places(&again), places(&state));
        assert_ne!(places(&on.place(&wanted).unwrap()), places(&state));
        assert_eq!(places(&on.place(&read[1..]).unwrap()).len(), 1);
        state = again;
    }
    let foreign = on.run(&program, &state[..1], &inputs).err().map(|error| error.code());
    assert_eq!(foreign, Some("CRN-2402"));
    let swapped: Vec<_> = state.iter().rev().cloned().collect();
    assert!(on.run(&program, &swapped, &inputs).is_err());
}

/// A training step of a small convolutional net, a recurrent one and a transformer, each with all that its programs are made of.
pub fn steps_of_models<M: Machine>(on: &Engine<M>) {
    for (model, train) in [(CNN, Example::SMALL.train), (LSTM, ADAMW), (TRANSFORMER, ADAMW)] {
        let job = job(model, train);
        let state = State::initial(&std::sync::Arc::new(Model::of(&job).unwrap()), 1);
        let program = job.compile().unwrap().train;
        agree(on, &program, state.tensors(), &inputs(&job, 3)).unwrap();
    }
}

/// Every shape of the tree: no whole chunk, one, some, an odd one out on several levels; bytes that end inside a word.
pub fn hashes_are_blake3<M: Machine>(on: &Engine<M>) {
    let lengths = [1, 3, 4, 63, 64, 65, 1023, 1024, 1025, 2048, 3072, 3073, 5 * 1024, 7 * 1024 + 1, 31 * 1024 + 7, 33 * 1024];
    let bytes = |length: u32| Elements::I8((0..length).map(|i| (i * 7 % 251) as i8).map(|x| x.max(-127)).collect());
    let tensors = lengths.map(|length| Tensor::of(&[length], bytes(length)));
    let hashes = tensors.each_ref().map(|tensor| *blake3::hash(&tensor.to_le_bytes()).as_bytes());
    assert_eq!(on.hashes(&on.place(&tensors).unwrap()).unwrap(), hashes);
}

/// Rows whose sum goes over blocks of blocks, in one warp and in many.
pub fn long_rows_follow_the_lane_rule<M: Machine>(on: &Engine<M>) {
    for length in [4095, 4096, 4097, 8192, 9000, 131_073] {
        let shape = [2, length];
        let program = single(&[(Dtype::F32, &shape), (Dtype::U32, &[2])], Op::CrossEntropy { logits: 0, labels: 1 });
        agree(on, &program, &[], &[random(&shape, 8), Tensor::u32(&[2], vec![5, length])]).unwrap();
        let program = single(&[(Dtype::F32, &shape)], Op::SumSquares { x: 0 });
        agree(on, &program, &[], &[random(&shape, 9)]).unwrap();
    }
}

/// Columns of one chunk, of as many as a block has warps, and of more.
pub fn long_columns_follow_the_chunk_rule<M: Machine>(on: &Engine<M>) {
    for length in [511, 513, 16_384, 16_385] {
        let shape = [length, 33];
        let program = single(&[(Dtype::F32, &shape)], Op::SumRows { x: 0 });
        agree(on, &program, &[], &[random(&shape, 13)]).unwrap();
    }
}

/// More than one chunk in each sum, and ids that are no row.
pub fn gradients_of_lookups_and_pools_follow_the_chunk_rule<M: Machine>(on: &Engine<M>) {
    let ids: Vec<u32> = (0..1700).map(|i| if i % 11 == 0 { u32::MAX } else { u32::from(i % 17 == 0) }).collect();
    let program = single(&[(Dtype::U32, &[1700]), (Dtype::F32, &[1700, 35])], Op::EmbeddingGrad { ids: 0, gradient: 1, rows: 3 });
    agree(on, &program, &[], &[Tensor::u32(&[1700], ids), random(&[1700, 35], 10)]).unwrap();
    let program = single(&[(Dtype::F32, &[1, 30, 30, 1])], Op::AveragePool { x: 0, kernel: 25, stride: 1 });
    agree(on, &program, &[], &[random(&[1, 30, 30, 1], 11)]).unwrap();
    let program =
        single(&[(Dtype::F32, &[1, 26, 25, 2])], Op::AveragePoolGrad { gradient: 0, kernel: 25, stride: 1, height: 50, width: 49 });
    agree(on, &program, &[], &[random(&[1, 26, 25, 2], 12)]).unwrap();
}

/// All 2³² inputs of each function, by the hash that the processor's forms have: for a device, where that takes seconds.
pub fn golden_hash_of_all_outputs<M: Machine>(on: &Engine<M>) {
    const PIECE: u32 = 1 << 26;
    for (function, wanted) in golden::OF_ALL {
        let program = single(&[(Dtype::F32, &[PIECE])], Op::Map { x: 0, function: unary(function) });
        let mut hash = blake3::Hasher::new();
        for piece in 0..=u32::MAX / PIECE {
            let inputs = (piece * PIECE..=piece * PIECE + (PIECE - 1)).map(f32::from_bits).collect();
            let outputs = on.execute(&program, &[], &[Tensor::f32(&[PIECE], inputs)]).unwrap();
            hash.update(&outputs[0].to_le_bytes());
        }
        assert_eq!(hash.finalize().to_hex().to_string(), wanted, "{}", function.name());
    }
}
