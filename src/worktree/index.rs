//! The index: what was checked out, and what each file looked like when its content was last known.
//! A file that still looks the same is not read again. Lies in the store, one file per agent.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::disk::{Disk, Stat};
use crate::encoding::{canonical, json};
use crate::log::{AgentId, RecordId};
use crate::object::{EntryKind, ObjectId, Tree};
use crate::refs::Handle;

use super::marked::Marked;
use super::{AgentFile, WorktreeError, file_name};

const FORMAT: u64 = 1;
/// Largest index, in bytes: a thousand blocks take a third of it.
const INDEX_MAX_BYTES: u64 = 1024 * 1024;

/// One file of a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    /// The block that the draft has.
    pub(super) id: ObjectId,
    /// How the file looked when it held that block; none when it does not, or nobody knows.
    pub(super) stat: Option<String>,
    /// What was written where conflicts wait in the block: the block with markers.
    pub(super) marked: Option<Marked>,
}

impl Indexed {
    /// Whether both files hold the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.marked == other.marked
    }
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) id: AgentId,
    pub(super) draft: Handle,
    pub(super) draft_id: RecordId,
    pub(super) revision: u64,
    pub(super) commit: ObjectId,
    pub(super) files: BTreeMap<String, Indexed>,
    /// The number of the directory that the files were written to: a copied store has others.
    pub(super) dir: Option<u64>,
    /// When the index was written, in nanoseconds: a file changed since, or in the same instant, may
    /// have changed again without looking different.
    pub(super) written_ns: i128,
}

/// How a file looks, as one text.
pub(super) fn looks(stat: &Stat) -> String {
    format!("{} {} {} {}", stat.len_bytes, stat.modified_ns, stat.changed_ns, stat.inode)
}

/// The files of a tree and the blocks that they hold. Blocks of unknown kinds have no files.
pub(super) fn files_of(tree: &Tree) -> BTreeMap<String, Indexed> {
    let known = tree.entries().iter().filter(|entry| matches!(entry.kind, EntryKind::Text | EntryKind::Json));
    known
        .map(|entry| {
            (file_name(&entry.name, &entry.kind), Indexed { id: entry.id, stat: None, marked: None })
        })
        .collect()
}

impl Index {
    /// Whether a file holds what it held when the index was written, as far as looks tell.
    pub(super) fn trusts(&self, file: &str, stat: &Stat) -> bool {
        let settled = stat.modified_ns < self.written_ns && stat.changed_ns < self.written_ns;
        let known = self.files.get(file).and_then(|indexed| indexed.stat.as_deref());
        settled && known == Some(looks(stat).as_str())
    }

    /// Whether this speaks of the files in a directory of this number, of which `agent.json` says this. A
    /// store that was copied remembers checkouts that were made elsewhere.
    pub(super) fn is_of(&self, dir: Option<u64>, file: Option<&AgentFile>) -> bool {
        let same = dir.is_some() && self.dir == dir;
        same || file.is_some_and(|file| {
            file.draft.as_ref() == Some(&self.draft) && file.draft_revision == Some(self.revision)
        })
    }

    /// Reads an index. One that cannot be read counts as none: it only remembers what can be found
    /// out again by reading the files.
    pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, WorktreeError> {
        let Some(stat) = disk.stat(path)? else { return Ok(None) };
        let bytes = disk.read(path, INDEX_MAX_BYTES)?;
        Ok(Self::from_bytes(&bytes, stat.modified_ns))
    }

    fn from_bytes(bytes: &[u8], written_ns: i128) -> Option<Self> {
        let value = json::parse(bytes).ok()?;
        let text = |key: &str| value.get(key)?.as_str();
        if value.get("format")?.as_u64()? != FORMAT {
            return None;
        }
        let mut files = BTreeMap::new();
        for (file, value) in value.get("files")?.as_object()? {
            let id = value.get("block")?.as_str()?.parse().ok()?;
            let stat = value.get("stat").and_then(Value::as_str).map(str::to_owned);
            let marked = match value.get("marked") {
                Some(marked) => Some(Marked {
                    digest: marked.get("digest")?.as_str()?.to_owned(),
                    length: usize::try_from(marked.get("length")?.as_u64()?).ok()?,
                }),
                None => None,
            };
            files.insert(file.clone(), Indexed { id, stat, marked });
        }
        Some(Self {
            id: text("id")?.parse().ok()?,
            draft: text("draft")?.parse().ok()?,
            draft_id: text("draft_id")?.parse().ok()?,
            revision: value.get("revision")?.as_u64()?,
            commit: text("commit")?.parse().ok()?,
            files,
            dir: text("dir").and_then(|dir| dir.parse().ok()),
            written_ns,
        })
    }

