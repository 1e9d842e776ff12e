//! The order of stages, their lifetimes and their memory.
//!
//! Owns what is stored, what ends where, and what is written over what. Refuses to choose groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fusion, Group, Source, Stage, Store, owner};
use crate::program::{Id, Op, Program};

/// The program by these groups.
pub fn staged(program: &Program, groups: Vec<Group>) -> Fusion {
    let mut stages = Stages::of(program, groups);
    stages.sort();
    let last = stages.last_readers();
    let names = stages.names(&last);
    stages.store(&last, &names);
    let mut ends = vec![vec![]; stages.all.len()];
    for (id, last) in (0..).zip(&last) {
        if let Some(ends) = last.and_then(|last| ends.get_mut(last)) {
            ends.push(id as Id);
        }
    }
    let peak = stages.peak(&names);
    Fusion { stages: stages.all, ends, peak, given: program.given_bytes() }
}

struct Stages<'a> {
    program: &'a Program,
    all: Vec<Stage>,
}

/// What a stage reads.
fn reads(program: &Program, stage: &Stage) -> Vec<Id> {
    match stage {
        Stage::Instruction(id) => program.ops()[*id as usize].operands(),
        Stage::Group(group) => {
            let sources = group.steps.iter().flat_map(|step| &step.sources);
            sources.filter_map(|source| if let Source::Value(id) = source { Some(*id) } else { None }).collect()
        }
    }
}

/// What a stage computes, ascending; the last names it.
fn makes(stage: &Stage) -> Vec<Id> {
    match stage {
        Stage::Instruction(id) => vec![*id],
        Stage::Group(group) => group.steps.iter().map(|step| step.id).collect(),
    }
}

impl<'a> Stages<'a> {
    /// The groups, and each other instruction whose value is read as a tensor. Arguments are always there, so that a missing one is found.
    fn of(program: &'a Program, groups: Vec<Group>) -> Self {
        let grouped: BTreeSet<Id> = groups.iter().flat_map(|group| group.steps.iter().map(|step| step.id)).collect();
        let mut tensors = vec![false; program.ops().len()];
        program.outputs().iter().for_each(|&id| tensors[id as usize] = true);
        let mut all: Vec<Stage> = groups.into_iter().map(Stage::Group).collect();
        for stage in &all {
            reads(program, stage).into_iter().for_each(|id| tensors[id as usize] = true);
        }
        for (id, op) in program.ops().iter().enumerate().rev() {
            let id = id as Id;
            if !grouped.contains(&id) && (is_given(program, id) || tensors[id as usize]) {
                op.operands().iter().for_each(|&operand| tensors[operand as usize] = true);
                all.push(Stage::Instruction(id));
            }
        }
        Self { program, all }
    }

    /// Each as soon as what it reads is there, the one whose last instruction is earliest first.
    fn sort(&mut self) {
        let mut maker: BTreeMap<Id, usize> = BTreeMap::new();
        for (index, stage) in self.all.iter().enumerate() {
            maker.extend(makes(stage).into_iter().map(|id| (id, index)));
        }
        let mut awaited = vec![0usize; self.all.len()];
        let mut readers: Vec<Vec<usize>> = vec![vec![]; self.all.len()];
        for (index, stage) in self.all.iter().enumerate() {
            let before: BTreeSet<usize> = reads(self.program, stage).iter().filter_map(|id| maker.get(id).copied()).collect();
            awaited[index] = before.len();
            before.into_iter().for_each(|before| readers[before].push(index));
        }
        let place = |index: usize| (makes(&self.all[index]).last().copied(), index);
        let mut ready: BTreeSet<_> = (0..self.all.len()).filter(|&index| awaited[index] == 0).map(place).collect();
        let mut order = vec![];
        while let Some((_, next)) = ready.pop_first() {
            order.push(next);
            for &reader in &readers[next] {
                awaited[reader] -= 1;
                if awaited[reader] == 0 {
                    ready.insert(place(reader));
                }
            }
        }
        assert_eq!(order.len(), self.all.len(), "groups are convex");
        let mut stages: Vec<Option<Stage>> = self.all.drain(..).map(Some).collect();
        self.all = order.into_iter().filter_map(|index| stages[index].take()).collect();
    }

