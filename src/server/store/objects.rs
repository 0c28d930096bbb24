//! Objects: those that are asked for, and those that who asks would ask for next; and objects that are brought.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use axum::response::Response;

use crate::object::{Commit, Kind, Object, ObjectId};
use crate::repo::Repo;
use crate::server::call::{Call, Shared, json};
use crate::server::problem::Problem;
use crate::sync::wire::store::{OBJECTS_MAX, OBJECTS_MAX_BYTES, ObjectsAsk};
use crate::sync::wire::{StagedShape, read_objects, write_objects};

use super::read::{at_most, items};

/// Commits before one that are given along, at most.
const BEFORE_MAX: usize = 256;
/// Commits that an asker has, of which it is looked at what they lead to.
const HAVES_MAX: usize = 8;

/// What goes into one answer.
struct Parcel<'a> {
    repo: &'a Repo,
    seen: HashSet<ObjectId>,
    objects: Vec<Arc<Object>>,
    left_bytes: usize,
}

impl Parcel<'_> {
    /// An object that came in, if it does; what cannot be read is left for who asks for it by itself.
    fn add(&mut self, id: ObjectId) -> Option<Arc<Object>> {
        if self.left_bytes == 0 || !self.seen.insert(id) {
            return None;
        }
        let object = self.repo.object(&id).ok().flatten()?;
        self.put(Arc::clone(&object)).then_some(object)
    }

    fn put(&mut self, object: Arc<Object>) -> bool {
        let first = self.objects.is_empty();
        let fits = first || object.payload.len() <= self.left_bytes;
        self.left_bytes = if fits { self.left_bytes.saturating_sub(object.payload.len()) } else { 0 };
        if fits {
            self.objects.push(object);
        }
        fits
    }

    /// What a commit leads to but its parents.
    fn below(&mut self, object: &Object) {
        let Some(commit) = decoded(object) else { return };
        self.add(commit.profile);
        self.add(commit.tree);
        if let Ok(tree) = self.repo.tree(&commit.tree) {
            for entry in tree.entries() {
                self.add(entry.id);
            }
        }
    }

    /// Commits before one, the nearest first, and nothing of what they lead to.
    fn before(&mut self, object: &Object, count: usize) {
        let mut open: VecDeque<ObjectId> =
            decoded(object).map(|commit| commit.parents.into()).unwrap_or_default();
        for _ in 0..count {
            let Some(id) = open.pop_front() else { return };
            let Some(object) = self.add(id) else { continue };
            open.extend(decoded(&object).map(|commit| commit.parents).unwrap_or_default());
        }
    }
}

fn decoded(object: &Object) -> Option<Commit> {
    (object.kind == Kind::Commit).then(|| Commit::from_payload(&object.payload).ok()).flatten()
}

/// The objects that are asked for, and what goes with them.
fn gathered(repo: &Repo, ask: &ObjectsAsk) -> Result<Vec<Arc<Object>>, Problem> {
    let mut parcel =
        Parcel { repo, seen: HashSet::new(), objects: Vec::new(), left_bytes: OBJECTS_MAX_BYTES };
    for have in ask.haves.iter().take(HAVES_MAX) {
        if let Some(object) = repo.object(&have.0).ok().flatten() {
            parcel.below(&object);
        }
    }
    // What the asker has is known now, and not sent.
    (parcel.objects, parcel.left_bytes) = (Vec::new(), OBJECTS_MAX_BYTES);
    let Some(first) = ask.ids.first() else { return Ok(Vec::new()) };
    // What cannot be read is told of the first, which is what was asked for.
    let Some(object) = repo.object(&first.0)? else { return Ok(Vec::new()) };
    parcel.seen.insert(first.0);
    parcel.put(Arc::clone(&object));
    parcel.below(&object);
    let mut others = Vec::new();
    for id in &ask.ids[1..] {
        others.extend(parcel.add(id.0));
    }
    for other in others {
        parcel.below(&other);
    }
    for id in &ask.alone {
        parcel.add(id.0);
    }
    parcel.before(&object, ask.before.min(BEFORE_MAX));
    Ok(parcel.objects)
}

pub(super) async fn objects(call: Call) -> Result<Response, Problem> {
    call.respond(|shared: &Shared, ask: ObjectsAsk| {
        at_most("objects", ask.ids.len().max(ask.alone.len()), OBJECTS_MAX)?;
        let objects = gathered(&shared.repo, &ask)?;
        items(|sink| write_objects(sink, objects.iter().map(Arc::as_ref)))
    })
    .await
}

pub(super) async fn stage(call: Call) -> Result<Response, Problem> {
    call.items(read_objects, |shared, headers, objects| {
        let staged = shared.repo.backend().stage(&objects)?;
        json(headers, &StagedShape::from(&staged))
    })
    .await
}
