//! Which instructions run together: a program as stages.
//!
//! Owns the groups of elementwise instructions, what of a group is kept, what may be written over an operand that dies there, and the
//! peak of memory that follows. An executor takes a group block by block (or a thread by element) through its steps, so that a value
//! nobody else reads is never in memory; each step keeps its own rounding, so no bit changes. It is a function of the program alone, never
//! of a machine. Refuses arithmetic, and groups that would take more memory than one instruction after another.
//!
//! A *level* never falls along an edge and rises at every instruction that is not elementwise; the number of elements never falls along
//! an elementwise edge. So a path between two elementwise instructions of one level and one number of elements never leaves
//! those, connected ones make a group, and the groups have an order.

mod levels;
mod order;

use super::Program;
use super::ir::{Dtype, Id};
use super::op::Op;

/// Steps of one group; a larger one is cut.
pub const STEPS: usize = 64;

/// A program as stages, in an order in which each finds what it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fusion {
    stages: Vec<Stage>,
    /// For each stage the values that nothing reads after it.
    ends: Vec<Vec<Id>>,
    peak: u64,
    given: u64,
}

/// What is done at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// One instruction that is no step of a group (a repeated constant is none either), reading what earlier stages left.
    Instruction(Id),
    /// Elementwise instructions.
    Group(Group),
}

/// Elementwise instructions over one number of elements: element i of each depends on element i of the others alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Elements of each step's result, in row-major order whatever its shape.
    pub elements: usize,
    /// In an order in which each finds its sources.
    pub steps: Vec<Step>,
    /// What the group leaves, in ascending order of ids; at least one.
    pub stores: Vec<Store>,
}

/// One instruction of a group. Which it is, is said by [`Program::ops`]: `Map`, `Zip`, `Fma`, `Compare`, `Select`, `Cast`, `Broadcast`
/// (which is its source), `AddBias`, `Relu`, `ReluGrad`, `Add`, `Sqrt`, `Velocity` or `Descend`; all its types are of 4 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: Id,
    /// For each operand, in the order of [`Op::operands`].
    pub sources: Vec<Source>,
}

/// Where a step's operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The same element of an earlier step of the group, by its place among the steps.
    Step(usize),
    /// Every element has these bits.
    Constant(u32),
    /// A value of an earlier stage, broadcast from its own shape to that of the step's result.
    Value(Id),
}

/// A result that is read after the group, or returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Store {
    /// Its place among the steps.
    pub step: usize,
    pub id: Id,
    /// A value of the same type that the group reads element by element and that ends with it: the result may take its memory,
    /// and [`Fusion::peak_bytes`] counts on it. It can be a renamed one (`reshape`, `detach`).
    pub over: Option<Id>,
}

impl Fusion {
    /// The stages of a program.
    pub(super) fn of(program: &Program) -> Self {
        let fused = order::staged(program, levels::groups(program));
        if fused.peak <= program.peak_bytes() { fused } else { Self::apart(program) }
    }

    /// The same program with each elementwise instruction in a group of its own: what fusion is tested against.
    pub fn apart(program: &Program) -> Self {
        order::staged(program, levels::singles(program))
    }

    /// In order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The values that nothing reads after stage `stage`, renamed ones too; among them each `over`, whose memory lives on. Outputs never end.
    pub fn end_at(&self, stage: usize) -> &[Id] {
        &self.ends[stage]
    }

    /// The most bytes that tensors take at any moment of a run by these stages, counted as [`Program::peak_bytes`] counts and never
    /// more than that.
    pub fn peak_bytes(&self) -> u64 {
        self.peak
    }

    /// Of these bytes those that are no argument's.
    pub fn own_bytes(&self) -> u64 {
        self.peak - self.given
    }
}

/// Whether an instruction can be a step.
fn is_elementwise(program: &Program, id: Id) -> bool {
    let wide = |id: Id| matches!(program.type_of(id).dtype, Dtype::F32 | Dtype::U32 | Dtype::I32);
    let op = &program.ops()[id as usize];
    let elementwise = matches!(
        op,
        Op::Map { .. }
            | Op::Zip { .. }
            | Op::Fma { .. }
            | Op::Compare { .. }
            | Op::Select { .. }
            | Op::Cast { .. }
            | Op::Broadcast { .. }
            | Op::AddBias { .. }
            | Op::Relu { .. }
            | Op::ReluGrad { .. }
            | Op::Add { .. }
            | Op::Sqrt { .. }
            | Op::Velocity { .. }
            | Op::Descend { .. }
    );
    elementwise && wide(id) && op.operands().into_iter().all(wide)
}

/// What a value that only renames another has the elements of.
fn renamed(op: &Op) -> Option<Id> {
    match *op {
        Op::Reshape { x, .. } | Op::Detach { x } => Some(x),
        _ => None,
    }
}

/// The value whose elements a value has: its own, or what it renames.
fn owner(program: &Program, mut id: Id) -> Id {
    while let Some(x) = renamed(&program.ops()[id as usize]) {
        id = x;
    }
    id
}

/// The bits of every element of a value that is filled with one.
fn constant(program: &Program, id: Id) -> Option<u32> {
    match program.ops()[id as usize] {
        Op::Fill { bits, .. } | Op::FillInteger { bits, .. } => Some(bits),
        Op::Reshape { x, .. } | Op::Detach { x } | Op::Broadcast { x, .. } => constant(program, x),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
