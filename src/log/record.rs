//! One operation: who moved which refs, from what to what, when, why, through which surface. A
//! record is one line of canonical JSON that carries its own id; it holds ids, never config values.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::encoding::digest::NotADigest;
use crate::encoding::{Digest, Frame, canonical, json};
use crate::error::{Classify, Kind};
use crate::object::{Author, BlockName};
use crate::refs::{RefName, Target};

use super::scan;
use super::write::Body;

/// Longest line of a log, in bytes.
pub(super) const RECORD_MAX_BYTES: usize = 1024 * 1024;

/// The id of a record: the digest of its canonical JSON without `id` and `sig`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(Digest);

impl RecordId {
    /// Takes a digest as a record's id.
    pub fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn digest(&self) -> Digest {
        self.0
    }

    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.to_string()[..12].to_owned()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RecordId {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// An agent's id: that of the first record of its log.
pub type AgentId = RecordId;

/// A store's id: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StoreId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match u128::from_str_radix(text, 16) {
            Ok(number) if text.len() == 32 && lower => Ok(Self(number.to_be_bytes())),
            _ => Err(format!("'{text}' is not 32 lower-case hexadecimal digits")),
        }
    }
}

/// What a ref was, that an operation before removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// The record that created it: its identity.
    pub created: RecordId,
    /// How often it had been moved, its creation included.
    pub revision: u64,
}

/// One ref moved by an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The ref.
    pub name: RefName,
    /// What it pointed to; for a list, its last entry.
    pub from: Option<Target>,
    /// What it points to now; for a list, the entry appended.
    pub to: Option<Target>,
    /// The ref, deleted in the same record, whose identity this one carries on (a rename).
    pub continues: Option<RefName>,
    /// What the ref was before the record just before this one removed it: it is that ref again.
    pub resumes: Option<Former>,
    /// Names of the blocks in which the two targets differ, where they are configs.
    pub blocks: Vec<BlockName>,
    /// Fields that this build does not know.
    pub ext: Map<String, Value>,
}

impl Change {
    /// A move of one ref.
    pub fn new(name: RefName, from: Option<Target>, to: Option<Target>) -> Self {
        Self { name, from, to, continues: None, resumes: None, blocks: Vec::new(), ext: Map::new() }
    }

    /// The same move, naming the blocks that differ.
    #[must_use]
    pub fn touching(self, blocks: Vec<BlockName>) -> Self {
        Self { blocks, ..self }
    }
}

/// One operation of an agent's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The record before it in the same log.
    pub prev: Option<RecordId>,
    /// The store in which the operation was done.
    pub store: StoreId,
    /// The agent; absent in its first record, whose id it is.
    pub agent: Option<AgentId>,
    /// 128 random bits, so that no two operations have one id.
    pub nonce: [u8; 16],
    /// What kind of operation (`publish`, `activate`, ...); kinds of later builds are carried.
    pub kind: String,
    /// Who did it.
    pub actor: Author,
    /// Through which surface (`cli`, `api`, ...).
    pub via: String,
    /// When, by the store's clock; never before the record before it.
    pub time: Time,
    /// The refs moved, in the order in which they are to be written.
    pub changes: Vec<Change>,
    /// Ids of records or objects on which the operation was based.
    pub cites: Vec<Digest>,
    /// Why, in the words of who did it; may be empty.
    pub note: String,
    /// A signature over the record's id.
    pub sig: Option<String>,
    /// Fields that this build does not know.
    pub ext: Map<String, Value>,
}

/// A line is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed record: {reason}")]
pub struct RecordError {
    /// What is wrong.
    pub reason: String,
}

impl Classify for RecordError {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}

fn malformed(reason: impl Into<String>) -> RecordError {
    RecordError { reason: reason.into() }
}

impl Record {
    /// The id: the digest of the record without `id` and `sig`.
    pub fn id(&self) -> RecordId {
        Body::of(self).map_or_else(|| self.id_any(), |body| body.id())
    }

