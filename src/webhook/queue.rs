//! What one webhook is to be told next: each agent's events in their order, and another agent's while one
//! waits.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::agent::Agents;
use crate::backend::{Backend, BackendError};
use crate::clock::Time;
use crate::history::{End, records};
use crate::log::{AgentId, Record, RecordId};

use super::cursors::{Cursors, Failure};
use super::event::{Event, events};
use super::{Hook, Message, backoff};

/// For how long something is tried again, in milliseconds.
const TRIED_MS: i64 = 24 * 60 * 60 * 1000;

/// A place in a log: before a move of the record that begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    bytes: u64,
    change: usize,
}

/// What is to be told, and what it means that it was.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) agent: AgentId,
    /// When it happened.
    pub(super) time: Time,
    pub(super) message: Message,
    /// Where to go on.
    pub(super) next: Place,
}

/// What came of looking for something to tell.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Tell(Job),
    /// What is next of an agent cannot be put together.
    Broken(String),
    /// Nothing for now.
    Nothing,
}

/// Failures in a row, and when to try again.
#[derive(Debug, Clone, Copy)]
struct Wait {
    failures: u32,
    until: Instant,
}

impl Wait {
    fn after(before: Option<&Self>, now: Instant, chance: u64) -> Self {
        let failures = before.map_or(0, |wait| wait.failures).saturating_add(1);
        Self { failures, until: now + backoff::wait(failures, chance) }
    }
}

struct Found {
    operation: RecordId,
    record: Record,
    event: Event,
    next: Place,
}

/// A webhook, and what it is to be told.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) hook: Hook,
    pub(super) cursors: Cursors,
    /// The move that is next, of the record at the cursor, where that is not its first.
    changes: HashMap<AgentId, usize>,
    pending: VecDeque<End>,
    /// Agents of which something could not be told.
    waits: HashMap<AgentId, Wait>,
    /// While it answers nobody.
    wait: Option<Wait>,
    /// Whether a request is under way.
    pub(super) busy: bool,
    /// Whether `cursors` is not kept as it is.
    pub(super) changed: bool,
}

impl Queue {
    /// The same, of the webhook as it is now.
    pub(super) fn of(self, hook: Hook) -> Self {
        Self { hook, ..self }
    }

    pub(super) fn new(hook: Hook, cursors: Cursors) -> Self {
        Self {
            hook,
            cursors,
            changes: HashMap::new(),
            pending: VecDeque::new(),
            waits: HashMap::new(),
            wait: None,
            busy: false,
            changed: false,
        }
    }

    fn at(&self, agent: AgentId) -> u64 {
        self.cursors.told.get(&agent).copied().unwrap_or(0)
    }

    fn go_to(&mut self, agent: AgentId, place: Place) {
        self.cursors.told.insert(agent, place.bytes);
        if place.change > 0 {
            self.changes.insert(agent, place.change);
        } else {
            self.changes.remove(&agent);
        }
        self.changed = true;
    }

    /// Takes note of where logs end.
    pub(super) fn see(&mut self, ends: &[End]) {
        self.pending.clear();
        for end in ends {
            let (agent, log_bytes) = (end.head.agent, end.head.log_bytes);
            let at = self.at(agent);
            if at < log_bytes && self.hook.hears(&end.handle) {
                self.pending.push_back(end.clone());
            } else if at < log_bytes {
                self.forget(agent);
                self.go_to(agent, Place { bytes: log_bytes, change: 0 });
            } else if at == log_bytes {
                self.forget(agent);
            }
            // A log that seems shorter than what was told was looked at earlier.
        }
    }

