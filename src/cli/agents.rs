//! The agents of the store that a verb works on, and what its words name there.

use std::sync::Arc;

use crate::agent::{AgentError, AgentInfo, Agents, DraftInfo, Resolved, VersionInfo};
use crate::error::{Classify as _, Kind};
use crate::history::{Revision, Spec};
use crate::object::Author;
use crate::profile::DraftPolicy;
use crate::refs::Handle;
use crate::sync::{SyncError, mirrored};

use super::context::Context;
use super::damage::Damage;
use super::error::CliError;

/// The surface that operations of this process are recorded under.
const VIA: &str = "cli";
/// How many agents are read at once.
const PAGE: usize = 256;
/// Why no draft is to be called like that.
const VERSIONS: &str = "V1, V2, ... are kept for versions";
const ACTIVE: &str = "it means the version that serves";
const LATEST: &str = "it means the newest version";

impl Context {
    /// The agents of the store, to be changed by whoever acts; with `rehearsal` it is only seen what
    /// would change.
    ///
    /// # Errors
    /// When there is no store, or nobody acts, or the store mirrors another.
    pub(crate) fn agents(&self, rehearsal: bool) -> Result<Agents, CliError> {
        self.refuse_mirror()?;
        self.agents_to_follow(rehearsal)
    }

    /// Refuses in a store that mirrors another.
    ///
    /// # Errors
    /// When it does.
    pub(crate) fn refuse_mirror(&self) -> Result<(), CliError> {
        match mirrored(self.repo()?)? {
            None => Ok(()),
            Some(remote) => {
                let url = remote.shown_url();
                Err(SyncError::Mirror { remote: remote.name, url }.into())
            }
        }
    }

    /// The agents of the store, to be changed as another store has them.
    ///
    /// # Errors
    /// When there is no store, or nobody acts.
    pub(crate) fn agents_to_follow(&self, rehearsal: bool) -> Result<Agents, CliError> {
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

    /// Says which profile a config was taken to be of, where nobody said it.
    pub(crate) fn say_guessed(&self, profile: &str) {
        self.out.say(format!("profile '{profile}' (guessed; --profile changes it)"));
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
                let hint = drafted_from(agents, &agent, &other.name())?;
                Err(CliError::new(Kind::Refused, message).hint(hint))
            }
            Err(AgentError::NoSuchRevision { .. }) if draft_name(&revision).is_some() => {
                let message = format!("agent '{agent}' has no draft '{}'", shown(&revision));
                let hint = if has_one_draft(agents, &agent)? {
                    format!("it has one draft: {agent}@main")
                } else {
                    format!("recto draft new {agent}@{}", shown(&revision))
                };
                Err(CliError::new(Kind::NotFound, message).hint(hint))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn only_draft(agents: &Agents, agent: Handle) -> Result<(Handle, DraftInfo), CliError> {
    let mut drafts = agents.drafts(&agent)?;
    if has_one_draft(agents, &agent)?
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

/// The name that a draft is to get. What reads as another kind of revision would never be found again
/// under that name.
///
/// # Errors
/// When it is no name, or is kept for versions and the like.
pub(super) fn new_draft_name(text: &str) -> Result<Handle, CliError> {
    let reason = match text.parse::<Revision>() {
        Ok(Revision::Draft(name)) => match kept_for(name.as_str()) {
            None => return Ok(name),
            Some(reason) => reason,
        },
        Ok(Revision::Word(_)) | Err(_) => match kept_for(text) {
            None => return Ok(text.parse()?),
            Some(reason) => reason,
        },
        Ok(Revision::Version(_)) => VERSIONS,
        Ok(Revision::Active) => ACTIVE,
        Ok(Revision::Latest) => LATEST,
        Ok(Revision::At(_)) => "it means an instant",
        Ok(Revision::Environment(_) | Revision::EnvironmentAt { .. }) => "it means an environment",
        Ok(Revision::Remote { .. }) => "it means something of another store",
    };
    Err(CliError::usage(format!("'{text}' cannot name a draft: {reason}"))
        .hint("another name, such as 'tone'"))
}

/// What a name, in any case, is easily taken for.
fn kept_for(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match name.as_str() {
        "active" => Some(ACTIVE),
        "latest" => Some(LATEST),
        _ => name.strip_prefix('v').is_some_and(is_number).then_some(VERSIONS),
    }
}

/// How somebody comes to a draft with a revision's config: to a new one, or where there is only one draft,
/// by overwriting it.
fn drafted_from(agents: &Agents, agent: &Handle, revision: &str) -> Result<String, AgentError> {
    Ok(if has_one_draft(agents, agent)? {
        format!("'recto restore {agent}@{revision}' overwrites draft 'main' with it")
    } else {
        format!("recto draft new {agent}@NAME --from {revision}")
    })
}

/// Whether the agent's profile allows one draft only, `main`.
fn has_one_draft(agents: &Agents, agent: &Handle) -> Result<bool, AgentError> {
    Ok(agents.profile(&agents.meta(agent)?.profile)?.draft_policy() == DraftPolicy::One)
}

fn shown(revision: &Revision) -> String {
    draft_name(revision).map_or_else(|| revision.to_string(), |name| name.to_string())
}

/// Visits all agents of a store, in order of their handles. Damaged ones are noted.
///
/// # Errors
/// When the agents cannot be listed, and what `visit` fails with.
pub(super) fn each(
    agents: &Agents,
    damage: &mut Damage,
    mut visit: impl FnMut(AgentInfo) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut after: Option<Handle> = None;
    loop {
        let page = match agents.list(after.as_ref(), PAGE) {
            Err(error) if error.kind() == Kind::Corrupt => one_by_one(agents, damage, &mut after)?,
            page => {
                let page = page?;
                after = page.last().map(|info| info.handle.clone());
                page
            }
        };
        page.into_iter().try_for_each(&mut visit)?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// A page in which there is damage; `after` is then where the next one begins.
fn one_by_one(
    agents: &Agents,
    damage: &mut Damage,
    after: &mut Option<Handle>,
) -> Result<Vec<AgentInfo>, CliError> {
    let handles = agents.repo().backend().agents(after.as_ref(), PAGE)?;
    let mut page = Vec::new();
    for agent in &handles {
        match damage.pass(agent, agents.info(agent)) {
            // It was renamed since the names were read.
            Err(AgentError::NoSuchAgent(_)) => {}
            info => page.extend(info?),
        }
    }
    *after = handles.into_iter().last();
    Ok(page)
}
