//! Every limit of the model, with its unit. Enforced on the way in and on the way out.

/// Largest block, in bytes of its canonical form.
pub const BLOCK_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Largest config document (all blocks of one agent together), in bytes.
pub const CONFIG_MAX_BYTES: usize = 32 * 1024 * 1024;

/// Largest tree or commit, in bytes.
pub const META_OBJECT_MAX_BYTES: usize = 1024 * 1024;

/// Deepest nesting of arrays and objects in a JSON document.
pub const JSON_MAX_DEPTH: usize = crate::encoding::json::DEFAULT_MAX_DEPTH;

/// Longest block name, in bytes.
pub const BLOCK_NAME_MAX_BYTES: usize = 100;

/// Most blocks in one tree.
pub const TREE_MAX_ENTRIES: usize = 1000;

/// Most parents of one commit.
pub const COMMIT_MAX_PARENTS: usize = 16;

/// Longest label of a version, in characters.
pub const LABEL_MAX_CHARS: usize = 200;

/// Longest description of a version, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 2000;

/// Longest name of an author, in characters.
pub const AUTHOR_MAX_CHARS: usize = 200;
