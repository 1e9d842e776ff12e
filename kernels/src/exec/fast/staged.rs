//! The interpreter by stages.
//!
//! Owns the memory of a run: a value that ends gives its memory to a result of the group where it ends, as the program's fusion says,
//! or to what comes after.

use super::Fast;
use crate::error::KernelError;
use crate::exec::reference::Kernels as _;
use crate::exec::run::{Values, argument};
use crate::exec::tensor::{Elements, Tensor};
use crate::program::fusion::{Group, Stage};
use crate::program::{Fusion, Id, Op, Program};

/// A run of `program` by the stages of `fusion`.
struct Run<'a> {
    fast: &'a Fast,
    fusion: &'a Fusion,
    values: Values<'a>,
    /// Bytes of the values that are no arguments.
    live: u64,
}

impl Fast {
    /// Runs a checked program by its stages.
    pub fn run(&self, program: &Program, state: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, KernelError> {
        self.watched(program, program.fusion(), state, inputs, |_| {})
    }

    /// The same by any stages of the program; `watch` sees the values after each, before any is freed.
    pub fn watched(
        &self,
        program: &Program,
        fusion: &Fusion,
        state: &[Tensor],
        inputs: &[Tensor],
        watch: impl FnMut(&Values) + Send,
    ) -> Result<Vec<Tensor>, KernelError> {
        self.ready()?;
        let values = Values { program, made: vec![None; program.ops().len()] };
        let mut run = Run { fast: self, fusion, values, live: 0 };
        self.buffers.begin(fusion.own_bytes());
        // On a thread of the pool, so that handing out shares wakes nobody to begin with.
        let done = match &self.pool {
            Some(pool) => pool.install(|| run.stages(state, inputs, watch)),
            None => run.stages(state, inputs, watch),
        };
        self.buffers.end(fusion.own_bytes(), run.live);
        done.map(|()| program.outputs().iter().map(|&id| run.values.get(id).clone()).collect())
    }
}

impl Run<'_> {
    fn stages(&mut self, state: &[Tensor], inputs: &[Tensor], mut watch: impl FnMut(&Values)) -> Result<(), KernelError> {
        for (index, stage) in self.fusion.stages().iter().enumerate() {
            match stage {
                Stage::Instruction(id) => self.instruction(*id, state, inputs)?,
                Stage::Group(group) => self.group(group, self.fusion.end_at(index)),
            }
            watch(&self.values);
            for &ended in self.fusion.end_at(index) {
                self.end(ended);
            }
        }
        Ok(())
    }

    fn instruction(&mut self, id: Id, state: &[Tensor], inputs: &[Tensor]) -> Result<(), KernelError> {
        let (op, wanted) = (&self.values.program.ops()[id as usize], self.values.program.type_of(id));
        let value = match *op {
            Op::State { tensor, .. } => argument("state tensor", state, tensor, wanted)?,
            Op::Input { slot, .. } => argument("input", inputs, slot, wanted)?,
            _ => {
                let value = self.values.compute(self.fast, wanted, op);
                if !matches!(op, Op::Reshape { .. } | Op::Detach { .. }) {
                    self.made(wanted.bytes());
                }
                value.alone().map_or_else(|shared| shared, |elements| Tensor::of_home(&wanted.shape, elements, &self.fast.buffers))
            }
        };
        self.values.made[id as usize] = Some(value);
        Ok(())
    }

    fn group(&mut self, group: &Group, ends: &[Id]) {
        let (mut over, mut kept) = (vec![], vec![]);
        for store in &group.stores {
            let (memory, names) = store.over.and_then(|over| self.taken(over, ends)).unzip();
            if memory.is_none() {
                self.made(self.values.program.type_of(store.id).bytes());
            }
            over.push(memory);
            kept.push(names.unwrap_or_default());
        }
        let results = self.fast.group(&self.values, group, over, &kept);
        for (store, elements) in group.stores.iter().zip(results) {
            let shape = &self.values.program.type_of(store.id).shape;
            self.values.made[store.id as usize] = Some(Tensor::of_home(shape, elements, &self.fast.buffers));
        }
    }

    /// The memory of a value that ends, and all its names; none if anything else shares it.
    fn taken(&mut self, id: Id, ends: &[Id]) -> Option<(Elements, Vec<Id>)> {
        let tensor = self.values.made[id as usize].clone()?;
        let shares = |of: &Option<Tensor>| of.as_ref().is_some_and(|of| of.shares(&tensor));
        let names: Vec<Id> = ends.iter().copied().filter(|&name| shares(&self.values.made[name as usize])).collect();
        names.iter().for_each(|&name| self.values.made[name as usize] = None);
        match tensor.alone() {
            Ok(elements) => Some((elements, names)),
            Err(tensor) => {
                let named = |name: Id| tensor.reshaped(&self.values.program.type_of(name).shape);
                names.iter().for_each(|&name| self.values.made[name as usize] = Some(named(name)));
                None
            }
        }
    }

    fn made(&mut self, bytes: u64) {
        self.live += bytes;
        self.fast.buffers.made(bytes);
    }

    fn end(&mut self, id: Id) {
        let Some(tensor) = self.values.made[id as usize].take() else { return };
        // An argument is its caller's too, and a renamed value its other names'.
        if tensor.is_alone() && !matches!(self.values.program.ops()[id as usize], Op::State { .. } | Op::Input { .. }) {
            let bytes = self.values.program.type_of(id).bytes();
            self.live -= bytes;
            self.fast.buffers.ended(bytes);
        }
    }
}
