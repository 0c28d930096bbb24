//! Two servers and the command line writing the same agents at once, through every API, while one of the servers
//! is killed again and again: what was acknowledged is there once, and every refusal is one of its dialect.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::served::at;
use super::wire::Served;
use crate::harness::Place;

const HELPDESK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/thinnest-helpdesk.json");
/// Versions that each writer tries to make.
const ROUNDS: usize = 20;
/// How often at most, where others are faster or the server is gone.
const TRIES: usize = 200;
/// How often a server is killed.
const KILLS: usize = 6;

/// Asks; none when there was no whole answer.
fn ask(to: SocketAddr, method: &str, path: &str, headers: &str, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}");
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    // A head without its body is no answer.
    Some((status, serde_json::from_str(body).ok()?))
}

/// What the writers were told.
#[derive(Default)]
struct Told {
    /// Labels of versions that were acknowledged, and of those of which nothing is known.
    made: Mutex<Vec<String>>,
    unknown: Mutex<Vec<String>>,
    /// Ids of operations that were acknowledged.
    operations: Mutex<Vec<String>>,
    count: AtomicUsize,
    over: AtomicBool,
}

impl Told {
    fn note(list: &Mutex<Vec<String>>, what: &str) {
        list.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    fn made(&self, label: &str) {
        Self::note(&self.made, label);
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

/// A writer: where it asks in each round, and what it calls its versions.
struct Writer<'a> {
    told: &'a Told,
    servers: [SocketAddr; 2],
    name: &'static str,
}

impl Writer<'_> {
    fn each(&self, make: impl Fn(SocketAddr, &str) -> Option<bool>) {
        let (mut made, mut number) = (0, 0);
        while number < ROUNDS || made == 0 && number < TRIES {
            let (label, to) = (format!("{}-{number}", self.name), self.servers[number % 2]);
            match make(to, &label) {
                Some(true) => {
                    made += 1;
                    self.told.made(&label);
                }
                Some(false) => {}
                None => {
                    Told::note(&self.told.unknown, &label);
                    // The server that is killed is there again in a moment.
                    thread::sleep(Duration::from_millis(10));
                }
            }
            number += 1;
        }
    }

    /// Publishes a whole config on what it saw, the same request again until it is answered.
    fn native(&self, agent: &str, field: &str) {
        self.each(|to, label| {
            let versions = format!("/api/v1/agents/{agent}/versions");
            let (_, export) = ask(to, "GET", &format!("/api/v1/agents/{agent}/export"), "", &Value::Null)?;
            let (_, latest) = ask(to, "GET", &format!("{versions}/latest"), "", &Value::Null)?;
            let mut config = export;
            config[field] = json!(label);
            let tag = format!("if-match: {}\r\nidempotency-key: {label}\r\n", latest["id"]);
            let body = json!({"config": config, "label": label});
            let mut answer = ask(to, "POST", &versions, &tag, &body);
            if answer.is_none() {
                // It may have happened: the other server knows, or refuses to do it again.
                answer = ask(self.servers[0], "POST", &versions, &tag, &body);
                assert!(answer.as_ref().is_none_or(|(status, _)| [201, 409, 412].contains(status)));
                answer.as_ref().filter(|(status, _)| *status == 201)?;
            }
            let (status, body) = answer?;
            assert!([201, 409, 412, 503].contains(&status), "{status} {body}");
            if status == 412 {
                assert!(body["expected"].is_string() && body["actual"] != body["expected"], "{body}");
            }
            if status == 201 {
                let operation = body["done"]["operation"].as_str().expect("an id");
                Told::note(&self.told.operations, operation);
            }
            Some(status == 201)
        });
    }

    fn atoms(&self, id: &str) {
        let agent = format!("/atoms/v1/agent/{id}");
        self.each(|to, label| {
            let send = |method: &str, path: String, body: Value| {
                let answer = ask(to, method, &format!("{agent}{path}"), "", &body);
                let status = answer.as_ref().map_or(0, |(status, _)| *status);
                assert!([0, 200, 201, 400, 404, 503].contains(&status), "{answer:?}");
                answer.map(|(status, body)| ((200..300).contains(&status), body["data"].clone()))
            };
            let (_, shown) = send("GET", String::new(), Value::Null)?;
            let fork = json!({"sourceVersionId": shown["activeVersionId"], "draftName": label});
            let (true, draft) = send("POST", "/drafts".to_owned(), fork)? else { return Some(false) };
            let draft = format!("/drafts/{}", draft["draftId"].as_str().expect("an id"));
            let config = json!({"firstMessage": label});
            let (true, _) = send("PATCH", format!("{draft}/config"), config)? else { return Some(false) };
            Some(send("POST", format!("{draft}/publish"), json!({"label": label}))?.0)
        });
    }

    fn thinnest(&self) {
        self.each(|to, label| {
            let body = json!({"version_label": label});
            let (status, body) = ask(to, "POST", "/thinnest/agents/help/publish", "", &body)?;
            assert!([200, 409, 503].contains(&status), "{status} {body}");
            assert!(status == 200 || body["detail"].is_string(), "{body}");
            Some(status == 200)
        });
    }
}

fn recto(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(["--store", "team"].iter().chain(words));
    command.env_remove("RECTO_TIME");
    command
}

/// Makes versions on the command line: each by a draft of its own.
fn by_hand(place: &Place, told: &Told) {
    for round in 0..ROUNDS {
        let (label, draft) = (format!("hand-{round}"), format!("desk@hand-{round}"));
        let set = format!("firstMessage={label}");
        for words in [&["draft", "new", &draft][..], &["set", &draft, &set]] {
            place.run(&mut recto(place, words)).ok();
        }
        let done = place.run(&mut recto(place, &["publish", &draft, "-m", &label, "--overwrite"]));
        assert!([0, 3].contains(&done.code), "{}", done.stderr);
        if done.code == 0 {
            told.made(&label);
        }
    }
}

/// Kills a server and starts it anew, each time that something more was done, until all is.
fn kill_again_and_again(place: &Place, mut server: Served, told: &Told) -> Served {
    let listen = server.address.to_string();
    let (mut killed, mut seen) = (0, 0);
    while !told.over.load(Ordering::SeqCst) {
        if killed < KILLS && told.count.load(Ordering::SeqCst) >= seen + 3 {
            seen = told.count.load(Ordering::SeqCst);
            killed += 1;
            server.kill();
            server = Served::started(&mut recto(place, &["serve", "--listen", &listen]));
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(killed > 0, "nothing was done");
    server
}

#[test]
fn what_any_client_of_two_servers_was_told_is_there_once() {
    let place = Place::empty();
    place.write("desk.json", r#"{"firstMessage": "Hello."}"#);
    place.recto(["init", "team"]).ok();
    let new = ["agent", "new", "desk", "--profile", "atoms", "--from", "desk.json", "--activate"];
    for words in [&new[..], &["import", HELPDESK, "--as", "help"], &["activate", "help@V1"]] {
        place.run(&mut recto(&place, words)).ok();
    }
    let serve = || Served::started(&mut recto(&place, &["serve", "--listen", "127.0.0.1:0"]));
    let (first, second) = (serve(), serve());
    let servers = [first.address, second.address];
    let (_, agents) = ask(servers[0], "GET", "/atoms/v1/agent", "", &Value::Null).expect("an answer");
    let id = agents["data"]["agents"][0]["_id"].as_str().expect("an id").to_owned();
    let told = Told::default();
    let began = Instant::now();
    // Each of those that run commands has a directory of its own: they count what they run.
    let (hand, keeper) = (Place::empty(), Place::empty());
    for other in [&hand, &keeper] {
        std::os::unix::fs::symlink(place.path("team"), other.path("team")).expect("linked");
    }
    let second = thread::scope(|scope| {
        let (told, id) = (&told, &id);
        let writer = move |name| Writer { told, servers, name };
        let writers = [
            scope.spawn(move || writer("native").native("desk", "firstMessage")),
            scope.spawn(move || writer("again").native("desk", "firstMessage")),
            scope.spawn(move || writer("whole").native("help", "instructions")),
            scope.spawn(move || writer("atoms").atoms(id)),
            scope.spawn(move || writer("thinnest").thinnest()),
        ];
        let hand = scope.spawn(move || by_hand(&hand, told));
        let keeper = scope.spawn(move || kill_again_and_again(&keeper, second, told));
        let ended: Vec<_> = writers.into_iter().chain([hand]).map(thread::ScopedJoinHandle::join).collect();
        told.over.store(true, Ordering::SeqCst);
        let second = keeper.join().expect("it was started anew");
        assert!(ended.iter().all(Result::is_ok), "a writer was told what it must not be");
        second
    });
    for server in [&first, &second] {
        assert!(!server.log().contains("panic") && !server.log().contains("ERROR"), "{}", server.log());
    }
    drop((first, second));
    all_is_there_once(&place, &told);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}

fn all_is_there_once(place: &Place, told: &Told) {
    at(place, "team", &["fsck"]);
    let (mut labels, mut records) = (Vec::new(), String::new());
    for agent in ["desk", "help"] {
        let words = ["-C", "team", "version", "list", agent, "--json"];
        let list: Value = serde_json::from_str(&place.recto(words).ok()).expect("JSON");
        let versions = list["versions"].as_array().expect("a list");
        let mut numbers: Vec<u64> = versions.iter().filter_map(|it| it["number"].as_u64()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=versions.len() as u64).collect::<Vec<_>>(), "each number once");
        labels.extend(versions.iter().map(|it| it["label"].as_str().expect("a text").to_owned()));
    }
    let count = |label: &String| labels.iter().filter(|known| *known == label).count();
    let of = |list: &Mutex<Vec<String>>| list.lock().expect("no panic").clone();
    let (made, unknown) = (of(&told.made), of(&told.unknown));
    for label in &made {
        assert_eq!(count(label), 1, "{label} was acknowledged: {labels:?}");
    }
    for label in &unknown {
        assert!(count(label) <= 1, "{label}: {labels:?}");
    }
    let strange = labels.iter().filter(|label| label.contains('-'));
    let strange: Vec<_> = strange.filter(|label| !made.contains(label) && !unknown.contains(label)).collect();
    assert!(strange.is_empty(), "refused, and there all the same: {strange:?}");
    let operations = of(&told.operations);
    for agent in ["desk", "help"] {
        let words = ["-C", "team", "log", agent, "--json", "--no-pager"];
        records += &place.recto(words).ok();
    }
    for id in &operations {
        let line = format!("\"id\":\"{id}\"");
        assert_eq!(records.matches(&line).count(), 1, "operation {id} in the log");
    }
    for name in ["native", "again", "whole", "atoms", "thinnest", "hand"] {
        assert!(made.iter().any(|label| label.starts_with(name)), "{name} made nothing: {made:?}");
    }
}
