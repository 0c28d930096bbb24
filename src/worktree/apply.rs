//! `apply`: makes a store's agents what files in version control say. First a plan, in which every
//! problem of every agent is found; then one operation for each agent whose files differ.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::agent::{
    AgentError, Agents, CheckReport, CheckState, Direct, NewAgent, Number, PublishOptions, VersionInfo,
};
use crate::diff::{BlockChange, compare_blocks};
use crate::history::Revision;
use crate::log::AgentId;
use crate::object::{Blocks, ObjectId};
use crate::refs::Handle;
use crate::repo::Receipt;

use super::files::Files;
use super::obstacles::{conflicted, in_the_way, left_in};
use super::{AGENT_FILE, AgentFile, Fault, LooseAgent, WorktreeError, agent_dirs, read_agent};

/// The surface that `apply` acts through, as the log names it. Versions that `apply` published itself
/// are not in the way of the next `apply`: files in version control have moved on from them.
pub const APPLY_SURFACE: &str = "apply";

/// How files are applied.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// Makes the new versions serve.
    pub activate: bool,
    /// The label of the new versions.
    pub label: String,
    /// What must be newest in the store.
    pub expect: Vec<Expect>,
    /// Publishes although somebody else published since the version that the files are based on.
    pub overwrite: bool,
    /// Activates although a check failed, for this reason.
    pub override_check: Option<String>,
    /// Leaves the checks of new versions pending, as a program outside has the last word: none serves yet then, even
    /// where `activate` asks for it.
    pub check_pending: bool,
}

/// What must be the newest version of an agent: `AGENT=REV`, or `REV` where there is one agent only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The agent.
    pub agent: Option<Handle>,
    /// A version by its id or number.
    pub revision: Revision,
}

impl FromStr for Expect {
    type Err = crate::history::RevisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((agent, revision)) => Ok(Self { agent: Some(agent.parse()?), revision: revision.parse()? }),
            None => Ok(Self { agent: None, revision: text.parse()? }),
        }
    }
}

/// What is to be done with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The store has no such agent: it is made.
    Create,
    /// The files differ from the newest version.
    Publish,
    /// They do not: it is left alone.
    Unchanged,
}

impl Action {
    /// The word for this action.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Publish => "publish",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What is to be done with one agent.
#[derive(Debug)]
pub struct Planned {
    /// The agent's handle.
    pub agent: Handle,
    /// The directory of its files.
    pub dir: PathBuf,
    /// What is to be done.
    pub action: Action,
    /// The blocks that differ from the newest version.
    pub blocks: Vec<BlockChange>,
    /// The newest version.
    pub latest: Option<VersionInfo>,
    /// What serves.
    pub served: Option<ObjectId>,
    /// What the check finds in the files.
    pub check: CheckReport,
    /// Why it cannot be done.
    pub refused: Option<WorktreeError>,
    loose: LooseAgent,
}

/// What was done with an agent.
#[derive(Debug)]
pub struct Outcome {
    /// The version that the files became, and its number.
    pub version: ObjectId,
    /// Its number.
    pub number: Number,
    /// Whether it serves.
    pub active: bool,
    /// Its check's state.
    pub state: CheckState,
    /// The operation.
    pub receipt: Receipt,
    /// Whether `agent.json` now names this version as what the files are based on.
    pub recorded: bool,
}

impl Planned {
    /// Finds out what is to be done with the agents in `dir`. Reads only.
    ///
    /// # Errors
    /// `NoAgents`, `Symlink`, `BadExpect`; `Invalid` with the problems of all files of all agents.
    /// What keeps one agent from being applied is said in [`Planned::refused`].
    pub fn all(agents: &Agents, dir: &Path, options: &ApplyOptions) -> Result<Vec<Self>, WorktreeError> {
        let (mut loose, mut faults): (Vec<LooseAgent>, Vec<Fault>) = (Vec::new(), Vec::new());
        let mut broken = None;
        for path in agent_dirs(agents.repo().disk().as_ref(), dir)? {
            match read_agent(agents, dir, &path)? {
                Ok(agent) => {
                    let found = left_in(&agent);
                    broken = broken.or_else(|| (!found.is_empty()).then(|| agent.file.agent.clone()));
                    faults.extend(found);
                    loose.push(agent);
                }
                Err(found) => {
                    let name = path.file_name().and_then(|name| name.to_str()?.parse::<Handle>().ok());
                    broken = broken.or(name);
                    faults.extend(found);
                }
            }
        }
        if !faults.is_empty() {
            let agent = broken.unwrap_or_else(|| "agent".parse().expect("a handle"));
            return Err(WorktreeError::Invalid { agent, faults });
        }
        for expect in &options.expect {
            let known = loose.iter().any(|agent| Some(&agent.file.agent) == expect.agent.as_ref());
            match &expect.agent {
                None if loose.len() > 1 => {
                    let message = "a version without its agent, and there are several: write AGENT=VERSION";
                    return Err(WorktreeError::BadExpect(message.to_owned()));
                }
                Some(agent) if !known => {
                    return Err(WorktreeError::BadExpect(format!("'{agent}', which is not among the files")));
                }
                _ => {}
            }
        }
        loose.into_iter().map(|loose| Self::one(agents, loose, options)).collect()
    }

