//! Agents: their drafts, versions and what serves, as operations on one store. Knows profiles and
//! checks; never HTTP or a terminal.

mod activate;
mod active_json;
mod checks;
mod compare;
mod config;
mod create;
mod draft;
mod draft_title;
mod draft_trail;
mod edit;
mod elsewhere;
mod environment;
mod error;
mod export;
mod fsck;
mod import;
mod merge;
mod meta;
mod number;
mod oplog;
mod publish;
mod query;
mod remote;
mod republish;
mod resolve;
mod rollback;
mod status;
mod timeline;
mod types;
mod undo;
mod version;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::object::Author;
use crate::refs::Handle;
use crate::repo::{Expectation, Intent, Operation, Receipt, Repo, RepoError};

pub use activate::Unmoved;
pub use active_json::{ACTIVE_JSON, SETTING as ACTIVE_JSON_SETTING};
pub use checks::{AcceptedFinding, CheckReport, CheckState, OUTSIDE_SETTING};
pub use compare::{
    BlockChanges, Comparison, Shown as ShownChange, Side, kind_name as block_change_name,
    wanted as wanted_paths,
};
pub use config::Config;
pub use create::{Created, NewAgent};
pub use draft::DraftSource;
pub use edit::Edit;
pub use elsewhere::TakenBack;
pub use environment::{BOUND_SETTING, ENVIRONMENTS};
pub use error::{AgentError, Undone};
pub use export::HistoryLines;
pub use import::{
    BlockFiles, ExactNames, HistoryOptions, HistoryReport, HistoryStop, ImportOptions, ImportOutcome,
    ImportProgress, ImportReport, vendor_agent_id,
};
pub use merge::{Decision, MergeOptions, MergeOutcome, Pick, Resolution, conflict_is_at, conflict_name};
pub use meta::{Meta, MetaEdit, one_line, some_lines};
pub use number::Number;
pub use oplog::{DraftRevision, LogEntries, LogEntry, LogQuery, Subject};
pub use publish::{Direct, PublishOptions, Published};
pub use republish::{RepublishOptions, Republished};
pub use rollback::RolledBack;
pub use status::{Liveness, Status};
pub use timeline::Served;
pub use types::{AgentInfo, CheckpointInfo, DraftInfo, Resolved, VersionInfo};
pub use undo::Undoable;

use config::ConfigCache;

/// The agents of one store, as seen and changed by one actor through one surface.
#[derive(Debug, Clone)]
pub struct Agents {
    repo: Arc<Repo>,
    actor: Author,
    via: String,
    rehearsal: bool,
    /// What has to hold for each operation.
    expects: Vec<Expectation>,
    configs: Arc<ConfigCache>,
}

impl Agents {
    /// The agents of `repo`; operations are recorded as done by `actor` through `via` (`cli`).
    pub fn new(repo: Arc<Repo>, actor: Author, via: &str) -> Self {
        Self {
            repo,
            actor,
            via: via.to_owned(),
            rehearsal: false,
            expects: Vec::new(),
            configs: Arc::default(),
        }
    }

    /// The same agents, with operations only rehearsed: each is checked in full, says in its
    /// receipt what it would move, and writes nothing.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { rehearsal: true, ..self }
    }

    /// Whether what would be done is only said, and nothing of it is done.
    pub fn rehearses(&self) -> bool {
        self.rehearsal
    }

    /// The same agents as changed by another actor through another surface; what was read of them is shared.
    #[must_use]
    pub fn acting(&self, actor: Author, via: &str) -> Self {
        let (repo, configs) = (Arc::clone(&self.repo), Arc::clone(&self.configs));
        Self { repo, actor, via: via.to_owned(), rehearsal: self.rehearsal, expects: Vec::new(), configs }
    }

    /// The same agents, each operation on which happens only where something holds then, besides what has to
    /// hold already.
    #[must_use]
    pub fn expecting(&self, expectation: Expectation) -> Self {
        let mut agents = self.clone();
        agents.expects.push(expectation);
        agents
    }

    /// The store.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Who acts.
    pub fn actor(&self) -> &Author {
        &self.actor
    }

    /// Makes one operation happen, with the documents that follow from it. For operations that move refs
    /// as they were moved elsewhere: whoever asks knows why it may.
    ///
    /// # Errors
    /// As [`Repo::operate`].
    pub fn run<T, E: From<AgentError> + From<RepoError>>(
        &self,
        agent: &Handle,
        kind: &str,
        note: &str,
        build: impl FnMut(&mut Operation<'_>) -> Result<T, E>,
    ) -> Result<(T, Receipt), E> {
        let derive = |operation: &mut Operation<'_>, id| Ok(self.derive(operation, id)?);
        self.repo.operate(agent, &self.intent(kind, note), build, derive)
    }

    /// Makes one operation on each of several agents happen, as [`Agents::run`] does with one.
    ///
    /// # Errors
    /// For each agent by itself, as [`Repo::operate`].
    pub fn run_many<T, E: From<AgentError> + From<RepoError>>(
        &self,
        agents: &[Handle],
        kind: &str,
        build: impl FnMut(usize, &mut Operation<'_>) -> Result<T, E>,
    ) -> Vec<Result<(T, Receipt), E>> {
        let derive = |operation: &mut Operation<'_>, id| Ok(self.derive(operation, id)?);
        self.repo.operate_many(agents, &self.intent(kind, ""), build, derive)
    }

    fn intent<'a>(&'a self, kind: &'a str, note: &'a str) -> Intent<'a> {
        let Self { actor, via, rehearsal, expects, .. } = self;
        Intent { kind, actor, via, note, rehearsal: *rehearsal, expects }
    }
}
