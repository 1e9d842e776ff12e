//! One line of PTX to one decoded instruction.
//!
//! Owns the instructions that our kernels use, with their modifiers spelled out; any other is a fault by its name.

use std::collections::HashMap;

use super::Fault;
use super::arithmetic::{Binary, Compare, Convert, Kind, Ternary, Unary};
use super::parse::{Scope, Space};

/// An instruction under its guard: a predicate, and whether it is taken where that is false.
#[derive(Debug)]
pub struct Instruction {
    pub guard: Option<(u32, bool)>,
    pub code: Code,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
pub enum Operand {
    Register(u32),
    Value(u64),
    /// An offset in the frame's local variables.
    Local(u64),
    Special(Special),
}

#[derive(Debug, Clone, Copy)]
pub enum Special {
    Thread,
    Threads,
    BlockX,
    BlockY,
    /// What has one value in all our launches: 0 along axes that we do not use.
    Zero,
}

/// What is moved between lanes: of a whole warp, by all of its lanes, as our kernels ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    Down,
    Butterfly,
    Index,
}

#[derive(Debug)]
pub enum Code {
    Unary(Unary, u32, Operand),
    Binary(Binary, u32, Operand, Operand),
    Ternary(Ternary, u32, [Operand; 3]),
    Compare(Compare, Kind, u32, Operand, Operand),
    Convert(Convert, u32, Operand),
    Select(u32, Operand, Operand, u32),
    /// Space, bytes of an element, whether it is signed, registers, base, offset.
    Load(Space, usize, bool, Vec<u32>, Operand, u64),
    Store(Space, usize, Vec<Operand>, Operand, u64),
    /// Half words out of a word, or into one.
    Unpack(Vec<u32>, Operand, u32),
    Pack(u32, Vec<Operand>, u32),
    Branch(usize),
    /// Function, where its arguments lie, where its result goes.
    Call(usize, Vec<usize>, Option<usize>),
    Return,
    Barrier,
    Shuffle(Shuffle, u32, Operand, Operand),
    Ballot(u32, u32, bool),
}

/// Bytes of a type.
pub fn size(of: &str) -> Option<usize> {
    match of {
        "b8" | "u8" | "s8" => Some(1),
        "b16" | "u16" | "s16" => Some(2),
        "b32" | "u32" | "s32" | "f32" => Some(4),
        "b64" | "u64" | "s64" | "f64" => Some(8),
        _ => None,
    }
}

/// A literal: decimal, hexadecimal, or the bits of a float.
pub fn integer(text: &str) -> Option<u64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let digits = digits.trim_end_matches('U');
    let value = match digits.get(..2) {
        Some("0x" | "0X" | "0f" | "0F" | "0d" | "0D") => u64::from_str_radix(&digits[2..], 16).ok()?,
        _ => digits.parse::<u64>().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

pub fn instruction(line: &str, scope: &Scope, labels: &HashMap<String, usize>) -> Result<Instruction, Fault> {
    let line: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let (guard, rest) = match line.strip_prefix('@') {
        Some(rest) => {
            let (guard, rest) = rest.split_once(' ').ok_or("a guard alone")?;
            let (negated, name) = guard.strip_prefix('!').map_or((false, guard), |name| (true, name));
            (Some((register(name, scope)?, negated)), rest)
        }
        None => (None, &*line),
    };
    let (opcode, operands) = rest.split_once(' ').unwrap_or((rest, ""));
    let decoder = Decoder { scope, labels, opcode, parts: opcode.split('.').collect(), operands: split(operands) };
    Ok(Instruction { guard, code: decoder.code()? })
}

fn register(name: &str, scope: &Scope) -> Result<u32, Fault> {
    scope.registers.get(name).copied().ok_or_else(|| format!("no register {name}"))
}

/// Operands at the commas that stand in no brackets.
fn split(text: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
        match (c, all.last_mut()) {
            (',', _) if depth == 0 => all.push(String::new()),
            (_, Some(last)) => last.push(c),
            _ => {}
        }
    }
    all.into_iter().map(|operand| operand.trim().to_owned()).collect()
}

struct Decoder<'a> {
    scope: &'a Scope<'a>,
    labels: &'a HashMap<String, usize>,
    opcode: &'a str,
    parts: Vec<&'a str>,
    operands: Vec<String>,
}

