//! What a server says when what it serves is taken away under it: nothing that is not so, and nobody is let in.

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
