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
    place.recto(["apply", ".", "--expect", "support=V7"]).exits(1);
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