    fn to_text(&self) -> String {
        let mut files = Map::new();
        for (file, indexed) in &self.files {
            let mut one = Map::new();
            one.insert("block".to_owned(), Value::from(indexed.id.to_string()));
            if let Some(stat) = &indexed.stat {
                one.insert("stat".to_owned(), Value::from(stat.as_str()));
            }
            if let Some(Marked { digest, length }) = &indexed.marked {
                one.insert("marked".to_owned(), serde_json::json!({"digest": digest, "length": length}));
            }
            files.insert(file.clone(), Value::Object(one));
        }
        let mut map = Map::new();
        map.insert("format".to_owned(), Value::from(FORMAT));
        map.insert("id".to_owned(), Value::from(self.id.to_string()));
        map.insert("draft".to_owned(), Value::from(self.draft.as_str()));
        map.insert("draft_id".to_owned(), Value::from(self.draft_id.to_string()));
        map.insert("revision".to_owned(), Value::from(self.revision));
        map.insert("commit".to_owned(), Value::from(self.commit.to_string()));
        if let Some(dir) = self.dir {
            map.insert("dir".to_owned(), Value::from(dir.to_string()));
        }
        map.insert("files".to_owned(), Value::Object(files));
        canonical::pretty(&Value::Object(map))
    }

    /// Writes the index, after the files that it speaks of.
    pub(super) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), WorktreeError> {
        disk.create_dir_all(path.parent().unwrap_or(path))?;
        Ok(disk.write_atomic(path, self.to_text().as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::FileKind;

    use super::*;

    fn index() -> Index {
        let record = RecordId::from_digest(crate::encoding::Digest::from_bytes([3; 32]));
        let stat = Some("5 90 91 7".to_owned());
        let marked = Some(Marked { digest: "00".to_owned(), length: 7 });
        let files = [("prompt.md".to_owned(), Indexed { id: ObjectId::from_bytes([1; 32]), stat, marked })];
        Index {
            id: record,
            draft: "tone".parse().expect("a handle"),
            draft_id: record,
            revision: 4,
            commit: ObjectId::from_bytes([2; 32]),
            files: files.into(),
            dir: Some(u64::MAX),
            written_ns: 100,
        }
    }

    #[test]
    fn what_is_written_reads_the_same_and_damage_counts_as_none() {
        let text = index().to_text();
        assert_eq!(Index::from_bytes(text.as_bytes(), 100), Some(index()));
        for bad in ["", "{}", "[]", &text[..text.len() / 2], &text.replace("\"format\": 1", "\"format\": 2")]
        {
            assert_eq!(Index::from_bytes(bad.as_bytes(), 100), None, "{bad}");
        }
    }

    #[test]
    fn only_a_file_that_looks_the_same_and_is_older_than_the_index_is_trusted() {
        let stat = Stat {
            kind: FileKind::File,
            len_bytes: 5,
            modified_ns: 90,
            changed_ns: 91,
            inode: 7,
            executable: false,
        };
        assert!(index().trusts("prompt.md", &stat));
        assert!(!index().trusts("other.md", &stat));
        for other in [
            Stat { len_bytes: 6, ..stat },
            Stat { modified_ns: 89, ..stat },
            Stat { changed_ns: 92, ..stat },
            Stat { inode: 8, ..stat },
        ] {
            assert!(!index().trusts("prompt.md", &other), "{other:?}");
        }
        let racy = Index { written_ns: 91, ..index() };
        assert!(!racy.trusts("prompt.md", &stat), "changed in the instant in which the index was written");
    }
}
