//! So many requests a minute for each token: a bucket that fills evenly (the token bucket of traffic shaping;
//! here counted in time, which is its generic cell rate algorithm).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tokens of which the bucket is remembered; when there are more, those that are full are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// How much each token has asked lately.
#[derive(Debug, Default)]
pub struct Limiter {
    /// By the id of a token, when its bucket will be full again.
    full: Mutex<HashMap<String, Instant>>,
}

impl Limiter {
    /// Counts a request of a token that may have `per_minute`, all of them at once if need be.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub fn take(&self, id: &str, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let minute = Duration::from_mins(1);
        let each = minute / per_minute.max(1);
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let at = full.get(id).copied().filter(|at| *at > now).unwrap_or(now) + each;
        let over = at.saturating_duration_since(now + minute);
        if !over.is_zero() {
            return Err(over);
        }
        if full.len() >= REMEMBERED_MAX {
            full.retain(|_, at| *at > now);
        }
        full.insert(id.to_owned(), at);
        Ok(())
    }
}
