//! What served when: the moves of ACTIVE, and of the environments, from the log.

use crate::clock::Time;
use crate::encoding::Digest;
use crate::history::{LogLines, Order};
use crate::log::{Record, RecordId};
use crate::object::{Author, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::{AgentError, Agents};

/// A stretch of time in which one version served, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The version; none when nothing served.
    pub version: Option<ObjectId>,
    /// From when.
    pub from: Time,
    /// Until when; none while it serves.
    pub to: Option<Time>,
    /// Who made it so.
    pub actor: Author,
    /// By which kind of operation.
    pub kind: String,
    /// Why, in the actor's words.
    pub note: String,
    /// The operation.
    pub operation: RecordId,
    /// Whether this is only what an imported history claims: it was not served from here.
    pub claimed: bool,
    /// When the imported version says it was made, where that cannot be since when it served: before the
    /// version that it follows was made, or after it was imported.
    pub stated: Option<Time>,
}

/// One move of ACTIVE or of an environment.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) to: Option<ObjectId>,
    pub(super) kind: String,
    pub(super) cites: Vec<Digest>,
    time: Time,
    actor: Author,
    note: String,
    operation: RecordId,
}

/// The kind of operation whose versions have a history of their own.
const IMPORT: &str = "import";

impl Agents {
    /// The moves of a ref, oldest first. The initial "nothing serves" of a new agent is one of ACTIVE.
    pub(super) fn moves(&self, agent: &Handle, name: &RefName) -> Result<Vec<Move>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::OldestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let mut moves = Vec::new();
        for line in lines.containing(&sieve(name)) {
            let (operation, record) = line.map_err(RepoError::from)?;
            let Some(change) = record.changes.iter().rfind(|change| change.name == *name) else { continue };
            moves.push(Move {
                to: change.to.as_ref().and_then(Target::id),
                kind: record.kind,
                cites: record.cites,
                time: record.time,
                actor: record.actor,
                note: record.note,
                operation,
            });
        }
        Ok(moves)
    }

    /// What served when, oldest first; before it, what imported histories claim.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn timeline(&self, agent: &Handle) -> Result<Vec<Served>, AgentError> {
        let here = self.stretches(agent, &RefName::active())?;
        // What was served from here is known; nothing is claimed beside it.
        let first = here.iter().find(|served| served.version.is_some()).map(|served| served.from);
        let mut served = self.claimed(agent, first)?;
        served.extend(here);
        Ok(served)
    }

    /// What a ref named when, oldest first, as this store moved it.
    pub(super) fn stretches(&self, agent: &Handle, name: &RefName) -> Result<Vec<Served>, AgentError> {
        let moves = self.moves(agent, name)?;
        let mut served = Vec::new();
        for (at, moved) in moves.iter().enumerate() {
            // An agent that never served has no stretch to show for it.
            if at == 0 && moved.to.is_none() {
                continue;
            }
            served.push(Served {
                version: moved.to,
                from: moved.time,
                to: moves.get(at + 1).map(|next| next.time),
                actor: moved.actor.clone(),
                kind: moved.kind.clone(),
                note: moved.note.clone(),
                operation: moved.operation,
                claimed: false,
                stated: None,
            });
        }
        Ok(served)
    }

    /// Imported versions by the times that their commits claim, each from when the one before it ends, as
    /// far as these are in order; up to when this store first served one.
    fn claimed(&self, agent: &Handle, until: Option<Time>) -> Result<Vec<Served>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::OldestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let versions = RefName::versions();
        let mut found: Vec<Served> = Vec::new();
        for line in lines.containing("\"kind\":\"import\"") {
            let (operation, record) = line.map_err(RepoError::from)?;
            if record.kind != IMPORT {
                continue;
            }
            let end = until.map_or(record.time, |until| until.min(record.time));
            for change in record.changes.iter().filter(|change| change.name == versions) {
                let Some(id) = change.to.as_ref().and_then(Target::id) else { continue };
                let commit = self.repo.commit(&id)?;
                // A config that was imported as it stood then has no history to claim, and one that was made
                // after this store began to serve none before.
                if commit.time == record.time || until.is_some_and(|until| commit.time >= until) {
                    continue;
                }
                let earliest = found.last().map_or(commit.time, |last| last.from);
                let from = commit.time.max(earliest).min(end);
                if let Some(last) = found.last_mut() {
                    last.to = Some(from);
                }
                found.push(Served {
                    version: Some(id),
                    from,
                    to: Some(end),
                    actor: commit.author.clone(),
                    kind: IMPORT.to_owned(),
                    note: commit.label().to_owned(),
                    operation,
                    claimed: true,
                    stated: (from != commit.time).then_some(commit.time),
                });
            }
        }
        Ok(found)
    }

    /// What was ACTIVE at an instant, by this store's own log; `None` before it was ever set.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn active_at(&self, agent: &Handle, time: Time) -> Result<Option<Served>, AgentError> {
        self.last_stretch(agent, &RefName::active(), Some(time))
    }

    /// What was ACTIVE at an instant.
    ///
    /// # Errors
    /// `NothingThen`, which says what is known of the time before and after.
    pub fn served_at(&self, agent: &Handle, time: Time) -> Result<ObjectId, AgentError> {
        let served = self.active_at(agent, time)?;
        if let Some(id) = served.as_ref().and_then(|served| served.version) {
            return Ok(id);
        }
        let first = || -> Result<Option<Time>, AgentError> {
            let moves = self.moves(agent, &RefName::active())?;
            Ok(moves.iter().find(|moved| moved.to.is_some()).map(|moved| moved.time))
        };
        let reason = match served {
            Some(served) => format!("it was taken out of service at {}", served.from),
            None => match first()? {
                Some(first) => format!("the first activation was at {first}"),
                None => "it was never activated".to_owned(),
            },
        };
        Err(AgentError::NothingThen { agent: agent.clone(), time, reason })
    }

    /// The newest stretch of a ref that began not after `until`; reads the log only as far back as needed.
    pub(super) fn last_stretch(
        &self,
        agent: &Handle,
        name: &RefName,
        until: Option<Time>,
    ) -> Result<Option<Served>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let mut lines = lines.containing(&sieve(name));
        let mut to = None;
        while let Some(line) = lines.next() {
            let (operation, record) = line.map_err(RepoError::from)?;
            let Some(change) = record.changes.iter().rfind(|change| change.name == *name) else { continue };
            if until.is_some_and(|until| record.time > until) {
                to = Some(record.time);
                continue;
            }
            let version = change.to.as_ref().and_then(Target::id);
            // An agent that never served has no stretch to show for it.
            if version.is_none() && !moves_again(&mut lines, name)? {
                return Ok(None);
            }
            let Record { time: from, actor, kind, note, .. } = record;
            return Ok(Some(Served {
                version,
                from,
                to,
                actor,
                kind,
                note,
                operation,
                claimed: false,
                stated: None,
            }));
        }
        Ok(None)
    }
}

/// What every line that moves a ref contains.
fn sieve(name: &RefName) -> String {
    format!("\"ref\":\"{name}\"")
}

/// Whether any of these operations moves a ref.
fn moves_again(lines: &mut LogLines<'_>, name: &RefName) -> Result<bool, AgentError> {
    for line in lines {
        if line.map_err(RepoError::from)?.1.changes.iter().any(|change| change.name == *name) {
            return Ok(true);
        }
    }
    Ok(false)
}
