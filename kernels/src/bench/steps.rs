//! Whole training steps on two threads: forward, backward, optimiser.

use super::models::{self, Step};
use super::{Figure, Turns, time};
use crate::error::Error;
use crate::exec::Executor;
use crate::program::Op;

/// Threads, ours and the peer's.
const THREADS: usize = 2;
/// Steps of one turn.
const STEPS: usize = 8;

pub fn figures(runs: usize, show: &mut impl FnMut(Figure)) -> Result<(), Error> {
    let steps = [
        ("train_step_mlp", models::mlp()?),
        ("train_step_cnn", models::cnn()?),
        ("train_step_transformer", models::decoder(models::DECODER)?),
    ];
    let executor = Executor::fast(THREADS);
    for (name, mut step) in steps {
        let operations = operations(&step) as f64 / 1e9;
        let (mut limit, mut turns) = (Turns::default(), Turns::default());
        let mut peer = peer(name);
        for _ in 0..runs {
            let mut result = Ok(());
            let ours = time(|| result = advance(&executor, &mut step)).as_secs_f64() / STEPS as f64;
            result?;
            let mut burst = 0;
            let alone = time(|| burst = executor.burst(1_000_000)).as_secs_f64();
            limit.push(operations / ours, THREADS as f64 * burst as f64 / 1e9 / alone);
            let mut theirs = || (0..STEPS).try_for_each(|_| peer());
            let (taken, done) = {
                let mut done = None;
                let taken = time(|| done = theirs());
                (taken.as_secs_f64() / STEPS as f64, done)
            };
            if done.is_some() {
                turns.push(1.0 / ours, 1.0 / taken);
            }
        }
        show(limit.figure(
            format!("{name}_of_limit"),
            "GFLOP/s",
            format!("fused steps in registers alone, {THREADS} cores, {}", executor.name()),
        ));
        if !turns.ours.is_empty() {
            show(turns.figure(name, "steps/s", peer_name()));
        }
    }
    Ok(())
}

fn advance(executor: &Executor, step: &mut Step) -> Result<(), Error> {
    for _ in 0..STEPS {
        let mut outputs = executor.execute(&step.program, &step.state, &step.inputs)?;
        outputs.truncate(step.state.len());
        step.state = outputs;
    }
    Ok(())
}

/// Floating-point operations of the step's products and convolutions: what no executor can do without.
fn operations(step: &Step) -> u64 {
    let program = &step.program;
    let shape = |id: u32| &program.type_of(id).shape;
    let last = |id: u32, turned: bool| u64::from(*shape(id).iter().rev().nth(usize::from(turned)).unwrap_or(&1));
    let window = |weight: &[u32]| weight[..3].iter().map(|&n| u64::from(n)).product::<u64>();
    let of = |(id, op): (u32, &Op)| match *op {
        Op::MatMul { a, a_transposed, .. } | Op::BatchedMatMul { a, a_transposed, .. } => {
            program.type_of(id).elements() * last(a, a_transposed)
        }
        Op::Conv2d { weight, .. } => program.type_of(id).elements() * window(shape(weight)),
        Op::Conv2dGradInput { weight, gradient, .. } => program.type_of(gradient).elements() * window(shape(weight)),
        Op::Conv2dGradWeight { gradient, .. } => program.type_of(gradient).elements() * window(shape(id)),
        _ => 0,
    };
    2 * (0..).zip(program.ops()).map(of).sum::<u64>()
}

#[cfg(feature = "peer")]
fn peer(name: &str) -> impl FnMut() -> Option<()> {
    use super::candle::Model;
    let mut model = match name {
        "train_step_mlp" => Model::mlp(),
        "train_step_cnn" => Model::cnn(),
        _ => Model::decoder(models::DECODER),
    };
    move || model.as_mut().ok()?.step().ok().map(drop)
}

#[cfg(feature = "peer")]
fn peer_name() -> String {
    format!("candle CPU, {} threads, {}", candle_core::utils::get_num_threads(), super::gemm::name())
}

#[cfg(not(feature = "peer"))]
fn peer(_: &str) -> impl FnMut() -> Option<()> {
    || None
}

#[cfg(not(feature = "peer"))]
fn peer_name() -> String {
    String::new()
}
