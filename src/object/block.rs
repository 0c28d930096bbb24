//! Blocks: the content of one config section, its name, and a config as a set of blocks.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::encoding::{canonical, json};

use super::limits::{BLOCK_MAX_BYTES, BLOCK_NAME_MAX_BYTES};
use super::{EntryKind, Kind, Object, ObjectError};

/// The name of a block: `[A-Za-z0-9_][A-Za-z0-9._-]{0,99}`, safe as a file name everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockName(Arc<str>);

/// A name is not one that a block may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a block name: letters, digits, '_', '-' and '.', at most 100, none of them a device name"
)]
pub struct NameError(pub String);

/// File stems that some systems reserve for devices.
const DEVICE_STEMS: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Whether some systems take a file of this name for a device (`con`, `com1.txt`).
pub(crate) fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let numbered = stem.len() == 4
        && stem.ends_with(|c: char| c.is_ascii_digit())
        && stem
            .get(..3)
            .is_some_and(|first| ["com", "lpt"].iter().any(|port| first.eq_ignore_ascii_case(port)));
    numbered || DEVICE_STEMS.iter().any(|device| stem.eq_ignore_ascii_case(device))
}

impl BlockName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a block may have that name.
    pub(super) fn fits(text: &str) -> bool {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        let dots = text.contains("..") || text.ends_with('.');
        first && rest && !dots && text.len() <= BLOCK_NAME_MAX_BYTES && !is_device_name(text)
    }
}

impl FromStr for BlockName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Self::fits(text) { Ok(Self(text.into())) } else { Err(NameError(text.to_owned())) }
    }
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The content of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// UTF-8 text, stored as it is.
    Text(String),
    /// A JSON value, stored in canonical form.
    Json(Value),
}

/// A config, section by section.
pub type Blocks = BTreeMap<BlockName, Content>;

impl Content {
    /// How a tree entry names this kind of content.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Text(_) => EntryKind::Text,
            Self::Json(_) => EntryKind::Json,
        }
    }

    /// The JSON value, when it is one.
    pub fn as_json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Text(_) => None,
        }
    }

    /// The block that stores this content.
    ///
    /// # Errors
    /// `TooLarge` beyond [`BLOCK_MAX_BYTES`].
    pub fn to_object(&self) -> Result<Object, ObjectError> {
        let payload = match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Json(value) => canonical::to_vec(value),
        };
        if payload.len() > BLOCK_MAX_BYTES {
            return Err(ObjectError::TooLarge {
                kind: Kind::Block.name(),
                size_bytes: payload.len(),
                max_bytes: BLOCK_MAX_BYTES,
            });
        }
        Ok(Object { kind: Kind::Block, payload })
    }

    /// Reads a block's payload as the kind of content that its tree entry names.
    ///
    /// # Errors
    /// `Malformed` when the text is not UTF-8 or the JSON is not in canonical form.
    pub fn from_payload(kind: &EntryKind, payload: Vec<u8>) -> Result<Self, ObjectError> {
        let malformed = |reason: String| ObjectError::Malformed { kind: Kind::Block.name(), reason };
        match kind {
            EntryKind::Text => {
                String::from_utf8(payload).map(Self::Text).map_err(|error| malformed(error.to_string()))
            }
            EntryKind::Json => {
                let value = json::parse(&payload).map_err(|error| malformed(error.to_string()))?;
                if canonical::to_vec(&value) != payload {
                    return Err(malformed("it is not in canonical form".to_owned()));
                }
                Ok(Self::Json(value))
            }
            EntryKind::Other(byte) => Err(malformed(format!("content of unknown kind {byte}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_safe_file_names_are_refused() {
        for bad in ["", ".", "..", "a/b", "../x", "CON", "com1.md", "a.", "a..b", "-x", "ü"] {
            assert!(bad.parse::<BlockName>().is_err(), "{bad}");
        }
        assert!("x".repeat(101).parse::<BlockName>().is_err());
        for good in ["prompt", "workflow_graph", "firstMessage", "v1.2-beta", "console"] {
            assert_eq!(good.parse::<BlockName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
    }
}
