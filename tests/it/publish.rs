//! Drafts that become versions, versions that serve, and what is said about them.

use serde_json::Value;

use crate::agents::{SECRET, refused, undo_of, with_support};
use crate::harness::Place;

/// A store whose draft `tone` of `support` differs from V1 in one field.
fn with_edit() -> Place {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    place
}

fn active(place: &Place) -> Value {
    let shown = place.recto(["agent", "show", "support", "--json"]).exits(0).json("agent-show");
    shown["active"]["number"].clone()
}

fn drafts(place: &Place) -> String {
    place.recto(["draft", "list", "support", "-q"]).ok()
}

#[test]
fn publishing_makes_a_version_that_does_not_serve() {
    let place = with_edit();
    let publish = ["publish", "support@tone", "-m", "faster", "-m", "as asked", "-m", "by many"];
    let run = place.recto(publish).exits(0);
    assert_eq!(
        run.stdout,
        "published V2 'faster' of agent 'support' from draft 'tone'\n  against V1, which serves:\n  voice\n    ~ voice.speed: 1 -> 2\n"
    );
    assert!(run.stderr.contains("to let it serve: recto activate support@V2"), "{}", run.stderr);
    assert_eq!((active(&place), drafts(&place)), (1.into(), String::new()));
    let list = place.recto(["version", "list", "support", "--json"]).exits(0).json("version-list");
    assert_eq!(list["versions"][0]["description"], "as asked\n\nby many");
    place.recto(undo_of(&run)).ok();
    assert_eq!(drafts(&place), "tone\n", "the draft is back");
    let list = place.recto(["version", "list", "support"]).ok();
    assert!(list.contains("withdrawn"), "{list}");
    refused(place.recto(["activate", "support@V2"]), 1, "was withdrawn");
}

#[test]
fn publishing_shows_the_diff_and_of_a_long_one_how_much() {
    let place = with_edit();
    place.recto(["set", "support@tone", "prompt=Be polite."]).ok();
    let shown = place.recto(["publish", "support@tone", "--dry-run"]).ok();
    let diff = place.recto(["diff", "support@tone"]).ok();
    for line in diff.lines().skip(1).filter(|line| !line.is_empty()) {
        assert!(shown.contains(&format!("\n  {line}\n")), "{line}: {shown}");
    }
    let long: String = (0..300).map(|at| format!("Line {at}.\n")).collect();
    place.recto(["set", "support@tone", &format!("prompt={long}")]).ok();
    let shown = place.recto(["publish", "support@tone", "--activate"]).ok();
    assert!(shown.lines().count() < 12 && shown.contains("2 fields differ in 2 blocks"), "{shown}");
    assert!(shown.contains("  all of it: recto diff support@V1..V2\n"), "{shown}");
    place.recto(["diff", "support@V1..V2"]).ok();
    // Where nothing serves, the version that the draft is based on stands in.
    place.recto(["unpublish", "support", "--yes"]).ok();
    place.recto(["draft", "new", "support@next"]).ok();
    place.recto(["set", "support@next", "voice.speed=3"]).ok();
    let shown = place.recto(["publish", "support@next"]).ok();
    assert!(shown.contains("against V2, which it is based on, as nothing serves:"), "{shown}");
    assert!(shown.contains("~ voice.speed: 2 -> 3"), "{shown}");
}

#[test]
fn publishing_with_activation_is_one_operation() {
    let place = with_edit();
    let publish = ["publish", "support@tone", "--activate", "--json"];
    let done = place.recto(publish).exits(0).json("publish");
    assert_eq!(
        (&done["number"], &done["active"], &done["check"]),
        (&2.into(), &true.into(), &"passed".into())
    );
    assert_eq!(
        done["changes"][0],
        serde_json::json!({"path": "voice.speed", "kind": "changed", "old": 1, "new": 2})
    );
    let served = place.read(".recto/agents/support/ACTIVE.json");
    let served: Value = serde_json::from_str(&served).expect("JSON");
    assert_eq!(served["version"]["id"], done["version"]);
    assert_eq!(served["operation"], done["operation"]);
    let undo = done["undo"].as_str().expect("a command").to_owned();
    place.recto(undo.split(' ').skip(1)).ok();
    assert_eq!(active(&place), 1);
}

