//! Trees: sorted names, each with the kind and the id of its content.

use super::limits::{META_OBJECT_MAX_BYTES, TREE_MAX_ENTRIES};
use super::{BlockName, Kind, Object, ObjectError, ObjectId};

/// What a tree entry points to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// UTF-8 text.
    Text,
    /// Canonical JSON.
    Json,
    /// A kind that this build does not know: carried, not resolved. 3 (`tree`) and 4 (`bytes`)
    /// are reserved.
    Other(u8),
}

impl EntryKind {
    /// The byte that stands for this kind.
    pub fn as_byte(&self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Json => 2,
            Self::Other(byte) => *byte,
        }
    }

    /// The kind that a byte stands for.
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Text,
            2 => Self::Json,
            other => Self::Other(other),
        }
    }

    /// Whether this build can read such content.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// The word for this kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Other(3) => "tree",
            Self::Other(4) => "bytes",
            Self::Other(_) => "unknown",
        }
    }
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The block's name.
    pub name: BlockName,
    /// What the block holds.
    pub kind: EntryKind,
    /// The block.
    pub id: ObjectId,
}

/// Names to blocks, sorted by name, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// A tree of these entries, which are put in order.
    ///
    /// # Errors
    /// `Malformed` when a name occurs twice, `TooMany` beyond [`TREE_MAX_ENTRIES`].
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, ObjectError> {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(malformed("a block name occurs twice"));
        }
        if entries.len() > TREE_MAX_ENTRIES {
            return Err(ObjectError::TooMany {
                kind: "tree",
                things: "blocks",
                count: entries.len(),
                max: TREE_MAX_ENTRIES,
            });
        }
        Ok(Self { entries })
    }

    /// The entries in order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name));
        found.ok().map(|at| &self.entries[at])
    }

    /// The object that stores this tree: per entry one byte of kind, one byte of name length, the
    /// name, 32 bytes of id.
    pub fn to_object(&self) -> Object {
        let mut payload = Vec::with_capacity(self.entries.len() * 48);
        for entry in &self.entries {
            let name = entry.name.as_str().as_bytes();
            payload.push(entry.kind.as_byte());
            payload.push(u8::try_from(name.len()).expect("a block name has at most 100 bytes"));
            payload.extend_from_slice(name);
            payload.extend_from_slice(entry.id.as_bytes());
        }
        Object { kind: Kind::Tree, payload }
    }

    /// Reads a tree's payload.
    ///
    /// # Errors
    /// `Malformed` when it is cut off, holds a bad name, or is not strictly sorted.
    pub fn from_payload(payload: &[u8]) -> Result<Self, ObjectError> {
        let mut entries: Vec<Entry> = Vec::new();
        read_entries(payload, |Read { name, kind, id }| {
            let name = name.parse().expect("it was found to fit");
            entries.push(Entry { name, kind: EntryKind::from_byte(kind), id });
        })?;
        Ok(Self { entries })
    }

    /// What a tree's payload leads to, checked as when it is read.
    ///
    /// # Errors
    /// As [`Self::from_payload`].
    pub fn links(payload: &[u8]) -> Result<Vec<ObjectId>, ObjectError> {
        let mut links = Vec::new();
        read_entries(payload, |entry| links.push(entry.id))?;
        Ok(links)
    }

    /// The names whose entries differ between two trees, in order.
    pub fn changed_names(&self, other: &Self) -> Vec<BlockName> {
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        let mut changed = Vec::new();
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.name.cmp(&b.name),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return changed,
            };
            let a = if order.is_le() { left.next() } else { None };
            let b = if order.is_ge() { right.next() } else { None };
            if a != b {
                changed.extend(a.or(b).map(|entry| entry.name.clone()));
            }
        }
    }
}

/// An entry as it stands in a payload.
struct Read<'a> {
    name: &'a str,
    kind: u8,
    id: ObjectId,
}

