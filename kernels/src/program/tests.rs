//! Programs: what is refused before anything runs, and the bytes that are the only ones.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{Draft, Dtype, Op, Program, catalogue, gradient, limits};
use crate::error::ProgramError;

fn input(slot: u32, shape: &[u32]) -> Op {
    Op::Input { slot, dtype: Dtype::F32, shape: shape.to_vec() }
}

fn product(a: u32, b: u32) -> Op {
    Op::MatMul { a, b, a_transposed: false, b_transposed: false }
}

fn small() -> Program {
    let mut draft = Draft::new();
    let x = draft.push(input(0, &[4, 3])).unwrap();
    let labels = draft.push(Op::Input { slot: 1, dtype: Dtype::U32, shape: vec![4] }).unwrap();
    let w = draft.push(Op::State { tensor: 0, shape: vec![3, 2] }).unwrap();
    let logits = draft.push(product(x, w)).unwrap();
    let losses = draft.push(Op::CrossEntropy { logits, labels }).unwrap();
    let loss = draft.push(Op::Mean { x: losses }).unwrap();
    let by_w = gradient(&mut draft, loss, &[w]).unwrap();
    draft.finish([by_w, vec![loss]].concat()).unwrap()
}

#[test]
fn a_program_beyond_its_memory_is_refused_before_any_is_asked_for() {
    let mut draft = Draft::new();
    let giants: Vec<u32> = (0..5).map(|slot| draft.push(input(slot, &[1 << 28])).unwrap()).collect();
    assert_eq!(
        draft.clone().finish(giants).unwrap_err().to_string(),
        "instruction 0 (input): the program's memory in bytes is 5368709120, at most 4294967296 is taken"
    );
    let x = draft.push(input(0, &[1 << 28])).unwrap();
    assert_eq!(draft.finish(vec![x]).unwrap_err().code(), "CRN-2305");
    let mut draft = Draft::new();
    for _ in 0..limits::INSTRUCTIONS {
        draft.push(input(0, &[1])).unwrap();
    }
    assert_eq!(draft.push(input(0, &[1])).unwrap_err().code(), "CRN-2305");
    assert!(draft.finish(vec![0]).is_ok(), "one input, read often, is one");
}

#[test]
fn the_peak_is_that_of_the_values_alive_together() {
    let mut draft = Draft::new();
    let x = draft.push(input(0, &[256])).unwrap();
    let mut last = x;
    for _ in 0..10 {
        last = draft.push(Op::Relu { x: last }).unwrap();
    }
    let renamed = draft.push(Op::Reshape { x: last, shape: vec![16, 16] }).unwrap();
    let sums = draft.push(Op::SumRows { x: renamed }).unwrap();
    let program = draft.finish(vec![sums]).unwrap();
    // The input; two links of the chain at a time; a renamed value takes nothing.
    assert_eq!(program.peak_bytes(), 3 * 1024);
    let lifetimes = program.lifetimes();
    assert_eq!(lifetimes.end_at(last), [last - 1]);
    assert_eq!(lifetimes.end_at(sums), [renamed]);
}

#[test]
fn every_instruction_has_its_code_words_and_type() {
    let base = catalogue::base();
    let mut codes = std::collections::BTreeSet::new();
    for (op, words, result) in catalogue::instructions() {
        let mut draft = base.clone();
        let id = draft.push(op.clone()).unwrap();
        assert_eq!(draft.type_of(id).to_string(), result, "{op:?}");
        let (code, found) = op.words();
        codes.insert(code);
        let found: Vec<String> = found.iter().map(u32::to_string).collect();
        assert_eq!(format!("{code}: {}", found.join(" ")), words, "{op:?}");
    }
    assert!(codes.into_iter().eq(1..=45), "an instruction is missing from the catalogue");
}

#[test]
fn the_catalogue_never_changes() {
    let program = catalogue::every();
    assert_eq!(Program::from_bytes(&program.to_bytes()).unwrap(), program);
    assert_eq!(data_encoding::HEXLOWER.encode(&program.hash()), "bb9e81908dd916819511e89f85fea139c654171b20e557f84fffac47776bd6d5");
}

