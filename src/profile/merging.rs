//! What a merge needs to know of a profile: the keys of the lists in each block; and the way back from
//! a place in a block to the config's path. Merges nothing itself.

use crate::diff::path::{ListKeys, Path, Step};
use crate::merge::Policies;
use crate::object::BlockName;

use super::shape::{Shape, Unknown};

/// The keys of the lists in every block that has such lists.
pub(super) fn policies(shape: &Shape) -> Policies {
    let at_root = |name: &str| Path::root().field(name);
    let mut nested: Vec<(&BlockName, &str, Path)> =
        shape.fields.iter().map(|field| (&field.block, field.key(), field.path.clone())).collect();
    let mut policies = Policies::new();
    for name in shape.list_keys.fields().filter(|name| !shape.index.contains_key(*name)) {
        match &shape.unknown {
            Unknown::Refuse => {}
            Unknown::Keep(block) => nested.push((block, name, at_root(name))),
            Unknown::OwnBlock => {
                policies
                    .extend(name.parse().ok().map(|block| (block, shape.list_keys.below(&at_root(name)))));
            }
        }
    }
    for (block, field, path) in nested {
        let keys = shape.list_keys.below(&path);
        if keys != ListKeys::new() {
            policies.entry(block.clone()).or_default().nest(field, keys);
        }
    }
    policies
}

/// The path in the config of a place in a block; none where it is in several places there: the root of
/// a block that holds several fields.
pub(super) fn config_path(shape: &Shape, block: &BlockName, path: &Path) -> Option<Path> {
    if shape.block(block.as_str()).is_none() {
        return (shape.unknown == Unknown::OwnBlock).then(|| Path::root().field(block.as_str()).join(path));
    }
    let Some((Step::Field(name), below)) = path.steps().split_first() else {
        let mut fields = shape.fields_of(block);
        let only = fields.next().filter(|_| fields.next().is_none())?;
        return Some(only.path.clone());
    };
    let field = shape.fields_of(block).find(|field| field.key() == name);
    let at = field.map_or_else(|| Path::root().field(name), |field| field.path.clone());
    Some(at.join(&Path::from(below.to_vec())))
}
