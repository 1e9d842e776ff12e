//! What an executor proves before it works for others: every instruction, on special values, against the reference.
//!
//! Owns the programs of that test, their fixed arguments and the comparison of hashes. Takes a second or two. It finds a broken
//! device, driver or compiler, not a dishonest one: that is what checks of tasks are for.

use super::{Elements, Executor, Tensor};
use crate::contract::philox::{philox, symmetric};
use crate::error::KernelError;
use crate::program::{Binary, Draft, Dtype, Id, Op, Program, Reduction, Type, Unary, catalogue};

/// Runs every instruction of the set on `executor` and compares the hash of each result with the reference's.
///
/// Errors: the first instruction whose bits differ; what the executor fails with.
pub fn self_test(executor: &Executor) -> Result<(), KernelError> {
    let reference = Executor::reference();
    compare(executor.name(), |program, state, inputs| executor.execute(program, state, inputs), &reference)
}

/// The same for anything that executes.
pub(crate) fn compare(
    device: &str,
    execute: impl Fn(&Program, &[Tensor], &[Tensor]) -> Result<Vec<Tensor>, KernelError>,
    reference: &Executor,
) -> Result<(), KernelError> {
    for program in [catalogue::every(), long()] {
        for special in [true, false] {
            let inputs = arguments(&program, special);
            let state = [inputs[0].clone(), inputs[0].clone()];
            let found = execute(&program, &state, &inputs)?;
            let wanted = reference.execute(&program, &state, &inputs)?;
            for (&id, (found, wanted)) in program.outputs().iter().zip(found.iter().zip(&wanted)) {
                let [found, wanted] = [found, wanted].map(|tensor| blake3::hash(&tensor.to_le_bytes()).to_hex());
                if found != wanted {
                    let instruction = format!("{} ({:?})", program.ops()[id as usize].name(), program.type_of(id).shape);
                    let detail = format!("its result's BLAKE3 is {found}, the contract's is {wanted}");
                    return Err(KernelError::DeviceUntrue { device: device.to_owned(), instruction, detail });
                }
            }
        }
    }
    Ok(())
}

/// Long axes, so that chunks, blocks, lanes and tiles end inside them.
fn long() -> Program {
    let shapes: [&[u32]; 6] = [&[2, 3], &[2, 3], &[70, 1030], &[1030, 66], &[2, 9000], &[2, 11, 9, 5]];
    let mut draft = Draft::new();
    let built = || -> Result<Program, crate::error::ProgramError> {
        for (slot, shape) in (0..).zip(shapes) {
            draft.push(Op::Input { slot, dtype: Dtype::F32, shape: shape.to_vec() })?;
        }
        let (a, b, rows, images) = (2, 3, 4, 5);
        let mut outputs: Vec<Id> = vec![];
        outputs.push(draft.push(Op::MatMul { a, b, a_transposed: false, b_transposed: false })?);
        outputs.push(draft.push(Op::MatMul { a, b: a, a_transposed: true, b_transposed: false })?);
        for &function in Unary::ALL {
            outputs.push(draft.map(function, rows)?);
        }
        for &function in Reduction::ALL {
            outputs.push(draft.reduce(function, rows, 1)?);
            outputs.push(draft.reduce(function, b, 0)?);
        }
        let turned = draft.permute(a, &[1, 0])?;
        outputs.push(draft.zip(Binary::Maximum, turned, turned)?);
        outputs.push(draft.push(Op::SumSquares { x: rows })?);
        for dtype in [Dtype::I8, Dtype::Bf16] {
            let small = draft.cast(a, dtype)?;
            outputs.push(draft.concat(&[small, small], 1)?);
        }
        let weight = draft.push(Op::Iota { axis: 0, shape: vec![3, 3, 5, 4] })?;
        let weight = draft.cast(weight, Dtype::F32)?;
        outputs.push(draft.push(Op::Conv2d { x: images, weight, stride: 2, padding: 1 })?);
        draft.finish(outputs)
    }();
    built.unwrap_or_else(|error| unreachable!("a fixed program: {error}"))
}

/// The program's inputs: words of Philox, among floats every special value or none.
fn arguments(program: &Program, special: bool) -> Vec<Tensor> {
    let inputs: Vec<&Type> =
        program.ops().iter().zip(0..).map_while(|(op, id)| matches!(op, Op::Input { .. }).then(|| program.type_of(id))).collect();
    (0..).zip(inputs).map(|(slot, of)| tensor(slot, of, special)).collect()
}

fn tensor(slot: u32, of: &Type, special: bool) -> Tensor {
    let count = of.elements() as u32;
    let word = |e: u32| philox([slot, 0], [e / 4, 0, 0, 0])[(e % 4) as usize];
    let words = (0..count).map(word);
    let float = |e: u32| match word(e) {
        drawn if special && drawn % 7 == 0 => f32::from_bits(SPECIAL[(drawn >> 8) as usize % SPECIAL.len()]),
        drawn if drawn % 3 == 0 => f32::from_bits(drawn & 0x87FF_FFFF | 0x3800_0000),
        drawn => 4.0 * symmetric(drawn),
    };
    let elements = match of.dtype {
        Dtype::F32 => Elements::F32((0..count).map(float).collect()),
        Dtype::U32 => Elements::U32(words.map(|word| if word % 5 == 0 { word } else { word % 6 }).collect()),
        Dtype::I32 => Elements::I32(words.map(|word| word as i32).collect()),
        Dtype::I8 => Elements::I8(words.map(|word| (word as i8).max(-127)).collect()),
        Dtype::Bf16 => Elements::Bf16(words.map(|word| word as u16).collect()),
    };
    Tensor::of(&of.shape, elements)
}

/// ±0, subnormals, the least and the largest, ±∞, NaNs of several bits, ties, and an input that leaves `exp` in doubt.
const SPECIAL: [u32; 16] = [
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007F_FFFF,
    0x0080_0000,
    0x7F7F_FFFF,
    0xFF7F_FFFF,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0000,
    0x7F80_0001,
    0xFFC1_2345,
    0x3F00_0000,
    0x4020_0000,
    0x42B1_7218,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_processor_passes() {
        self_test(&Executor::fast(2)).unwrap();
    }

    #[test]
    fn one_wrong_bit_is_found_and_its_instruction_named() {
        let fast = Executor::fast(1);
        let wrong = |program: &Program, state: &[Tensor], inputs: &[Tensor]| {
            let mut outputs = fast.execute(program, state, inputs)?;
            let tanh = program.outputs().iter().position(|&id| program.ops()[id as usize].name() == "tanh").unwrap();
            let mut values = outputs[tanh].floats().to_vec();
            values[3] = f32::from_bits(values[3].to_bits() ^ 1);
            outputs[tanh] = Tensor::f32(outputs[tanh].shape(), values);
            Ok(outputs)
        };
        let error = compare("cuda:7", wrong, &Executor::reference()).unwrap_err();
        assert_eq!(error.code(), "CRN-2413");
        assert!(error.to_string().starts_with("cuda:7 computes tanh"), "{error}");
    }
}