/// Reads a payload, and hands on its entries.
fn read_entries<'a>(payload: &'a [u8], mut take: impl FnMut(Read<'a>)) -> Result<(), ObjectError> {
    if payload.len() > META_OBJECT_MAX_BYTES {
        return Err(ObjectError::TooLarge {
            kind: "tree",
            size_bytes: payload.len(),
            max_bytes: META_OBJECT_MAX_BYTES,
        });
    }
    let (mut rest, mut count, mut last) = (payload, 0, None);
    while !rest.is_empty() {
        let (entry, after) = read_entry(rest)?;
        if last.replace(entry.name).is_some_and(|last| last >= entry.name) {
            return Err(malformed("entries are not strictly sorted by name"));
        }
        take(entry);
        rest = after;
        count += 1;
    }
    if count > TREE_MAX_ENTRIES {
        return Err(malformed("it has too many entries"));
    }
    Ok(())
}

fn read_entry(bytes: &[u8]) -> Result<(Read<'_>, &[u8]), ObjectError> {
    let cut_off = || malformed("an entry is cut off");
    let (&[kind, name_len], rest) = bytes.split_first_chunk::<2>().ok_or_else(cut_off)?;
    let (name, rest) = rest.split_at_checked(usize::from(name_len)).ok_or_else(cut_off)?;
    let (id, rest) = rest.split_first_chunk::<32>().ok_or_else(cut_off)?;
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| BlockName::fits(name))
        .ok_or_else(|| malformed("an entry has a name that no block may have"))?;
    if kind == 0 {
        return Err(malformed("an entry has kind 0"));
    }
    Ok((Read { name, kind, id: ObjectId::from_bytes(*id) }, rest))
}

fn malformed(reason: &str) -> ObjectError {
    ObjectError::Malformed { kind: "tree", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, byte: u8) -> Entry {
        let name = name.parse().expect("a block name");
        Entry { name, kind: EntryKind::Json, id: ObjectId::from_bytes([byte; 32]) }
    }

    #[test]
    fn round_trips_and_sorts() {
        let tree = Tree::new(vec![entry("b", 2), entry("a", 1)]).expect("a tree");
        let object = tree.to_object();
        assert_eq!(Tree::from_payload(&object.payload), Ok(tree.clone()));
        assert_eq!(tree.entries()[0].name.as_str(), "a");
        assert_eq!(tree.get("b"), Some(&entry("b", 2)));
        assert_eq!(tree.get("c"), None);
    }

    #[test]
    fn too_many_blocks_are_counted_as_blocks() {
        let entries = |count: usize| (0..count).map(|at| entry(&format!("b{at}"), 1)).collect();
        assert!(Tree::new(entries(TREE_MAX_ENTRIES)).is_ok());
        let refused = Tree::new(entries(TREE_MAX_ENTRIES + 1)).expect_err("one too many");
        assert_eq!(refused.to_string(), "the tree has 1001 blocks, more than the 1000 allowed");
    }

    #[test]
    fn every_truncation_is_refused() {
        let payload = Tree::new(vec![entry("a", 1), entry("b", 2)]).expect("a tree").to_object().payload;
        let whole = payload.len();
        for cut in (1..whole).filter(|cut| *cut != whole / 2) {
            assert!(Tree::from_payload(&payload[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn unsorted_and_doubled_names_are_refused() {
        assert!(Tree::new(vec![entry("a", 1), entry("a", 2)]).is_err());
        let mut payload = Tree::new(vec![entry("b", 1)]).expect("a tree").to_object().payload;
        payload.extend(Tree::new(vec![entry("a", 1)]).expect("a tree").to_object().payload);
        assert!(Tree::from_payload(&payload).is_err());
    }

    #[test]
    fn names_what_changed() {
        let old = Tree::new(vec![entry("a", 1), entry("b", 2), entry("c", 3)]).expect("a tree");
        let new = Tree::new(vec![entry("b", 9), entry("c", 3), entry("d", 4)]).expect("a tree");
        let names: Vec<String> = old.changed_names(&new).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "b", "d"]);
    }

    #[test]
    fn unknown_kinds_are_carried() {
        let odd = Entry { kind: EntryKind::Other(77), ..entry("a", 1) };
        let tree = Tree::new(vec![odd]).expect("a tree");
        assert_eq!(Tree::from_payload(&tree.to_object().payload), Ok(tree));
    }
}