#[test]
fn quiet_prints_the_id_only() {
    let place = with_edit();
    let run = place.recto(["publish", "support@tone", "-q"]).exits(0);
    assert_eq!((run.stdout.trim_end().len(), run.stderr.as_str()), (64, ""));
    place.recto(["activate", &format!("support@{}", &run.stdout[..8])]).ok();
    assert_eq!(active(&place), 2);
}

#[test]
fn a_draft_without_changes_is_refused_unless_told() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    let run = place.recto(["publish", "support@tone"]).exits(1);
    assert!(run.stderr.contains("is the same as the version it was forked from"), "{}", run.stderr);
    let done = place.recto(["publish", "support@tone", "--if-changed", "--json"]).exits(0).json("publish");
    assert_eq!((&done["changed"], &done["version"]), (&false.into(), &Value::Null));
    let said = place.recto(["publish", "support@tone", "--if-changed"]).ok();
    assert_eq!(said, "draft 'tone' of agent 'support' is the same as V1\n");
    assert_eq!(place.recto(["version", "list", "support", "-q"]).ok().lines().count(), 1);
    let both = ["publish", "support@tone", "--if-changed", "--allow-unchanged"];
    refused(place.recto(both), 2, "cannot be used with");
    let run = place.recto(["publish", "support@tone", "--allow-unchanged"]).exits(0);
    assert!(run.stdout.contains("the same as V1, which serves"), "{}", run.stdout);
}

#[test]
fn an_empty_draft_is_refused() {
    let place = Place::with_store();
    place.recto(["agent", "new", "bare"]).ok();
    place.recto(["draft", "new", "bare@tone"]).ok();
    refused(place.recto(["publish", "bare@tone"]), 1, "is empty");
    refused(place.recto(["publish", "bare@tone", "--allow-unchanged"]), 1, "is empty");
}

#[test]
fn what_others_published_is_not_undone_by_a_stale_draft() {
    let place = with_edit();
    place.recto(["draft", "new", "support@mine"]).ok();
    place.recto(["set", "support@mine", "prompt=Mine."]).ok();
    place.recto(["publish", "support@tone"]).ok();
    let run = place.recto(["publish", "support@mine"]).exits(3);
    assert!(run.stderr.contains("would undo 1 change"), "{}", run.stderr);
    assert!(run.stderr.contains("  voice.speed: changed in V2 by Asha Rao\n"), "{}", run.stderr);
    let error = place.recto(["publish", "support@mine", "--json"]).json_error(3);
    assert_eq!(error["error"]["kind"], "conflict");
    place.recto(["publish", "support@mine", "--overwrite"]).ok();
}

#[test]
fn what_is_published_is_what_was_seen() {
    let place = with_edit();
    let stale = ["publish", "support@tone", "--expect-revision", "1"];
    refused(place.recto(stale), 3, "is at revision 2, not 1");
    place.recto(["publish", "support@tone", "--expect-revision", "2", "--keep-draft"]).ok();
    assert_eq!(drafts(&place), "tone\n");
    let list = place.recto(["draft", "list", "support", "--json"]).exits(0).json("draft-list");
    assert_eq!(list["drafts"][0]["base"]["number"], 2);
    refused(place.recto(["publish", "support@V1"]), 1, "is a version, not a draft");
    refused(place.recto(["publish", "support@none"]), 1, "has no draft 'none'");
    refused(
        place.recto(["publish", "support@tone", "-m", &"x".repeat(201)]),
        2,
        "the label has 201 characters",
    );
    refused(place.recto(["publish", "support@tone", "-m", "a\nb"]), 2, "the label has several lines");
}

