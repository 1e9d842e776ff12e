//! Kernels that are generated: one expression for each element of a result.
//!
//! Owns the expression of every instruction that works element by element, in CUDA C over the names of `source/scalar.cu` and
//! `source/functions.cu`, and where its operands lie. A kernel's text is its identity: instructions that differ in sizes alone
//! share one. Refuses to launch.

use super::machine::{Address, Argument, Launch};
use crate::program::{Dtype, Id, Op, Program, Type};

/// Where an operand's elements lie, over the result's axes padded in front to four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One element for each of the result, in the same order.
    Dense,
    /// The same element for all.
    Single,
    Walk {
        start: u32,
        strides: [u32; 4],
    },
}

/// A generated kernel of one instruction, and what it is launched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elementwise {
    /// The kernel's text behind its name.
    pub text: String,
    pub operands: Vec<Id>,
    places: Vec<Place>,
    result: Type,
}

impl Elementwise {
    /// The kernel of instruction `id`, if it works element by element.
    pub fn of(program: &Program, id: Id) -> Option<Self> {
        let op = &program.ops()[id as usize];
        let result = program.type_of(id).clone();
        let expression = expression(op, &result)?;
        let operands = op.operands();
        let types: Vec<&Type> = operands.iter().map(|&operand| program.type_of(operand)).collect();
        let places: Vec<Place> = types.iter().map(|of| place(op, &result, of)).collect();
        let text = text(&result, &types, &places, &expression);
        Some(Self { text, operands, places, result })
    }

    /// Its launch under the kernel's name, on the addresses of result and operands.
    pub fn launch(&self, name: &str, result: Address, operands: &[Address]) -> Launch {
        let mut shape = [1; 4];
        shape[4 - self.result.shape.len()..].copy_from_slice(&self.result.shape);
        let count = self.result.elements();
        let mut words = vec![count as u32, shape[1], shape[2], shape[3]];
        for place in &self.places {
            if let Place::Walk { start, strides } = place {
                words.push(*start);
                words.extend_from_slice(strides);
            }
        }
        if words.len() == 4 {
            words.extend([0; 5]); // the walk of a kernel that walks nowhere
        }
        let addresses = operands.iter().map(|&at| Argument::Address(at));
        Launch::each(name, count, [Argument::Words(words), Argument::Address(result)].into_iter().chain(addresses).collect())
    }
}

/// The value of one element, from operands x0, x1, x2.
fn expression(op: &Op, result: &Type) -> Option<String> {
    let float = |call: String| Some(format!("stored({call})"));
    match *op {
        Op::Fill { bits, .. } => Some(format!("from_bits({bits:#x}u)")),
        Op::FillInteger { dtype, bits, .. } => Some(format!("({}){bits:#x}u", c_type(dtype))),
        Op::Iota { axis, ref shape } => {
            let inner: u32 = shape[axis as usize + 1..].iter().product();
            Some(format!("i / {inner}u % {}u", shape[axis as usize]))
        }
        Op::AddBias { .. } | Op::Add { .. } => float("add(x0, x1)".to_owned()),
        Op::Relu { .. } => float("relu(x0)".to_owned()),
        Op::ReluGrad { .. } => float("relu_grad(x0, x1)".to_owned()),
        Op::MeanGrad { count, .. } => float(format!("divide(x0, f32_of({count}u))")),
        Op::Sqrt { .. } => float("root(x0)".to_owned()),
        Op::Velocity { momentum, .. } => float(format!("fused(from_bits({momentum:#x}u), x0, x1)")),
        Op::Descend { rate, .. } => float(format!("fused(from_bits({:#x}u), x1, x0)", rate ^ 0x8000_0000)),
        Op::Cast { to: Dtype::F32, .. } => Some("f32_of(x0)".to_owned()),
        Op::Cast { to, .. } => Some(format!("{}_of(x0)", to.name())),
        Op::Map { function, .. } => float(format!("{}(x0)", function.name())),
        Op::Zip { function, .. } => float(format!("{}(x0, x1)", function.name())),
        Op::Fma { .. } => float("fused(x0, x1, x2)".to_owned()),
        Op::Compare { relation, .. } => Some(format!("{}(x0, x1)", relation.name())),
        Op::Select { .. } => Some("select(x0, x1, x2)".to_owned()),
        Op::Broadcast { .. } | Op::Permute { .. } | Op::Slice { .. } => Some("x0".to_owned()),
        _ => None,
    }
    .filter(|_| !result.shape.contains(&0))
}

fn place(op: &Op, result: &Type, operand: &Type) -> Place {
    match op {
        Op::Permute { axes, .. } => {
            let own = strides(&operand.shape);
            walk(0, axes.iter().map(|&axis| own[axis as usize]))
        }
        Op::Slice { axis, start, .. } => {
            let own = strides(&operand.shape);
            walk(start * own[*axis as usize], own.into_iter())
        }
        _ if operand.elements() == 1 => Place::Single,
        _ if operand.elements() == result.elements() => Place::Dense,
        _ => {
            let own = strides(&operand.shape).into_iter().zip(&operand.shape).map(|(stride, &length)| if length == 1 { 0 } else { stride });
            walk(0, own)
        }
    }
}

/// Strides aligned at the last axis; an absent axis is repeated.
fn walk(start: u32, own: impl ExactSizeIterator<Item = u32>) -> Place {
    let mut strides = [0; 4];
    let absent = 4 - own.len();
    own.enumerate().for_each(|(axis, stride)| strides[absent + axis] = stride);
    Place::Walk { start, strides }
}

/// Row-major: the last axis runs fastest.
fn strides(shape: &[u32]) -> Vec<u32> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// What follows a kernel's name.
fn text(result: &Type, operands: &[&Type], places: &[Place], expression: &str) -> String {
    let walks = places.iter().filter(|place| matches!(place, Place::Walk { .. })).count().max(1);
    let mut parameters = format!("const Walk<{walks}> walk, {} *out", c_type(result.dtype));
    let mut reads = String::new();
    let mut walked = 0;
    for (n, (of, place)) in operands.iter().zip(places).enumerate() {
        let element = c_type(of.dtype);
        parameters.push_str(&format!(", const {element} *in{n}"));
        let at = match place {
            Place::Dense => "i".to_owned(),
            Place::Single => "0".to_owned(),
            Place::Walk { .. } => {
                walked += 1;
                format!("walk.at({}, i)", walked - 1)
            }
        };
        reads.push_str(&format!("  {element} x{n} = in{n}[{at}];\n"));
    }
    format!("({parameters}) {{\n  u32 i = thread_of_grid();\n  if (i >= walk.count) return;\n{reads}  out[i] = {expression};\n}}\n")
}

fn c_type(of: Dtype) -> &'static str {
    match of {
        Dtype::F32 => "float",
        Dtype::U32 => "u32",
        Dtype::I8 => "i8",
        Dtype::I32 => "i32",
        Dtype::Bf16 => "u16",
    }
}
