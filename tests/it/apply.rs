//! `apply`: files in version control become versions.

use std::fs;

use serde_json::json;

use crate::harness::Place;
use crate::life::Life;

const PROMPT: &str = "agents/support/prompt.md";

fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    place.recto(["checkout", "support@tone"]).ok();
    place
}

#[test]
fn a_plan_changes_nothing_and_the_apply_does_what_it_says() {
    let place = place();
    place.write("agents/fresh/agent.json", "{\"format\": 1, \"agent\": \"fresh\", \"profile\": \"generic\"}");
    place.write("agents/fresh/prompt.md", "Hello.");
    place.write(PROMPT, "From files.\n");
    let plan = place.recto(["apply", ".", "--dry-run", "--json", "--activate"]).json("apply-plan");
    assert_eq!(
        (&plan["plan"][0]["action"], &plan["plan"][1]["action"]),
        (&json!("create"), &json!("publish"))
    );
    assert_eq!(plan["plan"][1]["blocks"][0]["block"], "prompt");
    let applied = place.recto(["apply", ".", "--activate", "-m", "release", "--json"]).json("apply");
    assert_eq!(applied["applied"][0]["version"]["number"], 1);
    assert_eq!(
        (&applied["applied"][1]["version"]["number"], &applied["applied"][1]["active"]),
        (&json!(2), &json!(true))
    );
    assert!(place.read("agents/support/agent.json").contains("\"base_number\": 2"));
    assert!(place.read("agents/fresh/agent.json").contains("\"base_number\": 1"));
    let again = place.recto(["apply", ".", "--activate"]).ok();
    assert_eq!(again, "agent 'fresh': unchanged\nagent 'support': unchanged\n");
    let status = place.recto(["status", "support"]).ok();
    assert!(status.contains("V2 'release' by Asha Rao"), "{status}");
}

#[test]
fn directories_of_no_agent_are_named() {
    let place = place();
    place.write("agents/ghost/prompt.md", "Boo.\n");
    place.write("agents/.hidden/prompt.md", "Not meant.\n");
    let run = place.recto(["apply", "."]).exits(0);
    assert_eq!(run.stdout, "agent 'support': unchanged\n");
    let expected = "warning: 'agents/ghost' has no agent.json and was passed over; 'recto import agents/ghost --as ghost' makes an agent of it\n";
    assert_eq!(run.stderr, expected);
    let plan = place.recto(["apply", "agents", "--dry-run", "--json"]).json("apply-plan");
    assert_eq!(plan["unknown"], json!(["agents/ghost"]));
    assert_eq!(place.recto(["apply", ".", "--json"]).json("apply")["unknown"], json!(["agents/ghost"]));
    let status = place.recto(["status"]).exits(0);
    assert!(status.stderr.contains("'agents/ghost' has no agent.json"), "{}", status.stderr);
    assert_eq!(place.recto(["status", "--json"]).json("status")["unknown"], json!(["ghost"]));
    fs::remove_dir_all(place.path("agents/support")).expect("removed");
    let none = place.recto(["apply", "."]).exits(1);
    assert!(none.stderr.contains("'agents/ghost' has no agent.json"), "{}", none.stderr);
    place.recto(["import", "agents/ghost", "--as", "ghost"]).ok();
}

#[test]
fn the_one_draft_of_a_profile_follows_what_is_applied() {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.create("desk", "thinnest", json!({"instructions": "Be kind.\n"}));
    let draft = || {
        let list = place.recto(["draft", "list", "desk", "--json"]).json("draft-list");
        list["drafts"][0]["base"]["number"].clone()
    };
    place.recto(["checkout", "desk@main"]).ok();
    let file = fs::read_dir(place.path("agents/desk")).expect("listed").flatten();
    let file = file.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "md"));
    let file = file.expect("the instructions");
    fs::write(&file, "Be brief.\n").expect("written");
    place.recto(["apply", "."]).ok();
    assert_eq!(draft(), json!(2));
    assert_eq!(place.recto(["cat", "desk@main", "instructions"]).ok(), "Be brief.\n");
    // A draft with edits of its own stays as it is.
    place.recto(["set", "desk@main", "instructions=Be funny."]).ok();
    fs::write(&file, "Be quick.\n").expect("written");
    place.recto(["apply", "."]).ok();
    assert_eq!(draft(), json!(2));
    assert_eq!(place.recto(["cat", "desk@main", "instructions"]).ok(), "Be funny.\n");
}

