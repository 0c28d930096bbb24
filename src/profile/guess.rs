//! Which of the built-in profiles a document was written for, by the names of its fields.

use serde_json::Value;

use crate::diff::path::Step;

use super::{Profile, builtin};

/// The built-in profile that knows most of a document's fields, if it knows more than half of them;
/// else the one without a schema.
pub(super) fn guess(document: &Value) -> &'static Profile {
    let profiles = builtin::NAMES.iter().filter_map(|name| builtin::named(name));
    let mut best: (usize, Option<&'static Profile>) = (0, None);
    for profile in profiles.filter(|profile| !profile.fields().is_empty()) {
        let Some(known) = known(profile, document) else { continue };
        if known > best.0 {
            best = (known, Some(profile));
        }
    }
    best.1.or_else(|| builtin::named("generic")).expect("the generic profile is part of the build")
}

/// How many of a document's config fields a profile knows; `None` when it is not most of them.
fn known(profile: &Profile, document: &Value) -> Option<usize> {
    let imported = profile.unwrap_document(document).ok()?;
    let config = imported.config.as_object()?;
    let is_known = |key: &&String| {
        let firsts = profile.fields().iter().filter_map(|field| field.path.steps().first());
        firsts.into_iter().any(|step| matches!(step, Step::Field(name) if name == *key))
    };
    let known = config.keys().filter(is_known).count();
    (2 * known > config.len()).then_some(known)
}
