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
                    batch.extend(one.handle(), vec![item]);
                } else {
                    count.push(item.clone());
                    items.push(item);
                    if count.is_many() {
                        // Too many after all: what was gathered goes ahead like the rest.
                        is_many = true;
                        for (one, items) in
                            planned.iter().zip(few.drain(..).chain([std::mem::take(&mut items)]))
                        {
                            batch.extend(one.handle(), items);
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

    /// Sends a pack of those that the remote lacks.
    fn send_ahead(&self, batch: Batch, ahead: &mut Ahead) -> Result<(), SyncError> {
        if batch.items.is_empty() {
            return Ok(());
        }
        ahead.staged.get_or_insert_default();
        let asks: Vec<(Handle, Vec<ObjectId>)> = batch
            .items
            .iter()
            .map(|(handle, items)| (handle.clone(), items.iter().map(|item| item.id).collect()))
            .collect();
        let lacking = self.transport.lacks(&asks)?;
        let lacking: HashSet<ObjectId> = lacking.into_iter().flatten().collect();
        let items: Vec<Item> = batch
            .items
            .into_iter()
            .flat_map(|(_, items)| items)
            .filter(|item| lacking.contains(&item.id))
            .collect();
        if items.is_empty() {
            return Ok(());
        }
        let write = |sink: &mut dyn std::io::Write| {
            let mut parcel = Parcel::standing(sink)?;
            items.iter().try_for_each(|item| parcel.add(item))?;
            parcel.finish()
        };
        let progress = self.progress;
        let staged =
            parcel::piped(write, |source| self.transport.stage(&mut Metered::new(source, progress)))?;
        progress.objects(items.len() as u64);
        ahead.staged.get_or_insert_default().extend(staged);
        ahead.ids.extend(items.iter().map(|item| item.id));
        Ok(())
    }
}

/// Objects that go ahead in one pack.
#[derive(Default)]
struct Batch {
    items: Vec<(Handle, Vec<Item>)>,
    count: usize,
    size_bytes: usize,
}

impl Batch {
    fn extend(&mut self, handle: Handle, items: Vec<Item>) {
        self.count += items.len();
        self.size_bytes += items.iter().map(|item| item.object.payload.len()).sum::<usize>();
        match self.items.last_mut() {
            Some((last, known)) if *last == handle => known.extend(items),
            _ => self.items.push((handle, items)),
        }
    }

    fn is_full(&self) -> bool {
        self.count >= PACK_OBJECTS || self.size_bytes >= PACK_BYTES
    }
}
