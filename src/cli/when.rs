//! A time on the command line: RFC 3339; without an offset it is local, and what it was taken for
//! is said.

use std::str::FromStr;

use crate::clock::Time;

use super::context::Context;
use super::error::CliError;

/// A time as it was typed.
#[derive(Debug, Clone)]
pub(crate) struct When {
    time: Time,
    is_zoned: bool,
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { time: Time::parse(text, None)?, is_zoned: Time::is_zoned(text) })
    }
}

impl When {
    /// The instant; said, when the text left open which it is.
    pub(crate) fn instant(&self, ctx: &Context) -> Time {
        if !self.is_zoned {
            ctx.out.say(format!("a time without an offset is local: {}", self.time));
        }
        self.time
    }
}

/// The two ends of a stretch of time.
///
/// # Errors
/// When the first lies after the second: nothing could lie between them.
pub(crate) fn stretch(
    ctx: &Context,
    since: Option<&When>,
    until: Option<&When>,
) -> Result<(Option<Time>, Option<Time>), CliError> {
    let (since, until) = (since.map(|when| when.instant(ctx)), until.map(|when| when.instant(ctx)));
    match (since, until) {
        (Some(since), Some(until)) if since > until => {
            Err(CliError::usage(format!("nothing lies from {since} on and up to {until}"))
                .hint("--since is the earlier time, --until the later one"))
        }
        ends => Ok(ends),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_with_an_offset_says_which_instant_it_is() {
        for (text, is_zoned) in [
            ("2026-03-07T14:03:00Z", true),
            ("2026-03-07T14:03:00+05:30", true),
            ("2026-03-07T14:03:00", false),
            ("2026-03-07", false),
        ] {
            assert_eq!(text.parse::<When>().map(|when| when.is_zoned), Ok(is_zoned), "{text}");
        }
        assert!("noon".parse::<When>().is_err());
    }
}
