//! What can go wrong in this crate, by family: 21xx the job's YAML, 22xx its data, 23xx its program, 24xx its execution.
//!
//! Owns texts and stable codes. Refuses causes from other crates in its public types: their words are kept, not their types.

use crate::bml::JobError;

/// Any error of this crate. `code()` is stable; the text names the subject and what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A job's YAML was refused.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Bytes of a data set were refused.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A program was refused.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// An execution was refused.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

impl Error {
    /// The stable code for people, `CRN-2nnn`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Job(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Program(error) => error.code(),
            Self::Kernel(error) => error.code(),
        }
    }
}

/// Why bytes are not the data set that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// An IDX header or length is wrong. Offsets are in unpacked bytes.
    #[error("{file}: not the IDX file it should be: {reason} (byte {offset})")]
    Idx { file: String, offset: u64, reason: String },
    /// A CSV cell or row is wrong.
    #[error("{file}:{line}: {reason}")]
    Csv { file: String, line: u64, reason: String },
    /// The bytes, decoded, are larger than a data set may be.
    #[error("{file}: more than {limit} bytes, decompressed")]
    TooLarge { file: String, limit: u64 },
    /// The decoded records are not those that the job pins.
    #[error("the records have root {found}, the job pins {pinned}: the data changed, or it is other data")]
    OtherRecords { pinned: String, found: String },
    /// There are fewer records than the job trains and tests on.
    #[error("{wanted} {part} records wanted, {found} there: lower data.{part} or bring more data")]
    TooFew { part: &'static str, wanted: u32, found: u32 },
    /// A record does not fit the model.
    #[error("{subject} is {found}, the model takes {wanted}")]
    Unfit { subject: &'static str, found: String, wanted: String },
    /// A set of files is no data set.
    #[error("no data set among the files: {reason}")]
    Folder { reason: String },
    /// A URL that this crate would have to build from is not understood.
    #[error("data url {url:?}: {reason}")]
    Url { url: String, reason: String },
    /// A Parquet file is damaged, or its columns are no records.
    #[error("{file}: {reason}")]
    Parquet { file: String, reason: String },
    /// A text is not of the level that the job says.
    #[error("{file}: byte {offset}: {reason}")]
    Text { file: String, offset: u64, reason: String },
    /// A blob is no data set as this crate writes them.
    #[error("data set blob at {at}: {reason}")]
    Blob { at: usize, reason: &'static str },
    /// A file cannot be read or unpacked.
    #[error("{file}: byte {offset} cannot be read: {reason}")]
    Unread { file: String, offset: u64, reason: String },
}

impl DataError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Idx { .. } => "CRN-2201",
            Self::Csv { .. } => "CRN-2202",
            Self::TooLarge { .. } => "CRN-2203",
            Self::OtherRecords { .. } => "CRN-2204",
            Self::TooFew { .. } => "CRN-2205",
            Self::Unfit { .. } => "CRN-2206",
            Self::Folder { .. } => "CRN-2207",
            Self::Url { .. } => "CRN-2208",
            Self::Parquet { .. } => "CRN-2209",
            Self::Text { .. } => "CRN-2210",
            Self::Blob { .. } => "CRN-2211",
            Self::Unread { .. } => "CRN-2212",
        }
    }
}

