//! What the lines of a history have no place for, so that nobody takes an export for a backup.

use crate::agent::Agents;
use crate::cli::count::count;
use crate::cli::error::CliError;
use crate::refs::Handle;

/// Most things of a kind that are named one by one.
const NAMED_MAX: usize = 5;

/// What an export of histories leaves out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    drafts: Vec<String>,
    checkpoints: u64,
    accepted: u64,
    /// Agents of which more is known than their title.
    described: Vec<String>,
    /// Versions that an import gives other ids.
    other_ids: Vec<String>,
}

impl LeftOut {
    /// Adds what belongs to an agent.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(&mut self, agents: &Agents, agent: &Handle) -> Result<(), CliError> {
        for draft in agents.drafts(agent)? {
            let tree = |id| Ok::<_, CliError>(agents.repo().commit(id)?.tree);
            let base = draft.base.as_ref().map(tree).transpose()?;
            // One that is as its base was is nothing that could be missed.
            if base != Some(tree(&draft.commit)?) {
                self.drafts.push(format!("{agent}@{}", draft.name));
            }
        }
        self.checkpoints += agents.checkpoints(agent)?.len() as u64;
        self.accepted += agents.accepted(agent)?.len() as u64;
        let meta = agents.meta(agent)?;
        let bare = meta.description.is_empty() && meta.fields.is_empty() && meta.vendor_ids.is_empty();
        if !bare || meta.archived {
            self.described.push(agent.to_string());
        }
        Ok(())
    }

    /// Adds versions of an agent that an import gives other ids.
    pub(super) fn other_ids(&mut self, agent: &Handle, numbers: &[u64]) {
        self.other_ids.extend(numbers.iter().map(|number| format!("{agent}@V{number}")));
    }

    /// A line for each kind of thing that is left out; that the log is, always.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec!["the log: who did what, and what served when".to_owned()];
        if !self.drafts.is_empty() {
            lines.push(format!("{}: {}", count(self.drafts.len(), "draft"), named(&self.drafts)));
        }
        if self.checkpoints > 0 {
            lines.push(count(self.checkpoints, "checkpoint"));
        }
        if self.accepted > 0 {
            lines.push(count(self.accepted, "accepted finding"));
        }
        if !self.described.is_empty() {
            lines.push(format!("what is known besides the title of {}", named(&self.described)));
        }
        if !self.other_ids.is_empty() {
            lines.push(format!("a part of {}, which an import gives other ids", named(&self.other_ids)));
        }
        lines
    }
}

fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
