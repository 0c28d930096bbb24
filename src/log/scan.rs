//! A quick reader for log lines as this build writes them: canonical JSON with known fields and
//! plain ASCII texts. Every other line is left to the general reader, which judges it; what is read
//! here is what that one would read.

use std::ops::Range;
use std::str::FromStr;

use serde_json::Map;

use crate::clock::Time;
use crate::encoding::{Digest, Frame};
use crate::object::{Author, BlockName};
use crate::refs::{RefName, Target};

use super::record::{Change, Record, RecordId, StoreId};

/// Reads a line, without its newline; `None` when it takes the general reader.
pub(super) fn record(line: &[u8]) -> Option<(RecordId, Record)> {
    read(line).map(|(id, record, _)| (id, record))
}

/// The same with the id to which the line hashes: what is read here is in canonical form, so the record
/// without its id is the line without that member.
pub(super) fn hashed(line: &[u8]) -> Option<(RecordId, Record, RecordId)> {
    let (id, record, of_id) = read(line)?;
    let body = [&line[..of_id.start], &line[of_id.end..]].concat();
    Some((id, record, RecordId::from_digest(Digest::of(Frame::Record, &body))))
}

/// Reads a line, and where its id stands.
fn read(line: &[u8]) -> Option<(RecordId, Record, Range<usize>)> {
    let mut scan = Scan { line, at: 0 };
    scan.token("{\"actor\":{")?;
    let email = if scan.has("\"email\":") {
        let email = scan.owned()?;
        scan.token(",")?;
        Some(email)
    } else {
        None
    };
    scan.token("\"name\":")?;
    let actor = Author { name: scan.owned()?, email };
    scan.token("},")?;
    let agent = if scan.has("\"agent\":") {
        let agent = scan.parsed()?;
        scan.token(",")?;
        Some(agent)
    } else {
        None
    };
    scan.token("\"changes\":")?;
    let changes = scan.list(Scan::change)?;
    scan.token(",\"cites\":")?;
    let cites: Vec<Digest> = scan.list(Scan::parsed)?;
    let id_at = scan.at;
    scan.token(",\"id\":")?;
    let id: RecordId = scan.parsed()?;
    let of_id = id_at..scan.at;
    scan.token(",\"kind\":")?;
    let kind = scan.owned()?;
    scan.token(",\"nonce\":")?;
    let nonce: StoreId = scan.parsed()?;
    scan.token(",\"note\":")?;
    let note = scan.owned()?;
    scan.token(",\"prev\":")?;
    let prev = scan.nullable()?;
    scan.token(",\"store\":")?;
    let store = scan.parsed()?;
    scan.token(",\"time\":")?;
    let time = scan.time()?;
    scan.token(",\"via\":")?;
    let via = scan.owned()?;
    scan.token("}")?;
    let (nonce, ext) = (nonce.0, Map::new());
    let record =
        Record { prev, store, agent, nonce, kind, actor, via, time, changes, cites, note, sig: None, ext };
    (scan.at == line.len()).then_some((id, record, of_id))
}

