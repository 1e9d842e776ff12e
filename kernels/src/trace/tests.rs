//! Traces: the tasks of a job, the bits of a small run, and re-execution from any leaf.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Contribution, Generator, LeafClaim, LeafValue, Material, Plan, Score, State, TaskKind, merkle};
use crate::bml::{Example, Job, Model, Programs};
use crate::data::{DataSet, File};
use crate::exec::{Executor, Tensor, safetensors};
use crate::program::Type;

struct Run {
    job: Arc<Job>,
    programs: Arc<Programs>,
    data: DataSet,
    /// Leaves and material of each task, in the job's order.
    traces: Vec<Vec<(LeafClaim, Material)>>,
}

impl Run {
    fn of(text: &str, executor: &Executor) -> Self {
        let job = Job::parse("job.yaml", text).unwrap();
        let data = DataSet::builtin(&job).unwrap().unwrap();
        Self::on(job, data, executor)
    }

    fn on(job: Job, data: DataSet, executor: &Executor) -> Self {
        let job = Arc::new(job);
        let programs = Arc::new(job.compile().unwrap());
        let mut run = Self { job, programs, data, traces: vec![] };
        for task in run.job.tasks() {
            let plan = run.plan(task);
            let mut trace = vec![];
            let input = plan.input(run.results(task)).unwrap();
            plan.run(executor, &run.data, input, |claim, material| trace.push((*claim, material.clone()))).unwrap();
            run.traces.push(trace);
        }
        run
    }

    fn plan(&self, task: TaskKind) -> Plan {
        Plan::new(self.job.clone(), self.programs.clone(), task).unwrap()
    }

    fn results(&self, task: TaskKind) -> Vec<Material> {
        let last = |input: TaskKind| self.traces[input.index(&self.job) as usize].last().unwrap().1.clone();
        task.inputs(&self.job).into_iter().map(last).collect()
    }

    /// A hash of all that a task's leaves claim.
    fn hash(&self, task: usize) -> String {
        let mut hash = Sha256::new();
        for (claim, _) in &self.traces[task] {
            let (root, first, second) = match claim.value {
                LeafValue::State { root, loss_bits, grad_norm_bits } => (root, loss_bits, grad_norm_bits),
                LeafValue::Score { correct, total } => ([0; 32], correct, total),
            };
            [claim.index, first, second].iter().for_each(|word| hash.update(word.to_be_bytes()));
            hash.update(root);
        }
        HEXLOWER.encode(&hash.finalize())
    }

    fn score(&self) -> Score {
        match self.traces.last().unwrap().last().unwrap().1 {
            Material::Score(score) => score,
            _ => unreachable!("the last task evaluates"),
        }
    }
}

fn initial(job: &Job) -> State {
    State::initial(&Arc::new(Model::of(job).unwrap()), job.train.seed)
}

/// A state of another model than any job's: a weight and a bias.
fn other(weight: f32) -> State {
    let types = [("weight", vec![1, 1]), ("bias", vec![1])].map(|(name, shape)| (name.to_owned(), Type::f32(&shape)));
    State::of(&Arc::new(Model::of_tensors(types)), vec![Tensor::f32(&[1, 1], vec![weight]), Tensor::zeros(&[1])]).unwrap()
}

#[test]
fn tasks_have_an_order_and_inputs() {
    let job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    let tasks: Vec<TaskKind> = job.tasks().collect();
    assert_eq!(tasks.len() as u32, job.task_count());
    for (index, &task) in (0u32..).zip(&tasks) {
        assert_eq!((task.index(&job), TaskKind::at(&job, index).unwrap()), (index, task));
        assert!(task.inputs(&job).iter().all(|input| input.index(&job) < index), "inputs come before");
    }
    assert_eq!(tasks[2], TaskKind::Aggregate { round: 0 });
    assert_eq!(tasks[3].inputs(&job), [TaskKind::Aggregate { round: 0 }]);
    assert_eq!(tasks[5].inputs(&job), tasks[3..5]);
    assert_eq!(TaskKind::at(&job, 7).unwrap_err().code(), "CRN-2405");
}

/// The bits of the contract. A change here is version 2 of it.
#[test]
fn the_bits_of_a_small_job_never_change() {
    let run = Run::of(&Example::SMALL.to_string(), &Executor::fast(1));
    let initial = initial(&run.job);
    assert_eq!(HEXLOWER.encode(&initial.root()), "3bb672e1b91758cc527832a163c97c342190a5617304602119c0e5a862d0fb7e");
    assert_eq!(blake3::hash(&initial.to_bytes()).to_hex().as_str(), "10bf5810565ec3a20ea7def6dd54a266ce2485a1204cb8859acedea24ba47d2d");
    assert_eq!(
        [0, 2, 6].map(|task| run.hash(task)),
        [
            "9d01312e08ec3082d93f3980fa7b4398ae6bf95a85bd5b5225c0f2870cdfc8fe",
            "ee68d0aaa620f75bbf008dbe042dc3dc22e31ca458055430e379b12e583f68cf",
            "fb8c66959076d60b16af6cfdac769af57b75d7176b42a5e73aa7b03a1745a42d"
        ]
    );
    assert_eq!(run.score(), Score { correct: 28, total: 50 });
}

