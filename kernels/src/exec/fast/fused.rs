//! Groups of elementwise instructions, one block of elements after another.
//!
//! Owns the way from a group to lines: where each step reads and writes within a block, so that what nobody else reads stays in the
//! nearest cache. Refuses arithmetic, which is `steps`'s, one loop over a block for each step.

use rayon::prelude::*;

use super::Fast;
use super::steps::Kernel;
use crate::exec::run::Values;
use crate::exec::tensor::Elements;
use crate::exec::walk::Walk;
use crate::program::fusion::{Group, Source};
use crate::program::{Dtype, Id};

/// Elements of a block: eight values of a group fit the nearest cache.
const BLOCK: usize = 1024;
/// Operands that repeat after fewer elements than this are laid out behind themselves once, so that every block finds them in a row.
const CYCLE: usize = 8 * BLOCK;
/// Work, in loops over one element, below which handing a share to another thread costs more than it saves.
const PARALLEL_STEPS: usize = 1 << 17;

/// What a step's loop reads.
#[derive(Debug, Clone, Copy)]
enum Argument {
    /// A block of its own.
    Slot(usize),
    /// The operand itself, from the block's first element on.
    Feed(usize),
    /// A result, where it has been written already.
    Result(usize),
}

/// What is done to each block, in order.
#[derive(Debug, Clone, Copy)]
enum Line {
    /// The operand as it lies, repeated, into a slot.
    Spread { feed: usize, slot: usize },
    /// What a result is about to be written over, into a slot.
    Keep { result: usize, slot: usize },
    /// One step.
    Step { kernel: Kernel, arguments: [Argument; 3], to: Argument },
}

/// An operand of the group.
enum Feed<'a> {
    /// Element by element.
    Direct(&'a [u32]),
    /// Repeated after `period`, and laid out so far that any block is a part of it.
    Cyclic { period: usize, table: Vec<u32> },
    /// Repeated otherwise.
    Walked { walk: Walk<1>, words: &'a [u32] },
}

/// A group with its operands.
struct Lowered<'a> {
    lines: Vec<Line>,
    feeds: Vec<Feed<'a>>,
    /// Slots that hold one number throughout.
    constants: Vec<(usize, u32)>,
    slots: usize,
}

impl Fast {
    /// The results of a group, in the order of its stores. `values` are its operands; where `over` has memory for a result, the result is
    /// written over what is in it, which is what the store's `over` names.
    pub fn group(&self, values: &Values, group: &Group, over: Vec<Option<Elements>>, kept: &[Vec<Id>]) -> Vec<Elements> {
        let lowered = Lowering::of(values, group, kept).lowered();
        let mut results: Vec<Elements> = group
            .stores
            .iter()
            .zip(over)
            .map(|(store, over)| {
                over.unwrap_or_else(|| match values.program.type_of(store.id).dtype {
                    Dtype::U32 => Elements::U32(vec![0; group.elements]),
                    Dtype::I32 => Elements::I32(vec![0; group.elements]),
                    _ => Elements::F32(self.buffers.take(group.elements)),
                })
            })
            .collect();
        let work: usize = group.steps.iter().map(|step| Kernel::of(&values.program.ops()[step.id as usize], values.program).0.cost()).sum();
        let mut parts: Vec<&mut [u32]> = results.iter_mut().map(Elements::words_mut).collect();
        match &self.pool {
            Some(pool) if group.elements > BLOCK && group.elements * work >= PARALLEL_STEPS => {
                let share = group.elements.div_ceil(pool.current_num_threads()).next_multiple_of(BLOCK);
                let mut shares: Vec<Vec<&mut [u32]>> = vec![];
                shares.resize_with(group.elements.div_ceil(share), Vec::new);
                for part in parts {
                    shares.iter_mut().zip(part.chunks_mut(share)).for_each(|(share, part)| share.push(part));
                }
                pool.install(|| {
                    shares.into_par_iter().enumerate().for_each(|(index, mut parts)| lowered.run(self, index * share, &mut parts))
                });
            }
            _ => lowered.run(self, 0, &mut parts),
        }
        results
    }
}

