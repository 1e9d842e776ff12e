//! Philox4x32-10, the counter-based generator of every random number (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011).
//!
//! Owns the map (key, counter) → four words. Refuses state: any element's number is computable alone.

/// Where in a job random numbers are drawn: the third counter word. A number once given is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Site {
    /// Initial values of parameter tensors; `sample` is the tensor's id.
    Initialise = 1,
    /// The permutation that deals records to shards.
    Deal = 2,
    /// The permutation of one shard's records in one epoch.
    Epoch = 3,
    /// The built-in digits.
    Digits = 4,
}

/// Programs draw at sites from this one on; those before it are [`Site`]s.
pub const PROGRAM_SITES: u32 = 16;

/// The four words of one counter under one key.
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let (mut x, mut k) = (counter, key);
    for round in 0..10 {
        if round > 0 {
            k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
        }
        let a = u64::from(x[0]) * 0xD251_1F53;
        let b = u64::from(x[2]) * 0xCD9E_8D57;
        x = [(b >> 32) as u32 ^ x[1] ^ k[0], b as u32, (a >> 32) as u32 ^ x[3] ^ k[1], a as u32];
    }
    x
}

/// One 32-bit word for one element: counter = (element ÷ 4, sample, site, step), word = element mod 4.
pub fn word(seed: u64, element: u32, sample: u32, site: Site, step: u32) -> u32 {
    philox(key(seed), [element / 4, sample, site as u32, step])[(element % 4) as usize]
}

/// A job's seed as a key: low word first.
pub fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// A word as a uniform f32 in [−1, 1), a multiple of 2^-23: exact.
pub fn symmetric(word: u32) -> f32 {
    ((word >> 8) as i32 - (1 << 23)) as f32 / (1 << 23) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors of Random123's `kat_vectors`, philox4x32 10.
    #[test]
    fn the_known_answers_hold() {
        let pi = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi.0, pi.1, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(philox(key, counter), answer);
        }
    }

    #[test]
    fn uniform_values_cover_their_range_exactly() {
        assert_eq!(symmetric(0), -1.0);
        assert_eq!(symmetric(u32::MAX), 1.0 - 1.0 / (1 << 23) as f32);
        assert_eq!(symmetric(1 << 31), 0.0);
    }
}
