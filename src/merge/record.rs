//! Conflicts as bytes, to be kept until they are decided.
//!
//! A record is canonical JSON. A side that is absent has no member, so that absent and `null` differ:
//!
//! ```json
//! {
//!   "format": 1,
//!   "labels": {"base": "support@V3", "ours": "support@tone", "theirs": "support@origin/V7"},
//!   "conflicts": [
//!     {"block": "tools", "value": {"path": "tools[book].timeout", "base": 3, "ours": 5, "theirs": 9}},
//!     {"block": "tools", "value": {"path": "tools[x]", "after": ["book"], "base": {}, "theirs": {}}},
//!     {"block": "prompt", "lines": [
//!       {"at": 4, "base": {"start": 4, "text": "Hello.\n"}, "ours": {"start": 4, "text": "Hi.\n"},
//!        "theirs": {"start": 6, "text": "Welcome.\n"}}]},
//!     {"block": "voice", "whole": {"base": {"json": {"id": 1}}, "theirs": {"text": "..."}}}
//!   ]
//! }
//! ```
//!
//! `path` is counted from the block's root, `at` and `start` are lines from 1; `after` is absent
//! where it is empty. Members of other names are refused, as is another `format`.

use serde_json::{Map, Value, json};

use crate::diff::path::Path;
use crate::encoding::{canonical, json};
use crate::object::Content;

use super::{Conflict, Dispute, Lines, MergeError, Sides, Stretch};

/// The format that this build writes and reads.
const FORMAT: u64 = 1;

/// Conflicts that wait to be decided, and how to call the sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What people know the sides by (`support@tone`).
    pub labels: Sides<String>,
    /// The conflicts.
    pub conflicts: Vec<Conflict>,
}

