//! Webhooks: what is sent, signed and once, whoever made it happen; what is sent again, and what never is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use crate::harness::Place;
use crate::serve::wire::Served;

/// How long something may take that has to happen.
const SOON: Duration = Duration::from_secs(30);
/// How long is listened to whether something comes that must not.
const QUIET: Duration = Duration::from_millis(1500);

/// A request, as it came.
#[derive(Debug)]
struct Request {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.head.iter().filter_map(|line| line.split_once(": "));
        let mut found = found.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("no {name}: {:?}", self.head)).1
    }

    /// Its body, when the signature is right.
    #[track_caller]
    fn verified(&self, secret: &str) -> Value {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = [format!("{id}.{time}.").as_bytes(), &self.body].concat();
        let is_right = |signature: &str| {
            let signature =
                STANDARD.decode(signature.strip_prefix("v1,").expect("version 1")).expect("base64");
            hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed, &signature).is_ok()
        };
        let signatures = self.header("webhook-signature");
        assert!(signatures.split(' ').any(is_right), "signed otherwise: {signatures}");
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Somebody who is told: answers with what is to be answered, 200 when that is all.
struct Receiving {
    url: String,
    requests: Receiver<Request>,
    answers: Arc<Mutex<Vec<&'static str>>>,
}

const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nthanks";

impl Receiving {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        let answers: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let left = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (sender, left) = (sender.clone(), Arc::clone(&left));
                thread::spawn(move || receive(stream.expect("a connection"), &sender, &left));
            }
        });
        Self { url, requests, answers }
    }

    fn answer(&self, answers: &[&'static str]) {
        self.answers.lock().expect("no panic").extend(answers);
    }

    #[track_caller]
    fn next(&self) -> Request {
        self.requests.recv_timeout(SOON).expect("it is told")
    }

    /// The kind and what it is about, of the next event.
    #[track_caller]
    fn told(&self, secret: &str) -> (String, Value) {
        let said = self.next().verified(secret);
        (said["type"].as_str().expect("a type").to_owned(), said["data"].clone())
    }

    #[track_caller]
    fn hears_nothing(&self) {
        if let Ok(request) = self.requests.recv_timeout(QUIET) {
            panic!("{}", String::from_utf8_lossy(&request.body));
        }
    }
}