    fn id_any(&self) -> RecordId {
        let mut map = self.to_map();
        map.remove("sig");
        RecordId(Digest::of(Frame::Record, &canonical::to_vec(&Value::Object(map))))
    }

    /// The agent this record belongs to: itself for the first.
    pub fn agent_id(&self) -> AgentId {
        self.agent.unwrap_or_else(|| self.id())
    }

    /// The line of the log, with its newline, and the id it carries.
    pub fn to_line(&self) -> (RecordId, Vec<u8>) {
        match Body::of(self) {
            Some(body) => {
                let id = body.id();
                (id, body.line(id, self.sig.as_deref()))
            }
            None => self.to_line_any(),
        }
    }

    /// Writes a line of whatever content.
    fn to_line_any(&self) -> (RecordId, Vec<u8>) {
        let id = self.id_any();
        let mut map = self.to_map();
        map.insert("id".to_owned(), Value::from(id.to_string()));
        let mut line = canonical::to_vec(&Value::Object(map));
        line.push(b'\n');
        (id, line)
    }

    /// Reads a line (without its newline) and checks that it hashes to the id it carries.
    ///
    /// # Errors
    /// When the line is not canonical JSON, lacks a field, or carries another id than its own.
    pub fn from_line(line: &[u8]) -> Result<(RecordId, Self), RecordError> {
        let other_id = |id, own| Err(malformed(format!("it carries id {id} but hashes to {own}")));
        // What is scanned is in canonical form, and carries no signature.
        if let Some((id, record, own)) = Some(line).filter(|line| !is_too_long(line)).and_then(scan::hashed) {
            return if own == id { Ok((id, record)) } else { other_id(id, own) };
        }
        let (id, record) = Self::from_line_unchecked(line)?;
        let (own, canonical) = record.to_line();
        if own != id {
            return other_id(id, own);
        }
        if canonical.strip_suffix(b"\n") != Some(line) {
            return Err(malformed("it is not in canonical form"));
        }
        Ok((id, record))
    }

    /// Reads a line without hashing it: for showing long logs; `fsck` checks what this does not.
    ///
    /// # Errors
    /// When the line is not JSON or lacks a field.
    pub fn from_line_unchecked(line: &[u8]) -> Result<(RecordId, Self), RecordError> {
        if is_too_long(line) {
            return Err(malformed("it is longer than a record may be"));
        }
        match scan::record(line) {
            Some(read) => Ok(read),
            None => Self::read_any(line),
        }
    }

    /// Reads a line of whatever form.
    pub(super) fn read_any(line: &[u8]) -> Result<(RecordId, Self), RecordError> {
        let value = json::parse(line).map_err(|error| malformed(error.to_string()))?;
        let Value::Object(mut map) = value else {
            return Err(malformed("it is not a JSON object"));
        };
        let id = parsed(&map.remove("id").unwrap_or_default()).ok_or_else(|| malformed("bad 'id'"))?;
        Ok((id, Self::from_map(map)?))
    }

    fn to_map(&self) -> Map<String, Value> {
        let mut map = self.ext.clone();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("prev", self.prev.map_or(Value::Null, |id| Value::from(id.to_string())));
        put("store", Value::from(self.store.to_string()));
        if let Some(agent) = self.agent {
            put("agent", Value::from(agent.to_string()));
        }
        put("nonce", Value::from(StoreId(self.nonce).to_string()));
        put("kind", Value::from(self.kind.as_str()));
        put("actor", self.actor.to_value());
        put("via", Value::from(self.via.as_str()));
        put("time", Value::from(self.time.as_ms()));
        put("changes", self.changes.iter().map(change_to_value).collect());
        put("cites", self.cites.iter().map(|id| Value::from(id.to_string())).collect());
        put("note", Value::from(self.note.as_str()));
        if let Some(sig) = &self.sig {
            put("sig", Value::from(sig.as_str()));
        }
        map
    }