#[test]
fn a_rehearsal_says_the_same_and_publishes_nothing() {
    let place = with_edit();
    let publish = ["publish", "support@tone", "--activate", "--dry-run"];
    let run = place.recto(publish).exits(0);
    assert!(run.stdout.starts_with("dry run: published V2 of agent 'support'"), "{}", run.stdout);
    assert!(run.stdout.contains("voice.speed: 1 -> 2") && run.stdout.contains("V1 -> V2"), "{}", run.stdout);
    assert!(!run.stderr.contains("undo:"), "{}", run.stderr);
    let done = place.recto(publish.into_iter().chain(["--json"])).exits(0).json("publish");
    assert_eq!((&done["operation"], &done["changed"]), (&Value::Null, &true.into()));
    assert_eq!((active(&place), drafts(&place)), (1.into(), "tone\n".to_owned()));
    place.recto(["activate", "support@V1", "--dry-run"]).ok();
    place.recto(["unpublish", "support", "--dry-run"]).ok();
    place.recto(["pin", "support@V1", "--dry-run"]).ok();
    place.recto(["version", "edit", "support@V1", "--label", "x", "--dry-run"]).ok();
    place.recto(["undo", "support", "--dry-run"]).ok();
    assert_eq!(active(&place), 1);
    place.recto(["set", "support@tone", "voice.speed=9", "--dry-run"]).ok();
    let list = place.recto(["draft", "list", "support", "--json"]).exits(0).json("draft-list");
    assert_eq!(list["drafts"][0]["revision"], 2);
}

#[test]
fn a_failed_check_keeps_a_version_from_serving() {
    let place = with_edit();
    let assignment = format!("prompt=Use {SECRET}.");
    place.recto(["set", "support@tone", &assignment]).ok();
    let run = place.recto(["publish", "support@tone", "--activate"]).exits(5);
    assert!(run.stderr.contains("error secret-in-config prompt"), "{}", run.stderr);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    assert_eq!(drafts(&place), "tone\n", "nothing was published");
    let run = place.recto(["publish", "support@tone"]).exits(0);
    assert!(run.stdout.contains("check: failed") && !run.stdout.contains(SECRET), "{}", run.stdout);
    let run = place.recto(["activate", "support@V2"]).exits(5);
    assert!(run.stderr.contains("secret-in-config"), "{}", run.stderr);
    assert!(run.stderr.contains("recto check support@V2"), "{}", run.stderr);
    refused(place.recto(["activate", "support@V2", "--override-check", " "]), 2, "the reason is empty");
    place.recto(["activate", "support@V2", "--override-check", "a sandbox key"]).ok();
    assert_eq!(active(&place), 2);
    assert!(place.read(".recto/agents/support/log").contains("a sandbox key"), "the log keeps the reason");
}

#[test]
fn activation_moves_forward_and_back_and_is_idempotent() {
    let place = with_edit();
    place.recto(["publish", "support@tone", "-m", "faster"]).ok();
    let run = place.recto(["activate", "support@latest"]).exits(0);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V1 -> V2 'faster'\n");
    assert_eq!(undo_of(&run), ["rollback", "support"]);
    let again = place.recto(["activate", "support@V2", "--json"]).exits(0).json("activate");
    assert_eq!((&again["changed"], &again["operation"]), (&false.into(), &Value::Null));
    assert_eq!(again.get("undo"), None);
    let v2 = again["version"]["id"].as_str().expect("an id").to_owned();
    let done = place.recto(["activate", "support@V1", "--expect", &v2[..8], "--json"]).exits(0);
    assert_eq!(done.json("activate")["from"], v2.as_str());
    refused(place.recto(["activate", "support@V2", "--expect", &v2]), 3, "ACTIVE of agent 'support' is");
    refused(place.recto(["activate", "support@V9"]), 1, "has no 'V9'");
    refused(place.recto(["activate", "support@V0"]), 2, "not a revision");
    refused(place.recto(["activate", "support@nowhere"]), 1, "has no 'nowhere'");
    for stale in ["V2", "V9", "xyz", "latest"] {
        let words =
            format!("ACTIVE of agent 'support' is V1, not {}", if stale == "latest" { "V2" } else { stale });
        refused(place.recto(["activate", "support@V2", "--expect", stale]), 3, &words);
    }
    refused(place.recto(["activate", "support@V2", "--expect", "V0"]), 2, "not a revision");
    place.recto(["activate", "support@V2", "--expect", "V1", "--dry-run"]).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    let run = place.recto(["activate", "support@tone"]).exits(1);
    assert!(run.stderr.contains("hint: 'recto publish support@tone' makes"), "{}", run.stderr);
}

