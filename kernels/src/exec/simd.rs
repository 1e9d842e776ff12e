//! The vector instructions of the processor at hand, chosen at run time.
//!
//! Owns two things: running a plainly written loop compiled for AVX-512, AVX2 with FMA, or NEON, whose operations and order
//! are the reference's and which the compiler vectorises across outputs; and, for the products' tiles alone, registers by name.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as arch;

#[cfg(target_arch = "x86_64")]
use crate::contract::scalar::NAN;
#[cfg(target_arch = "aarch64")]
use crate::contract::scalar::stored;

/// A loop that is compiled once for each instruction set. `run` MUST be `#[inline(always)]`, or it is compiled without it.
pub trait Vectorised {
    fn run(self);
}

/// One instruction set: a value of it exists only where the processor was asked and has it.
pub trait InstructionSet: Copy {
    /// A register's floats, to be used inside of `run` only: elsewhere each step of it is a call.
    type Vector: Copy;
    const LANES: usize;

    /// Runs `work` compiled for this instruction set.
    fn run<V: Vectorised>(self, work: V);

    /// The first `LANES` of `from`.
    fn read(self, from: &[f32]) -> Self::Vector;

    /// Into the first `LANES` of `into`.
    fn write(self, vector: Self::Vector, into: &mut [f32]);

    /// +0 in each lane.
    fn zero(self) -> Self::Vector;

    /// a × b + c in each lane, with one rounding.
    fn fused(self, a: f32, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// a + b in each lane.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// Each lane as `contract::scalar::stored` stores it.
    fn stored(self, vector: Self::Vector) -> Self::Vector;
}

/// AVX-512F, AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

/// AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

/// What every AArch64 has.
#[cfg(target_arch = "aarch64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neon(());

/// An instruction set with fused multiply-add that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Isa {
    /// The widest that the processor has, if any.
    pub fn detect() -> Option<Self> {
        Self::all().into_iter().next()
    }

    /// All that the processor has, widest first.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("fma");
            let avx2 = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
            [(avx512, Self::Avx512(Avx512(()))), (avx2, Self::Avx2(Avx2(())))]
                .into_iter()
                .filter_map(|(has, isa)| has.then_some(isa))
                .collect()
        }
        #[cfg(target_arch = "aarch64")]
        {
            vec![Self::Neon(Neon(()))]
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            vec![]
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
        }
    }

    /// Runs `work` compiled for this instruction set.
    #[inline]
    pub fn run<V: Vectorised>(self, work: V) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(set) => set.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(set) => set.run(work),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(set) => set.run(work),
        }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($set:ident, $with:ident, $features:literal, $vector:ident, $lanes:literal, $load:ident, $store:ident, $zero:ident, $splat:ident, $fused:ident, $add:ident, $stored:ident) => {
        // SAFETY of each call in here: a value of the set is made by `Isa::all` alone, after the processor was asked
        // whether it has the features; and what is read or written is a slice's first `LANES`, after its length was checked.
        #[allow(unsafe_code)]
        impl InstructionSet for $set {
            type Vector = arch::$vector;
            const LANES: usize = $lanes;

            #[inline]
            fn run<V: Vectorised>(self, work: V) {
                // SAFETY: above.
                unsafe { $with(work) }
            }

            #[inline(always)]
            fn read(self, from: &[f32]) -> Self::Vector {
                // SAFETY: above.
                unsafe { arch::$load(from[..Self::LANES].as_ptr()) }
            }

            #[inline(always)]
            fn write(self, vector: Self::Vector, into: &mut [f32]) {
                // SAFETY: above.
                unsafe { arch::$store(into[..Self::LANES].as_mut_ptr(), vector) }
            }

            #[inline(always)]
            fn zero(self) -> Self::Vector {
                // SAFETY: above.
                unsafe { arch::$zero() }
            }

            #[inline(always)]
            fn fused(self, a: f32, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // SAFETY: above.
                unsafe { arch::$fused(arch::$splat(a), b, c) }
            }

            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: above.
                unsafe { arch::$add(a, b) }
            }

            #[inline(always)]
            fn stored(self, vector: Self::Vector) -> Self::Vector {
                // SAFETY: above.
                unsafe { $stored(vector) }
            }
        }

        #[target_feature(enable = $features)]
        fn $with<V: Vectorised>(work: V) {
            work.run();
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    Avx512,
    with_avx512,
    "avx512f,avx2,fma",
    __m512,
    16,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    stored_avx512
);
#[cfg(target_arch = "x86_64")]
x86!(
    Avx2,
    with_avx2,
    "avx2,fma",
    __m256,
    8,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    stored_avx2
);

