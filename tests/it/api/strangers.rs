//! What nobody learns or does by a detour: an old name, an undo, a document of somebody else's, a token that is
//! none any more, an API that says nothing of mirrors and of programs that have the last word.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, Api};
use crate::harness::Place;
use crate::serve::wire::Served;

const VENDOR: &str =
    r#"{"_id": "60d0fe4f5311236168a109ca", "name": "Secret desk", "firstMessage": "Hello."}"#;
const HELPDESK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/thinnest-helpdesk.json");

fn token(place: &Place, name: &str, role: &str, agents: &str) -> String {
    let words = ["--store", "team", "token", "create", name, "--role", role, "--agents", agents, "-q"];
    format!("authorization: Bearer {}", place.recto(words).ok().trim())
}

/// Asks any API; gives status, head and body.
fn ask(server: &Served, method: &str, path: &str, header: &str, body: &str) -> (u16, String, String) {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let answer = server.raw(
        format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

fn recto(api: &Api, args: &[&str]) -> String {
    let words = ["--store", "team"].iter().chain(args);
    api.place.run(api.place.command(words).env("RECTO_TIME", "2026-03-07T16:00:00Z+1ms")).ok()
}

#[test]
fn a_new_name_hides_an_agent_from_tokens_that_were_for_the_old_one() {
    let (api, [old, new]) = Api::with(|place| {
        place.write("vendor.json", VENDOR);
        place.recto(["--store", "team", "import", "vendor.json", "--profile", "atoms", "--as", "desk"]).ok();
        place.recto(["--store", "team", "activate", "desk@V1"]).ok();
        [token(place, "old", "reader", "desk"), token(place, "new", "reader", "hr")]
    });
    let active = "/api/v1/agents/desk/active";
    // Long enough ago that it is kept in memory.
    std::thread::sleep(Duration::from_millis(120));
    for _ in 0..3 {
        assert_eq!(ask(&api.server, "GET", active, &old, "").0, 200);
    }
    let list = ask(&api.server, "GET", "/atoms/v1/agent", &old, "").2;
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let id = list["data"]["agents"][0]["_id"].as_str().expect("an id").to_owned();
    let by_id = format!("/atoms/v1/agent/{id}");
    assert_eq!(ask(&api.server, "GET", &by_id, &old, "").0, 200);
    recto(&api, &["agent", "rename", "desk", "hr"]);
    let (status, _, body) = ask(&api.server, "GET", active, &old, "");
    assert!(status == 404 && !body.contains("hr"), "{status} {body}");
    let (status, _, body) = ask(&api.server, "GET", &by_id, &old, "");
    assert!(status == 400 && body.contains("No agent found"), "{status} {body}");
    assert_eq!(ask(&api.server, "GET", active, &new, "").0, 200, "an old name leads on, for who may");
    assert_eq!(ask(&api.server, "GET", &by_id, &new, "").0, 200);
}

#[test]
fn an_undo_takes_the_role_of_what_it_does() {
    let (api, [publisher, admin]) =
        Api::with(|place| [token(place, "p", "publisher", "support*"), token(place, "a", "admin", "*")]);
    let undo = |by: &str, agent: &str| {
        let (status, _, body) = ask(&api.server, "POST", &format!("/api/v1/agents/{agent}/undo"), by, "");
        (status, body)
    };
    let post = |by: &str, path: &str, body: &str| ask(&api.server, "POST", path, by, body).0;
    assert_eq!(post(&admin, "/api/v1/agents/support/archive", ""), 200);
    assert_eq!(undo(&publisher, "support").0, 403);
    assert_eq!(undo(&admin, "support").0, 200);
    assert_eq!(undo(&publisher, "support").0, 403, "to undo that undo puts it away");
    let sales = r#"{"handle": "sales", "config": {"prompt": "x"}, "activate": true}"#;
    assert_eq!(post(&admin, "/api/v1/agents", sales), 201);
    assert_eq!(post(&admin, "/api/v1/agents/sales/rename", r#"{"to": "support-2"}"#), 200);
    assert_eq!(undo(&publisher, "support-2").0, 403);
    let title = r#"{"title": "Other"}"#;
    assert_eq!(ask(&api.server, "PATCH", "/api/v1/agents/support", &publisher, title).0, 200);
    let (status, body) = undo(&publisher, "support");
    assert_eq!(status, 200, "{body}");
}

#[test]
fn a_document_of_an_agent_that_is_for_others_does_not_tell_which() {
    let (api, own) = Api::with(|place| {
        place.write("vendor.json", VENDOR);
        place
            .recto(["--store", "team", "import", "vendor.json", "--profile", "atoms", "--as", "hidden-desk"])
            .ok();
        token(place, "o", "publisher", "other-*")
    });
    let body = format!(r#"{{"profile": "atoms", "document": {VENDOR}}}"#);
    let (status, _, body) = ask(&api.server, "POST", "/api/v1/imports", &own, &body);
    assert!(status == 403 && !body.contains("hidden"), "{status} {body}");
    assert!(!recto(&api, &["draft", "list", "hidden-desk"]).contains("import"), "nothing was made");
}

#[test]
fn who_listens_hears_no_more_when_the_token_is_revoked() {
    let (api, reader) = Api::with(|place| token(place, "r", "reader", "*"));
    let mut stream = TcpStream::connect(api.server.address).expect("it is there");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let head =
        format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{reader}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut heard = vec![0; 4096];
    let read = stream.read(&mut heard).expect("it begins");
    assert!(heard[..read].starts_with(b"HTTP/1.1 200"));
    recto(&api, &["token", "revoke", "r"]);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("it ends well before the ten minutes that a stream has");
    recto(&api, &["draft", "new", "support@later"]);
    assert!(!rest.contains("later"), "{rest}");
}

#[test]
fn a_server_that_others_reach_is_not_open_when_its_tokens_are_gone() {
    let (api, _) = Api::with(|place| token(place, "r", "reader", "*"));
    let mut command = api.place.command(["--store", "team", "serve", "--listen", "0.0.0.0:0"]);
    let open = Served::started(command.env_remove("RECTO_TIME"));
    std::fs::remove_file(api.place.path("team/.recto/tokens.json")).expect("it is there");
    let (status, _, body) = ask(&open, "GET", "/api/v1/agents", "", "");
    assert_eq!(status, 401, "{body}");
    assert_eq!(ask(&api.server, "GET", "/api/v1/agents", "", "").0, 200, "who is on the machine may");
}

#[test]
fn a_mirror_is_changed_through_no_api() {
    let (api, (near, id)) = Api::with(|place| {
        place.write("vendor.json", VENDOR);
        for words in [
            &["import", "vendor.json", "--profile", "atoms", "--as", "desk"][..],
            &["activate", "desk@V1"],
            &["import", HELPDESK, "--as", "helpdesk"],
        ] {
            place.recto(["--store", "team"].iter().chain(words)).ok();
        }
        place.recto(["clone", "--mirror", "team", "near"]).ok();
        let near = Served::new(place, "near", "127.0.0.1:0", &[]);
        let (_, _, list) = ask(&near, "GET", "/atoms/v1/agent", "", "");
        let list: Value = serde_json::from_str(&list).expect("JSON");
        (near, list["data"]["agents"][0]["_id"].as_str().expect("an id").to_owned())
    });
    let version = &ask(&near, "GET", &format!("/atoms/v1/agent/{id}"), "", "").2;
    let version: Value = serde_json::from_str(version).expect("JSON");
    let version = version["data"]["activeVersionId"].as_str().expect("an id");
    let before = crate::sync::bytes(&api.place.path("near/.recto/agents"));
    let fork = json!({"sourceVersionId": version}).to_string();
    let flow = format!("/atoms/v1/agent/{id}");
    for (method, path, body, status) in [
        ("POST", "/api/v1/agents", r#"{"handle": "new", "config": {"prompt": "x"}}"#, 409),
        ("POST", "/api/v1/agents/support/drafts", r#"{"name": "d"}"#, 409),
        ("POST", "/atoms/v1/agent", r#"{"name": "New"}"#, 400),
        ("PATCH", &flow, r#"{"name": "Another"}"#, 400),
        ("POST", &format!("{flow}/drafts"), &fork, 400),
        ("DELETE", &format!("{flow}/archive"), "", 400),
        ("POST", "/thinnest/agents/helpdesk/publish", "{}", 409),
        ("POST", "/thinnest/agents/helpdesk/versions", "{}", 409),
    ] {
        let (told, _, answer) = ask(&near, method, path, "", body);
        assert!(told == status && answer.contains("mirror"), "{method} {path}: {told} {answer}");
    }
    let call = json!({"agentId": id, "phoneNumber": "+4930123456"}).to_string();
    assert_eq!(ask(&near, "POST", "/atoms/v1/conversation/outbound", "", &call).0, 200, "it serves calls");
    assert!(crate::sync::bytes(&api.place.path("near/.recto/agents")) == before, "something was written");
}

#[test]
fn what_a_program_has_the_last_word_on_serves_through_no_api() {
    let (api, ()) = Api::with(|place| {
        place.recto(["--store", "team", "import", HELPDESK, "--as", "helpdesk"]).ok();
        place.recto(["--store", "team", "config", "check.command", "false"]).ok();
    });
    for path in ["publish", "versions/1/rollback"] {
        let path = format!("/thinnest/agents/helpdesk/{path}");
        let (status, _, body) = ask(&api.server, "POST", &path, "", "{}");
        assert!(status == 409 && body.contains("check.command"), "{path}: {status} {body}");
    }
    let new = r#"{"handle": "new", "config": {"prompt": "x"}, "activate": true}"#;
    for (path, body) in
        [("agents", new), ("agents/support/duplicate", r#"{"handle": "new", "activate": true}"#)]
    {
        let (status, _, answer) = ask(&api.server, "POST", &format!("/api/v1/{path}"), "", body);
        assert!(status == 409 && answer.contains("check.command"), "{path}: {status} {answer}");
    }
    let (status, _, _) = ask(&api.server, "GET", "/api/v1/agents/helpdesk/active", "", "");
    assert_eq!(status, 404, "nothing serves");
}

#[test]
fn what_is_wrong_with_the_server_is_told_without_its_files() {
    let api = Api::new();
    std::fs::write(api.place.path("team/.recto/idempotency"), "no directory").expect("written");
    let key = ["idempotency-key: k"];
    let draft = json!({"name": "d"});
    let answer: Answer = api.ask("POST", "/agents/support/drafts", &key, Some(&draft)).is(500);
    let told = answer.body.to_string();
    assert!(told.contains("its log says why") && !told.contains(".recto"), "{told}");
    let began = Instant::now();
    while !api.server.log().contains("idempotency") {
        assert!(began.elapsed() < Duration::from_secs(10), "{}", api.server.log());
        std::thread::yield_now();
    }
}
