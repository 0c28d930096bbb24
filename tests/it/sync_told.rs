//! What pulls and pushes say: what would be taken back, whose failure it is, and which names are meant.

use serde_json::json;

use crate::harness::{Place, Run};
use crate::sync::{publish, three};

fn run(place: &Place, dir: &str, args: &[&str]) -> Run {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied()))
}

#[track_caller]
fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    run(place, dir, args).ok()
}

#[track_caller]
fn publish_prompt(place: &Place, dir: &str, prompt: &str) {
    at(place, dir, &["draft", "new", "support@p", "--from", "latest"]);
    at(place, dir, &["set", "support@p", &format!("prompt={prompt}")]);
    at(place, dir, &["publish", "support@p", "-m", prompt]);
}

#[test]
fn what_the_next_push_takes_back_is_said_when_pulled_and_when_pushed_until_it_is_merged() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["push"]);
    publish_prompt(&place, "bo", "Be brief.");
    let pulled = run(&place, "bo", &["pull", "--json"]).json("sync");
    assert_eq!(pulled["agents"][0]["takes_back"], json!({"of": "V2", "paths": ["voice.speed"]}));
    let pulled = run(&place, "bo", &["pull"]).exits(0);
    let warning =
        "warning: agent 'support': your V3? takes back what V2 and those before it changed: voice.speed";
    assert!(pulled.stderr.contains(warning), "{}", pulled.stderr);
    assert!(pulled.stderr.contains("'recto merge support@both V2'"), "{}", pulled.stderr);
    assert!(pulled.stderr.contains("recto draft rebase"), "{}", pulled.stderr);
    let tried = run(&place, "bo", &["push", "--dry-run"]).exits(0);
    assert!(tried.stderr.contains(warning), "{}", tried.stderr);
    // The way that it names.
    at(&place, "bo", &["draft", "new", "support@both", "--from", "latest"]);
    at(&place, "bo", &["merge", "support@both", "V2"]);
    at(&place, "bo", &["publish", "support@both", "-m", "both"]);
    let pushed = run(&place, "bo", &["push"]).exits(0);
    assert!(!pushed.stderr.contains("warning"), "{}", pushed.stderr);
    assert_eq!(at(&place, "team", &["cat", "support@V4", "voice.speed"]).trim(), "2");
    assert_eq!(at(&place, "team", &["cat", "support@V4", "prompt"]).trim(), "Be brief.");
    // What changed the same to the same takes nothing back.
    publish(&place, "ana", "5");
    at(&place, "ana", &["pull"]);
    let lost = run(&place, "ana", &["push"]).exits(0);
    assert!(
        lost.stderr.contains("takes back what V4 and those before it changed: prompt"),
        "{}",
        lost.stderr
    );
    assert!(!lost.stderr.contains("speed"), "{}", lost.stderr);
}

#[test]
fn nobody_is_told_to_bring_back_what_was_withdrawn() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["undo", "support"]);
    at(&place, "ana", &["push"]);
    publish_prompt(&place, "bo", "Be brief.");
    let pulled = run(&place, "bo", &["pull"]).exits(0);
    assert!(at(&place, "bo", &["version", "list", "support"]).contains("withdrawn"), "it came");
    assert!(!pulled.stderr.contains("takes back"), "{}", pulled.stderr);
    let pushed = run(&place, "bo", &["push"]).exits(0);
    assert!(!pushed.stderr.contains("takes back"), "{}", pushed.stderr);
}

