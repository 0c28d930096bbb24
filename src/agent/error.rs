//! Why an operation on an agent was refused.

use crate::clock::Time;
use crate::error::{Classify, Kind};
use crate::history::RevisionError;
use crate::merge::MergeError;
use crate::object::{BlockName, ObjectError, ObjectId};
use crate::profile::{Problem, ProfileError};
use crate::refs::{Handle, HandleError};
use crate::repo::RepoError;

use super::{CheckState, Number};

/// A change that a publish would undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The version that made it.
    pub version: Number,
    /// Who published that version.
    pub author: String,
    /// The field.
    pub path: String,
}

/// Why an operation on an agent was refused.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The store refused.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The revision is malformed.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The name is malformed.
    #[error(transparent)]
    Name(#[from] HandleError),
    /// There is no such agent.
    #[error("no agent '{0}'")]
    NoSuchAgent(Handle),
    /// The handle is taken.
    #[error("there is an agent '{0}' already")]
    AgentExists(Handle),
    /// The handle forwards to an agent that was renamed.
    #[error("'{0}' leads to an agent that was renamed to '{1}'")]
    HandleForwards(Handle, Handle),
    /// The id that a new agent would have looks like another's; made again it has another one.
    #[error("agent '{0}' would have an id like that of another agent")]
    IdTaken(Handle),
    /// The agent is archived.
    #[error("agent '{0}' is archived")]
    Archived(Handle),
    /// The revision names nothing.
    #[error("agent '{agent}' has no {}", plainly(revision))]
    NoSuchRevision {
        /// The agent.
        agent: Handle,
        /// The revision.
        revision: String,
    },
    /// The revision names several things.
    #[error("'{revision}' of agent '{agent}' is ambiguous: {}", candidates.join(", "))]
    Ambiguous {
        /// The agent.
        agent: Handle,
        /// The revision.
        revision: String,
        /// What it could be.
        candidates: Vec<String>,
    },
    /// Nothing serves.
    #[error("nothing serves for agent '{0}'")]
    NotServing(Handle),
    /// There is a draft of that name.
    #[error("agent '{agent}' has a draft '{draft}' already")]
    DraftExists {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
    },
    /// The profile allows one draft, `main`.
    #[error("agents of profile '{profile}' have one draft, 'main'")]
    OneDraft {
        /// The agent.
        agent: Handle,
        /// The profile.
        profile: String,
    },
    /// The draft moved since it was read.
    #[error("draft '{draft}' of agent '{agent}' is at revision {actual}, not {expected}: {by} edited it")]
    DraftMoved {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The revision that the edit was based on.
        expected: u64,
        /// The revision it is at.
        actual: u64,
        /// Who edited it last.
        by: String,
    },
    /// Somebody published the draft, which is gone with that.
    #[error("draft '{draft}' of agent '{agent}' was published meanwhile, as V{number}, by {by}")]
    DraftPublished {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The version that it became.
        number: Number,
        /// Who published it.
        by: String,
    },
    /// What was expected to serve, or to be newest, is not.
    #[error("{what} of agent '{agent}' is {actual}, not {expected}")]
    Moved {
        /// The agent.
        agent: Handle,
        /// `ACTIVE`, `the latest version`.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// The config breaks rules of its profile.
    #[error("the config has {} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Invalid {
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no such profile.
    #[error("no profile '{name}'; there are {}", known.join(", "))]
    NoSuchProfile {
        /// The name.
        name: String,
        /// The profiles there are.
        known: Vec<String>,
    },
    /// A label, a description or another text is too long or empty.
    #[error("the {what} {reason}")]
    BadText {
        /// Which text.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A config is too large.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The draft has nothing to publish.
    #[error("draft '{draft}' of agent '{agent}' {reason}")]
    NothingToPublish {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// Why.
        reason: &'static str,
    },
    /// Publishing would undo what others published since the draft was forked.
    #[error("publishing draft '{draft}' of agent '{agent}' would undo {} change{} published since it was forked", changes.len(), if changes.len() == 1 { "" } else { "s" })]
    WouldUndo {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The changes.
        changes: Vec<Undone>,
    },
    /// Conflicts wait to be decided.
    #[error("'{agent}@{revision}' has {} that {} to be decided", conflicts_of(conflicts.len()), if conflicts.len() == 1 { "waits" } else { "wait" })]
    Conflicted {
        /// The agent.
        agent: Handle,
        /// The draft, or what else has them.
        revision: String,
        /// Each of them: the place, and why the sides conflict.
        conflicts: Vec<String>,
    },
    /// There is nothing to decide.
    #[error("draft '{draft}' of agent '{agent}' has no conflicts")]
    NoConflicts {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
    },
    /// Nothing waits to be decided at that place.
    #[error("draft '{draft}' of agent '{agent}' has no conflict at '{path}'")]
    NoSuchConflict {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// The place.
        path: String,
        /// The places at which something waits.
        have: Vec<String>,
    },
    /// One content cannot be what several conflicts are decided by.
    #[error("one file or value cannot decide {}", conflicts_of(conflicts.len()))]
    SeveralConflicts {
        /// Their places.
        conflicts: Vec<String>,
    },
    /// A conflict cannot be decided, kept or read.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The changes of both sides combine, and the result breaks rules of the profile.
    #[error("nothing conflicts, but draft '{draft}' of agent '{agent}' would then have {} problem{}; nothing was changed", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    InvalidMerge {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// What would be wrong that is not wrong now.
        problems: Vec<Problem>,
    },
    /// Two profiles divide a config into other blocks.
    #[error(
        "'{side}' was made under another profile ('{profile}', the other side under '{other}') which divides the config of agent '{agent}' differently"
    )]
    ProfilesDiffer {
        /// The agent.
        agent: Handle,
        /// Which side.
        side: String,
        /// Its profile's name.
        profile: String,
        /// The name of the newer one.
        other: String,
        /// The blocks that are not the same under both.
        blocks: Vec<BlockName>,
    },
    /// The first version changes nothing, as there is none before it.
    #[error("V{number} of agent '{agent}' has no version before it, so it is no change")]
    NoChange {
        /// The agent.
        agent: Handle,
        /// The version.
        number: Number,
    },
    /// The version did not change that block.
    #[error("V{number} of agent '{agent}' did not change block '{block}'")]
    NotInChange {
        /// The agent.
        agent: Handle,
        /// The version.
        number: Number,
        /// The block.
        block: BlockName,
        /// The blocks that it changed.
        changed: Vec<BlockName>,
    },
    /// The version's check keeps it from serving.
    #[error("V{number} of agent '{agent}' cannot be activated: its check is {state}")]
    CheckStands {
        /// The agent.
        agent: Handle,
        /// The version.
        number: Number,
        /// What the check says.
        state: CheckState,
    },
    /// An agent that was to serve at once is not made, because of what its check found.
    #[error("agent '{agent}' cannot be made with V1 serving: {}", told(findings))]
    CannotServe {
        /// The agent.
        agent: Handle,
        /// The findings of error level: where, and what.
        findings: Vec<String>,
    },
    /// A mask would take the place of a value.
    #[error("'{path}' holds a mask ('****') in place of a value")]
    Masked {
        /// The field.
        path: String,
    },
    /// The version was withdrawn.
    #[error("V{number} of agent '{agent}' was withdrawn")]
    Withdrawn {
        /// The agent.
        agent: Handle,
        /// The version.
        number: Number,
    },
    /// The commit is no version.
    #[error("'{id}' of agent '{agent}' is no published version")]
    NotAVersion {
        /// The agent.
        agent: Handle,
        /// The commit.
        id: ObjectId,
    },
    /// Nothing served at an instant.
    #[error("nothing served for agent '{agent}' at {time}: {reason}")]
    NothingThen {
        /// The agent.
        agent: Handle,
        /// The instant.
        time: Time,
        /// What did or did not happen before.
        reason: String,
    },
    /// An environment had no version at an instant.
    #[error("environment '{environment}' of agent '{agent}' had no version at {time}")]
    NothingInThen {
        /// The agent.
        agent: Handle,
        /// The environment.
        environment: Handle,
        /// The instant.
        time: Time,
    },
    /// There is nothing to go back to.
    #[error("there is nothing to roll agent '{0}' back to: nothing served before")]
    NothingBefore(Handle),
    /// The last operation cannot be undone.
    #[error("the last operation on agent '{agent}', '{kind}', cannot be undone: {reason}")]
    CannotUndo {
        /// The agent.
        agent: Handle,
        /// Its kind.
        kind: String,
        /// Why.
        reason: &'static str,
    },
    /// What is imported would take the place of work that is not published.
    #[error(
        "draft '{draft}' of agent '{agent}' has work that is not published: revision {revision}, by {by}"
    )]
    DraftHasWork {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
        /// Its revision.
        revision: u64,
        /// Who made that.
        by: String,
    },
    /// A line or document to be imported is wrong.
    #[error("{place}: {reason}")]
    Import {
        /// Where: a line, a file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no finding to accept.
    #[error("the check of agent '{agent}' finds nothing at '{path}'")]
    NoSuchFinding {
        /// The agent.
        agent: Handle,
        /// The field.
        path: String,
    },
    /// The caller was interrupted.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

fn conflicts_of(count: usize) -> String {
    format!("{count} conflict{}", if count == 1 { "" } else { "s" })
}

impl Classify for AgentError {
    fn kind(&self) -> Kind {
        match self {
            Self::Repo(error) => error.kind(),
            Self::Merge(error) => error.kind(),
            Self::Revision(error) => error.kind(),
            Self::Object(error) => error.kind(),
            Self::Name(_)
            | Self::BadText { .. }
            | Self::OneDraft { .. }
            | Self::Ambiguous { .. }
            | Self::SeveralConflicts { .. } => Kind::Usage,
            Self::NoSuchAgent(_)
            | Self::NoSuchRevision { .. }
            | Self::NotServing(_)
            | Self::NothingThen { .. }
            | Self::NothingInThen { .. }
            | Self::NoSuchProfile { .. }
            | Self::NoSuchFinding { .. }
            | Self::NoConflicts { .. }
            | Self::NoSuchConflict { .. }
            | Self::NotInChange { .. } => Kind::NotFound,
            Self::AgentExists(_)
            | Self::HandleForwards(..)
            | Self::IdTaken(_)
            | Self::Archived(_)
            | Self::DraftExists { .. }
            | Self::DraftHasWork { .. }
            | Self::NothingToPublish { .. }
            | Self::Withdrawn { .. }
            | Self::NotAVersion { .. }
            | Self::NothingBefore(_)
            | Self::ProfilesDiffer { .. }
            | Self::NoChange { .. }
            | Self::CannotUndo { .. } => Kind::Refused,
            Self::DraftMoved { .. }
            | Self::DraftPublished { .. }
            | Self::Moved { .. }
            | Self::WouldUndo { .. }
            | Self::Conflicted { .. } => Kind::Conflict,
            Self::Invalid { .. }
            | Self::InvalidMerge { .. }
            | Self::Profile(_)
            | Self::CheckStands { .. }
            | Self::CannotServe { .. }
            | Self::Masked { .. }
            | Self::Import { .. } => Kind::Invalid,
            Self::Interrupted(_) => Kind::Interrupted,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems } | Self::InvalidMerge { problems, .. } => {
                problems.iter().map(ToString::to_string).collect()
            }
            Self::Conflicted { conflicts, .. } | Self::SeveralConflicts { conflicts } => conflicts.clone(),
            Self::NoSuchConflict { have, .. } => have.clone(),
            Self::ProfilesDiffer { blocks, .. } | Self::NotInChange { changed: blocks, .. } => {
                blocks.iter().map(ToString::to_string).collect()
            }
            Self::WouldUndo { changes, .. } => {
                let line = |undone: &Undone| {
                    format!("{}: changed in V{} by {}", undone.path, undone.version, undone.author)
                };
                changes.iter().map(line).collect()
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Repo(error) => error.hint(),
            Self::Revision(error) => error.hint(),
            Self::Name(error) => error.hint(),
            Self::NoSuchAgent(_) => Some("'recto agent list' shows the agents of this store".to_owned()),
            Self::HandleForwards(_, to) => Some(format!("use '{to}', or another name for the new agent")),
            Self::IdTaken(_) => Some("try again".to_owned()),
            Self::Archived(agent) => Some(format!("recto agent unarchive {agent}")),
            Self::NoSuchRevision { agent, revision } if is_small_version(revision) => {
                Some(format!("versions are written with a capital: {agent}@{}", revision.to_uppercase()))
            }
            Self::NoSuchRevision { agent, revision } if revision.starts_with("env:") => {
                Some(format!("'recto env list {agent}' shows what each environment has"))
            }
            Self::NoSuchRevision { agent, .. } => {
                Some(format!("'recto agent show {agent}' lists its versions and drafts"))
            }
            Self::Ambiguous { .. } => Some("say draft:NAME, env:NAME, or more digits of the id".to_owned()),
            Self::NotServing(agent) => Some(format!(
                "'{agent}@latest' names its newest version, 'recto activate {agent}@latest' lets it serve"
            )),
            Self::NothingThen { agent, .. } => Some(format!("recto timeline {agent}")),
            Self::NothingInThen { agent, environment, .. } => {
                Some(format!("recto env history {agent} {environment}"))
            }
            Self::OneDraft { agent, .. } => Some(format!(
                "'recto set {agent}@main PATH=VALUE' edits it, 'recto restore {agent}@REV' overwrites it"
            )),
            Self::DraftExists { agent, draft } => Some(format!("'recto set {agent}@{draft} PATH=VALUE' edits it")),
            Self::DraftHasWork { agent, draft, .. } => Some(format!(
                "'recto publish {agent}@{draft}' makes a version of it first; with --force what is imported becomes its next revision, and 'recto draft log {agent}@{draft}' shows the one before"
            )),
            Self::DraftMoved { agent, draft, .. } => {
                Some(format!("'recto draft log {agent}@{draft}' shows what was changed"))
            }
            Self::DraftPublished { agent, number, .. } => {
                Some(format!("'recto show {agent}@{}' shows it", named(*number)))
            }
            Self::NothingToPublish { agent, draft, .. } => Some(format!(
                "edit it first ('recto set {agent}@{draft} PATH=VALUE'), or publish with --allow-unchanged"
            )),
            Self::WouldUndo { agent, draft, .. } => Some(format!(
                "'recto draft rebase {agent}@{draft}' takes them over, 'recto publish {agent}@{draft} --overwrite' undoes them; 'recto diff {agent}@latest {agent}@{draft}' shows them"
            )),
            Self::Conflicted { agent, revision, .. } => Some(format!(
                "'recto resolve {agent}@{revision}' shows both sides, and with --ours, --theirs or PATH=VALUE decides"
            )),
            Self::NoSuchConflict { agent, draft, .. } => {
                Some(format!("'recto resolve {agent}@{draft}' shows those that it has"))
            }
            Self::SeveralConflicts { .. } => {
                Some("name one of them, or the block in which all of them are".to_owned())
            }
            Self::InvalidMerge { agent, draft, .. } => Some(format!(
                "edit '{agent}@{draft}' so that it fits what the other side has, and merge again"
            )),
            Self::ProfilesDiffer { .. } => {
                Some("carry the changes over with 'recto set AGENT@DRAFT PATH=VALUE' or 'recto patch AGENT@DRAFT FILE'".to_owned())
            }
            Self::CheckStands { agent, number, state } => Some(match state {
                CheckState::Pending => {
                    format!("'recto check {agent}@{} --run' decides it; --override-check REASON activates it all the same", named(*number))
                }
                _ => format!(
                    "'recto check {agent}@{}' shows why, and with --run checks it anew; --override-check REASON activates it all the same",
                    named(*number)
                ),
            }),
            Self::CannotServe { .. } => Some(
                "nothing was made; make it without --activate, or with --override-check REASON".to_owned(),
            ),
            Self::Masked { .. } => Some("put the value itself, or a reference to it, there".to_owned()),
            Self::Withdrawn { agent, number } => {
                Some(format!("'recto restore {agent}@{}' makes a draft of it", named(*number)))
            }
            Self::NotAVersion { agent, .. } => {
                Some(format!("'recto publish {agent}@DRAFT' makes a version of a draft"))
            }
            _ => None,
        }
    }
}

/// What a revision names: of a draft, which has a name alone in most places, without what tells it from others.
fn plainly(revision: &str) -> String {
    match revision.strip_prefix("draft:") {
        Some(name) => format!("draft '{name}'"),
        None => format!("'{revision}'"),
    }
}

/// How a hint names a version; one without a number of its own is nearly always the newest.
fn named(number: Number) -> String {
    if number.provisional { "latest".to_owned() } else { format!("V{number}") }
}

/// Findings that are named in an error; the others are counted.
const TOLD_MAX: usize = 3;

/// The first findings, and how many more there are.
fn told(findings: &[String]) -> String {
    let mut text = findings.iter().take(TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    if let Some(more) = findings.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

/// Whether a revision is a version's number, but for the case of its letter.
fn is_small_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|digits| digits.parse::<u64>().is_ok())
}
