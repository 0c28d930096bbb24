//! Undoing the last operation, as a new operation that moves every ref back.

use crate::history::{LogLines, Order};
use crate::log::{Change, Former, Record, RecordId};
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::checks::CHECK;
use super::draft_trail::DraftTrail;
use super::{AgentError, Agents, CheckState, Meta};

/// Kinds of operations that follow another store.
const SYNCED: [&str; 5] = ["clone", "fetch", "pull", "push", "receive"];

/// What an undo can take back.
#[derive(Debug)]
pub struct Undoable {
    /// The last operation.
    pub last: (RecordId, Record),
    /// What published the version, where the last operation is a check of it and nothing but its checks came between.
    pub publishing: Option<(RecordId, Record)>,
    /// Whether the publishing said itself what the check found: a check that it left pending is a part of it.
    is_whole: bool,
}

impl Undoable {
    /// The one that is meant when none is named.
    fn meant(self) -> (RecordId, Record) {
        self.publishing.filter(|_| !self.is_whole).unwrap_or(self.last)
    }

    /// The one with an id that is meant.
    pub fn named(self, is_meant: impl Fn(&RecordId) -> bool) -> Option<(RecordId, Record)> {
        [Some(self.last), self.publishing].into_iter().flatten().find(|(id, _)| is_meant(id))
    }
}

impl Agents {
    /// Undoes an agent's last operation: refs go back to where they were; a version that was
    /// published is marked withdrawn, and its number is not used again; a draft that went away is the same
    /// draft again, and its revisions go on. Undoing an undo does the operation again. A check that a
    /// publishing left pending, and that came right behind it, goes with it, as does any when the publishing is the one
    /// that is expected.
    ///
    /// # Errors
    /// `CannotUndo` for the operation that made the agent; `Moved` when the one expected cannot be undone any more.
    pub fn undo(&self, agent: &Handle, expected: Option<RecordId>) -> Result<(Record, Receipt), AgentError> {
        let intent = self.intent("undo", "");
        self.repo.operate(
            agent,
            &intent,
            |operation| {
                let undoable = self.undoable(agent)?;
                let actual = undoable.last.0;
                let meant = match expected {
                    Some(expected) => undoable.named(|id| *id == expected),
                    None => Some(undoable.meant()),
                };
                let Some((id, last)) = meant else {
                    let (what, expected) = ("the last operation", expected.unwrap_or(actual).short());
                    let actual = actual.short();
                    return Err(AgentError::Moved { agent: agent.clone(), what, expected, actual });
                };
                if last.prev.is_none() {
                    return Err(AgentError::CannotUndo {
                        agent: agent.clone(),
                        kind: last.kind,
                        reason: "it made the agent; 'recto agent archive AGENT' puts it away",
                    });
                }
                if SYNCED.contains(&last.kind.as_str()) {
                    return Err(AgentError::CannotUndo {
                        agent: agent.clone(),
                        kind: last.kind,
                        reason: "it says what another store has; 'recto activate AGENT@V3' and 'recto restore AGENT@V3' lead back",
                    });
                }
                operation.cite(id.digest());
                operation.note(format!("undo {} {}", last.kind, id.short()));
                for change in last.changes.iter().rev() {
                    self.reverse(operation, (id, &last), change)?;
                }
                Ok(last)
            },
            |operation, id| self.derive(operation, id),
        )
    }

