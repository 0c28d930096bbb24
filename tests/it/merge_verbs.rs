//! Changes brought together: `merge`, `draft rebase`, `cherry-pick`, `revert`, and `resolve`, which
//! decides what conflicts.

use serde_json::{Value, json};

use crate::agents::{refused, undo_of};
use crate::harness::{Place, Run};

const CONFIG: &str = r#"{
    "prompt": "Be kind.\nBe brief.\nAsk one thing at a time.\nSay goodbye.\n",
    "voice": {"id": "nyah", "speed": 1},
    "tools": [{"name": "book", "timeout": 3, "url": "https://a.example"}, {"name": "find", "timeout": 1}]
}"#;
/// Any blocks, with tools known by their names, and a rule between two blocks.
const PROFILE: &str = r#"{
    "format": 1, "name": "keyed", "title": "tools by name", "draft_policy": "many", "unknown_fields": "own_block",
    "patch": {"null_removes": true}, "defaults": {}, "list_keys": {"tools": "name"},
    "rules": [{"rule": "only_with", "field": "voice.id", "prefix": "pro-", "other": "plan", "value": "pro", "absent": "free"}]
}"#;
const PROMPT: &str = "agents/support/prompt.md";
const TOOLS: &str = "agents/support/tools.json";

/// `support` with V1, which serves, and two drafts of it: `tone` and `other`.
fn place() -> Place {
    let place = Place::with_store();
    place.write("support.json", CONFIG);
    place.write(".recto/profiles/keyed.json", PROFILE);
    let new = ["agent", "new", "support", "--profile", "keyed", "--from", "support.json", "--activate"];
    place.recto(new).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["draft", "new", "support@other"]).ok();
    place
}

fn set(place: &Place, draft: &str, fields: &[&str]) {
    place.recto(["set", &format!("support@{draft}")].iter().copied().chain(fields.iter().copied())).ok();
}

/// Publishes these edits of draft `other` as the next version.
fn publish(place: &Place, fields: &[&str]) {
    set(place, "other", fields);
    place.recto(["publish", "support@other", "--keep-draft"]).ok();
}

/// A store in which V2 and the draft `tone` changed a tool's timeout and a line of the prompt differently,
/// and a voice of which only V2 changed something.
fn conflicting() -> Place {
    let place = place();
    let prompt = |line: &str| format!("prompt=Be kind.\n{line}\nAsk one thing at a time.\nSay goodbye.\n");
    set(&place, "tone", &["tools[book].timeout:=5", &prompt("Be very brief.")]);
    publish(&place, &["tools[book].timeout:=9", &prompt("Be brief and clear."), "voice.id=ravi"]);
    place
}

fn merged() -> Place {
    let place = conflicting();
    place.recto(["merge", "support@tone", "V2"]).exits(3);
    place
}

fn config(place: &Place, revision: &str) -> Value {
    let shown = place.recto(["cat", &format!("support@{revision}")]).ok();
    serde_json::from_str(&shown).expect("JSON")
}

fn field(place: &Place, revision: &str, path: &str) -> String {
    place.recto(["cat", &format!("support@{revision}"), path]).ok().trim_end().to_owned()
}

fn waiting(place: &Place) -> Vec<String> {
    let listed = place.recto(["resolve", "support@tone", "--json"]).exits(0).json("resolve");
    let conflicts = listed["conflicts"].as_array().expect("a list").clone();
    assert_eq!(listed["draft"]["conflicts"], conflicts.len());
    conflicts.iter().map(|one| one["path"].as_str().expect("a text").to_owned()).collect()
}

fn sound(place: &Place) {
    place.recto(["fsck"]).ok();
}

