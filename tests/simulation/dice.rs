//! Random numbers by concern: what a client does must not change because a provider drew once more.

/// A stream of numbers that is a function of a seed and a concern.
pub struct Dice(u64);

impl Dice {
    /// The numbers of `concern` in the history of `seed`.
    pub fn new(seed: u64, concern: u64) -> Dice {
        Dice(mixed(mixed(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ concern.wrapping_mul(0xD1B5_4A32_D192_ED03)))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mixed(self.0) % bound.max(1) as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True once in `times` times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
