//! Commits: a tree under a profile, with its history, who made it, when, and why.

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::encoding::{canonical, json};

use super::limits::{COMMIT_MAX_PARENTS, META_OBJECT_MAX_BYTES};
use super::{Kind, Object, ObjectError, ObjectId};

/// Who made a commit or moved a ref.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Author {
    /// The name, never empty.
    pub name: String,
    /// The e-mail address, where one is known.
    pub email: Option<String>,
}

impl Author {
    /// The author as a JSON object.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".to_owned(), Value::from(self.name.as_str()));
        if let Some(email) = &self.email {
            map.insert("email".to_owned(), Value::from(email.as_str()));
        }
        Value::Object(map)
    }

    /// Reads an author from a JSON object; `None` when it is not one.
    pub fn from_value(value: &Value) -> Option<Self> {
        let name = value.get("name")?.as_str()?.to_owned();
        let email = match value.get("email") {
            None => None,
            Some(email) => Some(email.as_str()?.to_owned()),
        };
        (!name.is_empty()).then_some(Self { name, email })
    }
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.email {
            Some(email) => write!(f, "{} <{email}>", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A tree with its history. Stored as one canonical JSON object, so that fields which a later
/// build adds are kept and hashed by this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The block that holds the profile under which the tree is read.
    pub profile: ObjectId,
    /// The config.
    pub tree: ObjectId,
    /// The versions this one was made from: the base first, then what was merged.
    pub parents: Vec<ObjectId>,
    /// Who made it.
    pub author: Author,
    /// When it was made, by the clock of who made it.
    pub time: Time,
    /// The label on the first line, after an empty line the description.
    pub message: String,
    /// Fields that this build does not know.
    pub ext: Map<String, Value>,
}

impl Commit {
    /// The object that stores this commit.
    ///
    /// # Errors
    /// `TooLarge` when it exceeds its limit; `TooMany` when it has too many parents.
    pub fn to_object(&self) -> Result<Object, ObjectError> {
        if self.parents.len() > COMMIT_MAX_PARENTS {
            return Err(ObjectError::TooMany {
                kind: "commit",
                things: "parents",
                count: self.parents.len(),
                max: COMMIT_MAX_PARENTS,
            });
        }
        let mut map = self.ext.clone();
        let parents: Vec<Value> = self.parents.iter().map(|id| Value::from(id.to_string())).collect();
        map.insert("profile".to_owned(), Value::from(self.profile.to_string()));
        map.insert("tree".to_owned(), Value::from(self.tree.to_string()));
        map.insert("parents".to_owned(), Value::Array(parents));
        map.insert("author".to_owned(), self.author.to_value());
        map.insert("time".to_owned(), Value::from(self.time.as_ms()));
        map.insert("message".to_owned(), Value::from(self.message.as_str()));
        let payload = canonical::to_vec(&Value::Object(map));
        if payload.len() > META_OBJECT_MAX_BYTES {
            return Err(ObjectError::TooLarge {
                kind: "commit",
                size_bytes: payload.len(),
                max_bytes: META_OBJECT_MAX_BYTES,
            });
        }
        Ok(Object { kind: Kind::Commit, payload })
    }

    /// Reads a commit's payload.
    ///
    /// # Errors
    /// `Malformed` when it is not a JSON object in canonical form with every field a commit has.
    pub fn from_payload(payload: &[u8]) -> Result<Self, ObjectError> {
        let value = json::parse(payload).map_err(|error| malformed(&error.to_string()))?;
        if canonical::to_vec(&value) != payload {
            return Err(malformed("it is not in canonical form"));
        }
        let Value::Object(mut map) = value else {
            return Err(malformed("it is not a JSON object"));
        };
        let parents = match map.remove("parents") {
            Some(Value::Array(items)) => items.iter().map(id_of).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let mut take = |key: &str| map.remove(key).ok_or_else(|| malformed(&format!("it lacks '{key}'")));
        let bad = |key: &str| malformed(&format!("its '{key}' is not what a commit holds"));
        let commit = Self {
            profile: id_of(&take("profile")?).ok_or_else(|| bad("profile"))?,
            tree: id_of(&take("tree")?).ok_or_else(|| bad("tree"))?,
            parents: parents.ok_or_else(|| bad("parents"))?,
            author: Author::from_value(&take("author")?).ok_or_else(|| bad("author"))?,
            time: take("time")?.as_i64().and_then(Time::from_ms).ok_or_else(|| bad("time"))?,
            message: take("message")?.as_str().map(str::to_owned).ok_or_else(|| bad("message"))?,
            ext: map,
        };
        if commit.parents.len() > COMMIT_MAX_PARENTS {
            return Err(malformed("it has too many parents"));
        }
        Ok(commit)
    }

    /// The first line of the message.
    pub fn label(&self) -> &str {
        self.message.split("\n\n").next().unwrap_or_default()
    }

    /// What follows the label.
    pub fn description(&self) -> &str {
        self.message.split_once("\n\n").map_or("", |(_, description)| description)
    }
}

fn id_of(value: &Value) -> Option<ObjectId> {
    value.as_str()?.parse().ok()
}

fn malformed(reason: &str) -> ObjectError {
    ObjectError::Malformed { kind: "commit", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Commit {
        Commit {
            profile: ObjectId::from_bytes([1; 32]),
            tree: ObjectId::from_bytes([2; 32]),
            parents: vec![ObjectId::from_bytes([3; 32])],
            author: Author { name: "Ana".to_owned(), email: None },
            time: Time::from_ms(1_772_892_180_000).expect("a time"),
            message: "warmer greeting\n\nasked for by the shop floor".to_owned(),
            ext: Map::new(),
        }
    }

    #[test]
    fn round_trips_with_label_and_description() {
        let commit = sample();
        let object = commit.to_object().expect("small enough");
        assert_eq!(Commit::from_payload(&object.payload), Ok(commit.clone()));
        assert_eq!(commit.label(), "warmer greeting");
        assert_eq!(commit.description(), "asked for by the shop floor");
    }

    #[test]
    fn unknown_fields_are_kept_and_hashed() {
        let mut commit = sample();
        let plain = commit.to_object().expect("small enough").id();
        commit.ext.insert("origin".to_owned(), Value::from("dashboard"));
        let object = commit.to_object().expect("small enough");
        assert_ne!(object.id(), plain);
        assert_eq!(Commit::from_payload(&object.payload), Ok(commit));
    }

    #[test]
    fn other_spellings_of_the_same_commit_are_refused() {
        let payload = sample().to_object().expect("small enough").payload;
        let spaced = String::from_utf8(payload).expect("JSON").replacen(',', ", ", 1);
        assert!(Commit::from_payload(spaced.as_bytes()).is_err());
    }
}
