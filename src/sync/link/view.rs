//! One agent as it is here and as it is in another store, and which of the two moved since they were last
//! the same: from this store's own log, which says where both were at any moment.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::agent::Agents;
use crate::backend::Backend;
use crate::history::{LogLines, Order};
use crate::log::{Change, Record};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::super::SyncError;
use super::super::news::News;
use super::super::receive::may_travel;
use super::super::remote::remotes;

/// The kinds of operations that make of a draft what has in it the commits that they cite.
const TAKING_KINDS: [&str; 3] = ["merge", "draft-new", "restore"];

/// Which side moved a ref since both had it at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Same,
    Ours,
    Theirs,
    Both,
}

/// An agent here and there.
#[derive(Debug, Default)]
pub(super) struct View {
    own: BTreeMap<RefName, Target>,
    versions: Vec<ObjectId>,
    unpushed: Vec<ObjectId>,
    /// Where a ref was when it was last the same on both sides, of those that were not when this was looked
    /// up; absent when that was nowhere.
    agreed: HashMap<RefName, Option<Target>>,
    theirs: BTreeMap<RefName, Target>,
    /// The other store's list of versions.
    pub(super) their_versions: Vec<ObjectId>,
    /// That list's name here.
    their_list: Option<RefName>,
    /// Whether the remote that gave the numbers is no remote any more.
    upstream_gone: bool,
    /// Where each of the other store's versions stands, 0 the first; made when it is first asked for.
    places: OnceCell<HashMap<ObjectId, usize>>,
}

impl View {
    /// The agent as it is here and, if it is, there, with what is new.
    pub(super) fn of(
        agents: &Agents,
        local: Option<&Handle>,
        remote: &Handle,
        there: Option<Option<&News>>,
    ) -> Result<Self, SyncError> {
        let mut view = Self { their_list: RefName::versions().at_remote(remote), ..Self::default() };
        if let Some(handle) = local {
            view.read(agents.repo().backend(), handle, remote)?;
            let upstream = view.own(&RefName::upstream()).and_then(|upstream| match upstream {
                Target::Ref(name) => name.as_remote(),
                Target::Id(_) => None,
            });
            if let Some((name, _)) = upstream {
                view.upstream_gone = !remotes(agents.repo())?.iter().any(|remote| remote.name == name);
            }
        }
        if there.is_none() || there.flatten().is_some_and(|news| news.whole) {
            // What was followed under that name is no more than what is there.
            view.theirs.clear();
            view.their_versions.clear();
        }
        if let Some(news) = there.flatten() {
            view.their_versions.extend(news.versions.iter().map(|(id, _)| *id));
            for (name, to) in &news.moves {
                match to {
                    Some(to) => drop(view.theirs.insert(name.clone(), to.clone())),
                    None => drop(view.theirs.remove(name)),
                }
            }
        }
        Ok(view)
    }

    fn read(&mut self, backend: &dyn Backend, handle: &Handle, remote: &Handle) -> Result<(), SyncError> {
        let list = |name: &RefName| -> Result<Vec<ObjectId>, SyncError> {
            Ok(backend.list(handle, name, 0, usize::MAX)?.into_iter().map(|entry| entry.id).collect())
        };
        self.versions = list(&RefName::versions())?;
        self.unpushed = list(&RefName::unpushed())?;
        if let Some(name) = &self.their_list {
            self.their_versions = list(name)?;
        }
        for (name, state) in backend.all_refs(handle)? {
            let Some(target) = state.target else { continue };
            match name.as_remote() {
                Some((at, plain)) if at == *remote => drop(self.theirs.insert(plain, target)),
                Some(_) => {}
                None => drop(self.own.insert(name, target)),
            }
        }
        if !self.own.contains_key(&RefName::upstream()) {
            // One whose file was lost is no agent that gives its numbers itself.
            backend.read_ref(handle, &RefName::upstream())?;
        }
        self.look_back(backend, handle, remote)
    }

