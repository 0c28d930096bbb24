//! Requests that no client sends: each is refused with a reason, and the store stays what it was.

use std::io::Write as _;
use std::net::TcpStream;

use recto::object::{Kind, Object};
use recto::pack::{Effort, PackWriter};

use super::served::{at, publish, team};
use super::wire::{Served, Wire};
use crate::harness::Place;
use crate::sync::bytes;

const ITEMS: &str = "content-type: application/vnd.recto.items+zstd\r\n";
const PACK: &str = "content-type: application/vnd.recto.pack\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// Demands that an answer is a refusal of this kind that says so.
#[track_caller]
fn refused(answer: &str, status: u16, says: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{says}: {answer}");
    assert!(answer.contains(says) && answer.contains("\"kind\""), "{says}: {answer}");
}

/// A server on `team`, and the body of the push of one new version to it.
fn pushed() -> (Place, Served, Vec<u8>) {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let wire = Wire::new(server.address);
    at(&place, ".", &["clone", &wire.url(), "ana"]);
    publish(&place, "ana", "agent0", "2");
    at(&place, "ana", &["push"]);
    let body = wire.body("push");
    (place, server, body)
}

#[test]
fn a_push_that_is_truncated_or_sent_again_does_nothing() {
    let (place, server, body) = pushed();
    // The store as it was before this push would take it; this one has it, and takes no part of it twice.
    let before = bytes(&place.path("team"));
    for cut in (0..body.len()).step_by(64).chain([body.len() - 1]) {
        let answer = server.post("push", ITEMS, &body[..cut]);
        refused(&answer, 400, "the request");
        let head = format!(
            "POST /sync/v1/push HTTP/1.1\r\nhost: localhost\r\n{ITEMS}content-length: {}\r\n\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend(&body[..cut]);
        // Nobody is there to be told.
        let answer = server.cut_off(&bytes);
        assert!(!answer.starts_with("HTTP/1.1 200"), "cut at {cut}: {answer}");
    }
    let answer = server.post("push", ITEMS, &body);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#"{"results":["moved"]}"#), "{answer}");
    assert!(bytes(&place.path("team")) == before, "something was written");
    at(&place, "team", &["fsck"]);
}

#[test]
fn a_push_that_is_truncated_before_it_ever_came_whole_does_nothing() {
    let place = team(1);
    place.recto(["init", "other"]).ok();
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let wire = Wire::new(server.address);
    at(&place, ".", &["clone", &wire.url(), "ana"]);
    publish(&place, "ana", "agent0", "2");
    // The answer to the push never comes, and the push itself not wholly: what was heard of it is all there is.
    let copy = place.path("before");
    copied(&place.path("team"), &copy);
    at(&place, "ana", &["push"]);
    let body = wire.body("push");
    drop(server);
    let server = Served::new(&place, "before", "127.0.0.1:0", &[]);
    let before = bytes(&copy);
    for cut in (0..body.len()).step_by(64).chain([body.len() - 1]) {
        refused(&server.post("push", ITEMS, &body[..cut]), 400, "the request");
    }
    assert!(bytes(&copy) == before, "something was written");
    let answer = server.post("push", ITEMS, &body);
    assert!(answer.contains("committed"), "{answer}");
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn pack(texts: &[&str]) -> Vec<u8> {
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    for text in texts {
        let object = Object { kind: Kind::Block, payload: text.as_bytes().to_vec() };
        writer.add(&object, None).expect("added");
    }
    writer.finish().expect("ended").1
}

/// Sixteen MiB of nothing in some hundred bytes, again and again.
fn bomb() -> Vec<u8> {
    let mut bytes = pack(&["x"])[..8].to_vec();
    for number in 0..20u8 {
        let mut payload = vec![0; 16 * 1024 * 1024];
        payload[0] = number;
        // A frame without its magic number.
        let body = zstd::bulk::compress(&payload, 3).expect("compressed").split_off(4);
        let mut head = vec![1 << 4 | Kind::Block.as_byte()];
        for mut length in [payload.len(), body.len()] {
            while length >= 0x80 {
                head.push(length.to_le_bytes()[0] | 0x80);
                length >>= 7;
            }
            head.push(length.to_le_bytes()[0]);
        }
        let hash = blake3::Hasher::new().update(&head).update(&body).finalize();
        bytes.extend([head, body, hash.as_bytes()[..4].to_vec()].concat());
    }
    bytes
}

#[test]
fn packs_that_are_wrong_are_refused() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let good = pack(&["one object", "another one"]);
    let before = bytes(&place.path("team/.recto/agents"));
    for at in [8, 12, 20, good.len() / 2, good.len() - 40, good.len() - 1] {
        let mut wrong = good.clone();
        wrong[at] ^= 1;
        refused(&server.post("stage", PACK, &wrong), 422, "the pack cannot be taken in");
    }
    for cut in (0..good.len()).step_by(16) {
        refused(&server.post("stage", PACK, &good[..cut]), 422, "the pack cannot be taken in");
    }
    refused(&server.post("stage", PACK, &bomb()), 422, "too many for its size");
    assert!(server.post("stage", PACK, &good).starts_with("HTTP/1.1 200"));
    assert!(bytes(&place.path("team/.recto/agents")) == before, "something was written");
    at(&place, "team", &["fsck"]);
}

#[test]
fn requests_that_are_malformed_are_refused() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let before = bytes(&place.path("team"));
    for route in ["tips", "chains", "lines", "objects", "lacks"] {
        refused(&server.post(route, "content-type: text/html\r\n", b"{}"), 415, "content-type");
        refused(&server.post(route, JSON, b"{\"agents\": ["), 400, "cannot be read");
        refused(&server.post(route, JSON, b"\"\xff\xfe\""), 400, "cannot be read");
        refused(&server.post(route, JSON, "[".repeat(100_000).as_bytes()), 400, "cannot be read");
        let encoded = format!("{JSON}content-encoding: br\r\n");
        refused(&server.post(route, &encoded, b"{}"), 415, "content-encoding");
        let zstd = format!("{JSON}content-encoding: zstd\r\n");
        refused(&server.post(route, &zstd, b"no zstd"), 400, "cannot be read");
        let other = format!("{JSON}recto-protocol: 2\r\n");
        refused(&server.post(route, &other, b"{}"), 400, "'2', and this server speaks '1'");
    }
    refused(&server.post("tips", JSON, br#"{"agents": ["../../etc/passwd"]}"#), 400, "cannot be read");
    refused(&server.post("push", JSON, b"{}"), 415, "content-type");
    refused(&server.post("push", ITEMS, b"no zstd"), 400, "cannot be read");
    for items in ["{\"end\"}\n", "{\"agent\": {}}\n", "\"end\"\nmore", "\"end\""] {
        let body = zstd::bulk::compress(items.as_bytes(), 3).expect("compressed");
        refused(&server.post("push", ITEMS, &body), 400, "the request");
    }
    let browser = format!("{JSON}origin: http://example.com\r\n");
    refused(&server.post("tips", &browser, b"{}"), 403, "browser");
    refused(
        &server.raw(b"GET /sync/v2/agents HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
        404,
        "sync protocol 1",
    );
    for path in ["/sync/v1/packs/../../agents", "/..", "/sync/v1/packs/%2e%2e%2fformat", "/sync/v1/packs/xyz"]
    {
        let answer = server
            .raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes());
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
    }
    let deleted =
        server.raw(b"DELETE /sync/v1/agents HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    refused(&deleted, 405, "does not take");
    assert!(bytes(&place.path("team")) == before, "something was written");
}

#[test]
fn heads_that_are_no_heads_do_no_harm() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let many: String = (0..10_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(1 << 20));
    let answer = server.raw(long.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let chunks = format!(
        "POST /sync/v1/tips HTTP/1.1\r\nhost: localhost\r\n{JSON}connection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{{}}"
    );
    let answer = server.raw(chunks.as_bytes());
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    for rubbish in
        [&b"\0\x01\x02\r\n\r\n"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    {
        assert!(!server.cut_off(rubbish).starts_with("HTTP/1.1 200"));
    }
    // Who sends nothing holds nobody up.
    let idle: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("it is there");
            stream.write_all(b"POST /sync/v1/push HTTP/1.1\r\nhost: localhost\r\n").expect("sent");
            stream
        })
        .collect();
    at(&place, ".", &["clone", &server.url(), "ana"]);
    drop(idle);
    assert!(!server.log().contains("panic"), "{}", server.log());
}
