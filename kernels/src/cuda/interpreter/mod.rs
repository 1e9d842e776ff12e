//! A machine for tests: the compiled PTX itself, executed on the processor.
//!
//! Owns memory with bounds (an access beyond a buffer, or to one that was freed, is an error), and blocks one after another. An
//! instruction that it does not know fails by name. It is as exact as the PTX ISA's sentences, version 8.8, and no model of time.
//! What stays unproved with it is the driver, the assembler behind PTX, and the hardware.

mod arithmetic;
mod block;
mod decode;
mod parse;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::machine::{Address, Code, Launch, Machine, Target};
use crate::error::KernelError;

pub use parse::Module;

/// What went wrong in a kernel.
pub type Fault = String;

/// The device.
#[derive(Debug, Default)]
pub struct Interpreter {
    memory: Mutex<Memory>,
    /// Launches so far, by kernel.
    pub launches: Mutex<BTreeMap<String, u64>>,
}

/// Buffers by number; an address is a buffer's number and an offset.
#[derive(Debug, Default)]
pub struct Memory {
    buffers: Vec<Option<Vec<u8>>>,
}

const OFFSET_BITS: u32 = 40;

impl Memory {
    /// The bytes of an access.
    pub fn at(&mut self, address: Address, bytes: usize) -> Result<&mut [u8], Fault> {
        let (number, offset) = ((address >> OFFSET_BITS) as usize, (address & ((1 << OFFSET_BITS) - 1)) as usize);
        let buffer = number.checked_sub(1).and_then(|number| self.buffers.get_mut(number));
        let buffer = buffer.and_then(Option::as_mut).ok_or_else(|| format!("address {address:#x} is in no buffer"))?;
        let size = buffer.len();
        if offset % bytes.clamp(1, 16) != 0 && bytes <= 16 {
            return Err(format!("address {address:#x} is not aligned to {bytes} bytes"));
        }
        buffer.get_mut(offset..offset + bytes).ok_or_else(|| format!("{bytes} bytes at {offset} of a buffer of {size}"))
    }
}

impl Interpreter {
    fn failed(&self, operation: &'static str, reason: Fault) -> KernelError {
        KernelError::DeviceFailed { device: self.name(), operation, reason }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for Interpreter {
    type Module = Arc<Module>;

    fn name(&self) -> String {
        "the interpreter".to_owned()
    }

    fn target(&self) -> Target {
        Target::Virtual(80)
    }

    fn enter(&self) -> Result<(), KernelError> {
        Ok(())
    }

    fn load(&self, code: &Code) -> Result<Arc<Module>, KernelError> {
        Module::parse(&code.ptx).map(Arc::new).map_err(|fault| self.failed("load kernels", fault))
    }

    fn allocate(&self, bytes: usize) -> Result<Address, KernelError> {
        let mut memory = self.memory();
        // Not zero: whoever reads what nobody wrote shall see it.
        memory.buffers.push(Some(vec![0xA5; bytes]));
        Ok((memory.buffers.len() as u64) << OFFSET_BITS)
    }

    fn free(&self, at: Address, _: usize) {
        self.memory().buffers[(at >> OFFSET_BITS) as usize - 1] = None;
    }

    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), KernelError> {
        self.memory().at(to, bytes.len()).map(|at| at.copy_from_slice(bytes)).map_err(|fault| self.failed("take data", fault))
    }

    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), KernelError> {
        self.memory().at(from, bytes.len()).map(|at| bytes.copy_from_slice(at)).map_err(|fault| self.failed("give data", fault))
    }

    fn launch(&self, module: &Arc<Module>, launch: &Launch) -> Result<(), KernelError> {
        *self.launches.lock().unwrap_or_else(PoisonError::into_inner).entry(launch.kernel.clone()).or_default() += 1;
        let mut memory = self.memory();
        let mut run = || -> Result<(), Fault> {
            let kernel = module.kernel(&launch.kernel)?;
            let arguments: Vec<Vec<u8>> = launch.arguments.iter().map(super::machine::Argument::bytes).collect();
            let parameters = kernel.arguments(&arguments)?;
            if launch.threads % 32 != 0
                || launch.threads > 1024
                || launch.grid[0] == 0
                || launch.grid[1] == 0
                || launch.grid[1] > Launch::DEEP
            {
                return Err(format!("a grid of {:?} blocks of {} threads", launch.grid, launch.threads));
            }
            for y in 0..launch.grid[1] {
                for x in 0..launch.grid[0] {
                    block::run(module, kernel, &parameters, launch, [x, y], &mut memory)
                        .map_err(|fault| format!("block ({x}, {y}): {fault}"))?;
                }
            }
            Ok(())
        };
        run().map_err(|fault| self.failed("run a kernel", format!("{}: {fault}", launch.kernel)))
    }
}
