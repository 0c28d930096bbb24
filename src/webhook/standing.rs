//! How telling webhooks goes: whether it fails, since when and with what, and how many events wait.

use crate::backend::{Backend, BackendError};
use crate::clock::Time;
use crate::history::{End, records};

use super::Hook;
use super::cursors::Cursors;
use super::event::events;

/// How telling a webhook goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when something that waits could not be told; `None` when nothing that waits was tried in vain.
    pub failing_since: Option<Time>,
    /// When it was tried the last time, while it fails.
    pub failed_at: Option<Time>,
    /// With what that failed.
    pub failed_with: Option<String>,
    /// How many events it was not told of yet, as far as they were counted.
    pub waiting: u64,
    /// Whether more may wait than were counted.
    pub waiting_at_least: bool,
}

/// How much is done for one list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most events that are counted for a webhook.
    waiting: u64,
    /// Most records that are read for all of them.
    records: u64,
}

impl Bounds {
    /// Those of a list.
    pub(super) const LIST: Self = Self { waiting: 1000, records: 20_000 };
}

/// Webhooks, each with how far it was told; without that it waits for nothing.
pub(super) type Told<'a> = [(&'a Hook, Option<&'a Cursors>)];

/// What is counted while logs are read.
struct Count<'a> {
    hooks: &'a Told<'a>,
    found: Vec<Standing>,
    /// The bounds; of the records what is left.
    left: Bounds,
}

/// How the webhooks stand, where logs end so. Each log is read once for all of them.
///
/// # Errors
/// When a log cannot be read.
pub(super) fn standings(
    backend: &dyn Backend,
    hooks: &Told<'_>,
    ends: &[End],
    bounds: Bounds,
) -> Result<Vec<Standing>, BackendError> {
    let mut count = Count { hooks, found: vec![Standing::default(); hooks.len()], left: bounds };
    for end in ends {
        count.log(backend, end)?;
    }
    let mut found = count.found;
    for (standing, (_, cursors)) in found.iter_mut().zip(hooks) {
        // An operation may have several events.
        standing.waiting_at_least |= standing.waiting > bounds.waiting;
        standing.waiting = standing.waiting.min(bounds.waiting);
        let failure = cursors.and_then(|cursors| cursors.failure.as_ref());
        if let Some(failure) = failure.filter(|_| standing.failing_since.is_some()) {
            (standing.failed_at, standing.failed_with) = (failure.at(), Some(failure.reason().to_owned()));
        }
    }
    Ok(found)
}

