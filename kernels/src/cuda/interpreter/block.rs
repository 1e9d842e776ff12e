//! One block: its threads step by step, each until it waits for others or ends.
//!
//! Owns threads, frames, the block's shared memory, barriers and what lanes of a warp exchange. Refuses what hardware leaves
//! undefined: an exchange with a lane that has ended, a barrier that some have passed by, shared words that two threads touch
//! between barriers while one of them writes.

use super::arithmetic::LOCAL;
use super::decode::{Code, Operand, Shuffle, Special};
use super::parse::{Function, Module, Space};
use super::{Fault, Memory};
use crate::cuda::machine::Launch;

/// Instructions of one thread, beyond which it is held to run forever.
const STEPS: u64 = 1 << 32;

struct Frame<'m> {
    function: &'m Function,
    next: usize,
    registers: Vec<u64>,
    parameters: Vec<u8>,
    call: Vec<u8>,
    /// Where its local variables begin.
    local: usize,
    /// Where its result goes in the caller's exchange.
    result: Option<usize>,
}

/// What a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Barrier,
    /// Target, own value, the lane it asks for.
    Shuffle(u32, u64, Option<usize>),
    Ballot(u32, bool),
    Ended,
}

struct Thread<'m> {
    frames: Vec<Frame<'m>>,
    local: Vec<u8>,
    state: State,
}

struct Block<'m, 'g> {
    module: &'m Module,
    launch: &'m Launch,
    place: [u32; 2],
    shared: Vec<u8>,
    touched: Touched,
    memory: &'g mut Memory,
}

impl<'m> Frame<'m> {
    fn new(function: &'m Function, parameters: Vec<u8>, local: usize, result: Option<usize>) -> Self {
        Self { function, next: 0, registers: vec![0; function.registers], parameters, call: vec![0; function.call], local, result }
    }
}

/// Runs block `place` of a launch.
pub fn run(
    module: &Module,
    kernel: &Function,
    parameters: &[u8],
    launch: &Launch,
    place: [u32; 2],
    memory: &mut Memory,
) -> Result<(), Fault> {
    let mut block = Block { module, launch, place, shared: vec![0xA5; module.shared], touched: Touched::new(module.shared), memory };
    let thread = |_| Thread {
        frames: vec![Frame::new(kernel, parameters.to_vec(), 0, None)],
        local: vec![0xA5; kernel.local],
        state: State::Running,
    };
    let mut threads: Vec<Thread> = (0..launch.threads).map(thread).collect();
    loop {
        for (index, thread) in threads.iter_mut().enumerate() {
            block.advance(index as u32, thread).map_err(|fault| format!("thread {index}: {fault}"))?;
        }
        let exchanged = threads.chunks_mut(32).map(exchange).collect::<Result<Vec<bool>, Fault>>()?;
        if exchanged.contains(&true) {
            continue;
        }
        if threads.iter().all(|thread| thread.state == State::Ended) {
            return Ok(());
        }
        if !threads.iter().all(|thread| thread.state == State::Barrier) {
            return Err("threads wait at a barrier that others have passed by".to_owned());
        }
        threads.iter_mut().for_each(|thread| thread.state = State::Running);
        block.touched.epoch += 1;
    }
}

/// Who read and wrote each word of the shared memory since the last barrier.
struct Touched {
    epoch: u32,
    /// For each word the epoch of its last writing and reading, and by which thread; a word read by several has reader [`MANY`].
    words: Vec<[(u32, u32); 2]>,
}

const MANY: u32 = u32::MAX;

impl Touched {
    fn new(bytes: usize) -> Self {
        Self { epoch: 1, words: vec![[(0, 0); 2]; bytes.div_ceil(4)] }
    }

    /// Notes an access; two threads that touch a word between barriers, one of them writing, race.
    fn note(&mut self, address: u64, bytes: usize, thread: u32, writes: bool) -> Result<(), Fault> {
        let (epoch, first) = (self.epoch, address as usize / 4);
        for [written, read] in self.words.iter_mut().skip(first).take(bytes.div_ceil(4)) {
            let other = |of: (u32, u32)| of.0 == epoch && of.1 != thread;
            if other(*written) || (writes && other(*read)) {
                return Err(format!("a race for the shared word at {}", first * 4));
            }
            match (writes, read.0 == epoch && read.1 != thread) {
                (true, _) => *written = (epoch, thread),
                (false, true) => *read = (epoch, MANY),
                (false, false) => *read = (epoch, thread),
            }
        }
        Ok(())
    }
}

