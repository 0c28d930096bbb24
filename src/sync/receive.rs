//! The receiving side of a push: what is asked is checked as if a stranger had asked it, and happens as
//! one operation of this store, or does not.

use std::collections::HashSet;

use crate::agent::Agents;
use crate::backend::Staged;
use crate::object::{Author, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::admit::{self, Power};
use super::closure::Known;
use super::intake::Arrived;
use super::mirror::mirrored;
use super::remote::stores_besides;
use super::store_transport::NEAR_AGENTS;
use super::{AgentTip, PushOutcome, PushRequest, SyncError};

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

/// Makes pushes of different agents happen in the store of `agents`, each by itself or not, unless they take
/// more than `most`. `who` is known to push, if anybody is.
///
/// # Errors
/// For each `Forbidden`, `NotAuthority`, `NoVersion`, `OtherAgent`, `Incomplete`; what the store refuses.
pub fn receive(
    agents: &Agents,
    requests: &[PushRequest],
    most: Power,
    who: Option<&Author>,
) -> Vec<Result<PushOutcome, SyncError>> {
    let (mut asked, mut brought) = (Vec::new(), Vec::new());
    let mut results: Vec<Result<PushOutcome, SyncError>> = Vec::with_capacity(requests.len());
    // A group is of different agents; what names one twice was put together by nobody who means well.
    let mut handles: HashSet<&Handle> = HashSet::new();
    for (at, request) in requests.iter().enumerate() {
        if at.is_multiple_of(NEAR_AGENTS) {
            near(agents, &requests[at..requests.len().min(at + NEAR_AGENTS)]);
        }
        let mut arrived = Arrived::of(&request.objects, request.staged.clone());
        let checked = if handles.insert(&request.handle) {
            check_objects(agents, request, &mut arrived)
        } else {
            Err(SyncError::Forbidden {
                name: RefName::versions(),
                reason: "its agent is pushed twice at once",
            })
        };
        results.push(Ok(PushOutcome::Moved));
        match checked {
            Ok(ids) => {
                asked.push(results.len() - 1);
                brought.push((arrived, ids));
            }
            Err(error) => *results.last_mut().expect("one was pushed") = Err(error),
        }
    }
    if let Err(error) = refuse_mirror(agents) {
        let refused = |error: &SyncError| match error {
            SyncError::Mirror { remote, url } => {
                SyncError::Mirror { remote: remote.clone(), url: url.clone() }
            }
            other => SyncError::Unreachable(other.to_string()),
        };
        for at in asked {
            results[at] = Err(refused(&error));
        }
        return results;
    }
    let besides = stores_besides(agents.repo(), None).unwrap_or_default();
    let handles: Vec<Handle> = asked.iter().map(|at| requests[*at].handle.clone()).collect();
    let done = agents.run_many::<(), Stop>(&handles, "receive", |place, operation| {
        let request = &requests[asked[place]];
        check_standing(operation, request)?;
        check_changes(agents, operation, request)?;
        let (arrived, ids) = &brought[place];
        arrived.bring(operation, ids)?;
        // What a store does that this one follows itself is heard from that store.
        for part in request.chains.iter().filter(|part| !besides.contains(&part.store)) {
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
        refuse_beyond(agents, operation, request, most, who)
    });
    for (at, done) in asked.into_iter().zip(done) {
        results[at] = outcome(agents, &requests[at].handle, done);
    }
    results
}

/// Refuses what takes more than who pushes may do: the same refs take the same as through any other surface.
fn refuse_beyond(
    agents: &Agents,
    operation: &mut Operation<'_>,
    request: &PushRequest,
    most: Power,
    who: Option<&Author>,
) -> Result<(), Stop> {
    if most >= Power::Administer {
        return Ok(());
    }
    let discarded = match request.expected {
        Some(_) => admit::ends_anothers_draft(agents, operation, &request.changes, who)?,
        None => None,
    };
    let name = if discarded.is_some() {
        discarded
    } else if request.expected.is_some() && admit::archives(agents, operation, &request.changes)? {
        Some(RefName::meta())
    } else {
        // Every push brings logs and versions; of what is beyond those no version makes a difference.
        let beyond = |name: &&RefName| admit::power_over(name, &HashSet::new()) > most;
        request.changes.iter().map(|change| &change.name).find(beyond).cloned()
    };
    match name {
        None => Ok(()),
        Some(name) => Err(Stop::Failed(SyncError::Forbidden { name, reason: "it takes the role admin" })),
    }
}

fn outcome(
    agents: &Agents,
    handle: &Handle,
    done: Result<((), Receipt), Stop>,
) -> Result<PushOutcome, SyncError> {
    match done {
        Ok(((), Receipt { operation: Some(_), .. })) => {
            let backend = agents.repo().backend();
            let Some(head) = backend.head(handle)? else { return Ok(PushOutcome::Unknown) };
            Ok(PushOutcome::Committed(AgentTip::of(backend.store_id(), handle.clone(), head)))
        }
        Ok(_) | Err(Stop::Moved | Stop::Failed(SyncError::Repo(RepoError::Contended { .. }))) => {
            Ok(PushOutcome::Moved)
        }
        Err(Stop::Failed(SyncError::Repo(RepoError::Unknown { .. }))) => Ok(PushOutcome::Unknown),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// What is looked at once for all.
fn refuse_mirror(agents: &Agents) -> Result<(), SyncError> {
    match mirrored(agents.repo())? {
        Some(remote) => Err(SyncError::Mirror { remote: remote.name, url: remote.url }),
        None => Ok(()),
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
        (Shape::Attribute, namespace) => !matches!(namespace, Some("checkpoints" | "titles")),
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

/// Brings near what is read to check pushes.
fn near(agents: &Agents, requests: &[PushRequest]) {
    let mut staged = Staged::default();
    requests.iter().filter_map(|request| request.staged.clone()).for_each(|more| staged.extend(more));
    let there = requests.iter().filter(|request| request.expected.is_some());
    let there: Vec<Handle> = there.map(|request| request.handle.clone()).collect();
    agents.repo().backend().near(&there, &staged);
}

/// Everything that the refs will lead to must be here before they do; gives what the operation brings.
fn check_objects(
    agents: &Agents,
    request: &PushRequest,
    arrived: &mut Arrived,
) -> Result<Vec<ObjectId>, SyncError> {
    let repo = agents.repo();
    let known = Known::new(HashSet::new(), || {
        if request.expected.is_none() {
            return Ok(HashSet::new());
        }
        let versions = repo.backend().list(&request.handle, &RefName::versions(), 0, usize::MAX)?;
        Ok(versions.iter().map(|entry| entry.id).collect())
    });
    let mut wants: Vec<ObjectId> =
        request.changes.iter().filter_map(|change| change.to.as_ref().and_then(Target::id)).collect();
    let metas = request.changes.iter().filter(|change| change.name == RefName::meta());
    for id in metas.filter_map(|change| change.to.as_ref().and_then(Target::id)) {
        let meta = arrived.object(repo, &id)?.ok_or(SyncError::Incomplete(id))?;
        wants.extend(agents.profile_in(&meta.payload));
    }
    let brought = arrived.complete(repo, &request.handle, &wants, &known)?;
    for change in &request.changes {
        if let Some(reason) = arrived.refuses(agents, &change.name, change.to.as_ref())? {
            return Err(SyncError::Forbidden { name: change.name.clone(), reason });
        }
    }
    Ok(brought)
}