impl Lowered<'_> {
    /// The elements from `first` on, as many as the results have.
    fn run(&self, fast: &Fast, first: usize, results: &mut [&mut [u32]]) {
        let count = results.first().map_or(0, |result| result.len());
        let mut slots = vec![vec![0u32; BLOCK.min(count)]; self.slots];
        self.constants.iter().for_each(|&(slot, bits)| slots[slot].fill(bits));
        for at in (0..count).step_by(BLOCK) {
            let length = BLOCK.min(count - at);
            for line in &self.lines {
                match *line {
                    Line::Spread { feed, slot } => self.feeds[feed].spread(first + at, &mut slots[slot][..length]),
                    Line::Keep { result, slot } => slots[slot][..length].copy_from_slice(&results[result][at..at + length]),
                    Line::Step { kernel, arguments, to } => {
                        // Taken out while it is written; no step reads what it writes.
                        let (mut slot, mut result): (Vec<u32>, &mut [u32]) = (vec![], &mut []);
                        let out = match to {
                            Argument::Slot(to) => {
                                slot = std::mem::take(&mut slots[to]);
                                &mut slot[..length]
                            }
                            Argument::Result(to) | Argument::Feed(to) => {
                                result = std::mem::take(&mut results[to]);
                                &mut result[at..at + length]
                            }
                        };
                        let [a, b, c] = arguments.map(|argument| match argument {
                            Argument::Slot(slot) => &slots[slot][..length.min(slots[slot].len())],
                            Argument::Feed(feed) => self.feeds[feed].block(first + at, length),
                            Argument::Result(result) => &results[result][at..at + length],
                        });
                        kernel.run(fast.isa, [a, b, c], out);
                        match to {
                            Argument::Slot(to) => slots[to] = slot,
                            Argument::Result(to) | Argument::Feed(to) => results[to] = result,
                        }
                    }
                }
            }
        }
    }
}

impl Feed<'_> {
    /// `length` elements from `first` on, of an operand that has them in a row.
    fn block(&self, first: usize, length: usize) -> &[u32] {
        match self {
            Self::Direct(words) => &words[first..first + length],
            Self::Cyclic { period, table } => &table[first % period..][..length],
            Self::Walked { words, .. } => &words[..0],
        }
    }

    fn spread(&self, first: usize, mut out: &mut [u32]) {
        let Self::Walked { walk, words } = self else { return };
        let row = walk.row();
        let mut index = first;
        while !out.is_empty() {
            let length = (row.length - index % row.length).min(out.len());
            let (piece, rest) = out.split_at_mut(length);
            let [at] = walk.at(index);
            // Strides of a row are 0 or 1: operands are dense.
            if row.strides[0] == 0 {
                piece.fill(words[at])
            } else {
                piece.copy_from_slice(&words[at..at + length])
            }
            index += length;
            out = rest;
        }
    }
}

/// A group on its way to lines.
struct Lowering<'a> {
    values: &'a Values<'a>,
    group: &'a Group,
    /// For each store the values that it is written over, under all their names.
    kept: &'a [Vec<Id>],
    lines: Vec<Line>,
    feeds: Vec<Feed<'a>>,
    constants: Vec<(usize, u32)>,
    /// Where operands are, with the shape that they are repeated to.
    found: Vec<(Source, &'a [u32], Argument)>,
    /// Where steps' results are.
    made: Vec<Argument>,
    free: Vec<usize>,
    slots: usize,
}

impl<'a> Lowering<'a> {
    fn of(values: &'a Values<'a>, group: &'a Group, kept: &'a [Vec<Id>]) -> Self {
        let (lines, feeds, constants, found, made, free) = (vec![], vec![], vec![], vec![], vec![], vec![]);
        Self { values, group, kept, lines, feeds, constants, found, made, free, slots: 0 }
    }

