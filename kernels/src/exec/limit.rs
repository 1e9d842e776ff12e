//! The arithmetic limit of one core: fused multiply-adds that touch nothing but registers.
//!
//! Owns the work that products are measured beside. Refuses the clock, which is its caller's.

#![allow(clippy::needless_range_loop)] // iterators over registers may stay calls

use std::hint::black_box;

use super::simd::{InstructionSet, Isa, Vectorised};

/// Does `rounds` rounds of independent fused multiply-adds; returns how many floating-point operations those were.
pub fn burst(isa: Isa, rounds: u32) -> u64 {
    // As many accumulators as hide the latency of two units and still fit the registers.
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(set) => of::<_, 16>(set, rounds),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(set) => of::<_, 12>(set, rounds),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(set) => of::<_, 24>(set, rounds),
    }
}

fn of<S: InstructionSet, const N: usize>(set: S, rounds: u32) -> u64 {
    set.run(Burst::<S, N> { set, rounds, factor: black_box(&[0.5; 16]) });
    2 * u64::from(rounds) * (N * S::LANES) as u64
}

struct Burst<'a, S, const N: usize> {
    set: S,
    rounds: u32,
    factor: &'a [f32],
}

impl<S: InstructionSet, const N: usize> Vectorised for Burst<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let factor = self.set.read(self.factor);
        let mut sums = [self.set.zero(); N];
        for _ in 0..self.rounds {
            // A sum stays between 0 and 1: no step is slower for a subnormal or an infinity.
            for n in 0..N {
                sums[n] = self.set.fused(0.5, sums[n], factor);
            }
        }
        for n in 0..N {
            let mut lanes = [0.0; 16];
            self.set.write(sums[n], &mut lanes);
            black_box(lanes);
        }
    }
}
