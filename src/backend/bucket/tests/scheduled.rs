//! Chance, time and turns that a seed decides: tasks that take turns at every request, on one thread.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::backend::bucket::{BucketError, World};
use crate::clock::Time;

/// Numbers that follow from a seed.
#[derive(Debug)]
pub(super) struct Chance(AtomicU64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1)))
    }

    pub(super) fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether something happens that does so once in so many times.
    pub(super) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Time that passes when it is asked for, and sometimes leaps.
#[derive(Debug)]
pub(super) struct TestWorld {
    pub(super) chance: Arc<Chance>,
    now_ms: AtomicI64,
    leaps: bool,
}

impl TestWorld {
    pub(super) fn new(chance: Arc<Chance>, leaps: bool) -> Self {
        Self { chance, now_ms: AtomicI64::new(1_700_000_000_000), leaps }
    }
}

impl World for TestWorld {
    fn now(&self) -> Time {
        Time::from_ms(self.now_ms.load(Ordering::Relaxed)).expect("a time")
    }

    fn ticks_us(&self) -> u64 {
        let leap_ms = match self.chance.below(400) {
            0 if self.leaps => 70_000,
            1 if self.leaps => 3 * 60 * 60 * 1000,
            _ => 1,
        };
        u64::try_from(self.now_ms.fetch_add(leap_ms, Ordering::Relaxed)).expect("a time") * 1000
    }

    fn random(&self) -> Result<u64, BucketError> {
        Ok(self.chance.next())
    }

    fn pause(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(turns(3))
    }
}

/// Lets others have their turn so many times.
pub(super) async fn turns(count: usize) {
    for _ in 0..count {
        let mut waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Runs tasks to their ends; chance decides whose turn it is.
pub(super) fn run<T>(chance: &Chance, tasks: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut context = Context::from_waker(Waker::noop());
    let mut done: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut waiting: Vec<_> = tasks.into_iter().enumerate().collect();
    let mut polls = 0_u64;
    while !waiting.is_empty() {
        polls += 1;
        assert!(polls < 2_000_000, "it never ends");
        let at = usize::try_from(chance.below(waiting.len() as u64)).expect("small");
        let (place, task) = &mut waiting[at];
        if let Poll::Ready(value) = task.as_mut().poll(&mut context) {
            done[*place] = Some(value);
            drop(waiting.swap_remove(at));
        }
    }
    done.into_iter().map(|value| value.expect("every task ended")).collect()
}