    fn lowered(mut self) -> Lowered<'a> {
        // The last step that reads each step's result.
        let mut last = vec![0; self.group.steps.len()];
        for (place, step) in self.group.steps.iter().enumerate() {
            for source in &step.sources {
                if let Source::Step(read) = *source {
                    last[read] = place;
                }
            }
        }
        for (result, names) in self.kept.iter().enumerate() {
            if !names.is_empty() {
                let slot = self.slot();
                self.lines.push(Line::Keep { result, slot });
                self.found.extend(names.iter().map(|&id| (Source::Value(id), &[][..], Argument::Slot(slot))));
            }
        }
        for (place, step) in self.group.steps.iter().enumerate() {
            let program = self.values.program;
            let shape: &'a [u32] = &program.type_of(step.id).shape;
            let (kernel, turned) = Kernel::of(&program.ops()[step.id as usize], program);
            let mut arguments = [Argument::Slot(0); 3];
            for (argument, &source) in arguments.iter_mut().zip(&step.sources) {
                *argument = self.argument(source, shape);
            }
            if turned {
                arguments.swap(0, 1);
            }
            for argument in step.sources.len()..3 {
                arguments[argument] = arguments[0];
            }
            let to = match self.group.stores.iter().position(|store| store.step == place) {
                Some(result) => Argument::Result(result),
                None => Argument::Slot(self.slot()),
            };
            self.made.push(to);
            self.lines.push(Line::Step { kernel, arguments, to });
            for (made, _) in self.made.iter().zip(&last).filter(|&(_, &last)| last == place) {
                if let Argument::Slot(slot) = *made
                    && !self.free.contains(&slot)
                {
                    self.free.push(slot);
                }
            }
        }
        // A group of constants alone reads no slot, but its arguments name one.
        Lowered { lines: self.lines, feeds: self.feeds, constants: self.constants, slots: self.slots.max(1) }
    }

    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    fn argument(&mut self, source: Source, shape: &'a [u32]) -> Argument {
        if let Source::Step(step) = source {
            return self.made[step];
        }
        let known = |(of, to, _): &&(Source, &[u32], Argument)| *of == source && (to.is_empty() || *to == shape);
        if let Some(&(_, _, argument)) = self.found.iter().find(known) {
            return argument;
        }
        let argument = match source {
            Source::Value(id) => self.operand(id, shape),
            Source::Constant(bits) => self.constant(bits),
            Source::Step(step) => self.made[step],
        };
        self.found.push((source, shape, argument));
        argument
    }

    fn constant(&mut self, bits: u32) -> Argument {
        // Never a slot that a step has used: it is filled once for all blocks.
        self.slots += 1;
        self.constants.push((self.slots - 1, bits));
        Argument::Slot(self.slots - 1)
    }

    fn operand(&mut self, id: Id, shape: &[u32]) -> Argument {
        let words = self.values.elements(id).words();
        if let [only] = *words {
            return self.constant(only);
        }
        if words.len() == self.group.elements {
            return self.feed(Feed::Direct(words));
        }
        let walk = Walk::broadcast(shape, [self.values.shape(id)]);
        if walk.repeats_whole() && words.len() < CYCLE {
            let table = words.iter().copied().cycle().take(words.len() + BLOCK).collect();
            return self.feed(Feed::Cyclic { period: words.len(), table });
        }
        // Spread before every step, in a slot that no step's result takes.
        self.slots += 1;
        let slot = self.slots - 1;
        let Argument::Feed(feed) = self.feed(Feed::Walked { walk, words }) else { return Argument::Slot(slot) };
        self.lines.push(Line::Spread { feed, slot });
        Argument::Slot(slot)
    }

    fn feed(&mut self, feed: Feed<'a>) -> Argument {
        self.feeds.push(feed);
        Argument::Feed(self.feeds.len() - 1)
    }
}
