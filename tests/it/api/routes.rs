//! What each route does, and what it refuses.

use serde_json::json;

use super::client::Api;

#[test]
fn agents_are_made_described_renamed_put_away_and_copied() {
    let api = Api::new();
    let made = api.post("/agents", &json!({"title": "Night Shift", "config": {"prompt": "x"}})).is(201);
    assert_eq!(made.body["agent"]["handle"], "night-shift");
    assert_eq!(made.header("location"), Some("/api/v1/agents/night-shift"));
    api.post("/agents", &json!({"handle": "night-shift"})).is(409);
    api.post("/agents", &json!({})).is(400);
    let patch = json!({"title": "Nights", "fields": {"team": "b"}});
    api.ask("PATCH", "/agents/night-shift", &[], Some(&patch)).is(200);
    let shown = api.get("/agents/night-shift").is(200);
    assert_eq!((&shown.body["title"], &shown.body["fields"]["team"]), (&json!("Nights"), &json!("b")));
    api.post("/agents/night-shift/rename", &json!({"to": "nights"})).is(200);
    assert_eq!(api.get("/agents/night-shift").is(200).body["handle"], "nights");
    api.post("/agents/nights/archive", &json!({})).is(200);
    api.post("/agents/nights/drafts", &json!({"name": "d"})).is(409);
    api.post("/agents/nights/unarchive", &json!({})).is(200);
    let copy = api.post("/agents/support/duplicate", &json!({"handle": "copy"})).is(201);
    assert_eq!(copy.body["agent"]["title"], "support (copy)");
    assert_eq!(api.get("/agents/copy/status").is(200).body["liveness"], "never_published");
    let page = api.get("/agents?limit=2").is(200);
    let next = page.body["next"].as_str().expect("more").to_owned();
    let rest = api.get(&format!("/agents?limit=2&cursor={next}")).is(200);
    assert_eq!(rest.body["agents"][0]["handle"], "support");
    assert!(rest.body["next"].is_null());
}

