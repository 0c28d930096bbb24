//! This store and a remote: fetching, pulling and cloning an agent. Each is one operation of this store,
//! which cites the end of the other's log.

use crate::agent::{AgentError, Agents, Number};
use crate::log::{Change, RecordId};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::Operation;

use super::news::{self, Arrived, News};
use super::view::{Relation, View};
use super::{AgentTip, SyncError, Transport};

/// Which drafts travel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Drafts {
    /// None.
    #[default]
    None,
    /// Those that are named.
    Named(Vec<Handle>),
    /// All.
    All,
}

/// What travels besides versions and what is said of them.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Drafts.
    pub drafts: Drafts,
    /// ACTIVE and environments.
    pub activate: bool,
    /// Other handle for the agent in the store that is pushed to, when it is made there.
    pub rename: Option<Handle>,
}

/// A version whose number changed, or that got one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renumbered {
    /// The version.
    pub id: ObjectId,
    /// What it was.
    pub before: Number,
    /// What it is.
    pub after: Number,
}

/// What was done with one agent.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    /// The operation of this store; none when there was nothing to do, or it was only tried.
    pub operation: Option<RecordId>,
    /// The refs that moved here.
    pub changes: Vec<Change>,
    /// The refs that moved at the remote.
    pub sent: Vec<Change>,
    /// Versions that changed their numbers here.
    pub renumbered: Vec<Renumbered>,
    /// Refs that were left as they are because they moved on both sides.
    pub left: Vec<RefName>,
    /// Whether the agent was made: here by a fetch, there by a push.
    pub created: bool,
}

/// This store and a remote.
#[derive(Debug)]
pub struct Link<'a> {
    /// The agents here.
    pub(super) agents: &'a Agents,
    /// The other store.
    pub(super) transport: &'a dyn Transport,
    /// What it is called here.
    pub(super) remote: Handle,
    pub(super) dry_run: bool,
}

impl<'a> Link<'a> {
    /// Links the store of `agents` to a remote. With `dry_run` it is only told what would be done; the
    /// agents must then be rehearsing.
    ///
    /// # Errors
    /// `SameStore`; when the remote cannot be reached.
    pub fn new(
        agents: &'a Agents,
        transport: &'a dyn Transport,
        remote: Handle,
        dry_run: bool,
    ) -> Result<Self, SyncError> {
        let own = agents.repo().backend().store_id();
        if transport.store()? == own {
            return Err(SyncError::SameStore(own));
        }
        Ok(Self { agents, transport, remote, dry_run })
    }

    /// Looks at an agent of the remote, and moves the refs that say where its refs are; no others.
    ///
    /// # Errors
    /// `Copied`, `Chain`, `Incomplete`; what either store refuses.
    pub fn fetch(&self, local: &Handle, tip: &AgentTip) -> Result<Synced, SyncError> {
        self.update(local, tip, "fetch", None)
    }

    /// Fetches, and moves this store's own refs where only the remote moved them: its versions come before
    /// those published here.
    ///
    /// # Errors
    /// As [`Self::fetch`]; `Diverged`, `NotUpstream`; `BothMoved` for a draft.
    pub fn pull(&self, local: &Handle, tip: &AgentTip, scope: &Scope) -> Result<Synced, SyncError> {
        self.update(local, tip, "pull", Some(scope))
    }

    /// Makes an agent of the remote here, under the same id and handle; what serves there serves here.
    ///
    /// # Errors
    /// As [`Self::fetch`]; `OtherAgent` when its handle is taken.
    pub fn adopt(&self, tip: &AgentTip, drafts: &Drafts) -> Result<Synced, SyncError> {
        let handle = &tip.handle;
        if self.agents.repo().backend().locate(handle)?.is_some() {
            return Err(SyncError::OtherAgent { handle: handle.clone(), pushing: false });
        }
        let news = news::look(self.agents, self.transport, None, tip)?;
        let news = news.ok_or_else(|| SyncError::NotThere(handle.clone()))?;
        let arrived = self.bring(None, &news)?;
        let scope = Scope { drafts: drafts.clone(), activate: true, rename: None };
        let (mut synced, receipt) =
            self.agents.run::<Synced, SyncError>(handle, "clone", "", |operation| {
                if operation.agent_id().is_some() {
                    return Err(SyncError::OtherAgent { handle: handle.clone(), pushing: false });
                }
                operation.adopt(tip.id);
                self.track(operation, &news, &arrived)?;
                let view = View::of(self.agents, None, &self.remote, Some(&news))?;
                let mut synced = self.take(operation, &view, &news, &scope)?;
                if operation.current(&RefName::active())?.is_none() {
                    operation.write(RefName::active(), None, Vec::new())?;
                }
                synced.created = true;
                Ok(synced)
            })?;
        (synced.operation, synced.changes) = (receipt.operation, receipt.changes);
        Ok(synced)
    }