impl Decoder<'_> {
    fn code(&self) -> Result<Code, Fault> {
        let kind = Kind::of(self.parts.last().copied().unwrap_or_default());
        match self.parts[0] {
            "ret" | "exit" => Ok(Code::Return),
            "bra" => self.labels.get(&self.operands[0]).map(|&at| Code::Branch(at)).ok_or_else(|| "no such label".to_owned()),
            "bar" if self.opcode == "bar.sync" => Ok(Code::Barrier),
            "call" => self.call(),
            "ld" => self.load(),
            "st" => self.store(),
            "mov" if self.operands[0].starts_with('{') => {
                let registers = list(&self.operands[0]).map(|name| register(name, self.scope)).collect::<Result<Vec<_>, _>>()?;
                let bits = 8 * size(self.parts[1]).ok_or("no size")? / registers.len();
                Ok(Code::Unpack(registers, self.operand(1)?, bits as u32))
            }
            "mov" if self.operands[1].starts_with('{') => {
                let parts = list(&self.operands[1]).map(|text| self.value(text)).collect::<Result<Vec<_>, _>>()?;
                let bits = 8 * size(self.parts[1]).ok_or("no size")? / parts.len();
                Ok(Code::Pack(self.target()?, parts, bits as u32))
            }
            "shfl" => {
                let how = match self.parts[2] {
                    "down" => Shuffle::Down,
                    "bfly" => Shuffle::Butterfly,
                    "idx" => Shuffle::Index,
                    _ => return self.unknown(),
                };
                let target = self.operands[0].split('|').next().unwrap_or_default();
                Ok(Code::Shuffle(how, register(target, self.scope)?, self.operand(1)?, self.operand(2)?))
            }
            "vote" if self.opcode == "vote.sync.ballot.b32" => {
                let (negated, name) = self.operands[1].strip_prefix('!').map_or((false, &*self.operands[1]), |name| (true, name));
                Ok(Code::Ballot(self.target()?, register(name, self.scope)?, negated))
            }
            "selp" => Ok(Code::Select(self.target()?, self.operand(1)?, self.operand(2)?, register(&self.operands[3], self.scope)?)),
            "setp" => match (Compare::of(self.parts[1]), kind) {
                (Some(compare), Some(kind)) if self.parts.len() == 3 => {
                    Ok(Code::Compare(compare, kind, self.target()?, self.operand(1)?, self.operand(2)?))
                }
                _ => self.unknown(),
            },
            "cvt" => match Convert::of(&self.parts) {
                Some(convert) => Ok(Code::Convert(convert, self.target()?, self.operand(1)?)),
                None => self.unknown(),
            },
            _ => self.arithmetic(),
        }
    }

    fn arithmetic(&self) -> Result<Code, Fault> {
        if let Some(unary) = Unary::of(self.opcode) {
            return Ok(Code::Unary(unary, self.target()?, self.operand(1)?));
        }
        if let Some(binary) = Binary::of(self.opcode) {
            return Ok(Code::Binary(binary, self.target()?, self.operand(1)?, self.operand(2)?));
        }
        if let Some(ternary) = Ternary::of(self.opcode) {
            let operands = [self.operand(1)?, self.operand(2)?, self.operand(3)?];
            let ternary = match (ternary, self.operand(4)) {
                (Ternary::Insert(_), Ok(Operand::Value(length))) => Ternary::Insert(length as u32),
                (Ternary::Insert(_), _) => return self.unknown(),
                _ => ternary,
            };
            return Ok(Code::Ternary(ternary, self.target()?, operands));
        }
        self.unknown()
    }

    fn unknown(&self) -> Result<Code, Fault> {
        Err(format!("the interpreter does not know {}", self.opcode))
    }

    fn target(&self) -> Result<u32, Fault> {
        register(&self.operands[0], self.scope)
    }

    fn operand(&self, n: usize) -> Result<Operand, Fault> {
        self.value(self.operands.get(n).ok_or("too few operands")?)
    }

    fn value(&self, text: &str) -> Result<Operand, Fault> {
        let special = match text {
            "%tid.x" => Some(Special::Thread),
            "%ntid.x" => Some(Special::Threads),
            "%ctaid.x" => Some(Special::BlockX),
            "%ctaid.y" => Some(Special::BlockY),
            "%tid.y" | "%tid.z" | "%ctaid.z" => Some(Special::Zero),
            _ => None,
        };
        if let Some(special) = special {
            return Ok(Operand::Special(special));
        }
        if text.starts_with('%') {
            return register(text, self.scope).map(Operand::Register);
        }
        if let Some(value) = integer(text) {
            return Ok(Operand::Value(value));
        }
        let (name, offset) = text.split_once('+').map_or((text, 0), |(name, offset)| (name, integer(offset).unwrap_or_default()));
        let (space, at) = self.symbol(name)?;
        Ok(if space == Space::Local { Operand::Local(at + offset) } else { Operand::Value(at + offset) })
    }

    fn symbol(&self, name: &str) -> Result<(Space, u64), Fault> {
        let symbol = self.scope.symbols.get(name).or_else(|| self.scope.module.symbols.get(name));
        symbol.map(|symbol| (symbol.space, symbol.at as u64)).ok_or_else(|| format!("no variable {name}"))
    }

    /// `[%rd1+8]`, `[name+4]`: base and offset, and the space that a name lies in.
    fn address(&self, text: &str) -> Result<(Operand, u64, Option<Space>), Fault> {
        let inside = text.trim_start_matches('[').trim_end_matches(']');
        let (base, offset) = inside.split_once('+').unwrap_or((inside, "0"));
        let offset = integer(offset.trim()).ok_or_else(|| format!("no offset {offset:?}"))?;
        if base.starts_with('%') {
            return Ok((self.value(base)?, offset, None));
        }
        let (space, at) = self.symbol(base)?;
        let base = if space == Space::Local { Operand::Local(at) } else { Operand::Value(at) };
        Ok((base, offset, Some(space)))
    }

    fn space(&self, named: Option<Space>) -> Result<Space, Fault> {
        match self.parts.iter().find(|part| ["global", "shared", "const", "local", "param"].contains(part)) {
            Some(&"global") => Ok(Space::Global),
            Some(&"shared") => Ok(Space::Shared),
            Some(&"const") => Ok(Space::Constant),
            Some(&"local") => Ok(Space::Local),
            Some(_) => named.ok_or_else(|| "a parameter without a name".to_owned()),
            None => Ok(Space::Generic),
        }
    }

    fn element(&self) -> Result<(usize, bool), Fault> {
        let known = ["global", "shared", "const", "local", "param", "nc", "v2", "v4", "ld", "st", "volatile"];
        let of = self.parts.last().copied().unwrap_or_default();
        match size(of) {
            Some(bytes) if self.parts[..self.parts.len() - 1].iter().all(|part| known.contains(part)) => Ok((bytes, of.starts_with('s'))),
            _ => self.unknown().map(|_| (0, false)),
        }
    }

    fn load(&self) -> Result<Code, Fault> {
        let (bytes, signed) = self.element()?;
        let (base, offset, named) = self.address(&self.operands[1])?;
        let registers = list(&self.operands[0]).map(|name| register(name, self.scope)).collect::<Result<_, _>>()?;
        Ok(Code::Load(self.space(named)?, bytes, signed, registers, base, offset))
    }

    fn store(&self) -> Result<Code, Fault> {
        let (bytes, _) = self.element()?;
        let (base, offset, named) = self.address(&self.operands[0])?;
        let values = list(&self.operands[1]).map(|text| self.value(text)).collect::<Result<_, _>>()?;
        Ok(Code::Store(self.space(named)?, bytes, values, base, offset))
    }

    /// `call.uni (retval0), name, (param0, param1)`, or without a result.
    fn call(&self) -> Result<Code, Fault> {
        let inside = |text: &str| -> Result<Vec<usize>, Fault> {
            let names = text.trim_start_matches('(').trim_end_matches(')').split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(|name| self.symbol(name).map(|(_, at)| at as usize)).collect()
        };
        let (result, name, arguments) = match &self.operands[..] {
            [result, name, arguments] => (inside(result)?.first().copied(), name, inside(arguments)?),
            [name, arguments] => (None, name, inside(arguments)?),
            _ => return self.unknown(),
        };
        let function = self.scope.module.index(name).ok_or_else(|| format!("no function {name}"))?;
        Ok(Code::Call(function, arguments, result))
    }
}

/// The members of `{a, b}`, or the one.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('{').trim_end_matches('}').split(',').map(str::trim)
}