fn receive(stream: TcpStream, sender: &Sender<Request>, answers: &Mutex<Vec<&'static str>>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut request = Request { head, body: Vec::new() };
    let mut body = vec![0; request.header("content-length").parse().expect("a length")];
    reader.read_exact(&mut body).expect("a body");
    request.body = body;
    let mut left = answers.lock().expect("no panic");
    let answer = if left.is_empty() { TAKEN } else { left.remove(0) };
    drop(left);
    // Told before it is answered: a test may end the server in between.
    let _ = sender.send(request);
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

/// The agent, the kind and the id of what is told.
fn about(request: &Request, secret: &str) -> (String, String) {
    let said = request.verified(secret);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let id = request.header("webhook-id").to_owned();
    (format!("{} {}", text(&said["data"]["agent"]), text(&said["type"])), id)
}

fn store() -> Place {
    let place = Place::empty();
    place.recto(["init", "team"]).ok();
    place.write("one.json", r#"{"prompt": "Be very kind.\n", "voice": {"speed": 1}}"#);
    for agent in ["support", "sales"] {
        let words = ["--store", "team", "agent", "new", agent, "--profile", "generic", "--from", "one.json"];
        place.recto(words.iter().chain(&["--activate"])).ok();
    }
    place
}

fn add(place: &Place, name: &str, url: &str, more: &[&str]) -> String {
    let words = ["--store", "team", "-q", "webhook", "add", name, url];
    place.recto(words.iter().chain(more)).ok().trim().to_owned()
}

fn publish(place: &Place, agent: &str, speed: u32, more: &[&str]) {
    let (draft, edit) = (format!("{agent}@d"), format!("voice.speed:={speed}"));
    place.recto(["--store", "team", "draft", "new", &draft, "--from", "latest"]).ok();
    place.recto(["--store", "team", "set", &draft, &edit]).ok();
    place.recto(["--store", "team", "publish", &draft, "-m", "faster"].iter().chain(more)).ok();
}

fn activate(place: &Place, version: &str) {
    place.recto(["--store", "team", "activate", version]).ok();
}

fn serve(place: &Place) -> Served {
    Served::new(place, "team", "127.0.0.1:0", &[])
}

#[test]
fn what_the_command_line_does_is_told_signed_and_once_by_one_of_two_servers() {
    let (place, receiving) = (store(), Receiving::new());
    let secret = add(&place, "all", &receiving.url, &[]);
    let servers = [serve(&place), serve(&place)];
    publish(&place, "support", 2, &["--activate"]);
    let request = receiving.next();
    let said = request.verified(&secret);
    assert_eq!(request.header("content-type"), "application/json");
    let data = &said["data"];
    assert_eq!(request.header("webhook-id"), format!("{}_0", data["operation"].as_str().expect("an id")));
    assert_eq!(
        (&said["type"], &data["agent"], &data["kind"]),
        (&"publish".into(), &"support".into(), &"publish".into())
    );
    assert_eq!((&data["version"]["number"], &data["version"]["label"]), (&2.into(), &"faster".into()));
    assert_eq!((&data["actor"]["name"], &data["via"]), (&"Asha Rao".into(), &"cli".into()));
    assert_eq!((&data["to"], &data["environment"]), (&data["version"]["id"], &Value::Null));
    let (kind, active) = receiving.told(&secret);
    assert_eq!(
        (kind.as_str(), &active["operation"], &active["from"]),
        ("activate", &data["operation"], &data["from"])
    );
    place.recto(["--store", "team", "env", "set", "support@V1", "staging"]).ok();
    let (kind, staged) = receiving.told(&secret);
    assert_eq!((kind.as_str(), &staged["environment"]), ("promote", &"staging".into()), "{staged}");
    place.recto(["--store", "team", "unpublish", "support"]).ok();
    let (kind, off) = receiving.told(&secret);
    assert_eq!((kind.as_str(), &off["to"], &off["version"]), ("unpublish", &Value::Null, &Value::Null));
    receiving.hears_nothing();
    let logs: String = servers.iter().map(Served::log).collect();
    assert_eq!(logs.matches("webhooks are told by this process").count(), 1, "{logs}");
    for hidden in [secret.as_str(), &secret[6..], &receiving.url, "Be very kind"] {
        assert!(!logs.contains(hidden), "{logs}");
    }
}

#[test]
fn the_other_server_goes_on_when_one_is_killed() {
    let (place, receiving) = (store(), Receiving::new());
    let secret = add(&place, "all", &receiving.url, &["--events", "activate"]);
    let mut first = serve(&place);
    publish(&place, "support", 2, &[]);
    activate(&place, "support@V2");
    assert_eq!(receiving.told(&secret).1["version"]["number"], 2);
    let second = serve(&place);
    let until = Instant::now() + SOON;
    while !first.log().contains("a webhook was told") && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    // How far was told is kept right after that is logged.
    receiving.hears_nothing();
    first.kill();
    activate(&place, "support@V1");
    assert_eq!(receiving.told(&secret).1["version"]["number"], 1);
    receiving.hears_nothing();
    drop(second);
    // What was not taken before a server died is told again as the same.
    receiving.answer(&[FAILED]);
    let mut third = serve(&place);
    activate(&place, "support@V2");
    let refused = receiving.next();
    third.kill();
    let last = serve(&place);
    let again = receiving.next();
    assert_eq!(again.header("webhook-id"), refused.header("webhook-id"));
    assert_eq!(again.verified(&secret), refused.verified(&secret));
    receiving.hears_nothing();
    drop(last);
}

#[test]
fn what_is_refused_is_told_again_in_order_while_other_agents_and_webhooks_go_on() {
    let (place, receiving, other) = (store(), Receiving::new(), Receiving::new());
    receiving.answer(&[FAILED, FAILED]);
    let secret = add(&place, "all", &receiving.url, &["--events", "activate,publish"]);
    let patient = add(&place, "sales", &other.url, &["--agents", "sa*"]);
    let mut server = serve(&place);
    publish(&place, "support", 2, &["--activate"]);
    let refused = receiving.next();
    publish(&place, "sales", 2, &[]);
    let (kind, data) = other.told(&patient);
    assert_eq!((kind.as_str(), &data["agent"]), ("publish", &"sales".into()));
    // Two were refused, and the three events taken.
    let mut told: Vec<(String, String)> = vec![about(&refused, &secret)];
    told.extend((1..5).map(|_| about(&receiving.next(), &secret)));
    let support: Vec<_> = told.iter().filter(|(said, _)| said.starts_with("support")).collect();
    let (last, before) = support.split_last().expect("some");
    assert_eq!(last.0, "support activate", "{told:?}");
    assert!(before.iter().all(|one| **one == told[0]), "{told:?}");
    assert!(told.iter().any(|(said, _)| said == "sales publish"), "{told:?}");
    receiving.hears_nothing();
    other.hears_nothing();
    assert!(server.log().contains("it answered 500"), "{}", server.log());
    assert_eq!(server.terminate(), 0);
}

#[test]
fn what_happens_while_no_server_runs_is_told_when_one_does_and_what_was_before_never() {
    let (place, receiving) = (store(), Receiving::new());
    publish(&place, "support", 2, &[]);
    let secret = add(&place, "all", &receiving.url, &["--events", "activate"]);
    activate(&place, "support@V2");
    let mut server = serve(&place);
    assert_eq!(receiving.told(&secret).1["version"]["number"], 2);
    assert_eq!(server.terminate(), 0);
    for version in ["support@V1", "support@V2", "support@V1"] {
        activate(&place, version);
    }
    let server = serve(&place);
    let told: Vec<Value> = (0..3).map(|_| receiving.told(&secret).1["version"]["number"].clone()).collect();
    assert_eq!(told, [1, 2, 1]);
    receiving.hears_nothing();
    drop(server);
}

#[test]
fn one_that_has_gone_or_is_removed_is_told_nothing_more() {
    let (place, gone, removed) = (store(), Receiving::new(), Receiving::new());
    gone.answer(&[GONE]);
    let secrets = [add(&place, "gone", &gone.url, &[]), add(&place, "removed", &removed.url, &[])];
    let server = serve(&place);
    activate(&place, "support@V1");
    publish(&place, "support", 2, &[]);
    gone.next().verified(&secrets[0]);
    assert_eq!(removed.told(&secrets[1]).0, "publish");
    place.recto(["--store", "team", "webhook", "remove", "removed"]).ok();
    publish(&place, "support", 3, &[]);
    gone.hears_nothing();
    removed.hears_nothing();
    let list = place.recto(["--store", "team", "webhook", "list"]).ok();
    assert!(list.contains("gone since") && !list.contains("removed"), "{list}");
    assert!(!server.log().contains("whsec_"), "{}", server.log());
}

/// How telling the only webhook goes.
fn delivery(place: &Place) -> Value {
    let list = place.recto(["--store", "team", "webhook", "list", "--json"]).exits(0).json("webhook-list");
    list["webhooks"][0]["delivery"].clone()
}

/// Looks at the list until it is as it should be.
#[track_caller]
fn comes_to(place: &Place, is_so: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + SOON;
    loop {
        let found = delivery(place);
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < until, "{found}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_list_says_what_fails_since_when_and_how_much_waits() {
    let (place, receiving) = (store(), Receiving::new());
    let secret = add(&place, "mine", &receiving.url, &["--events", "activate", "--agents", "support"]);
    let fine = serde_json::json!({
        "failing_since": null, "failed_at": null, "failed_with": null, "waiting": 0, "waiting_at_least": false,
    });
    assert_eq!(delivery(&place), fine);
    // Without a server it waits, and what the webhook is not told of does not.
    publish(&place, "support", 2, &["--activate"]);
    activate(&place, "support@V1");
    publish(&place, "sales", 2, &["--activate"]);
    assert_eq!((&delivery(&place)["waiting"], &delivery(&place)["failing_since"]), (&2.into(), &Value::Null));
    let list = place.recto(["--store", "team", "webhook", "list"]).ok();
    assert!(list.contains("on, 2 events wait"), "{list}");
    receiving.answer(&[FAILED, FAILED, FAILED, FAILED]);
    let mut server = serve(&place);
    receiving.next();
    let failing = comes_to(&place, |found| found["failing_since"].is_string());
    assert_eq!((&failing["failed_with"], &failing["waiting"]), (&"it answered 500".into(), &2.into()));
    receiving.next();
    let later = comes_to(&place, |found| found["failed_at"] != failing["failed_at"]);
    assert_eq!(later["failing_since"], failing["failing_since"], "since the first time");
    let list = place.recto(["--store", "team", "webhook", "list"]).ok();
    let since = failing["failing_since"].as_str().expect("a time");
    assert!(list.contains(&format!("failing since {since} (it answered 500), 2 events wait")), "{list}");
    // What is kept outlives the server.
    server.kill();
    assert_eq!(delivery(&place)["failing_since"], failing["failing_since"]);
    let mut other = serve(&place);
    comes_to(&place, |found| *found == fine);
    other.kill();
    let told: Vec<Request> = receiving.requests.try_iter().collect();
    assert_eq!(told.last().expect("it was told").verified(&secret)["data"]["version"]["number"], 1);
    place.write("team/.recto/webhooks-state.json", "{}");
    assert_eq!(delivery(&place), Value::Null);
}

#[test]
fn what_failed_is_forgotten_when_the_agent_is_heard_no_more() {
    let place = store();
    add(&place, "live", "http://127.0.0.1:1/", &["--events", "activate", "--agents", "support"]);
    publish(&place, "support", 2, &["--activate"]);
    let server = serve(&place);
    comes_to(&place, |found| found["failing_since"].is_string());
    let state = || place.read("team/.recto/webhooks-state.json");
    assert!(state().contains("\"format\":2"), "{}", state());
    place.recto(["--store", "team", "agent", "rename", "support", "other"]).ok();
    let found = delivery(&place);
    assert_eq!(found["failing_since"], Value::Null, "also before a server has noted it: {found}");
    let until = Instant::now() + SOON;
    while !state().contains("\"format\":1") || state().contains("failing") {
        assert!(Instant::now() < until, "{}", state());
        thread::sleep(Duration::from_millis(50));
    }
    drop(server);
}

#[test]
fn a_test_shows_the_answer_and_lists_never_show_a_secret() {
    let (place, receiving) = (store(), Receiving::new());
    let secret = add(&place, "mine", &receiving.url, &["--events", "promote,activate"]);
    let shown = place.recto(["--store", "team", "webhook", "test", "mine"]).ok();
    assert!(shown.contains("answered 200") && shown.contains("thanks"), "{shown}");
    assert_eq!(receiving.next().verified(&secret)["type"], "test");
    receiving
        .answer(&["HTTP/1.1 302 Found\r\nlocation: /else\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]);
    let shown = place.recto(["--store", "team", "webhook", "test", "mine"]).exits(1).stdout;
    assert!(shown.contains("answered 302"), "{shown}");
    receiving.next();
    receiving.hears_nothing();
    for words in [vec!["webhook", "list"], vec!["--json", "webhook", "list"]] {
        let list = place.recto(["--store", "team"].iter().copied().chain(words)).ok();
        assert!(list.contains("mine") && list.contains("activate") && !list.contains("unpublish"), "{list}");
        assert!(!list.contains(&secret[6..]), "{list}");
    }
    let webhook = |words: &[&str]| place.recto(["--store", "team", "--json", "webhook"].iter().chain(words));
    assert_eq!(webhook(&["list"]).json("webhook-list")["webhooks"][0]["events"][0], "activate");
    assert_eq!(webhook(&["test", "mine"]).json("webhook-test")["answer"], "thanks");
    webhook(&["add", "second", &receiving.url]).json("webhook-add");
    webhook(&["remove", "second"]).json("webhook-remove");
    let refused = |words: &[&str], code| {
        place.recto(["--store", "team", "webhook"].iter().chain(words)).exits(code).stderr
    };
    let taken = refused(&["add", "mine", "https://example.com/"], 1);
    assert!(taken.contains("hint: take another name; 'recto webhook rotate mine'"), "{taken}");
    refused(&["add", "far", "http://example.com/"], 2);
    refused(&["add", "far", "ftp://example.com/", "--insecure"], 2);
    refused(&["add", "odd", "https://example.com/", "--events", "lunch"], 2);
    refused(&["remove", "none"], 1);
    refused(&["test", "none"], 1);
    place.write(
        "team/.recto/webhooks.json",
        place.read("team/.recto/webhooks.json").replace("whsec_", "whsec_!"),
    );
    let error = refused(&["list"], 4);
    assert!(!error.contains(&secret[6..]), "{error}");
}

/// Whether nobody but its owner may read a file.
fn is_private(place: &Place, file: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(place.path(file)).expect("it is there").permissions().mode();
    mode & 0o777 == 0o600
}

#[test]
fn a_new_secret_signs_beside_the_one_before_for_a_while() {
    let (place, receiving) = (store(), Receiving::new());
    let first = add(&place, "mine", &receiving.url, &[]);
    let rotate = |more: &[&str]| {
        let words = ["--store", "team", "--json", "webhook", "rotate", "mine"];
        let said = place.recto(words.iter().chain(more)).json("webhook-rotate");
        (said["secret"].as_str().expect("a secret").to_owned(), said["former_until"].clone())
    };
    let (second, until) = rotate(&[]);
    assert!(first != second && until.is_string(), "{until}");
    let _server = serve(&place);
    publish(&place, "support", 2, &[]);
    let told = receiving.next();
    assert_eq!(told.header("webhook-signature").split(' ').count(), 2);
    assert_eq!(told.verified(&first), told.verified(&second));
    // The server that tells takes note of another one.
    let (third, until) = rotate(&["--overlap", "0s"]);
    assert_eq!(until, Value::Null);
    publish(&place, "support", 3, &[]);
    let told = receiving.next();
    assert_eq!(
        told.header("webhook-signature").split(' ').count(),
        1,
        "what was known before counts no more"
    );
    told.verified(&third);
    for overlap in ["31d", "soon"] {
        let words = ["--store", "team", "webhook", "rotate", "mine", "--overlap", overlap];
        place.recto(words).exits(2);
    }
    place.recto(["--store", "team", "webhook", "rotate", "none"]).exits(1);
    place.recto(["--store", "team", "token", "create", "ci", "--role", "reader"]).ok();
    assert!(is_private(&place, "team/.recto/webhooks.json") && is_private(&place, "team/.recto/tokens.json"));
}
