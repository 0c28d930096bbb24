//! `If-Match` and `If-None-Match`: nothing is done to what was not seen.

use std::thread;

use serde_json::json;

use super::client::{Api, send_to};

#[test]
fn what_is_the_same_is_not_sent_again() {
    let api = Api::new();
    api.draft("d");
    for path in [
        "/agents/support",
        "/agents/support/status",
        "/agents/support/drafts",
        "/agents/support/drafts/d",
        "/agents/support/drafts/d/config",
        "/agents/support/versions",
        "/agents/support/versions/V1",
        "/agents/support/versions/V1/config",
        "/agents/support/active",
        "/agents/support/log",
        "/agents/support/timeline",
        "/agents/support/diff?from=V1&to=d",
    ] {
        let tag = api.get(path).is(200).tag();
        let again = api.ask("GET", path, &[&format!("if-none-match: {tag}")], None);
        assert_eq!((again.status, again.tag()), (304, tag), "{path}");
    }
}

#[test]
fn a_write_says_what_it_saw_and_is_refused_with_both_sides_when_that_moved() {
    let api = Api::new();
    let tag = api.draft("d");
    let edits = "/agents/support/drafts/d/edits";
    let speed = |speed: u64| json!({"edits": [{"set": "voice.speed", "value": speed}]});
    let condition = format!("if-match: {tag}");
    let now = api.ask("POST", edits, &[&condition], Some(&speed(2))).is(200).tag();
    let refused = api.ask("POST", edits, &[&condition], Some(&speed(3))).is(412);
    assert_eq!(refused.body["expected"], tag.trim_matches('"'));
    assert_eq!(refused.body["actual"], now.trim_matches('"'));
    api.ask("POST", edits, &[&format!("if-match: \"x\", {now}")], Some(&speed(3))).is(200);
    api.ask("POST", edits, &["if-match: *"], Some(&speed(4))).is(200);
    api.ask("POST", edits, &["if-match: W/\"x\""], Some(&speed(5))).is(412);
    api.ask("POST", edits, &["if-match: x"], Some(&speed(5))).is(400);
    // Without a condition, what the body expects and is not so is a conflict.
    api.post("/agents/support/drafts/d/publish", &json!({"revision": 1})).is(409);
    // The newest operation is a tag of all of the agent.
    let head = api.get("/agents/support").is(200).tag();
    api.ask("POST", "/agents/support/undo", &[&format!("if-match: {head}")], Some(&json!({}))).is(200);
    api.ask("POST", "/agents/support/undo", &[&format!("if-match: {head}")], Some(&json!({}))).is(412);
    // What serves is the tag of what changes that.
    api.publish(7);
    let serves = format!("if-match: {}", api.get("/agents/support/active").is(200).tag());
    let activate = "/agents/support/versions/V2/activate";
    api.ask("POST", activate, &[&serves], Some(&json!({}))).is(200);
    for path in [activate, "/agents/support/rollback", "/agents/support/unpublish"] {
        api.ask("POST", path, &[&serves], Some(&json!({}))).is(412);
    }
    let other = ["if-match: \"0000\""];
    let new = json!({"handle": "new"});
    api.ask("POST", "/agents", &other, Some(&new)).is(412);
    for (method, path, body) in [
        ("PATCH", "/agents/support", json!({"title": "t"})),
        ("POST", "/agents/support/rename", json!({"to": "t"})),
        ("POST", "/agents/support/archive", json!({})),
        ("POST", "/agents/support/duplicate", json!({})),
        ("POST", "/agents/support/drafts", json!({"name": "e"})),
        ("DELETE", "/agents/support/drafts/d", json!({})),
        ("POST", "/agents/support/drafts/d/publish", json!({})),
        ("POST", "/agents/support/drafts/d/merge", json!({"from": "V1"})),
        ("POST", "/agents/support/checkpoints", json!({"of": "d", "label": "l"})),
        ("POST", "/agents/support/versions", json!({"config": {"prompt": "p"}})),
        ("PATCH", "/agents/support/versions/V1", json!({"label": "l"})),
        ("POST", "/agents/support/versions/V1/check", json!({})),
    ] {
        api.ask(method, path, &other, Some(&body)).is(412);
    }
}

