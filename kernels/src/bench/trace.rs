//! What state roots cost at the default number of steps a leaf, beside the same steps without.

use std::hint::black_box;
use std::sync::Arc;

use super::{Figure, Turns, time};
use crate::bml::{Example, Job};
use crate::data::DataSet;
use crate::error::Error;
use crate::exec::Executor;
use crate::trace::{Plan, TaskKind};

/// One task of sixteen leaves, of the default job's model and batch.
const JOB: Example = Example {
    model: "{template: mlp, input: 784, hidden: [128], classes: 10}",
    data: r#"{url: "builtin:digits?seed=7&count=4500", train: 4096, test: 100}"#,
    train: r#"{rounds: 1, epochs: 2, shards: 1, batch: 64, sgd: {rate: "0.05", momentum: "0.9"}, seed: 1, data_seed: 2}"#,
    ..Example::SMALL
};

pub fn figures(runs: usize, show: &mut impl FnMut(Figure)) -> Result<(), Error> {
    let job = Job::parse("bench", &JOB.to_string())?;
    let Some(data) = DataSet::builtin(&job)? else { return Ok(()) };
    let job = Arc::new(job.clone().with_data(job.data.url.clone(), data.root()));
    let plan = Plan::new(job.clone(), Arc::new(job.compile()?), TaskKind::at(&job, 0)?)?;
    let executor = Executor::fast(1);
    let mut turns = Turns::default();
    for _ in 0..runs {
        let input = plan.input(vec![])?;
        let (mut roots, mut result) = (0.0, Ok(()));
        let whole = time(|| {
            // Every leaf's root a second time, with the clock: what one of the two took is known, and so is the rest.
            let again = plan.run(&executor, &data, input, |_, material| {
                roots += time(|| {
                    black_box(material.claim());
                })
                .as_secs_f64();
            });
            result = again.map(drop);
        });
        result?;
        let steps = whole.as_secs_f64() - 2.0 * roots;
        turns.push((steps + roots) * 1e3, steps * 1e3);
    }
    show(turns.figure("trace_overhead", "ms", "the same steps without roots"));
    Ok(())
}
