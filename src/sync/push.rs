//! Pushing an agent: what this store has and the remote has not, if the remote has nothing that this
//! store has not seen. Objects go before refs, and the refs in one operation of the remote.

use std::collections::HashSet;

use crate::backend::ChainPart;
use crate::log::Change;
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::link::{Drafts, Link, Scope, Synced, refuse_missing};
use super::news::{self, News};
use super::view::{Relation, View};
use super::{AgentTip, PushOutcome, PushRequest, SyncError, closure};

/// How often a remote that moved meanwhile is looked at again.
const TRIES_MAX: u32 = 20;
/// Objects that take more than this go ahead of the push, in bytes.
const TOGETHER_MAX_BYTES: usize = 1024 * 1024;

/// What is to be pushed.
#[derive(Debug, Default)]
struct Plan {
    changes: Vec<Change>,
    objects: Vec<Object>,
    left: Vec<RefName>,
}

impl Link<'_> {
    /// Pushes an agent; `tip` is the agent at the remote, `None` when it is to be made there.
    ///
    /// # Errors
    /// `Behind` when the remote has versions that were not pulled; `Diverged`, `BothMoved`, `Copied`;
    /// what either store refuses. The remote is then as it was.
    pub fn push(&self, local: &Handle, tip: Option<&AgentTip>, scope: &Scope) -> Result<Synced, SyncError> {
        let mut tip = tip.cloned();
        for _ in 0..TRIES_MAX {
            let news = match &tip {
                Some(tip) => news::look(self.agents, self.transport, Some(local), tip)?,
                None => None,
            };
            let view = View::of(self.agents, Some(local), &self.remote, news.as_ref())?;
            let plan = match self.plan(local, tip.as_ref(), &view, scope) {
                Err(SyncError::Behind { .. }) => return Err(self.behind(local, tip.as_ref(), &view)?),
                other => other?,
            };
            if plan.changes.is_empty() || self.dry_run {
                let mut synced = self.settle(local, tip.as_ref(), news.as_ref(), &view)?;
                (synced.sent, synced.left) = (plan.changes, plan.left);
                synced.created = tip.is_none();
                return Ok(synced);
            }
            let handle =
                tip.as_ref().map_or_else(|| scope.rename.as_ref().unwrap_or(local), |tip| &tip.handle);
            let request = self.request(local, handle.clone(), tip.as_ref(), &view, &plan)?;
            let outcome = self.transport.push(&request)?;
            let created = tip.is_none();
            tip = self.transport.tip(&request.handle)?;
            if let Some(found) = tip.as_ref().filter(|found| found.id != request.agent) {
                return Err(SyncError::OtherAgent { handle: found.handle.clone(), pushing: true });
            }
            if let (PushOutcome::Committed(_), Some(tip)) = (outcome, &tip) {
                let mut synced = self.update(local, tip, "push", Some(&Scope::default()))?;
                (synced.sent, synced.left, synced.created) = (request.changes, plan.left, created);
                return Ok(synced);
            }
        }
        Err(SyncError::Contended(local.clone()))
    }

    /// After a push whose answer did not come: the numbers that it gave.
    fn settle(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        news: Option<&News>,
        view: &View,
    ) -> Result<Synced, SyncError> {
        let Some(tip) = tip.filter(|_| !self.dry_run) else { return Ok(Synced::default()) };
        let waits = view.provisional().iter().any(|id| view.their_versions.contains(id));
        let follows = view.numbered_there().is_none() && news.is_some();
        if view.numbered_there() != Some(false) && (waits || follows) {
            return self.update(local, tip, "push", Some(&Scope::default()));
        }
        Ok(Synced::default())
    }

    fn plan(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        view: &View,
        scope: &Scope,
    ) -> Result<Plan, SyncError> {
        let mut plan = Plan::default();
        if let Drafts::Named(names) = &scope.drafts {
            refuse_missing(local, names, |name| view.own(name).is_some(), "draft:")?;
        }
        let new = self.new_versions(local, view)?;
        let mut last = view.their_versions.last().map(|id| Target::Id(*id));
        for id in &new {
            let to = Some(Target::Id(*id));
            plan.changes.push(Change::new(RefName::versions(), last, to.clone()));
            last = to;
        }
        let fresh: HashSet<ObjectId> = new.iter().copied().collect();
        let all: HashSet<ObjectId> = view.their_versions.iter().copied().chain(new).collect();
        for name in view.names() {
            if self.goes(local, tip, view, scope, &name, &all, &mut plan)? {
                let about = name.split().1.parse().ok();
                let is_new = tip.is_none() || about.is_some_and(|commit| fresh.contains(&commit));
                let relation = view.relation(&name);
                if is_new && relation != Relation::Same || relation == Relation::Ours {
                    let (from, to) = (view.their(&name).cloned(), view.own(&name).cloned());
                    plan.changes.push(Change::new(name, from, to));
                } else if relation == Relation::Both {
                    plan.left.push(name);
                }
            }
        }
        if let (None, Some(rename)) = (tip, &scope.rename) {
            let meta = self.agents.meta_under(local, rename)?;
            for change in plan.changes.iter_mut().filter(|change| change.name == RefName::meta()) {
                change.to = Some(Target::Id(meta.id()));
            }
            plan.objects.push(meta);
        }
        Ok(plan)
    }

    /// The versions that the remote does not have, oldest first.
    fn new_versions(&self, local: &Handle, view: &View) -> Result<Vec<ObjectId>, SyncError> {
        let theirs = &view.their_versions;
        let standing = view.versions();
        let (agent, remote) = (local.clone(), self.remote.clone());
        if let Some(number) = View::first_difference(&standing, theirs) {
            return Err(SyncError::Diverged { agent, remote, number });
        }
        let mut new: Vec<ObjectId> = standing.iter().skip(theirs.len()).copied().collect();
        if view.numbered_there() != Some(true) {
            return Ok(new);
        }
        let waiting: Vec<ObjectId> =
            view.provisional().into_iter().filter(|id| !theirs.contains(id)).collect();
        let unseen = theirs.get(standing.len()..).unwrap_or_default();
        let own = view.provisional();
        let unseen: Vec<&ObjectId> = unseen.iter().filter(|id| !own.contains(id)).collect();
        if !waiting.is_empty() && !unseen.is_empty() {
            return Err(SyncError::Behind { agent, remote, since: Vec::new() });
        }
        new.extend(waiting);
        Ok(new)
    }

    /// Says who published what since; fetched, so that it can be looked at.
    fn behind(&self, local: &Handle, tip: Option<&AgentTip>, view: &View) -> Result<SyncError, SyncError> {
        if let Some(tip) = tip.filter(|_| !self.dry_run) {
            self.fetch(local, tip)?;
        }
        let own = view.provisional();
        let numbered = (1u64..).zip(&view.their_versions).skip(view.versions().len());
        let unseen = numbered.filter(|(_, id)| !own.contains(id));
        let told = |(number, id): (u64, &ObjectId)| match self.agents.repo().commit(id) {
            Ok(commit) => {
                format!("V{number} '{}' by {} at {}", commit.label(), commit.author.name, commit.time)
            }
            Err(_) => format!("V{number} {}", id.short()),
        };
        let (agent, remote) = (local.clone(), self.remote.clone());
        Ok(SyncError::Behind { agent, remote, since: unseen.map(told).collect() })
    }

    /// Whether a ref is one that this push is about.
    #[allow(clippy::too_many_arguments)] // both sides, the scope and the ref are one question
    fn goes(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        view: &View,
        scope: &Scope,
        name: &RefName,
        versions: &HashSet<ObjectId>,
        plan: &mut Plan,
    ) -> Result<bool, SyncError> {
        let (agent, remote) = (local.clone(), self.remote.clone());
        Ok(match (name.shape(), name.split()) {
            (Shape::Attribute, (_, commit)) => commit.parse().is_ok_and(|commit| versions.contains(&commit)),
            (_, (None, RefName::ACTIVE) | (Some("environments"), _)) => {
                if !scope.activate {
                    return Ok(false);
                }
                match view.relation(name) {
                    Relation::Both => {
                        return Err(SyncError::BothMoved { agent, remote, name: name.clone() });
                    }
                    Relation::Theirs => plan.left.push(name.clone()),
                    Relation::Same | Relation::Ours => {}
                }
                let own = view.own(name).and_then(Target::id);
                if own.is_some_and(|id| !versions.contains(&id)) {
                    return Err(SyncError::NoVersion { agent, name: name.clone() });
                }
                true
            }
            (_, (Some("drafts"), draft)) => {
                let named = match &scope.drafts {
                    Drafts::None => tip.is_none() && self.agents.has_one_draft(local)?,
                    Drafts::Named(names) => names.iter().any(|name| name.as_str() == draft),
                    Drafts::All => view.own(name).is_some(),
                };
                let waits = view.own(name).and_then(Target::id).map(|id| RefName::about("conflicts", &id));
                if named && waits.is_some_and(|record| view.own(&record).is_some()) {
                    if matches!(scope.drafts, Drafts::Named(_)) {
                        let reason = "it has conflicts that wait to be decided";
                        return Err(SyncError::Forbidden { name: name.clone(), reason });
                    }
                    plan.left.push(name.clone());
                    return Ok(false);
                }
                let conflict = named && tip.is_some() && view.relation(name) == Relation::Both;
                if conflict && matches!(scope.drafts, Drafts::Named(_)) {
                    return Err(SyncError::BothMoved { agent, remote, name: name.clone() });
                }
                named
            }
            (_, (None, RefName::META)) => tip.is_none_or(|tip| tip.handle == *local),
            _ => true,
        })
    }

    fn request(
        &self,
        local: &Handle,
        handle: Handle,
        tip: Option<&AgentTip>,
        view: &View,
        plan: &Plan,
    ) -> Result<PushRequest, SyncError> {
        let backend = self.agents.repo().backend();
        let head = backend.head(local)?.ok_or_else(|| SyncError::NotThere(local.clone()))?;
        let (objects, staged) = self.send(view, plan)?;
        Ok(PushRequest {
            agent: head.agent,
            expected: tip.map(|tip| tip.head.record),
            cites: head.record,
            objects,
            staged,
            chains: self.lines_for(local, &handle, tip, head.log_bytes)?,
            handle,
            changes: plan.changes.clone(),
            actor: self.agents.actor().clone(),
        })
    }

    /// The objects that the push needs and the remote lacks; many go ahead of it.
    fn send(&self, view: &View, plan: &Plan) -> Result<(Vec<Object>, bool), SyncError> {
        let repo = self.agents.repo();
        let own = |id: &ObjectId| plan.objects.iter().find(|object| object.id() == *id).cloned();
        let lookup = |id: &ObjectId| match own(id) {
            Some(object) => Ok(Some(object)),
            None => Ok(repo.object(id)?.map(|object| (*object).clone())),
        };
        let known: HashSet<ObjectId> = view.their_versions.iter().copied().collect();
        let mut wants: Vec<ObjectId> =
            plan.changes.iter().filter_map(|change| change.to.as_ref().and_then(Target::id)).collect();
        wants.extend(self.profile_of(plan)?);
        let (mut batch, mut size_bytes, mut staged) = (Vec::new(), 0, false);
        closure::walk(&lookup, &wants, &known, &mut |id, object| {
            size_bytes += object.payload.len();
            batch.push((id, object));
            if size_bytes > TOGETHER_MAX_BYTES {
                (size_bytes, staged) = (0, true);
                self.send_ahead(std::mem::take(&mut batch))?;
            }
            Ok(())
        })?;
        Ok((batch.into_iter().map(|(_, object)| object).collect(), staged))
    }

    /// Metadata names a profile, which need not be that of any version.
    fn profile_of(&self, plan: &Plan) -> Result<Option<ObjectId>, SyncError> {
        let mut metas = plan.changes.iter().filter(|change| change.name == RefName::meta());
        let Some(id) = metas.next().and_then(|change| change.to.as_ref()).and_then(Target::id) else {
            return Ok(None);
        };
        let made = plan.objects.iter().find(|object| object.id() == id);
        let payload = match made {
            Some(object) => object.payload.clone(),
            None => self.agents.repo().block(&id)?,
        };
        Ok(self.agents.profile_in(&payload))
    }

    fn send_ahead(&self, batch: Vec<(ObjectId, Object)>) -> Result<(), SyncError> {
        let ids: Vec<ObjectId> = batch.iter().map(|(id, _)| *id).collect();
        let lacking: HashSet<ObjectId> = self.transport.lacks(&ids)?.into_iter().collect();
        let objects: Vec<Object> =
            batch.into_iter().filter(|(id, _)| lacking.contains(id)).map(|(_, object)| object).collect();
        if objects.is_empty() { Ok(()) } else { self.transport.stage(&objects) }
    }

    /// The lines of this store's log, and of those that it keeps, that the remote does not have.
    fn lines_for(
        &self,
        local: &Handle,
        handle: &Handle,
        tip: Option<&AgentTip>,
        log_bytes: u64,
    ) -> Result<Vec<ChainPart>, SyncError> {
        let backend = self.agents.repo().backend();
        let theirs = match tip {
            Some(_) => self.transport.chains(handle)?,
            None => Vec::new(),
        };
        let (own, there) = (backend.store_id(), self.transport.store()?);
        let kept = |store| theirs.iter().find(|head| head.store == store).copied();
        let length = |end: u64, start: u64| usize::try_from(end - start).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        if let Some(before) = kept(own) {
            news::refuse_copy_of_own(backend, Some(local), local, before)?;
        }
        let offset = kept(own).map_or(0, |head| head.bytes);
        if log_bytes > offset {
            let lines = backend.read_log(local, offset, length(log_bytes, offset))?;
            parts.push(ChainPart { store: own, offset, lines });
        }
        for chain in backend.chains(local)?.into_iter().filter(|chain| chain.store != there) {
            let offset = kept(chain.store).map_or(0, |head| head.bytes);
            if chain.bytes > offset {
                let lines = backend.read_chain(local, chain.store, offset, length(chain.bytes, offset))?;
                parts.push(ChainPart { store: chain.store, offset, lines });
            }
        }
        Ok(parts)
    }
}
