//! The log of an agent, filtered: who moved which refs, when and why; and the revisions of a draft.

use crate::clock::Time;
use crate::diff::path::{self, Path};
use crate::history::{LogLines, Order};
use crate::log::{Change, Record, RecordId};
use crate::object::{Author, BlockName, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::draft::no_draft;
use super::draft_trail::DraftTrail;
use super::{AgentError, Agents, Config};

/// Which operations are wanted; what is `None` or empty lets all pass.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Part of the actor's name or e-mail address, in any case.
    pub author: Option<String>,
    /// Not before.
    pub since: Option<Time>,
    /// Not after.
    pub until: Option<Time>,
    /// Kinds of operation.
    pub kinds: Vec<String>,
    /// Blocks and fields: only operations that changed one of them.
    pub paths: Vec<Path>,
    /// Only operations that have to do with this.
    pub subject: Option<Subject>,
    /// Text in the note, or in label or description of a version that it touches, in any case.
    pub text: Option<String>,
    /// From the first operation on, instead of from the last back.
    pub oldest_first: bool,
}

/// What an operation can have to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A draft, also under names that it had before; one that is gone, by its name.
    Draft(Handle),
    /// A commit: a ref was moved to it, from it, or says something about it.
    Commit(ObjectId),
    /// The list of versions: operations that published.
    Versions,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its id.
    pub id: RecordId,
    /// Everything that the log says of it.
    pub record: Record,
}

/// One revision of a draft.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftRevision {
    /// Its number, from 1.
    pub revision: u64,
    /// Its commit.
    pub commit: ObjectId,
    /// Who made it.
    pub actor: Author,
    /// When.
    pub time: Time,
    /// By which kind of operation.
    pub kind: String,
    /// The blocks that it changed.
    pub blocks: Vec<BlockName>,
    /// Why, in the actor's words.
    pub note: String,
}

/// Operations that pass a query, one at a time: memory does not grow with the log.
#[derive(Debug)]
pub struct LogEntries<'a> {
    agents: &'a Agents,
    lines: LogLines<'a>,
    query: LogQuery,
    trail: Option<DraftTrail>,
    done: bool,
}

impl Agents {
    /// The operations of an agent that pass a query.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when the log cannot be read.
    pub fn log(&self, agent: &Handle, query: LogQuery) -> Result<LogEntries<'_>, AgentError> {
        let order = if query.oldest_first { Order::OldestFirst } else { Order::NewestFirst };
        let lines = LogLines::new(self.repo.backend(), agent, order).map_err(RepoError::from)?;
        let mut lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let trail = match &query.subject {
            Some(Subject::Draft(name)) => Some(self.draft_trail(agent, name, query.oldest_first)?),
            _ => None,
        };
        // The rarest text that every wanted line has is looked for first: parsing is what costs.
        if let Some(Subject::Commit(id)) = &query.subject {
            lines = lines.containing(&id.to_string());
        } else if trail.is_some() {
            lines = lines.containing(DraftTrail::SIEVE);
        } else if let [kind] = query.kinds.as_slice() {
            lines = lines.containing(&format!("\"kind\":{}", serde_json::Value::from(kind.as_str())));
        } else if query.subject == Some(Subject::Versions) {
            lines = lines.containing("\"ref\":\"versions\"");
        } else if !query.paths.is_empty() {
            lines = lines.containing("\"blocks\":[");
        }
        Ok(LogEntries { agents: self, lines, query, trail, done: false })
    }

    /// The revisions of a draft that exists, newest first.
    ///
    /// # Errors
    /// `NoSuchRevision`, or when the log cannot be read.
    pub fn draft_log(&self, agent: &Handle, name: &Handle) -> Result<Vec<DraftRevision>, AgentError> {
        let info = self.draft(agent, name)?;
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| no_draft(agent, name))?;
        let mut at = RefName::draft(name);
        let mut revision = info.revision;
        let mut found = Vec::new();
        for line in lines.containing(DraftTrail::SIEVE) {
            let (id, record) = line.map_err(RepoError::from)?;
            let Some(change) = record.changes.iter().rfind(|change| change.name == at && change.to.is_some())
            else {
                continue;
            };
            let Some(commit) = change.to.as_ref().and_then(Target::id) else { continue };
            found.push(DraftRevision {
                revision,
                commit,
                actor: record.actor.clone(),
                time: record.time,
                kind: record.kind.clone(),
                blocks: change.blocks.clone(),
                note: record.note.clone(),
            });
            if let Some(before) = &change.continues {
                at = before.clone();
            }
            if id == info.id {
                break;
            }
            revision = revision.saturating_sub(1);
        }
        Ok(found)
    }
}

