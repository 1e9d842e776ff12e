//! Figures of this machine: ours beside a limit or a named peer that was measured in the same run.
//!
//! Owns the shapes, models and the order of measuring: ours and the other take turns, so that what else the machine does meets both; a
//! ratio is the median of the turns' ratios. Alone in this crate it reads a clock. Peers that are crates (`gemm` with AVX-512, candle) are
//! there with the feature `peer`; vector libraries of functions where the system has them. No peer is part of any result.

#[cfg(feature = "peer")]
mod candle;
mod functions;
#[cfg(feature = "peer")]
mod gemm;
mod models;
mod products;
mod steps;
mod trace;
mod vector_libraries;

use std::time::{Duration, Instant};

use crate::error::Error;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub name: String,
    /// The median of ours.
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared with, and with which instructions that computes.
    pub peer: String,
    pub peer_value: f64,
    /// How many times as fast as the peer ours is, the median of the turns; of `trace_overhead` how many times as long.
    pub ratio: f64,
}

/// A part of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Products,
    Functions,
    Steps,
    Trace,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Products, Self::Functions, Self::Steps, Self::Trace];

    /// Measures, with `runs` turns for each figure; each is shown as soon as it is there.
    ///
    /// Errors: none on a machine whose floating-point mode is the default.
    pub fn measure(self, runs: usize, mut show: impl FnMut(Figure)) -> Result<(), Error> {
        match self {
            Self::Products => products::figures(runs, &mut show),
            Self::Functions => functions::figures(runs, &mut show),
            Self::Steps => steps::figures(runs, &mut show),
            Self::Trace => trace::figures(runs, &mut show),
        }
    }
}

/// Turns of ours and another, as values that are larger the faster they are.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<f64>,
    others: Vec<f64>,
}

impl Turns {
    fn push(&mut self, ours: f64, other: f64) {
        self.ours.push(ours);
        self.others.push(other);
    }

    fn figure(&self, name: impl Into<String>, unit: &'static str, peer: impl Into<String>) -> Figure {
        let ratios = self.ours.iter().zip(&self.others).map(|(ours, other)| ours / other).collect();
        let (value, peer_value) = (median(self.ours.clone()), median(self.others.clone()));
        Figure { name: name.into(), value, unit, peer: peer.into(), peer_value, ratio: median(ratios) }
    }
}

/// The value in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Numbers without pattern in [−1, 1).
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let word = |i: u32| i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(0x9E37_79B9));
    (0..count as u32).map(|i| crate::contract::philox::symmetric(word(i))).collect()
}
