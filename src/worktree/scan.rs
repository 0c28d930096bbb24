//! Looks through the files of an agent: which blocks they hold, what is wrong with them, and which
//! files are none of recto's. Reads only files that do not look as the index knows them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::disk::{DiskError, FileKind, Stat, TEMPORARY_PREFIX};
use crate::encoding::{canonical, json};
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::object::{BlockName, Blocks, Content, EntryKind, ObjectId};
use crate::profile::Profile;

use super::files::Files;
use super::index::{Index, Indexed};
use super::layout::{AGENT_FILE, block_of};
use super::marked::Marked;
use super::{Fault, WorktreeError, place};

/// Largest file that is read, in bytes: JSON laid out for people is longer than what is stored.
pub(super) const FILE_MAX_BYTES: u64 = 4 * BLOCK_MAX_BYTES as u64;

/// A block's file that can be read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) block: BlockName,
    pub(super) id: ObjectId,
    /// How the file looked before it was read.
    pub(super) stat: Stat,
    /// What it holds; none when it was not read, because the index knows it, and where it has markers.
    pub(super) content: Option<Content>,
    /// The markers that it was written with and still has.
    pub(super) marked: Option<Marked>,
}

impl Seen {
    /// Whether the file is what the index says.
    pub(super) fn is(&self, indexed: &Indexed) -> bool {
        self.id == indexed.id && self.marked == indexed.marked
    }
}

/// What the files of an agent are.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The files of blocks, by name.
    pub(super) seen: BTreeMap<String, Seen>,
    /// The files of blocks that cannot be used, by name.
    pub(super) faults: BTreeMap<String, Fault>,
    /// What is none of recto's.
    pub(super) untracked: Vec<String>,
}

/// Where a directory of files is, and how messages name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) files: Files<'a>,
    pub(super) dir: &'a Path,
    /// The directory as messages name it.
    pub(super) shown: &'a str,
}

/// Looks through a directory; an absent one has no files.
pub(super) fn scan(at: Place<'_>, profile: &Profile, index: Option<&Index>) -> Result<Scan, WorktreeError> {
    let mut scan = Scan::default();
    if !at.files.is_dir(at.dir)? {
        return Ok(scan);
    }
    for (file, kind) in at.files.disk.list(at.dir)? {
        if file == AGENT_FILE || file.starts_with(TEMPORARY_PREFIX) {
            continue;
        }
        let block = block_of(&file).filter(|(block, kind)| {
            index.is_some_and(|index| index.files.contains_key(&file)) || accepts(profile, block, kind)
        });
        let Some((block, content_kind)) = block else {
            scan.untracked.push(file);
            continue;
        };
        let shown = format!("{}/{file}", at.shown);
        let same = scan.seen.iter().find(|(_, seen)| seen.block == block).map(|(other, _)| other);
        let fault = match (kind, same) {
            (FileKind::Symlink, _) => Some("is a symbolic link, which is never followed".to_owned()),
            (FileKind::Dir | FileKind::Other, _) => Some("is not a regular file".to_owned()),
            (FileKind::File, Some(other)) => Some(format!("holds block '{block}', as '{other}' does")),
            (FileKind::File, None) => None,
        };
        if let Some(message) = fault {
            scan.faults.insert(file, Fault::of(shown, message));
            continue;
        }
        // What the file looks like is asked before it is read: a change in between is then seen later.
        let Some(stat) = at.files.regular(&at.dir.join(&file))? else { continue };
        let known = index.filter(|index| index.trusts(&file, &stat)).map(|index| &index.files[&file]);
        let seen = if let Some(known) = known {
            Ok(Seen { block, id: known.id, stat, content: None, marked: known.marked.clone() })
        } else {
            let written = index.and_then(|index| index.files.get(&file));
            read(at, (&file, &content_kind), &shown, written)?.and_then(|read| match read {
                Read::Marked(id, marked) => Ok(Seen { block, id, stat, content: None, marked: Some(marked) }),
                Read::Content(content) => {
                    let object = content.to_object();
                    let id = object.map_err(|error| Fault::of(&shown, error.to_string()))?.id();
                    Ok(Seen { block, id, stat, content: Some(content), marked: None })
                }
            })
        };
        match seen {
            Ok(seen) if is_no_block(profile, index, &file, &seen) => {}
            Ok(seen) => drop(scan.seen.insert(file, seen)),
            Err(fault) => drop(scan.faults.insert(file, fault)),
        }
    }
    Ok(scan)
}

