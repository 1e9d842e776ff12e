//! A permutation of 0..n that needs no memory: a Feistel network over Philox, with cycle walking.
//!
//! Owns the place of any one element, so that any batch of any step is computable alone. Refuses tables.

use super::philox::{Site, key, philox};

/// Rounds of the network. Four make a pseudorandom permutation from a pseudorandom function (Luby and Rackoff 1988).
const ROUNDS: u32 = 6;

/// One permutation of 0..`count`.
#[derive(Debug, Clone, Copy)]
pub struct Shuffle {
    key: [u32; 2],
    count: u32,
    half_bits: u32,
    site: Site,
    step: u32,
}

impl Shuffle {
    /// The permutation of 0..`count` that belongs to (seed, site, step).
    pub fn new(seed: u64, count: u32, site: Site, step: u32) -> Self {
        let bits = 32 - count.saturating_sub(1).leading_zeros();
        Self { key: key(seed), count, half_bits: bits.div_ceil(2).max(1), site, step }
    }

    /// Where element `index` goes. `index` MUST be below the count.
    ///
    /// The network permutes a power of four that is less than 4 × count (or 4), so that walking its cycle until the
    /// value lies below the count takes four steps on average, and ends because the cycle comes back to `index`.
    pub fn at(&self, index: u32) -> u32 {
        assert!(index < self.count, "index {index} of a permutation of {}", self.count);
        let mut value = self.encrypt(index);
        while value >= self.count {
            value = self.encrypt(value);
        }
        value
    }

    fn encrypt(&self, value: u32) -> u32 {
        let mask = ((1u64 << self.half_bits) - 1) as u32;
        let (mut left, mut right) = ((u64::from(value) >> self.half_bits) as u32, value & mask);
        for round in 0..ROUNDS {
            let mixed = philox(self.key, [right, round, self.site as u32, self.step])[0] & mask;
            (left, right) = (right, left ^ mixed);
        }
        ((u64::from(left) << self.half_bits) | u64::from(right)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_one_place() {
        for count in [1, 2, 3, 4, 5, 16, 17, 50, 1000, 8000, 65_536] {
            let shuffle = Shuffle::new(7, count, Site::Deal, 3);
            let mut seen = vec![false; count as usize];
            for i in 0..count {
                let place = shuffle.at(i) as usize;
                assert!(!seen[place], "{count}: {place} twice");
                seen[place] = true;
            }
        }
    }

    #[test]
    fn another_step_is_another_order() {
        let order = |step| (0..100).map(|i| Shuffle::new(7, 100, Site::Epoch, step).at(i)).collect::<Vec<_>>();
        assert_ne!(order(0), order(1));
        assert_ne!(order(0), (0..100).collect::<Vec<_>>());
    }
}
