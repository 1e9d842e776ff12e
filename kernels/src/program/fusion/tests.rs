//! Stages of programs whose groups can be told by hand, and what holds of any.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::program::layers::{Affine, gelu, layer_norm, linear, softmax};
use crate::program::{Binary, Draft, Reduction, Unary, catalogue};

fn input(draft: &mut Draft, slot: u32, shape: &[u32]) -> Id {
    draft.push(Op::Input { slot, dtype: Dtype::F32, shape: shape.to_vec() }).unwrap()
}

fn groups(program: &Program) -> Vec<(Vec<Id>, Vec<Id>)> {
    let of = |stage: &Stage| match stage {
        Stage::Group(group) => {
            Some((group.steps.iter().map(|step| step.id).collect(), group.stores.iter().map(|store| store.id).collect()))
        }
        Stage::Instruction(_) => None,
    };
    program.fusion().stages().iter().filter_map(of).collect()
}

/// Every stage finds what it reads, stored or made as a tensor and not ended; every output is there at the end; each instruction is done once.
fn is_sound(program: &Program, fusion: &Fusion) {
    let mut alive = BTreeSet::new();
    let mut done = BTreeSet::new();
    for (index, stage) in fusion.stages().iter().enumerate() {
        match stage {
            Stage::Instruction(id) => {
                let operands = program.ops()[*id as usize].operands();
                assert!(operands.iter().all(|operand| alive.contains(operand)), "{:?} reads {operands:?}", program.ops()[*id as usize]);
                assert!(done.insert(*id));
                alive.insert(*id);
            }
            Stage::Group(group) => {
                assert!(!group.stores.is_empty() && group.steps.len() <= STEPS);
                for (place, step) in group.steps.iter().enumerate() {
                    assert!(done.insert(step.id));
                    assert_eq!(program.type_of(step.id).elements(), group.elements as u64);
                    assert!(step.sources.iter().all(|source| match source {
                        Source::Step(step) => *step < place,
                        Source::Value(id) => alive.contains(id),
                        Source::Constant(_) => true,
                    }));
                }
                for store in &group.stores {
                    assert_eq!(group.steps[store.step].id, store.id);
                    alive.insert(store.id);
                    if let Some(over) = store.over {
                        assert_eq!(program.type_of(over).bytes(), program.type_of(store.id).bytes());
                        assert!(fusion.end_at(index).contains(&over), "it ends here");
                    }
                }
            }
        }
        fusion.end_at(index).iter().for_each(|ended| assert!(alive.remove(ended)));
    }
    assert!(program.outputs().iter().all(|output| alive.contains(output)));
    assert!(fusion.peak_bytes() <= program.peak_bytes());
}

#[test]
fn a_chain_is_one_group_and_leaves_one_value() {
    let mut draft = Draft::new();
    let x = input(&mut draft, 0, &[64, 64]);
    let weight = input(&mut draft, 1, &[64, 64]);
    let bias = input(&mut draft, 2, &[64]);
    let y = linear(&mut draft, x, Affine { weight, bias: Some(bias) }).unwrap();
    let y = gelu(&mut draft, y).unwrap();
    let program = draft.finish(vec![y]).unwrap();
    let product = 3;
    assert_eq!(program.type_of(product).shape, [64, 64]);
    let [(steps, stores)] = &groups(&program)[..] else { panic!("one group") };
    assert_eq!(*stores, [y]);
    assert_eq!(steps.len(), 6, "bias, scale, erf, + 1, × ½, ×");
    is_sound(&program, program.fusion());
    // x, W and b; the product, over which the result is written.
    assert_eq!(program.fusion().peak_bytes(), 3 * 16_384 + 256);
    assert!(program.peak_bytes() > program.fusion().peak_bytes());
}

#[test]
fn what_depends_through_a_reduction_waits_for_it() {
    let mut draft = Draft::new();
    let x = input(&mut draft, 0, &[8, 32]);
    let exp = draft.map(Unary::Exp, x).unwrap();
    let sum = draft.reduce(Reduction::Sum, exp, 1).unwrap();
    let share = draft.divide(exp, sum).unwrap();
    let program = draft.finish(vec![share]).unwrap();
    assert_eq!(groups(&program), [(vec![exp], vec![exp]), (vec![share], vec![share])]);
    is_sound(&program, program.fusion());
}

#[test]
fn what_only_later_steps_read_is_put_off() {
    let mut draft = Draft::new();
    let x = input(&mut draft, 0, &[8, 32]);
    let falling = draft.map(Unary::Negate, x).unwrap();
    let squares = draft.reduce(Reduction::SumSquares, x, 1).unwrap();
    let y = draft.zip(Binary::Multiply, falling, squares).unwrap();
    let program = draft.finish(vec![y]).unwrap();
    assert_eq!(groups(&program), [(vec![falling, y], vec![y])]);
}

#[test]
fn a_renamed_value_is_passed_through_and_a_constant_is_never_a_tensor() {
    let mut draft = Draft::new();
    let x = input(&mut draft, 0, &[4, 6]);
    let twice = draft.scale(x, 2.0).unwrap();
    let turned = draft.reshape(twice, &[6, 4]).unwrap();
    let row = input(&mut draft, 1, &[4]);
    let y = draft.add(turned, row).unwrap();
    let program = draft.finish(vec![y]).unwrap();
    assert_eq!(groups(&program), [(vec![twice, y], vec![y])]);
    assert_eq!(program.fusion().stages().len(), 3, "two arguments, one group");
    is_sound(&program, program.fusion());
}

#[test]
fn a_long_chain_is_cut() {
    let mut draft = Draft::new();
    let mut x = input(&mut draft, 0, &[5]);
    for _ in 0..3 * STEPS {
        x = draft.map(Unary::Negate, x).unwrap();
    }
    let program = draft.finish(vec![x]).unwrap();
    assert_eq!(groups(&program).len(), 3);
    is_sound(&program, program.fusion());
}

#[test]
fn every_instruction_has_its_stage() {
    let program = catalogue::every();
    is_sound(&program, program.fusion());
    is_sound(&program, &Fusion::apart(&program));
}

#[test]
fn a_norm_and_a_softmax_need_less_memory_than_their_instructions() {
    let mut draft = Draft::new();
    let x = input(&mut draft, 0, &[32, 128]);
    let (gain, bias) = (input(&mut draft, 1, &[128]), input(&mut draft, 2, &[128]));
    let normal = layer_norm(&mut draft, x, gain, bias, 1e-5).unwrap();
    let shares = softmax(&mut draft, normal).unwrap();
    let program = draft.finish(vec![shares]).unwrap();
    is_sound(&program, program.fusion());
    assert!(program.fusion().peak_bytes() < program.peak_bytes());
}