#[test]
fn apply_does_not_speak_of_saving() {
    let place = place();
    place.write("agents/support/voice.json", "{");
    let run = place.recto(["apply", "."]).exits(5);
    assert!(!run.stderr.contains("save"), "{}", run.stderr);
}

#[test]
fn apply_works_from_elsewhere_and_on_one_agent() {
    let place = place();
    place.write(PROMPT, "From files.\n");
    let dir = place.path("agents/support");
    let done = place.run(place.command(["apply", "."]).current_dir(dir)).ok();
    assert!(
        done.starts_with("agent 'support': newest version V1 -> V2\n  undo: recto undo support --expect "),
        "{done}"
    );
    place.recto(["apply", ".recto/objects"]).exits(1);
    place.recto(["apply", "nowhere"]).exits(1);
}

#[test]
fn what_others_published_is_not_undone() {
    let place = place();
    let life = Life::by(&place, "Ben Ode", "2026-03-07T15:00:00Z");
    life.draft("support", "other");
    life.set("support", "other", &[("voice.speed", json!(2))]);
    life.publish("support", "other", "theirs", true);
    place.write(PROMPT, "From files.\n");
    let later = |args: &[&str]| {
        let mut command = place.command(args);
        command.env("RECTO_TIME", "2026-03-07T16:00:00Z");
        place.run(&mut command)
    };
    let refused = later(&["apply", "."]).exits(3).stderr;
    assert!(refused.contains("the newest version of agent 'support' is V2 by Ben Ode, not V1"), "{refused}");
    let plan = later(&["apply", ".", "--dry-run", "--json"]).exits(3).json("apply-plan");
    assert!(plan["plan"][0]["refused"].is_string());
    later(&["apply", ".", "--overwrite"]).ok();
}

#[test]
fn expectations_guard() {
    let place = place();
    place.write(PROMPT, "From files.\n");
    place.recto(["apply", ".", "--expect", "support=V7"]).exits(3);
    place.recto(["apply", ".", "--expect", "sales=V1"]).exits(2);
    place.recto(["apply", ".", "--expect", "support=V1"]).ok();
    place.write(PROMPT, "Again.\n");
    let moved = place.recto(["apply", ".", "--expect", "V1"]).exits(3).stderr;
    assert!(moved.contains("is V2, not V1"), "{moved}");
}

#[test]
fn one_broken_file_stops_all_agents_before_anything_is_done() {
    let place = place();
    place.write(PROMPT, "From files.\n");
    place.write("agents/broken/agent.json", "{\"format\": 1, \"agent\": \"broken\", \"profile\": \"atoms\"}");
    place.write("agents/broken/voice.json", "{\n  \"synthesizer\": 1,\n}");
    place.write("agents/broken/llm.json", "{\"nonsense\": 1}");
    let error = place.recto(["apply", "."]).exits(5).stderr;
    assert!(error.contains("agents/broken/voice.json:3:1: "), "{error}");
    assert!(place.recto(["status", "support"]).ok().contains("V1 by"), "nothing was published");
}

#[test]
fn a_failed_check_refuses_activation_and_can_be_overridden() {
    let place = place();
    place.write(PROMPT, "Use the key sk-proj-Zq8vT2nLr5xWk3Yb7Hd9Fj4Mp6.\n");
    place.recto(["apply", ".", "--activate"]).exits(5);
    place.recto(["apply", ".", "--activate", "--override-check", "a test key"]).ok();
}

