//! Where in the logs of all agents a listener is, in a few words: a time, and how far the logs that moved
//! shortly before it were told. Whoever resumes there may hear of an operation again, and misses none.

use std::fmt;
use std::str::FromStr;

use crate::clock::Time;
use crate::log::AgentId;

/// How much earlier than one that was told an operation may say that it happened, in milliseconds: the clocks of
/// several writers differ, and an operation has its time from when it began.
const SLACK_MS: i64 = 60_000;
/// Logs whose ends are named.
const RECENT_MAX: usize = 16;
/// Digits of an agent's id that name it.
const DIGITS: usize = 16;
/// Longest text of one, in bytes.
const TEXT_MAX_BYTES: usize = 2048;

/// Where a listener is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The time of the newest operation that was told, in milliseconds.
    newest_ms: i64,
    /// Agents, how long their logs were when they were told of, and when; the newest last.
    recent: Vec<Recent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Recent {
    agent: String,
    time_ms: i64,
    log_bytes: u64,
}

fn named(agent: AgentId) -> String {
    agent.to_string()[..DIGITS].to_owned()
}

impl Position {
    /// Notes that an agent's log was told up to there.
    pub(super) fn advance(&mut self, agent: AgentId, time: Time, log_bytes: u64) {
        let (agent, time_ms) = (named(agent), time.as_ms());
        self.newest_ms = self.newest_ms.max(time_ms);
        let oldest_ms = self.oldest_ms();
        self.recent.retain(|recent| recent.agent != agent && recent.time_ms >= oldest_ms);
        if time_ms < oldest_ms {
            return;
        }
        // Without one, what it says is told again.
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(Recent { agent, time_ms, log_bytes });
    }

    /// What happened before was told.
    pub(super) fn oldest_ms(&self) -> i64 {
        self.newest_ms.saturating_sub(SLACK_MS)
    }

    /// How far the log of an agent was told, where that is known.
    pub(super) fn told(&self, agent: AgentId) -> Option<u64> {
        let agent = named(agent);
        self.recent.iter().find(|recent| recent.agent == agent).map(|recent| recent.log_bytes)
    }

    /// Notes how far a log was told while the rest is not told yet.
    pub(super) fn catch_up(&mut self, agent: AgentId, time: Time, log_bytes: u64) {
        let agent = named(agent);
        self.recent.retain(|recent| recent.agent != agent);
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(Recent { agent, time_ms: time.as_ms(), log_bytes });
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.newest_ms)?;
        self.recent
            .iter()
            .try_for_each(|recent| write!(f, ".{}-{}-{}", recent.agent, recent.time_ms, recent.log_bytes))
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(());
        }
        let mut parts = text.strip_prefix("1.").ok_or(())?.split('.');
        let newest_ms = parts.next().and_then(|ms| ms.parse().ok()).filter(|ms| *ms >= 0).ok_or(())?;
        let recent = |part: &str| {
            let mut fields = part.split('-');
            let agent = fields.next().filter(|agent| agent.len() == DIGITS)?.to_owned();
            let (time_ms, log_bytes) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            fields.next().is_none().then_some(Recent { agent, time_ms, log_bytes })
        };
        let recent: Option<Vec<Recent>> = parts.map(recent).collect();
        let recent = recent.filter(|recent| recent.len() <= RECENT_MAX).ok_or(())?;
        Ok(Self { newest_ms, recent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Digest;

    fn agent(byte: u8) -> AgentId {
        AgentId::from_digest(Digest::from_bytes([byte; 32]))
    }

    fn time(ms: i64) -> Time {
        Time::from_ms(ms).expect("a time")
    }

    #[test]
    fn a_position_reads_back_and_nothing_else_is_one() {
        let mut position = Position::default();
        position.advance(agent(1), time(100_000), 10);
        position.advance(agent(2), time(130_000), 20);
        assert_eq!(position.to_string().parse(), Ok(position.clone()));
        for bad in ["", "1", "1.x", "1.-5", "2.5", "1.5.a-1-2", "1.5.0101010101010101-1-2-3"] {
            assert_eq!(bad.parse::<Position>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn what_moved_long_before_is_not_named_and_counts_as_told() {
        let mut position = Position::default();
        position.advance(agent(1), time(100_000), 10);
        position.advance(agent(2), time(161_000), 20);
        assert_eq!((position.told(agent(1)), position.told(agent(2))), (None, Some(20)));
        assert_eq!(position.oldest_ms(), 101_000);
    }

    #[test]
    fn it_stays_short_however_many_agents_move() {
        let mut position = Position::default();
        for byte in 0..100 {
            position.advance(agent(byte), time(100_000), 10);
        }
        assert!(position.to_string().parse::<Position>().is_ok());
        assert_eq!((position.told(agent(99)), position.told(agent(0))), (Some(10), None));
    }
}