#[test]
fn where_there_is_no_such_draft_that_is_what_is_wrong() {
    let api = Api::new();
    let tag = format!("if-match: {}", api.draft("d"));
    let nothing = json!({});
    let edits = json!({"edits": [{"set": "voice.speed", "value": 2}]});
    let cases = [
        ("POST", "edits", &edits),
        ("PATCH", "config", &nothing),
        ("DELETE", "", &nothing),
        ("POST", "rename", &json!({"to": "e"})),
        ("POST", "publish", &nothing),
        ("POST", "rebase", &nothing),
        ("POST", "resolve", &json!({"decisions": []})),
    ];
    for (method, path, body) in cases {
        let path = format!("/agents/support/drafts/gone/{path}");
        api.ask(method, path.trim_end_matches('/'), &[&tag], Some(body)).is(404);
    }
    api.ask("POST", "/agents/none/drafts/d/edits", &[&tag], Some(&edits)).is(404);
    // What may be made by it was expected to be there, and is not.
    let restore = json!({"from": "V1"});
    api.ask("POST", "/agents/support/drafts/gone/restore", &[&tag], Some(&restore)).is(412);
    api.ask("POST", "/agents/support/drafts/d/edits", &[&tag], Some(&edits)).is(200);
    api.ask("POST", "/agents/support/drafts/d/edits", &[&tag], Some(&edits)).is(412);
}

#[test]
fn of_many_who_saw_the_same_exactly_one_wins() {
    let api = Api::new();
    let tag = api.draft("d");
    for speed in 2..10 {
        api.publish(speed);
    }
    let serves = api.get("/agents/support/active").is(200).tag();
    let race = |ask: &(dyn Fn(usize) -> u16 + Sync)| {
        let statuses: Vec<u16> = thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|at| scope.spawn(move || ask(at))).collect();
            racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
        });
        let won = statuses.iter().filter(|status| **status == 200).count();
        assert!(won == 1 && statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
    };
    let address = api.server.address;
    let send = |path: String, tag: String, body: serde_json::Value| -> u16 {
        use std::io::{Read as _, Write as _};
        let body = body.to_string();
        let mut stream = std::net::TcpStream::connect(address).expect("it is there");
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nif-match: {tag}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    };
    race(&|at| {
        let edit = json!({"edits": [{"set": "voice.speed", "value": 100 + at}]});
        send("/agents/support/drafts/d/edits".to_owned(), tag.clone(), edit)
    });
    race(&|at| send(format!("/agents/support/versions/V{}/activate", at + 2), serves.clone(), json!({})));
    assert_eq!(api.get("/agents/support/drafts/d").is(200).body["revision"], 2);
}

#[test]
fn who_publishes_a_draft_that_was_published_meanwhile_is_told_as_what_and_by_whom() {
    let api = Api::new();
    let says = |number: u64| {
        format!("draft 'd' of agent 'support' was published meanwhile, as V{number}, by Asha Rao")
    };
    let edit = |speed: u64| {
        api.draft("d");
        let body = json!({"edits": [{"set": "voice.speed", "value": speed}]});
        api.post("/agents/support/drafts/d/edits", &body).is(200).tag()
    };
    let path = "/agents/support/drafts/d/publish";
    let address = api.server.address;
    for number in 2..8 {
        edit(number);
        let mut told: Vec<_> = thread::scope(|scope| {
            let publish = || send_to(address, "POST", path, &[], br#"{"activate": true}"#);
            [scope.spawn(publish), scope.spawn(publish)].map(|one| one.join().expect("it answers")).into()
        });
        told.sort_by_key(|answer| answer.status);
        assert_eq!([told[0].status, told[1].status], [201, 409], "{told:?}");
        let lost = told.remove(1).is(409).body;
        assert_eq!(lost["detail"], says(number), "{lost}");
        assert_eq!(lost["hint"], format!("GET /api/v1/agents/support/versions/V{number} shows it"));
    }
    // Also who says what they saw.
    let seen = edit(8);
    api.post(path, &json!({"activate": true})).is(201);
    let seen = format!("if-match: {seen}");
    assert_eq!(api.ask("POST", path, &[&seen], Some(&json!({}))).is(409).body["detail"], says(8));
    // What is wrong with the request itself comes first.
    api.ask("POST", path, &["if-match: bogus"], Some(&json!({}))).is(400);
    // One that went otherwise, or never was, was not published.
    edit(9);
    api.ask("DELETE", "/agents/support/drafts/d", &[], None).is(200);
    for name in ["d", "no"] {
        let gone = api.post(&format!("/agents/support/drafts/{name}/publish"), &json!({})).is(404).body;
        assert_eq!(gone["detail"], format!("agent 'support' has no draft '{name}'"));
    }
    edit(10);
    api.post("/agents/support/drafts/d/rename", &json!({"to": "e"})).is(200);
    api.post(path, &json!({"activate": true})).is(404);
}
