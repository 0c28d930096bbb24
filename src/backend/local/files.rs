//! The text of ref files, of the list of versions and of the attributes file. Described in
//! docs/format.md.

use crate::log::{ListEntry, RefState};
use crate::refs::{RefName, Target, TargetError};

/// Length of one line of a list: two ids, a space and a newline, in bytes.
pub(crate) const LIST_LINE_BYTES: u64 = 64 + 1 + 64 + 1;

/// Most bytes that a ref file can have.
pub(crate) const REF_FILE_MAX_BYTES: u64 = 1024;

const NONE: &str = "none";

fn word(target: Option<&Target>) -> String {
    target.map_or_else(|| NONE.to_owned(), ToString::to_string)
}

fn unword(text: &str) -> Result<Option<Target>, TargetError> {
    if text == NONE { Ok(None) } else { text.parse().map(Some) }
}

/// The content of a ref's file: its target on the first line, so that `head -1` shows it; on the
/// second its revision and the records that created and last moved it.
pub(crate) fn encode_ref(state: &RefState) -> String {
    let target = word(state.target.as_ref());
    format!("{target}\n{} {} {}\n", state.revision, state.created, state.moved)
}

/// Reads a ref's file; `None` when it is not one, to the byte.
pub(crate) fn decode_ref(bytes: &[u8]) -> Option<RefState> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let target = unword(lines.next()?).ok()?;
    let state = decode_counts(target, lines.next()?)?;
    (encode_ref(&state) == text).then_some(state)
}

fn decode_counts(target: Option<Target>, text: &str) -> Option<RefState> {
    let mut words = text.split(' ');
    Some(RefState {
        target,
        revision: words.next()?.parse().ok()?,
        created: words.next()?.parse().ok()?,
        moved: words.next()?.parse().ok()?,
    })
}

/// Adds one line of a list.
pub(crate) fn encode_entry(list: &mut Vec<u8>, entry: &ListEntry) {
    list.extend_from_slice(&entry.id.digest().to_hex());
    list.push(b' ');
    list.extend_from_slice(&entry.record.digest().to_hex());
    list.push(b'\n');
}

/// Reads whole lines of a list; `None` when a line is not one, to the byte.
pub(crate) fn decode_entries(bytes: &[u8]) -> Option<Vec<ListEntry>> {
    let line_bytes = usize::try_from(LIST_LINE_BYTES).expect("a line is short");
    bytes
        .chunks(line_bytes)
        .map(|line| {
            let text = std::str::from_utf8(line).ok()?;
            let (id, record) = text.strip_suffix('\n')?.split_once(' ')?;
            Some(ListEntry { id: id.parse().ok()?, record: record.parse().ok()? })
        })
        .collect()
}

/// One line of the attributes file: a ref's name, its target and its counts, tab-separated.
pub(crate) fn encode_attribute(name: &RefName, state: &RefState) -> String {
    let target = word(state.target.as_ref());
    format!("{name}\t{target}\t{} {} {}\n", state.revision, state.created, state.moved)
}

/// Reads one line of the attributes file, without its newline.
pub(crate) fn decode_attribute(line: &[u8]) -> Option<(RefName, RefState)> {
    let text = std::str::from_utf8(line).ok()?;
    let mut parts = text.split('\t');
    let name: RefName = parts.next()?.parse().ok()?;
    let target = unword(parts.next()?).ok()?;
    let state = decode_counts(target, parts.next()?)?;
    let whole = encode_attribute(&name, &state);
    (whole.strip_suffix('\n') == Some(text)).then_some((name, state))
}

/// The last line about a ref in the attributes file; what an earlier line said no longer holds.
pub(crate) fn last_attribute<'a>(file: &'a [u8], name: &RefName) -> Option<&'a [u8]> {
    let needle = format!("{name}\t");
    let finder = memchr::memmem::FinderRev::new(needle.as_bytes());
    let mut end = file.len();
    while let Some(at) = finder.rfind(&file[..end]) {
        if at == 0 || file[at - 1] == b'\n' {
            let line_end = memchr::memchr(b'\n', &file[at..]).map_or(file.len(), |len| at + len);
            return Some(&file[at..line_end]);
        }
        end = at;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Digest;
    use crate::log::RecordId;
    use crate::object::ObjectId;

    fn state(byte: u8, revision: u64) -> RefState {
        let record = |byte| RecordId::from_digest(Digest::from_bytes([byte; 32]));
        let target = (byte > 0).then(|| Target::Id(ObjectId::from_bytes([byte; 32])));
        RefState { target, revision, created: record(1), moved: record(2) }
    }

    #[test]
    fn ref_files_round_trip() {
        for state in [state(0, 1), state(7, 31)] {
            assert_eq!(decode_ref(encode_ref(&state).as_bytes()), Some(state));
        }
        let symbolic = RefState { target: Some(Target::Ref(RefName::active())), ..state(0, 2) };
        assert_eq!(decode_ref(encode_ref(&symbolic).as_bytes()), Some(symbolic));
    }

    #[test]
    fn other_spellings_of_a_ref_file_are_refused() {
        let text = encode_ref(&state(7, 3));
        for bad in
            [text.replace(' ', "  "), text.replace("\n3 ", "\n03 "), format!("{text}\n"), String::new()]
        {
            assert_eq!(decode_ref(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn list_lines_have_one_length() {
        let record = RecordId::from_digest(Digest::from_bytes([1; 32]));
        let entry = ListEntry { id: ObjectId::from_bytes([9; 32]), record };
        let mut line = Vec::new();
        encode_entry(&mut line, &entry);
        assert_eq!(line.len() as u64, LIST_LINE_BYTES);
        assert_eq!(decode_entries(&line.repeat(2)), Some(vec![entry, entry]));
        assert_eq!(decode_entries(&line[..129]), None);
    }

    #[test]
    fn the_last_word_about_a_commit_counts() {
        let name = RefName::about("checks", &ObjectId::from_bytes([4; 32]));
        let other = RefName::about("pins", &ObjectId::from_bytes([4; 32]));
        let file = [
            encode_attribute(&name, &state(1, 1)),
            encode_attribute(&name, &state(2, 2)),
            encode_attribute(&other, &state(3, 1)),
        ]
        .concat();
        let line = last_attribute(file.as_bytes(), &name).expect("a line");
        assert_eq!(decode_attribute(line), Some((name, state(2, 2))));
        let absent = RefName::about("checks", &ObjectId::from_bytes([5; 32]));
        assert_eq!(last_attribute(file.as_bytes(), &absent), None);
    }
}