#[test]
fn drafts_are_edited_restored_renamed_and_published() {
    let api = Api::new();
    api.draft("tone");
    api.post("/agents/support/drafts", &json!({"name": "tone"})).is(409);
    api.post("/agents/support/drafts", &json!({"name": "latest"})).is(400);
    let at = "/agents/support/drafts/tone";
    let patched =
        api.ask("PATCH", &format!("{at}/config?message=why"), &[], Some(&json!({"voice": {"speed": 2}})));
    assert_eq!(patched.is(200).body["draft"]["revision"], 2);
    let edits = json!({"edits": [{"set": "voice.speed", "value": 3}, {"set": "voice.name", "text": "ana"}]});
    api.post(&format!("{at}/edits"), &edits).is(200);
    let config = api.get(&format!("{at}/config")).is(200);
    assert_eq!(config.body["config"]["voice"], json!({"speed": 3, "name": "ana"}));
    assert_eq!(api.get(&format!("{at}/config?path=voice.speed")).is(200).body["config"], 3);
    api.get(&format!("{at}/config?path=voice.nothing")).is(404);
    api.post(&format!("{at}/edits"), &json!({"edits": [{"unset": "voice.name"}]})).is(200);
    api.post(&format!("{at}/edits"), &json!({"edits": [{"set": "voice.name"}]})).is(400);
    let diff = api.get(&format!("{at}/diff")).is(200);
    assert_eq!(diff.body["changes"][0]["path"], "voice.speed");
    assert_eq!(
        api.get(&format!("{at}/revisions")).is(200).body["revisions"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(api.get(&format!("{at}/check")).is(200).body["state"], "passed");
    let kept = api.post("/agents/support/checkpoints", &json!({"of": "tone", "label": "before"})).is(201);
    api.ask("PUT", &format!("{at}/config"), &[], Some(&json!({"prompt": "y"}))).is(200);
    api.post(&format!("{at}/restore"), &json!({"from": kept.body["id"]})).is(200);
    assert_eq!(api.get(&format!("{at}/config?path=voice.speed")).is(200).body["config"], 3);
    assert_eq!(api.get("/agents/support/checkpoints").is(200).body["checkpoints"][0]["label"], "before");
    api.post(&format!("{at}/rename"), &json!({"to": "calm"})).is(200);
    let body = json!({"label": "calm", "activate": true});
    let published = api.post("/agents/support/drafts/calm/publish", &body).is(201);
    assert_eq!(
        (&published.body["version"]["name"], &published.body["version"]["active"]),
        (&json!("V2"), &json!(true))
    );
    api.get("/agents/support/drafts/calm").is(404);
    api.draft("gone");
    api.ask("DELETE", "/agents/support/drafts/gone", &[], None).is(200);
    assert_eq!(api.get("/agents/support/drafts").is(200).body["drafts"], json!([]));
    api.place.recto(["--store", "team", "fsck"]).ok();
}

#[test]
fn changes_are_brought_together_and_what_conflicts_is_decided() {
    let api = Api::new();
    api.draft("a");
    api.draft("b");
    for (draft, speed) in [("a", 2), ("b", 3)] {
        let edit = json!({"edits": [{"set": "voice.speed", "value": speed}]});
        api.post(&format!("/agents/support/drafts/{draft}/edits"), &edit).is(200);
    }
    api.post("/agents/support/drafts/a/publish", &json!({"label": "a"})).is(201);
    api.post("/agents/support/drafts/b/publish", &json!({})).is(409);
    let rebased = api.post("/agents/support/drafts/b/rebase", &json!({})).is(200);
    assert_eq!(rebased.body["conflicts"][0]["path"], "voice.speed");
    let waiting = api.get("/agents/support/drafts/b/conflicts").is(200);
    assert_eq!(waiting.body["conflicts"][0]["sides"]["theirs"], 2);
    api.post("/agents/support/drafts/b/publish", &json!({})).is(409);
    let decide = json!({"decisions": [{"path": "voice.speed", "pick": "ours"}]});
    let decided = api.post("/agents/support/drafts/b/resolve", &decide).is(200);
    assert_eq!(decided.body["conflicts"], json!([]));
    api.post("/agents/support/drafts/b/resolve", &decide).is(404);
    api.post("/agents/support/drafts/b/publish", &json!({"label": "b"})).is(201);
    api.post("/agents/support/drafts/back/revert", &json!({"version": "V3"})).is(200);
    assert_eq!(api.get("/agents/support/drafts/back/config?path=voice.speed").is(200).body["config"], 2);
    api.post("/agents/support/drafts/back/cherry-pick", &json!({"version": "V3", "block": "prompt"})).is(404);
    api.post("/agents/support/drafts/back/merge", &json!({"from": "V3"})).is(200);
    api.post("/agents/support/drafts/back/merge", &json!({"from": "V9"})).is(404);
}

#[test]
fn versions_serve_go_back_and_say_what_served_when() {
    let api = Api::new();
    let ids: Vec<String> = (2..=4).map(|speed| api.publish(speed)).collect();
    api.post("/agents/support/versions", &json!({"config": {"prompt": "Be kind.\n", "voice": {"speed": 4}}}))
        .is(409);
    let page = api.get("/agents/support/versions?limit=3").is(200);
    assert_eq!(page.body["versions"][0]["name"], "V4");
    let next = page.body["next"].as_str().expect("more");
    let rest = api.get(&format!("/agents/support/versions?limit=3&cursor={next}")).is(200);
    assert_eq!(
        (rest.body["versions"].as_array().map(Vec::len), rest.body["next"].is_null()),
        (Some(1), true)
    );
    let edit = json!({"label": "kept", "pinned": true});
    assert_eq!(
        api.ask("PATCH", "/agents/support/versions/V2", &[], Some(&edit)).is(200).body["pinned"],
        true
    );
    let pinned = api.get("/agents/support/versions?pinned=true").is(200);
    assert_eq!(pinned.body["versions"].as_array().map(Vec::len), Some(1));
    for (version, from) in [("V2", "V1"), ("latest", "V2")] {
        let done = api.post(&format!("/agents/support/versions/{version}/activate"), &json!({})).is(200);
        let from = api.get(&format!("/agents/support/resolve?rev={from}")).is(200).body["id"].clone();
        assert_eq!(done.body["from"], from);
    }
    let active = api.get("/agents/support/active").is(200);
    assert_eq!((active.body["voice"]["speed"].as_u64(), active.tag()), (Some(4), format!("\"{}\"", ids[2])));
    assert_eq!(api.post("/agents/support/rollback", &json!({})).is(200).body["version"]["name"], "V2");
    assert_eq!(
        api.post("/agents/support/rollback", &json!({"to": "V1"})).is(200).body["version"]["name"],
        "V1"
    );
    api.post("/agents/support/rollback", &json!({"to": "V1", "time": "2026-03-07T15:00:00Z"})).is(400);
    api.post("/agents/support/unpublish", &json!({"note": "closed"})).is(200);
    api.get("/agents/support/active").is(404);
    assert_eq!(api.post("/agents/support/undo", &json!({})).is(200).body["kind"], "unpublish");
    let timeline = api.get("/agents/support/timeline?limit=2").is(200);
    assert_eq!(timeline.body["stretches"].as_array().map(Vec::len), Some(2));
    assert!(timeline.body["next"].is_string());
    let then = api.get("/agents/support/at?time=2030-01-01T00:00:00Z").is(200);
    assert_eq!(then.body["stretch"]["version"]["name"], "V1");
    api.get("/agents/support/at?time=2030-01-01T00:00:00").is(400);
    assert_eq!(api.get("/agents/support/versions/V9").is(404).body["type"], "urn:recto:problem:not_found");
    assert_eq!(api.get("/agents/support/versions/V2/check").is(200).body["state"], "passed");
    assert_eq!(api.post("/agents/support/versions/V2/check", &json!({})).is(200).body["state"], "passed");
    let diff = api.get("/agents/support/diff?from=V1&to=V4").is(200);
    assert_eq!((&diff.body["changes"][0]["old"], &diff.body["changes"][0]["new"]), (&json!(1), &json!(4)));
}

#[test]
fn the_log_comes_by_pages_and_filters_as_on_the_command_line() {
    let api = Api::new();
    for speed in 2..=6 {
        api.publish(speed);
    }
    let mut told = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/agents/support/log?limit=2{cursor}")).is(200);
        told.extend(page.body["operations"].as_array().expect("a list").iter().map(|one| one["id"].clone()));
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(told.len(), 6);
    let backwards = api.get("/agents/support/log?reverse=true").is(200);
    let ids: Vec<_> = backwards.body["operations"]
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, told);
    let published = api.get("/agents/support/log?kind=publish,rollback&author=asha").is(200);
    assert_eq!(published.body["operations"].as_array().map(Vec::len), Some(5));
    assert_eq!(published.body["operations"][0]["via"], "http");
    api.get("/agents/support/log?since=yesterday").is(400);
    api.get("/agents/support/log?nonsense=1").is(400);
    api.get("/agents/support/log?cursor=zz").is(400);
}

#[test]
fn documents_go_in_and_out_and_come_back_the_same() {
    let api = Api::new();
    let exported = api.get("/agents/support/export").is(200).body;
    let unchanged = api.post("/imports", &json!({"document": exported, "handle": "support"})).is(201);
    assert_eq!(unchanged.body["outcome"], "unchanged");
    let new =
        api.post("/imports", &json!({"document": exported, "handle": "other", "profile": "generic"})).is(201);
    assert_eq!(new.body["outcome"], "created");
    assert_eq!(api.get("/agents/other/export?rev=latest").is(200).body, exported);
}

#[test]
fn secrets_are_masked_unless_they_are_to_be_revealed_and_findings_can_be_accepted() {
    let api = Api::new();
    let secret = ["sk-proj-", "Qx7Lm2Vt9Rz4Kp8Wd3Ns6Yb1Hc5Jf0Ga"].concat();
    api.draft("keyed");
    let edit = json!({"edits": [{"set": "voice.api_key", "value": secret}]});
    api.post("/agents/support/drafts/keyed/edits", &edit).is(200);
    let at = "/agents/support/drafts/keyed";
    for path in ["config", "diff", "check"] {
        let shown = api.get(&format!("{at}/{path}")).is(200);
        assert!(!shown.body.to_string().contains(&secret), "{path}: {}", shown.body);
    }
    assert_eq!(
        api.get(&format!("{at}/config?reveal=true&path=voice.api_key")).is(200).body["config"],
        json!(secret)
    );
    api.post(&format!("{at}/publish"), &json!({"activate": true})).is(422);
    let accept = json!({"revision": "keyed", "path": "voice.api_key", "reason": "of a sandbox"});
    assert_eq!(api.post("/agents/support/accepted", &accept).is(200).body["count"], 1);
    assert_eq!(api.get("/agents/support/accepted").is(200).body["accepted"][0]["reason"], "of a sandbox");
    api.post(&format!("{at}/publish"), &json!({"activate": true})).is(201);
}

#[test]
fn what_cannot_be_read_is_refused_and_named() {
    let api = Api::new();
    api.draft("d");
    for (method, path, body) in [
        ("POST", "/agents", r#"{"handle": "x", "colour": "red"}"#),
        ("POST", "/agents/support/drafts", r#"{"name": "x", "colour": "red"}"#),
        ("PATCH", "/agents/support", r#"{"colour": "red"}"#),
        ("POST", "/agents/support/rollback", r#"{"colour": "red"}"#),
        ("POST", "/agents/support/undo", r#"{"colour": "red"}"#),
        ("PATCH", "/agents/support/versions/V1", r#"{"colour": "red"}"#),
        ("POST", "/agents/support/drafts/d/publish", r#"{"colour": "red"}"#),
        ("POST", "/agents/support/drafts/d/merge", r#"{"from": "V1", "colour": "red"}"#),
    ] {
        let refused = api.send(method, path, &[], body.as_bytes()).is(400);
        assert!(refused.body["detail"].to_string().contains("colour"), "{path}: {}", refused.body);
    }
    let log = api.get("/agents/support/log").is(200).body;
    for body in
        [&b"{\"prompt\": \"\xff\"}"[..], b"[1]", b"{\"a\": 1, \"a\": 2}", b"{", b"{\"n\": 1e400}", b""]
    {
        api.send("PUT", "/agents/support/drafts/d/config", &[], body).is(400);
    }
    for path in ["/agents/%ff", "/agents/support/drafts/%ff", "/agents/support/versions/%ff"] {
        let status = api.get(path).status;
        assert!(status == 400 || status == 404, "{path}: {status}");
    }
    assert_eq!(api.get("/agents/support/log").is(200).body, log, "nothing happened");
    api.get("/agents?limit=0").is(400);
    api.get("/agents?limit=501").is(400);
    api.ask("DELETE", "/agents/support", &[], None).is(405);
    api.get("/nothing").is(404);
}

#[test]
fn versions_are_put_into_environments_promoted_and_published_anew() {
    let api = Api::new();
    api.publish(2);
    let at = "/agents/support/environments";
    let first = api.get(at).is(200).body["environments"][0]["name"].as_str().expect("one").to_owned();
    api.ask("PUT", &format!("{at}/{first}"), &[], Some(&json!({"version": "V2"}))).is(200);
    let stale = ["if-match: \"0000\""];
    api.ask("PUT", &format!("{at}/{first}"), &stale, Some(&json!({"version": "V1"}))).is(412);
    api.ask("PUT", &format!("{at}/no-such"), &[], Some(&json!({"version": "V1"}))).is(404);
    let promoted = api.post("/agents/support/promote", &json!({"from": first})).is(200);
    assert_eq!(promoted.body["version"]["name"], "V2");
    api.post("/agents/support/promote", &json!({})).is(400);
    let history = api.get(&format!("{at}/{first}/history")).is(200);
    assert_eq!(history.body["stretches"][0]["version"]["name"], "V2");
    assert_eq!(api.get(&format!("{at}/{first}/active")).is(200).body["voice"]["speed"], 2);
    api.ask("DELETE", &format!("{at}/{first}"), &[], None).is(200);
    let anew = api.post("/agents/support/republish", &json!({"version": "V1"})).is(201);
    assert_eq!(
        (&anew.body["version"]["name"], &anew.body["version"]["active"]),
        (&json!("V3"), &json!(true))
    );
}

#[test]
fn titles_labels_and_descriptions_have_no_control_characters() {
    let api = Api::new();
    api.draft("d");
    let config = json!({"prompt": "p"});
    for (method, path, body, culprit) in [
        ("POST", "/agents", json!({"handle": "new", "title": "a\u{7}"}), "title"),
        ("POST", "/agents", json!({"handle": "new", "description": "a\u{1b}[2J"}), "description"),
        ("POST", "/agents", json!({"handle": "new", "label": "a\tb"}), "label"),
        ("PATCH", "/agents/support", json!({"title": "one\ntwo"}), "title"),
        ("PATCH", "/agents/support", json!({"description": "a\u{7f}"}), "description"),
        ("POST", "/agents/support/duplicate", json!({"handle": "new", "title": "\u{85}"}), "title"),
        ("POST", "/imports", json!({"document": config, "handle": "new", "title": "\u{0}"}), "title"),
        ("POST", "/agents/support/versions", json!({"config": config, "label": "\u{7}"}), "label"),
        ("PATCH", "/agents/support/versions/V1", json!({"description": "\u{7}"}), "description"),
        ("POST", "/agents/support/drafts/d/publish", json!({"label": "\u{7}"}), "label"),
        ("POST", "/agents/support/checkpoints", json!({"of": "d", "label": "\u{7}"}), "label"),
        ("POST", "/agents/support/republish", json!({"version": "V1", "label": "\u{7}"}), "label"),
    ] {
        let told = api.ask(method, path, &[], Some(&body)).is(400).body["detail"].to_string();
        assert!(told.contains(culprit) && told.contains("control character U+00"), "{path}: {told}");
    }
    assert_eq!(api.get("/agents").is(200).body["agents"].as_array().map(Vec::len), Some(1));
    api.ask("PATCH", "/agents/support", &[], Some(&json!({"description": "one\r\n\ttwo"}))).is(200);
}

#[test]
fn bodies_come_as_they_are() {
    let api = Api::new();
    let body = br#"{"title": "Plain"}"#;
    for coding in ["gzip", "zstd", "identity, gzip"] {
        let header = format!("content-encoding: {coding}");
        let refused = api.send("PATCH", "/agents/support", &[&header], body).is(415);
        assert_eq!(refused.header("accept-encoding"), Some("identity"), "{}", refused.head);
    }
    api.send("PATCH", "/agents/support", &["content-encoding: Identity"], body).is(200);
    assert_eq!(api.get("/agents/support").is(200).body["title"], "Plain");
}

#[test]
fn webhooks_are_managed_by_an_admin_and_show_their_secret_once() {
    let api = Api::new();
    let new = json!({"name": "deploys", "url": "https://ci.example.com/recto", "events": ["activate"]});
    let added = api.post("/webhooks", &new).is(200).body;
    let secret = added["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && added["former_until"].is_null(), "{added}");
    api.post("/webhooks", &new).is(409);
    let list = api.get("/webhooks").is(200).body;
    assert_eq!(list["webhooks"][0]["events"], json!(["activate"]));
    assert_eq!(list["webhooks"][0]["agents"], json!(["*"]));
    let told = json!({
        "failing_since": null, "failed_at": null, "failed_with": null, "waiting": 0, "waiting_at_least": false,
    });
    assert_eq!(list["webhooks"][0]["delivery"], told);
    assert!(!list.to_string().contains(&secret[6..]), "{list}");
    let rotated = api.post("/webhooks/deploys/rotate", &json!({})).is(200).body;
    assert!(rotated["secret"] != added["secret"] && rotated["former_until"].is_string(), "{rotated}");
    let at_once = api.post("/webhooks/deploys/rotate", &json!({"overlap_seconds": 0})).is(200).body;
    assert!(at_once["former_until"].is_null(), "{at_once}");
    for (body, status) in [
        (json!({"name": "far", "url": "http://example.com/"}), 400),
        (json!({"name": "odd", "url": "https://example.com/", "events": ["lunch"]}), 400),
        (json!({"name": "odd", "url": "https://example.com/", "secret": "mine"}), 400),
        (json!({"name": "No name", "url": "https://example.com/"}), 400),
        (json!({"name": "none", "url": "https://example.com/", "events": []}), 400),
        (json!({"name": "none", "url": "https://example.com/", "agents": []}), 400),
    ] {
        api.post("/webhooks", &body).is(status);
    }
    api.post("/webhooks/deploys/rotate", &json!({"overlap_seconds": 31 * 24 * 3600})).is(400);
    api.ask("DELETE", "/webhooks/deploys", &["if-match: \"x\""], None).is(412);
    assert_eq!(api.ask("DELETE", "/webhooks/deploys", &[], None).is(200).body["name"], "deploys");
    api.ask("DELETE", "/webhooks/deploys", &[], None).is(404);
    api.post("/webhooks/deploys/rotate", &json!({})).is(404);
    assert_eq!(api.get("/webhooks").is(200).body["webhooks"], json!([]));
}

#[test]
fn a_parameter_that_a_route_does_not_know_is_refused_by_its_name() {
    let api = Api::new();
    api.draft("d");
    for (method, path) in [
        ("GET", "/agents?page=2"),
        ("GET", "/agents/support?reveal=true"),
        ("GET", "/agents/support/active?version=V1"),
        ("GET", "/agents/support/drafts?limit=1"),
        ("GET", "/agents/support/versions/V1/config?revael=true"),
        ("POST", "/agents/support/unpublish?dry_run=1"),
        ("DELETE", "/agents/support/drafts/d?force"),
        ("GET", "/events?agents=a"),
    ] {
        let name = path.split_once('?').expect("a query").1;
        let name = name.split_once('=').map_or(name, |(name, _)| name);
        let refused = api.ask(method, path, &[], Some(&json!({}))).is(400);
        assert!(
            refused.body["detail"].to_string().contains(&format!("'{name}'")),
            "{path}: {}",
            refused.body
        );
    }
    api.get("/agents/support/drafts/d").is(200);
    api.get("/agents/support/active").is(200);
}

#[test]
fn a_parameter_that_cannot_be_read_is_refused_in_words_that_name_it() {
    let api = Api::new();
    for (path, says) in [
        ("/agents?limit=x", "the query parameter 'limit' is 'x', and has to be a whole number, 0 or more"),
        ("/agents?limit=0", "'limit' is 0, and has to be 1 to 500"),
        ("/agents?limit=1&limit=2", "the query parameter 'limit' is given twice; once is right"),
        (
            "/agents?cursor=zz",
            "'cursor' is none that was given out here; without it the first page is answered",
        ),
        (
            "/agents/support/log?reverse=yes",
            "the query parameter 'reverse' is 'yes', and has to be 'true' or 'false'",
        ),
        (
            "/agents/support/timeline?since=then",
            "'since' is 'then', and has to be a time like 2026-03-07T14:03:00Z, with its offset",
        ),
        ("/agents/support/diff?from=V1", "the query parameter 'to' is missing, and has to be given"),
        (
            "/agents/support/versions?Limit=1",
            "there is no query parameter 'Limit' here: 'cursor', 'limit', 'pinned'",
        ),
        ("/agents/support/drafts?a=1", "there is no query parameter 'a' here: none is taken"),
    ] {
        assert_eq!(api.get(path).is(400).body["detail"], says, "{path}");
    }
    let refused = api.get("/agents/support/diff?from=V1&to=a..b").is(400).body;
    assert!(refused["detail"].to_string().contains("'to': "), "{refused}");
}

#[test]
fn hints_are_about_routes() {
    let api = Api::new();
    api.draft("d");
    for (path, body, status, says) in [
        ("/agents/support/drafts", json!({"name": "d"}), 409, "PATCH /api/v1/agents/support/drafts/d/config"),
        ("/agents/support/drafts/d/publish", json!({}), 409, "'allow_unchanged'"),
        ("/agents/support/drafts/no/publish", json!({}), 404, "GET /api/v1/agents/support/drafts"),
        ("/agents/support/drafts/d/publish", json!({"revision": 9}), 409, "drafts/d/revisions"),
        ("/agents/support/versions/V9/activate", json!({}), 404, "GET /api/v1/agents/support/versions"),
    ] {
        let refused = api.post(path, &body).is(status);
        assert!(refused.body["hint"].to_string().contains(says), "{path}: {}", refused.body);
    }
}