/// Why a program is none. `id` is the instruction's own id, its place in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// The bytes are not a program's canonical bytes.
    #[error("program bytes at {at}: {reason}")]
    Bytes { at: usize, reason: &'static str },
    /// The program was written for another contract.
    #[error("the program names contract version {found}, this build executes {}: use a build that has it", crate::contract::VERSION)]
    Version { found: u32 },
    /// An instruction reads a value that is not before it.
    #[error("instruction {id} ({op}) reads value {operand}, which is not before it")]
    Cyclic { id: u32, op: &'static str, operand: u32 },
    /// Operand shapes or types do not fit.
    #[error("instruction {id} ({op}): {reason}")]
    Shape { id: u32, op: &'static str, reason: String },
    /// A value or the program is too large.
    #[error("instruction {id} ({op}): {subject} is {size}, at most {limit} is taken")]
    TooLarge { id: u32, op: &'static str, subject: &'static str, size: u64, limit: u64 },
    /// An output names no value.
    #[error("output {index} names value {value}, of {count}")]
    Output { index: usize, value: u32, count: usize },
    /// There is no adjoint for an instruction on the path.
    #[error("instruction {id} ({op}) has no gradient")]
    NotDifferentiable { id: u32, op: &'static str },
    /// What a composition is asked for is not to be had, before any instruction of it is there.
    #[error("{layer}: {reason}")]
    Layer { layer: &'static str, reason: String },
    /// A code that is no instruction of this contract.
    #[error("instruction {id} has code {code}, which contract version {} does not know", crate::contract::VERSION)]
    Unknown { id: u32, code: u32 },
    /// Words that are not those of the instruction.
    #[error("instruction {id} ({op}): its words are not an operand for each place and one of the values of each attribute")]
    Misshapen { id: u32, op: &'static str },
}

impl ProgramError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bytes { .. } => "CRN-2301",
            Self::Version { .. } => "CRN-2302",
            Self::Cyclic { .. } => "CRN-2303",
            Self::Shape { .. } => "CRN-2304",
            Self::TooLarge { .. } => "CRN-2305",
            Self::Output { .. } => "CRN-2306",
            Self::NotDifferentiable { .. } => "CRN-2307",
            Self::Unknown { .. } => "CRN-2308",
            Self::Misshapen { .. } => "CRN-2309",
            Self::Layer { .. } => "CRN-2310",
        }
    }
}

/// Why an execution did not take place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The floating-point unit is not in its default mode.
    #[error("this thread's floating-point control deviates by {bits:#x}: a loaded library set flush-to-zero or another rounding")]
    FloatMode { bits: u32 },
    /// A tensor given to a program is not of the type it declares.
    #[error("{subject} {index} is {found}, the program wants {wanted}")]
    Argument { subject: &'static str, index: u32, found: String, wanted: String },
    /// Bytes of a state, of contributions or of a score are not canonical, or not of this job.
    #[error("{subject} bytes: {reason}")]
    Bytes { subject: &'static str, reason: String },
    /// A leaf that a task does not have was asked for.
    #[error("leaf {leaf} of a task with {leaves}: transitions go from 1 to {}", leaves - 1)]
    NoLeaf { leaf: u32, leaves: u32 },
    /// A task that a job does not have was asked for.
    #[error("task {task} of a job with {tasks}")]
    NoTask { task: u32, tasks: u32 },
    /// A transition was given a predecessor of another kind.
    #[error("a {task} task continues from {wanted}, not from {found}")]
    Predecessor { task: &'static str, wanted: &'static str, found: &'static str },
    /// The contributions to an aggregation are not one for each shard, in order.
    #[error("contributions to an aggregation: {reason}")]
    Contributions { reason: String },
    /// A program does not compute what the job's tasks need.
    #[error("the {program} program does not return {wanted}: it is not this job's")]
    ForeignProgram { program: &'static str, wanted: &'static str },
    /// A parameter is too large, infinite or NaN, so that no fixed point holds it.
    #[error("element {element} of tensor {tensor} from shard {shard} is {value}: aggregation takes |x| < 2^20 only")]
    OutOfFixedPoint { shard: u32, tensor: u32, element: usize, value: String },
    /// A text that names no device.
    #[error("{text:?} is no device: cpu, cuda:N or auto is wanted")]
    DeviceName { text: String },
    /// A device is not there, or what it needs is not.
    #[error("{device} cannot be used: {reason}")]
    DeviceAbsent { device: String, reason: String },
    /// A device, or its compiler, failed in an operation.
    #[error("{device} failed to {operation}: {reason}")]
    DeviceFailed { device: String, operation: &'static str, reason: String },
    /// A device does not give the contract's bits.
    #[error("{device} computes {instruction} wrongly: {detail}")]
    DeviceUntrue { device: String, instruction: String, detail: String },
}

impl KernelError {
    /// The stable code for people.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FloatMode { .. } => "CRN-2401",
            Self::Argument { .. } => "CRN-2402",
            Self::Bytes { .. } => "CRN-2403",
            Self::NoLeaf { .. } => "CRN-2404",
            Self::NoTask { .. } => "CRN-2405",
            Self::Predecessor { .. } => "CRN-2406",
            Self::Contributions { .. } => "CRN-2407",
            Self::OutOfFixedPoint { .. } => "CRN-2408",
            Self::ForeignProgram { .. } => "CRN-2409",
            Self::DeviceName { .. } => "CRN-2410",
            Self::DeviceAbsent { .. } => "CRN-2411",
            Self::DeviceFailed { .. } => "CRN-2412",
            Self::DeviceUntrue { .. } => "CRN-2413",
        }
    }
}
