//! Optimisers and schedules, composed of instructions.
//!
//! Owns the literal expression of each rule: what is rounded where is in its sentence. Powers, moments and velocities are
//! tensors of the state, never computed from the step. Refuses to make state: its first values are the job's.

mod adamw;
mod clip;
mod schedule;
mod sgd;

pub use adamw::{AdamStep, AdamW, Moments};
pub use clip::{clip, global_norm};
pub use schedule::Schedule;
pub use sgd::{Sgd, descend, sgd};
