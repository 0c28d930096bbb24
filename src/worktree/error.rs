//! Why something could not be done with working files.

use std::path::PathBuf;

use crate::agent::AgentError;
use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::object::ObjectId;
use crate::refs::Handle;

use super::Fault;

/// Both sides of a save that came too late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The agent.
    pub agent: Handle,
    /// The draft.
    pub draft: Handle,
    /// The revision that was checked out.
    pub expected: u64,
    /// The revision it is at.
    pub actual: u64,
    /// Who saved last.
    pub by: String,
    /// The files edited here.
    pub mine: Vec<String>,
    /// The files that are different in the draft now.
    pub theirs: Vec<String>,
    /// What was checked out.
    pub base: ObjectId,
}

/// Files that are not of the checkout that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The agent.
    pub agent: Handle,
    /// The draft that was checked out.
    pub draft: Handle,
    /// Its revision.
    pub expected: u64,
    /// The draft that `agent.json` names.
    pub found_draft: String,
    /// The revision that it names.
    pub found: u64,
}

/// Why something could not be done with working files; nothing was changed unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// The store refused.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The disk refused. Files may have been written before.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A symbolic link stands where a file or directory should.
    #[error("'{}' is a symbolic link, which is never followed", .path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Something else than a regular file stands where a file should.
    #[error("'{}' is not a regular file", .path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// Something else than a directory stands where one should.
    #[error("'{}' is not a directory", .path.display())]
    NotADirectory {
        /// What stands there.
        path: PathBuf,
    },
    /// A file was removed right after it was written.
    #[error("'{}' was removed while it was written", .path.display())]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// Files are not valid: nothing was saved, or published.
    #[error("{} problem{} in the working files of agent '{agent}'; nothing was changed", faults.len(), if faults.len() == 1 { "" } else { "s" })]
    Invalid {
        /// The agent.
        agent: Handle,
        /// Every problem.
        faults: Vec<Fault>,
    },
    /// Files hold edits that are saved nowhere.
    #[error("unsaved edits of agent '{agent}' would be lost in {} file{}", files.len(), if files.len() == 1 { "" } else { "s" })]
    Unsaved {
        /// The agent.
        agent: Handle,
        /// The files, relative to the working directory.
        files: Vec<String>,
        /// Whether they are of a checkout; else they only stand where one would be.
        known: bool,
        /// Whether the draft moved since they were checked out, so that they cannot simply be saved.
        moved: bool,
    },
    /// A file was edited in the very moment in which it was to be replaced.
    #[error("'{file}' was edited during the checkout, which stopped there; the edit stays{}", beside.as_ref().map(|beside| format!(", and another one is in '{beside}'")).unwrap_or_default())]
    Edited {
        /// The agent.
        agent: Handle,
        /// The file, relative to the working directory.
        file: String,
        /// The file that holds another edit, whose place was taken.
        beside: Option<String>,
    },
    /// A checkout was interrupted while it held somebody's files.
    #[error("an interrupted checkout of agent '{agent}' held what is now in {}; nothing else was changed", files.iter().map(|file| format!("'{file}'")).collect::<Vec<_>>().join(", "))]
    Interrupted {
        /// The agent.
        agent: Handle,
        /// Where it is now, relative to the working directory.
        files: Vec<String>,
    },
    /// The draft moved since it was checked out.
    #[error("draft '{}' of agent '{}' is at revision {} (by {}), these files were checked out at {}; nothing was saved", .0.draft, .0.agent, .0.actual, .0.by, .0.expected)]
    Moved(Box<Conflict>),
    /// The draft was published, discarded or replaced since it was checked out.
    #[error("draft '{draft}' of agent '{agent}' is gone since it was checked out; nothing was saved")]
    DraftGone {
        /// The agent.
        agent: Handle,
        /// The draft.
        draft: Handle,
    },
    /// The agent's files were never checked out here.
    #[error("no draft of agent '{0}' is checked out here")]
    NotCheckedOut(Handle),
    /// The files are another agent's.
    #[error("'{file}' belongs to another agent, of id '{id}'")]
    Foreign {
        /// The file `agent.json`.
        file: String,
        /// The id that it names.
        id: String,
    },
    /// Something but recto put back an earlier or later checkout.
    #[error("'{}/{}/agent.json' says revision {} of draft '{}', but revision {} of '{}' was checked out: another program changed these files", super::AGENTS_DIR, .0.agent, .0.found, .0.found_draft, .0.expected, .0.draft)]
    Switched(Box<Switch>),
    /// Two blocks would share a file on some disks.
    #[error("the files '{0}' and '{1}' differ by case alone, which some disks do not tell apart")]
    CaseClash(String, String),
    /// A file that was named has nothing to do with what was asked.
    #[error("'{file}' {reason}")]
    BadFile {
        /// The file as it was named.
        file: String,
        /// Why.
        reason: &'static str,
    },
    /// There is more than one draft to choose from.
    #[error("agent '{agent}' has several drafts: {}", drafts.join(", "))]
    WhichDraft {
        /// The agent.
        agent: Handle,
        /// The drafts.
        drafts: Vec<String>,
    },
    /// A version is not checked out, because it cannot be edited.
    #[error("'{agent}@{revision}' is no draft, and only drafts are checked out")]
    NotADraft {
        /// The agent.
        agent: Handle,
        /// The revision.
        revision: String,
        /// Whether the agent has one draft only, `main`.
        one_draft: bool,
    },
    /// Nothing was discarded that could be brought back.
    #[error("no discarded edits of agent '{0}' are kept")]
    NothingDiscarded(Handle),
    /// The directory holds no agents.
    #[error("no '{}' in '{}'", super::AGENT_FILE, .dir.display())]
    NoAgents {
        /// The directory.
        dir: PathBuf,
    },
    /// What was expected to be newest is not.
    #[error("{what} of agent '{agent}' is {actual}, not {expected}")]
    NotExpected {
        /// The agent.
        agent: Handle,
        /// What was compared.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Somebody else published since the files were in step with the store.
    #[error("the newest version of agent '{agent}' is {newest}, not {expected}")]
    InTheWay {
        /// The agent.
        agent: Handle,
        /// The newest version, and whose it is.
        newest: String,
        /// The newest one that the files know of.
        expected: String,
    },
    /// An expectation names an agent that is not among the files.
    #[error("--expect names {0}")]
    BadExpect(String),
}

