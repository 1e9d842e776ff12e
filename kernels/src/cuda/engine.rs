//! Programs on a machine: one stage after another, without waiting for any.
//!
//! Owns values on the machine and their lifetimes, the code that a program needs of its own, and the tensors that cross. Only
//! reading an output waits. Refuses to know the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::elementwise::Elementwise;
use super::machine::{Address, Launch, Machine};
use super::memory::{Buffer, Pool};
use super::nvrtc::Nvrtc;
use super::source;
use crate::error::KernelError;
use crate::exec::{Elements, Tensor, argument};
use crate::program::fusion::Stage;
use crate::program::{Dtype, Fusion, Id, Op, Program, Type};

/// Programs whose code is kept; beyond it all are forgotten and compiled again when they come.
const PROGRAMS: usize = 64;

/// Elements on the machine.
pub type Value<M> = Arc<Buffer<M>>;

/// A machine with its code.
#[derive(Debug)]
pub struct Engine<M: Machine> {
    compiler: Nvrtc,
    library: M::Module,
    programs: Mutex<BTreeMap<[u8; 32], Arc<Prepared<M>>>>,
    /// What `read` gave last, and where it lies.
    known: Mutex<Vec<(Tensor, Value<M>)>>,
    pub pool: Arc<Pool<M>>,
}

/// Values with their types: a state on the machine.
pub type Values<M> = Vec<(Type, Value<M>)>;

/// A program's stages, and what is generated for them: each stage's kernel by name, and the code of all.
#[derive(Debug)]
struct Prepared<M: Machine> {
    fusion: Fusion,
    kernels: Vec<Option<(String, Elementwise)>>,
    module: Option<M::Module>,
}

impl<M: Machine> Engine<M> {
    /// Compiles and loads the kernels that every program may need.
    pub fn new(machine: M, compiler: Nvrtc) -> Result<Self, KernelError> {
        machine.enter()?;
        let code = compiler.compile(&source::library(), machine.target())?;
        let library = machine.load(&code)?;
        Ok(Self { compiler, library, programs: Mutex::default(), known: Mutex::default(), pool: Pool::new(machine) })
    }

    /// Runs `program` on tensors that are on the machine; the outputs stay there.
    pub fn run(&self, program: &Program, state: &[(Type, Value<M>)], inputs: &[Tensor]) -> Result<Vec<Value<M>>, KernelError> {
        self.enter()?;
        let prepared = self.prepared(program)?;
        let mut run = Run { engine: self, prepared: &prepared, program, values: vec![None; program.ops().len()] };
        for (index, stage) in prepared.fusion.stages().iter().enumerate() {
            match stage {
                Stage::Instruction(id) => {
                    let wanted = program.type_of(*id);
                    match program.ops()[*id as usize] {
                        Op::State { tensor, .. } => run.values[*id as usize] = Some(resident(state, tensor, wanted)?),
                        Op::Input { slot, .. } => run.values[*id as usize] = Some(self.upload(&argument("input", inputs, slot, wanted)?)?),
                        Op::Reshape { x, .. } | Op::Detach { x } => run.values[*id as usize] = Some(run.get(x).clone()),
                        ref op => run.stage(index, &[*id], op)?,
                    }
                }
                Stage::Group(group) => {
                    let results: Vec<Id> = group.stores.iter().map(|store| store.id).collect();
                    run.stage(index, &results, &program.ops()[results[0] as usize])?;
                }
            }
            prepared.fusion.end_at(index).iter().for_each(|&ended| run.values[ended as usize] = None);
        }
        Ok(program.outputs().iter().map(|&id| run.get(id).clone()).collect())
    }

    /// Runs `program` from tensors to tensors.
    pub fn execute(&self, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
        // A tensor that the program does not read, or would refuse, is not moved.
        let mut moved = Vec::with_capacity(state.len());
        for (index, tensor) in (0..).zip(state) {
            let wanted = program.ops().iter().zip(0..).find(|(op, _)| matches!(op, Op::State { tensor, .. } if *tensor == index));
            if let Some((_, id)) = wanted {
                argument("state tensor", state, index, program.type_of(id))?;
            }
            moved.push((tensor.type_of(), self.upload(tensor)?));
        }
        let outputs = self.run(program, &moved, inputs)?;
        program.outputs().iter().zip(outputs).map(|(&id, value)| self.download(program.type_of(id), &value)).collect()
    }

