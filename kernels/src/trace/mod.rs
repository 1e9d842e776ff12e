//! Tasks, their states, and the traces by which work is claimed and re-executed.
//!
//! A task is a row of transitions. Leaf 0 of its trace is what it was given, leaf k what the k-th transition made, the
//! last leaf its result. [`Plan::run`] does the work and [`Plan::transition`] re-executes any one transition from its
//! opened predecessor: both are the same function of (job, programs, data, predecessor, k), so their bits agree.
//!
//! Owns states (`state`, `initial`), the material of leaves (`material`) and what is claimed of them (`leaf`), plans (`plan`), aggregation
//! (`aggregate`) and roots (`merkle`). Refuses effects: blobs are fetched and put by the caller.

mod aggregate;
mod generate;
mod initial;
mod leaf;
mod material;
pub(crate) mod merkle;
mod plan;
mod state;
mod task;

pub use generate::Generator;
pub use leaf::{LeafClaim, LeafValue};
pub use material::{Contribution, Material, Score};
pub use merkle::Digest;
pub use plan::{COMMIT_EVERY, Plan};
pub use state::State;
pub use task::TaskKind;

#[cfg(test)]
mod tests;
