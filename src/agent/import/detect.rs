//! Which profile block files were made for, when nobody says.

use std::sync::Arc;

use crate::object::{Blocks, EntryKind};
use crate::profile::Profile;

use crate::agent::{AgentError, Agents};

/// The profile for what belongs to no platform in particular.
pub(super) const GENERIC: &str = "generic";
/// Fewest blocks by which a platform is recognised: one alone may be a coincidence.
const BLOCKS_MIN: usize = 2;

impl Agents {
    /// The one built-in profile that has every one of these blocks; `generic` when there is none, or
    /// when several do.
    ///
    /// # Errors
    /// When a profile cannot be read.
    pub fn profile_for_blocks(&self, blocks: &Blocks) -> Result<Arc<Profile>, AgentError> {
        let has = |profile: &Profile, name: &str, kind: &EntryKind| {
            profile.blocks().iter().any(|spec| spec.name.as_str() == name && spec.kind == *kind)
        };
        let fits = |profile: &Profile| {
            let mut wanted = blocks.iter();
            blocks.len() >= BLOCKS_MIN
                && wanted.all(|(name, content)| has(profile, name.as_str(), &content.kind()))
        };
        let names = Profile::builtin_names().iter().filter(|name| **name != GENERIC);
        let mut fitting = names.filter(|name| Profile::builtin(name).is_some_and(fits));
        match (fitting.next(), fitting.next()) {
            (Some(name), None) => self.profile_named(name),
            _ => self.profile_named(GENERIC),
        }
    }
}
