//! What a training step asks of a device, counted on a machine that only writes down what it is asked for.
//!
//! Owns the roofline of the step of a transformer of ten million parameters: launches, bytes and operations of each kind of stage,
//! and that a step neither waits for the device nor takes memory that the one before did not have. Refuses to compute.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bench::transformer;
use crate::bml::Model;
use crate::bml::template_tests::inputs;
use crate::cuda::engine::Engine;
use crate::cuda::machine::{Address, Code, Launch, Machine, Target};
use crate::cuda::nvrtc::Nvrtc;
use crate::error::KernelError;
use crate::program::fusion::{Source, Stage};
use crate::program::{Id, Op, Program};
use crate::trace::State;

/// Counts, and nothing else.
#[derive(Debug, Default)]
struct Plan {
    launches: AtomicU64,
    allocated: AtomicU64,
    downloads: AtomicU64,
}

impl Plan {
    fn counts(&self) -> [u64; 3] {
        [&self.launches, &self.allocated, &self.downloads].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Machine for Plan {
    type Module = ();

    fn name(&self) -> String {
        "a plan".to_owned()
    }

    fn target(&self) -> Target {
        Target::Virtual(80)
    }

    fn enter(&self) -> Result<(), KernelError> {
        Ok(())
    }

    fn load(&self, _: &Code) -> Result<(), KernelError> {
        Ok(())
    }

    fn allocate(&self, bytes: usize) -> Result<Address, KernelError> {
        Ok(self.allocated.fetch_add(bytes as u64, Ordering::Relaxed))
    }

    fn free(&self, _: Address, _: usize) {}

    fn upload(&self, _: Address, _: &[u8]) -> Result<(), KernelError> {
        Ok(())
    }

    fn download(&self, _: Address, _: &mut [u8]) -> Result<(), KernelError> {
        self.downloads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn launch(&self, (): &(), _: &Launch) -> Result<(), KernelError> {
        self.launches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// FLOP/s and bytes/s that an H200's data sheet says.
const PEAK: [f64; 2] = [67e12, 4.8e12];

/// What a stage must do at least: operations of its products, bytes read and written once.
fn work(program: &Program, stage: &Stage) -> (String, u64, u64) {
    let bytes = |ids: &[Id]| ids.iter().map(|&id| program.type_of(id).bytes()).sum::<u64>();
    match stage {
        Stage::Instruction(id) => {
            let (op, result) = (&program.ops()[*id as usize], program.type_of(*id));
            let k =
                |a: Id, transposed: bool| u64::from(program.type_of(a).shape[program.type_of(a).shape.len() - 1 - usize::from(transposed)]);
            let operations = match *op {
                Op::MatMul { a, a_transposed, .. } | Op::BatchedMatMul { a, a_transposed, .. } => {
                    2 * result.elements() * k(a, a_transposed)
                }
                _ => 0,
            };
            let moves = !matches!(op, Op::State { .. } | Op::Input { .. } | Op::Reshape { .. } | Op::Detach { .. });
            (op.name().to_owned(), operations, if moves { bytes(&op.operands()) + bytes(&[*id]) } else { 0 })
        }
        Stage::Group(group) => {
            let value = |source: &Source| if let Source::Value(id) = *source { Some(id) } else { None };
            let read: BTreeSet<Id> = group.steps.iter().flat_map(|step| step.sources.iter().filter_map(value)).collect();
            let written: Vec<Id> = group.stores.iter().map(|store| store.id).collect();
            ("elementwise".to_owned(), 0, bytes(&read.into_iter().collect::<Vec<_>>()) + bytes(&written))
        }
    }
}

#[test]
#[ignore = "needs NVRTC"]
fn a_step_of_ten_million_parameters_neither_waits_nor_takes_new_memory() {
    let job = transformer();
    let program = job.compile().unwrap().train;
    let state = State::initial(&Arc::new(Model::of(&job).unwrap()), 1);
    let engine = Engine::new(Plan::default(), Nvrtc::load().unwrap()).unwrap();
    let machine = &engine.pool.machine;
    let batch = inputs(&job, 1);
    let mut resident = engine.place(state.tensors()).unwrap();
    // A state's old values are given back only when the new ones are there: memory settles at the second step.
    let counts = [(); 3].map(|()| {
        let before = machine.counts();
        let outputs = engine.run(&program, &resident, &batch).unwrap();
        resident = resident.iter().map(|(of, _)| of.clone()).zip(outputs).collect();
        machine.counts().iter().zip(before).map(|(after, before)| after - before).collect::<Vec<u64>>()
    });
    let [launches, allocated, downloads] = counts[2][..] else { unreachable!() };
    assert_eq!((allocated, downloads), (0, 0));
    assert!(launches < 1650, "{launches} launches");

    let mut kinds: BTreeMap<String, (u64, u64, u64, f64)> = BTreeMap::new();
    for (name, operations, bytes) in program.fusion().stages().iter().map(|stage| work(&program, stage)).filter(|work| work.2 > 0) {
        let of = kinds.entry(name).or_default();
        let least = (operations as f64 / PEAK[0]).max(bytes as f64 / PEAK[1]);
        *of = (of.0 + 1, of.1 + operations, of.2 + bytes, of.3 + 1e6 * least);
    }
    println!("{launches} launches\n| stages | number | GFLOP | MB | at least, microseconds |\n|---|---|---|---|---|");
    for (kind, (count, operations, bytes, least)) in kinds {
        println!("| {kind} | {count} | {:.1} | {:.1} | {least:.1} |", operations as f64 / 1e9, bytes as f64 / 1e6);
    }
}