impl Count<'_> {
    /// Counts what waits in one log.
    fn log(&mut self, backend: &dyn Backend, end: &End) -> Result<(), BackendError> {
        let agent = end.head.agent;
        let mut waiting = self.who_waits(end);
        loop {
            waiting.retain(|(hook, _)| self.goes_on(*hook));
            let Some(start) = waiting.iter().map(|(_, told)| *told).min() else { return Ok(()) };
            let mut is_done = true;
            records(backend, &end.handle, (start, end.head.log_bytes), &mut |operation, record, ends| {
                // Its handle may have become another agent's.
                if record.agent.unwrap_or(operation) != agent {
                    return false;
                }
                self.left.records = self.left.records.saturating_sub(1);
                let events = events(record);
                for (hook, _) in waiting.iter().filter(|(_, told)| *told < ends) {
                    let wanted = &self.hooks[*hook].0.events;
                    let count = events.iter().filter(|event| wanted.contains(&event.kind)).count() as u64;
                    self.found[*hook].waiting += count;
                }
                if ends >= end.head.log_bytes {
                    return false;
                }
                waiting.retain(|(hook, _)| self.goes_on(*hook));
                // Nobody waits for what comes next: the first who waits for something later is gone on with.
                is_done = !waiting.is_empty() && waiting.iter().any(|(_, told)| *told <= ends);
                is_done
            })?;
            if is_done {
                return Ok(());
            }
        }
    }

    /// The webhooks that were not told all of a log, by their places here, with how far each was told.
    fn who_waits(&mut self, end: &End) -> Vec<(usize, u64)> {
        let agent = end.head.agent;
        let mut waiting = Vec::new();
        for (at, (hook, cursors)) in self.hooks.iter().enumerate() {
            let Some(cursors) = cursors else { continue };
            let told = cursors.told.get(&agent).copied().unwrap_or(0);
            if told < end.head.log_bytes && hook.hears(&end.handle) {
                waiting.push((at, told));
                let since = &mut self.found[at].failing_since;
                *since = since.iter().chain(cursors.failing.get(&agent)).min().copied();
            }
        }
        waiting
    }

    /// Whether more is counted for a webhook that waits for more.
    fn goes_on(&mut self, hook: usize) -> bool {
        let standing = &mut self.found[hook];
        let is_full = standing.waiting >= self.left.waiting;
        standing.waiting_at_least |= is_full || self.left.records == 0;
        !standing.waiting_at_least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::script::{STORE, commit, moving};
    use crate::history::ends;
    use crate::webhook::{EventKind, SigningSecret};

    fn hook(events: &[EventKind]) -> Hook {
        Hook {
            id: "1".to_owned(),
            name: "all".parse().expect("a name"),
            url: "http://127.0.0.1:1/".to_owned(),
            secret: SigningSecret::random().expect("random bytes"),
            former: Vec::new(),
            events: events.to_vec(),
            agents: vec![crate::access::Pattern::all()],
            created: Time::from_ms(0).expect("a time"),
            gone: None,
        }
    }

    #[test]
    fn each_log_is_read_once_for_all_webhooks_and_within_bounds() {
        let backend = MemoryBackend::new(STORE);
        for agent in ["sales", "support"] {
            for text in ["a", "b", "a", "b", "a"] {
                commit(&backend, &moving(&backend, agent, &[("ACTIVE", Some(text))]));
            }
        }
        let mut all = Vec::new();
        ends(&backend, &mut |end| all.push(end)).expect("memory");
        let mut places = Vec::new();
        let first = &all[0];
        records(&backend, &first.handle, (0, first.head.log_bytes), &mut |_, _, ends| {
            places.push(ends);
            true
        })
        .expect("memory");
        let told = |bytes| Cursors { told: [(first.head.agent, bytes)].into(), ..Cursors::default() };
        let (active, promote) = (hook(&[EventKind::Activate]), hook(&[EventKind::Promote]));
        let (none, three, every) = (told(0), told(places[2]), Cursors::at(&all));
        let check = |records, waiting, expected: [(u64, bool); 5]| {
            let hooks = [
                (&active, Some(&none)),
                (&active, Some(&three)),
                (&promote, Some(&none)),
                (&active, Some(&every)),
                (&active, None),
            ];
            let found = standings(&backend, &hooks, &all, Bounds { waiting, records }).expect("memory");
            let found: Vec<_> = found.iter().map(|found| (found.waiting, found.waiting_at_least)).collect();
            assert_eq!(found, expected, "{waiting} events, {records} records");
        };
        let nothing = (0, false);
        // Two logs of five records, once for all.
        check(10, 100, [(10, false), (7, false), nothing, nothing, nothing]);
        check(9, 100, [(9, true), (6, true), (0, true), nothing, nothing]);
        check(5, 100, [(5, true), (2, true), (0, true), nothing, nothing]);
        check(10, 3, [(3, true), (3, true), nothing, nothing, nothing]);
        check(0, 3, [(0, true), (0, true), (0, true), nothing, nothing]);
    }

    #[test]
    fn what_somebody_is_full_of_is_not_read_for_who_waits_for_later_things() {
        let backend = MemoryBackend::new(STORE);
        for text in ["a", "b", "a", "b", "a", "b"] {
            commit(&backend, &moving(&backend, "support", &[("ACTIVE", Some(text))]));
        }
        let mut all = Vec::new();
        ends(&backend, &mut |end| all.push(end)).expect("memory");
        let (agent, active) = (all[0].head.agent, hook(&[EventKind::Activate]));
        let mut places = Vec::new();
        let limits = (0, all[0].head.log_bytes);
        records(&backend, &all[0].handle, limits, &mut |_, _, ends| {
            places.push(ends);
            true
        })
        .expect("memory");
        let told = |bytes| Cursors { told: [(agent, bytes)].into(), ..Cursors::default() };
        let (none, five) = (told(0), told(places[4]));
        let hooks = [(&active, Some(&none)), (&active, Some(&five))];
        let found = standings(&backend, &hooks, &all, Bounds { waiting: 2, records: 3 }).expect("memory");
        assert_eq!((found[0].waiting, found[0].waiting_at_least), (2, true));
        assert_eq!((found[1].waiting, found[1].waiting_at_least), (1, false));
    }
}
