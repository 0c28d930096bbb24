//! Why something could not be done with working files.

use std::path::PathBuf;

use crate::agent::AgentError;
use crate::disk::DiskError;
use crate::error::{Classify, Kind};
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
    /// Files are not valid; nothing was saved.
    #[error("{} problem{} in the working files of agent '{agent}', nothing was saved", faults.len(), if faults.len() == 1 { "" } else { "s" })]
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
            | Self::Switched { .. }
            | Self::NotExpected { .. } => Kind::Conflict,
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
            Self::Invalid { .. } => Some("correct the files and save again".to_owned()),
            Self::Unsaved { agent, .. } => Some(format!(
                "'recto save {agent} -m MESSAGE' keeps them, 'recto checkout {agent} --discard' drops them"
            )),
            Self::Moved(conflict) => Some(moved_hint(conflict)),

            Self::DraftGone { agent, .. } => Some(format!(
                "recto draft new {agent}@NAME, then 'recto checkout {agent}@NAME': edits of files that are the same there stay"
            )),
            Self::NotCheckedOut(agent) => Some(format!("recto checkout {agent}")),
            Self::Foreign { .. } => {
                Some("move the directory away, or name its store with --store".to_owned())
            }
            Self::Switched(switch) => Some(format!(
                "'recto checkout {0} --discard' puts the files of '{1}' back and keeps a copy, 'recto apply DIR' publishes these",
                switch.agent, switch.draft
            )),
            Self::CaseClash(..) => Some("edit this agent with 'recto set' or 'recto edit'".to_owned()),
            Self::WhichDraft { agent, drafts } => {
                drafts.first().map(|draft| format!("recto checkout {agent}@{draft}"))
            }
            Self::NotADraft { agent, revision } => Some(format!(
                "recto draft new {agent}@NAME --from {revision}, then recto checkout {agent}@NAME"
            )),
            Self::NoAgents { .. } => {
                Some("name the directory that holds 'agents', or the directory of one agent".to_owned())
            }
            Self::NotExpected { agent, .. } => Some(format!(
                "'recto diff {agent}@latest' shows the difference; --overwrite publishes all the same"
            )),
            Self::Vanished { .. } | Self::BadFile { .. } | Self::NothingDiscarded(_) | Self::BadExpect(_) => {
                None
            }
        }
    }
}

/// The way on from a conflict: through a checkout alone where nobody edited the same file.
fn moved_hint(conflict: &Conflict) -> String {
    let Conflict { agent, draft, mine, theirs, .. } = conflict;
    let both: Vec<&str> = mine.iter().filter(|file| theirs.contains(file)).map(String::as_str).collect();
    if both.is_empty() {
        return format!(
            "'recto checkout {agent}@{draft}' takes over what others changed and keeps your edits; then save again"
        );
    }
    format!(
        "both sides changed {0}: 'recto checkout {agent} --discard {0}' sets yours aside, 'recto checkout {agent}@{draft}' takes over theirs, 'recto checkout {agent} --undo-discard' puts yours back over it",
        both.join(" ")
    )
}
