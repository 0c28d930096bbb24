//! Paths under the API's names, their short forms, and the blocks that they lead into.

use crate::diff::path::{Path, Step};
use crate::object::BlockName;

use super::shape::{Shape, Unknown};

/// A path under the API's names for one that may begin with an alias.
pub(super) fn resolve(shape: &Shape, path: &Path) -> Path {
    let Some((Step::Field(first), rest)) = path.steps().split_first() else { return path.clone() };
    let field = shape.fields.iter().find(|field| field.alias.as_deref() == Some(first));
    match field {
        Some(field) => Path::from([field.path.steps(), rest].concat()),
        None => path.clone(),
    }
}

/// The path with an alias in the place of the field that has one.
pub(super) fn shorten(shape: &Shape, path: &Path) -> Path {
    let field = shape.fields.iter().find(|field| field.alias.is_some() && field.path.is_prefix_of(path));
    let Some((field, alias)) = field.and_then(|field| Some((field, field.alias.as_ref()?))) else {
        return path.clone();
    };
    let rest = &path.steps()[field.path.steps().len()..];
    Path::from([&[Step::Field(alias.clone())], rest].concat())
}

/// The block that holds the value at a path.
pub(super) fn block_of(shape: &Shape, path: &Path) -> Option<BlockName> {
    let path = resolve(shape, path);
    let Some(Step::Field(first)) = path.steps().first() else { return None };
    if let Some(field) = shape.fields.iter().find(|field| field.path.is_prefix_of(&path)) {
        return Some(field.block.clone());
    }
    let mut inside = shape.fields.iter().filter(|field| path.is_prefix_of(&field.path));
    if let Some(field) = inside.next() {
        return inside.all(|other| other.block == field.block).then(|| field.block.clone());
    }
    if shape.index.contains_key(first) || shape.metadata.contains(first) {
        return None;
    }
    match &shape.unknown {
        Unknown::Refuse => None,
        Unknown::Keep(block) => Some(block.clone()),
        Unknown::OwnBlock => first.parse().ok(),
    }
}
