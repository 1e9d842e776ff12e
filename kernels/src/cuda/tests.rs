//! The compiled kernels against the reference, bit for bit, where there is no GPU.
//!
//! They need NVRTC (`CAIRN_NVRTC`), so that they are ignored among the unit tests; `tests/run.sh` brings the compiler and runs them:
//! `cargo test --release -p cairn-kernels --lib -- --ignored cuda::tests`. Without a compiler they fail.

#![allow(clippy::unwrap_used)]

use std::sync::{LazyLock, PoisonError};

use proptest::prelude::*;

use super::engine::Engine;
use super::interpreter::Interpreter;
use super::machine::{Machine, Target};
use super::nvrtc::Nvrtc;
use super::products::{Division, convolution, launches, matrices};
use super::source;
use crate::contract::philox::symmetric;
use crate::contract::scalar::{Function, golden};
use crate::exec::program_tests::{catalogued, drawn_programs};
use crate::exec::{Elements, Executor, Tensor, self_test};
use crate::program::{Draft, Dtype, Id, Op, Program, Type, Unary, catalogue};

static ENGINE: LazyLock<Engine<Interpreter>> = LazyLock::new(|| Engine::new(Interpreter::default(), Nvrtc::load().unwrap()).unwrap());

/// Runs a program on both and compares every output.
fn agree(program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<(), TestCaseError> {
    let wanted = Executor::reference().execute(program, state, inputs).unwrap();
    let found = ENGINE.execute(program, state, inputs).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(found.len(), wanted.len());
    for (&id, (found, wanted)) in program.outputs().iter().zip(found.iter().zip(&wanted)) {
        prop_assert!(found == wanted, "value {} of {:?}: {}", id, program.ops()[id as usize], first_difference(found, wanted));
    }
    Ok(())
}

fn first_difference(found: &Tensor, wanted: &Tensor) -> String {
    let size = found.type_of().dtype.size() as usize;
    let (found, wanted) = (found.to_le_bytes(), wanted.to_le_bytes());
    let at = found.iter().zip(&wanted).position(|(a, b)| a != b).unwrap_or_default() / size;
    let element = |bytes: &[u8]| format!("{:02x?}", bytes[at * size..][..size].iter().rev().collect::<Vec<_>>());
    format!("element {at} is {}, {} is wanted", element(&found), element(&wanted))
}

fn random(shape: &[u32], seed: u32) -> Tensor {
    let count = Type::f32(shape).elements() as u32;
    Tensor::f32(shape, (0..count).map(|i| symmetric(i.wrapping_mul(2_654_435_761).wrapping_add(seed))).collect())
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

#[test]
#[ignore = "needs NVRTC"]
fn every_kernel_is_compiled_for_real_devices_and_holds_nothing_that_the_contract_bans() {
    let compiler = Nvrtc::load().unwrap();
    let generated = source::generated(&super::engine::generated_source(&catalogue::every()));
    for source in [source::library(), generated] {
        let code = compiler.compile(&source, Target::Real(90)).unwrap();
        assert!(!code.binary.is_empty() && code.ptx.contains(".entry"));
    }
}

/// The check stands between the compiler and every machine.
#[test]
#[ignore = "needs NVRTC"]
fn a_source_that_compiles_to_a_banned_instruction_is_refused() {
    let compiler = Nvrtc::load().unwrap();
    let kernel = |body: &str| format!("extern \"C\" __global__ void k(float *x) {{ {body} }}");
    for body in
        ["x[0] = __expf(x[0]);", "x[0] = __fadd_rz(x[0], x[1]);", "atomicAdd(x, 1.0f);", "x[0] = rsqrtf(x[0]);", "x[0] = __sinf(x[0]);"]
    {
        let error = compiler.compile(&kernel(body), Target::Virtual(80)).unwrap_err();
        assert!(error.to_string().contains("the contract bans"), "{body}: {error}");
    }
    assert!(compiler.compile(&kernel("x[0] = ;"), Target::Virtual(80)).unwrap_err().to_string().contains("error"));
}

#[test]
#[ignore = "needs NVRTC"]
fn the_test_of_itself_passes() {
    let execute = |program: &Program, state: &[Tensor], inputs: &[Tensor]| ENGINE.execute(program, state, inputs);
    self_test::compare("the interpreter", execute, &Executor::reference()).unwrap();
    let launched = ENGINE.pool.machine.launches.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for kernel in
        ["lane_blocks", "chunk_sums", "add_chunks", "matmul_64", "matmul_i8", "conv2d_grad_weight_64", "embedding_grad", "max_pool_grad"]
    {
        assert!(launched.contains_key(kernel), "{kernel} is not launched: {launched:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    #[ignore = "needs NVRTC"]
    fn every_instruction(arguments in catalogued()) {
        let state = [arguments[0].clone(), arguments[0].clone()];
        agree(&catalogue::every(), &state, &arguments)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::with_cases(12) })]

    #[test]
    #[ignore = "needs NVRTC"]
    fn programs_drawn_at_random((program, arguments) in drawn_programs()) {
        agree(&program, &[], &arguments)?;
    }
}

/// One input in 65 521 and the neighbours of every edge, by the hash that the processor's forms are held to: the quick phase,
/// and the careful one where it is in doubt.
#[test]
#[ignore = "needs NVRTC"]
fn golden_hash_of_a_sample_of_each_function() {
    for (function, wanted) in golden::OF_SAMPLE {
        let unary = Unary::ALL.iter().copied().find(|unary| unary.name() == function.name()).unwrap();
        let inputs: Vec<f32> = golden::sample().map(f32::from_bits).collect();
        let shape = [inputs.len() as u32];
        let program = single(&[(Dtype::F32, &shape)], Op::Map { x: 0, function: unary });
        let outputs = ENGINE.execute(&program, &[], &[Tensor::f32(&shape, inputs)]).unwrap();
        assert_eq!(blake3::hash(&outputs[0].to_le_bytes()).to_hex().to_string(), wanted, "{}", function.name());
    }
}

/// Inputs at which the quick phase leaves the rounding in doubt, so that the careful phases are executed and right.
#[test]
#[ignore = "needs NVRTC"]
fn what_is_in_doubt_is_settled_as_on_the_processor() {
    for function in Function::ALL {
        let hard: Vec<f32> = golden::hard(function).collect();
        assert!(hard.len() >= 20, "{}: {}", function.name(), hard.len());
        let unary = Unary::ALL.iter().copied().find(|unary| unary.name() == function.name()).unwrap();
        let shape = [hard.len() as u32];
        let program = single(&[(Dtype::F32, &shape)], Op::Map { x: 0, function: unary });
        agree(&program, &[], &[Tensor::f32(&shape, hard)]).unwrap();
    }
}

/// Edges of tiles and chunks, all four transpositions, both tiles, whole and with chunks kept apart in several parts.
#[test]
#[ignore = "needs NVRTC"]
fn products_in_every_division() {
    let shapes = [([1, 1, 1], 0), ([63, 65, 511], 1), ([64, 3, 512], 2), ([5, 130, 513], 3), ([66, 20, 1030], 0), ([129, 2, 1024], 1)];
    for ([m, n, k], turn) in shapes {
        let [a_transposed, b_transposed] = [turn & 1 == 1, turn & 2 == 2];
        let a = random(&if a_transposed { [k, m] } else { [m, k] }, 1);
        let b = random(&if b_transposed { [n, k] } else { [k, n] }, 2);
        let op = Op::MatMul { a: 0, b: 1, a_transposed, b_transposed };
        let program = single(&[(Dtype::F32, a.shape()), (Dtype::F32, b.shape())], op);
        let result = Type::f32(&[m, n]);
        let (sizes, words) = matrices(&a.type_of(), &result, [a_transposed, b_transposed]);
        divided("matmul", sizes, &words, [&a, &b], &program, &result);
    }
}

#[test]
#[ignore = "needs NVRTC"]
fn convolutions_in_every_division() {
    let (x, weight, output) = (Type::f32(&[2, 13, 11, 9]), Type::f32(&[3, 3, 9, 5]), Type::f32(&[2, 7, 6, 5]));
    let (stride, padding) = (2, 1);
    for (name, op, types, result) in [
        ("conv2d", Op::Conv2d { x: 0, weight: 1, stride, padding }, [&x, &weight], &output),
        (
            "conv2d_grad_input",
            Op::Conv2dGradInput { weight: 0, gradient: 1, stride, padding, height: 13, width: 11 },
            [&weight, &output],
            &x,
        ),
        ("conv2d_grad_weight", Op::Conv2dGradWeight { x: 0, gradient: 1, stride, padding, height: 3, width: 3 }, [&x, &output], &weight),
    ] {
        let program = single(&types.map(|of| (Dtype::F32, &of.shape[..])), op.clone());
        let (sizes, words) = convolution(&op, &x, &weight, &output);
        let operands = [random(&types[0].shape, 3), random(&types[1].shape, 4)];
        divided(name, sizes, &words, [&operands[0], &operands[1]], &program, result);
    }
}

/// One product by every division against the reference.
fn divided(name: &str, sizes: super::products::Sizes, words: &[u32], operands: [&Tensor; 2], program: &Program, result: &Type) {
    let wanted = Executor::fast(1).execute(program, &[], &operands.map(Clone::clone)).unwrap().remove(0);
    for division in [(64, 0), (128, 0), (64, 2), (128, 3)].map(|(tile, apart)| Division { tile, apart }) {
        let values = operands.map(|operand| ENGINE.upload(operand).unwrap());
        let out = std::sync::Arc::new(ENGINE.pool.take(result.bytes() as usize).unwrap());
        let scratch = ENGINE.pool.take((4 * division.apart * sizes.m * sizes.n) as usize).unwrap();
        for launch in launches(name, sizes, division, out.at, [values[0].at, values[1].at], words, scratch.at) {
            ENGINE.start(&launch).unwrap();
        }
        let found = ENGINE.download(result, &out).unwrap();
        assert!(found == wanted, "{name} {sizes:?} by {division:?}: {}", first_difference(&found, &wanted));
    }
}

/// A whole training step of a job, twice on a resident state: the second step takes no new memory.
#[test]
#[ignore = "needs NVRTC"]
fn steps_on_a_state_that_stays() {
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
    let upload = |tensor: &Tensor| (tensor.type_of(), ENGINE.upload(tensor).unwrap());
    let mut state: Vec<_> = wanted.iter().map(upload).collect();
    for _ in 0..3 {
        wanted = Executor::reference().execute(&program, &wanted, &inputs).unwrap();
        let loss = wanted.pop().unwrap();
        let mut outputs = ENGINE.run(&program, &state, &inputs).unwrap();
        assert_eq!(ENGINE.download(&Type::f32(&[]), &outputs.pop().unwrap()).unwrap(), loss);
        state = state.iter().map(|(of, _)| of.clone()).zip(outputs).collect();
        for ((of, value), wanted) in state.iter().zip(&wanted) {
            assert_eq!(ENGINE.hash(of, value).unwrap(), *blake3::hash(&wanted.to_le_bytes()).as_bytes());
            assert_eq!(&ENGINE.download(of, value).unwrap(), wanted);
        }
    }
    let foreign = ENGINE.run(&program, &state[..1], &inputs).err().map(|error| error.code());
    assert_eq!(foreign, Some("CRN-2402"));
    let swapped: Vec<_> = state.iter().rev().cloned().collect();
    assert!(ENGINE.run(&program, &swapped, &inputs).is_err());
}

/// Every shape of the tree: no whole chunk, one, some, an odd one out on several levels; bytes that end inside a word.
#[test]
#[ignore = "needs NVRTC"]
fn hashes_are_blake3() {
    for bytes in [1, 3, 4, 63, 64, 65, 1023, 1024, 1025, 2048, 3072, 3073, 5 * 1024, 7 * 1024 + 1, 31 * 1024 + 7, 33 * 1024] {
        let tensor = Tensor::of(&[bytes], Elements::I8((0..bytes).map(|i| (i * 7 % 251) as i8).map(|x| x.max(-127)).collect()));
        let value = ENGINE.upload(&tensor).unwrap();
        assert_eq!(ENGINE.hash(&tensor.type_of(), &value).unwrap(), *blake3::hash(&tensor.to_le_bytes()).as_bytes(), "{bytes} bytes");
    }
}

/// Rows whose sum goes over blocks of blocks, in one warp and in many.
#[test]
#[ignore = "needs NVRTC"]
fn long_rows_follow_the_lane_rule() {
    for length in [4095, 4096, 4097, 8192, 9000, 131_073] {
        let shape = [2, length];
        let program = single(&[(Dtype::F32, &shape), (Dtype::U32, &[2])], Op::CrossEntropy { logits: 0, labels: 1 });
        agree(&program, &[], &[random(&shape, 8), Tensor::u32(&[2], vec![5, length])]).unwrap();
        let program = single(&[(Dtype::F32, &shape)], Op::SumSquares { x: 0 });
        agree(&program, &[], &[random(&shape, 9)]).unwrap();
    }
}

/// More than one chunk in each sum, and ids that are no row.
#[test]
#[ignore = "needs NVRTC"]
fn gradients_of_lookups_and_pools_follow_the_chunk_rule() {
    let ids: Vec<u32> = (0..1700).map(|i| if i % 11 == 0 { u32::MAX } else { u32::from(i % 17 == 0) }).collect();
    let program = single(&[(Dtype::U32, &[1700]), (Dtype::F32, &[1700, 35])], Op::EmbeddingGrad { ids: 0, gradient: 1, rows: 3 });
    agree(&program, &[], &[Tensor::u32(&[1700], ids), random(&[1700, 35], 10)]).unwrap();
    let program = single(&[(Dtype::F32, &[1, 30, 30, 1])], Op::AveragePool { x: 0, kernel: 25, stride: 1 });
    agree(&program, &[], &[random(&[1, 30, 30, 1], 11)]).unwrap();
    let program =
        single(&[(Dtype::F32, &[1, 26, 25, 2])], Op::AveragePoolGrad { gradient: 0, kernel: 25, stride: 1, height: 50, width: 49 });
    agree(&program, &[], &[random(&[1, 26, 25, 2], 12)]).unwrap();
}

/// The interpreter refuses what it does not know, by name, and what a kernel may not do.
#[test]
#[ignore = "needs NVRTC"]
fn the_interpreter_finds_faults() {
    let compiler = Nvrtc::load().unwrap();
    let run = |body: &str| {
        let machine = Interpreter::default();
        let source = format!("extern \"C\" __global__ void k(unsigned *x) {{ {body} }}");
        let module = machine.load(&compiler.compile(&source, Target::Virtual(80)).unwrap()).map_err(|error| error.to_string())?;
        let at = machine.allocate(256).unwrap();
        let argument = super::machine::Argument::Address(at);
        let launch = super::machine::Launch::each("k", 64, vec![argument]);
        machine.launch(&module, &launch).map_err(|error| error.to_string())
    };
    assert_eq!(run("x[threadIdx.x / 4] = 1;"), Ok(()));
    for (body, fault) in [
        ("atomicAdd(x, 1u);", "does not know atom"),
        ("x[threadIdx.x] = 1;", "of a buffer of 256"),
        ("if (threadIdx.x < 7) __syncthreads(); else x[0] = 1;", "barrier"),
        ("if (threadIdx.x % 32 < 7) x[0] = __shfl_sync(~0u, x[1], 3);", "elsewhere"),
        ("*(unsigned long long *)(x + 1) = 1;", "aligned"),
    ] {
        let found = run(body).unwrap_err();
        assert!(found.contains(fault), "{body}: {found}");
    }
}