    /// Makes the calling thread able to use the machine.
    pub fn enter(&self) -> Result<(), KernelError> {
        self.pool.machine.enter()
    }

    /// Elements to the machine.
    pub fn upload(&self, tensor: &Tensor) -> Result<Value<M>, KernelError> {
        self.enter()?;
        let bytes = tensor.to_le_bytes();
        let buffer = self.pool.take(bytes.len())?;
        self.pool.machine.upload(buffer.at, &bytes)?;
        Ok(Arc::new(buffer))
    }

    /// Elements from the machine.
    pub fn download(&self, of: &Type, value: &Value<M>) -> Result<Tensor, KernelError> {
        self.enter()?;
        let mut bytes = vec![0; of.bytes() as usize];
        self.pool.machine.download(value.at, &mut bytes)?;
        Ok(Tensor::of(&of.shape, elements(of.dtype, &bytes)))
    }

    /// A state to the machine. A tensor that `read` gave last is there already: the next leaf begins where the last one ended.
    pub fn place(&self, state: &[Tensor]) -> Result<Values<M>, KernelError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |(index, tensor): (usize, &Tensor)| {
            let there = known.get(index).filter(|(known, _)| known.shares(tensor));
            let value = there.map_or_else(|| self.upload(tensor), |(_, value)| Ok(Arc::clone(value)))?;
            Ok((tensor.type_of(), value))
        };
        state.iter().enumerate().map(place).collect()
    }

    /// A state from the machine. It is remembered which tensors lie where, until another is read.
    pub fn read(&self, state: &[(Type, Value<M>)]) -> Result<Vec<Tensor>, KernelError> {
        let tensors: Vec<Tensor> = state.iter().map(|(of, value)| self.download(of, value)).collect::<Result<_, _>>()?;
        let values = state.iter().map(|(_, value)| Arc::clone(value));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = tensors.iter().cloned().zip(values).collect();
        Ok(tensors)
    }

    /// BLAKE3 of each value's bytes, computed on the machine; it waits once, for all.
    pub fn hashes(&self, values: &[(Type, Value<M>)]) -> Result<Vec<[u8; 32]>, KernelError> {
        self.enter()?;
        let roots = self.pool.take(32 * values.len())?;
        for ((of, value), root) in values.iter().zip((roots.at..).step_by(32)) {
            self.hash(of, value, root)?;
        }
        let mut hashes = vec![0; 32 * values.len()];
        self.pool.machine.download(roots.at, &mut hashes)?;
        Ok(hashes.as_chunks().0.to_vec())
    }

    fn hash(&self, of: &Type, value: &Value<M>, root: Address) -> Result<(), KernelError> {
        use super::machine::Argument::{Address as At, Long, Word};
        let mut count = of.bytes().div_ceil(1024).max(1);
        // The last level is the root.
        let level = |count: u64| if count == 1 { Ok(None) } else { self.pool.take(count as usize * 32).map(Some) };
        let at = |level: &Option<Buffer<M>>| At(level.as_ref().map_or(root, |level| level.at));
        let mut chain = level(count)?;
        self.start(&Launch::each("blake3_chunks", count, vec![at(&chain), At(value.at), Long(of.bytes()), Word(count as u32)]))?;
        while count > 1 {
            let parents = count.div_ceil(2);
            let next = level(parents)?;
            self.start(&Launch::each("blake3_parents", parents, vec![at(&next), at(&chain), Word(count as u32)]))?;
            (chain, count) = (next, parents);
        }
        Ok(())
    }

    /// Starts a kernel of the library.
    pub(super) fn start(&self, launch: &Launch) -> Result<(), KernelError> {
        self.pool.machine.launch(&self.library, launch)
    }

    fn prepared(&self, program: &Program) -> Result<Arc<Prepared<M>>, KernelError> {
        let key = program.hash();
        if let Some(prepared) = self.kept().get(&key) {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(self.prepare(program)?);
        let mut programs = self.kept();
        if programs.len() >= PROGRAMS {
            programs.clear();
        }
        programs.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Arc<Prepared<M>>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each distinct kernel of the program once, all in one source.
    fn prepare(&self, program: &Program) -> Result<Prepared<M>, KernelError> {
        let (fusion, generated) = Elementwise::of_program(program);
        let (kernels, text) = named(generated);
        let module = if text.is_empty() {
            None
        } else {
            let code = self.compiler.compile(&source::generated(&text), self.pool.machine.target())?;
            Some(self.pool.machine.load(&code)?)
        };
        Ok(Prepared { fusion, kernels, module })
    }
}

/// Each distinct kernel once under a name of its own, and the text of all.
fn named(generated: Vec<Option<Elementwise>>) -> (Vec<Option<(String, Elementwise)>>, String) {
    let (mut names, mut text) = (BTreeMap::new(), String::new());
    let mut kernel = |of: Elementwise| {
        let count = names.len();
        let name: &mut String = names.entry(of.text.clone()).or_default();
        if name.is_empty() {
            *name = format!("elementwise_{count}");
            text.push_str(&format!("KERNEL {name}{}", of.text));
        }
        (name.clone(), of)
    };
    let kernels = generated.into_iter().map(|of| of.map(&mut kernel)).collect();
    (kernels, text)
}

/// What is generated for a program.
#[cfg(test)]
pub(super) fn generated_source(program: &Program) -> String {
    named(Elementwise::of_program(program).1).1
}

/// One execution of a program.
pub(super) struct Run<'a, M: Machine> {
    engine: &'a Engine<M>,
    prepared: &'a Prepared<M>,
    program: &'a Program,
    values: Vec<Option<Value<M>>>,
}