/// What was read of a line so far.
struct Scan<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn has(&mut self, token: &str) -> bool {
        let here = self.line[self.at..].starts_with(token.as_bytes());
        self.at += if here { token.len() } else { 0 };
        here
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.has(token).then_some(())
    }

    /// A text of printable ASCII without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.token("\"")?;
        let rest = &self.line[self.at..];
        let text = &rest[..memchr::memchr(b'"', rest)?];
        let plain = text.iter().all(|byte| (0x20..0x7f).contains(byte) && *byte != b'\\');
        self.at += text.len() + 1;
        std::str::from_utf8(text).ok().filter(|_| plain)
    }

    fn owned(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    fn parsed<T: FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    fn nullable<T: FromStr>(&mut self) -> Option<Option<T>> {
        if self.has("null") { Some(None) } else { self.parsed().map(Some) }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.token("[")?;
        if self.has("]") {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.has("]") {
                return Some(items);
            }
            self.token(",")?;
        }
    }

    fn change(&mut self) -> Option<Change> {
        self.token("{")?;
        let mut blocks: Vec<BlockName> = Vec::new();
        if self.has("\"blocks\":") {
            blocks = self.list(Self::parsed)?;
            self.token(",")?;
            if blocks.is_empty() {
                return None;
            }
        }
        let mut continues: Option<RefName> = None;
        if self.has("\"continues\":") {
            continues = Some(self.parsed()?);
            self.token(",")?;
        }
        self.token("\"from\":")?;
        let from: Option<Target> = self.nullable()?;
        self.token(",\"ref\":")?;
        let name: RefName = self.parsed()?;
        // What resumes a ref that was removed is rare, and left to the general reader.
        self.token(",\"to\":")?;
        let to: Option<Target> = self.nullable()?;
        self.token("}")?;
        Some(Change { continues, blocks, ..Change::new(name, from, to) })
    }

    /// A whole number in its shortest form; one of more than 15 digits is no time of these days.
    fn time(&mut self) -> Option<Time> {
        let rest = &self.line[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 15 || (digits > 1 && rest[0] == b'0') {
            return None;
        }
        self.at += digits;
        let ms = rest[..digits].iter().fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
        Time::from_ms(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectId;

    fn samples() -> Vec<Record> {
        let target = Some(Target::Id(ObjectId::from_bytes([5; 32])));
        let name = |text: &str| text.parse::<RefName>().expect("a ref name");
        let plain = Record {
            prev: None,
            store: StoreId([1; 16]),
            agent: None,
            nonce: [2; 16],
            kind: "publish".to_owned(),
            actor: Author { name: "Ana".to_owned(), email: None },
            via: "cli".to_owned(),
            time: Time::from_ms(0).expect("a time"),
            changes: Vec::new(),
            cites: Vec::new(),
            note: String::new(),
            sig: None,
            ext: Map::new(),
        };
        let id = plain.id();
        let moved = Change::new(name("versions"), None, target.clone())
            .touching(vec!["voice".parse().expect("a name"), "llm".parse().expect("a name")]);
        let renamed =
            Change { continues: Some(name("drafts/a")), ..Change::new(name("drafts/b"), target, None) };
        let full = Record {
            prev: Some(id),
            agent: Some(id),
            actor: Author { name: "Ana".to_owned(), email: Some("ana@example.com".to_owned()) },
            time: Time::from_ms(1_772_892_180_000).expect("a time"),
            changes: vec![moved, renamed],
            cites: vec![Digest::from_bytes([9; 32]), Digest::from_bytes([8; 32])],
            note: "why not?".to_owned(),
            ..plain.clone()
        };
        vec![plain, full]
    }

    fn line_of(record: &Record) -> Vec<u8> {
        record.to_line().1.strip_suffix(b"\n").expect("a newline").to_vec()
    }

    #[test]
    fn lines_of_this_build_are_read() {
        for sample in samples() {
            assert_eq!(record(&line_of(&sample)), Some((sample.id(), sample)));
        }
    }

    #[test]
    fn whatever_is_read_is_what_the_general_reader_reads() {
        for line in samples().iter().map(line_of) {
            for at in 0..line.len() {
                for byte in *b"\"\\,:{}[]0x\n\x7f\xc3" {
                    let mut other = line.clone();
                    other[at] = byte;
                    let inserted = [&line[..at], &[byte], &line[at..]].concat();
                    for other in [other, inserted, line[..at].to_vec()] {
                        if let Some((id, read, own)) = hashed(&other) {
                            let shown = String::from_utf8_lossy(&other).into_owned();
                            assert_eq!(own, read.id(), "{shown}");
                            // It is in canonical form but for the id that it carries.
                            let canonical = String::from_utf8(line_of(&read)).expect("text");
                            assert_eq!(canonical.replace(&own.to_string(), &id.to_string()), shown);
                            assert_eq!(Record::read_any(&other), Ok((id, read)), "{shown}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn other_lines_are_left_alone() {
        let [plain, _] = samples().try_into().expect("two samples");
        let changes: [fn(&mut Record); 5] = [
            |record| record.note = "naïve".to_owned(),
            |record| record.note = "two\nlines".to_owned(),
            |record| record.sig = Some("x".to_owned()),
            |record| drop(record.ext.insert("zone".to_owned(), 1.into())),
            |record| record.time = Time::from_ms(-1).expect("a time"),
        ];
        for change in changes {
            let mut other = plain.clone();
            change(&mut other);
            assert_eq!(record(&line_of(&other)), None, "{other:?}");
            assert_eq!(Record::from_line(&line_of(&other)), Ok((other.id(), other)));
        }
    }
}