    fn from_map(mut map: Map<String, Value>) -> Result<Self, RecordError> {
        let prev = match take(&mut map, "prev")? {
            Value::Null => None,
            other => Some(parsed(&other).ok_or_else(|| malformed("bad 'prev'"))?),
        };
        let agent = match map.remove("agent") {
            None => None,
            Some(other) => Some(parsed(&other).ok_or_else(|| malformed("bad 'agent'"))?),
        };
        let sig = map.remove("sig").map(|sig| text(sig, "sig")).transpose()?;
        let nonce: StoreId = parsed(&take(&mut map, "nonce")?).ok_or_else(|| malformed("bad 'nonce'"))?;
        let changes = array(take(&mut map, "changes")?, "changes")?;
        let cites = array(take(&mut map, "cites")?, "cites")?;
        let time = take(&mut map, "time")?.as_i64().and_then(Time::from_ms);
        Ok(Self {
            prev,
            store: parsed(&take(&mut map, "store")?).ok_or_else(|| malformed("bad 'store'"))?,
            agent,
            nonce: nonce.0,
            kind: text(take(&mut map, "kind")?, "kind")?,
            actor: Author::from_value(&take(&mut map, "actor")?).ok_or_else(|| malformed("bad 'actor'"))?,
            via: text(take(&mut map, "via")?, "via")?,
            time: time.ok_or_else(|| malformed("bad 'time'"))?,
            changes: changes.into_iter().map(change_from_value).collect::<Result<_, _>>()?,
            cites: cites
                .iter()
                .map(|id| parsed(id).ok_or_else(|| malformed("bad 'cites'")))
                .collect::<Result<_, _>>()?,
            note: text(take(&mut map, "note")?, "note")?,
            sig,
            ext: map,
        })
    }
}

fn is_too_long(line: &[u8]) -> bool {
    line.len() > RECORD_MAX_BYTES
}

fn take(map: &mut Map<String, Value>, key: &str) -> Result<Value, RecordError> {
    map.remove(key).ok_or_else(|| malformed(format!("it lacks '{key}'")))
}

fn text(value: Value, key: &str) -> Result<String, RecordError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(malformed(format!("bad '{key}'"))),
    }
}

fn array(value: Value, key: &str) -> Result<Vec<Value>, RecordError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(malformed(format!("bad '{key}'"))),
    }
}

fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn change_to_value(change: &Change) -> Value {
    let target =
        |target: &Option<Target>| target.as_ref().map_or(Value::Null, |t| Value::from(t.to_string()));
    let mut map = change.ext.clone();
    map.insert("ref".to_owned(), Value::from(change.name.as_str()));
    map.insert("from".to_owned(), target(&change.from));
    map.insert("to".to_owned(), target(&change.to));
    if let Some(name) = &change.continues {
        map.insert("continues".to_owned(), Value::from(name.as_str()));
    }
    if let Some(Former { created, revision }) = change.resumes {
        let former = serde_json::json!({"created": created.to_string(), "revision": revision});
        map.insert("resumes".to_owned(), former);
    }
    if !change.blocks.is_empty() {
        let names = change.blocks.iter().map(|name| Value::from(name.as_str()));
        map.insert("blocks".to_owned(), names.collect());
    }
    Value::Object(map)
}