impl Classify for WorktreeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Agent(error) => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::Invalid { .. } => Kind::Invalid,
            Self::Moved { .. }
            | Self::DraftGone { .. }
            | Self::Edited { .. }
            | Self::Interrupted { .. }
            | Self::Switched { .. }
            | Self::NotExpected { .. }
            | Self::InTheWay { .. } => Kind::Conflict,
            Self::NotCheckedOut(_) | Self::NothingDiscarded(_) | Self::NoAgents { .. } => Kind::NotFound,
            Self::BadFile { .. } | Self::WhichDraft { .. } | Self::BadExpect(_) => Kind::Usage,
            Self::Vanished { .. } => Kind::Io,
            Self::Symlink { .. }
            | Self::NotAFile { .. }
            | Self::NotADirectory { .. }
            | Self::Unsaved { .. }
            | Self::Foreign { .. }
            | Self::CaseClash(..)
            | Self::NotADraft { .. } => Kind::Refused,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Agent(error) => error.details(),
            Self::Invalid { faults, .. } => faults.iter().map(ToString::to_string).collect(),
            Self::Unsaved { files, .. } => files.clone(),
            Self::Moved(conflict) => {
                let line = |who: &str, files: &[String]| format!("{who}: {}", files.join(", "));
                vec![line("edited here", &conflict.mine), line("changed in the draft", &conflict.theirs)]
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Agent(error) => error.hint(),
            Self::Disk(error) => error.hint(),
            Self::Symlink { path } => {
                Some(format!("put a real file or directory in place of '{}'", path.display()))
            }
            Self::NotAFile { path } | Self::NotADirectory { path } => {
                Some(format!("move '{}' away", path.display()))
            }
            Self::Invalid { .. } => Some("correct the files, and run the same command again".to_owned()),
            Self::Unsaved { agent, known: false, .. } => Some(format!(
                "nothing is checked out in '{0}/{agent}': move it away, then 'recto checkout {agent}'; what it holds can be copied back over that",
                super::AGENTS_DIR
            )),
            Self::Unsaved { agent, moved: true, .. } => Some(format!(
                "'recto diff {agent}' shows them beside the draft as it is now; 'recto save {agent} --overwrite' saves them over it, 'recto checkout {agent} --discard' drops them"
            )),
            Self::Unsaved { agent, .. } => Some(format!(
                "'recto save {agent} -m MESSAGE' keeps them, 'recto checkout {agent} --discard' drops them"
            )),
            Self::Edited { agent, .. } => {
                Some(format!("'recto status {agent}' shows it, and 'recto checkout {agent}' goes on"))
            }
            Self::Interrupted { agent, .. } => {
                Some(format!("take from it what you want to keep; 'recto checkout {agent}' goes on"))
            }
            Self::Moved(conflict) => Some(moved_hint(conflict)),
            Self::DraftGone { agent, .. } => Some(format!(
                "'recto draft new {agent}@NAME', then 'recto checkout {agent}@NAME': edits of files that are the same there stay"
            )),
            Self::NotCheckedOut(agent) => Some(format!("recto checkout {agent}")),
            Self::Foreign { .. } => {
                Some("move the directory away, or name its store with --store".to_owned())
            }
            Self::Switched(switch) => Some(format!(
                "'recto checkout {0} --discard' puts the files of '{1}' back and keeps a copy, 'recto apply DIR' publishes these",
                switch.agent, switch.draft
            )),
            Self::CaseClash(..) => Some(
                "edit this agent with 'recto set AGENT@DRAFT PATH=VALUE' or 'recto edit AGENT@DRAFT'"
                    .to_owned(),
            ),
            Self::WhichDraft { agent, drafts } => {
                drafts.first().map(|draft| format!("recto checkout {agent}@{draft}"))
            }
            Self::NotADraft { agent, revision, one_draft: true } => Some(format!(
                "'recto restore {agent}@{revision}' overwrites draft 'main' with it, 'recto checkout {agent}@main' makes files of that"
            )),
            Self::NotADraft { agent, revision, .. } => Some(format!(
                "'recto draft new {agent}@NAME --from {revision}', then 'recto checkout {agent}@NAME'"
            )),
            Self::NoAgents { .. } => {
                Some("name the directory that holds 'agents', or the directory of one agent".to_owned())
            }
            Self::NotExpected { agent, .. } => Some(format!(
                "'recto diff {agent}@latest' shows the newest version; --overwrite does not change what --expect demands: name the newest version there, or leave --expect out"
            )),
            Self::InTheWay { agent, .. } => Some(format!(
                "'recto diff {agent}@latest' shows it: take into the files what should stay, then apply once with --overwrite; later applies count from there"
            )),
            Self::Vanished { .. } | Self::BadFile { .. } | Self::NothingDiscarded(_) | Self::BadExpect(_) => {
                None
            }
        }
    }
}

/// The way on from a conflict: through a checkout alone where nobody edited the same file.
fn moved_hint(conflict: &Conflict) -> String {
    let Conflict { agent, draft, mine, theirs, base, .. } = conflict;
    let both: Vec<&str> = mine.iter().filter(|file| theirs.contains(file)).map(String::as_str).collect();
    if both.is_empty() {
        return format!(
            "'recto checkout {agent}@{draft}' takes over what others changed and keeps your edits; then save again"
        );
    }
    format!(
        "both sides changed {0}: 'recto diff {agent}' shows yours beside the draft as it is now, 'recto diff {agent}@{1}..{draft}' theirs; 'recto save {agent} --overwrite' keeps yours there, 'recto checkout {agent} --discard {0}' and then 'recto checkout {agent}@{draft}' takes theirs ('recto checkout {agent} --undo-discard' puts yours back over it)",
        both.join(" "),
        base.short()
    )
}
