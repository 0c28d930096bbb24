//! One draft followed through a log, in which its name may change and other drafts may have had it.

use crate::history::{LogLines, Order};
use crate::log::{Record, RecordId};
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::draft_title::appended;
use super::publish::PUBLISH;
use super::{AgentError, Agents};

/// Follows one draft through a log, record by record, from either end.
#[derive(Debug)]
pub(super) struct DraftTrail {
    /// Its name at the point reached; none where it does not exist.
    at: Option<Handle>,
    /// The record that created it; none when it is gone and only a name is followed.
    created: Option<RecordId>,
    oldest_first: bool,
}

impl DraftTrail {
    /// What every line that moves a draft contains.
    pub(super) const SIEVE: &'static str = "\"drafts/";

    /// Whether a record moves the draft. Goes on under the name that it has beyond the record.
    pub(super) fn follow(&mut self, id: RecordId, record: &Record) -> bool {
        if self.oldest_first && self.at.is_none() && self.created == Some(id) {
            let mut born =
                record.changes.iter().filter(|change| change.from.is_none() && change.continues.is_none());
            self.at = born.find_map(|change| change.name.as_draft());
        }
        let Some(name) = self.at.clone() else { return false };
        let own = RefName::draft(&name);
        let Some(change) = record.changes.iter().rfind(|change| change.name == own) else { return false };
        if self.created.is_none() {
            return true;
        }
        if self.oldest_first {
            let renamed = record.changes.iter().find(|change| change.continues.as_ref() == Some(&own));
            self.at = renamed.and_then(|change| change.name.as_draft()).or(Some(name));
            return true;
        }
        if let Some(before) = &change.continues {
            self.at = before.as_draft();
        }
        if self.created == Some(id) {
            self.at = None;
        }
        true
    }

    /// Whether no further record can move the draft.
    pub(super) fn is_over(&self) -> bool {
        self.at.is_none() && !self.oldest_first
    }
}

impl Agents {
    /// What is to be said of a draft that is not there because its publishing took it away; none where it is there, or
    /// went otherwise.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when the log cannot be read.
    pub fn published_meanwhile(
        &self,
        agent: &Handle,
        name: &Handle,
    ) -> Result<Option<AgentError>, AgentError> {
        let own = RefName::draft(name);
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        for line in lines.containing(&format!("\"{own}\"")) {
            let (_, record) = line.map_err(RepoError::from)?;
            let Some(change) = record.changes.iter().rfind(|change| change.name == own) else { continue };
            let version = appended(&record).filter(|_| change.to.is_none() && record.kind == PUBLISH);
            let number = match version {
                Some(version) => self.number_of(agent, &version)?,
                None => None,
            };
            return Ok(number.map(|number| {
                let (agent, draft, by) = (agent.clone(), name.clone(), record.actor.name.clone());
                AgentError::DraftPublished { agent, draft, number, by }
            }));
        }
        Ok(None)
    }

    /// The trail of a draft; of one that is gone, of all that had its name.
    pub(super) fn draft_trail(
        &self,
        agent: &Handle,
        name: &Handle,
        oldest_first: bool,
    ) -> Result<DraftTrail, AgentError> {
        let created = match self.draft(agent, name) {
            Ok(info) => Some(info.id),
            Err(AgentError::NoSuchRevision { .. }) => None,
            Err(error) => return Err(error),
        };
        let is_unborn = oldest_first && created.is_some();
        Ok(DraftTrail { at: (!is_unborn).then(|| name.clone()), created, oldest_first })
    }
}
