//! Chance: all that a simulation may wonder about comes from one seed.
//!
//! Owns SplitMix64 (Steele, Lea and Flood, 2014). Refuses the operating system's randomness: a seed repeats its run exactly.

/// A repeatable source of whims.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound - 1`; the bias of the remainder is of no matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    /// An index into something that is not empty.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A source of its own, so that what one part asks does not shift what another gets.
    pub fn fork(&mut self) -> Chance {
        Chance(self.next())
    }
}
