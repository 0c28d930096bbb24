//! What can be wrong with a path, by itself or in a given document.

use crate::error::{Classify, Kind};

use super::Path;

/// Most names listed in an error's text; the rest is counted.
const LISTED_MAX: usize = 8;

/// A path is malformed, or does not fit the document that it is followed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is no path.
    #[error("malformed path '{path}': at character {position}, {reason}")]
    Malformed {
        /// The text.
        path: String,
        /// Where it stops being a path, in characters from 1.
        position: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A field is asked of something that has no fields.
    #[error("no field '{field}' in '{at}', which is {found}")]
    NotAnObject {
        /// What has no fields.
        at: Path,
        /// The field asked for.
        field: String,
        /// What it is instead of an object.
        found: &'static str,
    },
    /// A list entry is asked of something that is no list.
    #[error("no entry '{entry}' in '{at}', which is {found}")]
    NotAList {
        /// What has no entries.
        at: Path,
        /// The entry asked for.
        entry: String,
        /// What it is instead of a list.
        found: &'static str,
    },
    /// The object has other fields, but not this one.
    #[error("no field '{field}'{} {}", within(at), listed("fields", have))]
    NoField {
        /// The object.
        at: Path,
        /// The field asked for.
        field: String,
        /// The fields that it has.
        have: Vec<String>,
    },
    /// The list has other entries, but none with this key.
    #[error("no entry '{key}' in '{at}' {}", listed("entries", have))]
    NoEntry {
        /// The list.
        at: Path,
        /// The key asked for.
        key: String,
        /// The keys of its entries.
        have: Vec<String>,
    },
    /// The list is shorter.
    #[error("no entry {index} in '{at}' (length {len}, counted from 0)")]
    BeyondEnd {
        /// The list.
        at: Path,
        /// The position asked for, from 0.
        index: usize,
        /// How many entries it has.
        len: usize,
    },
    /// The list's entries have no keys, only positions.
    #[error("no entry '{key}' in '{at}', whose entries are known by position only")]
    NoKeyField {
        /// The list.
        at: Path,
        /// The key asked for.
        key: String,
    },
    /// Several entries have this key.
    #[error("ambiguous entry '{key}' in '{at}': {count} entries have this key")]
    Ambiguous {
        /// The list.
        at: Path,
        /// The key asked for.
        key: String,
        /// How many entries have it.
        count: usize,
    },
    /// The value to be set at a list entry is not an object with that entry's key.
    #[error("the value for '{at}' must be an object whose '{key_field}' is '{key}'")]
    WrongKey {
        /// The entry.
        at: Path,
        /// The field that holds the key.
        key_field: String,
        /// The key.
        key: String,
    },
    /// The path has more steps than a document may be deep.
    #[error("too many steps in path '{at}' (at most {max})")]
    TooDeep {
        /// The path.
        at: Path,
        /// Most steps.
        max: usize,
    },
    /// The root cannot be taken out of the document.
    #[error("the whole document cannot be removed")]
    WholeDocument,
}

impl PathError {
    /// Whether the path fits the document and only leads to nothing.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoField { .. } | Self::NoEntry { .. } | Self::BeyondEnd { .. })
    }
}

impl Classify for PathError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// ` in 'voice'`; of a whole config, nothing.
fn within(at: &Path) -> String {
    if at.steps().is_empty() { String::new() } else { format!(" in '{at}'") }
}

fn listed(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("(it has no {what})");
    }
    let shown: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("'{name}'")).collect();
    match names.len() - shown.len() {
        0 => format!("(it has {})", shown.join(", ")),
        more => format!("(it has {} and {more} more)", shown.join(", ")),
    }
}