#[test]
fn edits_of_different_places_combine_and_the_version_knows_what_was_merged() {
    let place = place();
    let prompt =
        |first: &str, last: &str| format!("prompt={first}\nBe brief.\nAsk one thing at a time.\n{last}\n");
    set(&place, "tone", &["voice.speed:=2", "tools[book].timeout:=5", &prompt("Be warm.", "Say goodbye.")]);
    publish(&place, &["voice.id=ravi", "tools[book].url=https://b.example", &prompt("Be kind.", "Say bye.")]);
    let dry = place.recto(["merge", "support@tone", "V2", "--dry-run"]).ok();
    assert!(
        dry.starts_with("dry run: draft 'tone' of agent 'support': revision 2 -> 3, merged V2\n"),
        "{dry}"
    );
    assert_eq!(field(&place, "tone", "voice.id"), "nyah");
    let run = place.recto(["merge", "support@tone", "V2", "--json"]).exits(0);
    let done = run.json("merge");
    assert_eq!((&done["draft"]["revision"], &done["conflicts"]), (&3.into(), &json!([])));
    assert_eq!(
        config(&place, "tone"),
        json!({
            "prompt": "Be warm.\nBe brief.\nAsk one thing at a time.\nSay bye.\n",
            "voice": {"id": "ravi", "speed": 2},
            "tools": [
                {"name": "book", "timeout": 5, "url": "https://b.example"},
                {"name": "find", "timeout": 1}
            ]
        })
    );
    let again = place.recto(["merge", "support@tone", "V2"]).ok();
    assert_eq!(again, "draft 'tone' of agent 'support' has all of V2 already\n");
    // What V2 changed is in the draft, so nothing is undone; the base is still V1.
    place.recto(["publish", "support@tone"]).ok();
    let shown = place.recto(["show", "support@V3", "--json"]).exits(0).json("show");
    let parents: Vec<&Value> =
        shown["parents"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(parents, ["V1", "V2"]);
    sound(&place);
}

#[test]
fn tools_are_merged_by_name_and_added_ones_are_kept() {
    let place = place();
    let tools = |list: &str| format!("tools:={list}");
    set(
        &place,
        "tone",
        &[&tools(
            r#"[{"name":"find","timeout":1},{"name":"book","timeout":7,"url":"https://a.example"},{"name":"mine"}]"#,
        )],
    );
    publish(
        &place,
        &[&tools(r#"[{"name":"theirs"},{"name":"book","timeout":3,"url":"https://c.example"}]"#)],
    );
    place.recto(["merge", "support@tone", "latest"]).ok();
    let tools = config(&place, "tone")["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().expect("a list").iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(names.contains(&"mine") && names.contains(&"theirs") && !names.contains(&"find"), "{names:?}");
    let book = tools.as_array().and_then(|list| list.iter().find(|tool| tool["name"] == "book"));
    assert_eq!(book, Some(&json!({"name": "book", "timeout": 7, "url": "https://c.example"})));
}

#[test]
fn what_both_sides_changed_differently_waits_and_is_shown_everywhere() {
    let place = conflicting();
    let run = place.recto(["merge", "support@tone", "V2"]).exits(3);
    assert!(
        run.stdout.contains(
            "  2 conflicts to decide:\n    prompt: changed in line 2\n    tools[book].timeout: changed\n"
        ),
        "{}",
        run.stdout
    );
    // What does not conflict is taken; in the places in question stands what the draft had.
    assert_eq!(field(&place, "tone", "voice.id"), "ravi");
    assert_eq!(field(&place, "tone", "tools[book].timeout"), "5");
    let listed = place.recto(["resolve", "support@tone"]).ok();
    for words in [
        "base is support@V1, ours support@tone, theirs support@V2",
        "  base    3\n  ours    5\n  theirs  9\n",
        "- Be brief.",
        "+ Be {+very +}brief.",
    ] {
        assert!(listed.contains(words), "no '{words}' in {listed}");
    }
    let listed = place.recto(["resolve", "support@tone", "--json"]).exits(0).json("resolve");
    assert_eq!(listed["conflicts"][1]["sides"], json!({"base": 3, "ours": 5, "theirs": 9}));
    assert_eq!(
        listed["conflicts"][0]["stretches"][0],
        json!({"line": 2, "base": "Be brief.\n", "ours": "Be very brief.\n", "theirs": "Be brief and clear.\n"})
    );
    assert!(place.recto(["draft", "list", "support"]).ok().contains("2 conflicts"));
    assert!(
        place.recto(["status", "support"]).ok().contains("2 conflicts to decide: recto resolve support@tone")
    );
    let shown = place.recto(["show", "support@tone", "--json"]).exits(0).json("show");
    assert_eq!(shown["conflicts"], json!(["prompt: changed in line 2", "tools[book].timeout: changed"]));
    let diff = place.recto(["diff", "support@tone"]).exits(0);
    assert!(diff.stderr.contains("has 2 conflicts to decide"), "{}", diff.stderr);
    let log = place.recto(["log", "support", "--oneline"]).ok();
    assert!(
        log.lines()
            .next()
            .is_some_and(|line| line.contains("merge by") && line.contains("2 conflicts to decide")),
        "{log}"
    );
    let status = place.recto(["status", "support", "--json"]).exits(0).json("status");
    assert_eq!(status["agents"][0]["drafts"][1]["conflicts"], 2);
    sound(&place);
}

#[test]
fn a_draft_with_conflicts_is_neither_published_nor_copied_out_of_sight() {
    let place = merged();
    for publish in
        [vec!["publish", "support@tone"], vec!["publish", "support@tone", "--overwrite", "--activate"]]
    {
        let run = place.recto(publish).exits(3);
        for words in ["tools[book].timeout: changed", "prompt: changed", "recto resolve support@tone"] {
            assert!(run.stderr.contains(words), "no '{words}' in {}", run.stderr);
        }
    }
    refused(place.recto(["agent", "duplicate", "support@tone", "copy"]), 3, "2 conflicts that wait");
    refused(place.recto(["merge", "support@tone", "other"]), 3, "2 conflicts that wait");
    refused(place.recto(["merge", "support@other", "tone"]), 3, "2 conflicts that wait");
    refused(place.recto(["draft", "rebase", "support@tone"]), 3, "2 conflicts that wait");
    // Copies have the conflicts too, and so has every later revision.
    place.recto(["draft", "new", "support@copy", "--from", "tone"]).ok();
    refused(place.recto(["publish", "support@copy"]), 3, "2 conflicts that wait");
    let checkpoint = place.recto(["checkpoint", "support@tone", "-m", "before", "-q"]).ok();
    place.recto(["draft", "new", "support@later", "--from", checkpoint.trim()]).ok();
    refused(place.recto(["publish", "support@later"]), 3, "2 conflicts that wait");
    place.recto(["restore", "support@tone", "--to", "other"]).ok();
    refused(place.recto(["publish", "support@other"]), 3, "2 conflicts that wait");
    set(&place, "tone", &["voice.speed:=3"]);
    refused(place.recto(["publish", "support@tone"]), 3, "2 conflicts that wait");
    sound(&place);
}

#[test]
fn every_way_to_decide() {
    let decide = |words: &[&str]| -> (Place, Value) {
        let place = merged();
        let run = place.recto(["resolve", "support@tone"].iter().chain(words).chain(&["--json"]));
        let value = run.exits(0).json("resolve-change");
        sound(&place);
        (place, value)
    };
    for (side, timeout, line) in [
        ("--ours", "5", "Be very brief."),
        ("--theirs", "9", "Be brief and clear."),
        ("--base", "3", "Be brief."),
    ] {
        let (place, done) = decide(&[side]);
        assert_eq!(
            (&done["left"], done["decided"].as_array().map(Vec::len)),
            (&json!([]), Some(2)),
            "{side}"
        );
        assert_eq!(field(&place, "tone", "tools[book].timeout"), timeout, "{side}");
        assert_eq!(field(&place, "tone", "prompt").lines().nth(1), Some(line), "{side}");
        assert_eq!(field(&place, "tone", "voice.id"), "ravi", "{side}: what combined stays");
        place.recto(["publish", "support@tone"]).ok();
    }
    let (place, done) = decide(&["tools[book].timeout", "--theirs"]);
    assert_eq!(done["left"], json!(["prompt: changed in line 2"]));
    refused(place.recto(["publish", "support@tone"]), 3, "1 conflict that waits");
    let (place, done) = decide(&["tools[book].timeout=7", "prompt=All new.\n"]);
    assert_eq!(done["left"], json!([]));
    assert_eq!(
        (field(&place, "tone", "tools[book].timeout"), field(&place, "tone", "prompt")),
        ("7".into(), "All new.".into())
    );
    let (place, done) = decide(&["tools[book].timeout:=8", "prompt", "--theirs"]);
    assert_eq!((done["left"].clone(), field(&place, "tone", "tools[book].timeout")), (json!([]), "8".into()));
    let place = merged();
    place.write("prompt.md", "From a file.\n");
    place.recto(["resolve", "support@tone", "prompt", "--file", "prompt.md"]).ok();
    let timeout = ["resolve", "support@tone", "tools[book].timeout", "--file", "-"];
    place.recto_with(timeout, "12").exits(0);
    assert_eq!(
        (field(&place, "tone", "prompt"), field(&place, "tone", "tools[book].timeout")),
        ("From a file.".into(), "12".into())
    );
    assert_eq!(waiting(&place), [""; 0]);
}

#[test]
fn wrong_decisions_change_nothing() {
    let place = merged();
    let run = place.recto(["resolve", "support@tone", "voice.id", "--ours"]).exits(1);
    assert!(
        run.stderr.contains("no conflict at 'voice.id'") && run.stderr.contains("tools[book].timeout"),
        "{}",
        run.stderr
    );
    refused(place.recto(["resolve", "support@tone", "voice.id"]), 1, "no conflict at 'voice.id'");
    refused(place.recto(["resolve", "support@tone", "--ours", "--theirs"]), 2, "cannot be used with");
    refused(
        place.recto(["resolve", "support@tone", "prompt", "tools[book].timeout=1"]),
        2,
        "nothing is said to decide 'prompt' by",
    );
    place.write("f.md", "x");
    refused(place.recto(["resolve", "support@tone", "--file", "f.md"]), 2, "cannot decide 2 conflicts");
    refused(place.recto(["resolve", "support@tone", "tools[book].timeout", "--file", "f.md"]), 5, "'f.md'");
    refused(
        place.recto(["resolve", "support@tone", "--ours", "--expect-revision", "1"]),
        3,
        "is at revision 3, not 1",
    );
    refused(place.recto(["resolve", "support@V1", "--ours"]), 1, "is a version, not a draft");
    refused(place.recto(["resolve", "support@other", "--ours"]), 1, "has no conflicts");
    assert_eq!(place.recto(["resolve", "support@other"]).ok(), "");
    let dry = place.recto(["resolve", "support@tone", "--theirs", "--dry-run"]).ok();
    assert!(dry.contains("dry run") && dry.contains("2 conflicts decided, 0 left"), "{dry}");
    assert_eq!(waiting(&place).len(), 2);
    place.recto(["resolve", "support@tone", "prompt", "--ours"]).ok();
    refused(place.recto(["resolve", "support@tone", "prompt", "--theirs"]), 1, "no conflict at 'prompt'");
    place.recto(["resolve", "support@tone", "--ours"]).ok();
    refused(place.recto(["resolve", "support@tone", "--ours"]), 1, "has no conflicts");
}

#[test]
fn undo_takes_back_a_merge_and_a_decision() {
    let place = conflicting();
    let before = config(&place, "tone");
    let merge = place.recto(["merge", "support@tone", "V2"]).exits(3);
    let after = config(&place, "tone");
    let decided = place.recto(["resolve", "support@tone", "--theirs"]).exits(0);
    place.recto(undo_of(&decided)).ok();
    assert_eq!((config(&place, "tone"), waiting(&place).len()), (after, 2));
    place.recto(["undo", "support"]).ok();
    assert_eq!(waiting(&place).len(), 0, "undoing the undo decides again");
    place.recto(["undo", "support"]).ok();
    let last = place.recto(["resolve", "support@tone", "--ours"]).exits(0);
    place.recto(undo_of(&last)).ok();
    refused(place.recto(undo_of(&merge)), 3, "the last operation");
    let place = conflicting();
    let merge = place.recto(["merge", "support@tone", "V2"]).exits(3);
    place.recto(undo_of(&merge)).ok();
    assert_eq!((config(&place, "tone"), waiting(&place).len()), (before, 0));
    sound(&place);
}

#[test]
fn an_edit_of_what_is_in_question_decides_it_and_others_carry_it_on() {
    let place = merged();
    set(&place, "tone", &["tools[find].timeout:=2"]);
    assert_eq!(waiting(&place), ["prompt", "tools[book].timeout"]);
    let said = place.recto(["set", "support@tone", "tools[book].timeout:=6"]).ok();
    assert!(said.contains("this decides 1 conflict, 1 left"), "{said}");
    let prompt = "prompt=Hello.\nBe kind.\nBe very brief.\nAsk one thing at a time.\nSay goodbye.\n";
    set(&place, "tone", &[prompt]);
    assert_eq!(waiting(&place), ["prompt"]);
    place.recto(["resolve", "support@tone", "--theirs"]).ok();
    let lines = "Hello.\nBe kind.\nBe brief and clear.\nAsk one thing at a time.\nSay goodbye.";
    assert_eq!(
        (field(&place, "tone", "prompt"), field(&place, "tone", "tools[book].timeout")),
        (lines.into(), "6".into())
    );
}

#[test]
fn files_have_markers_and_decide_when_they_have_none() {
    let place = merged();
    place.recto(["checkout", "support@tone"]).ok();
    let prompt = place.read(PROMPT);
    let wanted = "Be kind.\n<<<<<<< support@tone\nBe very brief.\n||||||| support@V1\nBe brief.\n=======\nBe brief and clear.\n>>>>>>> support@V2\nAsk one thing at a time.\nSay goodbye.\n";
    assert_eq!(prompt, wanted);
    let tools = place.read(TOOLS);
    assert!(
        tools.contains("<<<<<<< support@tone\n    \"timeout\": 5") && tools.contains(">>>>>>> support@V2"),
        "{tools}"
    );
    let status = place.recto(["status", "support"]).ok();
    assert!(
        status.contains("at revision 3, no edits")
            && status.contains(
                "conflicts to decide in\n      agents/support/prompt.md\n      agents/support/tools.json"
            ),
        "{status}"
    );
    assert!(place.recto(["save", "support"]).ok().contains("no edits to save"));
    // Markers that are left are named with their line, for texts and for JSON.
    place.write(PROMPT, prompt.replace("<<<<<<< support@tone\n", ""));
    place.write(TOOLS, tools.replace("\"url\"", "\"uri\""));
    let run = place.recto(["save", "support"]).exits(5);
    assert!(run.stderr.contains("agents/support/prompt.md:3:1: a conflict is left here"), "{}", run.stderr);
    assert!(run.stderr.contains("agents/support/tools.json:4:1: a conflict is left here"), "{}", run.stderr);
    // One file decided; the other waits on, with its markers.
    place.write(PROMPT, "Be kind.\nBe very brief and clear.\nAsk one thing at a time.\nSay goodbye.\n");
    place.write(TOOLS, &tools);
    place.recto(["save", "support"]).ok();
    assert_eq!((waiting(&place), place.read(TOOLS)), (vec!["tools[book].timeout".to_owned()], tools.clone()));
    assert!(place.recto(["save", "support"]).ok().contains("no edits to save"));
    // Ours is a decision too, although the draft has it already.
    let ours: Value = config(&place, "tone")["tools"].clone();
    place.write(TOOLS, ours.to_string());
    let run = place.recto(["save", "support", "--json"]).exits(0).json("save");
    assert_eq!((&run["saved"][0]["files"], waiting(&place).len()), (&json!(["tools.json"]), 0));
    place.recto(["publish", "support@tone"]).ok();
    sound(&place);
}

#[test]
fn files_follow_what_is_decided_elsewhere() {
    let place = merged();
    place.recto(["checkout", "support@tone"]).ok();
    place.recto(["resolve", "support@tone", "prompt", "--ours"]).ok();
    assert!(place.recto(["status", "support"]).ok().contains("the draft is at revision 4"));
    place.recto(["checkout", "support@tone"]).ok();
    assert_eq!(place.read(PROMPT), field(&place, "tone", "prompt") + "\n");
    assert!(place.read(TOOLS).contains("<<<<<<<"));
    place.write(TOOLS, "nothing");
    place.recto(["checkout", "support", "--discard", TOOLS]).ok();
    assert!(place.read(TOOLS).contains("<<<<<<<"), "what is discarded goes back to the markers");
    // Without the index, `agent.json` knows as much.
    std::fs::remove_file(place.path(".recto/worktree/support.json")).expect("removed");
    assert!(place.recto(["status", "support"]).ok().contains("no edits"));
    refused(place.recto(["apply", "."]), 5, "tools.json");
    place.recto(["checkout", "support@tone"]).ok();
    place.recto(["resolve", "support@tone", "--theirs"]).ok();
    place.recto(["checkout", "support@tone"]).ok();
    assert!(!place.read(TOOLS).contains("<<<<<<<"));
}

#[test]
fn apply_refuses_conflicts_by_name() {
    let place = merged();
    place.recto(["checkout", "support@tone"]).ok();
    let run = place.recto(["apply", "."]).exits(5);
    assert!(run.stderr.contains("prompt.md") || run.stderr.contains("tools.json"), "{}", run.stderr);
    place.write(TOOLS, config(&place, "tone")["tools"].to_string());
    refused(place.recto(["apply", "."]), 5, "agents/support/prompt.md:2:1: a conflict is left here");
    place.write(PROMPT, field(&place, "tone", "prompt") + "\n");
    refused(place.recto(["apply", ".", "--overwrite"]), 3, "tools[book].timeout: changed");
    place.recto(["save", "support"]).ok();
    place.recto(["apply", ".", "--overwrite"]).ok();
}

#[test]
fn a_rebase_takes_over_what_was_published_since() {
    let place = conflicting();
    set(&place, "tone", &["voice.speed:=4"]);
    let run = place.recto(["publish", "support@tone"]).exits(3);
    assert!(
        run.stderr.contains("would undo") && run.stderr.contains("recto draft rebase support@tone"),
        "{}",
        run.stderr
    );
    let run = place.recto(["draft", "rebase", "support@tone"]).exits(3);
    assert!(run.stdout.contains("based on V2"), "{}", run.stdout);
    place.recto(["resolve", "support@tone", "--ours"]).ok();
    let done = place.recto(["draft", "rebase", "support@tone", "--json"]).exits(0).json("merge");
    assert_eq!((&done["changed"], &done["draft"]["base"]["number"]), (&false.into(), &2.into()));
    place.recto(["publish", "support@tone"]).ok();
    assert_eq!(field(&place, "V3", "voice"), "{\n  \"id\": \"ravi\",\n  \"speed\": 4\n}");
    let shown = place.recto(["show", "support@V3", "--json"]).exits(0).json("show");
    assert_eq!(shown["parents"].as_array().map(Vec::len), Some(1));
    refused(place.recto(["draft", "rebase", "support@other", "--onto", "other"]), 1, "no published version");
}

#[test]
fn one_versions_change_is_picked_or_taken_back() {
    let place = place();
    publish(&place, &["voice.id=ravi", "tools[find].timeout:=4"]);
    publish(&place, &["voice.speed:=2"]);
    let done = place.recto(["cherry-pick", "support@tone", "V2", "voice", "--json"]).exits(0).json("merge");
    assert_eq!(
        done["changes"],
        json!([{"path": "voice.id", "kind": "changed", "old": "nyah", "new": "ravi"}])
    );
    assert_eq!(done["draft"]["base"]["number"], 1, "a change that is picked is no merge");
    place.recto(["cherry-pick", "support@tone", "support@V2"]).ok();
    assert_eq!(field(&place, "tone", "tools[find].timeout"), "4");
    assert!(place.recto(["cherry-pick", "support@tone", "V2"]).ok().contains("has what V2 changed already"));
    refused(place.recto(["cherry-pick", "support@tone", "V2", "prompt"]), 1, "did not change block 'prompt'");
    refused(place.recto(["cherry-pick", "support@tone", "V1"]), 1, "has no version before it");
    refused(place.recto(["cherry-pick", "support@tone", "other"]), 1, "no published version");
    let dry = place.recto(["revert", "support@V2", "--dry-run", "--json"]).exits(0).json("merge");
    assert_eq!((&dry["draft"], &dry["changed"]), (&Value::Null, &true.into()));
    let run = place.recto(["revert", "support@V2"]).ok();
    assert!(
        run.starts_with("forked draft 'revert-v2' of agent 'support', without what V2 changed\n"),
        "{run}"
    );
    assert_eq!(config(&place, "revert-v2")["voice"], json!({"id": "nyah", "speed": 2}));
    place.recto(["publish", "support@revert-v2"]).ok();
    assert!(place.recto(["revert", "support@V2"]).ok().contains("nothing left of what V2 changed"));
    assert!(!place.recto(["draft", "list", "support", "-q"]).ok().contains("revert"), "no draft for nothing");
    refused(place.recto(["revert", "support@V1"]), 1, "has no version before it");
    refused(place.recto(["revert", "support@tone"]), 1, "is a draft, not a version");
    // Reverting again what the revert took back, where it was changed in between.
    place.recto(["draft", "rebase", "support@other"]).ok();
    publish(&place, &["voice.id=mira"]);
    let run = place.recto(["revert", "support@V2", "--draft", "again"]).exits(3);
    assert!(run.stdout.contains("voice.id: changed"), "{}", run.stdout);
    sound(&place);
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let place = conflicting();
    place.recto(["agent", "duplicate", "support@V1", "sales"]).ok();
    let none = |run: Run| assert!(run.exits(0).stdout.contains("has all of"));
    none(place.recto(["merge", "support@tone", "tone"]));
    none(place.recto(["merge", "support@tone", "V1"]));
    refused(place.recto(["merge", "support@tone", "sales@V1"]), 1, "is of agent 'sales'");
    refused(place.recto(["merge", "support@V1", "V2"]), 1, "is a version, not a draft");
    refused(place.recto(["merge", "support@tone", "V9"]), 1, "has no 'V9'");
    refused(
        place.recto(["merge", "support@tone", "V2", "--expect-revision", "1"]),
        3,
        "is at revision 2, not 1",
    );
    place.recto(["agent", "archive", "support"]).ok();
    refused(place.recto(["merge", "support@tone", "V2"]), 1, "is archived");
}

#[test]
fn two_drafts_combine_and_a_criss_cross_takes_the_newest_base() {
    let place = place();
    set(&place, "tone", &["voice.id=mira"]);
    set(&place, "other", &["voice.speed:=3"]);
    let done = place.recto(["merge", "support@tone", "other", "--json"]).exits(0).json("merge");
    assert_eq!(config(&place, "tone")["voice"], json!({"id": "mira", "speed": 3}));
    let v1 = place.recto(["show", "support@V1", "-q"]).ok();
    assert_eq!(done["base"], v1.trim());
    place.recto(["publish", "support@tone"]).ok();
    let done = place.recto(["merge", "support@other", "V2", "--json"]).exits(0).json("merge");
    assert_eq!(done["conflicts"], json!([]));
    assert_eq!(config(&place, "other"), config(&place, "V2"));
}

#[test]
fn a_merge_that_is_clean_and_invalid_changes_nothing() {
    let place = place();
    publish(&place, &["plan=pro"]);
    place.recto(["draft", "rebase", "support@tone"]).ok();
    set(&place, "tone", &["voice.id=pro-1"]);
    publish(&place, &["plan=free", "voice.speed:=2"]);
    let before = config(&place, "tone");
    let run = place.recto(["merge", "support@tone", "V3"]).exits(5);
    assert!(
        run.stderr
            .contains("nothing conflicts, but draft 'tone' of agent 'support' would then have 1 problem"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("/voice/id"), "{}", run.stderr);
    assert_eq!((config(&place, "tone"), run.stdout.as_str()), (before, ""));
    set(&place, "tone", &["voice.id=mira"]);
    place.recto(["merge", "support@tone", "V3"]).ok();
}