#[test]
fn a_directory_that_cannot_be_written_is_applied_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    place.write(PROMPT, "From files.\n");
    let dir = place.path("agents/support");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).expect("set");
    let writable = fs::write(dir.join("probe"), "x").is_ok();
    let run = place.recto(["apply", "."]);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("set");
    // Who may write everything (root) sees no warning.
    assert!(writable || run.stderr.contains("cannot be written"), "{}", run.stderr);
    assert!(run.ok().contains("V1 -> V2"));
}

/// An agent whose V1 and V2 were applied, V3 published by somebody, and V4 applied over it, with
/// `agent.json` as it is in version control, before every apply.
fn overwritten(place: &Place, file: &str) {
    let fresh = |prompt: &str, args: &[&str]| {
        place.write("agents/a/agent.json", file);
        place.write("agents/a/prompt.md", prompt);
        place.recto([["apply", ".", "--activate"].as_slice(), args].concat())
    };
    fresh("Two.\n", &[]).ok();
    place.recto(["draft", "new", "a@fix"]).ok();
    place.recto(["set", "a@fix", "prompt=Hot."]).ok();
    place.recto(["publish", "a@fix", "--activate"]).ok();
    let refused = fresh("Three.\n", &[]).exits(3).stderr;
    assert!(refused.contains("is V3 by Asha Rao, not V2, which 'apply' published last"), "{refused}");
    assert!(refused.contains("apply once with --overwrite"), "{refused}");
    fresh("Three.\n", &["--overwrite"]).ok();
    assert!(fresh("Four.\n", &[]).ok().contains("newest version V4 -> V5"));
}

#[test]
fn an_overwrite_settles_what_came_before_it() {
    let bare = "{\"format\": 1, \"agent\": \"a\", \"profile\": \"generic\"}";
    let place = Place::with_store();
    place.write("agents/a/agent.json", bare);
    place.write("agents/a/prompt.md", "One.\n");
    place.recto(["apply", ".", "--activate"]).ok();
    let based = place.read("agents/a/agent.json");
    assert!(based.contains("\"base_number\": 1"), "{based}");
    overwritten(&place, bare);
    let place = Place::with_store();
    place.write("agents/a/agent.json", bare);
    place.write("agents/a/prompt.md", "One.\n");
    place.recto(["apply", ".", "--activate"]).ok();
    let based = place.read("agents/a/agent.json");
    overwritten(&place, &based);
}

#[test]
fn an_overwrite_that_was_withdrawn_settles_nothing() {
    let place = Place::with_store();
    let apply = |prompt: &str, args: &[&str]| {
        place.write("agents/a/agent.json", "{\"format\": 1, \"agent\": \"a\", \"profile\": \"generic\"}");
        place.write("agents/a/prompt.md", prompt);
        place.recto([["apply", "."].as_slice(), args].concat())
    };
    apply("One.\n", &[]).ok();
    place.recto(["draft", "new", "a@fix"]).ok();
    place.recto(["set", "a@fix", "prompt=Hot."]).ok();
    place.recto(["publish", "a@fix"]).ok();
    apply("Two.\n", &["--overwrite"]).ok();
    place.recto(["undo", "a"]).ok();
    let refused = apply("Three.\n", &[]).exits(3).stderr;
    assert!(refused.contains("is V2 by Asha Rao, not V1, which 'apply' published last"), "{refused}");
}

#[test]
fn what_is_expected_counts_also_with_overwrite() {
    let place = place();
    place.write(PROMPT, "From files.\n");
    for args in [["--expect", "support=V7"].as_slice(), &["--expect", "support=V7", "--overwrite"]] {
        let refused = place.recto([["apply", "."].as_slice(), args].concat()).exits(3).stderr;
        assert!(refused.contains("--overwrite does not change what --expect demands"), "{refused}");
        assert!(!refused.contains("publishes all the same"), "{refused}");
    }
    place.recto(["apply", ".", "--expect", "support=V1"]).ok();
}