    /// For each value that is a tensor the last stage that reads it, or that makes it where none does; beyond the last stage for an output.
    fn last_readers(&self) -> Vec<Option<usize>> {
        let mut last = vec![None; self.program.ops().len()];
        for (index, stage) in self.all.iter().enumerate() {
            if let Stage::Instruction(id) = stage {
                last[*id as usize] = Some(index);
            }
            reads(self.program, stage).into_iter().for_each(|id| last[id as usize] = Some(index));
        }
        self.program.outputs().iter().for_each(|&id| last[id as usize] = Some(self.all.len()));
        last
    }

    /// The last stage of each owner's elements under any name.
    fn names(&self, last: &[Option<usize>]) -> BTreeMap<Id, usize> {
        let mut names: BTreeMap<Id, usize> = BTreeMap::new();
        for (id, last) in (0..).zip(last) {
            if let Some(last) = *last {
                let end = names.entry(owner(self.program, id)).or_default();
                *end = last.max(*end);
            }
        }
        names
    }

    fn store(&mut self, last: &[Option<usize>], names: &BTreeMap<Id, usize>) {
        let program = self.program;
        for (index, stage) in self.all.iter_mut().enumerate() {
            let Stage::Group(group) = stage else { continue };
            let mut free: Vec<Id> = vec![];
            for source in group.steps.iter().flat_map(|step| &step.sources) {
                let Source::Value(id) = *source else { continue };
                let mine = owner(program, id);
                let ends = names.get(&mine) == Some(&index) && !is_given(program, mine);
                let known = free.iter().any(|&other| owner(program, other) == mine);
                if ends && !known && program.type_of(id).elements() == group.elements as u64 {
                    free.push(id);
                }
            }
            for (step, &super::Step { id, .. }) in group.steps.iter().enumerate() {
                if last[id as usize].is_some() {
                    let fits = |&over: &Id| program.type_of(over).dtype == program.type_of(id).dtype;
                    let over = free.iter().position(fits).map(|at| free.remove(at));
                    group.stores.push(Store { step, id, over });
                }
            }
        }
    }

    fn peak(&self, names: &BTreeMap<Id, usize>) -> u64 {
        let bytes = |id: Id| self.program.type_of(id).bytes();
        let mut ends: Vec<Vec<Id>> = vec![vec![]; self.all.len() + 1];
        names.iter().for_each(|(&owner, &end)| ends[end].push(owner));
        let given = self.program.given_bytes();
        let (mut live, mut peak) = (given, given);
        for (stage, ends) in self.all.iter().zip(&ends) {
            let mut over = BTreeSet::new();
            let made: Vec<Id> = match stage {
                Stage::Instruction(id) => vec![*id],
                Stage::Group(group) => {
                    over.extend(group.stores.iter().filter_map(|store| store.over).map(|id| owner(self.program, id)));
                    group.stores.iter().map(|store| store.id).collect()
                }
            };
            over.iter().for_each(|&id| live -= bytes(id));
            let own = |id: &&Id| owner(self.program, **id) == **id && !is_given(self.program, **id);
            live += made.iter().filter(own).map(|&id| bytes(id)).sum::<u64>();
            peak = peak.max(live);
            let ended = ends.iter().filter(|&&id| !is_given(self.program, id) && !over.contains(&id));
            live -= ended.map(|&id| bytes(id)).sum::<u64>();
        }
        peak
    }
}

fn is_given(program: &Program, id: Id) -> bool {
    matches!(program.ops()[id as usize], Op::State { .. } | Op::Input { .. })
}
