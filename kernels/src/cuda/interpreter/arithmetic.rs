//! What instructions compute, by the PTX ISA.
//!
//! Owns every operation on registers. A register is 64 bits of which an instruction reads its type's; a NaN that an operation makes is
//! the hardware's, which is not the one that the contract stores.

use super::Fault;

/// How an operand's bits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unsigned(u32),
    Signed(u32),
    F32,
    F64,
}

impl Kind {
    pub fn of(text: &str) -> Option<Self> {
        let bits = |digits: &str| digits.parse().ok().filter(|bits| [8, 16, 32, 64].contains(bits));
        match text {
            "f32" => Some(Self::F32),
            "f64" => Some(Self::F64),
            _ => match text.as_bytes().first()? {
                b'u' | b'b' => bits(&text[1..]).map(Self::Unsigned),
                b's' => bits(&text[1..]).map(Self::Signed),
                _ => None,
            },
        }
    }

    fn bits(self) -> u32 {
        match self {
            Self::Unsigned(bits) | Self::Signed(bits) => bits,
            Self::F32 => 32,
            Self::F64 => 64,
        }
    }

    /// The integer that these bits are.
    fn integer(self, x: u64) -> i128 {
        match self {
            Self::Signed(bits) => i128::from(((x << (64 - bits)) as i64) >> (64 - bits)),
            Self::Unsigned(bits) if bits < 64 => i128::from(x & ((1 << bits) - 1)),
            _ => i128::from(x),
        }
    }
}

fn f(x: u64) -> f32 {
    f32::from_bits(x as u32)
}

fn d(x: u64) -> f64 {
    f64::from_bits(x)
}

fn single(x: f32) -> u64 {
    u64::from(if x.is_nan() { 0x7FFF_FFFF } else { x.to_bits() })
}

fn double(x: f64) -> u64 {
    if x.is_nan() { 0xFFF8_0000_0000_0000 } else { x.to_bits() }
}

