//! The bit contract, version 1: what a kernel's output bits may depend on.
//!
//! Owns scalars, orders of accumulation, random numbers and the state of the floating-point unit, each written so
//! short that it can be read as the specification. Refuses speed: the fast twins live in `exec` and are tested against this.

pub mod convert;
pub mod float_mode;
pub mod order;
pub mod philox;
pub mod scalar;
pub mod shuffle;

/// The contract that this build executes. A program that names another one is refused.
pub const VERSION: u32 = 1;
