//! Whole programs on every executor: equal hashes for all instructions, shapes and values, and for what is drawn at random.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::fast::Fast;
use super::reference::Reference;
use super::simd::Isa;
use super::{Elements, Executor, Kind, Tensor};
use crate::program::{Binary, Draft, Dtype, Fusion, Id, Op, Operands, Program, Reduction, Relation, Type, Unary, catalogue, gradient};
use crate::test_values::floats;

fn executors() -> Vec<Executor> {
    let twins = Isa::all().into_iter().flat_map(|isa| [Fast::new(isa, 1), Fast::new(isa, 3)]);
    twins.map(|fast| Executor(Kind::Fast(fast))).collect()
}

fn hash(tensor: &Tensor) -> blake3::Hash {
    blake3::hash(&tensor.to_le_bytes())
}

/// Runs the program on the reference and on all others; the first value that differs is named.
fn agree(program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, TestCaseError> {
    let read = Program::from_bytes(&program.to_bytes()).unwrap();
    prop_assert_eq!(&read, program);
    let wanted = Executor::reference().execute(program, state, inputs).unwrap();
    for executor in executors() {
        let found = executor.execute(&read, state, inputs).unwrap();
        if let Kind::Fast(fast) = &executor.0 {
            let apart = fast.watched(&read, &Fusion::apart(&read), state, inputs, |_| {}).unwrap();
            prop_assert_eq!(&found, &apart, "{} by single instructions", fast.name());
        }
        for (&id, (found, wanted)) in program.outputs().iter().zip(found.iter().zip(&wanted)) {
            prop_assert_eq!(hash(found), hash(wanted), "{}: value {} of {:?}", executor.name(), id, program.ops()[id as usize]);
            prop_assert_eq!(&found.type_of(), program.type_of(id));
        }
    }
    Ok(wanted)
}

/// A tensor of a type, from words for integers and drawn floats.
fn tensor(of: &Type) -> BoxedStrategy<Tensor> {
    let (shape, count) = (of.shape.clone(), of.elements() as usize);
    let words = prop::collection::vec(prop_oneof![4 => 0u32..6, 1 => any::<u32>()], count);
    match of.dtype {
        Dtype::F32 => floats(count).prop_map(move |values| Tensor::f32(&shape, values)).boxed(),
        Dtype::U32 => words.prop_map(move |values| Tensor::u32(&shape, values)).boxed(),
        Dtype::I32 => {
            words.prop_map(move |values| Tensor::of(&shape, Elements::I32(values.into_iter().map(|x| x as i32).collect()))).boxed()
        }
        Dtype::I8 => {
            let small = |x: u32| (x as i8).max(-127);
            words.prop_map(move |values| Tensor::of(&shape, Elements::I8(values.into_iter().map(small).collect()))).boxed()
        }
        Dtype::Bf16 => {
            words.prop_map(move |values| Tensor::of(&shape, Elements::Bf16(values.into_iter().map(|x| x as u16).collect()))).boxed()
        }
    }
}

/// The arguments of a draft's first instructions, which are inputs.
fn arguments(draft: &Draft, count: Id) -> impl Strategy<Value = Vec<Tensor>> + use<> {
    (0..count).map(|id| tensor(draft.type_of(id))).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn every_instruction(arguments in arguments(&catalogue::base(), catalogue::operands().len() as Id)) {
        let state = [arguments[0].clone(), arguments[0].clone()];
        agree(&catalogue::every(), &state, &arguments)?;
    }

    #[test]
    fn programs_drawn_at_random(
        words in prop::collection::vec(any::<[u32; 5]>(), 1..30),
        arguments in arguments(&seeds(), SEEDS),
    ) {
        let mut draft = seeds();
        for words in words {
            grow(&mut draft, words);
        }
        let draft = differentiated(draft);
        let all = draft.clone().finish((SEEDS..draft.count()).collect()).unwrap();
        agree(&all, &[], &arguments)?;
        let last = draft.clone().finish(vec![draft.count() - 1]).unwrap();
        let reference = |program: &Program, watch: Watch| drop(super::run::watched(&Reference, program, &[], &arguments, watch).unwrap());
        prop_assert_eq!(measured_peak(&last, &arguments, reference), last.peak_bytes());
        for fusion in [last.fusion(), &Fusion::apart(&last)] {
            let fast = Fast::new(Isa::all()[0], 1);
            let staged = |program: &Program, watch: Watch| drop(fast.watched(program, fusion, &[], &arguments, watch).unwrap());
            prop_assert_eq!(measured_peak(&last, &arguments, staged), fusion.peak_bytes());
            prop_assert!(fast.held() <= fusion.own_bytes(), "what is kept has room in the peak");
        }
    }
}

/// What groups read in every way that there is: whole, repeated as a whole, along a row, in the middle, and by one element; long enough
/// for several blocks and threads.
fn wide() -> Draft {
    let mut draft = Draft::new();
    let shapes: [&[u32]; 7] = [&[3, 700, 5], &[700, 5], &[700, 1], &[3, 1, 5], &[5], &[3, 1, 1], &[]];
    for (slot, shape) in (0..).zip(shapes) {
        draft.push(Op::Input { slot, dtype: Dtype::F32, shape: shape.to_vec() }).unwrap();
    }
    draft
}

const WIDE: Id = 7;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn elementwise_programs(
        words in prop::collection::vec(any::<[u32; 5]>(), 1..40),
        returned in prop::collection::vec(any::<u32>(), 1..4),
        arguments in arguments(&wide(), WIDE),
    ) {
        // Of `drawn` those that are elementwise, and what renames.
        const KINDS: [u32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 16, 26, 27];
        let mut draft = wide();
        for [kind, rest @ ..] in words {
            grow_to(&mut draft, [KINDS[kind as usize % KINDS.len()], rest[0], rest[1], rest[2], rest[3]], 32_000);
        }
        let outputs = returned.into_iter().map(|of| of % draft.count()).chain([draft.count() - 1]).collect();
        agree(&draft.finish(outputs).unwrap(), &[], &arguments)?;
    }
}

