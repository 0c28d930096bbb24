//! A server with an agent, and a client that sends one request at a time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::serve::wire::Served;

/// A store with the agent `support`, and a server on it.
pub(super) struct Api {
    pub(super) place: Place,
    pub(super) server: Served,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Value,
}

impl Answer {
    /// A header, if it is there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn tag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no tag: {}", self.head)).to_owned()
    }

    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        if status >= 400 {
            assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
            assert_eq!(self.body["status"], status);
            // A command is of use only to who is where the store lies.
            let hint = self.body["hint"].as_str().unwrap_or_default();
            assert!(!hint.contains("recto ") || hint.contains("where the store lies"), "{hint}");
        }
        self
    }
}

impl Api {
    pub(super) fn new() -> Self {
        Self::with(|_| ()).0
    }

    /// A server on a store to which `prepare` did something before.
    pub(super) fn with<T>(prepare: impl FnOnce(&Place) -> T) -> (Self, T) {
        let place = Place::empty();
        place.recto(["init", "team"]).ok();
        place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
        let words =
            ["--store", "team", "agent", "new", "support", "--profile", "generic", "--from", "one.json"];
        place.recto(words.iter().chain(&["--activate"])).ok();
        let prepared = prepare(&place);
        let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
        (Self { place, server }, prepared)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], Some(body))
    }

    /// Sends a request; headers are whole lines.
    pub(super) fn ask(&self, method: &str, path: &str, headers: &[&str], body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, headers, body.as_bytes())
    }

    pub(super) fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        send_to(self.server.address, method, path, headers, body)
    }

    /// Makes a draft and gives its tag.
    pub(super) fn draft(&self, name: &str) -> String {
        self.post("/agents/support/drafts", &json!({"name": name})).is(201).tag()
    }

    /// Publishes a version in which the voice has that speed; gives its id.
    pub(super) fn publish(&self, speed: u64) -> String {
        let config = json!({"prompt": "Be kind.\n", "voice": {"speed": speed}});
        let body = json!({"config": config, "label": format!("speed {speed}")});
        let made = self.post("/agents/support/versions", &body).is(201);
        made.body["version"]["id"].as_str().expect("an id").to_owned()
    }
}

/// Sends a request to a server; any thread can.
pub(super) fn send_to(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it is there");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("set");
    let mut head = format!("{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("answered");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") };
    Answer { status, head: head.to_owned(), body }
}
