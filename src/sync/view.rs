//! One agent as it is here and as it is in another store, and which of the two moved since they were last
//! the same: from this store's own log, which says where both were at any moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::agent::Agents;
use crate::history::{LogLines, Order};
use crate::log::RefTable;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::RepoError;

use super::SyncError;
use super::news::News;
use super::receive::may_travel;

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
    table: RefTable,
    /// Where a ref was when it was last the same on both sides.
    agreed: HashMap<RefName, Option<Target>>,
    theirs: BTreeMap<RefName, Target>,
    /// The other store's list of versions.
    pub(super) their_versions: Vec<ObjectId>,
    /// That list's name here.
    their_list: Option<RefName>,
}

impl View {
    /// The agent as it is here, and there with what is new.
    pub(super) fn of(
        agents: &Agents,
        local: Option<&Handle>,
        remote: &Handle,
        news: Option<&News>,
    ) -> Result<Self, SyncError> {
        let mut view = Self { their_list: RefName::versions().at_remote(remote), ..Self::default() };
        let lines = match local {
            Some(handle) => LogLines::new(agents.repo().backend(), handle, Order::OldestFirst),
            None => Ok(None),
        };
        for line in lines.map_err(RepoError::from)?.into_iter().flatten() {
            let (id, record) = line.map_err(RepoError::from)?;
            view.table.apply(id, &record).map_err(|error| SyncError::Malformed {
                agent: local.cloned().unwrap_or_else(|| remote.clone()),
                reason: error.to_string(),
            })?;
            for change in record.changes.iter().filter(|change| change.name.shape() != Shape::List) {
                view.note(remote, &change.name);
            }
        }
        for (name, state) in &view.table.refs {
            if let (Some((_, plain)), Some(target)) =
                (name.as_remote().filter(|(at, _)| at == remote), &state.target)
            {
                view.theirs.insert(plain, target.clone());
            }
        }
        let list = view.their_list.as_ref().and_then(|list| view.table.lists.get(list));
        view.their_versions = list.into_iter().flatten().map(|entry| entry.id).collect();
        if let Some(news) = news {
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

    /// Notes where a ref is when it is the same on both sides.
    fn note(&mut self, remote: &Handle, name: &RefName) {
        let plain = match name.as_remote() {
            Some((at, plain)) if at == *remote => plain,
            Some(_) => return,
            None => name.clone(),
        };
        let Some(there) = plain.at_remote(remote) else { return };
        let target = |name: &RefName| self.table.refs.get(name).and_then(|state| state.target.clone());
        let here = target(&plain);
        if here == target(&there) {
            self.agreed.insert(plain, here);
        }
    }

    /// Where a ref is here.
    pub(super) fn own(&self, name: &RefName) -> Option<&Target> {
        self.table.refs.get(name)?.target.as_ref()
    }

    /// Where it is there.
    pub(super) fn their(&self, name: &RefName) -> Option<&Target> {
        self.theirs.get(name)
    }

    /// Which side moved it.
    pub(super) fn relation(&self, name: &RefName) -> Relation {
        let (own, their) = (self.own(name), self.their(name));
        let agreed = self.agreed.get(name).and_then(Option::as_ref);
        match (own == agreed, their == agreed) {
            _ if own == their => Relation::Same,
            (true, _) => Relation::Theirs,
            (_, true) => Relation::Ours,
            _ => Relation::Both,
        }
    }

    /// Every ref that may travel and is on either side, lists aside.
    pub(super) fn names(&self) -> BTreeSet<RefName> {
        let own = self.table.refs.iter().filter(|(_, state)| state.target.is_some()).map(|(name, _)| name);
        own.chain(self.theirs.keys()).filter(|name| may_travel(name)).cloned().collect()
    }

    /// Versions whose numbers stand here.
    pub(super) fn versions(&self) -> Vec<ObjectId> {
        let list = self.table.lists.get(&RefName::versions());
        list.into_iter().flatten().map(|entry| entry.id).collect()
    }

    /// Versions that were published here and have no number yet.
    pub(super) fn provisional(&self) -> Vec<ObjectId> {
        let list = self.table.lists.get(&RefName::unpushed());
        let list: Vec<ObjectId> = list.into_iter().flatten().map(|entry| entry.id).collect();
        let pushed = self.own(&RefName::pushed()).and_then(Target::id);
        let start = list.iter().rposition(|id| Some(*id) == pushed).map_or(0, |at| at + 1);
        list[start..].to_vec()
    }

    /// Whether the numbers come from the other store, from a third, or (`None`) are this store's own.
    pub(super) fn numbered_there(&self) -> Option<bool> {
        let upstream = self.own(&RefName::upstream())?;
        Some(matches!((upstream, &self.their_list), (Target::Ref(name), Some(list)) if name == list))
    }

    /// The first number that is two versions, if the shorter list is not the beginning of the longer.
    pub(super) fn first_difference(ours: &[ObjectId], theirs: &[ObjectId]) -> Option<u64> {
        ours.iter().zip(theirs).position(|(a, b)| a != b).map(|at| at as u64 + 1)
    }
}
