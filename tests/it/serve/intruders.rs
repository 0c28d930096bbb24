//! Clients that send what no client sends, to every API of agents: each is refused, nobody else waits for them,
//! memory stays within bounds, and the store what it was.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::served::{at, team};
use super::wire::Served;
use crate::harness::Place;
use crate::sync::bytes;

/// A route of each API that takes a body.
const ROUTES: [&str; 3] =
    ["/api/v1/agents/agent0/drafts", "/atoms/v1/agent", "/thinnest/agents/help/publish"];
const HELPDESK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/thinnest-helpdesk.json");
/// What a server may take in memory for one large request, in bytes.
const MEMORY_MAX_BYTES: u64 = 700 * 1024 * 1024;
/// How soon others are answered.
const SOON: Duration = Duration::from_secs(5);

fn served() -> (Place, Served, Vec<(String, Vec<u8>)>) {
    let place = team(1);
    at(&place, "team", &["import", HELPDESK, "--as", "help"]);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let before = bytes(&place.path("team"));
    (place, server, before)
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// Demands that a server answers others soon.
#[track_caller]
fn answers(server: &Served) {
    let began = Instant::now();
    for path in ["/api/v1/agents/agent0", "/atoms/v1/agent", "/api/v1/agents/agent0/active"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(status(&server.raw(head.as_bytes())), 200, "{path}");
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// Demands that nothing was written, nothing failed, and the store is sound.
#[track_caller]
fn unharmed(place: &Place, server: &Served, before: &[(String, Vec<u8>)]) {
    answers(server);
    assert!(bytes(&place.path("team")) == before, "something was written");
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("panic"), "{log}");
    at(place, "team", &["fsck"]);
}

#[test]
fn who_sends_slowly_holds_nobody_up() {
    let (place, server, before) = served();
    let small = "content-length: 1000\r\n\r\n{";
    let large = "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
    let mut slow = Vec::new();
    // More than there are turns: of each kind, on each API.
    for number in 0..120 {
        let (route, rest) = (ROUTES[number % 3], if number % 4 == 0 { large } else { small });
        let mut stream = TcpStream::connect(server.address).expect("it is there");
        let head = format!("POST {route} HTTP/1.1\r\nhost: localhost\r\n{rest}");
        stream.write_all(head.as_bytes()).expect("sent");
        slow.push(stream);
    }
    for _ in 0..3 {
        answers(&server);
        let made = server.raw(
            b"POST /api/v1/agents/agent0/undo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        );
        assert_eq!(status(&made), 409, "{made}");
        for stream in &mut slow {
            stream.write_all(b"1\r\n \r\n").expect("a little more");
        }
    }
    drop(slow);
    unharmed(&place, &server, &before);
}

#[test]
fn what_is_cut_off_does_nothing() {
    let (place, server, before) = served();
    let bodies = [r#"{"name": "cut-off"}"#, r#"{"name": "Cut off"}"#, r#"{"version_label": "cut off"}"#];
    for (route, body) in ROUTES.iter().zip(bodies) {
        let length = format!("content-length: {}\r\n\r\n{body}", body.len());
        let chunked = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        for rest in [length, chunked] {
            let whole = format!("POST {route} HTTP/1.1\r\nhost: localhost\r\n{rest}");
            // All but the last bytes, which for a body in chunks are no longer its own.
            for cut in (1..whole.len() - 5).step_by(9) {
                let answer = server.cut_off(&whole.as_bytes()[..cut]);
                assert!(
                    answer.is_empty() || (400..500).contains(&status(&answer)),
                    "{cut} {route}: {answer}"
                );
            }
        }
    }
    unharmed(&place, &server, &before);
}

#[test]
fn what_is_too_much_is_refused_and_takes_no_memory() {
    let (place, server, before) = served();
    let gib = 1u64 << 30;
    for route in ROUTES {
        let head = format!("POST {route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let declared = server.raw(format!("{head}content-length: {gib}\r\n\r\n{{").as_bytes());
        assert_eq!(status(&declared), 413, "{declared}");
        let mut stream = TcpStream::connect(server.address).expect("it is there");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).expect("sent");
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        let sent = (0..gib >> 20).take_while(|_| stream.write_all(&chunk).is_ok()).count();
        assert!(sent < 200, "{sent} MiB were taken");
        let mut answer = Vec::new();
        // It may have closed before it was read.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || status(&answer) == 413, "{answer}");
    }
    // Little text that is many values.
    let many = ["{\"x\": [0", &",0".repeat(17 << 20), "]}"].concat();
    let head = format!("POST {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", ROUTES[0]);
    let answer = server.raw(format!("{head}content-length: {}\r\n\r\n{many}", many.len()).as_bytes());
    assert!(status(&answer) == 413 && answer.contains("memory"), "{answer}");
    // A compressed body is not what it is sent for: it is not expanded.
    let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 1).expect("compressed");
    for (route, encoding) in ROUTES.iter().zip(["zstd", "gzip", "zstd"]) {
        let head = format!(
            "POST {route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-encoding: {encoding}\r\n"
        );
        let mut request = format!("{head}content-length: {}\r\n\r\n", bomb.len()).into_bytes();
        request.extend(&bomb);
        let answer = server.raw(&request);
        assert!([400, 415, 422].contains(&status(&answer)), "{route}: {answer}");
    }
    assert!(server.peak_bytes() < MEMORY_MAX_BYTES, "{} bytes", server.peak_bytes());
    unharmed(&place, &server, &before);
}

#[test]
fn what_no_client_sends_is_refused() {
    let (place, server, before) = served();
    let post = |route: &str, header: &[u8], body: &[u8]| {
        let head = format!("POST {route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let length = format!("content-length: {}\r\n\r\n", body.len());
        let answer = server.raw(&[head.as_bytes(), header, length.as_bytes(), body].concat());
        (status(&answer), answer)
    };
    let deep = "[".repeat(100_000);
    let huge = format!("{{\"name\": {}}}", "9".repeat(100_000));
    for route in ROUTES {
        for body in [
            &b"\xff\xfe{}"[..],
            b"{\"name\": \"\xc3\x28\"}",
            b"{\"name\": \"a\", \"name\": \"b\"}",
            b"{\"name\": \"\\ud800\"}",
            b"{\"name\": 1e999}",
            b"[]",
            b"{",
            b"null",
            deep.as_bytes(),
            huge.as_bytes(),
        ] {
            let (status, answer) = post(route, b"", body);
            assert!((400..500).contains(&status), "{route} {:?}: {answer}", &body[..body.len().min(40)]);
        }
        for header in
            [&b"host: two\r\n"[..], b"origin: http://example.com\r\n", b"sec-fetch-site: cross-site\r\n"]
        {
            let (status, answer) = post(route, header, b"{");
            assert!([400, 403].contains(&status), "{answer}");
        }
        let chunks =
            ["zz\r\n{}", "-1\r\n{}", "ffffffffffffffffff\r\n{}", "2\r\n{}{}\r\n0\r\n\r\n", "2;x=\"\r\n"];
        for rubbish in chunks {
            let head = format!("POST {route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
            let answer =
                server.cut_off(format!("{head}transfer-encoding: chunked\r\n\r\n{rubbish}").as_bytes());
            assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{rubbish}: {answer}");
        }
        let both = "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n";
        let answer = server.cut_off(format!("POST {route} HTTP/1.1\r\nhost: localhost\r\n{both}").as_bytes());
        assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
        let rebound = "host: evil.example\r\norigin: http://evil.example\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        let answer = server.raw(format!("POST {route} HTTP/1.1\r\n{rebound}").as_bytes());
        assert_eq!(status(&answer), 403, "{answer}");
    }
    let get = |target: &str| {
        server.raw(format!("{target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
    };
    for path in [
        "%2e%2e",
        "..",
        "%2f",
        "agent0%2f..%2fagent0",
        "%00",
        "%ff%fe",
        "%",
        "%zz",
        "AGENT0",
        "agent0%0a",
        "*",
    ] {
        for root in ["/api/v1/agents", "/atoms/v1/agent", "/thinnest/agents"] {
            for rest in ["", "/active", "/versions/V1", "/drafts/%2e%2e", "/status"] {
                let answer = get(&format!("GET {root}/{path}{rest}"));
                assert!((400..500).contains(&status(&answer)), "{root}/{path}{rest}: {answer}");
            }
        }
    }
    let many: String = (0..10_000).map(|number| format!("x-{number}: y\r\n")).collect();
    for route in ROUTES {
        let answer = server.raw(format!("GET {route} HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes());
        assert_eq!(status(&answer), 431, "{answer}");
        for method in ["OPTIONS", "TRACE", "PUT", "PROPFIND"] {
            assert!([404, 405].contains(&status(&get(&format!("{method} {route}")))), "{method} {route}");
        }
    }
    assert_eq!(status(&get("GET /api/v1/agents?limit=99999999999999999999")), 400);
    assert_eq!(status(&get("GET /api/v1/agents?%ff=%fe")), 400);
    unharmed(&place, &server, &before);
}

#[test]
fn what_is_odd_and_allowed_is_answered() {
    let (place, server, before) = served();
    let head = |target: &str, host: &str| format!("{target} HTTP/1.1\r\nhost: {host}\r\n");
    let agent = "/api/v1/agents/agent0";
    let piped =
        [head(&format!("GET {agent}"), "localhost"), head(&format!("HEAD {agent}/active"), "[::1]:80")];
    let last = format!("{}connection: close\r\n", head("GET /atoms/v1/agent", "127.0.0.1"));
    let answer = server.raw(format!("{}\r\n{}\r\n{last}\r\n", piped[0], piped[1]).as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "in one piece: {answer}");
    let absolute = head(&format!("GET http://localhost{agent}"), "localhost");
    assert_eq!(status(&server.raw(format!("{absolute}connection: close\r\n\r\n").as_bytes())), 200);
    let absolute = head(&format!("GET http://localhost{agent}"), "evil.example");
    assert_eq!(status(&server.raw(format!("{absolute}connection: close\r\n\r\n").as_bytes())), 403);
    // Byte by byte, and right.
    let mut stream = TcpStream::connect(server.address).expect("it is there");
    let whole = format!("{}connection: close\r\n\r\n", head(&format!("GET {agent}/active"), "localhost"));
    for byte in whole.bytes() {
        stream.write_all(&[byte]).expect("sent");
        thread::yield_now();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert_eq!(status(&answer), 200, "{answer}");
    unharmed(&place, &server, &before);
}
