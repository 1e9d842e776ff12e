//! Which kernels an instruction is, and on what: the twin of `exec/dispatch.rs`.
//!
//! Owns the launches of every instruction that is not generated, and their scratch. Refuses arithmetic, and refuses to wait for
//! the machine: nothing here reads a value.

use super::engine::Run;
use super::machine::{Address, Argument, Launch, Machine};
use super::products::{Division, add_chunks, axes, convolution, launches, matrices};
use crate::error::KernelError;
use crate::program::{Id, Op, Reduction, Type};

/// Elements of a block of the lane rule.
const BLOCK: u64 = 4096;
/// Terms of a chunk.
const CHUNK: u64 = 512;
/// The most warps of a block.
const WARPS: u64 = 32;

impl<M: Machine> Run<'_, M> {
    /// Launches an instruction that is not generated.
    pub(super) fn compute(&self, op: &Op, wanted: &Type, out: Address) -> Result<(), KernelError> {
        match *op {
            Op::MatMul { a, b, a_transposed, b_transposed } | Op::BatchedMatMul { a, b, a_transposed, b_transposed } => {
                let (sizes, words) = matrices(self.type_of(a), wanted, [a_transposed, b_transposed]);
                self.product("matmul", sizes, out, [a, b], &words)
            }
            Op::MatMulI8 { a, b, a_transposed, b_transposed } => {
                let (sizes, words) = matrices(self.type_of(a), wanted, [a_transposed, b_transposed]);
                let words = Argument::Words([&words[..], &[0, 0]].concat());
                let grid = [(sizes.m.div_ceil(64) * sizes.n.div_ceil(64)) as u32, 1];
                let arguments = vec![Argument::Address(out), self.at(a), self.at(b), words];
                self.launch(&Launch { kernel: "matmul_i8".to_owned(), grid, threads: 256, arguments })
            }
            Op::Conv2d { x, weight, .. } => {
                let (sizes, words) = convolution(op, self.type_of(x), self.type_of(weight), wanted);
                self.product("conv2d", sizes, out, [x, weight], &words)
            }
            Op::Conv2dGradInput { weight, gradient, .. } => {
                let (sizes, words) = convolution(op, wanted, self.type_of(weight), self.type_of(gradient));
                self.product("conv2d_grad_input", sizes, out, [weight, gradient], &words)
            }
            Op::Conv2dGradWeight { x, gradient, .. } => {
                let (sizes, words) = convolution(op, self.type_of(x), wanted, self.type_of(gradient));
                self.product("conv2d_grad_weight", sizes, out, [x, gradient], &words)
            }
            Op::MaxPool { x, kernel, stride } => self.pool("max_pool", &[x], [self.type_of(x), wanted], [kernel, stride], wanted, out),
            Op::AveragePool { x, kernel, stride } => {
                self.pool("average_pool", &[x], [self.type_of(x), wanted], [kernel, stride], wanted, out)
            }
            Op::MaxPoolGrad { x, gradient, kernel, stride } => {
                self.pool("max_pool_grad", &[x, gradient], [wanted, self.type_of(gradient)], [kernel, stride], wanted, out)
            }
            Op::AveragePoolGrad { gradient, kernel, stride, .. } => {
                self.pool("average_pool_grad", &[gradient], [wanted, self.type_of(gradient)], [kernel, stride], wanted, out)
            }
            _ => self.reduced(op, wanted, out),
        }
    }

    fn reduced(&self, op: &Op, wanted: &Type, out: Address) -> Result<(), KernelError> {
        match *op {
            Op::SumSquares { x } => self.lanes(out, self.address(x), 1, self.type_of(x).elements(), true),
            Op::Mean { x } => {
                let count = self.type_of(x).elements();
                let sum = self.scratch(4)?;
                self.lanes(sum.at, self.address(x), 1, count, false)?;
                self.launch(&Launch::each("mean", 1, vec![Argument::Address(out), Argument::Address(sum.at), Argument::Word(count as u32)]))
            }
            Op::SumRows { x } => self.chunks(out, x, [1, u64::from(self.type_of(x).shape[0]), wanted.elements()], false),
            Op::Reduce { x, function, axis } => self.reduce(out, x, function, axis as usize),
            Op::Argmax { x } => self.rows("argmax", &[x], x, out),
            Op::CrossEntropy { logits, labels } => self.rows("cross_entropy", &[logits, labels], logits, out),
            Op::CrossEntropyGrad { logits, labels, gradient } => self.rows("cross_entropy_grad", &[logits, labels, gradient], logits, out),
            _ => self.looked_up(op, wanted, out),
        }
    }

    fn looked_up(&self, op: &Op, wanted: &Type, out: Address) -> Result<(), KernelError> {
        let count = wanted.elements();
        let last = |of: &Type| of.shape.last().copied().unwrap_or(1);
        match *op {
            Op::Embedding { table, ids } => {
                let numbers = [count as u32, self.type_of(table).shape[0], last(wanted)];
                self.launch(&Launch::each("embedding", count, self.arguments(out, &[table, ids], &numbers)))
            }
            Op::EmbeddingGrad { ids, gradient, rows } => {
                let columns = last(wanted);
                let numbers = [self.type_of(ids).elements() as u32, rows, columns];
                let warps = u64::from(rows) * u64::from(columns.div_ceil(32));
                self.launch(&Launch::warps("embedding_grad", warps, self.arguments(out, &[ids, gradient], &numbers)))
            }
            Op::Random { seed, samples, step, site, ref shape } => {
                let numbers = [count as u32, Type::u32(shape).elements() as u32, site];
                self.launch(&Launch::each("random_words", count, self.arguments(out, &[seed, samples, step], &numbers)))
            }
            Op::Concat { ref parts, axis } => self.concat(&parts.0, axis as usize, wanted, out),
            _ => unreachable!("{} is generated, given, or another's elements", op.name()),
        }
    }

    fn product(
        &self,
        name: &str,
        sizes: super::products::Sizes,
        out: Address,
        operands: [Id; 2],
        words: &[u32],
    ) -> Result<(), KernelError> {
        let division = Division::of(sizes);
        let scratch = self.scratch(4 * division.apart * sizes.m * sizes.n)?;
        let operands = operands.map(|operand| self.address(operand));
        launches(name, sizes, division, out, operands, words, scratch.at).iter().try_for_each(|launch| self.launch(launch))
    }

    /// `types` are those of the larger image and of the windows.
    fn pool(
        &self,
        kernel: &str,
        operands: &[Id],
        types: [&Type; 2],
        window: [u32; 2],
        wanted: &Type,
        out: Address,
    ) -> Result<(), KernelError> {
        let ([images, height, width, channels], [_, rows, columns, _]) = (axes(types[0]), axes(types[1]));
        let words = vec![images, height, width, rows, columns, channels, window[0], window[1]];
        let mut arguments = self.arguments(out, operands, &[]);
        arguments.push(Argument::Words(words));
        self.launch(&Launch::each(kernel, wanted.elements(), arguments))
    }

    /// A kernel with a warp for each row of matrix `x`.
    fn rows(&self, kernel: &str, operands: &[Id], x: Id, out: Address) -> Result<(), KernelError> {
        let [rows, length] = [self.type_of(x).shape[0], self.type_of(x).shape[1]];
        self.launch(&Launch::warps(kernel, rows.into(), self.arguments(out, operands, &[rows, length])))
    }

    fn reduce(&self, out: Address, x: Id, function: Reduction, axis: usize) -> Result<(), KernelError> {
        let shape = &self.type_of(x).shape;
        let product = |axes: &[u32]| axes.iter().map(|&n| u64::from(n)).product::<u64>();
        let (outer, length, inner) = (product(&shape[..axis]), u64::from(shape[axis]), product(&shape[axis + 1..]));
        let last = axis + 1 == shape.len();
        match (function, last) {
            (Reduction::Maximum, true) => {
                let numbers = [outer as u32, length as u32];
                self.launch(&Launch::warps("row_maxima", outer, self.arguments(out, &[x], &numbers)))
            }
            (Reduction::Maximum, false) => {
                let numbers = [(outer * inner) as u32, length as u32, inner as u32];
                self.launch(&Launch::each("line_maxima", outer * inner, self.arguments(out, &[x], &numbers)))
            }
            (_, true) => self.lanes(out, self.address(x), outer, length, function == Reduction::SumSquares),
            (_, false) => self.chunks(out, x, [outer, length, inner], function == Reduction::SumSquares),
        }
    }

    /// The lane rule over rows: blocks, then their values by the same rule.
    fn lanes(&self, out: Address, x: Address, rows: u64, length: u64, square: bool) -> Result<(), KernelError> {
        let blocks = length.div_ceil(BLOCK);
        if (2..=WARPS).contains(&blocks) {
            let arguments =
                vec![Argument::Address(out), Argument::Address(x), Argument::Word(length as u32), Argument::Word(square.into())];
            return self.launch(&Launch { kernel: "lane_rows".to_owned(), grid: [rows as u32, 1], threads: 32 * blocks as u32, arguments });
        }
        let scratch = self.scratch(if blocks == 1 { 0 } else { 4 * rows * blocks })?;
        let sums = if blocks == 1 { out } else { scratch.at };
        let numbers = [rows as u32, length as u32, blocks as u32, u32::from(square)].map(Argument::Word);
        let arguments = [Argument::Address(sums), Argument::Address(x)].into_iter().chain(numbers).collect();
        self.launch(&Launch::warps("lane_blocks", rows * blocks, arguments))?;
        if blocks == 1 { Ok(()) } else { self.lanes(out, sums, rows, blocks, false) }
    }

    /// The chunk rule over any axis but the last: chunks, then their values in order.
    fn chunks(&self, out: Address, x: Id, [outer, length, inner]: [u64; 3], square: bool) -> Result<(), KernelError> {
        let (lines, chunks) = (outer * inner, length.div_ceil(CHUNK));
        if (2..=WARPS).contains(&chunks) {
            let arguments = self.arguments(out, &[x], &[lines as u32, length as u32, inner as u32, u32::from(square)]);
            let grid = [lines.div_ceil(32) as u32, 1];
            return self.launch(&Launch { kernel: "chunk_lines".to_owned(), grid, threads: 32 * chunks as u32, arguments });
        }
        let scratch = self.scratch(if chunks == 1 { 0 } else { 4 * lines * chunks })?;
        let sums = if chunks == 1 { out } else { scratch.at };
        let numbers = [lines as u32, length as u32, inner as u32, chunks as u32, u32::from(square)];
        self.launch(&Launch::each("chunk_sums", lines * chunks, self.arguments(sums, &[x], &numbers)))?;
        if chunks == 1 { Ok(()) } else { self.launch(&add_chunks(out, sums, lines, chunks, 0, 1)) }
    }

    fn concat(&self, parts: &[Id], axis: usize, wanted: &Type, out: Address) -> Result<(), KernelError> {
        let behind: u32 = wanted.shape[axis + 1..].iter().product();
        let pitch = wanted.shape[axis] * behind;
        let kernel = format!("concat_{}", wanted.dtype.size());
        let mut start = 0;
        for &part in parts {
            let of = self.type_of(part);
            let run = of.shape[axis] * behind;
            let numbers = [of.elements() as u32, run, pitch, start];
            self.launch(&Launch::each(&kernel, of.elements(), self.arguments(out, &[part], &numbers)))?;
            start += run;
        }
        Ok(())
    }

    /// Result, operands, then numbers: how most kernels are declared.
    fn arguments(&self, out: Address, operands: &[Id], numbers: &[u32]) -> Vec<Argument> {
        let operands = operands.iter().map(|&operand| self.at(operand));
        [Argument::Address(out)].into_iter().chain(operands).chain(numbers.iter().map(|&n| Argument::Word(n))).collect()
    }

    fn at(&self, id: Id) -> Argument {
        Argument::Address(self.address(id))
    }
}