macro_rules! operations {
    ($(#[$doc:meta])* $family:ident ($($x:ident),*) -> $result:ty { $($variant:ident $($name:literal)|+ => $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $family { $($variant),* }

        impl $family {
            pub fn of(opcode: &str) -> Option<Self> {
                match opcode { $($($name)|+ => Some(Self::$variant),)* _ => None }
            }

            #[inline(always)]
            pub fn value(self $(, $x: u64)*) -> $result {
                match self { $(Self::$variant => $value,)* }
            }
        }
    };
}

operations! {
    /// Operations on one register.
    Unary(x) -> u64 {
        Move32 "mov.b32" | "mov.u32" | "mov.f32" | "mov.s32" => u64::from(x as u32);
        Move "mov.b64" | "mov.u64" | "mov.f64" | "mov.s64" | "mov.b16" | "mov.u16" | "mov.pred" | "cvta.to.global.u64" => x;
        ToLocal "cvta.to.local.u64" => x & !LOCAL;
        FromLocal "cvta.local.u64" => x | LOCAL;
        Not32 "not.b32" => u64::from(!(x as u32));
        Not64 "not.b64" => !x;
        NotPredicate "not.pred" => x ^ 1;
        Negate32 "neg.s32" => u64::from((x as u32).wrapping_neg());
        Negate64 "neg.s64" => x.wrapping_neg();
        NegateF32 "neg.f32" => u64::from(x as u32 ^ 0x8000_0000);
        NegateF64 "neg.f64" => x ^ (1 << 63);
        Absolute32 "abs.s32" => u64::from((x as i32).wrapping_abs() as u32);
        AbsoluteF32 "abs.f32" => u64::from(x as u32 & 0x7FFF_FFFF);
        AbsoluteF64 "abs.f64" => x & !(1 << 63);
        Reverse "brev.b32" => u64::from((x as u32).reverse_bits());
        FirstShift "bfind.shiftamt.u32" => u64::from(if x as u32 == 0 { u32::MAX } else { (x as u32).leading_zeros() });
        Zeros "clz.b32" => u64::from((x as u32).leading_zeros());
        Ones "popc.b32" => u64::from((x as u32).count_ones());
        Root "sqrt.rn.f32" => single(f(x).sqrt());
        Reciprocal "rcp.rn.f32" => single(1.0 / f(x));
        ReciprocalF64 "rcp.rn.f64" => double(1.0 / d(x));
    }
}

operations! {
    /// Operations on two registers.
    Binary(a, b) -> Result<u64, Fault> {
        AddF32 "add.rn.f32" => Ok(single(f(a) + f(b)));
        SubtractF32 "sub.rn.f32" => Ok(single(f(a) - f(b)));
        MultiplyF32 "mul.rn.f32" => Ok(single(f(a) * f(b)));
        MostF32 "max.f32" => Ok(single(most(f(a), f(b))));
        LeastF32 "min.f32" => Ok(single(-most(-f(a), -f(b))));
        DivideF32 "div.rn.f32" => Ok(single(f(a) / f(b)));
        AddF64 "add.rn.f64" => Ok(double(d(a) + d(b)));
        SubtractF64 "sub.rn.f64" => Ok(double(d(a) - d(b)));
        MultiplyF64 "mul.rn.f64" => Ok(double(d(a) * d(b)));
        DivideF64 "div.rn.f64" => Ok(double(d(a) / d(b)));
        Add32 "add.s32" | "add.u32" => Ok(u64::from((a as u32).wrapping_add(b as u32)));
        Add64 "add.s64" | "add.u64" => Ok(a.wrapping_add(b));
        Subtract32 "sub.s32" | "sub.u32" => Ok(u64::from((a as u32).wrapping_sub(b as u32)));
        Subtract64 "sub.s64" | "sub.u64" => Ok(a.wrapping_sub(b));
        Multiply16 "mul.lo.s16" | "mul.lo.u16" => Ok(u64::from((a as u16).wrapping_mul(b as u16)));
        Multiply32 "mul.lo.s32" | "mul.lo.u32" => Ok(u64::from((a as u32).wrapping_mul(b as u32)));
        Multiply64 "mul.lo.s64" | "mul.lo.u64" => Ok(a.wrapping_mul(b));
        WideU16 "mul.wide.u16" => Ok(u64::from(u32::from(a as u16) * u32::from(b as u16)));
        WideU32 "mul.wide.u32" => Ok(u64::from(a as u32) * u64::from(b as u32));
        WideS32 "mul.wide.s32" => Ok((i64::from(a as i32) * i64::from(b as i32)) as u64);
        High32 "mul.hi.u32" => Ok(u64::from(a as u32) * u64::from(b as u32) >> 32);
        High64 "mul.hi.u64" => Ok((u128::from(a) * u128::from(b) >> 64) as u64);
        DivideU16 "div.u16" => quotient(u64::from(a as u16), u64::from(b as u16));
        DivideU32 "div.u32" => quotient(u64::from(a as u32), u64::from(b as u32));
        DivideU64 "div.u64" => quotient(a, b);
        RemainderU16 "rem.u16" => remainder(u64::from(a as u16), u64::from(b as u16));
        RemainderU32 "rem.u32" => remainder(u64::from(a as u32), u64::from(b as u32));
        RemainderU64 "rem.u64" => remainder(a, b);
        And32 "and.b32" => Ok(u64::from(a as u32 & b as u32));
        Or32 "or.b32" => Ok(u64::from(a as u32 | b as u32));
        Xor32 "xor.b32" => Ok(u64::from(a as u32 ^ b as u32));
        And "and.b64" | "and.pred" | "and.b16" => Ok(a & b);
        Or "or.b64" | "or.pred" | "or.b16" => Ok(a | b);
        Xor "xor.b64" | "xor.pred" | "xor.b16" => Ok(a ^ b);
        LeftB16 "shl.b16" => Ok(u64::from((a as u16).checked_shl(b as u32).unwrap_or(0)));
        Left32 "shl.b32" => Ok(u64::from((a as u32).checked_shl(b as u32).unwrap_or(0)));
        Left64 "shl.b64" => Ok(a.checked_shl(b as u32).unwrap_or(0));
        RightU16 "shr.u16" => Ok(u64::from((a as u16).checked_shr(b as u32).unwrap_or(0)));
        RightU32 "shr.u32" => Ok(u64::from((a as u32).checked_shr(b as u32).unwrap_or(0)));
        RightU64 "shr.u64" => Ok(a.checked_shr(b as u32).unwrap_or(0));
        RightS32 "shr.s32" => Ok(u64::from(((a as i32) >> (b as u32).min(31)) as u32));
        RightS64 "shr.s64" => Ok(((a as i64) >> (b as u32).min(63)) as u64);
        LeastU32 "min.u32" => Ok(u64::from((a as u32).min(b as u32)));
        LeastU64 "min.u64" => Ok(a.min(b));
        LeastS32 "min.s32" => Ok(u64::from((a as i32).min(b as i32) as u32));
        LeastS16 "min.s16" => Ok(u64::from((a as i16).min(b as i16) as u16));
        MostU32 "max.u32" => Ok(u64::from((a as u32).max(b as u32)));
        MostS32 "max.s32" => Ok(u64::from((a as i32).max(b as i32) as u32));
        MostS16 "max.s16" => Ok(u64::from((a as i16).max(b as i16) as u16));
        LeastU16 "min.u16" => Ok(u64::from((a as u16).min(b as u16)));
    }
}

/// Of a NaN and a number the number; +0 is above −0.
fn most(a: f32, b: f32) -> f32 {
    if a.is_nan() || b > a || (a == b && a.is_sign_negative()) { b } else { a }
}

fn quotient(a: u64, b: u64) -> Result<u64, Fault> {
    a.checked_div(b).ok_or_else(|| "a division by zero".to_owned())
}

fn remainder(a: u64, b: u64) -> Result<u64, Fault> {
    a.checked_rem(b).ok_or_else(|| "a division by zero".to_owned())
}

/// Marks the address of a local variable among generic ones.
pub const LOCAL: u64 = 1 << 63;

/// Operations on three registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ternary {
    FusedF32,
    FusedF64,
    Add32,
    Add64,
    AddWideU32,
    AddWideS32,
    Dot,
    Funnel,
    /// Of so many bits.
    Insert(u32),
}