/// What sees the values of a run.
type Watch<'a> = &'a (dyn Fn(&super::run::Values) + Sync);

/// The bytes of all arguments that the program reads, and the most that other elements took at any moment.
fn measured_peak(program: &Program, arguments: &[Tensor], run: impl Fn(&Program, Watch)) -> u64 {
    let bytes = |tensor: &Tensor| tensor.type_of().bytes();
    let read = program.ops().iter().filter_map(|op| match *op {
        Op::Input { slot, .. } => Some(&arguments[slot as usize]),
        _ => None,
    });
    let given: u64 = read.map(bytes).sum();
    let at = |tensor: &Tensor| std::ptr::from_ref(tensor.elements()).addr();
    let foreign: Vec<usize> = arguments.iter().map(at).collect();
    let most = std::sync::atomic::AtomicU64::new(0);
    run(program, &|values| {
        let own: BTreeMap<usize, u64> =
            values.alive().filter(|tensor| !foreign.contains(&at(tensor))).map(|tensor| (at(tensor), bytes(tensor))).collect();
        most.fetch_max(own.values().sum(), Ordering::Relaxed);
    });
    given + most.into_inner()
}

const SEEDS: Id = 9;

/// What programs at random grow from: long axes, so that chunks, blocks and lanes end inside them.
fn seeds() -> Draft {
    let mut draft = Draft::new();
    let shapes: [(Dtype, &[u32]); SEEDS as usize] = [
        (Dtype::F32, &[3, 4]),
        (Dtype::F32, &[4]),
        (Dtype::F32, &[1030, 3]),
        (Dtype::F32, &[2, 1030]),
        (Dtype::F32, &[2, 7, 6, 3]),
        (Dtype::F32, &[3, 2, 3, 4]),
        (Dtype::U32, &[2]),
        (Dtype::U32, &[]),
        (Dtype::F32, &[1]),
    ];
    for (slot, (dtype, shape)) in (0..).zip(shapes) {
        draft.push(Op::Input { slot, dtype, shape: shape.to_vec() }).unwrap();
    }
    draft
}

/// Appends the instruction that the words say, with the first operands, from the place that they say, which it takes.
fn grow(draft: &mut Draft, words: [u32; 5]) {
    grow_to(draft, words, 8_000);
}

/// The same, up to so many elements.
fn grow_to(draft: &mut Draft, [kind, first, second, third, attribute]: [u32; 5], limit: u64) {
    let count = draft.count();
    let rotated = |start: u32| (0..count).map(move |i| (start % count + i) % count);
    let operands: Vec<[Id; 2]> = rotated(first).take(6).flat_map(|a| rotated(second).map(move |b| [a, b])).collect();
    for [a, b] in operands {
        let c = third % count;
        let rank = draft.type_of(a).shape.len() as u32;
        let axis = attribute % rank.max(1);
        let op = drawn(draft, kind, [a, b, c], axis, attribute);
        let mut grown = draft.clone();
        if let Ok(id) = grown.push(op)
            && grown.type_of(id).elements() <= limit
        {
            *draft = grown;
            return;
        }
    }
}

