//! The instruction set, each instruction declared once.
//!
//! Owns code, name, operands, attributes and meaning of every instruction; every rounding is in the sentence that says its
//! meaning. A declaration gives the variant, its name, its operands and its canonical words, operands first. Operands
//! «broadcast» where it says so: shapes are aligned at the last axis, and an axis that is absent or 1 is repeated.
//! What merely moves elements copies their bits.

use super::ir::{Binary, Dtype, Id, Reduction, Relation, Unary};
use crate::error::ProgramError;

macro_rules! instructions {
    ($($(#[$doc:meta])* $code:literal $name:literal $variant:ident ($($operand:ident),*) {$($attribute:ident: $kind:ty),*})*) => {
        /// One instruction. Attributes that are numbers are kept as their bits.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Op { $($(#[$doc])* $variant { $($operand: Id,)* $($attribute: $kind,)* },)* }

        impl Op {
            /// The values it reads, in the order of their declaration.
            #[allow(unused_mut)]
            pub fn operands(&self) -> Vec<Id> {
                match self {
                    $(Self::$variant { $($operand,)* $($attribute,)* } => {
                        let mut operands: Vec<Id> = vec![$(*$operand),*];
                        $(operands.extend_from_slice(Attribute::operands($attribute));)*
                        operands
                    })*
                }
            }

            fn family(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }

            /// Its code, and its canonical words.
            #[allow(unused_mut)]
            pub(super) fn words(&self) -> (u32, Vec<u32>) {
                match self {
                    $(Self::$variant { $($operand,)* $($attribute,)* } => {
                        let mut words: Vec<u32> = vec![$(*$operand),*];
                        $($attribute.put(&mut words);)*
                        ($code, words)
                    })*
                }
            }

            /// Reads what `words` writes. `id` is the place of the instruction, for the error.
            pub(super) fn of(id: Id, code: u32, mut words: &[u32]) -> Result<Self, ProgramError> {
                let (name, op) = match code {
                    $($code => ($name, Self::$variant {
                        $($operand: Attribute::take(&mut words).ok_or(ProgramError::Misshapen { id, op: $name })?,)*
                        $($attribute: Attribute::take(&mut words).ok_or(ProgramError::Misshapen { id, op: $name })?,)*
                    }),)*
                    _ => return Err(ProgramError::Unknown { id, code }),
                };
                if words.is_empty() { Ok(op) } else { Err(ProgramError::Misshapen { id, op: name }) }
            }
        }
    };
}

instructions! {
    /// Tensor `tensor` of the state.
    1 "state" State () { tensor: u32, shape: Vec<u32> }
    /// Argument `slot` of the execution.
    2 "input" Input () { slot: u32, dtype: Dtype, shape: Vec<u32> }
    /// Every element is the f32 with these bits.
    3 "fill" Fill () { bits: u32, shape: Vec<u32> }
    /// A·B of two matrices, each read transposed if so marked; chunk rule over the common axis.
    4 "matmul" MatMul (a, b) { a_transposed: bool, b_transposed: bool }
    /// x\[i,j\] + bias\[j\], one rounding.
    5 "add_bias" AddBias (x, bias) {}
    /// max(x, +0).
    6 "relu" Relu (x) {}
    /// gradient where x > 0, else +0 (so at NaN).
    7 "relu_grad" ReluGrad (x, gradient) {}
    /// For each row: log(s) − (x\[label\] − max), where s = Σ exp(x − max) by the lane rule.
    8 "cross_entropy" CrossEntropy (logits, labels) {}
    /// For each row i and class j: (exp(x − max) ÷ s − \[j is the label\]) × gradient\[i\].
    9 "cross_entropy_grad" CrossEntropyGrad (logits, labels, gradient) {}
    /// Σ x ÷ n over a vector: lane rule, then one division.
    10 "mean" Mean (x) {}
    /// A vector of `count` elements, each gradient ÷ count.
    11 "mean_grad" MeanGrad (gradient) { count: u32 }
    /// Σ over rows of a matrix, for each column: chunk rule.
    12 "sum_rows" SumRows (x) {}
    /// a + b, element by element, of one shape.
    13 "add" Add (a, b) {}
    /// Σ x² over all elements by the lane rule: a scalar.
    14 "sum_squares" SumSquares (x) {}
    /// √x, element by element.
    15 "sqrt" Sqrt (x) {}
    /// fma(momentum, velocity, gradient).
    16 "velocity" Velocity (velocity, gradient) { momentum: u32 }
    /// fma(−rate, velocity, parameter).
    17 "descend" Descend (parameter, velocity) { rate: u32 }
    /// For each row the lowest index of its largest element; NaN is larger than any number.
    18 "argmax" Argmax (x) {}
    /// The nearest value of another type: ties to even, a float beyond an integer's range to its end, NaN to the integer 0.
    /// bf16 turns to and from f32 only.
    19 "cast" Cast (x) { to: Dtype }
    /// A function of each element.
    20 "map" Map (x) { function: Unary }
    /// A function of each pair of elements; broadcasts.
    21 "zip" Zip (a, b) { function: Binary }
    /// a × b + c with one rounding; broadcasts.
    22 "fma" Fma (a, b, c) {}
    /// 1 where the relation holds of a pair, else 0, as u32; broadcasts.
    23 "compare" Compare (a, b) { relation: Relation }
    /// a where the condition is not 0, else b; broadcasts.
    24 "select" Select (condition, a, b) {}
    /// A reduction of one axis.
    25 "reduce" Reduce (x) { function: Reduction, axis: u32 }
    /// x repeated to a shape that it broadcasts to.
    26 "broadcast" Broadcast (x) { shape: Vec<u32> }
    /// The same elements in the same order under another shape.
    27 "reshape" Reshape (x) { shape: Vec<u32> }
    /// Axis i of the result is axis `axes[i]` of x.
    28 "permute" Permute (x) { axes: Vec<u32> }
    /// `length` places of one axis from `start` on.
    29 "slice" Slice (x) { axis: u32, start: u32, length: u32 }
    /// The parts one behind the other along an axis.
    30 "concat" Concat () { parts: Operands, axis: u32 }
    /// x itself; no gradient passes.
    31 "detach" Detach (x) {}
    /// Every element is its own place on the axis, as u32.
    32 "iota" Iota () { axis: u32, shape: Vec<u32> }
    /// Every element is the integer (u32 or i32) with these bits.
    33 "fill_integer" FillInteger () { dtype: Dtype, bits: u32, shape: Vec<u32> }
    /// Random words: element e of sample i is word e mod 4 of Philox4x32-10 under key `seed` (two words, low first) at
    /// counter (e ÷ 4, samples\[i\], site, step). `shape` is that of one sample.
    34 "random" Random (seed, samples, step) { site: u32, shape: Vec<u32> }
    /// A·B of the matrices in the last two axes, for each place in the axes before; each read transposed if so marked;
    /// chunk rule over the common axis.
    35 "batched_matmul" BatchedMatMul (a, b) { a_transposed: bool, b_transposed: bool }
    /// A·B of two matrices of i8, each read transposed if so marked, in i32: exact, since the common axis is at most 131 072.
    36 "matmul_i8" MatMulI8 (a, b) { a_transposed: bool, b_transposed: bool }
    /// Cross-correlation of x\[n, y, x, ci\] with weight\[ky, kx, ci, co\]: chunk rule over (ky, kx, ci), where padding on
    /// all four sides is a real +0 that is multiplied and added.
    37 "conv2d" Conv2d (x, weight) { stride: u32, padding: u32 }
    /// Its gradient by x, of the given height and width: chunk rule over (ky, kx, co); where no output saw the place, the
    /// output's gradient is a real +0.
    38 "conv2d_grad_input" Conv2dGradInput (weight, gradient) { stride: u32, padding: u32, height: u32, width: u32 }
    /// Its gradient by weights of the given height and width: chunk rule over (n, oy, ox), with the padding's real +0.
    39 "conv2d_grad_weight" Conv2dGradWeight (x, gradient) { stride: u32, padding: u32, height: u32, width: u32 }
    /// The largest of each square window of x\[n, y, x, c\].
    40 "max_pool" MaxPool (x) { kernel: u32, stride: u32 }
    /// For each element of x the sum, in ascending (oy, ox) and by the chunk rule, over the windows whose first largest
    /// element, in order (ky, kx), it is.
    41 "max_pool_grad" MaxPoolGrad (x, gradient) { kernel: u32, stride: u32 }
    /// Σ over (ky, kx) of each square window by the chunk rule, then ÷ the number of its elements.
    42 "average_pool" AveragePool (x) { kernel: u32, stride: u32 }
    /// For each element of the input, of the given height and width: the sum, in ascending (oy, ox) and by the chunk rule,
    /// over the windows that it is in, then ÷ the number of a window's elements.
    43 "average_pool_grad" AveragePoolGrad (gradient) { kernel: u32, stride: u32, height: u32, width: u32 }
    /// Row ids\[i\] of the table; a row of NaN where there is none.
    44 "embedding" Embedding (table, ids) {}
    /// Row r is the sum of the gradient's rows at the positions of id r, ascending, by the chunk rule. `rows` are the table's.
    45 "embedding_grad" EmbeddingGrad (ids, gradient) { rows: u32 }
}

impl Op {
    /// The instruction's name in errors: its function's, where it is one of a family.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Map { function, .. } => function.name(),
            Self::Zip { function, .. } => function.name(),
            Self::Compare { relation, .. } => relation.name(),
            Self::Reduce { function, .. } => function.name(),
            _ => self.family(),
        }
    }
}

