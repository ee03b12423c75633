//! A histogram of durations with a relative error of 1/32.

use std::time::Duration;

const STEPS: u64 = 32;

pub struct Latency {
    counts: Vec<u64>,
    total: u64,
}

impl Latency {
    pub fn new() -> Self {
        Self {
            counts: vec![0; 64 * STEPS as usize],
            total: 0,
        }
    }

    pub fn add(&mut self, duration: Duration) {
        let nanos = duration.as_nanos() as u64 | STEPS;
        let shift = nanos.ilog2() - STEPS.ilog2();
        let bucket = u64::from(shift) * STEPS + (nanos >> shift) - STEPS;
        self.counts[bucket as usize] += 1;
        self.total += 1;
    }

    /// In µs; NaN without a sample.
    pub fn percentile(&self, percent: f64) -> f64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= wanted && seen > 0 {
                let (shift, step) = (bucket / STEPS, bucket % STEPS);
                return ((step + STEPS) << shift) as f64 / 1000.0;
            }
        }
        f64::NAN
    }
}
