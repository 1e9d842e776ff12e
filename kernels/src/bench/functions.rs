//! The transcendental functions over slices, beside the host's scalar libm and vector libraries where the system has them.
//!
//! Ours are correctly rounded; the vector libraries promise 1 to 4 units in the last place.

use std::hint::black_box;

use super::vector_libraries::{Library, Vector};
use super::{Figure, Turns, time};
use crate::contract::scalar::Function;
use crate::error::Error;
use crate::exec::apply;

const VALUES: usize = 1 << 14;
/// A turn is so many times all values: some twenty milliseconds of ours, so that a busy machine's interruptions are a small part.
const REPEATS: usize = 800;

#[allow(unsafe_code)]
unsafe extern "C" {
    /// The host's own, which the standard library does not offer yet.
    safe fn erff(x: f32) -> f32;
}

pub fn figures(runs: usize, show: &mut impl FnMut(Figure)) -> Result<(), Error> {
    let libraries = Library::found();
    for function in Function::ALL {
        let (host, (low, high)) = host(function);
        // Spread over the range without an order that a branch could learn.
        let values: Vec<f32> = super::numbers(VALUES, 3).iter().map(|x| low + (high - low) * (x + 1.0) / 2.0).collect();
        let mut out = values.clone();
        let vectors: Vec<Vector> = libraries.iter().filter_map(|library| library.function(function.name())).collect();
        let mut turns: Vec<Turns> = vec![];
        turns.resize_with(1 + vectors.len(), Turns::default);
        for _ in 0..runs {
            let ours = rate(&values, &mut out, |out| apply(function, out));
            turns[0].push(ours, rate(&values, &mut out, |out| out.iter_mut().for_each(|x| *x = host(*x))));
            for (turns, vector) in turns[1..].iter_mut().zip(&vectors) {
                turns.push(ours, rate(&values, &mut out, |out| vector.apply(out)));
            }
        }
        show(turns[0].figure(function.name(), "M/s", "the host's scalar libm"));
        for (turns, vector) in turns[1..].iter().zip(&vectors) {
            show(turns.figure(format!("{}_{}", function.name(), vector.library), "M/s", vector.peer));
        }
    }
    Ok(())
}

/// The host's function, and the range in which all are timed.
fn host(function: Function) -> (fn(f32) -> f32, (f32, f32)) {
    match function {
        Function::Exp => (f32::exp, (-20.0, 20.0)),
        Function::Log => (f32::ln, (0.0, 100.0)),
        Function::Tanh => (f32::tanh, (-4.0, 4.0)),
        Function::Erf => (|x| erff(x), (-3.0, 3.0)),
        Function::Sin => (f32::sin, (-100.0, 100.0)),
        Function::Cos => (f32::cos, (-100.0, 100.0)),
    }
}

/// Millions of values in a second.
fn rate(values: &[f32], out: &mut [f32], mut work: impl FnMut(&mut [f32])) -> f64 {
    let taken = time(|| {
        for _ in 0..REPEATS {
            out.copy_from_slice(values);
            work(black_box(out));
        }
    });
    (VALUES * REPEATS) as f64 / 1e6 / taken.as_secs_f64()
}
