//! Executors: programs in, tensors out, the same bits from each.
//!
//! Owns the interpreter of instructions (`run`, `dispatch`), the scalar reference (`reference`), the vectorised twin
//! (`fast`, with `matmul` and the transcendental functions of `vector`, over `simd`), the limit of a core (`limit`), the choice of
//! a device (`device`), states that stay on it (`resident`) and what it has to prove before it is trusted (`self_test`). Refuses
//! every choice that could change a bit: threads and vectors run across outputs only.

mod buffers;
mod device;
mod dispatch;
mod fast;
mod limit;
mod matmul;
mod reference;
mod resident;
mod run;
pub mod safetensors;
pub(crate) mod self_test;
mod simd;
mod tensor;
mod vector;
mod walk;

pub use device::Device;
pub use reference::Product;
pub use resident::Resident;
pub use self_test::self_test;
pub use tensor::{Elements, Tensor};
pub use vector::apply;

pub(crate) use run::argument;

use crate::cuda::Cuda;
use crate::error::KernelError;
use crate::program::Program;

/// Runs programs, on this machine's processor or on a device of it.
#[derive(Debug)]
pub struct Executor(Kind);

#[derive(Debug)]
enum Kind {
    Reference,
    Fast(fast::Fast),
    Cuda(Box<Cuda>),
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

    /// CUDA device `ordinal`, by the driver's numbers. Its kernels are compiled now, which takes seconds.
    ///
    /// Errors: there is no driver, no such device, or no NVRTC (see `CAIRN_NVRTC` in this crate's README); the device fails.
    pub fn cuda(ordinal: u32) -> Result<Self, KernelError> {
        Ok(Self(Kind::Cuda(Box::new(Cuda::open(ordinal)?))))
    }

    /// `device`, with `threads` threads where it is the processor. Whoever works for others runs [`self_test`] before.
    pub fn on(device: Device, threads: usize) -> Result<Self, KernelError> {
        match device {
            Device::Cpu => Ok(Self::fast(threads)),
            Device::Cuda(ordinal) => Self::cuda(ordinal),
        }
    }

    /// What this executor computes with: `reference`, `avx2`, `avx512`, `neon` or `cuda`.
    pub fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Reference => "reference",
            Kind::Fast(fast) => fast.name(),
            Kind::Cuda(_) => "cuda",
        }
    }

    /// The same for people: a device with its number and the name its maker gave it.
    pub fn describe(&self) -> String {
        match &self.0 {
            Kind::Cuda(cuda) => cuda.describe(),
            _ => self.name().to_owned(),
        }
    }

    /// Does `rounds` rounds of multiply-adds in registers alone, on the calling thread, and returns how many floating-point
    /// operations those were: the limit that a product's speed is measured beside. The reference and a device have none: 0.
    pub fn burst(&self, rounds: u32) -> u64 {
        match &self.0 {
            Kind::Reference | Kind::Cuda(_) => 0,
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
            Kind::Cuda(cuda) => cuda.execute(program, state, inputs),
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
pub(crate) mod program_tests;
#[cfg(test)]
mod twin_tests;
