/// One pseudo-random number from a key: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
///
/// Counter based: the same key gives the same number in whatever order keys are asked for.
pub(crate) fn hash(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key from two.
pub(crate) fn combine(a: u64, b: u64) -> u64 {
    hash(a ^ b.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

/// A hash as a number in [0, 1).
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A hash as a number of mean 0 and deviation 1, within ±3.5: the sum of four uniform ones (Irwin-Hall).
pub(crate) fn bell(hash: u64) -> f64 {
    let sum: u64 = (0..4).map(|i| (hash >> (16 * i)) & 0xffff).sum();
    (sum as f64 / 65536.0 - 2.0) * 3f64.sqrt()
}

/// A stream of pseudo-random numbers that its seed fixes on every machine (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: hash(seed) }
    }

    /// A further stream of the same seed, for another purpose.
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let value = hash(self.state);
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        value
    }

    /// Uniform in `[from, to)`.
    pub fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * unit(self.bits())
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        unit(self.bits()) < probability
    }

    /// Uniform in `0..count`; 0 where `count` is 0.
    pub fn index(&mut self, count: usize) -> usize {
        ((self.bits() >> 11) % count.max(1) as u64) as usize
    }

    /// Normally distributed (Box-Muller).
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - unit(self.bits())).ln()).sqrt();
        mean + deviation * radius * (std::f64::consts::TAU * unit(self.bits())).cos()
    }

    /// One of the items, by weight.
    pub fn pick<T: Copy>(&mut self, items: &[(f64, T)]) -> T {
        let total: f64 = items.iter().map(|(weight, _)| weight).sum();
        let mut left = self.uniform(0.0, total);
        for &(weight, item) in items {
            left -= weight;
            if left < 0.0 {
                return item;
            }
        }
        items[items.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_and_normal_have_unit_deviation() {
        let mut random = Random::new(1);
        let deviation = |values: &[f64]| (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        let bells: Vec<f64> = (0..20_000).map(|i| bell(hash(i))).collect();
        let normals: Vec<f64> = (0..20_000).map(|_| random.normal(0.0, 1.0)).collect();
        assert!((deviation(&bells) - 1.0).abs() < 0.02 && (deviation(&normals) - 1.0).abs() < 0.02);
    }
}
