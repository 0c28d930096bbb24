//! Several small packs of an agent become one.

use std::collections::HashMap;

use crate::backend::BackendError;
use crate::object::{Kind, Object, ObjectId, Tree};

use super::contents::Contents;
use super::state::PackRef;

/// Puts packs, oldest first, together into one with a name of its own.
pub(super) async fn merge(packs: &[PackRef], contents: &Contents) -> Result<PackRef, BackendError> {
    let mut objects: Vec<(ObjectId, Object)> = Vec::new();
    for pack in packs {
        let open = contents.pack(pack).await?;
        for packed in open.iter() {
            let packed = packed.map_err(|error| BackendError::corrupt(pack.path(), error.to_string()))?;
            objects.push((packed.id, Object::clone(&packed.object)));
        }
    }
    let hints = hints(&objects);
    // Newest first, as in every pack of a history: what is read most is then read quickest.
    let steps = objects.iter().rev().map(|(id, object)| (object, hints.get(id).copied()));
    contents.put_objects(steps).await
}

/// What each object resembles that stands behind it, oldest first: the next tree, the next block of its name.
fn hints(objects: &[(ObjectId, Object)]) -> HashMap<ObjectId, ObjectId> {
    let mut hints = HashMap::new();
    let mut last: HashMap<(Kind, String), ObjectId> = HashMap::new();
    let mut next = |kind: Kind, name: &str, id: ObjectId| {
        if let Some(before) = last.insert((kind, name.to_owned()), id)
            && before != id
        {
            hints.entry(before).or_insert(id);
        }
    };
    for (id, object) in objects {
        match object.kind {
            Kind::Block => {}
            kind => next(kind, "", *id),
        }
        if object.kind == Kind::Tree
            && let Ok(tree) = Tree::from_payload(&object.payload)
        {
            for entry in tree.entries() {
                next(Kind::Block, entry.name.as_str(), entry.id);
            }
        }
    }
    hints
}
