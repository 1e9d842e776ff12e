//! The throughput of the transcendental functions beside the host's libm, in one run:
//! `cargo run --release -p cairn-kernels --example functions`

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use cairn_kernels::contract::scalar::Function;
use cairn_kernels::exec::{Executor, apply};

const VALUES: usize = 1 << 14;
const ROUNDS: usize = 60;

#[allow(unsafe_code)]
unsafe extern "C" {
    /// The host's own, which the standard library does not offer yet.
    safe fn erff(x: f32) -> f32;
}

fn main() {
    println!("best of {ROUNDS} rounds over {VALUES} values, one thread, {}", Executor::fast(1).name());
    println!("{:<5} {:>12} {:>12} {:>12} {:>13} {:>14}", "", "libm ns", "scalar ns", "slice ns", "slice ÷ libm", "slice ÷ scalar");
    for function in Function::ALL {
        let (host, (low, high)) = peer(function);
        // Spread over the range without an order that a branch could learn.
        let place = |i: u32| f64::from(i.wrapping_mul(2_654_435_769)) / 4_294_967_296.0;
        let values: Vec<f32> = (0..VALUES as u32).map(|i| (low + (high - low) * place(i)) as f32).collect();
        let mut out = values.clone();
        // Interleaved, so that a busy machine is as busy for each.
        let [mut libm, mut scalar, mut slice] = [f64::INFINITY; 3];
        for _ in 0..ROUNDS {
            libm = libm.min(nanoseconds(&values, &mut out, |out| out.iter_mut().for_each(|x| *x = host(*x))));
            scalar = scalar.min(nanoseconds(&values, &mut out, |out| out.iter_mut().for_each(|x| *x = function.of(*x))));
            slice = slice.min(nanoseconds(&values, &mut out, |out| apply(function, out)));
        }
        let name = function.name();
        println!("{name:<5} {libm:>12.2} {scalar:>12.2} {slice:>12.2} {:>12.1}× {:>13.1}×", libm / slice, scalar / slice);
    }
}

/// The host's function, and the range in which both are timed.
fn peer(function: Function) -> (fn(f32) -> f32, (f64, f64)) {
    match function {
        Function::Exp => (f32::exp, (-20.0, 20.0)),
        Function::Log => (f32::ln, (0.0, 100.0)),
        Function::Tanh => (f32::tanh, (-4.0, 4.0)),
        Function::Erf => (|x| erff(x), (-3.0, 3.0)),
        Function::Sin => (f32::sin, (-100.0, 100.0)),
        Function::Cos => (f32::cos, (-100.0, 100.0)),
    }
}

/// For each value.
fn nanoseconds(values: &[f32], out: &mut [f32], work: impl FnOnce(&mut [f32])) -> f64 {
    out.copy_from_slice(values);
    let start = Instant::now();
    work(black_box(out));
    start.elapsed().as_secs_f64() * 1e9 / VALUES as f64
}
