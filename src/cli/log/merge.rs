//! The logs of several agents as one, in order of time, one entry at a time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::agent::{AgentError, Agents, LogEntries, LogEntry, LogQuery};
use crate::backend::pages;
use crate::clock::Time;
use crate::refs::Handle;
use crate::repo::RepoError;

use crate::cli::damage::Damage;

/// Agents whose names are read at once.
const PAGE: usize = 1000;

/// An entry, and the agent whose it is.
pub(super) type Told = Result<(Handle, LogEntry), AgentError>;

/// Entries of several logs. A log is opened when its turn comes, so that the newest entries of very
/// many agents are found without reading every log.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    agents: &'a Agents,
    query: LogQuery,
    waiting: BinaryHeap<Waiting<'a>>,
    /// Where all agents are told: those that are damaged, which end there.
    damage: Option<Damage>,
}

/// One agent's log, in the order of the time that its next entry has at the earliest.
#[derive(Debug)]
struct Waiting<'a> {
    rank: i64,
    agent: Handle,
    /// The next entry and what follows it; none until the log was opened.
    open: Option<(Box<LogEntry>, LogEntries<'a>)>,
}

impl Waiting<'_> {
    fn key(&self) -> (i64, Reverse<&Handle>) {
        (self.rank, Reverse(&self.agent))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting<'_> {}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<'a> Merged<'a> {
    /// The log of one agent.
    pub(super) fn one(agents: &'a Agents, agent: Handle, query: LogQuery) -> Self {
        let waiting = [Waiting { rank: i64::MAX, agent, open: None }];
        Self { agents, query, waiting: BinaryHeap::from(waiting), damage: None }
    }

    /// The logs of all agents.
    ///
    /// # Errors
    /// When they cannot be found.
    pub(super) fn all(agents: &'a Agents, query: LogQuery) -> Result<Self, AgentError> {
        let backend = agents.repo().backend();
        let damage = Some(Damage::default());
        let mut merged = Self { agents, query, waiting: BinaryHeap::new(), damage };
        for page in pages(backend, PAGE) {
            for agent in &page.map_err(RepoError::from)? {
                let head = backend.head(agent).map_err(|error| AgentError::from(RepoError::from(error)));
                let Some(head) = merged.pass(agent, head)?.flatten() else { continue };
                if merged.query.since.is_some_and(|since| head.time < since) {
                    continue;
                }
                let rank = if merged.query.oldest_first {
                    let begun = merged.begin(agent).map(|begun| begun.map(|(first, _)| first.record.time));
                    match merged.pass(agent, begun)?.flatten() {
                        Some(time) => merged.rank(time),
                        None => continue,
                    }
                } else {
                    merged.rank(head.time)
                };
                merged.waiting.push(Waiting { rank, agent: agent.clone(), open: None });
            }
        }
        Ok(merged)
    }

    /// Notes damage to one of all agents.
    fn pass<T>(&mut self, agent: &Handle, result: Result<T, AgentError>) -> Result<Option<T>, AgentError> {
        match &mut self.damage {
            Some(damage) => damage.pass(agent, result),
            None => result.map(Some),
        }
    }

    /// The damaged agents that were met.
    pub(super) fn into_damage(self) -> Damage {
        self.damage.unwrap_or_default()
    }

    fn rank(&self, time: Time) -> i64 {
        if self.query.oldest_first { -time.as_ms() } else { time.as_ms() }
    }

    fn begin(&self, agent: &Handle) -> Result<Option<(Box<LogEntry>, LogEntries<'a>)>, AgentError> {
        let mut entries = self.agents.log(agent, self.query.clone())?;
        let first = entries.next().transpose()?;
        Ok(first.map(|first| (Box::new(first), entries)))
    }

    fn wait(&mut self, agent: Handle, open: Option<(Box<LogEntry>, LogEntries<'a>)>) {
        if let Some((entry, _)) = &open {
            let rank = self.rank(entry.record.time);
            self.waiting.push(Waiting { rank, agent, open });
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = Told;

    fn next(&mut self) -> Option<Told> {
        loop {
            let Waiting { agent, open, .. } = self.waiting.pop()?;
            let Some((entry, mut rest)) = open else {
                let open = self.begin(&agent);
                match self.pass(&agent, open) {
                    Ok(open) => self.wait(agent, open.flatten()),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let next = rest.next().transpose();
            return Some(match self.pass(&agent, next) {
                Ok(next) => {
                    self.wait(agent.clone(), next.flatten().map(|next| (Box::new(next), rest)));
                    Ok((agent, *entry))
                }
                Err(error) => Err(error),
            });
        }
    }
}
