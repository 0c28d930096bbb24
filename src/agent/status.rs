//! Where an agent stands: what serves, and what its drafts would change.

use crate::diff::path::Path;
use crate::refs::{Handle, RefName};

use super::{AgentError, Agents, DraftInfo, Served, VersionInfo};

/// Whether an agent serves, and what is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It never had a version that served.
    NeverPublished,
    /// It served once, and nothing serves now.
    Unpublished,
    /// It serves, and nothing waits.
    Live,
    /// It serves, and a draft or a newer version differs from what serves.
    LiveWithChanges,
}

/// Where an agent stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The agent.
    pub agent: Handle,
    /// Whether it is put away; it may serve all the same.
    pub archived: bool,
    /// Whether it serves.
    pub liveness: Liveness,
    /// What serves.
    pub active: Option<VersionInfo>,
    /// Since when, by whom.
    pub since: Option<Served>,
    /// The newest version that was not withdrawn.
    pub latest: Option<VersionInfo>,
    /// The drafts, each with the fields in which it differs from what serves.
    pub drafts: Vec<(DraftInfo, Vec<Path>)>,
}

impl Agents {
    /// Where an agent stands.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when something cannot be read.
    pub fn status(&self, agent: &Handle) -> Result<Status, AgentError> {
        let active = match self.active(agent)? {
            Some(id) => Some(self.version(agent, &id)?),
            None => None,
        };
        let since = self.last_stretch(agent, &RefName::active(), None)?;
        let latest = match self.resolve_revision(agent, &crate::history::Revision::Latest) {
            Ok(super::Resolved::Version(version)) => Some(version),
            Ok(_) | Err(AgentError::NoSuchRevision { .. }) => None,
            Err(error) => return Err(error),
        };
        let serving = match &active {
            Some(version) => Some(self.config(&version.id)?),
            None => None,
        };
        let mut drafts = Vec::new();
        for draft in self.drafts(agent)? {
            let changed = match &serving {
                Some(serving) => {
                    let config = self.config(&draft.commit)?;
                    let diff = self.diff(serving, &config);
                    diff.changes.iter().map(|field| config.profile.short_path(&field.change.path)).collect()
                }
                None => Vec::new(),
            };
            drafts.push((draft, changed));
        }
        let waiting = drafts.iter().any(|(_, changed)| !changed.is_empty())
            || latest.as_ref().map(|latest| latest.id) != active.as_ref().map(|active| active.id);
        let liveness = match (&active, since.is_some()) {
            (Some(_), _) if waiting => Liveness::LiveWithChanges,
            (Some(_), _) => Liveness::Live,
            (None, true) => Liveness::Unpublished,
            (None, false) => Liveness::NeverPublished,
        };
        let archived = self.meta(agent)?.archived;
        Ok(Status { agent: agent.clone(), archived, liveness, active, since, latest, drafts })
    }
}
