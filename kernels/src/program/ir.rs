//! Types of values, and the families of functions that instructions apply.
//!
//! Owns element types, shapes and, for each function of a family, its name, its number and its meaning in one sentence
//! in which every rounding is. Refuses the instructions themselves, which are `op`'s, and checks, which are `shape`'s.

use super::op::Attribute;

/// The name of a value: the place of the instruction that makes it.
pub type Id = u32;

/// A set of alternatives that canonical bytes name by number. A number once given is never given again.
macro_rules! family {
    ($(#[$meta:meta])* $family:ident { $($(#[$doc:meta])* $variant:ident = $word:literal $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $family { $($(#[$doc])* $variant = $word,)* }

        impl $family {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name for people.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl Attribute for $family {
            fn put(&self, words: &mut Vec<u32>) {
                words.push(*self as u32);
            }

            fn take(words: &mut &[u32]) -> Option<Self> {
                let word = u32::take(words)?;
                Self::ALL.iter().copied().find(|&of| of as u32 == word)
            }
        }
    };
}

family! {
    /// Type of a tensor's elements.
    Dtype {
        /// IEEE 754 binary32.
        F32 = 1 "f32",
        /// Unsigned 32-bit integers: labels, classes, conditions, random words.
        U32 = 2 "u32",
        /// Integers from −127 to 127: factors of an exact product. −128 is none, so that a sign can always be turned.
        I8 = 3 "i8",
        /// Signed 32-bit integers: exact products.
        I32 = 4 "i32",
        /// The upper half of a binary32: storage only, nothing computes in it.
        Bf16 = 5 "bf16",
    }
}

family! {
    /// Functions of one f32.
    Unary {
        /// −x.
        Negate = 1 "negate",
        /// |x|.
        Absolute = 2 "absolute",
        /// 1 ÷ x.
        Reciprocal = 3 "reciprocal",
        /// eˣ, correctly rounded.
        Exp = 4 "exp",
        /// The natural logarithm, correctly rounded.
        Log = 5 "log",
        /// With e = exp(−|x|) and r = 1 ÷ (1 + e): e × r for x < 0, else r. Nothing overflows, and no small result is lost.
        Sigmoid = 6 "sigmoid",
        /// The hyperbolic tangent, correctly rounded.
        Tanh = 7 "tanh",
        /// The error function, correctly rounded.
        Erf = 8 "erf",
        /// The sine, correctly rounded.
        Sin = 9 "sin",
        /// The cosine, correctly rounded.
        Cos = 10 "cos",
    }
}

family! {
    /// Functions of two f32, one rounding each.
    Binary {
        /// a + b.
        Add = 1 "add",
        /// a − b.
        Subtract = 2 "subtract",
        /// a × b.
        Multiply = 3 "multiply",
        /// a ÷ b.
        Divide = 4 "divide",
        /// The larger: −0 < +0, a NaN wins.
        Maximum = 5 "maximum",
        /// The smaller: −0 < +0, a NaN wins.
        Minimum = 6 "minimum",
    }
}

family! {
    /// Relations of two numbers of one type: 1 where it holds, else 0. None holds for a NaN; −0 equals +0.
    Relation {
        /// a = b.
        Equal = 1 "equal",
        /// a < b.
        Less = 2 "less",
        /// a ≤ b.
        LessOrEqual = 3 "less_or_equal",
    }
}

family! {
    /// Reductions of one axis, which remains with length 1. Over the last axis sums follow the lane rule, over any other
    /// the chunk rule.
    Reduction {
        /// Σ x.
        Sum = 1 "sum",
        /// Σ x², each square fused into its sum.
        SumSquares = 2 "sum_squares_of",
        /// The largest: −0 < +0, a NaN wins.
        Maximum = 3 "maximum_of",
    }
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> u64 {
        match self {
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::Bf16 => 2,
            Self::I8 => 1,
        }
    }

    /// Whether its values approximate real numbers, so that gradients pass through them.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::Bf16)
    }
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
        self.elements().saturating_mul(self.dtype.size())
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.dtype.name(), self.shape)
    }
}
