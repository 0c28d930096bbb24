//! What works over HTTP as it does over a path, what it costs, and what is said when it cannot work.

use std::process::Command;
use std::time::Instant;

use super::wire::{Served, Wire};
use crate::harness::Place;
use crate::sync::bytes;

/// A store in `team` with agents, each of one version.
pub(super) fn team(agents: usize) -> Place {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    for number in 0..agents {
        let name = format!("agent{number}");
        let words = ["agent", "new", &name, "--profile", "generic", "--from", "../one.json", "--activate"];
        at(&place, "team", &words);
    }
    place
}

#[track_caller]
pub(super) fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    place.recto(["-C", dir].iter().chain(args)).ok()
}

/// Publishes a version.
#[track_caller]
pub(super) fn publish(place: &Place, dir: &str, agent: &str, speed: &str) -> String {
    at(place, dir, &["draft", "new", &format!("{agent}@d"), "--from", "latest"]);
    at(place, dir, &["set", &format!("{agent}@d"), &format!("voice.speed:={speed}")]);
    at(place, dir, &["publish", &format!("{agent}@d"), "-m", speed, "-q"]).trim().to_owned()
}

/// How many versions with numbers a list has.
pub(super) fn numbered(list: &str) -> usize {
    let number = |line: &&str| {
        line.strip_prefix('V').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    list.lines().filter(number).count()
}

fn curl(args: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "-i"]).args(args).output().expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn two_who_clone_over_http_push_and_pull() {
    let place = team(2);
    let mut server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    for who in ["ana", "bo"] {
        at(&place, ".", &["clone", &server.url(), who]);
        assert_eq!(at(&place, who, &["cat", "agent0", "voice.speed"]).trim(), "1");
    }
    let by_ana = publish(&place, "ana", "agent0", "2");
    publish(&place, "bo", "agent0", "3");
    at(&place, "ana", &["push"]);
    let refused = place.recto(["-C", "bo", "push"]).exits(3);
    assert!(refused.stderr.contains("V2 '2' by Asha Rao"), "{}", refused.stderr);
    assert!(at(&place, "bo", &["pull"]).contains("your V2? is now V3?"));
    at(&place, "bo", &["push"]);
    at(&place, "ana", &["pull"]);
    for dir in ["team", "ana", "bo"] {
        let list = at(&place, dir, &["version", "list", "agent0"]);
        assert!(list.contains("V3") && list.contains(&by_ana[..8]), "{dir}: {list}");
        at(&place, dir, &["fsck"]);
    }
    at(&place, "bo", &["fetch"]);
    let before = bytes(&place.path(""));
    for (dir, verb) in [("ana", "push"), ("ana", "pull"), ("bo", "fetch")] {
        let told = at(&place, dir, &[verb]);
        let nothing = if verb == "fetch" { "nothing happened" } else { "have the same" };
        assert!(told.contains(nothing), "{dir} {verb}: {told}");
    }
    assert!(bytes(&place.path("")) == before, "something was written");
    assert_eq!(server.terminate(), 0, "{}", server.log());
}

#[test]
fn many_agents_take_few_requests_and_a_look_at_nothing_new_takes_one() {
    let place = team(100);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    at(&place, ".", &["clone", &server.url(), "ana"]);
    let to_clone = server.answered("/sync/v1/");
    let routes = ["agents", "tips", "chains", "lines", "packs", "objects", "lacks", "stage", "push"];
    let total = |server: &Served| {
        routes.iter().map(|route| server.answered(&format!("/sync/v1/{route}"))).sum::<usize>() + to_clone
    };
    let cloned = total(&server);
    assert!((2..=6).contains(&cloned), "{cloned} requests: {}", server.log());
    let began = Instant::now();
    at(&place, "ana", &["fetch"]);
    let took = began.elapsed();
    assert_eq!(total(&server) - cloned, 1, "{took:?} {}", server.log());
}

#[test]
fn other_programs_see_the_same() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &["--log-format", "json"]);
    let url = server.url();
    assert!(curl(&[&format!("{url}/healthz")]).starts_with("HTTP/1.1 200"));
    assert!(curl(&[&format!("{url}/readyz")]).ends_with("ready\n"));
    let listing = curl(&["-H", "x-request-id: mine-1", &format!("{url}/sync/v1/agents")]);
    let (head, body) = listing.split_once("\r\n\r\n").expect("a body");
    let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(json["agents"][0]["agent"], "agent0");
    for header in ["recto-protocol: 1", "recto-store: ", "x-request-id: mine-1"] {
        assert!(head.contains(header), "{head}");
    }
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an ETag").trim();
    let again = curl(&["-H", &format!("if-none-match: {tag}"), &format!("{url}/sync/v1/agents")]);
    assert!(again.starts_with("HTTP/1.1 304") && again.ends_with("\r\n\r\n"), "{again}");
    let log = server.log();
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(line["level"], "INFO");
    }
    assert!(log.contains("mine-1"), "{log}");
}

