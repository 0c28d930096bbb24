//! Objects: verified, kept while there is room, and brought together with those that are looked at next.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::backend::{BackendError, Staged};
use crate::log::RefState;
use crate::object::{Kind, Object, ObjectId};
use crate::refs::{RefName, Shape, Target};
use crate::sync::wire::store::{OBJECTS_MAX, OBJECTS_MAX_BYTES, ObjectsAsk};
use crate::sync::wire::{self, StagedShape, Text};

use super::HttpBackend;
use super::error::far;
use super::state::{Found, State};

/// What is kept, in bytes.
const KEPT_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Largest object, with those that come along, in bytes.
const ANSWER_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// Commits before one that is looked at.
const COMMITS_AHEAD: usize = 64;
/// Drafts that are brought along.
const DRAFTS_AHEAD: usize = 16;
/// Objects that are brought along without what they lead to.
const TARGETS_AHEAD: usize = 512;
/// Versions on each side of one that are brought along, with what is said of them.
const VERSIONS_AHEAD: usize = 64;
/// Commits that the server is told are here.
const HAVES_MAX: usize = 8;
/// Objects that are staged in one request, in bytes.
const STAGE_BYTES: usize = 32 * 1024 * 1024;

/// Objects that came.
#[derive(Debug, Default)]
pub(super) struct Objects {
    kept: HashMap<ObjectId, Object>,
    size_bytes: usize,
    /// Commits that came with what they lead to, the newest first.
    haves: VecDeque<ObjectId>,
}

impl Objects {
    fn keep(&mut self, id: ObjectId, object: Object) {
        if self.size_bytes + object.payload.len() > KEPT_MAX_BYTES {
            *self = Self::default();
        }
        let size_bytes = object.payload.len();
        if self.kept.insert(id, object).is_none() {
            self.size_bytes += size_bytes;
        }
    }
}

/// What is looked at next, when something of this agent is looked at: with what they lead to what serves and
/// drafts; alone, metadata, what is said of these and of versions near, those versions themselves, and what
/// else refs of the same kind lead to.
fn ahead(state: &State, id: &ObjectId) -> (Vec<ObjectId>, Vec<ObjectId>) {
    let target = |state: &RefState| state.target.as_ref().and_then(Target::id);
    let refs = state.refs_told();
    let namespace = refs.iter().find(|(_, state)| target(state) == Some(*id));
    let namespace = namespace.and_then(|(name, _)| name.split().0);
    let is_near = |name: &RefName| *name == RefName::active() || name.as_draft().is_some();
    let near = refs.iter().filter(|(name, _)| is_near(name)).filter_map(|(_, state)| target(state));
    let whole: Vec<ObjectId> = near.take(DRAFTS_AHEAD).collect();
    let versions = state.versions_near(id, VERSIONS_AHEAD);
    let mut alone = if versions.contains(id) { versions.clone() } else { Vec::new() };
    for (name, state) in refs {
        let (of, about) = name.split();
        let about = if name.shape() == Shape::Attribute { about.parse().ok() } else { None };
        let said_of = about.is_some_and(|about| whole.contains(&about) || versions.contains(&about));
        let is_kin = about.is_some() && of == namespace;
        if said_of || is_kin || (of.is_none() && !is_near(name)) {
            alone.extend(target(state));
        }
    }
    alone.truncate(TARGETS_AHEAD);
    (whole, alone)
}

impl HttpBackend {
    fn kept(&self, id: &ObjectId) -> Option<Object> {
        self.known().objects.kept.get(id).cloned()
    }

    /// Keeps objects that were brought.
    pub(super) fn keep_all(&self, objects: &[Object]) {
        let mut known = self.known();
        for object in objects {
            known.objects.keep(object.id(), object.clone());
        }
    }

    pub(super) fn one_object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        if let Some(object) = self.kept(id) {
            return Ok(Some(object));
        }
        let (mut ids, mut alone) = (vec![Text(*id)], Vec::new());
        let haves = {
            let known = self.known();
            let states = known.states.values().filter_map(|(_, found)| match found {
                Found::Agent(state) => Some(state),
                Found::Elsewhere(_) => None,
            });
            let mut asked = HashSet::from([*id]);
            let mut is_new = |id: &ObjectId| !known.objects.kept.contains_key(id) && asked.insert(*id);
            for (whole, more) in states.map(|state| ahead(state, id)) {
                ids.extend(whole.into_iter().filter(&mut is_new).map(Text));
                alone.extend(more.into_iter().filter(&mut is_new).map(Text));
            }
            known.objects.haves.iter().copied().map(Text).collect()
        };
        ids.truncate(OBJECTS_MAX);
        alone.truncate(OBJECTS_MAX);
        let ask = ObjectsAsk { ids, alone, haves, before: COMMITS_AHEAD };
        let read = |source: &mut dyn std::io::BufRead| wire::read_objects(source, ANSWER_MAX_BYTES);
        let objects = self.ask_items("objects", &ask, read)?;
        let mut known = self.known();
        let mut found = None;
        for object in objects {
            // Whatever the server calls it, an object is what its content says.
            let its_id = object.id();
            if its_id == *id {
                found = Some(object.clone());
                if object.kind == Kind::Commit {
                    known.objects.haves.push_front(*id);
                    known.objects.haves.truncate(HAVES_MAX);
                }
            }
            known.objects.keep(its_id, object);
        }
        Ok(found)
    }

    pub(super) fn bring(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        let mut staged = Staged::default();
        let mut rest = objects;
        loop {
            let mut size_bytes = 0;
            let fits = |object: &&Object| {
                size_bytes += object.payload.len();
                size_bytes <= STAGE_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
            let (batch, others) = rest.split_at(count);
            let body = self.compressed(|sink| wire::write_objects(sink, batch))?;
            let answer = self.client.bring("stage", body).map_err(|lost| far(lost.into()))?;
            staged.extend(answer.json::<StagedShape>().map_err(far)?.into());
            rest = others;
            if rest.is_empty() {
                return Ok(staged);
            }
        }
    }
}

/// What an answer has at most is more than what comes along.
const _: () = assert!(ANSWER_MAX_BYTES > 2 * OBJECTS_MAX_BYTES as u64);