    fn one(agents: &Agents, loose: LooseAgent, options: &ApplyOptions) -> Result<Self, WorktreeError> {
        let file = &loose.file;
        let located = agents.repo().backend().locate(&file.agent).map_err(crate::repo::RepoError::from);
        let Some(agent) = located.map_err(AgentError::from)? else {
            return Self::creation(agents, loose, options);
        };
        let id = agents.info(&agent)?.id;
        let count = agents.version_count(&agent)?;
        let latest = if count == 0 { None } else { Some(agents.version_at(&agent, count)?) };
        let before = latest.as_ref().map(|latest| agents.config(&latest.id)).transpose()?;
        let empty = Blocks::new();
        let blocks =
            compare_blocks(before.as_ref().map_or(&empty, |before| &before.blocks), &loose.config.blocks);
        let same_profile = before.as_ref().is_some_and(|before| before.profile == loose.config.profile);
        let action = if blocks.is_empty() && same_profile { Action::Unchanged } else { Action::Publish };
        let check = agents.check(Some(&agent), &loose.config)?;
        let mut refused = match file.id {
            Some(other) if other != id => Some(WorktreeError::Foreign {
                file: loose.dir.join(AGENT_FILE).to_string_lossy().into_owned(),
                id: other.short(),
            }),
            _ => unexpected(agents, &agent, latest.as_ref(), options)?,
        };
        if action == Action::Publish && refused.is_none() {
            refused = if options.overwrite { None } else { in_the_way(agents, &agent, file, count)? };
            refused = match refused {
                None => conflicted(agents, &agent, file)?,
                refused => refused,
            };
            refused = refused.or_else(|| check_stands(&agent, Number::of(count + 1), &check, options));
        }
        let (dir, served) = (loose.dir.clone(), agents.active(&agent)?);
        Ok(Self { agent, dir, action, blocks, latest, served, check, refused, loose })
    }

    /// The version that the files are already and that a program outside has kept from serving, or was not asked
    /// about, where it is to serve.
    pub fn kept_back(&self, options: &ApplyOptions) -> Option<&VersionInfo> {
        let asked_for = self.action == Action::Unchanged && options.activate && options.check_pending;
        let latest = self.latest.as_ref().filter(|latest| asked_for && !latest.active && !latest.withdrawn);
        latest.filter(|latest| matches!(latest.check, CheckState::Pending | CheckState::Failed))
    }

    /// The state of its check once it is carried out, before a program outside is asked.
    pub fn state(&self, options: &ApplyOptions) -> CheckState {
        match (self.kept_back(options), self.action) {
            (Some(latest), _) => latest.check,
            (None, Action::Unchanged) => self.check.state(),
            (None, _) => self.check.recorded(options.check_pending),
        }
    }

    /// Why what the files are already does not serve: its check is decided, and not overridden.
    pub fn stands(&self, options: &ApplyOptions) -> Option<WorktreeError> {
        let latest = self.kept_back(options).filter(|_| options.override_check.is_none())?;
        let (agent, number, state) = (self.agent.clone(), latest.number, latest.check);
        (state == CheckState::Failed).then(|| AgentError::CheckStands { agent, number, state }.into())
    }

    fn creation(agents: &Agents, loose: LooseAgent, options: &ApplyOptions) -> Result<Self, WorktreeError> {
        let agent = loose.file.agent.clone();
        let check = agents.check(None, &loose.config)?;
        let blocks = compare_blocks(&Blocks::new(), &loose.config.blocks);
        let expected = expected_of(&agent, options).map(|revision| WorktreeError::NotExpected {
            agent: agent.clone(),
            what: "the newest version",
            expected: revision.to_string(),
            actual: "none".to_owned(),
        });
        let refused = expected.or_else(|| check_stands(&agent, Number::of(1), &check, options));
        let (dir, action) = (loose.dir.clone(), Action::Create);
        let (latest, served) = (None, None);
        Ok(Self { agent, dir, action, blocks, latest, served, check, refused, loose })
    }