impl LogEntries<'_> {
    fn passes(&self, record: &Record) -> Result<bool, AgentError> {
        let query = &self.query;
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        if let Some(author) = &query.author
            && !has(&record.actor.to_string(), author)
        {
            return Ok(false);
        }
        if query.since.is_some_and(|since| record.time < since)
            || query.until.is_some_and(|until| record.time > until)
        {
            return Ok(false);
        }
        if !query.kinds.is_empty() && !query.kinds.contains(&record.kind) {
            return Ok(false);
        }
        if let Some(text) = &query.text
            && !has(&record.note, text)
            && !self.words_hold(record, text)?
        {
            return Ok(false);
        }
        for path in &query.paths {
            if self.touches(record, path)? {
                return Ok(true);
            }
        }
        Ok(query.paths.is_empty())
    }

    /// Whether a record has to do with what the query is about.
    fn concerns(&mut self, id: RecordId, record: &Record) -> bool {
        match &self.query.subject {
            None => true,
            Some(Subject::Versions) => record
                .changes
                .iter()
                .any(|change| [RefName::VERSIONS, RefName::UNPUSHED].contains(&change.name.as_str())),
            Some(Subject::Commit(commit)) => {
                let is_it = |target: &Option<Target>| target.as_ref().and_then(Target::id) == Some(*commit);
                record.changes.iter().any(|change| {
                    is_it(&change.from) || is_it(&change.to) || change.name.split().1.parse() == Ok(*commit)
                })
            }
            Some(Subject::Draft(_)) => self.trail.as_mut().is_some_and(|trail| trail.follow(id, record)),
        }
    }

    /// Whether label or description of a version that the operation moves a ref to hold a text.
    fn words_hold(&self, record: &Record, text: &str) -> Result<bool, AgentError> {
        let needle = text.to_lowercase();
        for change in &record.changes {
            let subject = match change.name.split() {
                (Some("notes" | "pins" | "checks" | "withdrawn" | "checkpoints"), id) => id.parse().ok(),
                (None, RefName::ACTIVE | RefName::VERSIONS | RefName::UNPUSHED) => {
                    change.to.as_ref().and_then(Target::id)
                }
                _ => None,
            };
            let Some(id) = subject else { continue };
            let message = self.agents.repo.commit(&id)?.message;
            if message.to_lowercase().contains(&needle) {
                return Ok(true);
            }
            if let (Some("notes"), Some(note)) =
                (change.name.split().0, change.to.as_ref().and_then(Target::id))
            {
                let said = String::from_utf8_lossy(&self.agents.repo.block(&note)?).to_lowercase();
                if said.contains(&needle) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether an operation changed a block or a field, in what serves, in a version or in a draft.
    fn touches(&self, record: &Record, path: &Path) -> Result<bool, AgentError> {
        for change in record.changes.iter().filter(|change| !change.blocks.is_empty()) {
            if self.change_touches(change, path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn change_touches(&self, change: &Change, wanted: &Path) -> Result<bool, AgentError> {
        let name = wanted.to_string();
        if change.blocks.iter().any(|block| block.as_str() == name) {
            return Ok(true);
        }
        let Some(to) = change.to.as_ref().and_then(Target::id) else { return Ok(false) };
        let new = self.agents.repo.commit(&to)?;
        let profile = self.agents.profile(&new.profile)?;
        let full = profile.resolve_path(wanted);
        let in_block = |block: &BlockName| profile.block_of(&full).is_none_or(|name| name == *block);
        if !change.blocks.iter().any(in_block) {
            return Ok(false);
        }
        let config = |id: Option<ObjectId>| id.map(|id| self.agents.config(&id)).transpose();
        let old = config(change.from.as_ref().and_then(Target::id))?;
        let new = self.agents.config(&to)?;
        let keys = profile.list_keys();
        let at = |config: &Config| path::get(&config.value, &full, keys).cloned();
        Ok(old.as_ref().and_then(at) != at(&new))
    }
}

impl Iterator for LogEntries<'_> {
    type Item = Result<LogEntry, AgentError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let (id, record) = match self.lines.next()? {
                Ok(found) => found,
                Err(error) => {
                    self.done = true;
                    return Some(Err(RepoError::from(error).into()));
                }
            };
            // Times never go back within a log, so what lies beyond the bound ends the walk.
            let beyond = if self.query.oldest_first {
                self.query.until.is_some_and(|until| record.time > until)
            } else {
                self.query.since.is_some_and(|since| record.time < since)
            };
            if beyond {
                self.done = true;
                return None;
            }
            if !self.concerns(id, &record) {
                self.done = self.trail.as_ref().is_some_and(DraftTrail::is_over);
                continue;
            }
            match self.passes(&record) {
                Ok(true) => return Some(Ok(LogEntry { id, record })),
                Ok(false) => {}
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