#[test]
fn unknown_and_misshapen_instructions_are_named() {
    let program = |code: u32, words: &[u32]| -> Vec<u8> {
        let head = [1, 1, code, words.len() as u32];
        let tail = [0];
        let words = head.iter().chain(words).chain(&tail).flat_map(|word| word.to_le_bytes());
        b"CRNP".iter().copied().chain(words).collect()
    };
    let table: [(u32, &[u32], &str); 7] = [
        (0, &[], "instruction 0 has code 0, which contract version 1 does not know"),
        (77, &[1], "instruction 0 has code 77, which contract version 1 does not know"),
        (1, &[0, 2, 5], "instruction 0 (state): its words are not an operand for each place and one of the values of each attribute"),
        (2, &[0, 9, 0], "instruction 0 (input): its words are not an operand for each place and one of the values of each attribute"),
        (20, &[0, 99], "instruction 0 (map): its words are not an operand for each place and one of the values of each attribute"),
        (4, &[0, 0, 0, 2], "instruction 0 (matmul): its words are not an operand for each place and one of the values of each attribute"),
        (30, &[1, 0, 0], "instruction 0 (concat) reads value 0, which is not before it"),
    ];
    for (code, words, text) in table {
        assert_eq!(Program::from_bytes(&program(code, words)).unwrap_err().to_string(), text);
    }
}

#[test]
fn an_output_names_a_value() {
    assert_eq!(Draft::new().finish(vec![0]).unwrap_err().code(), "CRN-2306");
}

#[test]
fn bytes_and_program_are_one_to_one() {
    let program = small();
    let bytes = program.to_bytes();
    assert_eq!(Program::from_bytes(&bytes).unwrap(), program);
    assert_eq!(data_encoding::HEXLOWER.encode(&program.hash()), "e2bed432278388d04d1c15c619632a7b0fa680fe995c0ec06042994f3802a8da");
    for end in 0..bytes.len() {
        assert!(Program::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Program::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn another_contract_version_is_refused() {
    let mut bytes = small().to_bytes();
    bytes[4] = 2;
    let error = Program::from_bytes(&bytes).unwrap_err();
    assert_eq!(error, ProgramError::Version { found: 2 });
    assert_eq!(error.code(), "CRN-2302");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever decodes encodes to the same bytes; whatever does not is an error, never a panic.
    #[test]
    fn any_bytes_are_canonical_or_refused(at in 0usize..4_000, word in prop_oneof![0u32..64, any::<u32>()], few: bool, tail in prop::option::of(any::<Vec<u8>>())) {
        let mut bytes = if few { small() } else { catalogue::every() }.to_bytes();
        let at = at * 4 % bytes.len();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        if let Some(tail) = tail {
            bytes.truncate(at + 4);
            bytes.extend(tail);
        }
        if let Ok(program) = Program::from_bytes(&bytes) {
            prop_assert_eq!(program.to_bytes(), bytes);
        }
    }
}

#[test]
fn adjoints_of_several_consumers_add_in_descending_id() {
    let mut draft = Draft::new();
    let x = draft.push(input(0, &[2])).unwrap();
    let first = draft.push(Op::Add { a: x, b: x }).unwrap();
    let second = draft.push(Op::Add { a: first, b: x }).unwrap();
    let loss = draft.push(Op::Mean { x: second }).unwrap();
    let by_x = gradient(&mut draft, loss, &[x]).unwrap()[0];
    let program = draft.finish(vec![by_x]).unwrap();
    // 4: fill 1, 5: mean_grad; x gets 5 from `second` (id 2) first, then 5 and 5 from `first` (id 1).
    assert_eq!(program.ops()[6..], [Op::Add { a: 5, b: 5 }, Op::Add { a: 6, b: 5 }]);
    assert_eq!(by_x, 7);
}

#[test]
fn what_has_no_gradient_says_so_and_what_is_not_reached_is_zero() {
    let mut draft = Draft::new();
    let x = draft.push(input(0, &[2, 2])).unwrap();
    let aside = draft.push(input(1, &[3])).unwrap();
    let bent = draft.push(Op::ReluGrad { x, gradient: x }).unwrap();
    let loss = draft.push(Op::SumSquares { x: bent }).unwrap();
    assert_eq!(gradient(&mut draft.clone(), loss, &[x]).unwrap_err().code(), "CRN-2307");
    let zero = gradient(&mut draft, loss, &[aside]).unwrap()[0];
    assert_eq!(draft.finish(vec![zero]).unwrap().ops()[zero as usize], Op::Fill { bits: 0, shape: vec![3] });
}
