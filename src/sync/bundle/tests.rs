//! Bundles that say what no bundle can say, with a digest that is right.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};

use super::format::{self, Footer, HEADER_BYTES};
use super::{Bundle, BundleError};
use crate::disk::{RealDisk, SharedDisk};
use crate::encoding::digest::Stream;
use crate::encoding::{Frame, canonical};
use crate::error::{Classify as _, Kind};

const LINES: usize = 5000;

fn digits(digit: &str, count: usize) -> String {
    digit.repeat(count)
}

/// The body and the manifest of a bundle with one agent and one segment.
fn plain() -> (Vec<u8>, Value) {
    let body = zstd::bulk::compress(&[b'x'; LINES], 3).expect("compressed");
    let manifest = json!({
        "agents": [{
            "chains": [{
                "end": {"bytes": LINES, "record": digits("1", 64)},
                "since": null,
                "store": digits("2", 32),
            }],
            "handle": "support",
            "id": digits("3", 64),
            "latest": null,
            "version": null,
        }],
        "drafts": false,
        "lines": [{"expanded_bytes": LINES, "size_bytes": body.len()}],
        "made": 0,
        "packs": [],
        "store": digits("2", 32),
    });
    (body, manifest)
}

fn sealed(body: &[u8], manifest: &[u8]) -> Vec<u8> {
    let mut bytes = [&format::header()[..], body, manifest].concat();
    let manifest_at = HEADER_BYTES + body.len() as u64;
    bytes.extend(Footer { manifest_at, manifest_bytes: manifest.len() as u64 }.to_bytes());
    seal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hash = Stream::new(Frame::Bundle);
    hash.update(&bytes);
    bytes.extend(hash.finish().as_bytes());
    bytes
}

/// Opens bytes as a bundle and reads all of its lines.
fn opened(bytes: &[u8]) -> Result<usize, BundleError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.bundle");
    fs::write(&path, bytes).expect("written");
    let disk: SharedDisk = Arc::new(RealDisk::new());
    let bundle = Bundle::open(&disk, &path)?;
    let mut read = 0;
    for at in 0..bundle.manifest().agents.len() {
        read += bundle.lines(at)?.concat().len();
    }
    Ok(read)
}

#[track_caller]
fn refused(bytes: &[u8], kind: Kind, words: &str) {
    let error = opened(bytes).expect_err("it is refused");
    assert!(error.kind() == kind && error.to_string().contains(words), "{error}");
}

#[test]
fn a_plain_one_is_read() {
    let (body, manifest) = plain();
    assert_eq!(opened(&sealed(&body, &canonical::to_vec(&manifest))).expect("it is read"), LINES);
}

#[test]
fn other_files_forms_and_ends_are_refused() {
    let (body, manifest) = plain();
    let whole = sealed(&body, &canonical::to_vec(&manifest));
    refused(b"", Kind::Refused, "not a bundle");
    refused(b"RPAK\x01\0\0\0", Kind::Refused, "not a bundle");
    refused(&[b"RBDL\x02\0\0\0", &whole[8..]].concat(), Kind::Refused, "form 2");
    for end in [8, 50, whole.len() - 33, whole.len() - 1] {
        refused(&whole[..end], Kind::Corrupt, "cut off");
    }
    let mut other = whole.clone();
    other[20] ^= 1;
    refused(&other, Kind::Corrupt, "damaged");
    let unsealed = &whole[..whole.len() - 32];
    for (at, words) in
        [(0, "manifest does not end"), (8, "manifest does not end"), (15, "longer than"), (24, "zeros")]
    {
        let mut other = unsealed.to_vec();
        let place = unsealed.len() - 32 + at;
        other[place] ^= 0x40;
        refused(&seal(other), Kind::Corrupt, words);
    }
}

#[test]
fn manifests_that_do_not_add_up_are_refused() {
    let check = |pointer: &str, value: Value, words: &str| {
        let (body, mut manifest) = plain();
        *manifest.pointer_mut(pointer).expect("it is there") = value;
        refused(&sealed(&body, &canonical::to_vec(&manifest)), Kind::Corrupt, words);
    };
    let chain = "/agents/0/chains/0";
    let at = |bytes: u64, digit: &str| json!({"bytes": bytes, "record": digits(digit, 64)});
    check("/lines/0/expanded_bytes", json!(1_u64 << 40), "more lines than it can hold");
    check("/lines/0/expanded_bytes", json!(LINES + 1), "lines that it lists");
    check("/lines/0/expanded_bytes", json!(LINES - 1), "lines that it lists");
    check("/lines/0/size_bytes", json!(1_u64 << 50), "not as long as it says");
    check("/lines", json!([]), "lines that it lists");
    check(&format!("{chain}/end/bytes"), json!(0), "ends before it begins");
    check(&format!("{chain}/end/bytes"), json!(u64::MAX), "does not say all");
    check(&format!("{chain}/end"), at(LINES as u64 + 1, "1"), "lines that it lists");
    check(&format!("{chain}/since"), at(LINES as u64 + 1, "1"), "ends before it begins");
    check(&format!("{chain}/since"), at(LINES as u64, "9"), "cannot be");
    check(&format!("{chain}/since"), at(0, "9"), "begins after nothing");
    check(&format!("{chain}/store"), json!(digits("4", 32)), "no log of its own store");
    check("/agents/0/chains", json!([]), "no log of its own store");
    check("/agents/0/handle", json!("../up"), "does not say all");
    check("/agents/0/version", json!({"id": digits("5", 64), "number": 1}), "a version and no log");
    check("/made", json!(i64::MAX), "manifest");
    check(
        "/packs",
        json!([{"id": digits("6", 64), "objects": 1, "size_bytes": 9, "thin": false}]),
        "as long as it says",
    );
    check("/drafts", json!("yes"), "does not say all");
    let (body, manifest) = plain();
    let agent = &manifest["agents"][0];
    check("/agents", json!([agent, agent]), "in order");
    let mut more = manifest.clone();
    more["unknown"] = json!(1);
    refused(&sealed(&body, &canonical::to_vec(&more)), Kind::Corrupt, "does not say all");
    let spaced = serde_json::to_vec_pretty(&manifest).expect("JSON");
    refused(&sealed(&body, &spaced), Kind::Corrupt, "canonical");
    refused(&sealed(&body, b"{}{"), Kind::Corrupt, "no JSON");
}

#[test]
fn lines_that_are_not_as_long_as_said_are_refused_and_no_bomb_goes_off() {
    let (_, manifest) = plain();
    let resized = |body: &[u8], expanded: usize| {
        let mut manifest = manifest.clone();
        manifest["lines"][0] = json!({"expanded_bytes": expanded, "size_bytes": body.len()});
        manifest["agents"][0]["chains"][0]["end"]["bytes"] = json!(expanded);
        sealed(body, &canonical::to_vec(&manifest))
    };
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("compressed");
    refused(&resized(&bomb, LINES), Kind::Corrupt, "not as long as it says");
    refused(&resized(&bomb, 64 << 20), Kind::Corrupt, "more lines than it can hold");
    let short = zstd::bulk::compress(&[b'x'; LINES - 1], 3).expect("compressed");
    refused(&resized(&short, LINES), Kind::Corrupt, "not as long as it says");
    refused(&resized(b"no frame at all", LINES), Kind::Corrupt, "do not decompress");
}
