//! PTX text to functions of decoded instructions.
//!
//! Owns declarations: registers, parameters, variables of each space, labels. What an instruction is, is `decode`'s.

use std::collections::HashMap;

use super::Fault;
use super::decode::{self, Code, Instruction};

/// A compiled source.
#[derive(Debug, Default)]
pub struct Module {
    functions: Vec<Function>,
    names: HashMap<String, usize>,
    /// Bytes of the constant space, and of a block's shared space.
    pub constants: Vec<u8>,
    pub shared: usize,
    pub(super) symbols: HashMap<String, Symbol>,
}

/// A variable's place in its space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    pub space: Space,
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Generic,
    Global,
    Shared,
    Constant,
    Local,
    /// What a function was given.
    Parameter,
    /// What a function gives back, and what it gives to those that it calls.
    Call,
}

/// A kernel or a function.
#[derive(Debug, Default)]
pub struct Function {
    pub name: String,
    pub code: Vec<Instruction>,
    pub registers: usize,
    /// Bytes of its parameters, of its local variables and of what it exchanges in calls.
    pub parameters: usize,
    pub local: usize,
    pub call: usize,
    /// Offset and size of each parameter.
    places: Vec<(usize, usize)>,
    /// Where its result is, if it has one.
    pub result: Option<usize>,
}

/// What names mean inside one function.
pub struct Scope<'a> {
    pub module: &'a Module,
    pub symbols: HashMap<String, Symbol>,
    pub registers: HashMap<String, u32>,
}

impl Function {
    /// The bytes of a kernel's parameters, from those of each argument.
    pub fn arguments(&self, given: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        let sizes: Vec<usize> = self.places.iter().map(|&(_, size)| size).collect();
        if !given.iter().map(Vec::len).eq(sizes.iter().copied()) {
            return Err(format!("arguments of {:?} bytes, {sizes:?} are declared", given.iter().map(Vec::len).collect::<Vec<_>>()));
        }
        let mut bytes = vec![0; self.parameters];
        self.places.iter().zip(given).for_each(|(&(at, size), of)| bytes[at..at + size].copy_from_slice(of));
        Ok(bytes)
    }

    /// Offset and size of parameter `n`.
    pub fn parameter(&self, n: usize) -> Option<(usize, usize)> {
        self.places.get(n).copied()
    }
}

impl Module {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let clean: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        let mut module = Self::default();
        let bodies = module.declarations(&clean)?;
        for (index, (head, _)) in bodies.iter().enumerate() {
            module.names.insert(function_name(head)?.to_owned(), index);
        }
        for (head, body) in &bodies {
            let function = module.function(head, body)?;
            module.functions.push(function);
        }
        Ok(module)
    }

    pub fn kernel(&self, name: &str) -> Result<&Function, Fault> {
        self.names.get(name).map(|&index| &self.functions[index]).ok_or_else(|| "there is no such kernel".to_owned())
    }

    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Takes in the variables of the module, and returns the functions' heads and bodies.
    fn declarations<'t>(&mut self, mut rest: &'t str) -> Result<Vec<(&'t str, &'t str)>, Fault> {
        let mut bodies = vec![];
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Ok(bodies);
            }
            if [".version", ".target", ".address_size"].iter().any(|directive| rest.starts_with(directive)) {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            let end = rest.find([';', '{']).ok_or("a declaration without end")?;
            let is_function = rest[..end].contains(".func") || rest[..end].contains(".entry");
            if is_function && rest.as_bytes()[end] == b'{' {
                let close = closing(&rest[end..]).ok_or("a body without end")? + end;
                bodies.push((&rest[..end], &rest[end + 1..close]));
                rest = &rest[close + 1..];
                continue;
            }
            let end = rest.find(';').ok_or("a declaration without end")?;
            if !is_function {
                self.variable(&rest[..end])?;
            }
            rest = &rest[end + 1..];
        }
    }

    /// `.const .align 8 .b8 name[16] = {1, 2, …}`, `.shared .align 4 .b8 name[64]`.
    fn variable(&mut self, text: &str) -> Result<(), Fault> {
        let (declaration, values) = text.split_once('=').map_or((text, ""), |(left, right)| (left, right));
        let declared = Declared::of(declaration)?;
        if declaration.contains(".const") {
            let at = self.constants.len().next_multiple_of(declared.align);
            self.constants.resize(at + declared.size, 0);
            let values = values.trim().trim_start_matches('{').trim_end_matches('}');
            for (n, value) in values.split(',').filter(|value| !value.trim().is_empty()).enumerate() {
                let value: u64 = decode::integer(value.trim()).ok_or_else(|| format!("{value:?} in {}", declared.name))?;
                self.constants[at + n * declared.element..][..declared.element].copy_from_slice(&value.to_le_bytes()[..declared.element]);
            }
            self.symbols.insert(declared.name, Symbol { space: Space::Constant, at });
            return Ok(());
        }
        if declaration.contains(".shared") {
            self.shared(declared);
            return Ok(());
        }
        Err(format!("a variable that is neither constant nor shared: {declaration}"))
    }

    fn shared(&mut self, declared: Declared) {
        let at = self.shared.next_multiple_of(declared.align);
        self.shared = at + declared.size;
        self.symbols.insert(declared.name, Symbol { space: Space::Shared, at });
    }

    fn function(&mut self, head: &str, body: &str) -> Result<Function, Fault> {
        let mut function = Function { name: function_name(head)?.to_owned(), ..Function::default() };
        let mut symbols = HashMap::new();
        let own = head.split_once(&*function.name).map_or("", |(_, parameters)| parameters);
        for text in between(own).split(',').filter(|text| !text.trim().is_empty()) {
            let declared = Declared::of(text)?;
            let at = function.parameters.next_multiple_of(declared.align);
            function.parameters = at + declared.size;
            function.places.push((at, declared.size));
            symbols.insert(declared.name, Symbol { space: Space::Parameter, at });
        }
        if let Some((before, _)) = head.split_once(&*function.name)
            && before.contains(".param")
        {
            let declared = Declared::of(between(before))?;
            function.result = Some(exchange(&mut function.call, &mut symbols, declared));
        }
        let mut lines = vec![];
        let (mut registers, mut labels) = (HashMap::new(), HashMap::new());
        for statement in body.split(';') {
            let mut statement = statement.trim();
            // The braces of a block are nothing to us, nor is the `.reg` that each call's block declares and does not use.
            loop {
                let inside = statement.trim_start_matches(['{', '}']).trim_start();
                statement = match label(inside) {
                    Some((label, rest)) => {
                        labels.insert(label.to_owned(), lines.len());
                        rest.trim()
                    }
                    None if inside.len() == statement.len() => break,
                    None => inside,
                };
            }
            match statement.split_whitespace().next().unwrap_or_default() {
                "" => {}
                ".reg" => declare_registers(statement, &mut registers, &mut function.registers)?,
                ".local" => {
                    let declared = Declared::of(statement)?;
                    let at = function.local.next_multiple_of(declared.align);
                    function.local = at + declared.size;
                    symbols.insert(declared.name, Symbol { space: Space::Local, at });
                }
                ".shared" => self.shared(Declared::of(statement)?),
                ".param" => drop(exchange(&mut function.call, &mut symbols, Declared::of(statement)?)),
                directive if directive.starts_with('.') => {}
                _ => lines.push(statement.to_owned()),
            }
        }
        let scope = Scope { module: self, symbols, registers };
        for line in &lines {
            let instruction =
                decode::instruction(line, &scope, &labels).map_err(|fault| format!("{}: {line:?}: {fault}", function.name))?;
            function.code.push(instruction);
        }
        function.code.push(Instruction { guard: None, code: Code::Return });
        Ok(function)
    }
}

