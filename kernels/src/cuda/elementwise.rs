//! Kernels that are generated: what is done to one element, from its operands to every result that is kept.
//!
//! Owns the expression of each instruction that works element by element, in CUDA C over the names of `source/scalar.cu` and
//! `source/functions.cu`; the kernels of a program's groups, each step with its own rounding; and where operands lie. A kernel's
//! text is its identity: stages that differ in sizes alone share one. Refuses to launch.

use super::machine::{Address, Argument, Launch};
use crate::program::fusion::{Group, Source, Stage};
use crate::program::{Dtype, Fusion, Id, Op, Program, Type};

/// Bytes of arguments that every device takes.
const ARGUMENTS: usize = 4096;
/// Bytes of a `Walk`.
const WALK: usize = 56;

/// Where an operand's elements lie, over the result's axes padded in front to four.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// One element for each of the result, in the same order.
    Dense,
    /// The same element for all.
    Single,
    /// Start, four strides, what divides by the result's last three lengths: a `Walk`.
    Walk([u32; WALK / 4]),
}

/// The kernel of one stage, and what it is launched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elementwise {
    /// The kernel's text behind its name.
    pub text: String,
    /// The values that it reads, one for each pointer.
    pub operands: Vec<Id>,
    places: Vec<Place>,
    count: u64,
}

impl Elementwise {
    /// A program's stages, and the kernel of each that has one. Groups are fused unless one of them has more operands than a kernel
    /// takes arguments.
    pub fn of_program(program: &Program) -> (Fusion, Vec<Option<Self>>) {
        let of = |fusion: &Fusion| -> Vec<Option<Self>> { fusion.stages().iter().map(|stage| Self::of_stage(program, stage)).collect() };
        let fused = program.fusion().clone();
        let kernels = of(&fused);
        if kernels.iter().flatten().all(|kernel| kernel.argument_bytes() <= ARGUMENTS) {
            return (fused, kernels);
        }
        let apart = Fusion::apart(program);
        let kernels = of(&apart);
        (apart, kernels)
    }

    fn of_stage(program: &Program, stage: &Stage) -> Option<Self> {
        match stage {
            Stage::Group(group) => Some(Self::of_group(program, group)),
            Stage::Instruction(id) => Self::of_instruction(program, *id),
        }
    }

    fn of_group(program: &Program, group: &Group) -> Self {
        let mut writer = Writer::new(program);
        for (place, step) in group.steps.iter().enumerate() {
            let op = &program.ops()[step.id as usize];
            let result = program.type_of(step.id);
            let names = step.sources.iter().zip(op.operands()).map(|(source, operand)| match *source {
                Source::Step(step) => format!("s{step}"),
                Source::Constant(bits) => literal(program.type_of(operand).dtype, bits),
                Source::Value(id) => writer.read(id, broadcast(result, program.type_of(id))),
            });
            let names: Vec<String> = names.collect();
            // A group's steps are elementwise by their definition.
            let expression = expression(op, &names).unwrap_or_default();
            writer.step(place, result.dtype, &expression);
        }
        let stores: Vec<(usize, Dtype)> = group.stores.iter().map(|store| (store.step, program.type_of(store.id).dtype)).collect();
        writer.finish(&stores, group.elements as u64)
    }

    fn of_instruction(program: &Program, id: Id) -> Option<Self> {
        let (op, result) = (&program.ops()[id as usize], program.type_of(id));
        let mut writer = Writer::new(program);
        let operands = op.operands();
        expression(op, &vec![String::new(); operands.len()])?;
        let names: Vec<String> =
            operands.iter().map(|&operand| writer.read(operand, place(op, result, program.type_of(operand)))).collect();
        writer.step(0, result.dtype, &expression(op, &names)?);
        Some(writer.finish(&[(0, result.dtype)], result.elements()))
    }