/// Whether a config of this profile may have such a block.
fn accepts(profile: &Profile, block: &BlockName, kind: &EntryKind) -> bool {
    let specs = profile.blocks();
    specs.is_empty() || specs.iter().any(|spec| spec.name == *block && spec.kind == *kind)
}

/// Where a block is its fields, one without fields is no block: its file says what no file says.
fn is_no_block(profile: &Profile, index: Option<&Index>, file: &str, seen: &Seen) -> bool {
    let empty = matches!(&seen.content, Some(Content::Json(Value::Object(map))) if map.is_empty());
    if !empty || index.is_some_and(|index| index.files.contains_key(file)) {
        return false;
    }
    let blocks = Blocks::from([(seen.block.clone(), Content::Json(Value::Object(serde_json::Map::new())))]);
    let kept = profile.join(&blocks).ok().and_then(|config| profile.split(&config).ok());
    kept.is_some_and(|kept| !kept.contains_key(&seen.block))
}

/// What a file holds.
enum Read {
    /// The block with the markers that it was written with.
    Marked(ObjectId, Marked),
    /// A block.
    Content(Content),
}

fn read(
    at: Place<'_>,
    (file, kind): (&str, &EntryKind),
    shown: &str,
    written: Option<&Indexed>,
) -> Result<Result<Read, Fault>, WorktreeError> {
    let marked = written.and_then(|written| Some((written.id, written.marked.as_ref()?)));
    match at.files.disk.read(&at.dir.join(file), FILE_MAX_BYTES) {
        Ok(bytes) => Ok(match marked {
            Some((id, marked)) if marked.is(&bytes) => Ok(Read::Marked(id, marked.clone())),
            Some((_, marked)) if let Some(fault) = marked.left(&bytes, shown) => Err(fault),
            _ => content(bytes, shown, kind).map(Read::Content),
        }),
        Err(error @ DiskError::TooLarge { .. }) => Ok(Err(Fault::of(shown, error.to_string()))),
        Err(error) => Err(error.into()),
    }
}

/// What the bytes of a block's file say; `shown` is its name in messages.
///
/// # Errors
/// What is wrong, with line and column.
pub fn content(bytes: Vec<u8>, shown: &str, kind: &EntryKind) -> Result<Content, Fault> {
    let fault = |at: (usize, usize), message: String| Fault { file: shown.to_owned(), at: Some(at), message };
    if *kind != EntryKind::Text {
        let value = json::parse(&bytes).map_err(|error| {
            let path = if error.pointer.is_empty() { String::new() } else { format!(" ({})", error.pointer) };
            fault((error.line, error.column), format!("{}{path}", error.kind))
        })?;
        return Ok(Content::Json(value));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        fault(place::at_byte(&before, before.len()), "invalid UTF-8".to_owned())
    })?;
    let value = Value::String(text);
    let refused = canonical::require(&value).err();
    let Value::String(text) = value else { unreachable!("it was made a string above") };
    match refused {
        None => Ok(Content::Text(text)),
        Some(error) => {
            let bad = |c: char| canonical::require(&Value::String(c.to_string())).is_err();
            let at = text.char_indices().find(|(_, c)| bad(*c)).map_or(0, |(at, _)| at);
            Err(fault(place::at_byte(&text, at), error.kind.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_as_they_are() {
        for text in ["", "a\r\nb\n", "\u{feff}x", "über\u{301}", "no newline", "\0"] {
            let found = content(text.as_bytes().to_vec(), "x.md", &EntryKind::Text);
            assert_eq!(found, Ok(Content::Text(text.to_owned())));
        }
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_line_and_column() {
        let check = |bytes: &[u8], kind: EntryKind, expected: &str| {
            let fault = content(bytes.to_vec(), "x", &kind).expect_err("refused");
            assert_eq!(fault.to_string(), expected);
        };
        check(b"ab\n\xc3\xbc\xff", EntryKind::Text, "x:2:2: invalid UTF-8");
        check("a\nb\u{fffe}c".as_bytes(), EntryKind::Text, "x:2:2: noncharacter 'U+FFFE'");
        check(b"{\n  \"a\": 1,\n  \"a\": 2\n}", EntryKind::Json, "x:3:3: duplicate key 'a'");
        check(
            b"{\"a\": {\"b\": 1e400}}",
            EntryKind::Json,
            "x:1:13: number '1e400' cannot be kept exactly, the nearest that can is '1.7976931348623157e+308' (/a/b)",
        );
    }
}