    /// What the other store is called here.
    pub fn remote(&self) -> &Handle {
        &self.remote
    }

    fn bring(&self, local: Option<&Handle>, news: &News) -> Result<Arrived, SyncError> {
        if self.dry_run {
            return Ok(Arrived::default());
        }
        news::bring(self.agents, self.transport, local, &self.remote, news)
    }

    /// One operation: what the remote did, and with a scope what follows from it for this store's refs.
    pub(super) fn update(
        &self,
        local: &Handle,
        tip: &AgentTip,
        kind: &str,
        scope: Option<&Scope>,
    ) -> Result<Synced, SyncError> {
        let news = news::look(self.agents, self.transport, Some(local), tip)?;
        let arrived = match &news {
            Some(news) => self.bring(Some(local), news)?,
            None if scope.is_none() => return Ok(Synced::default()),
            None => Arrived::default(),
        };
        let nothing = || News {
            tip: tip.clone(),
            parts: Vec::new(),
            versions: Vec::new(),
            moves: std::collections::BTreeMap::new(),
        };
        let news = news.unwrap_or_else(nothing);
        let (mut synced, receipt) = self.agents.run::<Synced, SyncError>(local, kind, "", |operation| {
            operation.cite(tip.head.record.digest());
            self.track(operation, &news, &arrived)?;
            let Some(scope) = scope else { return Ok(Synced::default()) };
            let view = View::of(self.agents, Some(local), &self.remote, Some(&news))?;
            self.take(operation, &view, &news, scope)
        })?;
        (synced.operation, synced.changes) = (receipt.operation, receipt.changes);
        Ok(synced)
    }

    /// Keeps the remote's lines, its objects, and where its refs are.
    fn track(&self, operation: &mut Operation<'_>, news: &News, arrived: &Arrived) -> Result<(), SyncError> {
        operation.put_all(arrived.objects.values().cloned().collect());
        if arrived.staged {
            operation.rely_on_staged();
        }
        for part in &news.parts {
            operation.keep_chain(part.clone());
        }
        let there =
            |name: &RefName| name.at_remote(&self.remote).expect("no ref that travels is of a remote");
        for (id, blocks) in &news.versions {
            operation.write(there(&RefName::versions()), Some(Target::Id(*id)), blocks.clone())?;
        }
        for (name, to) in &news.moves {
            let name = there(name);
            if operation.current(&name)? != *to {
                operation.write(name, to.clone(), Vec::new())?;
            }
        }
        Ok(())
    }

    /// Moves this store's own refs to where the remote's are, where only those moved.
    fn take(
        &self,
        operation: &mut Operation<'_>,
        view: &View,
        news: &News,
        scope: &Scope,
    ) -> Result<Synced, SyncError> {
        let mut synced =
            Synced { renumbered: self.take_versions(operation, view, news)?, ..Synced::default() };
        let only_draft = self.only_draft(operation, view)?;
        if let Drafts::Named(names) = &scope.drafts {
            refuse_missing(operation.agent(), names, |name| view.their(name).is_some(), &self.remote)?;
        }
        for name in view.names() {
            let relation = view.relation(&name);
            let asked = match (name.shape(), name.split()) {
                (Shape::Attribute, (_, commit)) => {
                    commit.parse().is_ok_and(|commit| view.their_versions.contains(&commit))
                }
                (_, (None, RefName::ACTIVE) | (Some("environments"), _)) => {
                    scope.activate && Self::may_serve(view, &name)
                }
                (_, (None, RefName::META)) => self.has_handle(operation, view.their(&name))?,
                (_, (Some("drafts"), draft)) => match &scope.drafts {
                    Drafts::None => only_draft.as_ref() == Some(&name),
                    Drafts::Named(names) => names.iter().any(|name| name.as_str() == draft),
                    Drafts::All => true,
                },
                _ => true,
            };
            // What is to be decided stays with the draft where it is.
            let waits = view.their(&name).and_then(Target::id).map(|id| RefName::about("conflicts", &id));
            let asked = asked && waits.is_none_or(|record| view.their(&record).is_none());
            if !asked || matches!(relation, Relation::Same | Relation::Ours) {
                continue;
            }
            if relation == Relation::Both {
                synced.left.push(name.clone());
                let is_draft = name.as_draft().is_some();
                if is_draft && matches!(scope.drafts, Drafts::Named(_)) {
                    let (agent, remote) = (operation.agent().clone(), self.remote.clone());
                    return Err(SyncError::BothMoved { agent, remote, name });
                }
                // What is said of a version, and what serves when that is asked for, follows the remote.
                if is_draft || name.shape() == Shape::Single && name.split().1 != RefName::ACTIVE {
                    continue;
                }
            }
            operation.write(name.clone(), view.their(&name).cloned(), Vec::new())?;
        }
        Ok(synced)
    }