/// The one NaN where the bits without the sign are above those of infinity: on integers, as the scalar does it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
fn stored_avx512(vector: arch::__m512) -> arch::__m512 {
    let bits = arch::_mm512_castps_si512(vector);
    let magnitude = arch::_mm512_and_si512(bits, arch::_mm512_set1_epi32(MAGNITUDE));
    let nan = arch::_mm512_cmpgt_epi32_mask(magnitude, arch::_mm512_set1_epi32(INFINITY));
    arch::_mm512_castsi512_ps(arch::_mm512_mask_blend_epi32(nan, bits, arch::_mm512_set1_epi32(NAN.to_bits() as i32)))
}

/// As [`stored_avx512`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn stored_avx2(vector: arch::__m256) -> arch::__m256 {
    let bits = arch::_mm256_castps_si256(vector);
    let magnitude = arch::_mm256_and_si256(bits, arch::_mm256_set1_epi32(MAGNITUDE));
    let nan = arch::_mm256_cmpgt_epi32(magnitude, arch::_mm256_set1_epi32(INFINITY));
    arch::_mm256_castsi256_ps(arch::_mm256_blendv_epi8(bits, arch::_mm256_set1_epi32(NAN.to_bits() as i32), nan))
}

#[cfg(target_arch = "x86_64")]
const MAGNITUDE: i32 = 0x7FFF_FFFF;
#[cfg(target_arch = "x86_64")]
const INFINITY: i32 = 0x7F80_0000;

/// Asks for an element that will be read soon to come to the second-level cache (lines a power of two apart would drive
/// each other out of the first); of an element that does not exist, for nothing.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch(elements: &[f32], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = elements.get(index) {
        // SAFETY: SSE is part of every x86-64, and the instruction reads nothing.
        unsafe { arch::_mm_prefetch::<{ arch::_MM_HINT_T1 }>(std::ptr::from_ref(element).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (elements, index);
}

/// A square of four lines whose elements lie one after another from `at` on: element k of line i becomes `into[k][first + i]`.
#[inline(always)]
#[allow(unsafe_code)]
pub fn transpose<const W: usize>(elements: &[f32], at: [usize; 4], into: &mut [[f32; W]], first: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        let (a, b) = (&elements[at[0]..][..4], &elements[at[1]..][..4]);
        let (c, d) = (&elements[at[2]..][..4], &elements[at[3]..][..4]);
        // SAFETY: SSE is part of every x86-64, and each read is of the four elements whose bounds were just checked.
        // Each write is of four elements whose bounds are checked in it.
        unsafe {
            let (mut a, mut b) = (arch::_mm_loadu_ps(a.as_ptr()), arch::_mm_loadu_ps(b.as_ptr()));
            let (mut c, mut d) = (arch::_mm_loadu_ps(c.as_ptr()), arch::_mm_loadu_ps(d.as_ptr()));
            arch::_MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            arch::_mm_storeu_ps(into[0][first..][..4].as_mut_ptr(), a);
            arch::_mm_storeu_ps(into[1][first..][..4].as_mut_ptr(), b);
            arch::_mm_storeu_ps(into[2][first..][..4].as_mut_ptr(), c);
            arch::_mm_storeu_ps(into[3][first..][..4].as_mut_ptr(), d);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    for k in 0..4 {
        for line in 0..4 {
            into[k][first + line] = elements[at[line] + k];
        }
    }
}

/// NEON and its fused steps are part of every AArch64: plain loops over four lanes are compiled to them anywhere.
#[cfg(target_arch = "aarch64")]
impl InstructionSet for Neon {
    type Vector = [f32; 4];
    const LANES: usize = 4;

    #[inline]
    fn run<V: Vectorised>(self, work: V) {
        work.run();
    }

    #[inline(always)]
    fn read(self, from: &[f32]) -> Self::Vector {
        std::array::from_fn(|lane| from[lane])
    }

    #[inline(always)]
    fn write(self, vector: Self::Vector, into: &mut [f32]) {
        into[..Self::LANES].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn zero(self) -> Self::Vector {
        [0.0; 4]
    }

    #[inline(always)]
    fn fused(self, a: f32, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a.mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn stored(self, vector: Self::Vector) -> Self::Vector {
        vector.map(stored)
    }
}
