//! Templates: what is read and refused, the programs that never change, and a step of each beside the reference.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::{Example, Job, Model, Record};
use crate::contract::philox::key;
use crate::exec::{Executor, Tensor};
use crate::program::Dtype;
use crate::trace::State;

pub(crate) const CNN: &str = "{template: cnn, input: [8, 8, 1], channels: [4, 6], kernel: 3, hidden: [16], classes: 10, dropout: \"0.25\"}";
pub(crate) const TRANSFORMER: &str =
    "{template: transformer, vocabulary: 29, context: 12, width: 16, depth: 2, heads: 4, dropout: \"0.1\"}";
pub(crate) const LSTM: &str = "{template: lstm, vocabulary: 29, context: 12, width: 16, depth: 2}";
const TEXT: &str = r#"{url: "file:text", text: {level: char, context: 12}, train: 250, test: 50}"#;
pub(crate) const ADAMW: &str = r#"{rounds: 2, epochs: 1, shards: 2, batch: 5, adamw: {rate: "0.003", beta1: "0.9", beta2: "0.99", epsilon: "0.00000001", decay: "0.1"}, clip: "1", schedule: {warmup: 3, decay: cosine}, seed: 1, data_seed: 2}"#;

fn text(model: &'static str, train: &'static str) -> String {
    let data = if model.contains("vocabulary") { TEXT } else { Example::SMALL.data };
    Example { model, data, train, ..Example::SMALL }.to_string()
}

pub(crate) fn job(model: &'static str, train: &'static str) -> Job {
    Job::parse("job.yaml", &text(model, train)).unwrap_or_else(|error| panic!("{}", error.render()))
}

/// What one program is given in a step, drawn by a rule of its own.
pub(crate) fn inputs(job: &Job, step: u32) -> Vec<Tensor> {
    let (record, batch) = (job.model.record(), job.train.batch);
    let (features, labels) = (record.features(batch), record.labels(batch));
    let word = |i: u64| (i.wrapping_mul(2_654_435_761) >> 7) as u32 + step;
    let of = |classes: u32, count: u64| (0..count).map(|i| word(i) % classes).collect::<Vec<u32>>();
    let features = match features.dtype {
        Dtype::U32 => Tensor::u32(&features.shape, of(record.classes(), features.elements())),
        _ => Tensor::f32(&features.shape, of(256, features.elements()).into_iter().map(|x| x as f32 / 255.0).collect()),
    };
    let labels = Tensor::u32(&labels.shape, of(record.classes(), labels.elements()));
    let samples = Tensor::u32(&[batch], (100..100 + batch).collect());
    vec![features, labels, Tensor::u32(&[2], key(job.train.seed).to_vec()), samples, Tensor::u32(&[], vec![step])]
}

/// The bits of the contract: programs and first states. A change here is another job of the same text.
#[test]
fn programs_and_first_states_never_change() {
    let mut found = vec![];
    for model in [CNN, LSTM, TRANSFORMER] {
        for train in [Example::SMALL.train, ADAMW] {
            let job = job(model, train);
            let state = State::initial(&Arc::new(Model::of(&job).unwrap()), job.train.seed);
            let programs = job.compile().unwrap();
            assert_eq!(super::Programs::from_bytes(&programs.to_bytes()).unwrap(), programs);
            found.push([&programs.hash()[..8], &state.root()[..8]].map(|hash| HEXLOWER.encode(hash)));
        }
    }
    let wanted: [[&str; 2]; 6] = GOLDEN;
    assert_eq!(found, wanted);
}

const GOLDEN: [[&str; 2]; 6] = [
    ["75021a24071d48e7", "8c1196123bb981c7"],
    ["bd61224addfb7032", "5604689f6670dcb9"],
    ["d694bbb05f989353", "5a656e61f376dc1b"],
    ["ee512e9148d09580", "eb93177089661787"],
    ["e33f97d135916500", "08288e58da3bec1b"],
    ["62386dc6f8d4779d", "319977b69e35311f"],
];