    /// Finds where the refs that are not the same on both sides last were: from the newest record of this
    /// store's log backwards, undoing what each did, until all of them were the same.
    fn look_back(
        &mut self,
        backend: &dyn Backend,
        handle: &Handle,
        remote: &Handle,
    ) -> Result<(), SyncError> {
        let names = self.own.keys().chain(self.theirs.keys()).filter(|name| may_travel(name));
        let differs = |name: &&RefName| self.own.get(*name) != self.theirs.get(*name);
        let mut open: HashMap<RefName, (Option<Target>, Option<Target>)> = names
            .filter(differs)
            .map(|name| (name.clone(), (self.own.get(name).cloned(), self.theirs.get(name).cloned())))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let lines = LogLines::new(backend, handle, Order::NewestFirst).map_err(RepoError::from)?;
        for line in lines.into_iter().flatten() {
            let (_, record) = line.map_err(RepoError::from)?;
            for name in merged(&record) {
                // What was there then is in what came of it here.
                if let Some((_, their @ Some(_))) = open.get(&name)
                    && their.as_ref().and_then(Target::id).is_some_and(|id| cites(&record, &id))
                {
                    self.agreed.insert(name.clone(), their.clone());
                    open.remove(&name);
                }
            }
            let mut touched = Vec::new();
            for Change { name, from, .. } in record.changes.into_iter().rev() {
                let (plain, there) = match name.as_remote() {
                    Some((at, plain)) if at == *remote => (plain, true),
                    Some(_) => continue,
                    None => (name, false),
                };
                if let Some((here, their)) = open.get_mut(&plain) {
                    *(if there { their } else { here }) = from;
                    touched.push(plain);
                }
            }
            // Between two records both were somewhere; within one they are on their way.
            for name in touched {
                if let Some((here, their)) = open.get(&name)
                    && here == their
                {
                    self.agreed.insert(name.clone(), here.clone());
                    open.remove(&name);
                }
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Where a version stands in the other store's list, 0 the first.
    pub(super) fn their_place(&self, id: &ObjectId) -> Option<usize> {
        let places = || self.their_versions.iter().enumerate().rev().map(|(at, id)| (*id, at)).collect();
        self.places.get_or_init(places).get(id).copied()
    }

    /// Where a ref is here.
    pub(super) fn own(&self, name: &RefName) -> Option<&Target> {
        self.own.get(name)
    }

    /// Where it is there.
    pub(super) fn their(&self, name: &RefName) -> Option<&Target> {
        self.theirs.get(name)
    }

    /// Where it was when it was last the same on both sides.
    pub(super) fn agreed(&self, name: &RefName) -> Option<&Target> {
        self.agreed.get(name)?.as_ref()
    }

    /// Which side moved it.
    pub(super) fn relation(&self, name: &RefName) -> Relation {
        let (own, their) = (self.own(name), self.their(name));
        // What is not noted was the same before the news came: where it is here.
        let agreed = self.agreed.get(name).map_or(own, Option::as_ref);
        match (own == agreed, their == agreed) {
            _ if own == their => Relation::Same,
            (true, _) => Relation::Theirs,
            (_, true) => Relation::Ours,
            _ => Relation::Both,
        }
    }

    /// Every ref that may travel and is on either side, lists aside.
    pub(super) fn names(&self) -> BTreeSet<RefName> {
        self.own.keys().chain(self.theirs.keys()).filter(|name| may_travel(name)).cloned().collect()
    }

    /// Versions whose numbers stand here.
    pub(super) fn versions(&self) -> Vec<ObjectId> {
        self.versions.clone()
    }

    /// Versions that were published here and have no number yet.
    pub(super) fn provisional(&self) -> Vec<ObjectId> {
        let list = &self.unpushed;
        let pushed = self.own(&RefName::pushed()).and_then(Target::id);
        let start = list.iter().rposition(|id| Some(*id) == pushed).map_or(0, |at| at + 1);
        list[start..].to_vec()
    }

    /// Whether the numbers come from the other store, from a third, or (`None`) are this store's own.
    pub(super) fn numbered_there(&self) -> Option<bool> {
        let upstream = self.own(&RefName::upstream())?;
        Some(
            self.upstream_gone
                || matches!((upstream, &self.their_list), (Target::Ref(name), Some(list)) if name == list),
        )
    }

    /// Whether the other store begins to give the numbers, if both have the same so far.
    pub(super) fn follows_anew(&self) -> bool {
        self.numbered_there().is_none() || self.upstream_gone
    }

    /// The first number that is two versions, if the shorter list is not the beginning of the longer.
    pub(super) fn first_difference(ours: &[ObjectId], theirs: &[ObjectId]) -> Option<u64> {
        ours.iter().zip(theirs).position(|(a, b)| a != b).map(|at| at as u64 + 1)
    }
}

/// The drafts into which a record took something.
fn merged(record: &Record) -> impl Iterator<Item = RefName> + '_ {
    let drafts = record.changes.iter().filter(|change| change.name.as_draft().is_some());
    drafts.filter(|_| TAKING_KINDS.contains(&record.kind.as_str())).map(|change| change.name.clone())
}

fn cites(record: &Record, id: &ObjectId) -> bool {
    record.cites.iter().any(|cited| cited.as_bytes() == id.as_bytes())
}
