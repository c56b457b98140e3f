//! Seeded draws by index: the n-th draw is the same number whichever connection asks for it and
//! whenever, so that two runs with one seed meet the same latencies and send the same mix.

/// Draw number `index` of the sequence `seed`, uniform in `0.0..1.0`.
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    // The upper 53 bits are what an f64 holds exactly.
    (bits(seed, index) >> 11) as f64 / (1u64 << 53) as f64
}

/// Draw number `index` of the sequence `seed`: 64 well mixed bits (SplitMix64).
pub(crate) fn bits(seed: u64, index: u64) -> u64 {
    let mut mixed = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_spread() {
        assert_eq!(bits(7, 3), bits(7, 3));
        assert_ne!(bits(7, 3), bits(8, 3));
        let mean = (0..10_000).map(|index| uniform(1, index)).sum::<f64>() / 10_000.0;
        assert!((0.48..0.52).contains(&mean), "mean {mean}");
        assert!((0..10_000).all(|index| (0.0..1.0).contains(&uniform(2, index))));
    }
}