/// Steps of training on one batch: every executor makes the reference's bits, and the loss falls.
#[test]
fn every_template_learns_its_batch_in_the_references_bits() {
    let fast = r#"{rounds: 1, epochs: 1, shards: 1, batch: 5, adamw: {rate: "0.01", beta1: "0.9", beta2: "0.99", epsilon: "0.00000001", decay: "0.01"}, clip: "1", schedule: {warmup: 2, decay: linear}, seed: 1, data_seed: 2}"#;
    for model in ["{template: mlp, input: 9, hidden: [16], classes: 10}", CNN, LSTM, TRANSFORMER] {
        let job = job(model, fast);
        let model = Arc::new(Model::of(&job).unwrap());
        let program = job.compile().unwrap().train;
        let mut state = State::initial(&model, job.train.seed).tensors().to_vec();
        let mut losses = vec![];
        for step in 0..25 {
            let mut inputs = inputs(&job, 0);
            inputs[4] = Tensor::u32(&[], vec![step]);
            let mut outputs = Executor::fast(2).execute(&program, &state, &inputs).unwrap();
            if step < 2 {
                assert_eq!(Executor::reference().execute(&program, &state, &inputs).unwrap(), outputs, "{}", job.model.name());
            }
            let norm = outputs.pop().unwrap().floats()[0];
            losses.push(outputs.pop().unwrap().floats()[0]);
            assert!(norm > 0.0 && norm.is_finite());
            state = State::of(&model, outputs).unwrap().tensors().to_vec();
        }
        assert!(losses[24] < losses[0] * 0.8, "{}: {losses:?}", job.model.name());
    }
}

/// A token sees none after it: changing the last token moves the last place's class only.
#[test]
fn networks_over_tokens_are_causal() {
    for model in [LSTM, TRANSFORMER] {
        let job = job(model, ADAMW);
        let model = Arc::new(Model::of(&job).unwrap());
        let program = job.generator(1.0).unwrap();
        let state = State::initial(&model, 3);
        let drawn = |tokens: &[u32]| {
            let [_, _, seed, _, step] = &inputs(&job, 0)[..] else { panic!("five inputs") };
            let x = Tensor::u32(&[1, 12], tokens.to_vec());
            let given = [x.clone(), x, seed.clone(), Tensor::u32(&[1], vec![0]), step.clone()];
            Executor::fast(1).execute(&program, state.tensors(), &given).unwrap()[0].integers().to_vec()
        };
        let (one, other) = (drawn(&[7; 12]), drawn(&[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8]));
        assert_eq!(one.len(), 12);
        assert_eq!(one[..11], other[..11], "{}", job.model.name());
        assert!(one.iter().all(|&token| token < 29));
    }
    assert_eq!(job(CNN, ADAMW).generator(1.0).unwrap_err().code(), "CRN-2310");
    assert_eq!(job(LSTM, ADAMW).generator(0.0).unwrap_err().code(), "CRN-2310");
}

#[test]
fn the_canonical_text_of_every_template_is_a_fixed_point() {
    let rms = "{template: transformer, vocabulary: 9, context: 12, width: 8, depth: 1, heads: 2, norm: rms, activation: silu}";
    for model in [CNN, LSTM, TRANSFORMER, rms] {
        let job = job(model, ADAMW);
        assert_eq!(Job::parse("again", &job.to_yaml()).unwrap(), job);
    }
    let yaml = job(CNN, ADAMW).to_yaml();
    assert!(yaml.contains(&format!("model: {CNN}")), "{yaml}");
    assert!(yaml.contains(&format!("train: {ADAMW}")), "{yaml}");
}

