//! Levels, and the groups that they allow.
//!
//! Owns which elementwise instructions belong together. Refuses the order of stages, which is `order`'s.

use std::collections::BTreeMap;

use super::{Group, STEPS, Source, Step, constant, is_elementwise, owner, renamed};
use crate::program::{Id, Op, Program};

/// Groups as large as their steps allow.
pub fn groups(program: &Program) -> Vec<Group> {
    let graph = Graph::of(program);
    let mut parents: Vec<Id> = (0..program.ops().len() as Id).collect();
    for id in graph.steps() {
        for operand in program.ops()[id as usize].operands() {
            let operand = owner(program, operand);
            if graph.step[operand as usize] && graph.class(operand) == graph.class(id) {
                let (a, b) = (root(&mut parents, operand), root(&mut parents, id));
                parents[a.max(b) as usize] = a.min(b);
            }
        }
    }
    let mut members: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    graph.steps().for_each(|id| members.entry(root(&mut parents, id)).or_default().push(id));
    members.values().flat_map(|members| members.chunks(STEPS)).map(|members| group(program, members)).collect()
}

/// Each elementwise instruction alone.
pub fn singles(program: &Program) -> Vec<Group> {
    Graph::of(program).steps().map(|id| group(program, &[id])).collect()
}

fn root(parents: &mut [Id], mut id: Id) -> Id {
    while parents[id as usize] != id {
        parents[id as usize] = parents[parents[id as usize] as usize];
        id = parents[id as usize];
    }
    id
}

/// The steps with their sources; what is stored is seen when all groups are known.
fn group(program: &Program, members: &[Id]) -> Group {
    let source = |operand: Id| {
        if let Some(bits) = constant(program, operand) {
            return Source::Constant(bits);
        }
        // In a group a renamed value has its owner's number of elements, and broadcasts with that number are the identity.
        match members.binary_search(&owner(program, operand)) {
            Ok(step) => Source::Step(step),
            Err(_) => Source::Value(operand),
        }
    };
    let sources = |id: Id| program.ops()[id as usize].operands().into_iter().map(source).collect();
    let steps = members.iter().map(|&id| Step { id, sources: sources(id) }).collect();
    Group { elements: elements(program, members[0]) as usize, steps, stores: vec![] }
}

fn elements(program: &Program, id: Id) -> u64 {
    program.type_of(id).elements()
}

/// What is read, by whom, and at which level.
struct Graph<'a> {
    program: &'a Program,
    /// Elementwise instructions whose result is read or returned.
    step: Vec<bool>,
    level: Vec<u32>,
}

impl<'a> Graph<'a> {
    fn of(program: &'a Program) -> Self {
        let wanted = wanted(program);
        let ids = 0..program.ops().len() as Id;
        let step: Vec<bool> = ids.map(|id| wanted[id as usize] && is_elementwise(program, id) && constant(program, id).is_none()).collect();
        let mut graph = Self { program, step, level: vec![] };
        for (id, op) in program.ops().iter().enumerate() {
            let varying = op.operands().into_iter().filter(|&operand| constant(program, operand).is_none());
            let below = varying.map(|operand| graph.level[operand as usize]).max();
            let rises = !graph.step[id] && renamed(op).is_none();
            graph.level.push(below.map_or(0, |below| below + u32::from(rises)));
        }
        graph.sink(&wanted);
        graph
    }

    fn steps(&self) -> impl Iterator<Item = Id> {
        (0..self.step.len() as Id).filter(|&id| self.step[id as usize])
    }

    fn class(&self, id: Id) -> (u32, u64) {
        (self.level[id as usize], elements(self.program, id))
    }

    /// Puts off what only later steps of its size read, where at most one value of that size waits longer for it.
    fn sink(&mut self, wanted: &[bool]) {
        let ops = self.program.ops();
        let mut readers: Vec<Vec<Id>> = vec![vec![]; ops.len()];
        for (id, op) in (0..).zip(ops).filter(|&(id, _)| wanted[id as usize]) {
            op.operands().into_iter().for_each(|operand| readers[operand as usize].push(id));
        }
        for id in (0..ops.len() as Id).rev() {
            let size = elements(self.program, id);
            let inside = |&reader: &Id| {
                (self.step[reader as usize] || renamed(&ops[reader as usize]).is_some()) && elements(self.program, reader) == size
            };
            let mine = self.step[id as usize] || renamed(&ops[id as usize]).is_some();
            let returned = self.program.outputs().contains(&id);
            let readers = &readers[id as usize];
            if mine && !returned && readers.iter().all(inside) && self.waiting(id, size) <= 1 {
                let level = readers.iter().map(|&reader| self.level[reader as usize]).min();
                self.level[id as usize] = level.unwrap_or(self.level[id as usize]);
            }
        }
    }

    /// Operands of the given number of elements whose memory is not there anyway.
    fn waiting(&self, id: Id, size: u64) -> usize {
        let mut operands: Vec<Id> = self.program.ops()[id as usize].operands();
        operands.iter_mut().for_each(|operand| *operand = owner(self.program, *operand));
        operands.sort_unstable();
        operands.dedup();
        let waits = |&operand: &Id| {
            let given = matches!(self.program.ops()[operand as usize], Op::State { .. } | Op::Input { .. });
            !given && constant(self.program, operand).is_none() && elements(self.program, operand) == size
        };
        operands.into_iter().filter(waits).count()
    }
}

/// Which values an output depends on.
pub fn wanted(program: &Program) -> Vec<bool> {
    let mut wanted = vec![false; program.ops().len()];
    program.outputs().iter().for_each(|&id| wanted[id as usize] = true);
    for (id, op) in program.ops().iter().enumerate().rev() {
        if wanted[id] {
            op.operands().iter().for_each(|&operand| wanted[operand as usize] = true);
        }
    }
    wanted
}