fn change_from_value(value: Value) -> Result<Change, RecordError> {
    let Value::Object(mut map) = value else {
        return Err(malformed("a change is not an object"));
    };
    let bad = |key: &str| malformed(format!("a change has a bad '{key}'"));
    let mut target = |key: &str| match map.remove(key) {
        Some(Value::Null) => Ok(None),
        Some(other) => parsed(&other).map(Some).ok_or_else(|| bad(key)),
        None => Err(bad(key)),
    };
    let (from, to) = (target("from")?, target("to")?);
    let continues = match map.remove("continues") {
        None => None,
        Some(other) => Some(parsed(&other).ok_or_else(|| bad("continues"))?),
    };
    let resumes = match map.remove("resumes") {
        None => None,
        Some(Value::Object(former)) if former.len() == 2 => {
            let created = former.get("created").and_then(parsed);
            let revision = former.get("revision").and_then(Value::as_u64);
            let former = created.zip(revision).map(|(created, revision)| Former { created, revision });
            Some(former.ok_or_else(|| bad("resumes"))?)
        }
        Some(_) => return Err(bad("resumes")),
    };
    let blocks = match map.remove("blocks") {
        None => Vec::new(),
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|name| parsed(name).ok_or_else(|| bad("blocks"))).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(bad("blocks")),
    };
    let name = parsed(&map.remove("ref").unwrap_or_default()).ok_or_else(|| bad("ref"))?;
    Ok(Change { name, from, to, continues, resumes, blocks, ext: map })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectId;

    fn sample() -> Record {
        let to = Target::Id(ObjectId::from_bytes([5; 32]));
        Record {
            prev: None,
            store: StoreId([1; 16]),
            agent: None,
            nonce: [2; 16],
            kind: "publish".to_owned(),
            actor: Author { name: "Ana".to_owned(), email: Some("ana@example.com".to_owned()) },
            via: "cli".to_owned(),
            time: Time::from_ms(1_772_892_180_000).expect("a time"),
            changes: vec![
                Change::new(RefName::versions(), None, Some(to))
                    .touching(vec!["voice".parse().expect("a name")]),
            ],
            cites: vec![Digest::from_bytes([9; 32])],
            note: String::new(),
            sig: None,
            ext: Map::new(),
        }
    }

    #[test]
    fn a_line_round_trips() {
        let record = sample();
        let (id, line) = record.to_line();
        let read = Record::from_line(line.strip_suffix(b"\n").expect("a newline"));
        assert_eq!(read, Ok((id, record)));
    }

    #[test]
    fn both_writers_write_the_same() {
        let id = sample().id();
        let former = |revision| Some(Former { created: id, revision });
        let change = |resumes, continues: Option<&str>| Change {
            resumes,
            continues: continues.map(|name| name.parse().expect("a ref name")),
            ..Change::new("drafts/x".parse().expect("a ref name"), None, Some(Target::Ref(RefName::active())))
        };
        let edits: [fn(&mut Record, RecordId); 5] = [
            |_, _| {},
            |record, id| (record.prev, record.agent) = (Some(id), Some(id)),
            |record, _| record.note = "two\nlines, \"naïve\" \\ \u{1f600}\u{1}\u{7f}".to_owned(),
            |record, _| record.sig = Some("ed25519:\"x\"".to_owned()),
            |record, _| {
                record.actor = Author { name: "\t".to_owned(), email: None };
                record.time = Time::from_ms(-1).expect("a time");
                record.cites.clear();
            },
        ];
        for edit in edits {
            let mut record = sample();
            edit(&mut record, id);
            for changes in [
                Vec::new(),
                vec![change(former(3), None), change(None, Some("drafts/y"))],
                vec![change(former(1 << 53), Some("notes/z")), sample().changes[0].clone()],
                vec![change(former(u64::MAX), None)],
            ] {
                record.changes.extend(changes);
                assert_eq!((record.id(), record.to_line()), (record.id_any(), record.to_line_any()));
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_line_is_found() {
        let (id, line) = sample().to_line();
        let line = line.strip_suffix(b"\n").expect("a newline");
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[at] ^= 1 << bit;
                let read = Record::from_line(&flipped);
                assert!(read.is_err(), "byte {at} bit {bit} went unnoticed: {read:?}, id {id}");
            }
        }
    }

    #[test]
    fn what_a_later_build_adds_is_carried() {
        let mut record = sample();
        record.kind = "experiment-start".to_owned();
        record.ext.insert("weights".to_owned(), Value::from("80/20"));
        record.changes[0].ext.insert("until".to_owned(), Value::from(3));
        let (id, line) = record.to_line();
        let read = Record::from_line(line.strip_suffix(b"\n").expect("a newline"));
        assert_eq!(read, Ok((id, record)));
    }

    #[test]
    fn a_signature_is_over_the_id() {
        let mut record = sample();
        let plain = record.id();
        record.sig = Some("ed25519:xyz".to_owned());
        assert_eq!(record.id(), plain);
    }
}