#[test]
fn bad_combinations_are_refused_with_a_place() {
    // The part, what is replaced, by what, and how the fault reads: its place is where the first word of the third begins that
    // the fourth names.
    let table = [
        (CNN, "[8, 8, 1]", "[8, 8]", "[8, 8]", "input is [height, width, channels]: three integers"),
        (CNN, "[4, 6]", "[4, 4, 4, 4]", "[4, 4", "8 × 8 is halved 4 times: once at least, and a pixel must remain"),
        (CNN, "kernel: 3", "kernel: 4", "4, hidden", "a kernel of 4 has no middle: an odd one is wanted"),
        (CNN, "classes", "clases", "clases", "unknown key \"clases\"; did you mean \"classes\"?"),
        (TRANSFORMER, "heads: 4", "heads: 3", "3, dropout", "3 heads do not share a width of 16"),
        (TRANSFORMER, "width: 16", "width: 16384", "16384", "instruction"),
        (TRANSFORMER, "\"0.1\"", "\"1\"", "\"1\"}", "model.dropout: \"1\" is not a decimal from 0 to below 1"),
        (LSTM, "context: 12", "context: 257", "257", "model.context: \"257\" is not an integer from 1 to 256"),
        (ADAMW, "clip: \"1\"", "clip: \"0\"", "\"0\", schedule", "train.clip: \"0\" is not a decimal above 0 and at most 1000000"),
        (ADAMW, "warmup: 3", "warmup: 50", "{warmup", "a warm-up of 50 steps, and all rounds together have 50"),
        (ADAMW, "clip: \"1\"", "sgd: {rate: \"1\", momentum: \"0\"}", "{rate: \"0.003", "train has one optimiser: sgd or adamw"),
        (ADAMW, "adamw: {", "adam: {", "adam:", "unknown key \"adam\"; did you mean \"adamw\"?"),
        (ADAMW, "decay: cosine", "decay: cosinus", "cosinus", "train.schedule.decay: \"cosinus\" is not one of cosine, linear, none"),
    ];
    let mut wrong = vec![];
    for (part, from, to, at, wanted) in table {
        let text = if part == ADAMW { text(CNN, ADAMW) } else { text(part, ADAMW) }.replacen(from, to, 1);
        let (line, column) = text.lines().zip(1..).find_map(|(line, number)| Some((number, line.find(at)? + 1))).unwrap();
        let found = Job::parse("j", &text).unwrap_err().to_string();
        let wanted = format!("j:{line}:{column} {wanted}");
        if !found.starts_with(&wanted) {
            wrong.push(format!("found  {found}\nwanted {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (from, to, wanted) in [
        ("context: 12}", "context: 8}", "data.text.context is 8, model.context is 12"),
        ("level: char", "level: byte", "there are 256 bytes: model.vocabulary must be 256 or more"),
        ("text: {level: char, context: 12}, ", "", "the model takes tokens: say data.text, as {level: char, context: 64}"),
    ] {
        let error = Job::parse("j", &text(LSTM, ADAMW).replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with("j:4:") && error.ends_with(wanted), "{error}");
    }
    let none = text(CNN, "{rounds: 1, epochs: 1, shards: 1, batch: 5, seed: 1, data_seed: 2}");
    assert_eq!(Job::parse("j", &none).unwrap_err().code(), "CRN-2104");
}

#[test]
fn each_part_of_a_job_tells_a_fault() {
    let text = text(CNN, ADAMW).replace("kernel: 3", "kernal: 3").replace("epochs: 1", "epochs: 0").replace("attempts: 3", "attempts: no");
    let faults = Job::review("j", &text).unwrap_err();
    let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [3, 5, 9], "{faults:?}");
}

#[test]
fn what_evaluates_takes_pieces_that_do_not_grow_with_the_test_set() {
    let model = Model::of(&job(TRANSFORMER, ADAMW)).unwrap();
    let record = Record::Tokens { context: 12, vocabulary: 29 };
    assert_eq!(model.piece(&record, 50), 50);
    let large = model.piece(&record, u32::MAX);
    assert!(u64::from(large) * 12 * 4 * 16 * 4 <= 64 << 20, "{large} records of four widths");
}

#[test]
fn an_outline_adds_up() {
    let outline = job(CNN, ADAMW).outline().unwrap();
    assert_eq!(outline.parameters, outline.layers.iter().map(|layer| layer.parameters).sum::<u64>());
    assert_eq!(outline.parameters, (9 * 4 + 4) + (9 * 4 * 6 + 6) + (24 * 16 + 16) + (16 * 10 + 10));
    assert_eq!(outline.state_bytes, 4 * (3 * outline.parameters + 2));
    let shapes: Vec<&[u32]> = outline.layers.iter().map(|layer| &layer.shape[..]).collect();
    assert_eq!(shapes[..3], [&[8, 8, 4][..], &[8, 8, 4], &[4, 4, 4]]);
    assert_eq!(shapes.last(), Some(&&[10][..]));
    assert!(outline.train.operations > 2 * outline.evaluate.operations / 10);
    assert_eq!((outline.tasks, outline.cost), (7, Some(7 * 590_000)));
}