#[test]
fn every_transition_is_re_executed_by_the_reference_and_by_threads() {
    let run = Run::of(&Example::SMALL.to_string(), &Executor::fast(1));
    for (task, trace) in run.job.tasks().zip(&run.traces) {
        let plan = run.plan(task);
        assert_eq!(trace.len() as u32, plan.leaves());
        for leaf in 1..plan.leaves() {
            let (claim, material) = &trace[leaf as usize];
            let opened = plan.material(leaf - 1, &trace[leaf as usize - 1].1.to_bytes()).unwrap();
            for executor in [Executor::reference(), Executor::fast(3)] {
                let (again, made) = plan.transition(&executor, &run.data, &opened, leaf).unwrap();
                assert_eq!((&again, &made), (claim, material), "{task:?} leaf {leaf} on {}", executor.name());
            }
        }
    }
}

#[test]
fn another_predecessor_gives_another_leaf() {
    let run = Run::of(&Example::SMALL.to_string(), &Executor::fast(1));
    let plan = run.plan(TaskKind::Train { round: 0, shard: 0 });
    let honest = run.traces[0][1].0;
    let mut tensors = initial(&run.job).tensors().to_vec();
    let mut values = tensors[0].floats().to_vec();
    values[100] = f32::from_bits(values[100].to_bits() ^ 1);
    tensors[0] = Tensor::f32(tensors[0].shape(), values);
    let (claim, _) = plan
        .transition(&Executor::fast(1), &run.data, &Material::State(State::of(initial(&run.job).model(), tensors).unwrap()), 1)
        .unwrap();
    assert_ne!(claim, honest, "one flipped bit of one weight shows");
}

#[test]
fn misuse_is_an_error_with_a_code() {
    let run = Run::of(&Example::SMALL.to_string(), &Executor::fast(1));
    let executor = Executor::fast(1);
    let (train, aggregate) = (run.plan(TaskKind::Train { round: 0, shard: 0 }), run.plan(TaskKind::Aggregate { round: 0 }));
    let state = run.traces[0][0].1.clone();
    let Material::Contributions(contributions) = run.traces[2][0].1.clone() else {
        unreachable!("an aggregation starts from contributions")
    };
    let code = |plan: &Plan, from: &Material, leaf| plan.transition(&executor, &run.data, from, leaf).unwrap_err().code();
    assert_eq!(code(&train, &state, 0), "CRN-2404");
    assert_eq!(code(&train, &state, train.leaves()), "CRN-2404");
    assert_eq!(code(&train, &run.traces[2][0].1, 1), "CRN-2406");
    assert_eq!(code(&aggregate, &state, 1), "CRN-2406");
    assert_eq!(code(&aggregate, &Material::Contributions(contributions[..1].to_vec()), 1), "CRN-2407");
    assert_eq!(train.input(vec![state.clone()]).unwrap_err().code(), "CRN-2407");
    assert_eq!(aggregate.input(vec![state]).unwrap_err().code(), "CRN-2407");

    let foreign = other(0.0);
    assert_eq!(code(&train, &Material::State(foreign.clone()), 1), "CRN-2402");
    let mixed = vec![contributions[0].clone(), Contribution { records: contributions[1].records, state: foreign }];
    assert_eq!(code(&aggregate, &Material::Contributions(mixed), 1), "CRN-2407");

    let mut tensors = contributions[0].state.tensors().to_vec();
    tensors[1] = Tensor::f32(tensors[1].shape(), vec![f32::INFINITY; 24]);
    let infinite = vec![
        Contribution { records: contributions[0].records, state: State::of(contributions[0].state.model(), tensors).unwrap() },
        contributions[1].clone(),
    ];
    assert_eq!(code(&aggregate, &Material::Contributions(infinite), 1), "CRN-2408");

    let swapped = Programs { train: run.programs.evaluate.clone(), evaluate: run.programs.train.clone() };
    for task in [TaskKind::Train { round: 0, shard: 0 }, TaskKind::Evaluate] {
        let plan = Plan::new(run.job.clone(), Arc::new(swapped.clone()), task).unwrap();
        assert!(["CRN-2402", "CRN-2409"].contains(&code(&plan, &run.traces[0][0].1, 1)));
    }

    let other_data = DataSet::builtin(&{
        let mut job = (*run.job).clone();
        job.data.train = 200;
        job
    });
    let error = train.transition(&executor, &other_data.unwrap().unwrap(), &run.traces[0][0].1, 1).unwrap_err();
    assert_eq!(error.code(), "CRN-2206");
}

