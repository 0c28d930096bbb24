//! The fields that a change touched, a line each, with secrets masked.

use serde_json::{Value, json};

use crate::agent::Config;
use crate::check::{mask_at, mask_text, mask_value};
use crate::diff::json::ChangeKind;
use crate::diff::path::{self, Path};
use crate::diff::{ConfigDiff, FieldChange};

use super::terminal::plain_line;

/// Longest excerpt of a value, in characters.
const EXCERPT_MAX_CHARS: usize = 60;

/// Two configs, ready for their differences to be shown.
pub(super) struct Fields<'a> {
    old: &'a Config,
    new: &'a Config,
    masked: Option<(Value, Value)>,
}

impl<'a> Fields<'a> {
    /// Shows values as they are with `reveal`, else with every secret masked.
    pub(super) fn new(old: &'a Config, new: &'a Config, reveal: bool) -> Self {
        let masked = (!reveal).then(|| (mask_value(&old.value), mask_value(&new.value)));
        Self { old, new, masked }
    }

    /// A line for each field: `voice.speed: 1 -> 1.2`.
    pub(super) fn lines(&self, diff: &ConfigDiff) -> Vec<String> {
        diff.changes.iter().map(|field| self.line(field)).collect()
    }

    fn line(&self, field: &FieldChange) -> String {
        let name = self.path(field);
        if let Some(text) = &field.text {
            return format!("{name}: +{} -{} lines", text.added, text.removed);
        }
        let line = match &field.change.kind {
            ChangeKind::Added(value) => format!("{name}: added {}", excerpt(&self.shown_new(field, value))),
            ChangeKind::Removed(value) => {
                format!("{name}: removed {}", excerpt(&self.shown_old(field, value)))
            }
            ChangeKind::Changed { old, new } => {
                let (old, new) = (self.shown_old(field, old), self.shown_new(field, new));
                format!("{name}: {} -> {}", excerpt(&old), excerpt(&new))
            }
            ChangeKind::Moved { from, to } => format!("{name}: moved from {} to {}", from + 1, to + 1),
        };
        plain_line(&line).into_owned()
    }

    /// The fields in JSON.
    pub(super) fn to_value(&self, diff: &ConfigDiff) -> Value {
        let value = |field: &FieldChange| {
            let path = self.path(field);
            match &field.change.kind {
                ChangeKind::Added(value) => {
                    json!({"path": path, "kind": "added", "new": self.shown_new(field, value)})
                }
                ChangeKind::Removed(value) => {
                    json!({"path": path, "kind": "removed", "old": self.shown_old(field, value)})
                }
                ChangeKind::Changed { old, new } => json!({
                    "path": path,
                    "kind": "changed",
                    "old": self.shown_old(field, old),
                    "new": self.shown_new(field, new),
                }),
                ChangeKind::Moved { from, to } => {
                    json!({"path": path, "kind": "moved", "old": from, "new": to})
                }
            }
        };
        diff.changes.iter().map(value).collect()
    }

    fn path(&self, field: &FieldChange) -> String {
        let path = self.new.profile.short_path(&field.change.path).to_string();
        if self.masked.is_some() { mask_text(&path).into_owned() } else { path }
    }

    fn shown_old(&self, field: &FieldChange, value: &Value) -> Value {
        let masked = self.masked.as_ref().map(|masked| &masked.0);
        self.shown(masked, &self.old.value, &field.change.path, value)
    }

    fn shown_new(&self, field: &FieldChange, value: &Value) -> Value {
        let masked = self.masked.as_ref().map(|masked| &masked.1);
        self.shown(masked, &self.new.value, &field.change.path, value)
    }

    /// The value as the masked config has it: what stands around it may be what tells a secret.
    fn shown(&self, masked: Option<&Value>, config: &Value, at: &Path, value: &Value) -> Value {
        let Some(masked) = masked else { return value.clone() };
        let keys = self.new.profile.list_keys();
        if path::get(config, at, keys) == Some(value)
            && let Some(shown) = path::get(masked, at, keys)
        {
            return shown.clone();
        }
        mask_at(at, value)
    }
}

/// A value on one line, cut where it gets long.
fn excerpt(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(EXCERPT_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(excerpt(&json!("ü".repeat(100))).chars().count(), EXCERPT_MAX_CHARS + 1);
        assert_eq!(excerpt(&json!("a\nb")), "\"a\\nb\"");
    }
}
