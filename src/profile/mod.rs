//! Profiles: which blocks a config has, which field lives in which block, what each field may
//! hold, and how the vendor's documents, patches and paths are read. A profile is data; this module
//! acts on it. Knows nothing of files, of HTTP or of what an agent is.

mod aliases;
mod builtin;
mod coherence;
mod edit;
mod explain;
mod guess;
mod import;
mod merging;
mod parse;
mod patch;
mod problem;
mod rules;
mod schema;
mod shape;
mod split;
mod validate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::diff::path::{ListKeys, Path};
use crate::encoding::{canonical, json};
use crate::error::{Classify, Kind};
use crate::merge::Policies;
use crate::object::{BlockName, Blocks, Kind as ObjectKind, Object, ObjectId};

pub use edit::Input;
pub use import::Imported;
pub use problem::Problem;
pub use shape::{BlockSpec, DraftPolicy, Field};

use schema::Schema;
use shape::{Shape, Unknown};

/// A profile. One that is part of the build is read when more than its name and id is asked for, and
/// schemas are compiled when something is validated: opening a store pays for neither.
pub struct Profile {
    id: ObjectId,
    content: OnceLock<Content>,
    /// The file to read the content from, for a profile that is part of the build.
    file: &'static [u8],
    schema: OnceLock<Schema>,
}

/// What a profile file says.
struct Content {
    /// As canonical JSON, once somebody asks for it.
    canonical: OnceLock<Vec<u8>>,
    shape: Shape,
}

impl Content {
    fn read(bytes: &[u8]) -> Result<Self, ProfileError> {
        let shape = parse::shape(&value_of(bytes)?).map_err(|problems| ProfileError::Invalid { problems })?;
        Ok(Self { canonical: OnceLock::new(), shape })
    }
}

fn value_of(bytes: &[u8]) -> Result<Value, ProfileError> {
    json::parse(bytes).map_err(|error| ProfileError::Malformed { reason: error.to_string() })
}

/// A profile file is wrong, or blocks do not fit a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The profile file is no JSON.
    #[error("the profile is malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The profile file breaks the rules of its format.
    #[error("the profile has {}", listed(problems))]
    Invalid {
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A block does not fit the profile.
    #[error("block '{block}' does not fit its profile: {reason}")]
    Block {
        /// The block's name.
        block: String,
        /// Why it does not fit.
        reason: String,
    },
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let noun = if lines.len() == 1 { "a problem" } else { "problems" };
    format!("{noun}: {}", lines.join("; "))
}

impl Classify for ProfileError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