fn drawn(draft: &Draft, kind: u32, [a, b, c]: [Id; 3], axis: u32, attribute: u32) -> Op {
    let shape = &draft.type_of(a).shape;
    let length = shape.get(axis as usize).copied().unwrap_or(1);
    let (flag, other) = (attribute & 1 == 1, attribute & 2 == 2);
    let stride = 1 + attribute % 2;
    match kind % 31 {
        0 | 1 => Op::Map { x: a, function: pick(Unary::ALL, attribute) },
        2..=4 => Op::Zip { a, b, function: pick(Binary::ALL, attribute) },
        5 => Op::Fma { a, b, c },
        6 => Op::Compare { a, b, relation: pick(Relation::ALL, attribute) },
        7 => Op::Select { condition: c, a, b },
        8 | 9 => Op::Reduce { x: a, function: pick(Reduction::ALL, attribute >> 4), axis },
        10 => Op::Broadcast { x: a, shape: [&[1 + attribute % 3], &shape[..]].concat() },
        11 => Op::Reshape { x: a, shape: vec![shape.iter().product()] },
        12 => Op::Reshape { x: a, shape: [&shape[..], &[1]].concat() },
        13 => {
            let mut axes: Vec<u32> = (0..shape.len() as u32).collect();
            axes.rotate_left(axis as usize);
            Op::Permute { x: a, axes }
        }
        14 => Op::Slice { x: a, axis, start: attribute / 8 % length, length: 1 + attribute / 64 % length.div_ceil(2) },
        15 => Op::Concat { parts: Operands(vec![a, b, a]), axis },
        16 => Op::Cast { x: a, to: pick(Dtype::ALL, attribute) },
        17 => Op::MatMul { a, b, a_transposed: flag, b_transposed: other },
        18 => Op::BatchedMatMul { a, b, a_transposed: flag, b_transposed: other },
        19 => Op::MatMulI8 { a, b, a_transposed: flag, b_transposed: other },
        20 => Op::Conv2d { x: a, weight: b, stride, padding: attribute / 2 % 2 },
        21 => Op::MaxPool { x: a, kernel: 1 + attribute / 2 % 3, stride },
        22 => Op::AveragePool { x: a, kernel: 1 + attribute / 2 % 3, stride },
        23 => Op::Embedding { table: a, ids: b },
        24 => Op::Random { seed: a, samples: b, step: 7, site: 16 + attribute % 4, shape: vec![1 + attribute % 9] },
        25 => Op::Iota { axis, shape: shape.clone() },
        26 => Op::Relu { x: a },
        27 => Op::Sqrt { x: a },
        28 => Op::CrossEntropy { logits: a, labels: b },
        29 => Op::AddBias { x: a, bias: b },
        _ => Op::SumSquares { x: a },
    }
}

fn pick<T: Copy>(of: &[T], word: u32) -> T {
    of[word as usize % of.len()]
}

/// With the gradients of the sum of squares of the last f32 value by every input.
fn differentiated(mut draft: Draft) -> Draft {
    let last = (0..draft.count()).rev().find(|&id| draft.type_of(id).dtype == Dtype::F32).unwrap();
    let loss = draft.push(Op::SumSquares { x: last }).unwrap();
    let parameters: Vec<Id> = (0..SEEDS).filter(|&id| draft.type_of(id).dtype == Dtype::F32).collect();
    gradient(&mut draft, loss, &parameters).unwrap();
    draft
}

/// Arguments of the catalogue's program, for the tests of a device.
pub(crate) fn catalogued() -> impl Strategy<Value = Vec<Tensor>> {
    arguments(&catalogue::base(), catalogue::operands().len() as Id)
}

/// A program drawn at random that returns every value, its gradients' too, and its arguments; the same.
pub(crate) fn drawn_programs() -> impl Strategy<Value = (Program, Vec<Tensor>)> {
    (prop::collection::vec(any::<[u32; 5]>(), 1..30), arguments(&seeds(), SEEDS)).prop_map(|(words, arguments)| {
        let mut draft = seeds();
        words.into_iter().for_each(|words| grow(&mut draft, words));
        let draft = differentiated(draft);
        let all = (SEEDS..draft.count()).collect();
        (draft.finish(all).unwrap(), arguments)
    })
}
