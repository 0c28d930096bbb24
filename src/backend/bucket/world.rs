//! What a bucket's client asks of the world besides the bucket: time, chance, and to wait. Behind a trait,
//! so that a test decides all three.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use crate::clock::{Clock, SystemClock, Time};

use super::BucketError;

/// Time, chance, and waiting.
pub trait World: Send + Sync + Debug {
    /// The present time.
    fn now(&self) -> Time;

    /// A clock that never goes back, in microseconds.
    fn ticks_us(&self) -> u64;

    /// 64 random bits.
    ///
    /// # Errors
    /// `Random` when there are none.
    fn random(&self) -> Result<u64, BucketError>;

    /// Waits.
    fn pause(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// The real one.
#[derive(Debug)]
pub struct RealWorld {
    start: Instant,
}

impl Default for RealWorld {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl World for RealWorld {
    fn now(&self) -> Time {
        SystemClock.now()
    }

    fn ticks_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> Result<u64, BucketError> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| BucketError::Random(error.to_string()))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn pause(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