#[test]
fn averaging_is_weighted_and_exact() {
    let of = |records, value| Contribution { records, state: other(value) };
    let average = |contributions: &[Contribution]| super::aggregate::average(contributions).unwrap().tensors()[0].floats()[0].to_bits();
    assert_eq!(average(&[of(3, 1.0), of(1, 5.0)]), 2f32.to_bits());
    assert_eq!(average(&[of(5, 0.1), of(5, 0.1), of(7, 0.1)]), 0.1f32.to_bits(), "what all agree on stays");
    assert_eq!(average(&[of(1, -0.25), of(1, 0.25)]), 0, "a zero sum is +0");
    let mixed = [of(3, 0.3), of(5, -7.25), of(11, 1e-5)];
    assert_eq!(average(&mixed), average(&[mixed[2].clone(), mixed[0].clone(), mixed[1].clone()]));
}

#[test]
fn a_state_is_its_bytes() {
    let job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    let state = initial(&job);
    let model = state.model();
    let bytes = state.to_bytes();
    assert_eq!(State::from_bytes(model, &bytes).unwrap(), state);
    assert!(State::from_bytes(model, &bytes[..bytes.len() - 1]).is_err());
    assert!(State::from_bytes(model, &[&bytes[..], &[0]].concat()).is_err());
    let mut renamed = bytes.clone();
    renamed[10] ^= 1;
    assert_eq!(State::from_bytes(model, &renamed).unwrap_err().code(), "CRN-2403");
    let mut other_nan = bytes.clone();
    let end = other_nan.len();
    other_nan[end - 4..].copy_from_slice(&0xFFC0_0000u32.to_le_bytes());
    assert!(State::from_bytes(model, &other_nan).is_err(), "a second spelling of NaN would be a second state");
    other_nan[end - 4..].copy_from_slice(&0x7FC0_0000u32.to_le_bytes());
    assert!(State::from_bytes(model, &other_nan).is_ok());
}

#[test]
fn a_state_is_a_safetensors_file() {
    let state = initial(&Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap());
    let read = candle_core::safetensors::load_buffer(&state.to_bytes(), &candle_core::Device::Cpu).unwrap();
    assert_eq!(read.len(), 8);
    let weights: Vec<f32> = read["layers.0.weight"].flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(weights, state.tensors()[0].floats());
    assert_eq!(read["velocity.layers.1.bias"].dims(), [10]);
}

#[test]
fn a_root_is_moved_by_every_part_of_a_state() {
    let job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    let state = initial(&job);
    let mut roots = vec![state.root()];
    for id in 0..state.tensors().len() {
        let mut tensors = state.tensors().to_vec();
        let mut values = tensors[id].floats().to_vec();
        let last = values.len() - 1;
        values[last] = f32::from_bits(values[last].to_bits() ^ 1);
        tensors[id] = Tensor::f32(tensors[id].shape(), values);
        roots.push(State::of(state.model(), tensors).unwrap().root());
    }
    let turned = Tensor::f32(&[24, 784], state.tensors()[0].floats().to_vec());
    let tensors = [&[turned][..], &state.tensors()[1..]].concat();
    let types = tensors.iter().map(|tensor| (String::new(), tensor.type_of()));
    roots.push(State::of(&Arc::new(Model::of_tensors(types)), tensors.clone()).unwrap().root());
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 10);
}

/// The RFC 6962 test vectors of Certificate Transparency: roots of the first n of eight leaves.
#[test]
fn trees_have_the_published_roots() {
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let leaves: Vec<_> = inputs.iter().map(|hex| merkle::leaf(&HEXLOWER.decode(hex.as_bytes()).unwrap())).collect();
    for (count, root) in [
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ] {
        assert_eq!(HEXLOWER.encode(&merkle::root(&leaves[..count])), root);
    }
    assert_eq!(merkle::root(&[])[..], Sha256::digest([])[..]);
}

/// The built-in digits are to be learnt, and not to be learnt perfectly.
#[test]
fn training_learns() {
    let text = Example::SMALL
        .to_string()
        .replace("count=300", "count=3000")
        .replace("train: 250, test: 50", "train: 2500, test: 500")
        .replace("[24]", "[64]")
        .replace("\"0.1\"", "\"0.03\"");
    let score = Run::of(&text, &Executor::fast(2)).score();
    assert!((400..500).contains(&score.correct), "{score:?}");
}

/// A text that a model of this size can learn by heart.
fn chant() -> File {
    File::of("chant.txt", "a stone on a stone marks the way; ".repeat(200).into_bytes())
}

