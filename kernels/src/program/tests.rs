//! Programs: what is refused before anything runs, and the bytes that are the only ones.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{Draft, Dtype, Op, Program, gradient};
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
fn a_misfit_is_refused_and_the_instruction_named() {
    let base = [input(0, &[4, 3]), input(1, &[2]), Op::Input { slot: 2, dtype: Dtype::U32, shape: vec![4] }];
    let table = [
        (product(0, 0), "instruction 3 (matmul): the common axis is 3 on one side and 4 on the other"),
        (product(0, 1), "instruction 3 (matmul): value 1 is f32[2], a matrix is wanted"),
        (product(0, 2), "instruction 3 (matmul): value 2 is u32[4], f32 is wanted"),
        (product(0, 3), "instruction 3 (matmul) reads value 3, which is not before it"),
        (product(0, 9), "instruction 3 (matmul) reads value 9, which is not before it"),
        (Op::AddBias { x: 0, bias: 1 }, "instruction 3 (add_bias): the bias is 2 on one side and 3 on the other"),
        (Op::Add { a: 0, b: 1 }, "instruction 3 (add): value 0 is f32[4, 3], value 1 is f32[2]: they must be alike"),
        (Op::Mean { x: 0 }, "instruction 3 (mean): value 0 is f32[4, 3], a vector is wanted"),
        (Op::CrossEntropy { logits: 0, labels: 1 }, "instruction 3 (cross_entropy): value 1 is f32[2], labels u32[4] are wanted"),
        (input(3, &[0, 2]), "instruction 3 (input): an axis of f32[0, 2] is empty"),
        (input(3, &[1, 1, 1, 1, 1]), "instruction 3 (input): the number of axes is 5, at most 4 is taken"),
        (input(3, &[u32::MAX; 4]), "instruction 3 (input): the number of elements is 18446744073709551615, at most 268435456 is taken"),
    ];
    for (op, text) in table {
        let mut draft = Draft::new();
        for op in &base {
            draft.push(op.clone()).unwrap();
        }
        assert_eq!(draft.push(op).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_program_beyond_its_memory_is_refused_before_any_is_asked_for() {
    let mut draft = Draft::new();
    let giant = || input(0, &[1 << 28]);
    for _ in 0..4 {
        draft.push(giant()).unwrap();
    }
    assert_eq!(draft.push(giant()).unwrap_err().code(), "CRN-2305");
    let mut draft = Draft::new();
    for _ in 0..4096 {
        draft.push(input(0, &[1])).unwrap();
    }
    assert_eq!(draft.push(input(0, &[1])).unwrap_err().code(), "CRN-2305");
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
    /// Whatever decodes encodes to the same bytes; whatever does not is an error, never a panic.
    #[test]
    fn any_bytes_are_canonical_or_refused(at in 0usize..400, byte: u8, tail: Vec<u8>) {
        let mut bytes = small().to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if byte & 1 == 1 {
            bytes.truncate(at + 1);
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
    let sums = draft.push(Op::SumRows { x }).unwrap();
    let loss = draft.push(Op::Mean { x: sums }).unwrap();
    assert_eq!(gradient(&mut draft.clone(), loss, &[x]).unwrap_err().code(), "CRN-2307");
    let zero = gradient(&mut draft, loss, &[aside]).unwrap()[0];
    assert_eq!(draft.finish(vec![zero]).unwrap().ops()[zero as usize], Op::Fill { bits: 0, shape: vec![3] });
}