    /// Its launch under the kernel's name, on the addresses of results and operands.
    pub fn launch(&self, name: &str, results: &[Address], operands: &[Address]) -> Launch {
        let mut arguments = vec![Argument::Word(self.count as u32)];
        arguments.extend(results.iter().chain(operands).map(|&at| Argument::Address(at)));
        arguments.extend(self.places.iter().filter_map(|place| match place {
            Place::Walk(words) => Some(Argument::Words(words.to_vec())),
            _ => None,
        }));
        Launch::each(name, self.count, arguments)
    }

    fn argument_bytes(&self) -> usize {
        let walks = self.places.iter().filter(|place| matches!(place, Place::Walk(_))).count();
        // A group has at most as many results as steps.
        8 + 8 * self.operands.len() + WALK * walks + 8 * crate::program::fusion::STEPS
    }
}

/// A kernel in the making.
struct Writer<'a> {
    program: &'a Program,
    operands: Vec<Id>,
    places: Vec<Place>,
    steps: String,
}

impl<'a> Writer<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, operands: vec![], places: vec![], steps: String::new() }
    }

    /// The name of an operand's element, read once.
    fn read(&mut self, id: Id, place: Place) -> String {
        let known = self.operands.iter().zip(&self.places).position(|(&of, at)| of == id && *at == place);
        let n = known.unwrap_or_else(|| {
            self.operands.push(id);
            self.places.push(place);
            self.operands.len() - 1
        });
        format!("x{n}")
    }

    fn step(&mut self, place: usize, dtype: Dtype, expression: &str) {
        self.steps.push_str(&format!("  {} s{place} = {expression};\n", c_type(dtype)));
    }

    fn finish(self, stores: &[(usize, Dtype)], count: u64) -> Elementwise {
        let (mut parameters, mut reads, mut walks, mut writes) = (String::from("u32 count"), String::new(), String::new(), String::new());
        for (n, (step, dtype)) in stores.iter().enumerate() {
            parameters.push_str(&format!(", {} *out{n}", c_type(*dtype)));
            writes.push_str(&format!("  out{n}[i] = s{step};\n"));
        }
        for (n, (&id, place)) in self.operands.iter().zip(&self.places).enumerate() {
            let element = c_type(self.program.type_of(id).dtype);
            parameters.push_str(&format!(", const {element} *in{n}"));
            let at = match place {
                Place::Dense => "i".to_owned(),
                Place::Single => "0".to_owned(),
                Place::Walk(_) => {
                    walks.push_str(&format!(", const Walk w{n}"));
                    format!("w{n}.at(i)")
                }
            };
            reads.push_str(&format!("  {element} x{n} = in{n}[{at}];\n"));
        }
        let steps = &self.steps;
        let text = format!("({parameters}{walks}) {{\n  u32 i = thread_of_grid();\n  if (i >= count) return;\n{reads}{steps}{writes}}}\n");
        Elementwise { text, operands: self.operands, places: self.places, count }
    }
}

/// The value of one element, from its operands' names.
fn expression(op: &Op, x: &[String]) -> Option<String> {
    let call = |name: &str| format!("{name}({})", x.join(", "));
    let float = |call: String| Some(format!("stored({call})"));
    match *op {
        Op::Fill { bits, .. } => Some(literal(Dtype::F32, bits)),
        Op::FillInteger { dtype, bits, .. } => Some(literal(dtype, bits)),
        Op::Iota { axis, ref shape } => {
            let inner: u32 = shape[axis as usize + 1..].iter().product();
            Some(format!("i / {inner}u % {}u", shape[axis as usize]))
        }
        Op::AddBias { .. } | Op::Add { .. } => float(call("add")),
        Op::Relu { .. } => float(call("relu")),
        Op::ReluGrad { .. } => float(call("relu_grad")),
        Op::MeanGrad { count, .. } => float(format!("divide({}, f32_of({count}u))", x[0])),
        Op::Sqrt { .. } => float(call("root")),
        Op::Velocity { momentum, .. } => float(format!("fused(from_bits({momentum:#x}u), {}, {})", x[0], x[1])),
        Op::Descend { rate, .. } => float(format!("fused(from_bits({:#x}u), {}, {})", rate ^ 0x8000_0000, x[1], x[0])),
        Op::Cast { to, .. } => Some(call(&format!("{}_of", to.name()))),
        Op::Map { function, .. } => float(call(function.name())),
        Op::Zip { function, .. } => float(call(function.name())),
        Op::Fma { .. } => float(call("fused")),
        Op::Compare { relation, .. } => Some(call(relation.name())),
        Op::Select { .. } => Some(call("select")),
        Op::Broadcast { .. } | Op::Permute { .. } | Op::Slice { .. } => Some(x[0].clone()),
        _ => None,
    }
}

