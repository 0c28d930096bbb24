//! How long is waited before something is tried again: longer each time, and never exactly as long as others
//! wait.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_mins(5);

/// The wait after so many failures in a row, at least 1: between half of it and all, as `chance` (any number)
/// says.
pub(super) fn wait(failures: u32, chance: u64) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = FIRST.saturating_mul(doubled).min(LONGEST);
    let half = whole / 2;
    let steps = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    half + Duration::from_millis(chance % steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_differ_by_half() {
        let check = |failures, least_ms, most_ms| {
            let waits: Vec<u128> =
                [0, 1, 499, 12_345, u64::MAX].map(|chance| wait(failures, chance).as_millis()).to_vec();
            assert!(waits.iter().all(|wait| (least_ms..=most_ms).contains(wait)), "{failures}: {waits:?}");
            assert_eq!(waits[0], least_ms);
            assert!(waits.iter().any(|wait| *wait != least_ms));
        };
        check(1, 500, 1_000);
        check(2, 1_000, 2_000);
        check(5, 8_000, 16_000);
        check(9, 128_000, 256_000);
        check(10, 150_000, 300_000);
        check(u32::MAX, 150_000, 300_000);
    }
}
