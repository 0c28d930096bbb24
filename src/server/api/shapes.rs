//! The documents of this API: what is known of agents, versions, drafts and operations, as clients see it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::agent::{
    AgentInfo, CheckReport, CheckpointInfo, DraftInfo, DraftRevision, LogEntry, Number, Served, VersionInfo,
};
use crate::check::output;
use crate::log::{Change, Record, RecordId};
use crate::object::ObjectId;
use crate::refs::{Handle, Target};
use crate::repo::Receipt;

/// Somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Person {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Person {
    pub(super) fn of(author: &crate::object::Author) -> Self {
        Self { name: author.name.clone(), email: author.email.clone() }
    }
}

/// A version, by its names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionName {
    id: String,
    /// `V3`; `V3?` while the number may still become another.
    name: String,
}

impl VersionName {
    pub(super) fn of(id: ObjectId, number: Number) -> Self {
        Self { id: id.to_string(), name: format!("V{number}") }
    }
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Agent {
    pub(super) handle: String,
    id: String,
    title: String,
    description: String,
    archived: bool,
    /// Vendor fields that are not part of the config.
    #[schema(value_type = Object)]
    fields: Value,
    /// What serves; null when nothing does.
    active: Option<VersionName>,
    /// How many versions were published.
    versions: u64,
    /// The names of its drafts.
    drafts: Vec<String>,
    /// When it was last changed.
    changed_at: String,
}

impl Agent {
    pub(super) fn of(info: &AgentInfo) -> Self {
        Self {
            handle: info.handle.to_string(),
            id: info.id.to_string(),
            title: info.meta.title.clone(),
            description: info.meta.description.clone(),
            archived: info.meta.archived,
            fields: Value::Object(info.meta.fields.clone()),
            active: info.active.map(|(id, number)| VersionName::of(id, number)),
            versions: info.versions,
            drafts: info.drafts.iter().map(Handle::to_string).collect(),
            changed_at: info.changed.to_string(),
        }
    }
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    pub(super) id: String,
    /// `V3`; `V3?` while the number may still become another.
    name: String,
    /// Null while it may still become another.
    number: Option<u64>,
    label: String,
    description: String,
    author: Person,
    time: String,
    /// The versions it was made from.
    parents: Vec<String>,
    /// The operation that published it.
    operation: String,
    /// `unchecked`, `pending`, `passed` or `failed`.
    check: String,
    active: bool,
    pinned: bool,
    withdrawn: bool,
}

impl Version {
    pub(super) fn of(info: &VersionInfo) -> Self {
        Self {
            id: info.id.to_string(),
            name: info.name(),
            number: (!info.number.provisional).then_some(info.number.position),
            label: info.label.clone(),
            description: info.description.clone(),
            author: Person::of(&info.author),
            time: info.time.to_string(),
            parents: info.parents.iter().map(ObjectId::to_string).collect(),
            operation: info.record.to_string(),
            check: info.check.name().to_owned(),
            active: info.active,
            pinned: info.pinned,
            withdrawn: info.withdrawn,
        }
    }
}

/// A draft.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Draft {
    name: String,
    /// Stays when it is renamed.
    id: String,
    /// Its newest commit, which is its tag as well.
    pub(super) commit: String,
    /// How often it was edited, counting its creation.
    revision: u64,
    /// The version it is based on.
    base: Option<VersionName>,
    /// How many conflicts wait to be decided.
    conflicts: usize,
    /// Who edited it last.
    author: Person,
    time: String,
}

impl Draft {
    pub(super) fn of(info: &DraftInfo) -> Self {
        let number = info.base_number.unwrap_or(Number::of(0));
        Self {
            name: info.name.to_string(),
            id: info.id.to_string(),
            commit: info.commit.to_string(),
            revision: info.revision,
            base: info.base.map(|id| VersionName::of(id, number)),
            conflicts: info.conflicts,
            author: Person::of(&info.author),
            time: info.time.to_string(),
        }
    }
}

/// One revision of a draft.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revision {
    #[serde(rename = "revision")]
    number: u64,
    commit: String,
    actor: Person,
    time: String,
    kind: String,
    /// The blocks that it changed.
    blocks: Vec<String>,
    note: String,
}

impl Revision {
    pub(super) fn of(revision: &DraftRevision) -> Self {
        Self {
            number: revision.revision,
            commit: revision.commit.to_string(),
            actor: Person::of(&revision.actor),
            time: revision.time.to_string(),
            kind: revision.kind.clone(),
            blocks: revision.blocks.iter().map(ToString::to_string).collect(),
            note: revision.note.clone(),
        }
    }
}

