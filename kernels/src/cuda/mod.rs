//! Programs on a CUDA device: the same bits as the reference's, for every instruction.
//!
//! The way through: `source` holds the kernels in CUDA C and `elementwise` generates those of single expressions; `nvrtc`
//! compiles both when a device is opened or a program first comes, and `check` refuses what the contract bans; `engine` walks a
//! program, `dispatch` and `products` say which kernels an instruction is and how its work is divided; `memory` keeps buffers;
//! `machine` is all that they know of a device, and `driver` is one. In tests `interpreter` is another: it executes the compiled
//! PTX on the processor, so that everything but the driver's calls is proved where there is no GPU.

mod check;
mod dispatch;
mod driver;
mod elementwise;
mod engine;
mod machine;
mod memory;
mod nvrtc;
mod products;
mod source;

#[cfg(test)]
mod interpreter;
#[cfg(test)]
mod tests;

use crate::error::KernelError;
use crate::exec::Tensor;
use crate::program::Program;

/// A device, ready to run programs.
#[derive(Debug)]
pub struct Cuda(engine::Engine<driver::Driver>);

/// A state on a device, and what the last program returned behind it.
#[derive(Debug)]
pub struct Resident {
    state: engine::Values<driver::Driver>,
    rest: engine::Values<driver::Driver>,
}

impl Cuda {
    /// Opens device `ordinal` and compiles the kernels for it.
    pub fn open(ordinal: u32) -> Result<Self, KernelError> {
        let compiler = nvrtc::Nvrtc::load()?;
        let driver = driver::Driver::open(ordinal, &compiler)?;
        engine::Engine::new(driver, compiler).map(Self)
    }

    /// Its number and name.
    pub fn describe(&self) -> String {
        self.0.pool.machine.describe()
    }

    pub fn execute(&self, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
        self.0.execute(program, state, inputs)
    }

    /// Moves a state to the device, or finds it there.
    pub fn resident(&self, state: &[Tensor]) -> Result<Resident, KernelError> {
        Ok(Resident { state: self.0.place(state)?, rest: vec![] })
    }

    /// Runs `program`; its first outputs become the state. Waits for nothing.
    pub fn step(&self, of: &mut Resident, program: &Program, inputs: &[Tensor]) -> Result<(), KernelError> {
        let outputs = self.0.run(program, &of.state, inputs)?;
        let mut typed: Vec<_> = program.outputs().iter().map(|&id| program.type_of(id).clone()).zip(outputs).collect();
        of.rest = typed.split_off(of.state.len().min(typed.len()));
        of.state = typed;
        Ok(())
    }

    pub fn state(&self, of: &Resident) -> Result<Vec<Tensor>, KernelError> {
        self.0.read(&of.state)
    }

    pub fn rest(&self, of: &Resident) -> Result<Vec<Tensor>, KernelError> {
        of.rest.iter().map(|(of, value)| self.0.download(of, value)).collect()
    }

    /// BLAKE3 of each tensor's bytes, computed on the device.
    pub fn hashes(&self, of: &Resident) -> Result<Vec<[u8; 32]>, KernelError> {
        self.0.hashes(&of.state)
    }
}