impl Ternary {
    pub fn of(opcode: &str) -> Option<Self> {
        match opcode {
            "fma.rn.f32" => Some(Self::FusedF32),
            "fma.rn.f64" => Some(Self::FusedF64),
            "mad.lo.s32" | "mad.lo.u32" => Some(Self::Add32),
            "mad.lo.s64" | "mad.lo.u64" => Some(Self::Add64),
            "mad.wide.u32" => Some(Self::AddWideU32),
            "mad.wide.s32" => Some(Self::AddWideS32),
            "dp4a.s32.s32" => Some(Self::Dot),
            "shf.l.wrap.b32" => Some(Self::Funnel),
            "bfi.b32" => Some(Self::Insert(0)),
            _ => None,
        }
    }

    #[inline(always)]
    pub fn value(self, a: u64, b: u64, c: u64) -> u64 {
        match self {
            Self::FusedF32 => single(f(a).mul_add(f(b), f(c))),
            Self::FusedF64 => double(d(a).mul_add(d(b), d(c))),
            Self::Add32 => u64::from((a as u32).wrapping_mul(b as u32).wrapping_add(c as u32)),
            Self::Add64 => a.wrapping_mul(b).wrapping_add(c),
            Self::AddWideU32 => (u64::from(a as u32) * u64::from(b as u32)).wrapping_add(c),
            Self::AddWideS32 => ((i64::from(a as i32) * i64::from(b as i32)) as u64).wrapping_add(c),
            Self::Dot => {
                let byte = |x: u64, n: u32| i32::from((x >> (8 * n)) as i8);
                let sum = (0..4).fold(c as i32, |sum, n| sum.wrapping_add(byte(a, n) * byte(b, n)));
                u64::from(sum as u32)
            }
            Self::Funnel => u64::from(((b << 32 | u64::from(a as u32)) << (c & 31) >> 32) as u32),
            // a's low bits at bit c of b.
            Self::Insert(length) => {
                let mask = if length >= 32 { u32::MAX } else { (1 << length) - 1 };
                let start = c as u32 & 31;
                u64::from(b as u32 & !(mask << start) | (a as u32 & mask) << start)
            }
        }
    }
}

/// Relations; those that end in `u` hold of a NaN too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    EqualOrNan,
    UnequalOrNan,
    LessOrNan,
    LessOrEqualOrNan,
    GreaterOrNan,
    GreaterOrEqualOrNan,
    Number,
    Nan,
}

