//! Time behind a trait: the only place that asks the system what time it is.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

/// An instant: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Years 0 to 9999 in milliseconds: what RFC 3339 can write.
const RANGE_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Time {
    /// Makes an instant from milliseconds; `None` outside the years 0 to 9999.
    pub fn from_ms(ms: i64) -> Option<Self> {
        RANGE_MS.contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_ms(self) -> i64 {
        self.0
    }

    /// Whether a text that is a time says its offset itself.
    pub fn is_zoned(text: &str) -> bool {
        text.trim().parse::<jiff::Timestamp>().is_ok()
    }

    /// Reads an RFC 3339 time; one without an offset is taken in `zone` (local time when `None`).
    ///
    /// # Errors
    /// When the text is not a time, or lies outside the years 0 to 9999; when it has no offset, and the
    /// time zone that the system names is not known.
    pub fn parse(text: &str, zone: Option<&jiff::tz::TimeZone>) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Self::from_ms(stamp.as_millisecond()).ok_or_else(|| out_of_range(text));
        }
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .map_err(|_| format!("'{text}' is not a time like 2026-03-07T14:03:00Z"))?;
        let zone = match zone {
            Some(zone) => zone.clone(),
            None => jiff::tz::TimeZone::try_system().map_err(|_| {
                let name = std::env::var("TZ").unwrap_or_default();
                format!("'{text}' has no offset, and the time zone here ('{name}') is not known; write it as 2026-03-07T14:03:00Z or with an offset like +01:00")
            })?,
        };
        let zoned = civil.to_zoned(zone).map_err(|_| out_of_range(text))?;
        Self::from_ms(zoned.timestamp().as_millisecond()).ok_or_else(|| out_of_range(text))
    }
}

fn out_of_range(text: &str) -> String {
    format!("'{text}' lies outside the years 0 to 9999")
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with milliseconds, `2026-03-07T14:03:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Where the present time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Time;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let ms = jiff::Timestamp::now().as_millisecond();
        Time(ms.clamp(*RANGE_MS.start(), *RANGE_MS.end()))
    }
}

/// A clock for tests and reproducible demos: starts at an instant, and each reading adds a step.
#[derive(Debug)]
pub struct StepClock {
    next_ms: AtomicI64,
    step_ms: i64,
}

impl StepClock {
    /// A clock whose first reading is `start` and whose later readings are `step_ms` apart.
    pub fn new(start: Time, step_ms: i64) -> Self {
        Self { next_ms: AtomicI64::new(start.0), step_ms }
    }

    /// Sets the next reading, also backwards.
    pub fn set(&self, time: Time) {
        self.next_ms.store(time.0, Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Time {
        Time(self.next_ms.fetch_add(self.step_ms, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc3339() {
        let time = Time::parse("2026-03-07T14:03:00Z", None).expect("a time");
        assert_eq!(time.to_string(), "2026-03-07T14:03:00.000Z");
        assert_eq!(Time::parse(&time.to_string(), None), Ok(time));
    }

    #[test]
    fn zoneless_times_take_the_zone_given() {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
        let time = Time::parse("2026-03-07T14:03:00", Some(&zone)).expect("a time");
        assert_eq!(time.to_string(), "2026-03-07T12:03:00.000Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
        assert!(Time::parse("yesterday-ish", None).is_err());
        assert_eq!(Time::from_ms(i64::MAX), None);
    }
}
