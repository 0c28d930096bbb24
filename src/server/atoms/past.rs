//! What the log says of versions beyond what they say themselves: who activated them, and when something about
//! them was changed or checked.

use std::collections::HashMap;

use crate::agent::{AgentError, Agents, LogQuery};
use crate::clock::Time;
use crate::object::{Author, ObjectId};
use crate::refs::Handle;

/// The kinds of operation that change what is said about a version.
const EDITS: [&str; 3] = ["version-edit", "pin", "unpin"];

/// The past of an agent's versions.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// When each was activated last, and by whom.
    activated: HashMap<ObjectId, (Time, Author)>,
    edited: HashMap<ObjectId, Time>,
    checked: HashMap<ObjectId, Time>,
}

impl Past {
    /// Reads it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn read(agents: &Agents, agent: &Handle) -> Result<Self, AgentError> {
        let mut past = Self::default();
        for served in agents.timeline(agent)?.into_iter().filter(|served| !served.claimed) {
            if let Some(version) = served.version {
                past.activated.insert(version, (served.from, served.actor));
            }
        }
        for kind in EDITS {
            about(agents, agent, kind, &mut past.edited)?;
        }
        about(agents, agent, "check", &mut past.checked)?;
        Ok(past)
    }

    /// When a version was activated last, and by whom.
    pub(super) fn activated(&self, version: &ObjectId) -> Option<&(Time, Author)> {
        self.activated.get(version)
    }

    /// When it was checked anew.
    pub(super) fn checked(&self, version: &ObjectId) -> Option<Time> {
        self.checked.get(version).copied()
    }

    /// When something about it was changed last; `made` when nothing was since.
    pub(super) fn updated(&self, version: &ObjectId, made: Time) -> Time {
        let activated = self.activated.get(version).map(|(time, _)| *time);
        [activated, self.edited.get(version).copied()].into_iter().flatten().fold(made, Time::max)
    }
}

/// When each version was last the subject of such an operation.
fn about(
    agents: &Agents,
    agent: &Handle,
    kind: &str,
    times: &mut HashMap<ObjectId, Time>,
) -> Result<(), AgentError> {
    let query = LogQuery { kinds: vec![kind.to_owned()], oldest_first: true, ..LogQuery::default() };
    for entry in agents.log(agent, query)? {
        let record = entry?.record;
        for change in &record.changes {
            if let Ok(version) = change.name.split().1.parse::<ObjectId>() {
                let time = times.entry(version).or_insert(record.time);
                *time = record.time.max(*time);
            }
        }
    }
    Ok(())
}