#[test]
fn a_token_is_demanded_and_never_told() {
    let place = team(1);
    let secret = "a-secret-that-nobody-sees";
    place.write("token", format!("{secret}\n"));
    let server = Served::new(&place, "team", "127.0.0.1:0", &["--token-file", "token"]);
    let refused = place.recto(["clone", &server.url(), "ana"]).exits(1);
    assert!(
        refused.stderr.contains("wants a token") && refused.stderr.contains("--token-file"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: put it into RECTO_TOKEN, or into a file"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("Authorization"), "{}", refused.stderr);
    assert!(!place.path("ana").exists(), "nothing was made");
    let mut clone = place.command(["clone", &server.url(), "ana"]);
    place.run(clone.env("RECTO_TOKEN", secret)).ok();
    place.recto(["-C", "ana", "fetch"]).exits(1);
    let url = server.url();
    place.recto(["-C", "ana", "remote", "set-url", "origin", &url, "--token-file", "../token"]).ok();
    publish(&place, "ana", "agent0", "2");
    at(&place, "ana", &["push"]);
    let seen = [at(&place, "ana", &["remote", "list", "--json"]), server.log()].concat();
    assert!(!seen.contains(secret), "{seen}");
    for dir in ["ana", "team"] {
        let told = |(_, bytes): &(String, Vec<u8>)| {
            bytes.windows(secret.len()).any(|part| part == secret.as_bytes())
        };
        assert!(!bytes(&place.path(dir)).iter().any(told), "{dir}");
    }
    let short =
        place.recto(["--store", "team", "serve", "--token-file", "one.json", "--listen", "127.0.0.1:0"]);
    assert!(short.exits(5).stderr.contains("has no token"));
}

#[test]
fn what_cannot_be_reached_is_told_with_what_to_do() {
    let place = team(1);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = silent.local_addr().expect("an address");
    drop(silent);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let address = server.address;
    let cases = [
        (format!("http://{gone}"), "cannot be reached: Connection refused", "recto serve"),
        (format!("http://{address}/elsewhere"), "is no recto server: it answers '404 Not Found'", "set-url"),
        (format!("https://{address}"), "does not speak TLS", "http://"),
        (format!("http://ana:secret@{address}"), "a name or password in an address", "RECTO_TOKEN"),
        (format!("http://ana:secret@{address}9999/"), "a name or password in an address", "http://***@"),
        ("http://ana:secret@ho st/".to_owned(), "a name or password in an address", "http://***@ho st"),
        ("ftp://ana:secret@example.com".to_owned(), "cannot be a remote", "ftp://***@example.com"),
        ("s3s://ana:sec@ret:secret@example.com".to_owned(), "cannot be a remote", "s3s://***@example.com"),
        ("ftp://example.com".to_owned(), "cannot be a remote", "ftp"),
    ];
    for (url, says, hint) in cases {
        let refused = place.recto(["clone", &url, "ana"]);
        assert!([1, 2].contains(&refused.code), "{url}: {}", refused.code);
        let told = refused.stderr;
        assert!(told.contains(says) && told.contains(hint) && !told.contains("secret"), "{url}: {told}");
        assert!(!place.path("ana").exists(), "{url}: nothing was made");
    }
}

#[test]
fn a_lost_answer_is_looked_for_and_not_guessed_at() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let wire = Wire::new(server.address);
    at(&place, ".", &["clone", &wire.url(), "ana"]);
    for (number, down_bytes) in [0, 40, 300, 600, 900, 1200, 1500].into_iter().enumerate() {
        let id = publish(&place, "ana", "agent0", &(number + 2).to_string());
        wire.cut(u64::MAX, down_bytes);
        let pushed = place.recto(["-C", "ana", "push"]);
        assert!([0, 1, 3].contains(&pushed.code), "{}", pushed.stderr);
        wire.cut(u64::MAX, u64::MAX);
        at(&place, "ana", &["push"]);
        let list = at(&place, "team", &["version", "list", "agent0"]);
        assert_eq!(list.matches(&id[..8]).count(), 1, "{list}");
        assert_eq!(numbered(&list), number + 2, "{list}");
    }
    for dir in ["team", "ana"] {
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn what_the_server_says_of_its_own_machine_is_said_to_be_what_the_remote_says() {
    let place = team(2);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let id = at(&place, "team", &["version", "list", "agent0", "-q"]);
    let id = id.trim();
    let object = place.path(format!("team/.recto/objects/{}/{}", &id[..2], &id[2..]));
    std::fs::write(&object, "nonsense").expect("it is loose");
    let refused = place.recto(["clone", &server.url(), "ana"]).exits(4);
    let says = format!("error: agent 'agent0': the remote 'origin' says: object '{id}' is damaged");
    assert!(refused.stderr.contains(&says), "{}", refused.stderr);
    assert!(refused.stdout.contains("agent 'agent1' here"), "{}", refused.stdout);
    let alone = place.recto(["clone", &server.url(), "bo", "--agent", "agent0", "--json"]).json_error(4);
    let message = alone["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("the remote 'origin' says: object"), "{message}");
}

#[test]
fn every_api_compresses_for_who_takes_it() {
    let place = team(2);
    let desk = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/thinnest-helpdesk.json");
    at(&place, "team", &["import", desk, "--as", "desk"]);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    for path in ["/api/v1/agents", "/atoms/v1/agent", "/thinnest/agents/desk/versions"] {
        let ask = |coding: &str| {
            let lines = ["host: localhost", "connection: close", "authorization: Bearer x"].join("\r\n");
            server.raw(
                format!("GET {path} HTTP/1.1\r\n{lines}\r\naccept-encoding: {coding}\r\n\r\n").as_bytes(),
            )
        };
        let (compressed, plain) = (ask("gzip"), ask("identity"));
        assert!(
            compressed.starts_with("HTTP/1.1 200") && plain.starts_with("HTTP/1.1 200"),
            "{path}: {plain}"
        );
        assert!(compressed.contains("content-encoding: gzip\r\n"), "{path}: {compressed}");
        assert!(!plain.contains("content-encoding") && plain.contains("\r\n\r\n{"), "{path}: {plain}");
    }
}

#[test]
fn a_push_moves_what_the_role_may_move_and_no_more() {
    let place = team(1);
    let token = |name: &str, role: &str| {
        let words = ["--store", "team", "token", "create", name, "--role", role, "-q"];
        place.recto(words).ok().trim().to_owned()
    };
    let (publisher, admin) = (token("p", "publisher"), token("a", "admin"));
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let run = |dir: &str, token: &str, args: &[&str]| {
        let mut words = vec!["-C", dir];
        words.extend(args);
        place.run(place.command(words).env("RECTO_TOKEN", token))
    };
    run(".", &admin, &["clone", &server.url(), "ana"]).ok();
    // What a publisher may do through any other surface.
    publish(&place, "ana", "agent0", "2");
    at(&place, "ana", &["agent", "edit", "agent0", "--title", "Front desk"]);
    run("ana", &publisher, &["push"]).ok();
    let log = at(&place, "team", &["log", "agent0", "-n", "1"]);
    assert!(log.contains("receive by p\n"), "whoever the client says it is: {log}");
    // What takes an admin there takes one here.
    at(&place, "ana", &["draft", "new", "agent0@leak"]);
    at(
        &place,
        "ana",
        &["set", "agent0@leak", "voice.api_key=sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"],
    );
    at(&place, "ana", &["check", "accept", "agent0@leak", "voice.api_key", "--reason", "a sandbox key"]);
    let before = bytes(&place.path("team/.recto/agents"));
    let refused = run("ana", &publisher, &["push"]).exits(1);
    assert!(
        refused.stderr.contains("a push may not move 'accepted' so: it takes the role admin"),
        "{}",
        refused.stderr
    );
    assert!(bytes(&place.path("team/.recto/agents")) == before, "something was written");
    run("ana", &admin, &["push"]).ok();
    run("ana", &admin, &["push", "agent0@leak"]).ok();
    at(&place, "ana", &["draft", "discard", "agent0@leak"]);
    let refused = run("ana", &publisher, &["push", "--drafts"]).exits(1);
    assert!(refused.stderr.contains("a push may not move 'drafts/leak' so"), "{}", refused.stderr);
    run("ana", &admin, &["push", "--drafts"]).ok();
    assert!(!at(&place, "team", &["draft", "list", "agent0"]).contains("leak"));
    at(&place, "ana", &["agent", "archive", "agent0"]);
    let refused = run("ana", &publisher, &["push"]).exits(1);
    assert!(refused.stderr.contains("a push may not move 'meta' so"), "{}", refused.stderr);
    run("ana", &admin, &["push"]).ok();
    assert!(at(&place, "team", &["agent", "show", "agent0"]).contains("archived"));
    run("ana", &admin, &["push"]).ok();
    at(&place, "team", &["fsck"]);
}
