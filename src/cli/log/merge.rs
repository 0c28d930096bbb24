//! The logs of several agents as one, in order of time, one entry at a time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::agent::{AgentError, Agents, LogEntries, LogEntry, LogQuery};
use crate::clock::Time;
use crate::refs::Handle;
use crate::repo::RepoError;

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
        Self { agents, query, waiting: BinaryHeap::from(waiting) }
    }

    /// The logs of all agents.
    ///
    /// # Errors
    /// When they cannot be found.
    pub(super) fn all(agents: &'a Agents, query: LogQuery) -> Result<Self, AgentError> {
        let backend = agents.repo().backend();
        let mut merged = Self { agents, query, waiting: BinaryHeap::new() };
        let mut after: Option<Handle> = None;
        loop {
            let page = backend.agents(after.as_ref(), PAGE).map_err(RepoError::from)?;
            for agent in &page {
                let Some(head) = backend.head(agent).map_err(RepoError::from)? else { continue };
                if merged.query.since.is_some_and(|since| head.time < since) {
                    continue;
                }
                let rank = if merged.query.oldest_first {
                    match merged.begin(agent)? {
                        Some((first, _)) => merged.rank(first.record.time),
                        None => continue,
                    }
                } else {
                    merged.rank(head.time)
                };
                merged.waiting.push(Waiting { rank, agent: agent.clone(), open: None });
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(merged),
            }
        }
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
                match self.begin(&agent) {
                    Ok(open) => self.wait(agent, open),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            return Some(match rest.next().transpose() {
                Ok(next) => {
                    self.wait(agent.clone(), next.map(|next| (Box::new(next), rest)));
                    Ok((agent, *entry))
                }
                Err(error) => Err(error),
            });
        }
    }
}
