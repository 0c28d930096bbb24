//! Events: every operation of every process, in order, without loss over a break.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Api;

/// Somebody who listens.
struct Listening {
    lines: std::io::Lines<BufReader<TcpStream>>,
    last_id: String,
}

impl Listening {
    fn new(api: &Api, query: &str, last_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(api.server.address).expect("it is there");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let resume = last_id.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /api/v1/events{query} HTTP/1.1\r\nhost: localhost\r\n{resume}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut listening = Self { lines: BufReader::new(stream).lines(), last_id: String::new() };
        while listening.last_id.is_empty() {
            listening.line();
        }
        listening
    }

    fn line(&mut self) -> String {
        let line = self.lines.next().expect("it goes on").expect("it can be read");
        if let Some(id) = line.strip_prefix("id: ") {
            id.clone_into(&mut self.last_id);
        }
        line
    }

    /// The next operation.
    fn next(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }
}

#[test]
fn operations_of_any_process_are_told_soon_and_once() {
    let api = Api::new();
    let mut all = Listening::new(&api, "", None);
    let mut others = Listening::new(&api, "?agent=other*", None);
    let began = Instant::now();
    api.place.recto(["--store", "team", "draft", "new", "support@d"]).ok();
    let told = all.next();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(
        (&told["kind"], &told["agent"], &told["via"]),
        (&"draft-new".into(), &"support".into(), &"cli".into())
    );
    assert_eq!(told["changes"][0]["ref"], "drafts/d");
    api.post("/agents", &serde_json::json!({"handle": "other-1"})).is(201);
    assert_eq!(
        (all.next()["agent"].clone(), others.next()["agent"].clone()),
        ("other-1".into(), "other-1".into())
    );
}

#[test]
fn a_listener_who_comes_back_misses_nothing() {
    let api = Api::new();
    let mut listening = Listening::new(&api, "", None);
    api.publish(2);
    let first = listening.next();
    let last_id = listening.last_id.clone();
    drop(listening);
    let mut made: Vec<String> = Vec::new();
    for speed in 3..8 {
        api.publish(speed);
        let log = api.get("/agents/support/log?limit=1").is(200);
        made.push(log.body["operations"][0]["id"].as_str().expect("an id").to_owned());
    }
    let mut back = Listening::new(&api, "", Some(&last_id));
    let told: Vec<String> = (0..5).map(|_| back.next()["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(told, made);
    assert!(!told.contains(&first["id"].to_string()));
    let half = back.last_id.clone();
    drop(back);
    api.publish(9);
    assert_eq!(Listening::new(&api, "", Some(&half)).next()["kind"], "publish");
    api.ask("GET", "/events", &["last-event-id: nonsense"], None).is(400);
}

#[test]
fn a_server_that_ends_does_not_wait_for_its_listeners() {
    let mut api = Api::new();
    let listening = Listening::new(&api, "", None);
    let began = Instant::now();
    assert_eq!(api.server.terminate(), 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(listening);
}
