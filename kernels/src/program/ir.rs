//! The instruction set.
//!
//! Owns names, operands and attributes of instructions and the meaning of each in one sentence; every rounding is in that
//! sentence. Refuses to check: that is `shape`'s.

/// The name of a value: the place of the instruction that makes it.
pub type Id = u32;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32 = 1,
    /// Unsigned 32-bit integers: labels and classes.
    U32 = 2,
}

/// Element type and static shape, outermost axis first; a scalar has no axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    pub dtype: Dtype,
    pub shape: Vec<u32>,
}

impl Type {
    /// A tensor of f32.
    pub fn f32(shape: &[u32]) -> Self {
        Self { dtype: Dtype::F32, shape: shape.to_vec() }
    }

    /// A tensor of u32.
    pub fn u32(shape: &[u32]) -> Self {
        Self { dtype: Dtype::U32, shape: shape.to_vec() }
    }

    /// Number of elements, saturating: a product too large is refused by its size.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1u64, |product, &n| product.saturating_mul(u64::from(n)))
    }

    /// Bytes of the elements.
    pub fn bytes(&self) -> u64 {
        self.elements().saturating_mul(4)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dtype = match self.dtype {
            Dtype::F32 => "f32",
            Dtype::U32 => "u32",
        };
        write!(f, "{dtype}{:?}", self.shape)
    }
}

/// One instruction. Attributes that are numbers are kept as their bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Tensor `tensor` of the state.
    State { tensor: u32, shape: Vec<u32> },
    /// Argument `slot` of the execution.
    Input { slot: u32, dtype: Dtype, shape: Vec<u32> },
    /// Every element is the f32 with these bits.
    Fill { bits: u32, shape: Vec<u32> },
    /// A·B of two matrices, each read transposed if so marked; chunk rule over the common axis.
    MatMul { a: Id, b: Id, a_transposed: bool, b_transposed: bool },
    /// x\[i,j\] + bias\[j\], one rounding.
    AddBias { x: Id, bias: Id },
    /// max(x, +0).
    Relu { x: Id },
    /// gradient where x > 0, else +0 (so at NaN).
    ReluGrad { x: Id, gradient: Id },
    /// For each row: log(s) − (x\[label\] − max), where s = Σ exp(x − max) by the lane rule.
    CrossEntropy { logits: Id, labels: Id },
    /// For each row i and class j: (exp(x − max) ÷ s − \[j is the label\]) × gradient\[i\].
    CrossEntropyGrad { logits: Id, labels: Id, gradient: Id },
    /// Σ x ÷ n over a vector: lane rule, then one division.
    Mean { x: Id },
    /// A vector of `count` elements, each gradient ÷ count.
    MeanGrad { gradient: Id, count: u32 },
    /// Σ over rows of a matrix, for each column: chunk rule.
    SumRows { x: Id },
    /// a + b, element by element.
    Add { a: Id, b: Id },
    /// Σ x² over all elements by the lane rule: a scalar.
    SumSquares { x: Id },
    /// √x, element by element.
    Sqrt { x: Id },
    /// fma(momentum, velocity, gradient).
    Velocity { velocity: Id, gradient: Id, momentum: u32 },
    /// fma(−rate, velocity, parameter).
    Descend { parameter: Id, velocity: Id, rate: u32 },
    /// For each row the lowest index of its largest element; NaN is larger than any number.
    Argmax { x: Id },
}

impl Op {
    /// The instruction's name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Input { .. } => "input",
            Self::Fill { .. } => "fill",
            Self::MatMul { .. } => "matmul",
            Self::AddBias { .. } => "add_bias",
            Self::Relu { .. } => "relu",
            Self::ReluGrad { .. } => "relu_grad",
            Self::CrossEntropy { .. } => "cross_entropy",
            Self::CrossEntropyGrad { .. } => "cross_entropy_grad",
            Self::Mean { .. } => "mean",
            Self::MeanGrad { .. } => "mean_grad",
            Self::SumRows { .. } => "sum_rows",
            Self::Add { .. } => "add",
            Self::SumSquares { .. } => "sum_squares",
            Self::Sqrt { .. } => "sqrt",
            Self::Velocity { .. } => "velocity",
            Self::Descend { .. } => "descend",
            Self::Argmax { .. } => "argmax",
        }
    }

    /// The values it reads, in the order of their declaration.
    pub fn operands(&self) -> Vec<Id> {
        match *self {
            Self::State { .. } | Self::Input { .. } | Self::Fill { .. } => vec![],
            Self::MatMul { a, b, .. } | Self::Add { a, b } => vec![a, b],
            Self::AddBias { x, bias } => vec![x, bias],
            Self::ReluGrad { x, gradient } => vec![x, gradient],
            Self::CrossEntropy { logits, labels } => vec![logits, labels],
            Self::CrossEntropyGrad { logits, labels, gradient } => vec![logits, labels, gradient],
            Self::MeanGrad { gradient, .. } => vec![gradient],
            Self::Velocity { velocity, gradient, .. } => vec![velocity, gradient],
            Self::Descend { parameter, velocity, .. } => vec![parameter, velocity],
            Self::Relu { x } | Self::Mean { x } | Self::SumRows { x } | Self::SumSquares { x } | Self::Sqrt { x } | Self::Argmax { x } => {
                vec![x]
            }
        }
    }
}