/// Gives the lanes of a warp what they wait for, once all wait for the same.
fn exchange(warp: &mut [Thread]) -> Result<bool, Fault> {
    let asks = |thread: &Thread| matches!(thread.state, State::Shuffle(..) | State::Ballot(..));
    if !warp.iter().any(asks) {
        return Ok(false);
    }
    let shuffles = warp.iter().all(|thread| matches!(thread.state, State::Shuffle(..)));
    let ballots = warp.iter().all(|thread| matches!(thread.state, State::Ballot(..)));
    if !shuffles && !ballots {
        return Err("lanes of a warp exchange values with lanes that are elsewhere".to_owned());
    }
    let states: Vec<State> = warp.iter().map(|thread| thread.state).collect();
    let votes =
        states.iter().enumerate().fold(0, |votes, (lane, state)| votes | u64::from(matches!(state, State::Ballot(_, true))) << lane);
    for (lane, thread) in warp.iter_mut().enumerate() {
        let (target, value) = match states[lane] {
            State::Shuffle(target, own, from) => match from.and_then(|from| states.get(from)) {
                Some(State::Shuffle(_, theirs, _)) => (target, *theirs),
                _ => (target, own),
            },
            State::Ballot(target, _) => (target, votes),
            _ => continue,
        };
        if let Some(frame) = thread.frames.last_mut() {
            frame.registers[target as usize] = value;
        }
        thread.state = State::Running;
    }
    Ok(true)
}