/// A job over that text.
fn chanted(model: &'static str) -> Run {
    let text = Example {
        model,
        data: r#"{url: "file:chant", text: {level: char, context: 12}, train: 250, test: 55}"#,
        train: r#"{rounds: 2, epochs: 2, shards: 2, batch: 10, adamw: {rate: "0.01", beta1: "0.9", beta2: "0.99", epsilon: "0.00000001", decay: "0.01"}, clip: "1", schedule: {warmup: 5, decay: cosine}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    let job = Job::parse("job.yaml", &text.to_string()).unwrap();
    let data = DataSet::read(&job, &[chant()]).unwrap();
    Run::on(job, data, &Executor::fast(2))
}

const TRANSFORMER: &str = r#"{template: transformer, vocabulary: 20, context: 12, width: 16, depth: 1, heads: 2, dropout: "0.05"}"#;
const LSTM: &str = "{template: lstm, vocabulary: 20, context: 12, width: 16, depth: 1}";

/// Every step's randomness and rate are its own, so any segment is re-executed alone, of every template.
#[test]
fn jobs_of_every_template_are_re_executed_from_any_leaf() {
    let cnn = Example {
        model: r#"{template: cnn, input: [28, 28, 1], channels: [3, 4], kernel: 3, hidden: [8], classes: 10, dropout: "0.2"}"#,
        train: r#"{rounds: 2, epochs: 1, shards: 2, batch: 10, adamw: {rate: "0.01", beta1: "0.9", beta2: "0.99", epsilon: "0.00000001", decay: "0.01"}, schedule: {warmup: 3, decay: linear}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    let runs = [Run::of(&cnn.to_string(), &Executor::fast(2)), chanted(TRANSFORMER), chanted(LSTM)];
    let mut ends = vec![];
    for run in &runs {
        for (task, trace) in run.job.tasks().zip(&run.traces) {
            let plan = run.plan(task);
            let leaf = plan.leaves() - 1;
            let opened = plan.material(leaf - 1, &trace[leaf as usize - 1].1.to_bytes()).unwrap();
            let (again, _) = plan.transition(&Executor::reference(), &run.data, &opened, leaf).unwrap();
            assert_eq!(again, trace[leaf as usize].0, "{} {task:?}", run.job.model.name());
        }
        ends.push((run.hash(run.traces.len() - 2)[..16].to_owned(), run.score().correct, run.score().total));
    }
    let wanted = [("46711fc1282a7ca4", 8, 50), ("f21fc4006f5da303", 614, 660), ("bd2b575bf4c59909", 418, 660)];
    assert_eq!(ends, wanted.map(|(root, correct, total)| (root.to_owned(), correct, total)));
}

#[test]
fn a_model_of_text_goes_on_with_what_it_has_learnt() {
    let run = chanted(TRANSFORMER);
    let state = run.traces[run.traces.len() - 2].last().unwrap().1.state("evaluate").unwrap().clone();
    let prompt = run.data.features(&[250]).integers().to_vec();
    let draw = |executor: &Executor, seed| {
        let generator = Generator::of(&run.job, 0.1).unwrap();
        run.data.decode(&generator.draw(executor, &state, &prompt, 34, seed).unwrap()).unwrap()
    };
    let written = draw(&Executor::fast(1), 5);
    assert_eq!(draw(&Executor::reference(), 5), written, "the same text on every executor");
    let text = "a stone on a stone marks the way; ".repeat(3);
    assert!(text.contains(&written[..10]), "{written}");
    let generator = Generator::of(&run.job, 1.0).unwrap();
    for wrong in [vec![], vec![20]] {
        assert_eq!(generator.draw(&Executor::fast(1), &state, &wrong, 1, 0).unwrap_err().code(), "CRN-2402");
    }
}

#[test]
fn parameters_come_from_foreign_files_by_their_names() {
    let job = Job::parse("job.yaml", &Example::SMALL.to_string()).unwrap();
    let state = initial(&job);
    let names = state.model().variables().iter().map(|variable| variable.name.clone());
    let mut named: BTreeMap<String, Tensor> = names.zip(state.tensors().iter().cloned()).collect();
    let read = safetensors::read(&state.to_bytes()).unwrap();
    assert_eq!(read, named);
    assert_eq!(State::from_named(state.model(), &read).unwrap(), state);
    named.insert("layers.0.weight".to_owned(), Tensor::zeros(&[784, 23]));
    let error = State::from_named(state.model(), &named).unwrap_err().to_string();
    assert_eq!(error, "parameter 0 is f32[784, 23], the program wants f32[784, 24] as \"layers.0.weight\"");
    named.remove("layers.0.weight");
    assert!(State::from_named(state.model(), &named).unwrap_err().to_string().contains("missing"));
}
