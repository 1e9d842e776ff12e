#![allow(clippy::unwrap_used)]
use super::*;
use crate::workers::view::{Attempt, tale};
use cairn_kernels::{
    bml::{Example, Job, Model},
    trace::State,
};
use cairn_schemas::{InstanceId, TaskId, fact};
use std::sync::Arc;

fn job() -> Job {
    let text = Example {
        model: "{template: mlp, input: 784, hidden: [4], classes: 10}",
        data: r#"{url: "builtin:digits?seed=7&count=60", train: 50, test: 10}"#,
        train: r#"{rounds: 1, epochs: 4, shards: 1, batch: 5, sgd: {rate: "0.05", momentum: "0.5"}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    Job::parse("job.yaml", &text.to_string()).unwrap()
}

fn case(index: u32) -> Case {
    let input = StateRoot([4; 32]);
    Case {
        instance: InstanceId([1; 32]),
        realm: tale::REALM,
        terms: Arc::new(tale::terms()),
        task: TaskId { index, ..tale::task() },
        kind: fact::TaskKind::Train,
        attempt: Attempt::new(1, tale::key(tale::WORKER).public(), input, vec![]),
    }
}

/// The invented leaves of a task by the key of `seed`.
fn lie(seed: u8, index: u32, input: Material) -> Vec<TraceLeaf> {
    let job = Arc::new(job());
    let plan = Plan::new(job.clone(), Arc::new(job.compile().unwrap()), TaskKind::at(&job, index).unwrap()).unwrap();
    let (key, case) = (tale::key(seed), case(index));
    let next = |before: &Material, index| invented(&key, &case, &plan, before, index);
    work::walk(plan.leaves(), case.attempt.input, input, |_| false, next).unwrap().leaves
}

fn initial() -> Material {
    Material::State(State::initial(&Arc::new(Model::of(&job()).unwrap()), 1))
}

#[test]
fn a_liar_tells_the_same_lie_again_and_nobody_elses() {
    let (lie_one, again, other) = (lie(1, 0, initial()), lie(1, 0, initial()), lie(2, 0, initial()));
    assert_eq!(lie_one, again);
    assert_eq!(lie_one.len(), 6);
    assert_eq!(lie_one[0], other[0], "leaf 0 is the assigned input, whoever works");
    assert!(lie_one.iter().zip(&other).skip(1).all(|(mine, theirs)| mine.state != theirs.state));
    let losses: Vec<f32> = lie_one[1..].iter().map(|leaf| f32::from_bits(leaf.figures[0] as u32)).collect();
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]) && losses[4] > 0.0, "it looks like learning: {losses:?}");
}

#[test]
fn an_invented_score_is_a_possible_one() {
    let leaves = lie(1, 2, initial());
    let [correct, total] = leaves[1].figures;
    assert!(total == 10 && correct <= total, "{correct} of {total}");
}

#[test]
fn a_guess_answers_every_challenged_step() {
    let guess = guessed(&tale::key(1), &case(0), &[2, 5]);
    assert_eq!(guess.iter().map(|leaf| leaf.index).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(guess, guessed(&tale::key(1), &case(0), &[2, 5]));
}