impl<'m> Block<'m, '_> {
    /// Runs a thread until it waits or ends.
    fn advance(&mut self, index: u32, thread: &mut Thread<'m>) -> Result<(), Fault> {
        let mut left = STEPS;
        while thread.state == State::Running {
            left = left.checked_sub(1).ok_or("it does not end")?;
            self.step(index, thread)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn step(&mut self, index: u32, thread: &mut Thread<'m>) -> Result<(), Fault> {
        let Some(frame) = thread.frames.last_mut() else {
            thread.state = State::Ended;
            return Ok(());
        };
        let function: &'m Function = frame.function;
        let instruction = &function.code[frame.next];
        frame.next += 1;
        if let Some((predicate, negated)) = instruction.guard
            && (frame.registers[predicate as usize] != 0) == negated
        {
            return Ok(());
        }
        let value = |frame: &Frame, operand: Operand| match operand {
            Operand::Register(n) => frame.registers[n as usize],
            Operand::Value(value) => value,
            Operand::Local(at) => frame.local as u64 + at,
            Operand::Special(Special::Thread) => u64::from(index),
            Operand::Special(Special::Threads) => u64::from(self.launch.threads),
            Operand::Special(Special::BlockX) => u64::from(self.place[0]),
            Operand::Special(Special::BlockY) => u64::from(self.place[1]),
            Operand::Special(Special::Zero) => 0,
        };
        match &instruction.code {
            Code::Unary(operation, target, x) => frame.registers[*target as usize] = operation.value(value(frame, *x)),
            Code::Binary(operation, target, a, b) => {
                frame.registers[*target as usize] = operation.value(value(frame, *a), value(frame, *b))?;
            }
            Code::Ternary(operation, target, [a, b, c]) => {
                frame.registers[*target as usize] = operation.value(value(frame, *a), value(frame, *b), value(frame, *c));
            }
            Code::Compare(compare, kind, target, a, b) => {
                frame.registers[*target as usize] = u64::from(compare.holds(*kind, value(frame, *a), value(frame, *b)));
            }
            Code::Convert(convert, target, x) => frame.registers[*target as usize] = convert.value(value(frame, *x)),
            Code::Select(target, a, b, predicate) => {
                let chosen = if frame.registers[*predicate as usize] != 0 { *a } else { *b };
                frame.registers[*target as usize] = value(frame, chosen);
            }
            Code::Unpack(targets, x, bits) => {
                let word = value(frame, *x);
                (0..).zip(targets).for_each(|(n, &target)| frame.registers[target as usize] = word >> (n * bits) & ((1 << bits) - 1));
            }
            Code::Pack(target, parts, bits) => {
                let word = (0..).zip(parts).fold(0, |word, (n, &part)| word | (value(frame, part) & ((1 << bits) - 1)) << (n * bits));
                frame.registers[*target as usize] = word;
            }
            Code::Branch(at) => frame.next = *at,
            Code::Load(space, bytes, signed, targets, base, offset) => {
                let address = value(frame, *base).wrapping_add(*offset);
                let (width, count) = (*bytes, targets.len());
                if *space == Space::Shared {
                    self.touched.note(address, width * count, index, false)?;
                }
                let at = match space {
                    Space::Constant => constant(&self.module.constants, address, width * count)?,
                    _ => self.reach(*space, address, width * count, frame, &mut thread.local)?,
                };
                let mut words = [0u64; 4];
                for (word, part) in words.iter_mut().zip(at.chunks(width)) {
                    *word = read(part, *signed);
                }
                targets.iter().zip(words).for_each(|(&target, word)| frame.registers[target as usize] = word);
            }
            Code::Store(space, bytes, sources, base, offset) => {
                let address = value(frame, *base).wrapping_add(*offset);
                let mut words = [0u64; 4];
                words.iter_mut().zip(sources).for_each(|(word, &source)| *word = value(frame, source));
                if *space == Space::Shared {
                    self.touched.note(address, bytes * sources.len(), index, true)?;
                }
                let at = self.reach(*space, address, bytes * sources.len(), frame, &mut thread.local)?;
                at.chunks_mut(*bytes).zip(words).for_each(|(part, word)| part.copy_from_slice(&word.to_le_bytes()[..*bytes]));
            }
            Code::Call(callee, arguments, result) => {
                let callee = &self.module.functions()[*callee];
                let mut parameters = vec![0; callee.parameters];
                for (n, &from) in arguments.iter().enumerate() {
                    let (at, size) = callee.parameter(n).ok_or("more arguments than parameters")?;
                    parameters[at..at + size].copy_from_slice(&frame.call[from..from + size]);
                }
                let local = thread.local.len().next_multiple_of(16);
                thread.local.resize(local + callee.local, 0xA5);
                thread.frames.push(Frame::new(callee, parameters, local, *result));
            }
            Code::Return => leave(thread)?,
            Code::Barrier => thread.state = State::Barrier,
            Code::Shuffle(how, target, own, lane) => {
                let (own, by, me) = (value(frame, *own), value(frame, *lane) as usize, index as usize % 32);
                let from = match how {
                    Shuffle::Down => me + by,
                    Shuffle::Butterfly => me ^ by,
                    Shuffle::Index => by % 32,
                };
                thread.state = State::Shuffle(*target, own, Some(from).filter(|&from| from < 32));
            }
            Code::Ballot(target, predicate, negated) => {
                thread.state = State::Ballot(*target, (frame.registers[*predicate as usize] != 0) != *negated);
            }
        }
        Ok(())
    }

    /// The bytes of an access in its space.
    fn reach<'a>(
        &'a mut self,
        space: Space,
        address: u64,
        bytes: usize,
        frame: &'a mut Frame<'m>,
        local: &'a mut [u8],
    ) -> Result<&'a mut [u8], Fault> {
        let own: &'a mut [u8] = match space {
            Space::Generic if address & LOCAL == 0 => return self.memory.at(address, bytes),
            Space::Global => return self.memory.at(address, bytes),
            Space::Generic | Space::Local => local,
            Space::Shared => &mut self.shared,
            Space::Parameter => &mut frame.parameters,
            Space::Call => &mut frame.call,
            Space::Constant => return Err("a constant is written".to_owned()),
        };
        let (at, size) = ((address & !LOCAL) as usize, own.len());
        if at % bytes != 0 {
            return Err(format!("an access of {bytes} bytes at {at}"));
        }
        own.get_mut(at..at + bytes).ok_or_else(|| format!("{bytes} bytes at {at} of {size} in the {space:?} space"))
    }
}

/// Ends a function, or the thread with its kernel.
fn leave(thread: &mut Thread) -> Result<(), Fault> {
    let ended = thread.frames.pop().ok_or("a return from nowhere")?;
    thread.local.truncate(ended.local);
    let Some(caller) = thread.frames.last_mut() else {
        thread.state = State::Ended;
        return Ok(());
    };
    if let (Some(from), Some(to)) = (ended.function.result, ended.result) {
        let size = (ended.call.len() - from).min(caller.call.len() - to).min(16);
        caller.call[to..to + size].copy_from_slice(&ended.call[from..from + size]);
    }
    Ok(())
}

fn constant(constants: &[u8], address: u64, bytes: usize) -> Result<&[u8], Fault> {
    let at = address as usize;
    constants.get(at..at + bytes).ok_or_else(|| format!("{bytes} bytes at {at} of {} in the constant space", constants.len()))
}

fn read(bytes: &[u8], signed: bool) -> u64 {
    let word = (0..).zip(bytes).fold(0u64, |word, (n, &byte)| word | u64::from(byte) << (8 * n));
    let unused = 64 - 8 * bytes.len() as u32;
    // A register wider than what is loaded holds a signed one extended.
    if signed && bytes.len() < 4 { u64::from((((word << unused) as i64) >> unused) as u32) } else { word }
}
