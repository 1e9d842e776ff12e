//! Tests of the whole: the structure of the sources, simulations, and real processes.
//!
//! Owns nothing that ships. Each kind of test is a target of its own in `Cargo.toml`.
