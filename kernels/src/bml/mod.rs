//! BML: a job's YAML, checked key by key, and the programs that it means.
//!
//! Owns the form of a job (`job`), the reader that names line and column of every fault (`yaml`, `fields`), the canonical
//! text (`render`) and the compilation to programs (`compile`). Refuses defaults that change meaning: what a job pays,
//! trains or checks is written in it.

mod compile;
mod error;
mod fields;
mod job;
mod parse;
mod render;
mod yaml;

pub use compile::{Model, Programs};
pub use error::{Fault, JobError};
pub use job::{Assurance, Data, Deadlines, Job, Level, Millionths, Mlp, Pay, Sgd, Text, Train, Verify, Workers, limits};

#[cfg(test)]
mod tests;
