//! What a server says when what it serves is taken away under it (nothing that is not so, and nobody is let in), and
//! what its log says of who asked.

use std::fs;

use super::served::{at, team};
use super::wire::Served;

/// Asks for something; gives the status and all of the answer.
fn ask(server: &Served, method: &str, path: &str, headers: &str) -> (u16, String) {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    let answer = server.raw(head.as_bytes());
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, answer)
}

fn get(server: &Served, path: &str) -> (u16, String) {
    ask(server, "GET", path, "")
}

#[test]
fn tokens_that_are_gone_let_nobody_in() {
    let place = team(1);
    let late = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let active = "/api/v1/agents/agent0/active";
    assert_eq!(get(&late, active).0, 200, "there are no tokens yet");
    let token = at(&place, "team", &["token", "create", "ci", "--role", "admin", "-q"]);
    let early = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let own = format!("authorization: Bearer {}\r\n", token.trim());
    assert_eq!(ask(&late, "GET", active, &own).0, 200);
    // The early one is asked nothing before.
    let (tokens, aside) = (place.path("team/.recto/tokens.json"), place.path("aside.json"));
    fs::rename(&tokens, &aside).expect("moved");
    for server in [&early, &late] {
        for headers in ["", "authorization: Bearer nonsense\r\n", &own] {
            for (method, path) in [("GET", active), ("GET", "/sync/v1/agents"), ("GET", "/atoms/v1/agent")] {
                let (status, answer) = ask(server, method, path, headers);
                assert!(status == 401 && answer.contains("has none any more"), "{path} {headers}: {answer}");
            }
        }
    }
    fs::rename(&aside, &tokens).expect("moved back");
    for server in [&early, &late] {
        assert_eq!(ask(server, "GET", active, &own).0, 200);
    }
    fs::remove_file(&tokens).expect("removed");
    let anew = Served::new(&place, "team", "127.0.0.1:0", &[]);
    assert_eq!(get(&anew, active).0, 200, "one that is started anew knows of none");
}

/// Demands that a server says that it is not ready, for that reason, and tells no paths.
#[track_caller]
fn is_not_ready(server: &Served, reason: &str) {
    let (status, answer) = get(server, "/readyz");
    assert!(status == 503 && answer.ends_with(&format!("\r\n\r\n{reason}\n")), "{reason}: {answer}");
}

#[test]
fn a_server_says_why_it_is_not_ready() {
    let place = team(1);
    let store = place.path("team/.recto");
    at(&place, "team", &["token", "create", "ci", "--role", "admin", "-q"]);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let ready = || assert!(get(&server, "/readyz").1.ends_with("ready\n"));
    ready();
    let tokens = fs::read(store.join("tokens.json")).expect("there");
    fs::write(store.join("tokens.json"), &tokens[..tokens.len() / 2]).expect("written");
    is_not_ready(&server, "the tokens of the store cannot be read");
    fs::remove_file(store.join("tokens.json")).expect("removed");
    is_not_ready(&server, "the store has no tokens any more");
    fs::write(store.join("tokens.json"), &tokens).expect("written");
    ready();
    fs::rename(store.join("agents"), store.join("aside")).expect("moved");
    is_not_ready(&server, "the store cannot be read: a part of it is missing");
    fs::write(store.join("agents"), "").expect("written");
    is_not_ready(&server, "the store cannot be read: not a directory");
    fs::remove_file(store.join("agents")).expect("removed");
    fs::rename(store.join("aside"), store.join("agents")).expect("moved back");
    ready();
    fs::rename(&store, place.path("team/.aside")).expect("moved");
    is_not_ready(&server, "the store is not there");
    fs::rename(place.path("team/.aside"), &store).expect("moved back");
    ready();
}

#[test]
fn a_store_that_is_not_there_is_not_one_without_agents() {
    let place = team(1);
    let (store, aside) = (place.path("team/.recto"), place.path("team/.aside"));
    let open = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let paths = [
        "/api/v1/agents/agent0/active",
        "/api/v1/agents/agent0/versions",
        "/api/v1/agents/agent0",
        "/api/v1/agents",
        "/atoms/v1/agent",
        "/atoms/v1/agent/agent0",
        "/thinnest/agents/agent0/versions",
        "/sync/v1/agents",
    ];
    let before: Vec<u16> = paths.iter().map(|path| get(&open, path).0).collect();
    assert_eq!(get(&open, "/api/v1/agents/other").0, 404, "of a store that is there");
    let root = place.path("team").display().to_string();
    let none = |server: &Served, headers: &str| {
        for path in paths {
            let (status, answer) = ask(server, "GET", path, headers);
            assert!(status == 503 && answer.contains("the store is not there"), "{path}: {answer}");
            assert!(answer.contains("\r\nretry-after: 5\r\n") && !answer.contains(&root), "{path}: {answer}");
        }
    };
    fs::rename(&store, &aside).expect("moved");
    none(&open, "");
    let asked = "POST /sync/v1/tips HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let body = r#"{"agents": ["agent0"]}"#;
    let tips = open.raw(format!("{asked}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    assert!(tips.starts_with("HTTP/1.1 503") && tips.contains("the store is not there"), "{tips}");
    assert!(!store.exists(), "nothing is made in its place");
    fs::rename(&aside, &store).expect("moved back");
    assert_eq!(paths.iter().map(|path| get(&open, path).0).collect::<Vec<_>>(), before);
    // Who shows a token is not told that it is none.
    let token = at(&place, "team", &["token", "create", "ci", "--role", "admin", "-q"]);
    let closed = Served::new(&place, "team", "127.0.0.1:0", &[]);
    fs::rename(&store, &aside).expect("moved");
    none(&closed, &format!("authorization: Bearer {}\r\n", token.trim()));
}

#[test]
fn the_log_says_who_asked() {
    let place = team(1);
    let words = ["token", "create", "night shift", "--role", "reader", "-q"];
    let own = format!("authorization: Bearer {}\r\n", at(&place, "team", &words).trim());
    let mut server = Served::new(&place, "team", "127.0.0.1:0", &["--log-format", "json"]);
    let (agent, stranger) = ("/api/v1/agents/agent0", "authorization: Bearer x\r\n");
    for (path, headers, status) in
        [(agent, own.as_str(), 200), ("/api/v1/webhooks", &own, 403), (agent, stranger, 401)]
    {
        assert_eq!(ask(&server, "GET", path, headers).0, status, "{path}");
    }
    assert_eq!(server.terminate(), 0);
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let told: Vec<_> = lines
        .filter(|line| line["message"] == "answered")
        .map(|line| (line["status"].as_u64(), line["span"]["who"].as_str().map(str::to_owned)))
        .collect();
    let who = Some("night shift".to_owned());
    assert_eq!(told, [(Some(200), who.clone()), (Some(403), who), (Some(401), None)], "{log}");
}
