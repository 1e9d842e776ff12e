//! Executors: programs in, tensors out, the same bits from each.
//!
//! Owns the interpreter of instructions (`run`, `dispatch`), the scalar reference (`reference`), the vectorised twin
//! (`fast`, with `matmul` and the transcendental functions of `vector`, over `simd`) and the limit of a core (`limit`). Refuses
//! every choice that could change a bit: threads and vectors run across outputs only.

mod dispatch;
mod fast;
mod limit;
mod matmul;
mod reference;
mod run;
mod simd;
mod tensor;
mod vector;
mod walk;

pub use reference::Product;
pub use tensor::{Elements, Tensor};
pub use vector::apply;

use crate::error::KernelError;
use crate::program::Program;

/// Runs programs on this machine's processor.
#[derive(Debug)]
pub struct Executor(Kind);

#[derive(Debug)]
enum Kind {
    Reference,
    Fast(fast::Fast),
}

impl Executor {
    /// The scalar reference: slow, obvious, on every machine.
    pub fn reference() -> Self {
        Self(Kind::Reference)
    }

    /// AVX-512 or AVX2 with FMA where the processor has them (NEON on AArch64), on `threads` threads (at least one).
    /// Where it has none of them this is the reference.
    pub fn fast(threads: usize) -> Self {
        match simd::Isa::detect() {
            Some(isa) => Self(Kind::Fast(fast::Fast::new(isa, threads))),
            None => Self::reference(),
        }
    }

    /// What this executor computes with: `reference`, `avx2`, `avx512` or `neon`.
    pub fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Reference => "reference",
            Kind::Fast(fast) => fast.name(),
        }
    }

    /// Does `rounds` rounds of multiply-adds in registers alone, on the calling thread, and returns how many floating-point
    /// operations those were: the limit that a product's speed is measured beside. The reference has none: 0.
    pub fn burst(&self, rounds: u32) -> u64 {
        match &self.0 {
            Kind::Reference => 0,
            Kind::Fast(fast) => fast.burst(rounds),
        }
    }

    /// Runs `program` on the tensors of a state and the arguments of this execution, and returns its outputs.
    ///
    /// Errors: a tensor that is missing or not of the declared type; a thread whose floating-point mode is not the default.
    pub fn execute(&self, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
        match &self.0 {
            Kind::Reference => run::run(&reference::Reference, program, state, inputs),
            Kind::Fast(fast) => fast.run(program, state, inputs),
        }
    }
}

#[cfg(test)]
mod layer_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod primitive_tests;
#[cfg(test)]
mod program_tests;
#[cfg(test)]
mod twin_tests;
