//! What runs kernels: a device's driver, or in tests an interpreter of the same compiled code.
//!
//! Owns the few operations that everything above is planned in. Refuses to know which machine it is: what is planned, and in
//! what order, is the same for both. All operations of one machine happen in the order in which they are asked for.

use crate::error::KernelError;

/// An address in the machine's memory.
pub type Address = u64;

/// Compiled code.
#[derive(Debug, Clone)]
pub struct Code {
    /// What was checked: see `check`.
    pub ptx: String,
    /// The same for the one architecture that was asked for; empty where none was.
    pub binary: Vec<u8>,
}

/// What code is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// PTX that any device from this compute capability on can take.
    Virtual(u32),
    /// The instructions of devices with this compute capability.
    Real(u32),
}

/// An argument of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Address(Address),
    Word(u32),
    Long(u64),
    /// A structure of words.
    Words(Vec<u32>),
}

impl Argument {
    /// Its bytes, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Address(x) | Self::Long(x) => x.to_le_bytes().to_vec(),
            Self::Word(x) => x.to_le_bytes().to_vec(),
            Self::Words(words) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }
    }
}

/// One launch of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub kernel: String,
    /// Blocks, in two axes: the second is at most [`Launch::DEEP`].
    pub grid: [u32; 2],
    /// Threads of a block, along one axis.
    pub threads: u32,
    pub arguments: Vec<Argument>,
}

impl Launch {
    /// The most blocks along a grid's second axis.
    pub const DEEP: u32 = 65_535;
    /// Threads of a block where nothing else is asked for.
    pub const THREADS: u32 = 256;

    /// With a thread for each of `count` elements. A tensor has at most 2^28 elements, so that the grid's first axis holds them.
    pub fn each(kernel: &str, count: u64, arguments: Vec<Argument>) -> Self {
        let grid = [count.div_ceil(u64::from(Self::THREADS)) as u32, 1];
        Self { kernel: kernel.to_owned(), grid, threads: Self::THREADS, arguments }
    }

    /// With a warp for each of `count` rows.
    pub fn warps(kernel: &str, count: u64, arguments: Vec<Argument>) -> Self {
        Self::each(kernel, count * 32, arguments)
    }
}

/// The operations.
pub trait Machine: Sized {
    /// Code that was loaded.
    type Module;

    /// Its name for people.
    fn name(&self) -> String;
    /// What code is to be compiled for.
    fn target(&self) -> Target;
    /// Makes the calling thread able to use the machine.
    fn enter(&self) -> Result<(), KernelError>;
    fn load(&self, code: &Code) -> Result<Self::Module, KernelError>;
    /// Memory aligned to 256 bytes, of any content.
    fn allocate(&self, bytes: usize) -> Result<Address, KernelError>;
    /// Gives memory back that `allocate` returned with the same size.
    fn free(&self, at: Address, bytes: usize);
    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), KernelError>;
    /// Waits for all that was asked for before.
    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), KernelError>;
    /// Starts a kernel. Its arguments MUST be those of its declaration, its addresses in memory that is large enough.
    fn launch(&self, module: &Self::Module, launch: &Launch) -> Result<(), KernelError>;
}
