//! What pulls and pushes leave: the exit code, the words, the way on; and drafts that were discarded.

use serde_json::{Value, json};

use crate::harness::{Place, Run};
use crate::sync::{publish, three};

fn run(place: &Place, dir: &str, args: &[&str]) -> Run {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied()))
}

#[track_caller]
fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    run(place, dir, args).ok()
}

/// Stores in which `tone` is the same draft everywhere.
fn with_tone() -> Place {
    let place = three();
    at(&place, "ana", &["draft", "new", "support@tone"]);
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["pull", "support@tone"]);
    place
}

#[track_caller]
fn edit(place: &Place, dir: &str, speed: &str) {
    at(place, dir, &["set", "support@tone", &format!("voice.speed:={speed}")]);
}

fn has_tone(place: &Place, dir: &str) -> bool {
    at(place, dir, &["draft", "list", "support", "-q"]).contains("tone")
}

fn speed(place: &Place, dir: &str, revision: &str) -> String {
    at(place, dir, &["cat", revision, "voice.speed"]).trim().to_owned()
}

#[track_caller]
fn left(run: &Run, name: &str) -> Value {
    let value = run.json("sync");
    let all = value["agents"][0]["left"].as_array().expect("a list").clone();
    all.into_iter().find(|left| left["ref"] == name).unwrap_or_else(|| panic!("{value}"))
}

/// Runs the commands that a hint has in quotes, as they stand, from the first to the last one named.
#[track_caller]
fn follow(place: &Place, dir: &str, hint: &str, count: usize) {
    let commands: Vec<&str> = hint.split('\'').skip(1).step_by(2).collect();
    assert!(commands.len() >= count, "{hint}");
    for command in &commands[..count] {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "recto", "{hint}");
        let run = run(place, dir, &words[1..]);
        assert!([0, 3].contains(&run.code), "{command}: {}", run.stderr);
    }
}

#[test]
fn a_draft_that_moved_on_both_sides_makes_pull_and_push_of_all_drafts_exit_with_3_until_it_is_merged() {
    let place = with_tone();
    edit(&place, "ana", "8");
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["set", "support@tone", "prompt=Be brief."]);
    publish(&place, "team", "2");
    let tried = run(&place, "bo", &["pull", "--drafts", "--dry-run", "--json"]).exits(3);
    assert_eq!(left(&tried, "drafts/tone")["why"], "both_moved");
    let pulled = run(&place, "bo", &["pull", "--drafts", "--json"]).exits(3);
    let found = left(&pulled, "drafts/tone");
    assert_eq!((&found["why"], &found["is_open"]), (&json!("both_moved"), &json!(true)));
    assert_eq!(pulled.json("sync")["failed"], 0);
    // All else was done.
    assert_eq!(speed(&place, "bo", "support@V2"), "2");
    let told = run(&place, "bo", &["pull", "--drafts"]).exits(3);
    let line = "agent 'support': draft 'tone' moved on both sides, and stays as it is (hint: 'recto fetch support --remote origin' and 'recto merge support@tone origin/tone' combine the two;";
    assert!(told.stdout.contains(line), "{}", told.stdout);
    let pushed = run(&place, "bo", &["push", "--drafts", "--json"]).exits(3);
    assert_eq!(left(&pushed, "drafts/tone"), found);
    assert_eq!(speed(&place, "team", "support@tone"), "8");
    follow(&place, "bo", found["hint"].as_str().expect("a hint"), 2);
    at(&place, "bo", &["push", "--drafts"]);
    assert_eq!(at(&place, "team", &["cat", "support@tone", "prompt"]).trim(), "Be brief.");
    assert_eq!(speed(&place, "team", "support@tone"), "8");
}

