//! Taking times: medians of many samples, of contestants that take turns, so that what else the
//! machine does meets all of them alike.

use std::time::{Duration, Instant};

/// Times of one contestant.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Runs `work` and keeps the time it took.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = std::hint::black_box(work());
        self.0.push(start.elapsed());
        result
    }

    /// The time that `percent` of the samples did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[(sorted.len() - 1) * percent / 100]
    }

    /// The median.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// Runs the contestants in turn, `rounds` times, and times each of them.
pub(crate) fn in_turn<const N: usize>(
    rounds: usize,
    mut contestants: [&mut dyn FnMut(usize); N],
) -> [Samples; N] {
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples::default());
    for round in 0..rounds {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            samples.time(|| contestant(round));
        }
    }
    samples
}

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Versions of the one agent of history S.
    pub(crate) versions: usize,
    /// Agents of history M, with 20 versions each.
    pub(crate) agents: usize,
    /// Agents of the crowded store.
    pub(crate) crowd: usize,
    /// Publishes that are timed.
    pub(crate) publishes: usize,
}

impl Scale {
    /// From the environment: `RECTO_BENCH_FULL` for the sizes that the targets speak of.
    pub(crate) fn from_env() -> Self {
        if std::env::var_os("RECTO_BENCH_FULL").is_some() {
            Self { versions: 10_000, agents: 1_000, crowd: 100_000, publishes: 1_000 }
        } else {
            Self { versions: 2_000, agents: 200, crowd: 20_000, publishes: 300 }
        }
    }
}
