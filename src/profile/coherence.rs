//! Whether a profile's parts fit each other: fields and blocks, aliases, defaults.

use crate::object::EntryKind;

use super::parse::doubled;
use super::problem::Problem;
use super::shape::{Field, Node, Shape, Unknown};

/// Adds a problem for everything in the profile that does not fit.
pub(super) fn check(shape: &Shape, problems: &mut Vec<Problem>) {
    blocks(shape, problems);
    fields(shape, problems);
    unknown_fields(shape, problems);
    for (at, container) in shape.containers.iter().enumerate() {
        let mut level = Some(&shape.index);
        for key in &container.keys {
            level = match level.and_then(|level| level.get(key)) {
                Some(Node::Inner(inner)) => Some(inner),
                _ => None,
            };
        }
        let pointer = format!("/containers/{at}/path");
        match level {
            None => problems.push(Problem::new(pointer, "is not the beginning of any field's path")),
            Some(level) => {
                for name in container.required.iter().filter(|name| !level.contains_key(*name)) {
                    let pointer = format!("/containers/{at}/required");
                    problems.push(Problem::new(pointer, format!("'{name}' is no field of it")));
                }
            }
        }
    }
    for (at, resolved) in shape.resolved.iter().enumerate() {
        let known = |from: &Vec<String>| shape.fields.iter().any(|field| from.starts_with(&field.keys));
        if !resolved.from.iter().all(known) {
            problems.push(Problem::new(format!("/resolved/{at}/from"), "names something that is no field"));
        }
    }
    for name in shape.patch.merge.iter().filter(|name| !shape.index.contains_key(*name)) {
        problems.push(Problem::new("/patch/merge", format!("'{name}' is no top-level field")));
    }
    for name in shape.metadata.iter().filter(|name| shape.index.contains_key(*name)) {
        problems.push(Problem::new("/metadata", format!("'{name}' is a field, so it is no metadata")));
    }
    if let Some(name) = shape.title_field.as_ref().filter(|name| !shape.index.contains_key(*name)) {
        problems.push(Problem::new("/title_field", format!("'{name}' is no top-level field")));
    }
}

fn blocks(shape: &Shape, problems: &mut Vec<Problem>) {
    for name in doubled(shape.blocks.iter().map(|spec| spec.name.as_str())) {
        problems.push(Problem::new("/blocks", format!("'{name}' is named twice")));
    }
    for (at, spec) in shape.blocks.iter().enumerate() {
        let fields: Vec<&Field> = shape.fields_of(&spec.name).collect();
        let pointer = format!("/blocks/{at}");
        let catches_all = shape.unknown == Unknown::Keep(spec.name.clone());
        if fields.is_empty() && !catches_all {
            problems.push(Problem::new(pointer.as_str(), format!("'{}' holds no field", spec.name)));
        }
        if spec.kind == EntryKind::Text && fields.len() != 1 {
            let message = format!("'{}' is text, so it holds exactly one field", spec.name);
            problems.push(Problem::new(pointer.as_str(), message));
        }
        for name in doubled(fields.iter().map(|field| field.key())) {
            let message = format!("'{}' would hold two fields named '{name}'", spec.name);
            problems.push(Problem::new(pointer.as_str(), message));
        }
    }
}

fn fields(shape: &Shape, problems: &mut Vec<Problem>) {
    for (at, field) in shape.fields.iter().enumerate() {
        match shape.block(field.block.as_str()) {
            None => {
                let message = format!("there is no block '{}'", field.block);
                problems.push(Problem::new(format!("/fields/{at}/block"), message));
            }
            Some(spec) if spec.kind == EntryKind::Text => {
                if field.schema.get("type").and_then(|kind| kind.as_str()) != Some("string") {
                    let message = format!("'{}' is a text block, so its field has type 'string'", spec.name);
                    problems.push(Problem::new(format!("/fields/{at}/schema"), message));
                }
            }
            Some(_) => {}
        }
        let alias = field.alias.as_ref();
        if let Some(alias) = alias.filter(|alias| shape.index.contains_key(*alias)) {
            let message = format!("'{alias}' is a field's own name, so it is no alias");
            problems.push(Problem::new(format!("/fields/{at}/alias"), message));
        }
    }
    for alias in doubled(shape.fields.iter().filter_map(|field| field.alias.as_deref())) {
        problems.push(Problem::new("/fields", format!("the alias '{alias}' is given twice")));
    }
}

fn unknown_fields(shape: &Shape, problems: &mut Vec<Problem>) {
    match &shape.unknown {
        Unknown::Refuse => {}
        Unknown::OwnBlock => {
            if !shape.blocks.is_empty() {
                let message = "fields become blocks of their own only in a profile that names no blocks";
                problems.push(Problem::new("/unknown_fields", message));
            }
        }
        Unknown::Keep(name) => {
            let fits = shape.block(name.as_str()).is_some_and(|spec| spec.kind == EntryKind::Json);
            if !fits || shape.fields_of(name).next().is_some() {
                let message = format!("'{name}' is not a JSON block without fields of its own");
                problems.push(Problem::new("/unknown_fields/block", message));
            }
        }
    }
}
