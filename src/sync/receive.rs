//! The receiving side of a push: what is asked is checked as if a stranger had asked it, and happens as
//! one operation of this store, or does not.

use std::collections::{HashMap, HashSet};

use crate::agent::{AgentError, Agents};
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::{Operation, RepoError};

use super::{PushOutcome, PushRequest, SyncError, closure};

/// Why the operation was not done, when that is no failure.
enum Stop {
    Moved,
    Failed(SyncError),
}

impl<E: Into<SyncError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes a push happen in the store of `agents`.
///
/// # Errors
/// `Forbidden`, `NotAuthority`, `NoVersion`, `OtherAgent`, `Incomplete`; what the store refuses.
pub fn receive(agents: &Agents, request: &PushRequest) -> Result<PushOutcome, SyncError> {
    if request.expected.is_none() {
        refuse_second(agents, request)?;
    }
    check_objects(agents, request)?;
    if request.staged {
        // Some may have been staged by a process that did not come to make them durable.
        agents.repo().backend().stage(&[])?;
    }
    let done = agents.run::<(), Stop>(&request.handle, "receive", "", |operation| {
        check_standing(operation, request)?;
        check_changes(agents, operation, request)?;
        for object in &request.objects {
            operation.put(object.clone());
        }
        if request.staged {
            operation.rely_on_staged();
        }
        for part in &request.chains {
            operation.keep_chain(part.clone());
        }
        operation.cite(request.cites.digest());
        for change in &request.changes {
            operation.write(change.name.clone(), change.to.clone(), change.blocks.clone())?;
        }
        if request.expected.is_none() {
            operation.adopt(request.agent);
            if operation.current(&RefName::active())?.is_none() {
                operation.write(RefName::active(), None, Vec::new())?;
            }
        }
        Ok(())
    });
    match done {
        Ok(((), receipt)) => match receipt.operation {
            Some(record) => Ok(PushOutcome::Committed(record)),
            None => Ok(PushOutcome::Moved),
        },
        Err(Stop::Moved | Stop::Failed(SyncError::Repo(RepoError::Contended { .. }))) => {
            Ok(PushOutcome::Moved)
        }
        Err(Stop::Failed(SyncError::Repo(RepoError::Unknown { .. }))) => Ok(PushOutcome::Unknown),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// An agent is in a store once, whatever its handle.
fn refuse_second(agents: &Agents, request: &PushRequest) -> Result<(), SyncError> {
    let backend = agents.repo().backend();
    let mut after: Option<Handle> = None;
    loop {
        let page = backend.agents(after.as_ref(), 256)?;
        let Some(last) = page.last() else { return Ok(()) };
        for handle in &page {
            let same = backend.head(handle)?.is_some_and(|head| head.agent == request.agent);
            if same && *handle != request.handle {
                return Err(AgentError::AgentExists(handle.clone()).into());
            }
        }
        after = Some(last.clone());
    }
}

fn check_standing(operation: &mut Operation<'_>, request: &PushRequest) -> Result<(), Stop> {
    if operation.head() != request.expected {
        return Err(Stop::Moved);
    }
    if operation.agent_id().is_some_and(|id| id != request.agent) {
        let handle = request.handle.clone();
        return Err(Stop::Failed(SyncError::OtherAgent { handle, pushing: true }));
    }
    if operation.target(&RefName::upstream())?.is_some() {
        return Err(Stop::Failed(SyncError::NotAuthority(request.handle.clone())));
    }
    Ok(())
}

/// Whether a push may move a ref of that name at all.
pub(super) fn may_travel(name: &RefName) -> bool {
    let (namespace, last) = name.split();
    match (name.shape(), namespace) {
        (_, Some(first)) if first == "remotes" || first.starts_with("remotes/") => false,
        (Shape::List, _) => *name == RefName::versions(),
        (Shape::Attribute, namespace) => namespace != Some("checkpoints"),
        (Shape::Single, None) => ["ACTIVE", "meta", "accepted"].contains(&last),
        (Shape::Single, Some(namespace)) => ["drafts", "environments"].contains(&namespace),
    }
}

fn check_changes(agents: &Agents, operation: &mut Operation<'_>, request: &PushRequest) -> Result<(), Stop> {
    let backend = agents.repo().backend();
    let versions = match request.expected {
        Some(_) => backend.list(&request.handle, &RefName::versions(), 0, usize::MAX)?,
        None => Vec::new(),
    };
    let mut versions: HashSet<ObjectId> = versions.iter().map(|entry| entry.id).collect();
    let mut last = operation.target(&RefName::versions())?;
    let mut named: HashSet<&RefName> = HashSet::new();
    let forbidden =
        |name: &RefName, reason| Err(Stop::Failed(SyncError::Forbidden { name: name.clone(), reason }));
    for change in &request.changes {
        if !may_travel(&change.name) || change.continues.is_some() {
            return forbidden(&change.name, "it belongs to each store itself");
        }
        if change.name.shape() == Shape::List {
            let Some(Target::Id(id)) = &change.to else { return forbidden(&change.name, "it only grows") };
            if change.from != last {
                return Err(Stop::Moved);
            }
            if !versions.insert(*id) {
                return forbidden(&change.name, "a version has one number");
            }
            last.clone_from(&change.to);
        } else if !named.insert(&change.name) {
            return forbidden(&change.name, "it is moved twice");
        } else if operation.target(&change.name)? != change.from {
            return Err(Stop::Moved);
        }
    }
    for change in &request.changes {
        let (namespace, about) = change.name.split();
        if change.name.shape() == Shape::Attribute
            && !about.parse::<ObjectId>().is_ok_and(|commit| versions.contains(&commit))
        {
            return forbidden(&change.name, "it is about no version");
        }
        let serves = change.name == RefName::active() || namespace == Some("environments");
        let Some(to) = change.to.as_ref().filter(|_| serves) else { continue };
        let withdrawn = |id: &ObjectId| {
            let about = RefName::about("withdrawn", id);
            let asked = request.changes.iter().find(|change| change.name == about);
            asked.map(|change| change.to.is_some())
        };
        let stands =
            to.id().filter(|id| versions.contains(id)).is_some_and(|id| withdrawn(&id) != Some(true));
        if !stands {
            let (agent, name) = (request.handle.clone(), change.name.clone());
            return Err(Stop::Failed(SyncError::NoVersion { agent, name }));
        }
    }
    Ok(())
}

/// Everything that the refs will lead to must be here before they do.
fn check_objects(agents: &Agents, request: &PushRequest) -> Result<(), SyncError> {
    let repo = agents.repo();
    let sent: HashMap<ObjectId, &Object> =
        request.objects.iter().map(|object| (object.id(), object)).collect();
    let lookup = |id: &ObjectId| match sent.get(id) {
        Some(object) => Ok(Some((*object).clone())),
        None => Ok(repo.object(id)?.map(|object| (*object).clone())),
    };
    let mut known = HashSet::new();
    if request.expected.is_some() {
        let versions = repo.backend().list(&request.handle, &RefName::versions(), 0, usize::MAX);
        known.extend(versions?.iter().map(|entry| entry.id));
    }
    let wants: Vec<ObjectId> =
        request.changes.iter().filter_map(|change| change.to.as_ref().and_then(Target::id)).collect();
    closure::walk(&lookup, &wants, &known, &mut |_, _| Ok(()))
}