impl Compare {
    pub fn of(text: &str) -> Option<Self> {
        Some(match text {
            "eq" => Self::Equal,
            "ne" => Self::Unequal,
            "lt" | "lo" => Self::Less,
            "le" | "ls" => Self::LessOrEqual,
            "gt" | "hi" => Self::Greater,
            "ge" | "hs" => Self::GreaterOrEqual,
            "equ" => Self::EqualOrNan,
            "neu" => Self::UnequalOrNan,
            "ltu" => Self::LessOrNan,
            "leu" => Self::LessOrEqualOrNan,
            "gtu" => Self::GreaterOrNan,
            "geu" => Self::GreaterOrEqualOrNan,
            "num" => Self::Number,
            "nan" => Self::Nan,
            _ => return None,
        })
    }

    #[inline(always)]
    pub fn holds(self, kind: Kind, a: u64, b: u64) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match kind {
            Kind::F32 => f(a).partial_cmp(&f(b)),
            Kind::F64 => d(a).partial_cmp(&d(b)),
            Kind::Unsigned(32) => Some((a as u32).cmp(&(b as u32))),
            Kind::Signed(32) => Some((a as i32).cmp(&(b as i32))),
            _ => Some(kind.integer(a).cmp(&kind.integer(b))),
        };
        match self {
            Self::Equal => order == Some(Equal),
            // Of floats `ne` is ordered: it does not hold of a NaN.
            Self::Unequal => order.is_some_and(|order| order != Equal),
            Self::Less => order == Some(Less),
            Self::LessOrEqual => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
            Self::EqualOrNan => matches!(order, None | Some(Equal)),
            Self::UnequalOrNan => order != Some(Equal),
            Self::LessOrNan => matches!(order, None | Some(Less)),
            Self::LessOrEqualOrNan => order != Some(Greater),
            Self::GreaterOrNan => matches!(order, None | Some(Greater)),
            Self::GreaterOrEqualOrNan => order != Some(Less),
            Self::Number => order.is_some(),
            Self::Nan => order.is_none(),
        }
    }
}

/// Conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convert {
    Integers(Kind, Kind),
    /// To nearest, ties to even.
    FromInteger(Kind, Kind),
    /// To nearest, ties to even, clamped; NaN is 0.
    ToInteger(Kind, Kind),
    Widen,
    Narrow,
}

impl Convert {
    pub fn of(parts: &[&str]) -> Option<Self> {
        let kinds = |to: &str, from: &str| Some((Kind::of(to)?, Kind::of(from)?));
        let float = |kind: Kind| matches!(kind, Kind::F32 | Kind::F64);
        match parts {
            ["cvt", "f64", "f32"] => Some(Self::Widen),
            ["cvt", "rn", "f32", "f64"] => Some(Self::Narrow),
            ["cvt", "rn", to, from] => {
                kinds(to, from).filter(|&(to, from)| float(to) && !float(from)).map(|(to, from)| Self::FromInteger(to, from))
            }
            ["cvt", "rni", to, from] => {
                kinds(to, from).filter(|&(to, from)| !float(to) && float(from)).map(|(to, from)| Self::ToInteger(to, from))
            }
            ["cvt", to, from] => {
                kinds(to, from).filter(|&(to, from)| !float(to) && !float(from)).map(|(to, from)| Self::Integers(to, from))
            }
            _ => None,
        }
    }

    #[inline(always)]
    pub fn value(self, x: u64) -> u64 {
        match self {
            Self::Integers(to, from) => cut(from.integer(x), to),
            Self::FromInteger(Kind::F64, from) => double(from.integer(x) as f64),
            Self::FromInteger(_, from) => single(from.integer(x) as f32),
            Self::ToInteger(to, from) => {
                let x = if from == Kind::F64 { d(x) } else { f64::from(f(x)) };
                let (least, most) = match to {
                    Kind::Signed(bits) => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                    _ => (0, (1i128 << to.bits()) - 1),
                };
                // A cast of NaN is 0, of an infinity the end of i128.
                cut((x.round_ties_even() as i128).clamp(least, most), to)
            }
            Self::Widen => double(f64::from(f(x))),
            Self::Narrow => single(d(x) as f32),
        }
    }
}

/// A register of 32 bits or less holds a smaller signed type extended, as the ISA says of loads and conversions.
fn cut(x: i128, to: Kind) -> u64 {
    match to {
        Kind::Signed(64) | Kind::Unsigned(64) => x as u64,
        Kind::Signed(bits) => u64::from((((x as i64) << (64 - bits)) >> (64 - bits)) as u32),
        _ => x as u64 & ((1 << to.bits()) - 1),
    }
}