    /// The draft that an agent always has where its profile says so, when it is made here.
    fn only_draft(&self, operation: &Operation<'_>, view: &View) -> Result<Option<RefName>, SyncError> {
        if operation.agent_id().is_some() {
            return Ok(None);
        }
        let Some(meta) = view.their(&RefName::meta()).and_then(Target::id) else { return Ok(None) };
        if self.dry_run {
            return Ok(None);
        }
        let profile = self.agents.profile_in(&self.payload(operation, &meta)?);
        let Some(profile) = profile else { return Ok(None) };
        let only = self.agents.only_draft_of(&self.payload(operation, &profile)?)?;
        Ok(only.map(|name| RefName::draft(&name)))
    }

    /// A block that came, or was here.
    fn payload(&self, operation: &Operation<'_>, id: &ObjectId) -> Result<Vec<u8>, SyncError> {
        match operation.brought(id) {
            Some(object) => Ok(object.payload.clone()),
            None => Ok(self.agents.repo().block(id)?),
        }
    }

    /// Whether what a ref of the remote names is a version that both have numbered.
    fn may_serve(view: &View, name: &RefName) -> bool {
        view.their(name).is_none_or(|to| to.id().is_some_and(|id| view.their_versions.contains(&id)))
    }

    /// Whether metadata is of an agent with this handle: a rename stays in the store where it was made.
    fn has_handle(&self, operation: &Operation<'_>, meta: Option<&Target>) -> Result<bool, SyncError> {
        let Some(id) = meta.and_then(Target::id) else { return Ok(false) };
        if self.dry_run && operation.brought(&id).is_none() {
            return Ok(true);
        }
        Ok(self.agents.handle_in(&self.payload(operation, &id)?).as_ref() == Some(operation.agent()))
    }

    /// The remote's versions come before those published here, which keep their ids.
    fn take_versions(
        &self,
        operation: &mut Operation<'_>,
        view: &View,
        news: &News,
    ) -> Result<Vec<Renumbered>, SyncError> {
        let (agent, remote) = (operation.agent().clone(), self.remote.clone());
        let theirs = &view.their_versions;
        let own = view.versions();
        if view.numbered_there() == Some(false) {
            return Err(SyncError::NotUpstream { agent, remote });
        }
        if let Some(number) = View::first_difference(&own, theirs) {
            return Err(SyncError::Diverged { agent, remote, number });
        }
        if own.len() > theirs.len() {
            // Numbers given here before there was anywhere to push to: a push brings them there.
            return Ok(Vec::new());
        }
        for id in &theirs[own.len()..] {
            let blocks = news.versions.iter().find(|(new, _)| new == id).map(|(_, blocks)| blocks.clone());
            operation.write(RefName::versions(), Some(Target::Id(*id)), blocks.unwrap_or_default())?;
        }
        if view.numbered_there().is_none() {
            let list = RefName::versions().at_remote(&self.remote);
            operation.write(RefName::upstream(), list.map(Target::Ref), Vec::new())?;
        }
        let waiting = view.provisional();
        let arrived = waiting.iter().take_while(|id| theirs.contains(id)).count();
        if let Some(last) = arrived.checked_sub(1) {
            operation.write(RefName::pushed(), Some(Target::Id(waiting[last])), Vec::new())?;
        }
        let number = |at: usize, provisional| Number { position: at as u64 + 1, provisional };
        let renumbered = waiting.iter().enumerate().map(|(at, id)| {
            let after = match theirs.iter().position(|theirs| theirs == id) {
                Some(place) if at < arrived => number(place, false),
                _ => number(theirs.len() + at - arrived, true),
            };
            Renumbered { id: *id, before: number(own.len() + at, true), after }
        });
        Ok(renumbered.filter(|one| one.before != one.after).collect())
    }
}

/// Refuses a draft that is named and not there.
pub(super) fn refuse_missing(
    agent: &Handle,
    names: &[Handle],
    is_there: impl Fn(&RefName) -> bool,
    place: impl std::fmt::Display,
) -> Result<(), SyncError> {
    match names.iter().find(|name| !is_there(&RefName::draft(name))) {
        None => Ok(()),
        Some(name) => {
            let revision = format!("{place}/{name}");
            Err(AgentError::NoSuchRevision { agent: agent.clone(), revision }.into())
        }
    }
}
