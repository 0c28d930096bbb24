//! Which of the built-in profiles a document was written for, by the names of its fields.

use serde_json::Value;

use crate::diff::path::Step;

use super::{Profile, builtin};

/// Fewest fields that no other profile has by which one is recognised: a name alone may be a
/// coincidence.
const DISTINCTIVE_MIN: usize = 2;

/// The built-in profile that knows most of a document's fields, if it knows more than half of them and
/// some of them could hardly be another's; else the one without a schema.
pub(super) fn guess(document: &Value) -> &'static Profile {
    let profiles: Vec<&Profile> = builtin::NAMES.iter().filter_map(|name| builtin::named(name)).collect();
    let mut best: (usize, Option<&'static Profile>) = (0, None);
    for (at, profile) in profiles.iter().enumerate() {
        let others: Vec<&Profile> = [&profiles[..at], &profiles[at + 1..]].concat();
        let Some(known) = known(profile, &others, document) else { continue };
        if known > best.0 {
            best = (known, builtin::named(profile.name()));
        }
    }
    best.1.or_else(|| builtin::named("generic")).expect("the generic profile is part of the build")
}

/// How many of a document's config fields a profile knows; `None` when it is not most of them, or too
/// few are its own.
fn known(profile: &Profile, others: &[&Profile], document: &Value) -> Option<usize> {
    let imported = profile.unwrap_document(document).ok()?;
    let config = imported.config.as_object()?;
    let known: Vec<&String> = config.keys().filter(|key| knows(profile, key)).collect();
    let is_own = |key: &&&String| is_coined(key) && !others.iter().any(|other| knows(other, key));
    let own = known.iter().filter(is_own).count();
    (2 * known.len() > config.len() && own >= DISTINCTIVE_MIN).then_some(known.len())
}

fn knows(profile: &Profile, key: &str) -> bool {
    let mut firsts = profile.fields().iter().filter_map(|field| field.path.steps().first());
    firsts.any(|step| matches!(step, Step::Field(name) if name == key))
}

/// Whether a name is put together of several words, as a platform does it: `voice`, `model` or `tools`
/// may be anybody's.
fn is_coined(key: &str) -> bool {
    key.contains('_') || key.chars().any(char::is_uppercase)
}