fn label(statement: &str) -> Option<(&str, &str)> {
    let (name, rest) = statement.split_once(':')?;
    (name.starts_with('$') && !name.contains(char::is_whitespace)).then_some((name, rest))
}

/// Where the brace that opens the text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().position(|byte| {
        depth += match byte {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        };
        depth == 0
    })
}

fn between(text: &str) -> &str {
    let inside = text.split_once('(').map_or("", |(_, rest)| rest);
    inside.rsplit_once(')').map_or("", |(inside, _)| inside)
}

/// `.visible .entry name(…)` or `.func (.param .b32 result) name (…)`.
fn function_name(head: &str) -> Result<&str, Fault> {
    let behind = head.split_once(".entry").or_else(|| head.split_once(".func")).map(|(_, rest)| rest.trim_start());
    let behind = behind.ok_or_else(|| format!("no function: {head}"))?;
    let behind = if behind.starts_with('(') { behind.split_once(')').map_or("", |(_, rest)| rest) } else { behind };
    Ok(behind.split(['(', '\n']).next().unwrap_or_default().trim())
}

fn exchange(call: &mut usize, symbols: &mut HashMap<String, Symbol>, declared: Declared) -> usize {
    let at = call.next_multiple_of(16);
    *call = at + declared.size;
    symbols.insert(declared.name, Symbol { space: Space::Call, at });
    at
}

/// `.reg .b32 %r<12>` or `.reg .b64 %SP`.
fn declare_registers(text: &str, registers: &mut HashMap<String, u32>, count: &mut usize) -> Result<(), Fault> {
    let name = text.split_whitespace().last().unwrap_or_default();
    let names = match name.split_once('<') {
        Some((prefix, number)) => {
            let number: u32 = number.trim_end_matches('>').parse().map_err(|_| format!("registers {text:?}"))?;
            (0..number).map(|n| format!("{prefix}{n}")).collect()
        }
        None => vec![name.to_owned()],
    };
    for name in names {
        registers.insert(name, *count as u32);
        *count += 1;
    }
    Ok(())
}

/// A variable's or parameter's declaration.
struct Declared {
    name: String,
    align: usize,
    element: usize,
    size: usize,
}

impl Declared {
    fn of(text: &str) -> Result<Self, Fault> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let name = words.last().copied().unwrap_or_default();
        let element =
            words.iter().find_map(|word| decode::size(word.trim_start_matches('.'))).ok_or_else(|| format!("no type: {text:?}"))?;
        let align = words.iter().position(|&word| word == ".align").and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(element);
        let (name, count) = match name.split_once('[') {
            Some((name, count)) => (name, count.trim_end_matches(']').parse().map_err(|_| format!("no size: {text:?}"))?),
            None => (name, 1),
        };
        Ok(Self { name: name.to_owned(), align, element, size: element * count })
    }
}
