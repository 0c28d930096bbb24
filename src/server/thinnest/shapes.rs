//! The documents of this API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Time;
use crate::object::Author;

/// What a publish says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Publishing {
    pub(super) change_summary: Option<String>,
    pub(super) version_label: Option<String>,
}

/// What a checkpoint says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Checkpointing {
    pub(super) change_summary: Option<String>,
    pub(super) version_label: Option<String>,
    pub(super) environment: Option<String>,
}

/// Where a version is to go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promoting {
    pub(super) version_id: Option<u64>,
    pub(super) target_environment: String,
    /// Why a step is left out, or a version is let through whose check has not passed; recto's own.
    pub(super) reason: Option<String>,
}

/// A snapshot that was made.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    pub(super) success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    pub(super) version_id: u64,
    pub(super) version_number: Option<u64>,
    pub(super) version_label: String,
}

/// A snapshot.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names)] // the vendor's names
pub(super) struct Version {
    pub(super) id: u64,
    pub(super) version_number: Option<u64>,
    pub(super) version_label: String,
    pub(super) name: Value,
    pub(super) environment: String,
    pub(super) is_active: bool,
    pub(super) created_by: String,
    pub(super) created_at: String,
    pub(super) change_summary: String,
    /// The whole config, where one snapshot was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<Value>,
}

/// Where an agent stands.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names)] // the vendor's names
pub(super) struct Status {
    pub(super) status: &'static str,
    pub(super) published_version_id: Option<u64>,
    pub(super) last_published_at: Option<String>,
    pub(super) has_unpublished_changes: bool,
    pub(super) changed_fields: Vec<String>,
}

/// A time as this API writes it: UTC, seconds, no offset.
pub(super) fn instant(time: Time) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| seconds.to_owned())
}

/// Who made something, in one text.
pub(super) fn person(author: &Author) -> String {
    author.email.clone().unwrap_or_else(|| author.name.clone())
}
