//! A quick writer for log lines: straight to canonical JSON, for records with known fields only. What it writes
//! is what the general writer would write.

use std::fmt::Display;
use std::io::Write as _;

use crate::encoding::{Digest, Frame, canonical};
use crate::refs::Target;

use super::record::{Change, Former, Record, RecordId};

/// Integers up to this magnitude are written digit by digit (2^53).
const EXACT_MAX: u64 = 1 << 53;

/// A record as canonical JSON without `id` and `sig`, and where these would stand.
pub(super) struct Body {
    bytes: Vec<u8>,
    id_at: usize,
    sig_at: usize,
}

impl Body {
    /// Writes a record; `None` when it takes the general writer.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let exact = |former: &Former| former.revision <= EXACT_MAX;
        let plain = |change: &Change| change.ext.is_empty() && change.resumes.as_ref().is_none_or(exact);
        if !record.ext.is_empty() || !record.changes.iter().all(plain) {
            return None;
        }
        let mut out = Vec::new();
        out.extend_from_slice(b"{\"actor\":{");
        if let Some(email) = &record.actor.email {
            member(&mut out, "\"email\":", email);
            out.push(b',');
        }
        member(&mut out, "\"name\":", &record.actor.name);
        out.push(b'}');
        if let Some(agent) = &record.agent {
            digest(&mut out, ",\"agent\":", agent.digest());
        }
        out.extend_from_slice(b",\"changes\":[");
        for (at, one) in record.changes.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            change(&mut out, one);
        }
        out.extend_from_slice(b"],\"cites\":[");
        for (at, id) in record.cites.iter().enumerate() {
            digest(&mut out, if at > 0 { "," } else { "" }, *id);
        }
        out.push(b']');
        let id_at = out.len();
        member(&mut out, ",\"kind\":", &record.kind);
        quoted(&mut out, ",\"nonce\":", super::StoreId(record.nonce));
        member(&mut out, ",\"note\":", &record.note);
        match record.prev {
            Some(prev) => digest(&mut out, ",\"prev\":", prev.digest()),
            None => out.extend_from_slice(b",\"prev\":null"),
        }
        let sig_at = out.len();
        quoted(&mut out, ",\"store\":", record.store);
        put(&mut out, format_args!(",\"time\":{}", record.time.as_ms()));
        member(&mut out, ",\"via\":", &record.via);
        out.push(b'}');
        Some(Self { bytes: out, id_at, sig_at })
    }

    /// The id of the record.
    pub(super) fn id(&self) -> RecordId {
        RecordId::from_digest(Digest::of(Frame::Record, &self.bytes))
    }

    /// The line, with its newline, of a record of that id.
    pub(super) fn line(&self, id: RecordId, sig: Option<&str>) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.bytes.len() + 128);
        line.extend_from_slice(&self.bytes[..self.id_at]);
        digest(&mut line, ",\"id\":", id.digest());
        line.extend_from_slice(&self.bytes[self.id_at..self.sig_at]);
        if let Some(sig) = sig {
            member(&mut line, ",\"sig\":", sig);
        }
        line.extend_from_slice(&self.bytes[self.sig_at..]);
        line.push(b'\n');
        line
    }
}

fn change(out: &mut Vec<u8>, change: &Change) {
    out.push(b'{');
    if !change.blocks.is_empty() {
        out.extend_from_slice(b"\"blocks\":[");
        for (at, name) in change.blocks.iter().enumerate() {
            member(out, if at > 0 { "," } else { "" }, name.as_str());
        }
        out.extend_from_slice(b"],");
    }
    if let Some(name) = &change.continues {
        member(out, "\"continues\":", name.as_str());
        out.push(b',');
    }
    target(out, "\"from\":", change.from.as_ref());
    member(out, ",\"ref\":", change.name.as_str());
    if let Some(Former { created, revision }) = change.resumes {
        digest(out, ",\"resumes\":{\"created\":", created.digest());
        put(out, format_args!(",\"revision\":{revision}}}"));
    }
    target(out, ",\"to\":", change.to.as_ref());
    out.push(b'}');
}

/// A text behind its key.
fn member(out: &mut Vec<u8>, key: &str, text: &str) {
    out.extend_from_slice(key.as_bytes());
    canonical::write_text(out, text);
}

/// What is written without anything that has to be escaped: ids and ref names.
fn quoted(out: &mut Vec<u8>, key: &str, plain: impl Display) {
    put(out, format_args!("{key}\"{plain}\""));
}

/// The same for an id, of which logs are full.
fn digest(out: &mut Vec<u8>, key: &str, id: Digest) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'"');
    out.extend_from_slice(&id.to_hex());
    out.push(b'"');
}

fn target(out: &mut Vec<u8>, key: &str, target: Option<&Target>) {
    match target {
        Some(Target::Id(id)) => digest(out, key, id.digest()),
        Some(name @ Target::Ref(_)) => quoted(out, key, name),
        None => {
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"null");
        }
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("it writes to memory");
}
