//! The objects of pushes on their way: few with the requests, many ahead of them, as packs.

use std::collections::HashSet;
use std::sync::Arc;

use crate::backend::Staged;
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, Target};
use crate::repo::RepoError;

use super::super::SyncError;
use super::super::closure::{self, Item, Known};
use super::super::parcel::{self, Few, Parcel};
use super::super::progress::Metered;
use super::Link;
use super::push::Planned;

/// Objects that are put into one pack and sent ahead: what arrived of a push that was cut off is not sent
/// again, in whole packs.
const PACK_OBJECTS: usize = 8192;
/// Their payloads together, in bytes.
const PACK_BYTES: usize = 16 * 1024 * 1024;

/// What was sent ahead, also by an earlier try: it is there, and not sent again.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// What the requests rely on; none when nothing was sent ahead.
    pub(super) staged: Option<Staged>,
    ids: HashSet<ObjectId>,
}

impl Link<'_> {
    /// The objects that the pushes need and the remote lacks: many go ahead of the requests, few are given
    /// back, to go with each.
    ///
    /// # Errors
    /// When the remote did not answer; what is missing here of an agent is given to `lost` with its place.
    pub(super) fn send(
        &self,
        planned: &[Planned<'_>],
        ahead: &mut Ahead,
        lost: &mut dyn FnMut(usize, SyncError),
    ) -> Result<Vec<Vec<Object>>, SyncError> {
        let mut few: Vec<Vec<Item>> = Vec::new();
        let mut count = Few::default();
        let mut is_many = false;
        let mut batch = Batch::default();
        for (place, one) in planned.iter().enumerate() {
            let (mut items, mut broke) = (Vec::new(), None);
            let walked = self.walk(one, &mut |item| {
                if ahead.ids.contains(&item.id) {
                    return Ok(());
                }
                if is_many {
                    batch.extend(one, vec![item]);
                } else {
                    count.push(item.clone());
                    items.push(item);
                    if count.is_many() {
                        // Too many after all: what was gathered goes ahead like the rest.
                        is_many = true;
                        for (one, items) in
                            planned.iter().zip(few.drain(..).chain([std::mem::take(&mut items)]))
                        {
                            batch.extend(one, items);
                        }
                        count = Few::default();
                    }
                }
                if !is_many || !batch.is_full() {
                    return Ok(());
                }
                self.send_ahead(std::mem::take(&mut batch), ahead).map_err(|error| {
                    let told = error.to_string();
                    broke = Some(error);
                    SyncError::Stopped(told)
                })
            });
            if let Some(error) = broke {
                return Err(error);
            }
            match walked {
                Ok(()) => {}
                Err(SyncError::Incomplete(id)) => {
                    lost(place, RepoError::Missing { kind: "object", id }.into());
                }
                Err(error) => lost(place, error),
            }
            few.push(items);
        }
        self.send_ahead(batch, ahead)?;
        if is_many {
            return Ok(vec![Vec::new(); planned.len()]);
        }
        let object = |item: Item| Object::clone(&item.object);
        Ok(few.into_iter().map(|items| items.into_iter().map(object).collect()).collect())
    }

    /// Every object that a push needs.
    fn walk(
        &self,
        one: &Planned<'_>,
        visit: &mut dyn FnMut(Item) -> Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        let repo = self.agents.repo();
        let own = |id: &ObjectId| one.plan.objects.iter().find(|object| object.id() == *id);
        let lookup = |id: &ObjectId| match own(id) {
            Some(object) => Ok(Some(Arc::new(object.clone()))),
            None => Ok(repo.object(id)?),
        };
        let known = Known::only(one.view.their_versions.iter().copied().collect());
        let targets = one.plan.changes.iter().filter_map(|change| change.to.as_ref().and_then(Target::id));
        let mut wants: Vec<ObjectId> = Vec::new();
        for id in targets {
            if !known.contains(&id)? {
                wants.push(id);
            }
        }
        wants.extend(self.profile_of_plan(&one.plan)?);
        closure::walk(&lookup, &wants, &known, visit)
    }

    /// Those of a batch that the remote lacks. Of the agents that it has, what they need beyond the versions
    /// there is hardly ever there: that is asked only where a push is large, and may have been cut off before.
    fn lacking(&self, mut batch: Batch) -> Result<Vec<OfAgent>, SyncError> {
        if batch.is_full() || batch.has_new {
            let ids = |items: &[Item]| items.iter().map(|item| item.id).collect();
            let asks: Vec<(Handle, Vec<ObjectId>)> =
                batch.items.iter().map(|of| (of.handle.clone(), ids(&of.items))).collect();
            let lacking = self.transport.lacks(&asks)?;
            let lacking: HashSet<ObjectId> = lacking.into_iter().flatten().collect();
            for of in &mut batch.items {
                of.items.retain(|item| lacking.contains(&item.id));
            }
        }
        batch.items.retain(|of| !of.items.is_empty());
        Ok(batch.items)
    }

    /// Sends a pack of those that the remote lacks.
    fn send_ahead(&self, batch: Batch, ahead: &mut Ahead) -> Result<(), SyncError> {
        if batch.items.is_empty() {
            return Ok(());
        }
        ahead.staged.get_or_insert_default();
        let items = self.lacking(batch)?;
        if items.is_empty() {
            return Ok(());
        }
        let staged = match self.stage(&items, self.transport.is_far()) {
            // What it should build on is damaged there, or gone: then everything is sent whole.
            Err(error) if self.transport.is_far() && error.is_damage() => self.stage(&items, false),
            other => other,
        }?;
        self.progress.objects(items.iter().map(|of| of.items.len() as u64).sum());
        ahead.staged.get_or_insert_default().extend(staged);
        ahead.ids.extend(items.iter().flat_map(|of| &of.items).map(|item| item.id));
        Ok(())
    }

    /// Sends objects as one pack; a thin one builds on the newest version of each agent that the remote has.
    fn stage(&self, items: &[OfAgent], thin: bool) -> Result<Staged, SyncError> {
        let repo = self.agents.repo();
        let lookup = |id: &ObjectId| Ok(repo.object(id)?);
        let write = |sink: &mut dyn std::io::Write| {
            let mut parcel =
                if thin { Parcel::thin(sink, Box::new(lookup))? } else { Parcel::standing(sink)? };
            for of in items {
                if let Some(newest) = of.newest.filter(|_| thin) {
                    for (role, id) in closure::roles(&lookup, &newest)? {
                        parcel.receiver_has(role, id);
                    }
                }
                of.items.iter().try_for_each(|item| parcel.add(item))?;
            }
            parcel.finish()
        };
        parcel::piped(write, |source| self.transport.stage(&mut Metered::new(source, self.progress)))
    }
}

/// Objects of one agent that go ahead.
struct OfAgent {
    handle: Handle,
    /// The newest version that the remote has.
    newest: Option<ObjectId>,
    items: Vec<Item>,
}

/// Objects that go ahead in one pack.
#[derive(Default)]
struct Batch {
    items: Vec<OfAgent>,
    count: usize,
    size_bytes: usize,
    /// Whether some are of agents that the remote does not have.
    has_new: bool,
}

impl Batch {
    fn extend(&mut self, of: &Planned<'_>, items: Vec<Item>) {
        let handle = of.handle();
        self.has_new |= of.is_new();
        self.count += items.len();
        self.size_bytes += items.iter().map(|item| item.object.payload.len()).sum::<usize>();
        match self.items.last_mut() {
            Some(last) if last.handle == handle => last.items.extend(items),
            _ => {
                let newest = of.view.their_versions.last().copied();
                self.items.push(OfAgent { handle, newest, items });
            }
        }
    }

    fn is_full(&self) -> bool {
        self.count >= PACK_OBJECTS || self.size_bytes >= PACK_BYTES
    }
}