impl Record {
    /// The record's bytes.
    ///
    /// # Errors
    /// `Unrecordable` when a value nests almost as deep as a document may, or code made it and no
    /// document could hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MergeError> {
        let labels = sides_to_map(self.labels.as_ref().map(|label| Some(json!(label))));
        let conflicts: Vec<Value> = self.conflicts.iter().map(conflict_to_value).collect();
        let record = json!({"format": FORMAT, "labels": labels, "conflicts": conflicts});
        canonical::require(&record)
            .map_err(|error| MergeError::Unrecordable { reason: error.to_string() })?;
        Ok(canonical::to_vec(&record))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Malformed` when the bytes are no record of this format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MergeError> {
        let malformed = |reason: String| MergeError::Malformed { reason };
        let value = json::parse(bytes).map_err(|error| malformed(error.to_string()))?;
        let mut record = Fields::of(value, "the record")?;
        let format = record.take("format")?;
        if format.as_u64() != Some(FORMAT) {
            return Err(malformed(format!("format {format} is unknown")));
        }
        let mut labels = Fields::of(record.take("labels")?, "'labels'")?;
        let labels = try_sides(|side| text(labels.take(side)?, side))?;
        let conflicts = list(record.take("conflicts")?, "conflicts")?;
        let conflicts = conflicts.into_iter().map(conflict_from_value).collect::<Result<_, _>>()?;
        record.end()?;
        Ok(Self { labels, conflicts })
    }
}

fn sides_to_map(sides: Sides<Option<Value>>) -> Map<String, Value> {
    let names = ["base", "ours", "theirs"];
    let present = names.into_iter().zip(sides.into_array()).filter_map(|(name, side)| Some((name, side?)));
    present.map(|(name, side)| (name.to_owned(), side)).collect()
}

fn conflict_to_value(conflict: &Conflict) -> Value {
    let (name, dispute) = match &conflict.dispute {
        Dispute::Block(sides) => {
            let content = |content: &Content| match content {
                Content::Text(text) => json!({"text": text}),
                Content::Json(value) => json!({"json": value}),
            };
            ("whole", Value::Object(sides_to_map(sides.as_ref().map(|side| side.as_ref().map(content)))))
        }
        Dispute::Value { path, after, sides } => {
            let mut value = sides_to_map(sides.clone());
            value.insert("path".to_owned(), json!(path.to_string()));
            if !after.is_empty() {
                value.insert("after".to_owned(), json!(after));
            }
            ("value", Value::Object(value))
        }
        Dispute::Lines(stretches) => ("lines", stretches.iter().map(stretch_to_value).collect()),
    };
    json!({"block": conflict.block.as_str(), name: dispute})
}

fn stretch_to_value(stretch: &Stretch) -> Value {
    let lines = |lines: &Lines| Some(json!({"start": lines.start, "text": lines.text}));
    let mut value = sides_to_map(stretch.sides.as_ref().map(lines));
    value.insert("at".to_owned(), json!(stretch.at));
    Value::Object(value)
}

fn conflict_from_value(value: Value) -> Result<Conflict, MergeError> {
    let mut fields = Fields::of(value, "a conflict")?;
    let block = text(fields.take("block")?, "block")?;
    let block = block.parse().map_err(|error| malformed(format!("{error}")))?;
    let dispute = if let Some(whole) = fields.0.remove("whole") {
        let mut whole = Fields::of(whole, "'whole'")?;
        let sides = try_sides(|side| whole.0.remove(side).map(content_from_value).transpose())?;
        whole.end()?;
        Dispute::Block(sides)
    } else if let Some(value) = fields.0.remove("value") {
        let mut value = Fields::of(value, "'value'")?;
        let path = text(value.take("path")?, "path")?;
        let path: Path = path.parse().map_err(|error| malformed(format!("{error}")))?;
        let after = value.0.remove("after").map_or(Ok(Vec::new()), |after| list(after, "after"))?;
        let after = after.into_iter().map(|key| text(key, "after")).collect::<Result<_, _>>()?;
        let sides = try_sides(|side| Ok(value.0.remove(side)))?;
        value.end()?;
        if path.is_root() {
            return Err(malformed("'path' is the root".to_owned()));
        }
        Dispute::Value { path, after, sides }
    } else {
        let stretches = list(fields.take("lines")?, "lines")?;
        if stretches.is_empty() {
            return Err(malformed("'lines' is empty".to_owned()));
        }
        Dispute::Lines(stretches.into_iter().map(stretch_from_value).collect::<Result<_, _>>()?)
    };
    fields.end()?;
    Ok(Conflict { block, dispute })
}

fn content_from_value(value: Value) -> Result<Content, MergeError> {
    let mut fields = Fields::of(value, "a block's side")?;
    let content = match fields.0.remove("json") {
        Some(value) => Content::Json(value),
        None => Content::Text(text(fields.take("text")?, "text")?),
    };
    fields.end()?;
    Ok(content)
}

fn stretch_from_value(value: Value) -> Result<Stretch, MergeError> {
    let mut fields = Fields::of(value, "an entry of 'lines'")?;
    let at = line(&fields.take("at")?, "at")?;
    let sides = try_sides(|side| {
        let mut lines = Fields::of(fields.take(side)?, side)?;
        let (start, text) = (line(&lines.take("start")?, "start")?, text(lines.take("text")?, "text")?);
        lines.end()?;
        Ok(Lines { start, text })
    })?;
    fields.end()?;
    Ok(Stretch { at, sides })
}

fn try_sides<T>(mut side: impl FnMut(&'static str) -> Result<T, MergeError>) -> Result<Sides<T>, MergeError> {
    Ok(Sides { base: side("base")?, ours: side("ours")?, theirs: side("theirs")? })
}

fn malformed(reason: String) -> MergeError {
    MergeError::Malformed { reason }
}

fn text(value: Value, name: &str) -> Result<String, MergeError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(malformed(format!("'{name}' is not text"))),
    }
}

fn list(value: Value, name: &str) -> Result<Vec<Value>, MergeError> {
    match value {
        Value::Array(list) => Ok(list),
        _ => Err(malformed(format!("'{name}' is not a list"))),
    }
}

fn line(value: &Value, name: &str) -> Result<usize, MergeError> {
    let line = value.as_u64().and_then(|line| usize::try_from(line).ok()).filter(|line| *line > 0);
    line.ok_or_else(|| malformed(format!("'{name}' is not the number of a line")))
}

/// The members of an object that have not been read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: Value, what: &str) -> Result<Self, MergeError> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(malformed(format!("{what} is not an object"))),
        }
    }

    fn take(&mut self, name: &str) -> Result<Value, MergeError> {
        self.0.remove(name).ok_or_else(|| malformed(format!("'{name}' is missing")))
    }

    fn end(self) -> Result<(), MergeError> {
        match self.0.keys().next() {
            Some(name) => Err(malformed(format!("'{name}' is unknown here"))),
            None => Ok(()),
        }
    }
}