impl Profile {
    /// The profile of that name that is part of this build.
    pub fn builtin(name: &str) -> Option<&'static Self> {
        builtin::named(name)
    }

    /// The profile with that id, when it is part of this build.
    pub fn builtin_by_id(id: ObjectId) -> Option<&'static Arc<Self>> {
        builtin::with_id(id)
    }

    /// The names of the profiles that are part of this build.
    pub fn builtin_names() -> &'static [&'static str] {
        &builtin::NAMES
    }

    /// The profile of this build that a document was most likely written for: the one that knows most
    /// of its fields, or `generic`.
    pub fn guess(document: &Value) -> &'static Self {
        guess::guess(document)
    }

    /// Reads a profile file (`docs/concepts/profiles.md`), and checks it completely: its schemas
    /// compile and its defaults are valid.
    ///
    /// # Errors
    /// `Malformed` when it is no JSON, `Invalid` with everything else that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProfileError> {
        let profile = Self::from_stored(bytes)?;
        let problems = validate::check_profile(&profile);
        if problems.is_empty() { Ok(profile) } else { Err(ProfileError::Invalid { problems }) }
    }

    /// Reads a profile that was checked when it was stored: as [`Profile::parse`], without compiling
    /// schemas.
    ///
    /// # Errors
    /// As [`Profile::parse`].
    pub fn from_stored(bytes: &[u8]) -> Result<Self, ProfileError> {
        let value = value_of(bytes)?;
        let shape = parse::shape(&value).map_err(|problems| ProfileError::Invalid { problems })?;
        let object = Object { kind: ObjectKind::Block, payload: canonical::to_vec(&value) };
        let id = object.id();
        let content = Content { canonical: OnceLock::from(object.payload), shape };
        Ok(Self { id, content: OnceLock::from(content), file: &[], schema: OnceLock::new() })
    }

    fn content(&self) -> &Content {
        let read = || Content::read(self.file).expect("a test reads every profile of the build");
        self.content.get_or_init(read)
    }

    fn shape(&self) -> &Shape {
        &self.content().shape
    }

    /// The id of the block that stores this profile.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// The profile as canonical JSON: the payload of the block that stores it.
    pub fn bytes(&self) -> &[u8] {
        let whole =
            || canonical::to_vec(&value_of(self.file).expect("a test reads every profile of the build"));
        self.content().canonical.get_or_init(whole)
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        &self.shape().name
    }

    /// The profile's name for people.
    pub fn title(&self) -> &str {
        &self.shape().title
    }

    /// What becomes of a draft when it is published.
    pub fn draft_policy(&self) -> DraftPolicy {
        self.shape().draft_policy
    }

    /// The blocks that a config may have, in order; none when any block is accepted.
    pub fn blocks(&self) -> &[BlockSpec] {
        &self.shape().blocks
    }

    /// The fields, each with its one block, in order.
    pub fn fields(&self) -> &[Field] {
        &self.shape().fields
    }

    /// The keys by which lists are matched.
    pub fn list_keys(&self) -> &ListKeys {
        &self.shape().list_keys
    }

    /// The keys by which lists are matched, block by block: what [`crate::merge::config`] needs.
    pub fn merge_policies(&self) -> Policies {
        merging::policies(self.shape())
    }

    /// The path in the config of a place in a block, such as that of a conflict; none for the root of a
    /// block that holds several fields, and for a block that the profile does not know.
    pub fn config_path(&self, block: &BlockName, path: &Path) -> Option<Path> {
        merging::config_path(self.shape(), block, path)
    }

    /// The block that holds the value at a path; none when there is no such field, or when several
    /// blocks hold parts of it.
    pub fn block_of(&self, path: &Path) -> Option<BlockName> {
        aliases::block_of(self.shape(), path)
    }

    /// A path under the API's names for one that may begin with an alias (`tools[x]` for
    /// `singlePromptConfig.tools[x]`).
    #[must_use]
    pub fn resolve_path(&self, path: &Path) -> Path {
        aliases::resolve(self.shape(), path)
    }

    /// The shortest form of a path, for people: the reverse of [`Profile::resolve_path`].
    #[must_use]
    pub fn short_path(&self, path: &Path) -> Path {
        aliases::shorten(self.shape(), path)
    }

    /// Everything that is wrong with a config.
    pub fn validate(&self, config: &Value) -> Vec<Problem> {
        validate::validate(self, config)
    }

    /// Puts the fields of a config (under the API's names) into their blocks. Judges no values beyond
    /// what placing them needs.
    ///
    /// # Errors
    /// Every field that has no block, and every text block's field that is not text.
    pub fn split(&self, config: &Value) -> Result<Blocks, Vec<Problem>> {
        split::split(self.shape(), config)
    }

    /// Puts blocks together to a config under the API's names. [`Profile::split`] undoes it, save
    /// that a block without fields is no block.
    ///
    /// # Errors
    /// `Block` when a block is unknown, has the wrong kind or holds a field that is not its own.
    pub fn join(&self, blocks: &Blocks) -> Result<Value, ProfileError> {
        split::join(self.shape(), blocks)
    }

    /// Puts blocks together to the vendor's resolved shape: the config, and beside its fields the
    /// names that only this shape uses.
    ///
    /// # Errors
    /// As [`Profile::join`].
    pub fn resolved(&self, blocks: &Blocks) -> Result<Value, ProfileError> {
        Ok(split::resolved(self.shape(), self.join(blocks)?))
    }

    /// Applies a patch by the vendor's rule: top-level fields replace, some merge by one level, and
    /// where the profile says so `null` removes.
    ///
    /// # Errors
    /// Every problem that the result has and the present config has not; the patch's own problems.
    pub fn patch(&self, current: &Value, patch: &Value) -> Result<Value, Vec<Problem>> {
        patch::patch(self, current, patch)
    }

    /// Sets the value at a path, which may begin with an alias.
    ///
    /// # Errors
    /// Why the input or the path does not fit, or every problem that the result has and the present
    /// config has not.
    pub fn set(&self, config: &Value, path: &Path, input: Input) -> Result<Value, Vec<Problem>> {
        edit::set(self, config, path, input)
    }

    /// Removes the value at a path, which may begin with an alias.
    ///
    /// # Errors
    /// When there is no such value, or every problem that the result has and the present config has
    /// not.
    pub fn unset(&self, config: &Value, path: &Path) -> Result<Value, Vec<Problem>> {
        edit::unset(self, config, path)
    }

    /// The config of a new agent of which nothing but the name is known.
    pub fn defaults(&self) -> &Value {
        &self.shape().defaults
    }

    /// The names of the agent's fields that are not part of its config and have no versions.
    pub fn metadata_fields(&self) -> &[String] {
        &self.shape().metadata
    }

    /// The config field that holds the agent's title, where it is one.
    pub fn title_field(&self) -> Option<&str> {
        self.shape().title_field.as_deref()
    }

    /// Whether the title is a config field and so is restored with a version.
    pub fn title_is_config(&self) -> bool {
        self.shape().title_field.is_some()
    }

    /// Whether a config may have this top-level key.
    pub fn recognises(&self, key: &str) -> bool {
        let known = self.shape().index.contains_key(key);
        match &self.shape().unknown {
            Unknown::Refuse => known,
            Unknown::Keep(_) => known || !self.shape().metadata.iter().any(|name| name == key),
            Unknown::OwnBlock => key.parse::<BlockName>().is_ok(),
        }
    }

    /// Reads a document as it stands: an answer of the vendor's API, or a plain config with or without
    /// the agent's metadata. The config is not validated.
    ///
    /// # Errors
    /// When the document holds no config.
    pub fn unwrap_document(&self, document: &Value) -> Result<Imported, Vec<Problem>> {
        import::unwrap(self.shape(), self.schema(), document)
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::of(self.shape(), !self.file.is_empty()))
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Profile {}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({})", self.id.short())
    }
}
