//! How long to wait before the next try, and how often to try.

use std::time::Duration;

use super::BucketError;
use super::world::World;

/// Shortest and longest wait, in milliseconds.
const WAIT_MS: (u64, u64) = (4, 1_000);
/// How often a swap that others were faster at is tried again. Of 32 writers each loses some dozen times.
pub(super) const SWAPS_MAX: u32 = 400;
/// How often a request that failed is sent again, besides what the client does by itself.
pub(super) const SENDS_MAX: u32 = 4;
/// How often it is looked whether a swap landed whose answer was lost, before that is unknown.
pub(super) const LOOKS_MAX: u32 = 6;

/// Waits before try `attempt` (0 is the second): up to twice as long each time, a random part of it.
pub(super) async fn back_off(world: &dyn World, attempt: u32) -> Result<(), BucketError> {
    let most_ms = (WAIT_MS.0 << attempt.min(16)).min(WAIT_MS.1);
    let wait_us = world.random()? % (most_ms * 1000);
    world.pause(Duration::from_micros(wait_us)).await;
    Ok(())
}
