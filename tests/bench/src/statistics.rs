//! Medians, and how sure they are.

use std::fmt;

/// How often the bootstrap draws.
const DRAWS: usize = 2000;

/// A median and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.median, self.low, self.high)
    }
}

/// The median of the ratios of values that belong together.
pub fn paired_ratio(values: &[f64], base: &[f64]) -> Estimate {
    let ratios: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
    let mut random = Random::default();
    let mut medians: Vec<f64> = (0..DRAWS)
        .map(|_| median((0..ratios.len()).map(|_| ratios[random.below(ratios.len())]).collect()))
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((DRAWS - 1) as f64 * share).round() as usize];
    Estimate { low: at(0.025), high: at(0.975), median: median(ratios) }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    // Of an even number the upper of the two in the middle: good enough for a hundred windows.
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// xorshift64*: the same numbers in every run.
#[derive(Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn an_outlier_moves_neither_ratio_nor_interval() {
        let base: Vec<f64> = (0..100).map(|n| 10.0 + f64::from(n % 7)).collect();
        let mut values: Vec<f64> = base.iter().map(|value| value * 1.5).collect();
        values[3] = 1e6;
        let Estimate { median, low, high } = paired_ratio(&values, &base);
        for value in [median, low, high] {
            assert!((value - 1.5).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<usize> = (0..20).collect();
        Random::default().shuffle(&mut items);
        assert_ne!(items, (0..20).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..20).collect::<Vec<_>>());
    }
}
