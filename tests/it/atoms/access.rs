//! Who may do what, and that nobody learns of agents that are not for them.

use serde_json::{Value, json};

use super::{Api, text, timed};
use crate::harness::Place;

/// A token of that role, for agents of these names.
fn token(place: &Place, name: &str, role: &str, agents: &str) -> String {
    let words = ["token", "create", name, "--role", role, "--agents", agents, "-q"];
    place.run(&mut timed(place, &words)).ok().trim().to_owned()
}

#[test]
fn each_role_does_what_it_may() {
    let place = Place::with_store();
    let [reader, editor, other, publisher, admin] = [
        ("reader", "reader"),
        ("editor", "editor"),
        ("other", "editor"),
        ("publisher", "publisher"),
        ("admin", "admin"),
    ]
    .map(|(name, role)| token(&place, name, role, "*"));
    let mut api = Api::of(place);
    api.token.clone_from(&admin);
    let (agent, version) = api.agent("Desk");
    let at = format!("/agent/{agent}");
    let by = |token: &str, method: &str, path: &str, body: &Value| {
        api.with(token).send(method, &format!("{at}{path}"), Some(body))
    };
    let (nothing, fork) = (json!({}), json!({"sourceVersionId": version}));
    by(&reader, "GET", "", &nothing).ok(200);
    by(&reader, "GET", "/versions", &nothing).ok(200);
    by(&reader, "POST", "/drafts", &fork).refused(403, "this needs the role editor");
    let draft = text(&by(&editor, "POST", "/drafts", &fork).ok(201)["draftId"]);
    let draft = format!("/drafts/{draft}");
    let config = json!({"firstMessage": "Hello."});
    by(&reader, "PATCH", &format!("{draft}/config"), &config).refused(403, "editor");
    let edited = by(&other, "PATCH", &format!("{draft}/config"), &config).ok(200);
    let shown = by(&reader, "GET", &draft, &nothing).ok(200);
    assert_eq!(shown["editHistory"][0]["editorName"], "other");
    assert_ne!(shown["editHistory"][0]["editorId"], edited["createdBy"], "the creator is another one");
    by(&other, "DELETE", &draft, &nothing).refused(403, "Only the draft creator or an admin");
    by(&publisher, "DELETE", &draft, &nothing).refused(403, "Only the draft creator or an admin");
    by(&editor, "POST", &format!("{draft}/publish"), &nothing).refused(403, "publisher");
    by(&editor, "PATCH", "", &json!({"name": "x"})).refused(403, "publisher");
    by(&editor, "PATCH", &format!("/versions/{version}/activate"), &nothing).refused(403, "publisher");
    by(&editor, "PATCH", &format!("/versions/{version}"), &json!({"label": "x"})).refused(403, "publisher");
    by(&publisher, "DELETE", "/archive", &nothing).refused(403, "admin");
    let second = text(&by(&publisher, "POST", &format!("{draft}/publish"), &nothing).ok(201)["_id"]);
    by(&publisher, "PATCH", &format!("/versions/{second}/activate"), &nothing).ok(200);
    // Their own draft is theirs, and everything is an admin's.
    for who in [&editor, &admin] {
        let own = text(&by(&editor, "POST", "/drafts", &fork).ok(201)["draftId"]);
        by(who, "DELETE", &format!("/drafts/{own}"), &nothing).ok(200);
    }
    api.with(&editor).send("POST", "/agent", Some(&json!({"name": "x"}))).refused(403, "publisher");
    by(&admin, "DELETE", "/archive", &nothing).ok(200);
}

#[test]
fn agents_of_others_are_not_there() {
    let place = Place::with_store();
    let admin = token(&place, "admin", "admin", "*");
    let sales = token(&place, "sales", "admin", "sales-*");
    let mut api = Api::of(place);
    api.token = admin;
    let (theirs, version) = api.agent("Support Desk");
    let workflow = text(&api.get(&format!("/agent/{theirs}")).ok(200)["workflowId"]);
    let sales = api.with(&sales);
    let own = text(&sales.send("POST", "/agent", Some(&json!({"name": "Sales Desk"}))).ok(201));
    let nobody = "f".repeat(24);
    let nothing = json!({});
    for (method, path) in [
        ("GET", "/agent/ID"),
        ("PATCH", "/agent/ID"),
        ("DELETE", "/agent/ID/archive"),
        ("POST", "/agent/ID/duplicate"),
        ("GET", "/agent/ID/workflow"),
        ("GET", "/agent/ID/drafts"),
        ("POST", "/agent/ID/drafts"),
        ("GET", "/agent/ID/versions"),
        ("GET", "/agent/ID/versions/VERSION"),
        ("PATCH", "/agent/ID/versions/VERSION/activate"),
        ("PATCH", "/workflow/WORKFLOW"),
    ] {
        let path = |agent: &str, workflow: &str| {
            path.replace("ID", agent).replace("WORKFLOW", workflow).replace("VERSION", &version)
        };
        let [one, none] = [path(&theirs, &workflow), path(&nobody, &nobody)]
            .map(|path| sales.send(method, &path, Some(&nothing)));
        assert!(one.status == 400 || one.status == 404, "{one:?}");
        assert_eq!((one.status, one.body), (none.status, none.body), "{method}: it can be told from none");
    }
    let page = sales.send("GET", "/agent", None).ok(200);
    assert_eq!((page["total"].clone(), page["agents"][0]["_id"].clone()), (json!(1), json!(own)));
    sales.send("POST", "/agent", Some(&json!({"name": "Support"}))).refused(403, "not for agents called");
    api.with("wrong").send("GET", "/agent", None).refused(401, "Unauthorized: ");
    assert_eq!(api.get("/agent").ok(200)["total"], 2);
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() {
    let place = Place::with_store();
    let words = ["token", "create", "busy", "--role", "reader", "--per-minute", "2", "-q"];
    let token = place.run(&mut timed(&place, &words)).ok().trim().to_owned();
    let mut api = Api::of(place);
    api.token = token;
    let refused = (0..9).map(|_| api.get("/agent")).find(|answer| answer.status != 200).expect("it ends");
    let wait = refused.head.lines().find_map(|line| line.strip_prefix("retry-after: "));
    assert!(wait.is_some_and(|wait| wait.parse::<u64>().is_ok_and(|seconds| seconds > 0)), "{refused:?}");
    refused.refused(429, "2 requests a minute");
}