#[test]
fn what_serves_and_moved_on_both_sides_makes_pull_exit_with_3_until_it_is_decided() {
    let place = three();
    publish(&place, "ana", "2");
    publish(&place, "ana", "3");
    at(&place, "ana", &["push"]);
    at(&place, "bo", &["pull"]);
    at(&place, "ana", &["activate", "support@V2"]);
    at(&place, "ana", &["push", "--activate"]);
    // The remote alone moved it: a push of what serves here is behind.
    let behind = run(&place, "bo", &["push", "--activate", "--json"]).exits(3);
    let found = left(&behind, "ACTIVE");
    assert_eq!(found["why"], "moved_there");
    assert_eq!(found["hint"], "'recto pull support --activate --remote origin' takes it over");
    at(&place, "bo", &["activate", "support@V3"]);
    let pulled = run(&place, "bo", &["pull", "--activate", "--json"]).exits(3);
    let found = left(&pulled, "ACTIVE");
    assert_eq!((&found["why"], &found["is_open"]), (&json!("both_moved"), &json!(true)));
    assert_eq!(speed(&place, "bo", "support"), "3");
    let refused = run(&place, "bo", &["push", "--activate"]).exits(3);
    assert!(refused.stderr.contains("'recto activate support@origin/ACTIVE'"), "{}", refused.stderr);
    // Without being asked for it is no failure.
    at(&place, "bo", &["pull"]);
    at(&place, "bo", &["push"]);
    follow(&place, "bo", found["hint"].as_str().expect("a hint"), 2);
    assert_eq!(speed(&place, "bo", "support"), "2");
    at(&place, "bo", &["pull", "--activate"]);
    at(&place, "bo", &["activate", "support@V3"]);
    at(&place, "bo", &["push", "--activate"]);
    assert_eq!(speed(&place, "team", "support"), "3");
}

#[test]
fn an_environment_that_moved_on_both_sides_is_decided_as_the_hint_says() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["push"]);
    at(&place, "bo", &["pull"]);
    let set = |dir: &str, version: &str| {
        at(&place, dir, &["env", "set", &format!("support@{version}"), "staging", "--reason", "test"]);
    };
    set("ana", "V1");
    set("bo", "V2");
    at(&place, "ana", &["push", "--activate"]);
    let pulled = run(&place, "bo", &["pull", "--activate", "--json"]).exits(3);
    follow(&place, "bo", left(&pulled, "environments/staging")["hint"].as_str().expect("a hint"), 2);
    assert_eq!(speed(&place, "bo", "support@staging"), "1");
    at(&place, "bo", &["pull", "--activate"]);
    at(&place, "ana", &["env", "clear", "support", "staging"]);
    at(&place, "ana", &["push", "--activate"]);
    set("bo", "V2");
    let pulled = run(&place, "bo", &["pull", "--activate", "--json"]).exits(3);
    let found = left(&pulled, "environments/staging");
    assert_eq!(found["why"], "gone_there");
    follow(&place, "bo", found["hint"].as_str().expect("a hint"), 1);
    at(&place, "bo", &["pull", "--activate"]);
}

#[test]
fn a_label_that_both_changed_and_a_title_are_told_and_are_no_failure() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["push"]);
    at(&place, "bo", &["pull"]);
    for (dir, label) in [("ana", "one"), ("bo", "other")] {
        at(&place, dir, &["version", "edit", "support@V2", "--label", label]);
        at(&place, dir, &["agent", "edit", "support", "--title", label]);
    }
    at(&place, "ana", &["push"]);
    // The label was to be given, and is not.
    let pushed = run(&place, "bo", &["push", "--json"]).exits(3);
    let label = pushed.json("sync")["agents"][0]["left"][1].clone();
    assert_eq!((&label["why"], &label["is_open"]), (&json!("both_moved"), &json!(true)), "{}", pushed.stdout);
    assert_eq!(label["hint"], "'recto pull support --remote origin' takes over what is said there");
    let pulled = at(&place, "bo", &["pull"]);
    assert!(pulled.contains("moved on both sides; what 'origin' says was taken over"), "{pulled}");
    assert!(pulled.contains("'meta' moved on both sides, and each keeps its own"), "{pulled}");
    at(&place, "bo", &["push"]);
    assert!(at(&place, "bo", &["version", "list", "support"]).contains("one"));
}

