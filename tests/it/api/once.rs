//! `Idempotency-Key`: what makes something is done once.

use serde_json::json;

use super::client::Api;

#[test]
fn the_same_key_makes_one_thing_and_answers_the_same() {
    let (mut api, ()) = Api::with(|_| ());
    let key = ["idempotency-key: 7f3a"];
    let edit = json!({"edits": [{"set": "voice.speed", "value": 2}]});
    api.draft("d");
    api.post("/agents/support/drafts/d/edits", &edit).is(200);
    let publish =
        |api: &Api| api.ask("POST", "/agents/support/drafts/d/publish", &key, Some(&json!({"label": "two"})));
    let first = publish(&api).is(201);
    let again = publish(&api).is(201);
    assert_eq!(
        (&first.body, first.tag(), first.header("location")),
        (&again.body, again.tag(), again.header("location"))
    );
    // Another process answers the same.
    api.server.kill();
    api.server = crate::serve::wire::Served::new(&api.place, "team", "127.0.0.1:0", &[]);
    assert_eq!(publish(&api).is(201).body, first.body);
    assert_eq!(
        api.get("/agents/support/versions").is(200).body["versions"].as_array().map(Vec::len),
        Some(2)
    );
    let other = json!({"label": "three"});
    api.ask("POST", "/agents/support/drafts/d/publish", &key, Some(&other)).is(422);
    // Elsewhere the same key is another request, and one that made nothing may be sent again.
    let draft = json!({"name": "e", "from": "V9"});
    api.ask("POST", "/agents/support/drafts", &key, Some(&draft)).is(404);
    api.ask("POST", "/agents/support/drafts", &key, Some(&json!({"name": "e"}))).is(201);
    api.ask("POST", "/agents/support/drafts", &key, Some(&json!({"name": "e"}))).is(201);
    for (path, body) in [
        ("/agents", json!({"handle": "a"})),
        ("/agents/support/duplicate", json!({"handle": "b"})),
        ("/agents/support/checkpoints", json!({"of": "e", "label": "l"})),
    ] {
        let first = api.ask("POST", path, &key, Some(&body)).is(201);
        assert_eq!(api.ask("POST", path, &key, Some(&body)).is(201).body, first.body, "{path}");
    }
    let long = format!("idempotency-key: {}", "k".repeat(256));
    api.ask("POST", "/agents", &[&long], Some(&json!({"handle": "c"}))).is(400);
}

#[test]
fn a_request_without_an_answer_is_not_done_again_unseen() {
    let api = Api::new();
    let key = ["idempotency-key: lost"];
    let body = json!({"handle": "one"});
    api.ask("POST", "/agents", &key, Some(&body)).is(201);
    // As a server leaves it that dies before it answers.
    let dir = api.place.path("team/.recto/idempotency");
    let file = std::fs::read_dir(dir).expect("it is there").filter_map(Result::ok).map(|entry| entry.path());
    let file =
        file.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).expect("a file");
    let text = std::fs::read_to_string(&file).expect("text");
    let mut known: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    known["answer"] = serde_json::Value::Null;
    std::fs::write(&file, known.to_string()).expect("written");
    api.ask("POST", "/agents", &key, Some(&body)).is(409);
    known["at_ms"] = json!(0);
    std::fs::write(&file, known.to_string()).expect("written");
    let late = api.ask("POST", "/agents", &key, Some(&body)).is(409);
    assert!(
        late.body["detail"].to_string().contains("'one'"),
        "a day later it is another request: {}",
        late.body
    );
}