    /// What an undo can take back.
    ///
    /// # Errors
    /// `NoSuchAgent`; when the log cannot be read.
    pub fn undoable(&self, agent: &Handle) -> Result<Undoable, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let mut lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let last = lines.next().ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let mut undoable =
            Undoable { last: last.map_err(RepoError::from)?, publishing: None, is_whole: true };
        let Some(checked) = checked_in(&undoable.last.1) else { return Ok(undoable) };
        for line in lines {
            let before = line.map_err(RepoError::from)?;
            if checked_in(&before.1).as_ref() == Some(&checked) {
                continue;
            }
            let changes = &before.1.changes;
            let publishes = changes.iter().any(|change| is_of(change, &checked));
            // The one that made the agent is not undone, and then the check is.
            if publishes && before.1.prev.is_some() {
                let said = changes.iter().rfind(|change| change.name == checked);
                let said = said.and_then(|change| change.to.as_ref()).and_then(Target::id);
                undoable.is_whole = self.check_state(said)? != CheckState::Pending;
                undoable.publishing = Some(before);
            }
            break;
        }
        Ok(undoable)
    }

    fn reverse(
        &self,
        operation: &mut Operation<'_>,
        (id, record): (RecordId, &Record),
        change: &Change,
    ) -> Result<(), AgentError> {
        if change.name.shape() == Shape::List {
            if let Some(Target::Id(id)) = change.to {
                let name = RefName::about("withdrawn", &id);
                operation.write(name, Some(Target::Id(id)), change.blocks.clone())?;
            }
            return Ok(());
        }
        // The two halves of a rename are turned round together, so that the ref stays the same.
        let renamed_to = record.changes.iter().find(|other| other.continues.as_ref() == Some(&change.name));
        if renamed_to.is_some() && change.to.is_none() {
            return Ok(());
        }
        if let Some(old) = &change.continues {
            operation.rename_ref(&change.name, old.clone())?;
            return Ok(());
        }
        if change.name == RefName::meta() {
            self.reverse_meta(operation, change)?;
        }
        if change.to.is_none()
            && change.name.as_draft().is_some()
            && let Some(former) = self.former(operation.agent(), id, &change.name)?
        {
            let (name, to) = (change.name.clone(), change.from.clone());
            operation.resume_ref(name, to, former, change.blocks.clone())?;
            return Ok(());
        }
        operation.write(change.name.clone(), change.from.clone(), change.blocks.clone())?;
        Ok(())
    }

    /// What a draft was that an operation removed, after which it was not made again.
    fn former(
        &self,
        agent: &Handle,
        removal: RecordId,
        name: &RefName,
    ) -> Result<Option<Former>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let Some(lines) = lines else { return Ok(None) };
        let mut at = name.clone();
        let mut moves = 0;
        let mut before = false;
        for line in lines.containing(DraftTrail::SIEVE) {
            let (id, record) = line.map_err(RepoError::from)?;
            if !before {
                before = id == removal;
                continue;
            }
            let Some(change) = record.changes.into_iter().rfind(|change| change.name == at) else { continue };
            moves += 1;
            if let Some(Former { created, revision }) = change.resumes {
                return Ok(Some(Former { created, revision: revision + moves }));
            }
            match change.continues {
                Some(before) => at = before,
                None if change.from.is_none() => {
                    return Ok(Some(Former { created: id, revision: moves }));
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// Metadata that goes back to another handle renames the agent back.
    fn reverse_meta(&self, operation: &mut Operation<'_>, change: &Change) -> Result<(), AgentError> {
        let agent = operation.agent().clone();
        let before = self.read_meta(&agent, change.from.as_ref().and_then(Target::id))?;
        let Meta { handle, .. } = before;
        if handle != agent {
            self.refuse_taken(&handle, Some(&agent))?;
            operation.rename_agent(handle);
        }
        Ok(())
    }
}

/// The ref of the check that a record is about, where it is about nothing else.
fn checked_in(record: &Record) -> Option<RefName> {
    let [change] = &record.changes[..] else { return None };
    (record.kind == CHECK).then(|| change.name.clone())
}

/// Whether a change publishes the version that the ref of a check is about.
fn is_of(change: &Change, check: &RefName) -> bool {
    let id = change.to.as_ref().and_then(Target::id).filter(|_| change.name.shape() == Shape::List);
    id.is_some_and(|id| RefName::about("checks", &id) == *check)
}