/// A labelled snapshot that is no version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checkpoint {
    pub(super) id: String,
    label: String,
    description: String,
    author: Person,
    time: String,
}

impl Checkpoint {
    pub(super) fn of(info: &CheckpointInfo) -> Self {
        Self {
            id: info.id.to_string(),
            label: info.label.clone(),
            description: info.description.clone(),
            author: Person::of(&info.author),
            time: info.time.to_string(),
        }
    }
}

/// A ref that an operation moved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Moved {
    #[serde(rename = "ref")]
    name: String,
    /// An id, another ref's name behind `ref:`, or null.
    from: Option<String>,
    to: Option<String>,
    /// The blocks in which the two differ.
    blocks: Vec<String>,
}

impl Moved {
    fn of(change: &Change) -> Self {
        Self {
            name: change.name.to_string(),
            from: change.from.as_ref().map(Target::to_string),
            to: change.to.as_ref().map(Target::to_string),
            blocks: change.blocks.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One operation of an agent's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Operation {
    pub(super) id: String,
    agent: String,
    kind: String,
    actor: Person,
    /// The surface.
    via: String,
    time: String,
    note: String,
    changes: Vec<Moved>,
}

impl Operation {
    pub(super) fn of(agent: &Handle, entry: &LogEntry) -> Self {
        Self::told(agent, entry.id, &entry.record)
    }

    /// When it happened, and which it is.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.time, self.id)
    }

    pub(super) fn told(agent: &Handle, id: RecordId, record: &Record) -> Self {
        Self {
            id: id.to_string(),
            agent: agent.to_string(),
            kind: record.kind.clone(),
            actor: Person::of(&record.actor),
            via: record.via.clone(),
            time: record.time.to_string(),
            note: record.note.clone(),
            changes: record.changes.iter().map(Moved::of).collect(),
        }
    }
}

/// What a request did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The agent, under the handle that it has now.
    agent: String,
    /// The operation; null when everything was so already.
    operation: Option<String>,
    time: String,
    changes: Vec<Moved>,
}

impl Done {
    pub(super) fn of(receipt: &Receipt) -> Self {
        Self {
            agent: receipt.agent.to_string(),
            operation: receipt.operation.map(|id| id.to_string()),
            time: receipt.time.to_string(),
            changes: receipt.changes.iter().map(Moved::of).collect(),
        }
    }
}

/// A stretch of time in which one version served, or none.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stretch {
    from: String,
    /// Null while it serves.
    to: Option<String>,
    version: Option<VersionName>,
    actor: Person,
    kind: String,
    note: String,
    operation: String,
    /// Whether only an imported history says so.
    claimed: bool,
}

impl Stretch {
    pub(super) fn of(served: &Served, number: Option<Number>) -> Self {
        let named = |id| VersionName::of(id, number.unwrap_or(Number::of(0)));
        Self {
            from: served.from.to_string(),
            to: served.to.map(|time| time.to_string()),
            version: served.version.map(named),
            actor: Person::of(&served.actor),
            kind: served.kind.clone(),
            note: served.note.clone(),
            operation: served.operation.to_string(),
            claimed: served.claimed,
        }
    }
}

/// What a check found; secrets are masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Check {
    /// `unchecked`, `pending`, `passed` or `failed`.
    state: String,
    /// How many findings were left out because they were accepted.
    accepted: usize,
    /// What breaks the rules of the profile.
    problems: Vec<String>,
    /// What the program of `check.command` said, where it refused the version.
    outside: Option<String>,
    #[schema(value_type = Object)]
    report: Value,
}

impl Check {
    pub(super) fn of(check: &CheckReport, state: crate::agent::CheckState, problems: Vec<String>) -> Self {
        let report = output::json(&check.report, None);
        Self { state: state.name().to_owned(), accepted: check.accepted, problems, outside: None, report }
    }

    /// The same, with what the program of `check.command` said when it refused the version.
    pub(super) fn refused(self, outside: Option<String>) -> Self {
        Self { outside, ..self }
    }
}

/// A problem (RFC 9457).
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the shape alone is what is described
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// What is wrong.
    detail: String,
    /// What helps.
    hint: Option<String>,
    /// Each thing that is wrong, where there are several.
    errors: Option<Vec<String>>,
    /// What it was caused by.
    causes: Option<Vec<String>>,
    /// What was expected to be there.
    expected: Option<String>,
    /// What is there.
    actual: Option<String>,
}
