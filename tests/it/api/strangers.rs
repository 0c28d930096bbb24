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
fn handles_and_ids_of_agents_that_are_for_others_are_not_there() {
    let (api, own) = Api::with(|place| {
        place.write("vendor.json", VENDOR);
        let import = ["--store", "team", "import", "vendor.json", "--profile", "atoms"];
        place.recto(import.iter().chain(&["--as", "secret-desk"])).ok();
        token(place, "o", "publisher", "*-2")
    });
    let post = |path: &str, body: &str| ask(&api.server, "POST", path, &own, body);
    // One handle is taken by an agent that is not for this token, and the other one by nobody.
    for (title, handle) in [("Secret desk", "secret-desk-2"), ("Nobody", "nobody-2")] {
        let (status, _, body) = post("/api/v1/agents", &format!(r#"{{"title": "{title}"}}"#));
        assert!(status == 201 && body.contains(&format!("\"{handle}\"")), "{status} {body}");
        let (status, _, body) = post("/atoms/v1/agent", &format!(r#"{{"name": "Atoms {title}"}}"#));
        assert_eq!(status, 201, "{body}");
    }
    // The vendor's id leads to the first agent that claims it of those that are for the token.
    let id = "60d0fe4f5311236168a109ca";
    let shown = |header: &str| {
        let answer = ask(&api.server, "GET", &format!("/atoms/v1/agent/{id}"), header, "").2;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["data"]["name"].clone()
    };
    assert_eq!(shown(&own), Value::Null);
    let other = VENDOR.replace("Secret desk", "Own desk");
    for outcome in ["created", "unchanged"] {
        let body = format!(r#"{{"profile": "atoms", "document": {other}}}"#);
        let (status, _, body) = post("/api/v1/imports", &body);
        assert!(status == 201 && body.contains("own-desk-2") && body.contains(outcome), "{status} {body}");
    }
    assert_eq!(shown(&own), "Own desk");
    let reads_all = {
        let words = ["--store", "team", "token", "create", "all", "--role", "reader", "-q"];
        format!("authorization: Bearer {}", api.place.recto(words).ok().trim())
    };
    assert_eq!(shown(&reads_all), "Secret desk");
}

#[test]
fn a_page_for_some_agents_is_whole_and_goes_on() {
    let (api, own) = Api::with(|place| {
        for name in ["a-1", "b-1", "c-1", "a-2", "d-1", "a-3"] {
            place.recto(["--store", "team", "agent", "new", name]).ok();
        }
        token(place, "a", "reader", "a-*")
    });
    let mut found = Vec::new();
    let mut path = "/api/v1/agents?limit=1".to_owned();
    loop {
        let page: Value = serde_json::from_str(&ask(&api.server, "GET", &path, &own, "").2).expect("JSON");
        let agents = page["agents"].as_array().expect("agents");
        assert_eq!(agents.len(), 1, "{page}");
        found.push(agents[0]["handle"].as_str().expect("a handle").to_owned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/agents?limit=1&cursor={next}");
    }
    assert_eq!(found, ["a-1", "a-2", "a-3"]);
}

#[test]
fn one_token_does_not_take_all_places_to_listen() {
    let (api, [one, other]) =
        Api::with(|place| [token(place, "one", "reader", "*"), token(place, "other", "reader", "*")]);
    let listen = |header: &str| {
        let mut stream = TcpStream::connect(api.server.address).expect("it is there");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let head = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n{header}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut heard = vec![0; 4096];
        let read = stream.read(&mut heard).expect("answered");
        (stream, String::from_utf8_lossy(&heard[..read]).into_owned())
    };
    let mut open = Vec::new();
    let refused = loop {
        let (stream, answer) = listen(&one);
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
        open.push(stream);
        assert!(open.len() < 100, "nobody says that it is enough");
    };
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after"), "{refused}");
    assert!(listen(&other).1.starts_with("HTTP/1.1 200"));
    // A place that was left is free again.
    open.clear();
    let began = Instant::now();
    while !listen(&one).1.starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < Duration::from_secs(20), "its places stay taken");
    }
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
fn a_server_is_not_open_when_its_tokens_are_gone() {
    let (api, _) = Api::with(|place| token(place, "r", "reader", "*"));
    let mut command = api.place.command(["--store", "team", "serve", "--listen", "0.0.0.0:0"]);
    let open = Served::started(command.env_remove("RECTO_TIME"));
    std::fs::remove_file(api.place.path("team/.recto/tokens.json")).expect("it is there");
    let (status, _, body) = ask(&open, "GET", "/api/v1/agents", "", "");
    assert_eq!(status, 401, "{body}");
    let (status, _, body) = ask(&api.server, "GET", "/api/v1/agents", "", "");
    assert_eq!(status, 401, "nor is one that only this machine reaches: {body}");
    // Who starts it anew without tokens wants it so.
    let anew = Served::new(&api.place, "team", "127.0.0.1:0", &[]);
    assert_eq!(ask(&anew, "GET", "/api/v1/agents", "", "").0, 200);
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
    let (status, _, body) = ask(&api.server, "POST", "/thinnest/agents/helpdesk/publish", "", "{}");
    assert!(status == 409 && body.contains("check.command"), "{status} {body}");
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
fn what_a_program_refuses_says_why_and_the_way_on() {
    let (api, ()) = Api::with(|place| {
        place.recto(["--store", "team", "config", "check.command", "echo too slow >&2; false"]).ok();
    });
    let hint = |path: &str, body: &Value, status: u16| {
        api.post(&format!("/agents/support/{path}"), body).is(status).body["hint"].to_string()
    };
    api.publish(2);
    let (check, run) =
        ("/agents/support/versions/V2/check", "'recto check support@V2 --run' where the store lies");
    let pending = hint("versions/V2/activate", &json!({}), 422);
    assert!(pending.contains(run) && pending.contains("override_reason"), "{pending}");
    assert!(hint("versions/V2/check", &json!({}), 409).contains(run));
    let at_once = hint("versions", &json!({"config": {"prompt": "x"}, "activate": true}), 409);
    assert!(at_once.contains("'recto check support@latest --run'"), "{at_once}");
    assert_eq!(api.get(check).is(200).body["outside"], Value::Null);
    let words = ["--store", "team", "check", "support@latest", "--run"];
    api.place.run(api.place.command(words).env("RECTO_TIME", "2026-03-07T15:00:00Z+1ms"));
    let refused = api.get(check).is(200).body;
    assert_eq!((&refused["state"], &refused["outside"]), (&json!("failed"), &json!("too slow")));
    let failed = hint("versions/V2/activate", &json!({}), 422);
    assert!(
        failed.contains("GET /api/v1/agents/support/versions/V2/check") && failed.contains(run),
        "{failed}"
    );
}

#[test]
fn a_first_version_waits_for_the_program_too() {
    let (api, ()) = Api::with(|place| {
        place.recto(["--store", "team", "config", "check.command", "true"]).ok();
    });
    let config = json!({"prompt": "x"});
    let made = api.post("/agents", &json!({"handle": "made", "config": config})).is(201);
    assert_eq!(made.body["check"]["state"], "pending", "{}", made.body);
    let copied = api.post("/agents/support/duplicate", &json!({"handle": "copied"})).is(201);
    assert_eq!(copied.body["check"]["state"], "pending", "{}", copied.body);
    api.post("/imports", &json!({"document": config, "handle": "imported"})).is(201);
    for agent in ["made", "copied", "imported"] {
        let version = format!("/agents/{agent}/versions/V1");
        assert_eq!(api.get(&version).is(200).body["check"], "pending", "{agent}");
        let refused = api.post(&format!("{version}/activate"), &json!({})).is(422);
        assert!(refused.body["detail"].to_string().contains("pending"), "{}", refused.body);
        let words = ["--store", "team", "check", &format!("{agent}@V1"), "--run"];
        api.place.run(api.place.command(words).env("RECTO_TIME", "2026-03-07T15:00:00Z+1ms")).ok();
        api.post(&format!("{version}/activate"), &json!({})).is(200);
    }
    // What a rule of recto's own finds is no matter of the program.
    let leak =
        json!({"prompt": "x", "headers": {"authorization": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"}});
    let failed = api.post("/agents", &json!({"handle": "leaking", "config": leak})).is(201);
    assert_eq!(failed.body["check"]["state"], "failed", "{}", failed.body);
}

#[test]
fn what_is_published_anew_has_the_verdict_of_the_version_that_it_is() {
    let (api, ()) = Api::with(|place| {
        place.recto(["--store", "team", "import", HELPDESK, "--as", "helpdesk"]).ok();
        place.recto(["--store", "team", "config", "check.command", "false"]).ok();
    });
    let pending = api.publish(2);
    let refused = api.post("/agents/support/republish", &json!({"version": pending})).is(422);
    assert!(refused.body["detail"].to_string().contains("V2"), "{}", refused.body);
    let done = api.post("/agents/support/republish", &json!({"version": "V1"})).is(201);
    assert_eq!(
        (&done.body["check"]["state"], &done.body["version"]["number"]),
        (&json!("passed"), &json!(3))
    );
    assert_eq!(done.body["version"]["active"], true);
    let why = json!({"version": pending, "override_reason": "an outage"});
    let done = api.post("/agents/support/republish", &why).is(201);
    assert_eq!(
        (&done.body["check"]["state"], &done.body["version"]["active"]),
        (&json!("pending"), &json!(true))
    );
    // A checkpoint was never checked.
    let rollback = |version: u32| {
        let path = format!("/thinnest/agents/helpdesk/versions/{version}/rollback");
        ask(&api.server, "POST", &path, "", "{}")
    };
    let (status, _, body) = ask(&api.server, "POST", "/thinnest/agents/helpdesk/versions", "", "{}");
    assert_eq!(status, 200, "{body}");
    let (status, _, body) = rollback(2);
    assert!(status == 409 && body.contains("check.command"), "{status} {body}");
    let (status, _, body) = rollback(1);
    assert!(status == 200 && body.contains("Rolled back to version 1"), "{status} {body}");
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