#[test]
fn what_served_at_an_instant_is_a_revision() {
    let place = with_edit();
    place.recto(["publish", "support@tone", "--activate"]).ok();
    let run = place.recto(["activate", "support@{2026-03-07T14:02:30}"]).exits(0);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V2 -> V1\n");
    assert!(run.stderr.contains("at 2026-03-07T14:02:30.000Z"), "the instant is said: {}", run.stderr);
    refused(
        place.recto(["activate", "support@{2001-01-01T00:00:00Z}"]),
        1,
        "the first activation was at 2026-03-07T14:01:00.000Z",
    );
    refused(place.recto(["activate", "support@{noon}"]), 2, "not a revision");
}

#[test]
fn an_ambiguous_revision_is_refused_with_its_candidates() {
    let place = with_edit();
    let id = place.recto(["version", "list", "support", "-q"]).ok();
    let prefix = &id[..4];
    let run = place.recto(["draft", "new", &format!("support@{prefix}")]);
    run.exits(0);
    let run = place.recto(["activate", &format!("support@{prefix}")]).exits(2);
    assert!(
        run.stderr.contains("is ambiguous") && run.stderr.contains(&format!("draft:{prefix}")),
        "{}",
        run.stderr
    );
    place.recto(["set", &format!("support@draft:{prefix}"), "voice.speed=4"]).ok();
    place.recto(["activate", &format!("support@{}", &id[..9])]).ok();
}

#[test]
fn unpublished_means_that_nothing_serves() {
    let place = with_support();
    let run = place.recto(["unpublish", "support", "-m", "closed"]).exits(0);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V1 -> nothing\n");
    assert_eq!(active(&place), Value::Null);
    let served: Value = serde_json::from_str(&place.read(".recto/agents/support/ACTIVE.json")).expect("JSON");
    assert_eq!(served["version"], Value::Null);
    let again = place.recto(["unpublish", "support", "--json"]).exits(0).json("unpublish");
    assert_eq!(again["changed"], false);
    refused(place.recto(["agent", "duplicate", "support", "x"]), 1, "nothing serves for agent 'support'");
    place.recto(undo_of(&run)).ok();
    assert_eq!(active(&place), 1);
}

#[test]
fn label_and_description_may_change_and_nothing_else() {
    let place = with_support();
    let edit = ["version", "edit", "support", "--label", "first of all", "--json"];
    let done = place.recto(edit).exits(0).json("version-edit");
    assert_eq!(done["version"]["label"], "first of all");
    let list = place.recto(["version", "list", "support"]).ok();
    assert!(list.contains("first of all") && list.contains("ACTIVE"), "{list:?}");
    let run = place.recto(["version", "edit", "support@V1", "--description", "the first"]).exits(0);
    assert!(run.stdout.contains("  description: '' -> 'the first'\n"), "{}", run.stdout);
    place.recto(undo_of(&run)).ok();
    let list = place.recto(["version", "list", "support", "--json"]).exits(0).json("version-list");
    assert_eq!(list["versions"][0]["description"], "");
    refused(place.recto(["version", "edit", "support@V1"]), 2, "required");
    refused(place.recto(["version", "edit", "support@V1", "--label", &"x".repeat(201)]), 2, "201 characters");
    refused(place.recto(["version", "edit", "support@V1", "--label", "a\nb"]), 2, "more than one line");
}

#[test]
fn pins_mark_versions() {
    let place = with_edit();
    place.recto(["publish", "support@tone"]).ok();
    let run = place.recto(["pin", "support@V1"]).exits(0);
    assert_eq!(undo_of(&run), ["unpin", "support@V1"]);
    let pinned =
        place.recto(["version", "list", "support", "--pinned", "--json"]).exits(0).json("version-list");
    assert_eq!(pinned["versions"].as_array().map(Vec::len), Some(1));
    assert_eq!(pinned["versions"][0]["number"], 1);
    assert_eq!(place.recto(["pin", "support@V1", "--json"]).exits(0).json("pin")["changed"], false);
    place.recto(["unpin", "support@V1"]).ok();
    assert_eq!(place.recto(["version", "list", "support", "--pinned", "-q"]).ok(), "");
    assert_eq!(place.recto(["version", "list", "support", "-n", "1", "-q"]).ok().lines().count(), 1);
}