#[test]
fn a_draft_into_which_the_remotes_was_merged_is_pushed_under_its_own_name() {
    let place = three();
    at(&place, "ana", &["draft", "new", "support@tone"]);
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["pull", "support@tone"]);
    at(&place, "ana", &["set", "support@tone", "voice.speed:=8"]);
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["set", "support@tone", "voice.speed:=7"]);
    run(&place, "bo", &["push", "support@tone"]).exits(3);
    at(&place, "bo", &["fetch"]);
    run(&place, "bo", &["merge", "support@tone", "origin/tone"]).exits(3);
    run(&place, "bo", &["push", "support@tone"]).exits(1);
    at(&place, "bo", &["resolve", "support@tone", "--ours"]);
    // Nothing is to be taken over any more, and what there is goes.
    at(&place, "bo", &["pull", "support@tone"]);
    assert_eq!(at(&place, "bo", &["cat", "support@tone", "voice.speed"]).trim(), "7");
    at(&place, "bo", &["push", "support@tone"]);
    assert_eq!(at(&place, "team", &["cat", "support@tone", "voice.speed"]).trim(), "7");
    at(&place, "ana", &["pull", "support@tone"]);
    assert_eq!(at(&place, "ana", &["cat", "support@tone", "voice.speed"]).trim(), "7");
    // What moved there after it was merged is nobody's to overwrite.
    at(&place, "ana", &["set", "support@tone", "voice.speed:=6"]);
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["set", "support@tone", "voice.speed:=5"]);
    run(&place, "bo", &["push", "support@tone"]).exits(3);
    for dir in ["team", "ana", "bo"] {
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn another_handle_is_for_agents_that_are_not_there_and_its_refusals_name_the_right_one() {
    let place = three();
    place.recto(["init", "cy"]).ok();
    let new = ["agent", "new", "helper", "--profile", "generic", "--from", "../one.json"];
    at(&place, "cy", &new);
    at(&place, "cy", &["remote", "add", "origin", "../team"]);
    let taken = run(&place, "cy", &["push", "helper", "--as", "support"]).exits(1);
    assert!(taken.stderr.contains("agent 'helper' cannot be 'support' at the remote"), "{}", taken.stderr);
    assert!(taken.stderr.contains("hint: recto push helper --as NAME"), "{}", taken.stderr);
    at(&place, "cy", &["push", "helper", "--as", "desk"]);
    at(&place, "cy", &["push", "helper", "--as", "desk"]);
    let renamed = run(&place, "cy", &["push", "helper", "--as", "other"]).exits(1);
    assert!(
        renamed.stderr.contains("agent 'helper' is at 'origin' already, as 'desk'"),
        "{}",
        renamed.stderr
    );
    assert!(renamed.stderr.contains("'recto push helper'"), "{}", renamed.stderr);
    assert!(!at(&place, "team", &["agent", "list", "-q"]).contains("other"));
}

#[test]
fn what_fails_for_one_of_several_agents_is_an_error_on_a_line_of_its_own() {
    let place = three();
    at(&place, "team", &["agent", "new", "sales", "--profile", "generic", "--from", "../one.json"]);
    at(&place, "ana", &["fetch"]);
    publish(&place, "team", "2");
    publish(&place, "ana", "3");
    at(&place, "ana", &["draft", "new", "sales@d"]);
    at(&place, "ana", &["set", "sales@d", "voice.speed:=4"]);
    at(&place, "ana", &["publish", "sales@d", "-m", "x"]);
    let pushed = run(&place, "ana", &["push"]).exits(3);
    let failed: Vec<&str> = pushed.stderr.lines().filter(|line| line.contains("agent 'support'")).collect();
    assert!(failed.len() == 1 && failed[0].starts_with("error: agent 'support': "), "{}", pushed.stderr);
    assert!(pushed.stdout.contains("agent 'sales' to 'origin': 1 version"), "{}", pushed.stdout);
}

#[test]
fn where_an_agent_has_one_draft_only_that_is_merged() {
    let place = Place::empty();
    place.write("desk.json", include_str!("../../fixtures/agents/callem-reception.json"));
    place.recto(["init", "team"]).ok();
    at(&place, "team", &["import", "../desk.json", "--as", "desk", "--profile", "callem"]);
    for who in ["ana", "bo"] {
        place.recto(["clone", "team", who]).ok();
    }
    for (who, edit) in [("ana", "temperature:=0.5"), ("bo", "max_tokens:=300")] {
        at(&place, who, &["set", "desk@main", edit]);
        at(&place, who, &["publish", "desk@main", "-m", edit]);
    }
    at(&place, "ana", &["push"]);
    let pulled = run(&place, "bo", &["pull"]).exits(0);
    let hint = "(hint: 'recto merge desk@main V2' and 'recto publish desk@main' keep both;";
    assert!(pulled.stderr.contains("temperature") && pulled.stderr.contains(hint), "{}", pulled.stderr);
    at(&place, "bo", &["merge", "desk@main", "V2"]);
    at(&place, "bo", &["publish", "desk@main", "-m", "both"]);
    assert!(!run(&place, "bo", &["push"]).exits(0).stderr.contains("warning"));
    assert_eq!(at(&place, "team", &["cat", "desk@V4", "temperature"]).trim(), "0.5");
    assert_eq!(at(&place, "team", &["cat", "desk@V4", "max_tokens"]).trim(), "300");
}
