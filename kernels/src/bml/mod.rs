//! BML: a job's YAML, checked key by key, and the programs that it means.
//!
//! Owns the form of a job (`job`), the reader that names line and column of every fault (`yaml`, `fields`), the canonical
//! text (`render`) and the compilation to programs (`compile`). Refuses defaults that change meaning: what a job pays,
//! trains or checks is written in it.

mod compile;
mod error;
mod example;
mod fields;
mod job;
mod model;
mod network;
mod optimiser;
mod outline;
mod parse;
mod render;
mod template;
mod yaml;

pub use compile::Programs;
pub use error::{Fault, JobError};
pub use example::Example;
pub use job::{Assurance, Data, Deadlines, Job, Level, Millionths, Pay, Text, Train, Verify, Workers, limits};
pub use model::Model;
pub use network::{Initial, Layer, Variable};
pub use optimiser::{Adam, Decay, Rule, Schedule, Sgd};
pub use outline::{Outline, Run};
pub use template::{Activation, Cnn, Lstm, Mlp, Norm, Record, Template, Transformer};

#[cfg(test)]
pub(crate) mod template_tests;
#[cfg(test)]
mod tests;
