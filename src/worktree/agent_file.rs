//! `agent.json`: which agent a directory of files holds, under which profile, and on what the files
//! are based. Pure; meant to be committed to version control with the files.

use serde_json::{Map, Value};

use crate::encoding::{canonical, json};
use crate::log::AgentId;
use crate::object::ObjectId;
use crate::refs::Handle;

use super::{Fault, place};

/// The format that this build reads and writes.
const FORMAT: u64 = 1;
/// Largest `agent.json`, in bytes.
pub(super) const AGENT_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// What `agent.json` says. Written by hand, `format`, `agent` and `profile` are enough.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFile {
    /// The agent's handle.
    pub agent: Handle,
    /// The agent's id, once it is in a store.
    pub id: Option<AgentId>,
    /// The title of an agent that is still to be made.
    pub title: Option<String>,
    /// The profile's name.
    pub profile: String,
    /// The block that holds the profile.
    pub profile_id: Option<ObjectId>,
    /// The draft that was checked out.
    pub draft: Option<Handle>,
    /// The draft's revision then.
    pub draft_revision: Option<u64>,
    /// The version that the files are based on.
    pub base: Option<ObjectId>,
    /// That version's number.
    pub base_number: Option<u64>,
    /// Fields that this build does not know: kept.
    pub ext: Map<String, Value>,
}

impl AgentFile {
    /// What there is to say of an agent that is in no store yet.
    pub fn new(agent: Handle, profile: &str) -> Self {
        Self {
            agent,
            id: None,
            title: None,
            profile: profile.to_owned(),
            profile_id: None,
            draft: None,
            draft_revision: None,
            base: None,
            base_number: None,
            ext: Map::new(),
        }
    }

    /// Reads `agent.json`; `shown` is its path for messages.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(bytes: &[u8], shown: &str) -> Result<Self, Fault> {
        let value = json::parse(bytes).map_err(|error| Fault {
            file: shown.to_owned(),
            at: Some((error.line, error.column)),
            message: error.kind.to_string(),
        })?;
        let text = String::from_utf8_lossy(bytes);
        let wrong = |key: &str, message: &str| Fault {
            file: shown.to_owned(),
            at: Some(place::at_keys(&text, &[key.to_owned()])),
            message: format!("'{key}' {message}"),
        };
        let Value::Object(map) = value else {
            return Err(Fault::of(shown, "is not a JSON object"));
        };
        let mut reader = Reader { map, wrong: &wrong };
        match reader.number("format")? {
            Some(FORMAT) => {}
            Some(_) => return Err(wrong("format", "is not a format that this build reads (accepted: 1)")),
            None => return Err(wrong("format", "is missing (accepted: 1)")),
        }
        let file = Self {
            agent: reader.parsed("agent", "is not a handle")?.ok_or_else(|| wrong("agent", "is missing"))?,
            id: reader.parsed("id", "is not an id")?,
            title: reader.text("title")?,
            profile: reader.text("profile")?.ok_or_else(|| wrong("profile", "is missing"))?,
            profile_id: reader.parsed("profile_id", "is not an id")?,
            draft: reader.parsed("draft", "is not the name of a draft")?,
            draft_revision: reader.number("draft_revision")?,
            base: reader.parsed("base", "is not an id")?,
            base_number: reader.number("base_number")?,
            ext: Map::new(),
        };
        Ok(Self { ext: reader.map, ..file })
    }

    /// The file's content.
    pub fn to_text(&self) -> String {
        let mut map = self.ext.clone();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        put("format", Some(Value::from(FORMAT)));
        put("agent", Some(Value::from(self.agent.as_str())));
        put("id", self.id.map(|id| Value::from(id.to_string())));
        put("title", self.title.as_deref().map(Value::from));
        put("profile", Some(Value::from(self.profile.as_str())));
        put("profile_id", self.profile_id.map(|id| Value::from(id.to_string())));
        put("draft", self.draft.as_ref().map(|draft| Value::from(draft.as_str())));
        put("draft_revision", self.draft_revision.map(Value::from));
        put("base", self.base.map(|id| Value::from(id.to_string())));
        put("base_number", self.base_number.map(Value::from));
        canonical::pretty(&Value::Object(map))
    }
}

/// Takes the known fields out of the object; null counts as absent.
struct Reader<'a> {
    map: Map<String, Value>,
    wrong: &'a dyn Fn(&str, &str) -> Fault,
}

impl Reader<'_> {
    fn text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        match self.map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err((self.wrong)(key, "is not text")),
        }
    }

    fn number(&mut self, key: &str) -> Result<Option<u64>, Fault> {
        match self.map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| (self.wrong)(key, "is not a number from 0"))
            }
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: &str, message: &str) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| (self.wrong)(key, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same_and_unknown_fields_stay() {
        let mut file = AgentFile::new("support".parse().expect("a handle"), "atoms");
        file.base = Some(ObjectId::from_bytes([7; 32]));
        file.base_number = Some(3);
        file.ext.insert("owner".to_owned(), Value::from("team"));
        assert_eq!(AgentFile::parse(file.to_text().as_bytes(), "agent.json"), Ok(file));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let check = |text: &str, expected: &str| {
            let fault = AgentFile::parse(text.as_bytes(), "a/agent.json").expect_err(text);
            assert_eq!(fault.to_string(), expected);
        };
        check(
            "{\n  \"format\": 1,,\n}",
            "a/agent.json:2:15: unexpected ',', expected a key in double quotes",
        );
        check("[]", "a/agent.json: is not a JSON object");
        check(
            "{\"format\": 2}",
            "a/agent.json:1:12: 'format' is not a format that this build reads (accepted: 1)",
        );
        check("{\"format\": 1,\n \"agent\": \"../x\"}", "a/agent.json:2:11: 'agent' is not a handle");
        check("{\"format\": 1, \"agent\": \"x\"}", "a/agent.json:1:1: 'profile' is missing");
    }
}
