//! What a push is to move: this store's versions that the remote has not, what is said of them, and the
//! refs that were asked for.

use std::collections::HashSet;

use crate::log::Change;
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::super::{AgentTip, SyncError};
use super::bring::Goal;
use super::left::{Left, Why};
use super::view::{Relation, View};
use super::{Drafts, Link, Scope, refuse_missing};

/// What is to be pushed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    pub(super) objects: Vec<Object>,
    pub(super) left: Vec<Left>,
}

impl Link<'_> {
    pub(super) fn plan(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        view: &View,
        scope: &Scope,
    ) -> Result<Plan, SyncError> {
        let mut plan = Plan::default();
        if let Drafts::Named(names) = &scope.drafts {
            // One that was discarded here is given up there, if it was the same on both sides once.
            let is_known = |name: &RefName| view.own(name).is_some() || view.agreed(name).is_some();
            refuse_missing(local, names, is_known, "draft:")?;
        }
        let new = self.new_versions(local, tip.is_some(), view)?;
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
                    plan.left.push(Left::by_both(view, name));
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
    fn new_versions(&self, local: &Handle, there: bool, view: &View) -> Result<Vec<ObjectId>, SyncError> {
        let theirs = &view.their_versions;
        let standing = view.versions();
        let (agent, remote) = (local.clone(), self.remote.clone());
        if let Some(number) = View::first_difference(&standing, theirs) {
            return Err(SyncError::Diverged { agent, remote, number });
        }
        let mut new: Vec<ObjectId> = standing.iter().skip(theirs.len()).copied().collect();
        match view.numbered_there() {
            Some(true) => {}
            // Two stores that each give numbers would give the same one twice.
            Some(false) if !new.is_empty() || !there => return Err(SyncError::NotUpstream { agent, remote }),
            _ => return Ok(new),
        }
        let waiting: Vec<ObjectId> =
            view.provisional().into_iter().filter(|id| view.their_place(id).is_none()).collect();
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
    pub(super) fn behind(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        view: &View,
    ) -> Result<SyncError, SyncError> {
        if let Some(tip) = tip.filter(|_| !self.dry_run) {
            self.bring_one(local, tip, Goal::Fetch, &Scope::default())?;
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
                        return Err(SyncError::both_moved(
                            &agent,
                            &remote,
                            Left::by_both(view, name.clone()),
                        ));
                    }
                    Relation::Theirs => plan.left.push(Left { name: name.clone(), why: Why::MovedThere }),
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
                    Drafts::All => view.own(name).is_some() || view.agreed(name).is_some(),
                };
                let waits = view.own(name).and_then(Target::id).map(|id| RefName::about("conflicts", &id));
                if named && waits.is_some_and(|record| view.own(&record).is_some()) {
                    if matches!(scope.drafts, Drafts::Named(_)) {
                        let reason = "it has conflicts that wait to be decided";
                        return Err(SyncError::Forbidden { name: name.clone(), reason });
                    }
                    plan.left.push(Left { name: name.clone(), why: Why::UndecidedHere });
                    return Ok(false);
                }
                if tip.is_some() && named && matches!(scope.drafts, Drafts::Named(_)) {
                    match view.relation(name) {
                        Relation::Both => {
                            let left = Left::by_both(view, name.clone());
                            return Err(SyncError::both_moved(&agent, &remote, left));
                        }
                        Relation::Theirs => {
                            plan.left.push(Left { name: name.clone(), why: Why::MovedThere });
                        }
                        Relation::Same | Relation::Ours => {}
                    }
                }
                named
            }
            (_, (None, RefName::META)) => tip.is_none_or(|tip| tip.handle == *local),
            _ => true,
        })
    }

    /// Metadata names a profile, which need not be that of any version.
    pub(super) fn profile_of_plan(&self, plan: &Plan) -> Result<Option<ObjectId>, SyncError> {
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
}