fn literal(dtype: Dtype, bits: u32) -> String {
    match dtype {
        Dtype::F32 => format!("from_bits({bits:#x}u)"),
        _ => format!("({}){bits:#x}u", c_type(dtype)),
    }
}

fn place(op: &Op, result: &Type, operand: &Type) -> Place {
    match op {
        Op::Permute { axes, .. } => {
            let own = strides(&operand.shape);
            walk(result, 0, axes.iter().map(|&axis| own[axis as usize]))
        }
        Op::Slice { axis, start, .. } => {
            let own = strides(&operand.shape);
            walk(result, start * own[*axis as usize], own.into_iter())
        }
        _ => broadcast(result, operand),
    }
}

/// An operand that is repeated where its axis is 1 or absent.
fn broadcast(result: &Type, operand: &Type) -> Place {
    if operand.elements() == result.elements() {
        return Place::Dense;
    }
    if operand.elements() == 1 {
        return Place::Single;
    }
    let own = strides(&operand.shape).into_iter().zip(&operand.shape).map(|(stride, &length)| if length == 1 { 0 } else { stride });
    walk(result, 0, own)
}

/// Strides aligned at the last axis; an absent axis is repeated.
fn walk(result: &Type, start: u32, own: impl ExactSizeIterator<Item = u32>) -> Place {
    let (mut lengths, mut strides) = ([1; 4], [0; 4]);
    lengths[4 - result.shape.len()..].copy_from_slice(&result.shape);
    let absent = 4 - own.len();
    own.enumerate().for_each(|(axis, stride)| strides[absent + axis] = stride);
    let mut words = [start; WALK / 4];
    words[1..5].copy_from_slice(&strides);
    words[5..].as_chunks_mut::<3>().0.iter_mut().zip(&lengths[1..]).for_each(|(words, &length)| *words = divisor(length));
    Place::Walk(words)
}

/// The words of a `Divisor` by a length of at most 2^28: it says why they divide.
fn divisor(by: u32) -> [u32; 3] {
    let shift = by.next_power_of_two().trailing_zeros();
    [by, shift, ((1u64 << (31 + shift)) / u64::from(by)) as u32 + 1]
}

/// Row-major: the last axis runs fastest.
fn strides(shape: &[u32]) -> Vec<u32> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divisor_divides_all_below_2_to_the_31() {
        let quotient = |x: u32, [_, shift, multiplier]: [u32; 3]| (u64::from(2 * x) * u64::from(multiplier) >> 32 >> shift) as u32;
        for by in (1..300).chain([511, 512, 513, 50_257, 65_535, 65_536, (1 << 28) - 1, 1 << 28]) {
            let last = (1 << 31) - 1;
            let edges = [0, 1, by - 1, by, by + 1, last / by * by - 1, last / by * by, last];
            let all = edges.into_iter().chain((0..1000).map(|n: u32| n.wrapping_mul(2_654_435_761) >> 1));
            all.for_each(|x| assert_eq!(quotient(x, divisor(by)), x / by, "{x} / {by}"));
        }
    }
}
