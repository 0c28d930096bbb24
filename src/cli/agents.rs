//! The agents of the store that a verb works on, and what its words name there.

use std::sync::Arc;

use crate::agent::{AgentError, AgentInfo, Agents, DraftInfo, Resolved, VersionInfo};
use crate::error::Kind;
use crate::history::{Revision, Spec};
use crate::object::Author;
use crate::profile::DraftPolicy;
use crate::refs::Handle;

use super::context::Context;
use super::error::CliError;

/// The surface that operations of this process are recorded under.
const VIA: &str = "cli";
/// How many agents are read at once.
const PAGE: usize = 256;

impl Context {
    /// The agents of the store, to be changed by whoever acts; with `rehearsal` it is only seen what
    /// would change.
    ///
    /// # Errors
    /// When there is no store, or nobody acts.
    pub(crate) fn agents(&self, rehearsal: bool) -> Result<Agents, CliError> {
        let agents = Agents::new(Arc::clone(self.repo()?), self.author()?, VIA);
        Ok(if rehearsal { agents.rehearsing() } else { agents })
    }

    /// The agents of the store, to be looked at.
    ///
    /// # Errors
    /// When there is no store.
    pub(crate) fn agents_to_read(&self) -> Result<Agents, CliError> {
        let nobody = Author { name: String::new(), email: None };
        Ok(Agents::new(Arc::clone(self.repo()?), nobody, VIA))
    }

    /// The agent that a handle leads to.
    ///
    /// # Errors
    /// When it is no handle, or there is no such agent.
    pub(crate) fn agent(&self, agents: &Agents, text: &str) -> Result<Handle, CliError> {
        if let Some((agent, _)) = text.split_once('@') {
            let error = CliError::usage(format!("'{text}' names a revision, where an agent is wanted"));
            return Err(if agent.parse::<Handle>().is_ok() { error.hint(agent) } else { error });
        }
        self.located(agents, &text.parse()?)
    }

    fn located(&self, agents: &Agents, handle: &Handle) -> Result<Handle, CliError> {
        let now = agents.locate(handle)?;
        if now != *handle {
            self.out.say(format!("agent '{handle}' is now called '{now}'"));
        }
        Ok(now)
    }

    /// What `AGENT@REV` names.
    ///
    /// # Errors
    /// When it is malformed, or names nothing, or several things.
    pub(crate) fn revision(&self, agents: &Agents, text: &str) -> Result<(Handle, Resolved), CliError> {
        self.resolved(agents, &text.parse()?)
    }

    /// What a revision names. The instant that a zoneless time was taken for is said.
    ///
    /// # Errors
    /// As [`Self::revision`].
    pub(crate) fn resolved(&self, agents: &Agents, spec: &Spec) -> Result<(Handle, Resolved), CliError> {
        let agent = self.located(agents, &spec.agent)?;
        if let Revision::At(time) = spec.revision {
            self.out.say(format!("at {time}"));
        }
        let resolved = agents.resolve_revision(&agent, &spec.revision)?;
        Ok((agent, resolved))
    }

    /// The version that `AGENT@REV` names.
    ///
    /// # Errors
    /// As [`Self::revision`]; when it names something else.
    pub(crate) fn version(&self, agents: &Agents, text: &str) -> Result<(Handle, VersionInfo), CliError> {
        match self.revision(agents, text)? {
            (agent, Resolved::Version(version)) => Ok((agent, version)),
            (agent, Resolved::Draft(draft)) => {
                let name = draft.name;
                let error = CliError::new(
                    Kind::Refused,
                    format!("'{name}' of agent '{agent}' is a draft, not a version"),
                );
                Err(error.hint(format!("'recto publish {agent}@{name}' makes a version of it")))
            }
            (agent, other) => Err(AgentError::NotAVersion { agent, id: other.commit() }.into()),
        }
    }

    /// The draft that `AGENT@DRAFT` names; an agent that has one draft only may be named alone.
    ///
    /// # Errors
    /// As [`Self::revision`]; when it names something else, or no draft is named and there could be
    /// several.
    pub(crate) fn draft(&self, agents: &Agents, text: &str) -> Result<(Handle, DraftInfo), CliError> {
        let spec: Spec = text.parse()?;
        let agent = self.located(agents, &spec.agent)?;
        if !spec.explicit {
            return only_draft(agents, agent);
        }
        let revision = spec.revision;
        match agents.resolve_revision(&agent, &revision) {
            Ok(Resolved::Draft(draft)) => Ok((agent, draft)),
            Ok(other) => {
                let what = match &other {
                    Resolved::Version(_) => "a version",
                    Resolved::Checkpoint(_) => "a checkpoint",
                    _ => "an earlier revision of a draft",
                };
                let message = format!("'{revision}' of agent '{agent}' is {what}, not a draft");
                let hint = format!("recto draft new {agent}@NAME --from {}", other.name());
                Err(CliError::new(Kind::Refused, message).hint(hint))
            }
            Err(AgentError::NoSuchRevision { .. }) if draft_name(&revision).is_some() => {
                let message = format!("agent '{agent}' has no draft '{}'", shown(&revision));
                Err(CliError::new(Kind::NotFound, message)
                    .hint(format!("recto draft new {agent}@{}", shown(&revision))))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn only_draft(agents: &Agents, agent: Handle) -> Result<(Handle, DraftInfo), CliError> {
    let profile = agents.profile(&agents.meta(&agent)?.profile)?;
    let mut drafts = agents.drafts(&agent)?;
    if profile.draft_policy() == DraftPolicy::One
        && let Some(draft) = drafts.pop()
    {
        return Ok((agent, draft));
    }
    let error = CliError::usage(format!("no draft of agent '{agent}' is named"));
    Err(match drafts.first() {
        None => error.hint(format!("it has none: recto draft new {agent}@NAME")),
        Some(first) => {
            let lines = drafts.iter().map(|draft| format!("{agent}@{}", draft.name));
            error.details(lines.collect::<Vec<_>>()).hint(format!("name one: {agent}@{}", first.name))
        }
    })
}

/// The draft that a revision would name, were it there.
pub(super) fn draft_name(revision: &Revision) -> Option<Handle> {
    match revision {
        Revision::Draft(name) => Some(name.clone()),
        Revision::Word(word) => word.parse().ok(),
        _ => None,
    }
}

fn shown(revision: &Revision) -> String {
    draft_name(revision).map_or_else(|| revision.to_string(), |name| name.to_string())
}

/// All agents of a store, in order of their handles, a page at a time.
pub(super) struct Listing<'a> {
    agents: &'a Agents,
    after: Option<Handle>,
    page: std::vec::IntoIter<AgentInfo>,
    done: bool,
}

impl<'a> Listing<'a> {
    /// Begins with the first.
    pub(super) fn new(agents: &'a Agents) -> Self {
        Self { agents, after: None, page: Vec::new().into_iter(), done: false }
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<AgentInfo, AgentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.as_slice().is_empty() && !self.done {
            match self.agents.list(self.after.as_ref(), PAGE) {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
            self.after = self.page.as_slice().last().map(|info| info.handle.clone());
            self.done = self.after.is_none();
        }
        self.page.next().map(Ok)
    }
}