#[test]
fn a_discarded_draft_is_discarded_on_the_other_side_when_it_is_named_or_with_all_drafts() {
    let place = with_tone();
    at(&place, "ana", &["draft", "discard", "support@tone"]);
    // Nobody asked.
    at(&place, "ana", &["push"]);
    at(&place, "ana", &["pull"]);
    assert!(has_tone(&place, "team") && !has_tone(&place, "ana"));
    let tried = at(&place, "ana", &["push", "support@tone", "--dry-run"]);
    assert!(tried.contains("dry run: agent 'support' to 'origin': draft tone discarded"), "{tried}");
    assert!(has_tone(&place, "team"));
    at(&place, "ana", &["push", "support@tone"]);
    assert!(!has_tone(&place, "team"));
    at(&place, "bo", &["pull"]);
    assert!(has_tone(&place, "bo"));
    let pulled = at(&place, "bo", &["pull", "support@tone"]);
    assert!(pulled.contains("agent 'support' here: draft tone discarded"), "{pulled}");
    assert!(!has_tone(&place, "bo"));
    // A name that neither has, or has any more, is a slip.
    run(&place, "bo", &["pull", "support@tone"]).exits(1);
    run(&place, "bo", &["push", "support@tone"]).exits(1);
    run(&place, "ana", &["push", "support@none"]).exits(1);
    // The same with all drafts; a new draft of the name is another.
    at(&place, "bo", &["draft", "new", "support@tone"]);
    at(&place, "bo", &["push", "--drafts"]);
    at(&place, "ana", &["pull", "--drafts"]);
    assert!(has_tone(&place, "ana") && has_tone(&place, "team"));
    edit(&place, "bo", "3");
    at(&place, "bo", &["push", "--drafts"]);
    at(&place, "bo", &["publish", "support@tone", "-m", "done"]);
    at(&place, "bo", &["push", "--drafts"]);
    assert!(!has_tone(&place, "team"));
    assert_eq!(speed(&place, "team", "support@V2"), "3");
    at(&place, "ana", &["pull", "--drafts"]);
    assert!(!has_tone(&place, "ana"));
    for dir in ["team", "ana", "bo"] {
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn a_draft_that_was_never_here_or_not_pulled_is_discarded_nowhere() {
    let place = three();
    at(&place, "ana", &["draft", "new", "support@tone"]);
    at(&place, "ana", &["push", "support@tone"]);
    at(&place, "bo", &["fetch"]);
    at(&place, "bo", &["push", "--drafts"]);
    run(&place, "bo", &["push", "support@tone"]).exits(1);
    assert!(has_tone(&place, "team"));
    // A draft of the same name that was made here, and discarded, is not that one.
    at(&place, "bo", &["draft", "new", "support@tone"]);
    at(&place, "bo", &["draft", "discard", "support@tone"]);
    at(&place, "bo", &["push", "--drafts"]);
    assert!(has_tone(&place, "team"));
}

#[test]
fn a_draft_that_moved_since_the_other_side_discarded_it_is_left_and_the_hints_lead_on() {
    let place = with_tone();
    at(&place, "ana", &["draft", "discard", "support@tone"]);
    edit(&place, "bo", "7");
    at(&place, "bo", &["push", "support@tone"]);
    for verb in ["push", "pull"] {
        let refused = run(&place, "ana", &[verb, "support@tone"]).exits(3);
        assert!(
            refused.stderr.contains("'recto draft new support@tone --from origin/tone'"),
            "{}",
            refused.stderr
        );
        let left = left(&run(&place, "ana", &[verb, "--drafts", "--json"]).exits(3), "drafts/tone");
        assert_eq!(left["why"], "gone_here", "{verb}");
    }
    assert!(has_tone(&place, "team") && !has_tone(&place, "ana"));
    let found = left(&run(&place, "ana", &["pull", "--drafts", "--json"]).exits(3), "drafts/tone");
    follow(&place, "ana", found["hint"].as_str().expect("a hint"), 2);
    assert_eq!(speed(&place, "ana", "support@tone"), "7");
    at(&place, "ana", &["draft", "discard", "support@tone"]);
    at(&place, "ana", &["push", "--drafts"]);
    assert!(!has_tone(&place, "team"));
    // The other way round.
    edit(&place, "bo", "6");
    let found = left(&run(&place, "bo", &["pull", "--drafts", "--json"]).exits(3), "drafts/tone");
    assert_eq!(found["why"], "gone_there");
    run(&place, "bo", &["push", "support@tone"]).exits(3);
    follow(&place, "bo", found["hint"].as_str().expect("a hint"), 1);
    at(&place, "bo", &["pull", "--drafts"]);
    for dir in ["team", "ana", "bo"] {
        at(&place, dir, &["fsck"]);
    }
}
