//! Every route, asked by every role.

use serde_json::{Value, json};

use super::client::Api;
use crate::harness::Place;

/// A token of each role, the least first; then one that is for other agents.
fn tokens(place: &Place) -> Vec<String> {
    let mut made = Vec::new();
    for (name, role, agents) in [
        ("r", "reader", "*"),
        ("e", "editor", "*"),
        ("p", "publisher", "*"),
        ("a", "admin", "*"),
        ("o", "admin", "other-*"),
    ] {
        let words = ["--store", "team", "token", "create", name, "--role", role, "--agents", agents, "-q"];
        made.push(place.recto(words).ok().trim().to_owned());
    }
    made
}

/// The least role of each operation, as it is described.
fn described(api: &Api) -> Vec<(String, String, usize)> {
    let description = api.get("/openapi.json").is(200).body;
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let says = operation["description"].as_str().expect("a role");
            let roles = ["reader", "editor", "publisher", "admin"];
            let role = roles.iter().position(|role| says.contains(role)).expect("a role");
            let path = path.strip_prefix("/api/v1").expect("the root").to_owned();
            found.push((method.to_uppercase(), path, role));
        }
    }
    found
}

/// A body that is right in its form, and asks for something that is not there or changes nothing for long.
fn body(path: &str) -> Value {
    match path.rsplit('/').next().expect("a name") {
        "agents" => json!({"handle": "support"}),
        "imports" => json!({"document": {"prompt": "x"}, "handle": "support"}),
        "rename" => json!({"to": "support"}),
        "drafts" => json!({"name": "d"}),
        "restore" | "merge" => json!({"from": "V9"}),
        "checkpoints" => json!({"of": "V9", "label": "l"}),
        "edits" => json!({"edits": []}),
        "cherry-pick" | "revert" | "{environment}" | "promote" | "republish" => json!({"version": "V9"}),
        "resolve" => json!({"decisions": []}),
        "versions" => json!({"config": {"prompt": 1}}),
        "accepted" => json!({"path": "nowhere", "reason": "r"}),
        _ => json!({}),
    }
}

#[test]
fn every_route_takes_the_role_that_it_says_and_no_less() {
    let (api, tokens) = Api::with(tokens);
    let routes = described(&api);
    assert!(routes.len() > 40, "{}", routes.len());
    for (method, path, least) in routes {
        if path == "/events" {
            continue;
        }
        let filled =
            path.replace("{agent}", "support").replace("{draft}", "no-such").replace("{version}", "V9");
        let filled = filled.replace("{environment}", "no-such").replace("{webhook}", "no-such");
        for (role, token) in tokens.iter().enumerate().take(4) {
            let sent = (method != "GET" && method != "DELETE").then(|| body(&path));
            let auth = format!("authorization: Bearer {token}");
            if path.ends_with("/undo") {
                // An undo takes the role of what it takes back.
                let title = json!({"title": format!("By {role}")});
                let admin = format!("authorization: Bearer {}", tokens[3]);
                api.ask("PATCH", "/agents/support", &[&admin], Some(&title)).is(200);
            }
            let answer = api.ask(&method, &filled, &[&auth], sent.as_ref());
            assert_eq!(
                answer.status == 403,
                role < least,
                "{method} {filled} as {role}: {} {}",
                answer.status,
                answer.body
            );
            assert!(answer.status < 500, "{method} {filled}: {}", answer.body);
        }
        let nobody = api.ask(&method, &filled, &[], None);
        assert_eq!(nobody.status, 401, "{method} {filled}");
        if path.contains("{agent}") {
            let auth = format!("authorization: Bearer {}", tokens[4]);
            let missing = api.ask(&method, &filled, &[&auth], Some(&body(&path)));
            let never =
                api.ask(&method, &filled.replace("support", "never-was"), &[&auth], Some(&body(&path)));
            // What lacks a parameter is refused before it is looked for.
            let refused = missing.status == never.status && [400, 404].contains(&never.status);
            assert!(refused, "{method} {filled}: {} {}", missing.status, never.status);
            assert_eq!(missing.body.to_string().replace("support", "never-was"), never.body.to_string());
        }
    }
}

#[test]
fn a_token_for_some_agents_sees_hears_and_makes_only_those() {
    let (api, tokens) = Api::with(tokens);
    let auth = format!("authorization: Bearer {}", tokens[4]);
    let ask = |method: &str, path: &str, body: Option<&Value>| api.ask(method, path, &[&auth], body);
    assert_eq!(ask("GET", "/agents", None).is(200).body["agents"], json!([]));
    ask("POST", "/agents", Some(&json!({"handle": "mine"}))).is(403);
    ask("POST", "/agents", Some(&json!({"title": "Mine"}))).is(403);
    ask("POST", "/imports", Some(&json!({"document": {"prompt": "x"}, "handle": "support"}))).is(403);
    ask("POST", "/agents", Some(&json!({"handle": "other-1"}))).is(201);
    ask("POST", "/agents/other-1/rename", Some(&json!({"to": "support"}))).is(403);
    ask("POST", "/agents/other-1/duplicate", Some(&json!({"handle": "copy"}))).is(403);
    assert_eq!(ask("GET", "/agents", None).is(200).body["agents"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_somebody_else_drafted_takes_an_admin_to_discard() {
    let (api, tokens) = Api::with(tokens);
    let auth = |at: usize| format!("authorization: Bearer {}", tokens[at]);
    let draft = json!({"name": "d"});
    api.ask("POST", "/agents/support/drafts", &[&auth(1)], Some(&draft)).is(201);
    api.ask("DELETE", "/agents/support/drafts/d", &[&auth(2)], None).is(403);
    api.ask("DELETE", "/agents/support/drafts/d", &[&auth(1)], None).is(200);
    api.ask("POST", "/agents/support/drafts", &[&auth(1)], Some(&draft)).is(201);
    api.ask("DELETE", "/agents/support/drafts/d", &[&auth(3)], None).is(200);
}
