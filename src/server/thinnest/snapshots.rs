//! The snapshots of an agent: its versions and its checkpoints, numbered in the order in which the agent's log
//! made them. The log only grows, so an id is never given to another snapshot.

use std::collections::{HashMap, HashSet};

use axum::http::StatusCode;

use crate::agent::{AgentError, LogQuery, Number};
use crate::error::Kind;
use crate::log::Record;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::server::ask::Ask;
use crate::server::problem::Problem;

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// 1 for the first.
    pub(super) id: u64,
    /// Its commit.
    pub(super) commit: ObjectId,
    /// Its number among the versions; none for a checkpoint.
    pub(super) number: Option<u64>,
    /// Whether its publishing was undone.
    pub(super) withdrawn: bool,
    /// Why it was made, as the log says.
    pub(super) note: String,
}

/// The snapshots of an agent, oldest first.
pub(super) fn all(ask: &Ask<'_>, agent: &Handle) -> Result<Vec<Snapshot>, Problem> {
    let query = LogQuery { oldest_first: true, ..LogQuery::default() };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for entry in ask.agents.log(agent, query)? {
        let record = entry?.record;
        // What an operation kept comes before what it published.
        let kept = made(&record, |name| name.split().0 == Some("checkpoints"));
        let published = made(&record, |name| *name == RefName::versions() || *name == RefName::unpushed());
        for (commit, is_version) in
            kept.map(|commit| (commit, false)).chain(published.map(|commit| (commit, true)))
        {
            if !seen.insert(commit) {
                continue;
            }
            let id = found.len() as u64 + 1;
            found.push(Snapshot {
                id,
                commit,
                number: is_version.then_some(0),
                withdrawn: false,
                note: record.note.clone(),
            });
        }
    }
    let numbers = ask.agents.numbers(agent)?;
    let numbers: HashMap<ObjectId, Number> = numbers.into_iter().map(|(number, id)| (id, number)).collect();
    let withdrawn = ask.shared.repo.backend().refs(agent, "withdrawn")?;
    let withdrawn: HashSet<RefName> =
        withdrawn.into_iter().filter(|(_, state)| state.target.is_some()).map(|(name, _)| name).collect();
    for snapshot in found.iter_mut().filter(|snapshot| snapshot.number.is_some()) {
        let no_version = || AgentError::NotAVersion { agent: agent.clone(), id: snapshot.commit };
        let number = numbers.get(&snapshot.commit).ok_or_else(no_version)?;
        snapshot.number = Some(number.position);
        snapshot.withdrawn = withdrawn.contains(&RefName::about("withdrawn", &snapshot.commit));
    }
    Ok(found)
}

/// The commits that an operation brought into existence under names of a kind.
fn made<'r>(record: &'r Record, of: impl Fn(&RefName) -> bool + 'r) -> impl Iterator<Item = ObjectId> + 'r {
    let changes = record.changes.iter().filter(move |change| of(&change.name));
    changes.filter_map(|change| change.to.as_ref().and_then(Target::id))
}

/// The snapshot with an id, as a path has it.
pub(super) fn named<'s>(all: &'s [Snapshot], text: &str) -> Result<&'s Snapshot, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("'{text}' is no id of a version: ids are numbers");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Kind::Usage, message));
    }
    // A number that is too large for any is a number.
    let at = text.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
    at.and_then(|at| all.get(at)).ok_or_else(|| Problem::not_found(format!("there is no version {text}")))
}

/// The snapshot of a commit.
pub(super) fn of_commit(all: &[Snapshot], commit: &ObjectId) -> Option<u64> {
    all.iter().find(|snapshot| snapshot.commit == *commit).map(|snapshot| snapshot.id)
}

/// What was just made.
pub(super) fn just_made(ask: &Ask<'_>, agent: &Handle, commit: &ObjectId) -> Result<Snapshot, Problem> {
    let found = all(ask, agent)?.into_iter().find(|snapshot| snapshot.commit == *commit);
    found.ok_or_else(|| AgentError::NotAVersion { agent: agent.clone(), id: *commit }.into())
}
