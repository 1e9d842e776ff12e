//! The vector instructions of the processor at hand, chosen at run time.
//!
//! Owns one thing: running a plainly written loop compiled for AVX-512, AVX2 with FMA, or NEON. The loops themselves are
//! safe code that the compiler vectorises across outputs; their operations and their order are the reference's.

/// A loop that is compiled once for each instruction set. `run` MUST be `#[inline(always)]`, or it is compiled without it.
pub trait Vectorised {
    fn run(self);
}

/// An instruction set with fused multiply-add that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
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
            [(avx512, Self::Avx512), (avx2, Self::Avx2)].into_iter().filter_map(|(has, isa)| has.then_some(isa)).collect()
        }
        #[cfg(target_arch = "aarch64")]
        {
            vec![Self::Neon]
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
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
        }
    }

    /// Runs `work` compiled for this instruction set.
    #[inline]
    #[allow(unsafe_code)]
    pub fn run<V: Vectorised>(self, work: V) {
        match self {
            // SAFETY: an `Isa` is made by `all` only, after the processor was asked whether it has these features.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { with_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { with_avx2(work) },
            #[cfg(target_arch = "aarch64")]
            Self::Neon => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn with_avx512<V: Vectorised>(work: V) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<V: Vectorised>(work: V) {
    work.run();
}
