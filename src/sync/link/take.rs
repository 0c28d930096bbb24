//! What an operation of this store takes over from a remote: where the remote's refs are, and with a scope
//! where its own refs go.

use std::collections::{HashMap, HashSet};

use crate::agent::Number;
use crate::backend::kept_bytes;
use crate::log::ListEntry;
use crate::object::{BlockName, ObjectId};
use crate::refs::{RefName, Shape, Target};
use crate::repo::Operation;

use super::super::SyncError;
use super::super::intake::Arrived;
use super::super::news::News;
use super::left::{Left, Why};
use super::view::{Relation, View};
use super::{Drafts, Link, Renumbered, Scope, Synced, refuse_missing};

impl Link<'_> {
    /// Keeps the remote's lines, its objects, and where its refs are.
    pub(super) fn track(
        &self,
        operation: &mut Operation<'_>,
        news: &News,
        arrived: &Arrived,
        brought: &[ObjectId],
    ) -> Result<(), SyncError> {
        // Somebody else may have fetched meanwhile: what is new is another thing then.
        let kept = match operation.head() {
            Some(_) => operation.repo().backend().chains(operation.agent())?,
            None => Vec::new(),
        };
        if news.parts.iter().any(|part| part.offset != kept_bytes(&kept, part.store)) {
            return Err(SyncError::Stale(operation.agent().clone()));
        }
        arrived.bring(operation, brought)?;
        for part in &news.parts {
            operation.keep_chain(part.clone());
        }
        let there =
            |name: &RefName| name.at_remote(&self.remote).expect("no ref that travels is of a remote");
        let followed = self.followed(operation, news)?;
        for (id, blocks) in &news.versions[followed..] {
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

    /// How many of the versions are followed already, where the log was heard from its beginning; refs that
    /// were followed and are not there are removed.
    fn followed(&self, operation: &mut Operation<'_>, news: &News) -> Result<usize, SyncError> {
        if !news.whole || operation.head().is_none() {
            return Ok(0);
        }
        let (agent, remote) = (operation.agent().clone(), self.remote.clone());
        let backend = operation.repo().backend();
        let refs = backend.all_refs(&agent)?;
        let list = RefName::versions().at_remote(&remote).expect("no ref that travels is of a remote");
        let followed = backend.list(&agent, &list, 0, usize::MAX)?;
        let differs = |(at, entry): (usize, &ListEntry)| {
            (news.versions.get(at).map(|(id, _)| *id) != Some(entry.id)).then_some(at as u64 + 1)
        };
        if let Some(number) = followed.iter().enumerate().find_map(differs) {
            return Err(SyncError::Diverged { agent, remote, number });
        }
        for name in refs.into_keys() {
            let of = name.as_remote().filter(|(at, _)| *at == remote).map(|(_, plain)| plain);
            let gone = of.is_some_and(|plain| news.moves.get(&plain).is_none_or(Option::is_none));
            if gone && operation.current(&name)?.is_some() {
                operation.write(name, None, Vec::new())?;
            }
        }
        Ok(followed.len())
    }

    /// Moves this store's own refs to where the remote's are, where only those moved.
    pub(super) fn take(
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
            // One that the remote discarded is discarded here.
            let moved_there =
                |name: &RefName| matches!(view.relation(name), Relation::Theirs | Relation::Both);
            let is_known = |name: &RefName| view.their(name).is_some() || moved_there(name);
            refuse_missing(operation.agent(), names, is_known, &self.remote)?;
        }
        for name in view.names() {
            let relation = view.relation(&name);
            let asked = match (name.shape(), name.split()) {
                (Shape::Attribute, (_, commit)) => {
                    commit.parse().is_ok_and(|commit| view.their_place(&commit).is_some())
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
            let undecided = waits.is_some_and(|record| view.their(&record).is_some());
            if scope.exact && relation != Relation::Same {
                operation.write(name.clone(), view.their(&name).cloned(), Vec::new())?;
                continue;
            }
            if matches!(relation, Relation::Same | Relation::Ours) {
                continue;
            }
            if asked && undecided {
                synced.left.push(Left { name, why: Why::UndecidedThere });
                continue;
            }
            if !asked {
                let travels_alone = name.shape() == Shape::Single && name != RefName::meta();
                synced.unasked.extend(travels_alone.then_some(name));
                continue;
            }
            if relation == Relation::Both {
                // What is said of a version follows the remote; what serves here is nobody else's to move.
                let follows = name.shape() != Shape::Single;
                let left = if follows {
                    Left { name: name.clone(), why: Why::Overruled }
                } else {
                    Left::by_both(view, name.clone())
                };
                if name.as_draft().is_some() && matches!(scope.drafts, Drafts::Named(_)) {
                    return Err(SyncError::both_moved(operation.agent(), &self.remote, left));
                }
                synced.left.push(left);
                if !follows {
                    continue;
                }
            }
            operation.write(name.clone(), view.their(&name).cloned(), Vec::new())?;
        }
        Ok(synced)
    }

    /// Has an agent that is made here under another handle say so.
    pub(super) fn take_renamed(
        &self,
        operation: &mut Operation<'_>,
        view: &View,
        scope: &Scope,
    ) -> Result<(), SyncError> {
        let (Some(handle), false) = (&scope.rename, self.dry_run) else { return Ok(()) };
        let Some(id) = view.their(&RefName::meta()).and_then(Target::id) else { return Ok(()) };
        if let Some(meta) = self.agents.meta_renamed(&self.payload(operation, &id)?, handle)? {
            let id = operation.put(meta);
            operation.write(RefName::meta(), Some(Target::Id(id)), Vec::new())?;
        }
        Ok(())
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
        view.their(name).is_none_or(|to| to.id().is_some_and(|id| view.their_place(&id).is_some()))
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
        let mut numbered: HashSet<ObjectId> = own.iter().copied().collect();
        let touched: HashMap<ObjectId, &Vec<BlockName>> =
            news.versions.iter().rev().map(|(id, blocks)| (*id, blocks)).collect();
        for id in &theirs[own.len()..] {
            if !numbered.insert(*id) {
                let reason = format!("it gives version '{}' two numbers", id.short());
                return Err(SyncError::Malformed { agent, reason });
            }
            let blocks = touched.get(id).map_or_else(Vec::new, |blocks| (*blocks).clone());
            operation.write(RefName::versions(), Some(Target::Id(*id)), blocks)?;
        }
        let list = RefName::versions().at_remote(&self.remote).map(Target::Ref);
        if view.follows_anew() && operation.current(&RefName::upstream())? != list {
            operation.write(RefName::upstream(), list, Vec::new())?;
        }
        let waiting = view.provisional();
        let arrived = waiting.iter().take_while(|id| view.their_place(id).is_some()).count();
        if let Some(last) = arrived.checked_sub(1) {
            operation.write(RefName::pushed(), Some(Target::Id(waiting[last])), Vec::new())?;
        }
        let number = |at: usize, provisional| Number { position: at as u64 + 1, provisional };
        let renumbered = waiting.iter().enumerate().map(|(at, id)| {
            let after = match view.their_place(id) {
                Some(place) if at < arrived => number(place, false),
                _ => number(theirs.len() + at - arrived, true),
            };
            Renumbered { id: *id, before: number(own.len() + at, true), after }
        });
        Ok(renumbered.filter(|one| one.before != one.after).collect())
    }
}
