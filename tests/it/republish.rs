//! `recto rollback --republish`: an old version anew, with a backup of the draft, as one operation.

use serde_json::Value;

use crate::agents::{SECRET, refused, undo_of, with_support};
use crate::harness::Place;

/// An agent with one draft; V2 serves, and the draft holds what nobody published.
fn with_one_draft() -> Place {
    let place = Place::with_store();
    place.write("one.json", r#"{"name": "Support", "instructions": "one"}"#);
    let new = ["agent", "new", "support", "--profile", "thinnest", "--from", "one.json", "--activate"];
    place.recto(new).ok();
    place.recto(["set", "support", "instructions=two"]).ok();
    place.recto(["publish", "support", "--activate"]).ok();
    place.recto(["set", "support", "instructions=at work"]).ok();
    place
}

fn instructions(place: &Place, revision: &str) -> String {
    place.recto(["cat", &format!("support@{revision}"), "instructions"]).ok().trim().to_owned()
}

#[test]
fn it_keeps_the_draft_and_undo_takes_it_back() {
    let place = with_one_draft();
    let count = place.recto(["log", "support", "--oneline"]).ok().lines().count();
    let rehearsed = place.recto(["rollback", "support@V1", "--republish", "--dry-run"]).ok();
    assert!(rehearsed.starts_with("dry run: published V1 of agent 'support' anew as V3\n"), "{rehearsed}");
    assert_eq!(instructions(&place, "main"), "at work");
    let run = place.recto(["rollback", "support@V1", "--republish"]).exits(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        ["published V1 of agent 'support' anew as V3", "ACTIVE of agent 'support': V2 -> V3"]
    );
    let kept = lines[2].strip_prefix("what draft 'main' held is kept: support@").expect("a checkpoint");
    assert_eq!(instructions(&place, kept), "at work");
    assert_eq!((instructions(&place, "main"), instructions(&place, "ACTIVE")), ("one".into(), "one".into()));
    assert_eq!(place.recto(["log", "support", "--oneline"]).ok().lines().count(), count + 1);
    let checkpoint = place.recto(["show", &format!("support@{kept}")]).ok();
    assert!(checkpoint.contains("before rollback to V1"), "{checkpoint}");
    place.recto(undo_of(&run)).ok();
    assert_eq!(
        (instructions(&place, "main"), instructions(&place, "ACTIVE")),
        ("at work".into(), "two".into())
    );
    let list = place.recto(["version", "list", "support", "-n", "1", "--json"]).exits(0).json("version-list");
    assert_eq!(
        (&list["versions"][0]["number"], &list["versions"][0]["withdrawn"]),
        (&3.into(), &true.into())
    );
    place.recto(["fsck"]).ok();
}

#[test]
fn its_json_names_what_it_made() {
    let place = with_one_draft();
    let done = place.recto(["rollback", "support@V1", "--republish", "-m", "back", "--json"]);
    let done = done.exits(0).json("republish");
    assert_eq!((&done["version"]["number"], &done["source"]["number"]), (&3.into(), &1.into()));
    assert_eq!(done["draft"]["name"], "main");
    assert!(done["backup"].is_string() && done["operation"].is_string(), "{done}");
    let shown = place.recto(["show", "support@V3", "--json"]).exits(0).json("show");
    assert_eq!(shown["label"], "back");
}

#[test]
fn of_several_drafts_only_the_named_one_is_touched() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed:=7"]).ok();
    let done = place.recto(["rollback", "support@V1", "--republish", "--json"]).exits(0).json("republish");
    assert_eq!((&done["draft"], &done["backup"]), (&Value::Null, &Value::Null));
    assert_eq!(place.recto(["cat", "support@tone", "voice.speed"]).ok(), "7\n");
    refused(
        place.recto(["rollback", "support@V1", "--republish", "--draft", "none"]),
        1,
        "has no draft 'none'",
    );
    place.recto(["rollback", "support@V1", "--republish", "--draft", "tone"]).ok();
    assert_eq!(place.recto(["cat", "support@tone", "voice.speed"]).ok(), "1\n");
    refused(place.recto(["rollback", "support", "sales", "--republish"]), 2, "one agent at a time");
    refused(place.recto(["rollback", "support", "--draft", "tone"]), 2, "--republish");
    refused(place.recto(["rollback", "support@V9", "--republish"]), 1, "no 'V9'");
}

#[test]
fn what_its_check_refuses_does_not_serve_again() {
    let place = with_support();
    place.recto(["draft", "new", "support@leak"]).ok();
    place.recto(["set", "support@leak", &format!("prompt={SECRET}")]).ok();
    place.recto(["publish", "support@leak", "--activate", "--override-check", "once"]).ok();
    place.recto(["activate", "support@V1"]).ok();
    let run = place.recto(["rollback", "support@V2", "--republish"]).exits(5);
    assert!(run.stderr.contains("secret-in-config") && !run.stderr.contains(SECRET), "{}", run.stderr);
    place.recto(["config", "check.command", "echo not today; false"]).ok();
    let count = place.recto(["log", "support", "--oneline"]).ok().lines().count();
    refused(place.recto(["rollback", "support@V1", "--republish"]), 5, "not today");
    assert_eq!(place.recto(["log", "support", "--oneline"]).ok().lines().count(), count);
    let args = ["rollback", "support@V1", "--republish", "--override-check", "an outage", "--json"];
    let done = place.recto(args).exits(0).json("republish");
    assert_eq!(done["version"]["check"], "pending");
    place.recto(["config", "check.command", "true"]).ok();
    let args = ["rollback", "support@V1", "--republish", "--json"];
    let done = place.recto(args).exits(0).json("republish");
    assert_eq!(done["version"]["check"], "passed");
}