    /// Does what is planned, as one operation of `agents`, who act through [`APPLY_SURFACE`]; `None` for
    /// an agent that is left alone. What the plan was based on must still be newest.
    ///
    /// # Errors
    /// As [`Agents::publish_config`] and [`Agents::create`].
    pub fn carry_out(
        &self,
        agents: &Agents,
        options: &ApplyOptions,
    ) -> Result<Option<Outcome>, WorktreeError> {
        let config = &self.loose.config;
        let done = match self.action {
            Action::Unchanged => return Ok(None),
            Action::Create => {
                let made = agents.create(&NewAgent {
                    handle: Some(self.agent.clone()),
                    title: self.loose.file.title.clone(),
                    config: Some(config.value.clone()),
                    label: options.label.clone(),
                    activate: options.activate,
                    override_check: options.override_check.clone(),
                    check_pending: options.check_pending,
                    ..NewAgent::of(config.profile.clone())
                })?;
                (made.version, Number::of(1), (made.active, made.state), made.receipt)
            }
            Action::Publish => {
                let made = agents.publish_config(
                    &self.agent,
                    &Direct {
                        profile: config.profile.clone(),
                        config: &config.value,
                        expected_latest: self.latest.as_ref().map(|latest| latest.id),
                        options: PublishOptions {
                            label: options.label.clone(),
                            activate: options.activate && !options.check_pending,
                            override_check: options.override_check.clone(),
                            check_pending: options.check_pending,
                            ..PublishOptions::default()
                        },
                    },
                )?;
                let Some(made) = made else { return Ok(None) };
                (made.version, made.number, (made.active, made.state), made.receipt)
            }
        };
        let (version, number, (active, state), receipt) = done;
        let id = agents.info(&self.agent)?.id;
        let recorded = self.record_base(agents, id, version, number).is_ok();
        Ok(Some(Outcome { version, number, active, state, receipt, recorded }))
    }

    /// Says in `agent.json` what the files are based on now.
    fn record_base(
        &self,
        agents: &Agents,
        id: AgentId,
        version: ObjectId,
        number: Number,
    ) -> Result<(), WorktreeError> {
        let config = &self.loose.config;
        let file = AgentFile {
            id: Some(id),
            profile_id: Some(config.profile.id()),
            base: Some(version),
            base_number: Some(number.position).filter(|_| !number.provisional),
            ..self.loose.file.clone()
        };
        let root = self.dir.parent().unwrap_or(&self.dir);
        let files = Files::new(agents.repo().disk().as_ref(), root);
        files.write(&self.dir.join(AGENT_FILE), file.to_text().as_bytes()).map(drop)
    }
}

fn expected_of<'a>(agent: &Handle, options: &'a ApplyOptions) -> Option<&'a Revision> {
    let mut expects = options.expect.iter();
    let expect = expects.find(|expect| expect.agent.as_ref().is_none_or(|name| name == agent));
    expect.map(|expect| &expect.revision)
}

/// Why an agent is not as `--expect` says.
fn unexpected(
    agents: &Agents,
    agent: &Handle,
    latest: Option<&VersionInfo>,
    options: &ApplyOptions,
) -> Result<Option<WorktreeError>, WorktreeError> {
    let Some(revision) = expected_of(agent, options) else { return Ok(None) };
    let expected = agents.expected(agent, revision)?;
    Ok((expected.is_none() || latest.map(|latest| latest.id) != expected).then(|| {
        WorktreeError::NotExpected {
            agent: agent.clone(),
            what: "the newest version",
            expected: revision.to_string(),
            actual: latest.map_or_else(|| "none".to_owned(), VersionInfo::name),
        }
    }))
}

/// Why a version may not serve, before it is published.
fn check_stands(
    agent: &Handle,
    number: Number,
    check: &CheckReport,
    options: &ApplyOptions,
) -> Option<WorktreeError> {
    let state = check.state();
    let stands = options.activate && state == CheckState::Failed && options.override_check.is_none();
    let agent = agent.clone();
    stands.then(|| AgentError::CheckStands { agent, number, state }.into())
}