impl<M: Machine> Run<'_, M> {
    /// Makes the results of a stage; `op` is the instruction where it is one.
    fn stage(&mut self, index: usize, results: &[Id], op: &Op) -> Result<(), KernelError> {
        let buffer = |&id: &Id| self.engine.pool.take(self.type_of(id).bytes() as usize).map(Arc::new);
        let made: Vec<Value<M>> = results.iter().map(buffer).collect::<Result<_, _>>()?;
        let addresses: Vec<Address> = made.iter().map(|buffer| buffer.at).collect();
        match (&self.prepared.kernels[index], &self.prepared.module) {
            (Some((name, kernel)), Some(module)) => {
                let operands: Vec<Address> = kernel.operands.iter().map(|&operand| self.address(operand)).collect();
                self.engine.pool.machine.launch(module, &kernel.launch(name, &addresses, &operands))?;
            }
            _ => self.compute(op, self.type_of(results[0]), addresses[0])?,
        }
        results.iter().zip(made).for_each(|(&id, value)| self.values[id as usize] = Some(value));
        Ok(())
    }

    fn get(&self, id: Id) -> &Value<M> {
        match &self.values[id as usize] {
            Some(value) => value,
            None => unreachable!("value {id} was freed before its last reader"),
        }
    }

    pub(super) fn address(&self, id: Id) -> Address {
        self.get(id).at
    }

    pub(super) fn type_of(&self, id: Id) -> &Type {
        self.program.type_of(id)
    }

    pub(super) fn scratch(&self, bytes: u64) -> Result<Buffer<M>, KernelError> {
        self.engine.pool.take(bytes as usize)
    }

    /// Starts a kernel of the library.
    pub(super) fn launch(&self, launch: &Launch) -> Result<(), KernelError> {
        self.engine.start(launch)
    }
}

fn resident<M: Machine>(state: &[(Type, Value<M>)], index: u32, wanted: &Type) -> Result<Value<M>, KernelError> {
    let refuse = |found: String| Err(KernelError::Argument { subject: "state tensor", index, found, wanted: wanted.to_string() });
    match state.get(index as usize) {
        Some((of, value)) if of == wanted => Ok(Arc::clone(value)),
        Some((of, _)) => refuse(of.to_string()),
        None => refuse("missing".to_owned()),
    }
}

/// Elements from their bytes, little-endian.
fn elements(dtype: Dtype, bytes: &[u8]) -> Elements {
    let words = || bytes.as_chunks::<4>().0.iter();
    match dtype {
        Dtype::F32 => Elements::F32(words().map(|word| f32::from_le_bytes(*word)).collect()),
        Dtype::U32 => Elements::U32(words().map(|word| u32::from_le_bytes(*word)).collect()),
        Dtype::I32 => Elements::I32(words().map(|word| i32::from_le_bytes(*word)).collect()),
        Dtype::I8 => Elements::I8(bytes.iter().map(|&byte| byte as i8).collect()),
        Dtype::Bf16 => Elements::Bf16(bytes.as_chunks::<2>().0.iter().map(|half| u16::from_le_bytes(*half)).collect()),
    }
}