    /// What it is to be told now. It is busy until [`Self::taken`] or [`Self::failed`] if that is something.
    pub(super) fn next(&mut self, agents: &Agents, now: Instant, time: Time, chance: u64) -> Next {
        if self.busy || self.wait.is_some_and(|wait| wait.until > now) {
            return Next::Nothing;
        }
        for _ in 0..self.pending.len() {
            let Some(end) = self.pending.pop_front() else { break };
            let agent = end.head.agent;
            if self.waits.get(&agent).is_some_and(|wait| wait.until > now) {
                self.pending.push_back(end);
                continue;
            }
            let found = match self.find(agents.repo().backend(), &end) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    self.waits.insert(agent, Wait::after(self.waits.get(&agent), now, chance));
                    return Next::Broken(error.to_string());
                }
            };
            let Found { operation, record, event, next } = found;
            let message = Message::of(agents, (&end.handle, agent), (operation, &record), &event);
            self.pending.push_back(end);
            return match message {
                Ok(message) => {
                    self.busy = true;
                    Next::Tell(Job { agent, time: record.time, message, next })
                }
                Err(error) => {
                    let reason = error.to_string();
                    self.failed((agent, record.time, next), (now, time), &reason, chance);
                    // It is not the webhook that failed.
                    self.wait = None;
                    Next::Broken(reason)
                }
            };
        }
        Next::Nothing
    }

    /// The next event of an agent; what comes before it counts as told.
    fn find(&mut self, backend: &dyn Backend, end: &End) -> Result<Option<Found>, BackendError> {
        let agent = end.head.agent;
        let start = self.at(agent);
        let mut first = self.changes.get(&agent).copied();
        let (mut begins, mut found, mut is_anothers) = (start, None, false);
        let (hook, limits) = (&self.hook, (start, end.head.log_bytes));
        records(backend, &end.handle, limits, &mut |operation, record, ends| {
            // Its handle may have become another agent's.
            if record.agent.unwrap_or(operation) != agent {
                is_anothers = true;
                return false;
            }
            let first = first.take().unwrap_or(0);
            let mut wanted = events(record)
                .into_iter()
                .filter(|event| event.place >= first && hook.events.contains(&event.kind));
            let Some(event) = wanted.next() else {
                begins = ends;
                return true;
            };
            let next = match wanted.next() {
                Some(after) => Place { bytes: begins, change: after.place },
                None => Place { bytes: ends, change: 0 },
            };
            found = Some(Found { operation, record: record.clone(), event, next });
            false
        })?;
        if begins != start {
            self.go_to(agent, Place { bytes: begins, change: 0 });
        }
        if found.is_none() && !is_anothers {
            self.forget(agent);
        }
        Ok(found)
    }

    /// It was told.
    pub(super) fn taken(&mut self, agent: AgentId, next: Place) {
        self.busy = false;
        self.wait = None;
        self.forget(agent);
        self.go_to(agent, next);
    }

    /// Nothing of an agent fails any more; and nothing at all, when it was the last of which something did.
    fn forget(&mut self, agent: AgentId) {
        self.waits.remove(&agent);
        self.changed |= self.cursors.failing.remove(&agent).is_some();
        if self.cursors.failing.is_empty() {
            self.changed |= self.cursors.failure.take().is_some();
        }
    }

    /// It could not be told what happened at `time`; whether that is given up, since a day has passed. The agent's
    /// events fail still then, until one is taken or none is left: each of many that wait would have a day to itself
    /// otherwise, and the last of them its turn after weeks.
    pub(super) fn failed(
        &mut self,
        (agent, happened, next): (AgentId, Time, Place),
        (now, time): (Instant, Time),
        reason: &str,
        chance: u64,
    ) -> bool {
        self.busy = false;
        self.wait = Some(Wait::after(self.wait.as_ref(), now, chance));
        self.waits.insert(agent, Wait::after(self.waits.get(&agent), now, chance));
        self.cursors.failure = Some(Failure::new(time, reason));
        self.changed = true;
        let since = *self.cursors.failing.entry(agent).or_insert(time);
        let given_up = time.as_ms() - since.max(happened).as_ms() >= TRIED_MS;
        if given_up {
            self.waits.remove(&agent);
            self.go_to(agent, next);
        }
        given_up
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::script::{STORE, commit, moving};
    use crate::encoding::Digest;
    use crate::history::ends;
    use crate::webhook::{EventKind, SigningSecret};

    fn agent(byte: u8) -> AgentId {
        AgentId::from_digest(Digest::from_bytes([byte; 32]))
    }

    fn queue() -> Queue {
        let hook = Hook {
            id: "1".to_owned(),
            name: "all".parse().expect("a name"),
            url: "http://127.0.0.1:1/".to_owned(),
            secret: SigningSecret::random().expect("random bytes"),
            former: Vec::new(),
            events: EventKind::ALL.to_vec(),
            agents: vec![crate::access::Pattern::all()],
            created: time(0),
            gone: None,
        };
        Queue::new(hook, Cursors::default())
    }

    fn time(hours: i64) -> Time {
        Time::from_ms(hours * 3_600_000).expect("a time")
    }

    #[test]
    fn what_fails_for_a_day_is_given_up_and_what_happened_since_has_a_day_of_its_own() {
        let (mut queue, now) = (queue(), Instant::now());
        let next = Place { bytes: 100, change: 0 };
        let mut fail = |happened, at| {
            queue.failed((agent(1), time(happened), next), (now, time(at)), "it answered 500", 0)
        };
        assert!(!fail(1, 1));
        assert!(!fail(1, 24));
        assert!(fail(1, 25));
        assert!(!fail(20, 26));
        assert!(fail(20, 44));
        assert_eq!(queue.at(agent(1)), 100);
        let failed = queue.cursors.failure.clone().expect("it failed");
        assert_eq!((failed.at(), failed.reason()), (Some(time(44)), "it answered 500"));
        queue.cursors.failing.insert(agent(2), time(40));
        queue.taken(agent(1), next);
        assert_eq!(queue.cursors.failure, Some(failed), "another agent's events fail still");
        queue.taken(agent(2), next);
        assert!(queue.cursors.failing.is_empty() && queue.cursors.failure.is_none());
        let again = queue.failed((agent(1), time(20), next), (now, time(90)), "it answered 500", 0);
        assert!(!again, "it had worked since");
    }

    #[test]
    fn waits_grow_until_something_is_taken() {
        let (mut queue, now) = (queue(), Instant::now());
        let next = Place { bytes: 10, change: 0 };
        let until = |queue: &Queue| queue.wait.expect("it waits").until - now;
        for _ in 0..3 {
            queue.failed((agent(1), time(1), next), (now, time(1)), "it answered 500", 0);
        }
        assert_eq!(until(&queue), Duration::from_secs(2));
        queue.taken(agent(2), next);
        assert!(queue.wait.is_none());
        assert!(queue.waits.contains_key(&agent(1)), "another agent's success is none of this one's");
    }

    #[test]
    fn what_is_not_heard_any_more_or_has_no_more_to_tell_fails_no_more() {
        let (backend, now) = (MemoryBackend::new(STORE), Instant::now());
        commit(&backend, &moving(&backend, "support", &[("ACTIVE", Some("a"))]));
        let mut all = Vec::new();
        ends(&backend, &mut |end| all.push(end)).expect("memory");
        let end = all[0].clone();
        let (support, log_bytes) = (end.head.agent, end.head.log_bytes);
        let next = Place { bytes: log_bytes, change: 0 };
        let failing = || {
            let mut queue = queue();
            queue.failed((support, time(1), next), (now, time(1)), "it answered 500", 0);
            queue.changed = false;
            queue
        };
        let is_forgotten = |queue: &Queue| {
            let is_kept = queue.cursors.failing.contains_key(&support) || queue.waits.contains_key(&support);
            !is_kept && queue.cursors.failure.is_none() && queue.changed
        };
        let mut waits = failing();
        waits.see(&all);
        assert!(matches!(waits.find(&backend, &end), Ok(Some(_))));
        assert!(!is_forgotten(&waits), "it waits still");
        let mut unheard = failing();
        unheard.hook.agents = vec!["other".parse().expect("a pattern")];
        unheard.see(&all);
        assert!(is_forgotten(&unheard), "{:?}", unheard.cursors);
        let mut unwanted = failing();
        unwanted.hook.events = vec![EventKind::Promote];
        assert!(matches!(unwanted.find(&backend, &end), Ok(None)));
        assert!(is_forgotten(&unwanted), "{:?}", unwanted.cursors);
        // Given up, and nothing came after it.
        let mut given_up = failing();
        assert!(given_up.failed((support, time(1), next), (now, time(25)), "it answered 500", 0));
        given_up.see(&all);
        assert!(is_forgotten(&given_up), "{:?}", given_up.cursors);
        let mut two = failing();
        two.cursors.failing.insert(agent(2), time(3));
        two.go_to(support, next);
        two.see(&all);
        assert!(two.cursors.failure.is_some() && !two.cursors.failing.contains_key(&support));
    }
}