#[test]
fn labels_and_descriptions_have_no_control_characters() {
    let place = with_edit();
    place.write("config.json", "{\"prompt\":\"x\"}");
    for words in [
        vec!["publish", "support@tone", "-m", "fast\u{1b}[1m"],
        vec!["publish", "support@tone", "-m", "fast", "-m", "in\u{7} time"],
        vec!["version", "edit", "support@V1", "--label", "\u{1b}[1m"],
        vec!["version", "edit", "support@V1", "--description", "a\u{7f}"],
        vec!["checkpoint", "support@tone", "-m", "a\u{85}"],
        vec!["agent", "new", "new", "--label", "a\tb"],
        vec!["import", "config.json", "--as", "new", "-m", "a\u{1b}"],
    ] {
        refused(place.recto(words), 2, "is the control character U+");
    }
    let line = "{\"agent\":\"new\",\"author\":\"Ana\",\"time\":\"2026-01-05T09:00:00Z\",\"message\":\"a\\u001b[2J\",\"blocks\":{\"prompt\":\"x\"}}";
    place.write("history.jsonl", line);
    refused(place.recto(["import", "history.jsonl"]), 5, "line 1: the label is wrong: character 2");
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "support\n");
    place.recto(["publish", "support@tone", "-m", "fast", "-m", "in\ttime\r\nfor all"]).ok();
}

#[test]
fn a_program_has_the_last_word() {
    let place = with_edit();
    place.recto(["config", "check.command", "grep -q '\"speed\":2' && echo fine"]).ok();
    let done = place.recto(["publish", "support@tone", "--activate", "--json"]).exits(0).json("publish");
    assert_eq!((&done["check"], &done["active"]), (&"passed".into(), &true.into()));
    place.recto(["draft", "new", "support@slow"]).ok();
    place.recto(["set", "support@slow", "voice.speed=1"]).ok();
    place.recto(["config", "check.command", "cat >/dev/null; echo too slow >&2; exit 3"]).ok();
    let run = place.recto(["publish", "support@slow", "--activate"]).exits(5);
    assert!(run.stderr.contains("check.command: too slow"), "{}", run.stderr);
    assert!(run.stdout.contains("published V3") && run.stdout.contains("check: failed"), "{}", run.stdout);
    assert_eq!(active(&place), 2, "what failed does not serve");
    let run = place.recto(["check", "support@V3"]).exits(5);
    assert!(run.stderr.contains("recorded as failed"), "{}", run.stderr);
    assert_eq!(run.stdout, "refused  check.command: too slow\n");
    let said = |words: &[&str]| {
        let run = place.recto([&["check", "support@V3", "--json"], words].concat());
        run.json("check")["outside"].clone()
    };
    assert_eq!(said(&[]), "too slow");
    // What it says now, and not what it said first.
    place.recto(["config", "check.command", "cat >/dev/null; echo too loud; false"]).ok();
    assert_eq!((said(&["--run"]), said(&[])), ("too loud".into(), "too loud".into()));
    let run = place.recto(["check", "support@V3", "--format", "github"]).exits(5);
    assert!(run.stderr.contains("check.command: too loud") && run.stdout.is_empty(), "{}", run.stderr);
    place.recto(["config", "check.command", "test \"$RECTO_AGENT@$RECTO_VERSION\" = support@V3"]).ok();
    place.recto(["check", "support@V3", "--run"]).ok();
    assert_eq!(said(&[]), Value::Null);
    place.recto(["activate", "support@V3"]).ok();
    assert_eq!(active(&place), 3);
}

#[test]
fn a_program_that_cannot_run_leaves_the_check_pending() {
    let place = with_edit();
    place.recto(["config", "check.command", "no-such-program-here"]).ok();
    let run = place.recto(["publish", "support@tone", "--activate"]).exits(1);
    assert!(run.stderr.contains("cannot run the check 'no-such-program-here'"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: 'recto check support@V2 --run' tries again"), "{}", run.stderr);
    assert!(run.stdout.contains("check: pending"), "{}", run.stdout);
    refused(place.recto(["activate", "support@V2"]), 5, "its check is pending");
    assert_eq!(active(&place), 1);
}
