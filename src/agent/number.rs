//! The numbers of versions. The list `versions` holds those whose number stands for ever. Where another
//! store gives the numbers (the ref `upstream` names its list), a version that is published here goes into
//! the list `unpushed`, and is provisional until that store has it: `V5?`, behind all that stand.

use std::fmt;

use serde_json::Value;

use crate::log::ListEntry;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, RepoError};

use super::{AgentError, Agents};

/// How many entries of a list are read at once, newest first.
const PAGE: u64 = 4096;

/// The number of a version, without the `V`: `5`, or `5?` as long as it may still become another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    /// 1 for V1.
    pub position: u64,
    /// Whether the store that gives the numbers does not have it yet.
    pub provisional: bool,
}

impl Number {
    /// A number that stands.
    pub fn of(position: u64) -> Self {
        Self { position, provisional: false }
    }

    /// How a version is named in a command: by its number where that stands, else by its id.
    pub fn address(self, id: &ObjectId) -> String {
        if self.provisional { id.short() } else { format!("V{self}") }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.position, if self.provisional { "?" } else { "" })
    }
}

impl From<Number> for Value {
    /// Null while it may still become another.
    fn from(number: Number) -> Self {
        if number.provisional { Self::Null } else { Self::from(number.position) }
    }
}

impl Agents {
    /// The number of a version; `None` when the commit is none.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn number_of(&self, agent: &Handle, commit: &ObjectId) -> Result<Option<Number>, AgentError> {
        if let Some(position) = self.standing_number(agent, commit)? {
            return Ok(Some(Number::of(position)));
        }
        let provisional = self.provisional(agent)?;
        let Some(at) = provisional.iter().rposition(|entry| entry.id == *commit) else { return Ok(None) };
        let position = self.numbered_count(agent)? + at as u64 + 1;
        Ok(Some(Number { position, provisional: true }))
    }

    /// How many versions have a number that stands.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn numbered_count(&self, agent: &Handle) -> Result<u64, AgentError> {
        Ok(self.repo.backend().list_len(agent, &RefName::versions()).map_err(RepoError::from)?)
    }

    fn standing_number(&self, agent: &Handle, commit: &ObjectId) -> Result<Option<u64>, AgentError> {
        let backend = self.repo.backend();
        let mut end = self.numbered_count(agent)?;
        while end > 0 {
            let start = end.saturating_sub(PAGE);
            let limit = usize::try_from(end - start).unwrap_or(usize::MAX);
            let page = backend.list(agent, &RefName::versions(), start, limit).map_err(RepoError::from)?;
            if let Some(at) = page.iter().rposition(|entry| entry.id == *commit) {
                return Ok(Some(start + at as u64 + 1));
            }
            end = start;
        }
        Ok(None)
    }

    /// The versions published here whose number does not stand yet, oldest first.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn provisional(&self, agent: &Handle) -> Result<Vec<ListEntry>, AgentError> {
        let backend = self.repo.backend();
        let name = RefName::unpushed();
        let mut end = backend.list_len(agent, &name).map_err(RepoError::from)?;
        if end == 0 {
            return Ok(Vec::new());
        }
        let pushed = backend.read_ref(agent, &RefName::pushed()).map_err(RepoError::from)?;
        let pushed = pushed.and_then(|state| state.target).and_then(|target| target.id());
        let mut found: Vec<ListEntry> = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(PAGE);
            let limit = usize::try_from(end - start).unwrap_or(usize::MAX);
            let page = backend.list(agent, &name, start, limit).map_err(RepoError::from)?;
            let numbered = page.iter().rposition(|entry| Some(entry.id) == pushed);
            found.splice(0..0, page[numbered.map_or(0, |at| at + 1)..].iter().copied());
            if numbered.is_some() {
                break;
            }
            end = start;
        }
        Ok(found)
    }

    /// Entries of both lists, those whose numbers stand first, from position `start` (0 is V1).
    pub(super) fn entries(
        &self,
        agent: &Handle,
        start: u64,
        limit: usize,
    ) -> Result<Vec<(Number, ListEntry)>, AgentError> {
        let backend = self.repo.backend();
        let standing = self.numbered_count(agent)?;
        let entries = backend.list(agent, &RefName::versions(), start, limit).map_err(RepoError::from)?;
        let mut found: Vec<(Number, ListEntry)> = (start + 1..).map(Number::of).zip(entries).collect();
        if found.len() < limit {
            let provisional = (standing + 1..).map(|position| Number { position, provisional: true });
            let skipped = usize::try_from(start.saturating_sub(standing)).unwrap_or(usize::MAX);
            let rest = provisional.zip(self.provisional(agent)?).skip(skipped);
            found.extend(rest.take(limit - found.len()));
        }
        Ok(found)
    }

    /// The versions of an agent with their numbers, oldest first: nothing of what they are is read.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn numbers(&self, agent: &Handle) -> Result<Vec<(Number, ObjectId)>, AgentError> {
        let entries = self.entries(agent, 0, usize::MAX)?;
        Ok(entries.into_iter().map(|(number, entry)| (number, entry.id)).collect())
    }

    /// The list that a version published in an operation goes into.
    pub(super) fn list_in(operation: &mut Operation<'_>) -> Result<RefName, AgentError> {
        let elsewhere = operation.target(&RefName::upstream())?.is_some();
        Ok(if elsewhere { RefName::unpushed() } else { RefName::versions() })
    }

    /// The newest version before an operation, which from then on relies on there being no newer one.
    pub(super) fn newest_in(operation: &mut Operation<'_>) -> Result<Option<ObjectId>, AgentError> {
        let standing = operation.target(&RefName::versions())?;
        let published = operation.target(&RefName::unpushed())?;
        let provisional = published.is_some() && published != operation.target(&RefName::pushed())?;
        let newest = if provisional { published } else { standing };
        Ok(newest.and_then(|target| target.id()))
    }

    /// The number of a version in an operation that may just be publishing it, or giving it its number;
    /// `None` when it is no version.
    pub(super) fn number_in(
        &self,
        operation: &Operation<'_>,
        commit: &ObjectId,
    ) -> Result<Option<Number>, AgentError> {
        let exists = operation.agent_id().is_some();
        let agent = operation.agent();
        let before = if exists { self.numbered_count(agent)? } else { 0 };
        let place = |name: &RefName| {
            let mut appended = operation.changes().iter().filter(|change| change.name == *name);
            appended.position(|change| change.to == Some(Target::Id(*commit)))
        };
        if let Some(at) = place(&RefName::versions()) {
            return Ok(Some(Number::of(before + at as u64 + 1)));
        }
        if let Some(at) = place(&RefName::unpushed()) {
            let waiting = if exists { self.provisional(agent)?.len() } else { 0 };
            let position = before + (waiting + at) as u64 + 1;
            return Ok(Some(Number { position, provisional: true }));
        }
        if exists { self.number_of(agent, commit) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_may_change_says_so() {
        let provisional = Number { position: 5, provisional: true };
        let id = ObjectId::from_bytes([0xab; 32]);
        assert_eq!((provisional.to_string().as_str(), Value::from(provisional)), ("5?", Value::Null));
        assert_eq!((Number::of(5).to_string().as_str(), Value::from(Number::of(5))), ("5", Value::from(5)));
        assert_eq!((Number::of(5).address(&id), provisional.address(&id)), ("V5".to_owned(), id.short()));
    }
}