/// Operands of an instruction that takes any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operands(pub Vec<Id>);

/// What stands in an instruction's words.
pub(super) trait Attribute: Sized {
    /// Appends its words.
    fn put(&self, words: &mut Vec<u32>);
    /// Takes its words from the front.
    fn take(words: &mut &[u32]) -> Option<Self>;
    /// The values it names.
    fn operands(&self) -> &[Id] {
        &[]
    }
}

impl Attribute for u32 {
    fn put(&self, words: &mut Vec<u32>) {
        words.push(*self);
    }

    fn take(words: &mut &[u32]) -> Option<Self> {
        words.split_off_first().copied()
    }
}

impl Attribute for bool {
    fn put(&self, words: &mut Vec<u32>) {
        words.push(u32::from(*self));
    }

    fn take(words: &mut &[u32]) -> Option<Self> {
        u32::take(words).filter(|&word| word < 2).map(|word| word == 1)
    }
}

/// Their number, then they.
impl Attribute for Vec<u32> {
    fn put(&self, words: &mut Vec<u32>) {
        words.push(self.len() as u32);
        words.extend_from_slice(self);
    }

    fn take(words: &mut &[u32]) -> Option<Self> {
        let count = u32::take(words)? as usize;
        words.split_off(..count).map(<[u32]>::to_vec)
    }
}

impl Attribute for Operands {
    fn put(&self, words: &mut Vec<u32>) {
        self.0.put(words);
    }

    fn take(words: &mut &[u32]) -> Option<Self> {
        Vec::take(words).map(Self)
    }

    fn operands(&self) -> &[Id] {
        &self.0
    }
}
