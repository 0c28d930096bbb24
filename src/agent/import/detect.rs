//! Which profile a document was made for, when nobody says.

use std::sync::Arc;

use serde_json::Value;

use crate::object::{Blocks, EntryKind};
use crate::profile::Profile;

use crate::agent::{AgentError, Agents};

/// The profile for what belongs to no platform in particular.
pub(super) const GENERIC: &str = "generic";
/// Fewest fields by which a platform is recognised: one alone may be a coincidence.
const FIELDS_MIN: usize = 2;

impl Agents {
    /// The one built-in profile that names every field of a document's config; `generic` when there
    /// is none, or when several do. Whether the values are valid plays no part: a mistake in a config
    /// must not make it one of another platform.
    ///
    /// # Errors
    /// When a profile cannot be read.
    pub fn profile_for(&self, document: &Value) -> Result<Arc<Profile>, AgentError> {
        self.the_one(|profile| {
            let Ok(imported) = profile.unwrap_document(document) else { return false };
            let Value::Object(config) = &imported.config else { return false };
            let named = |key: &String| {
                let starts =
                    |field: &crate::profile::Field| field.path.to_string().split('.').next() == Some(key);
                profile.fields().iter().any(starts)
            };
            config.len() >= FIELDS_MIN && config.keys().all(named)
        })
    }

    /// The one built-in profile that has every one of these blocks; `generic` when there is none, or
    /// when several do.
    ///
    /// # Errors
    /// When a profile cannot be read.
    pub fn profile_for_blocks(&self, blocks: &Blocks) -> Result<Arc<Profile>, AgentError> {
        self.the_one(|profile| {
            let fits = |name: &str, kind: &EntryKind| {
                profile.blocks().iter().any(|spec| spec.name.as_str() == name && spec.kind == *kind)
            };
            blocks.len() >= FIELDS_MIN
                && blocks.iter().all(|(name, content)| fits(name.as_str(), &content.kind()))
        })
    }

    fn the_one(&self, fits: impl Fn(&Profile) -> bool) -> Result<Arc<Profile>, AgentError> {
        let names = Profile::builtin_names().iter().filter(|name| **name != GENERIC);
        let mut fitting = names.filter(|name| Profile::builtin(name).is_some_and(&fits));
        match (fitting.next(), fitting.next()) {
            (Some(name), None) => self.profile_named(name),
            _ => self.profile_named(GENERIC),
        }
    }
}
