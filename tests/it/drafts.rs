//! Drafts forked, edited in every way, listed, renamed, thrown away, restored into.

use serde_json::Value;

use crate::agents::{SECRET, refused, undo_of, with_support};
use crate::harness::Place;

fn with_draft() -> Place {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place
}

/// The config of a draft, by its blocks.
fn value(place: &Place, block: &str) -> String {
    let list = place.recto(["draft", "list", "support", "--json"]).exits(0).json("draft-list");
    let commit = list["drafts"][0]["commit"].as_str().expect("an id").to_owned();
    let commit = place.recto(["cat-object", &commit, "--json"]).exits(0).json("cat-object");
    let tree = commit["commit"]["tree"].as_str().expect("an id").to_owned();
    let tree = place.recto(["cat-object", &tree, "--json"]).exits(0).json("cat-object");
    let entries = tree["tree"]["entries"].as_array().expect("a list").clone();
    let entry = entries.iter().find(|entry| entry["name"] == block).expect("the block");
    place.recto(["cat-object", "--raw", entry["id"].as_str().expect("an id")]).ok()
}

#[test]
fn a_text_does_not_take_the_place_of_what_only_json_says() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    for word in ["voice=nyah", "voice=@text.md", "tags=a,b", "none=x"] {
        place.write("text.md", "nyah");
        place.recto(["set", "support@tone", "tags:=[]", "none:=null"]).ok();
        let run = place.recto(["set", "support@tone", word]).exits(5);
        let path = word.split('=').next().expect("a path");
        let is = ["voice", "tags"].iter().zip(["an object", "a list"]).find(|(name, _)| **name == path);
        let is = is.map_or("null", |(_, is)| is);
        assert!(run.stderr.contains(&format!("'{path}' is {is}, and a text")), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("{path}:=")), "{}", run.stderr);
    }
    place.recto(["set", "support@tone", "voice:=\"nyah\"", "tags:=[1]"]).ok();
    assert_eq!(place.recto(["cat", "support@tone", "voice"]).ok(), "nyah\n");
    place.recto(["set", "support@tone", "voice=emily", "fresh=text"]).ok();
}

#[test]
fn a_draft_is_forked_from_what_serves_or_from_any_revision() {
    let place = with_support();
    let run = place.recto(["draft", "new", "support@tone"]).exits(0);
    assert_eq!(run.stdout, "forked draft 'tone' of agent 'support', based on V1\n");
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    place.recto(["publish", "support@tone"]).ok();
    place.recto(["draft", "new", "support", "next", "--from", "latest"]).ok();
    let list = place.recto(["draft", "list", "support", "--json"]).exits(0).json("draft-list");
    assert_eq!(
        (&list["drafts"][0]["name"], &list["drafts"][0]["base"]["number"]),
        (&"next".into(), &2.into())
    );
    place.recto(["draft", "new", "support@old", "--from", "support@V1"]).ok();
    place.recto(["draft", "new", "support@twin", "--from", "next"]).ok();
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "next\nold\ntwin\n");
    let table = place.recto(["draft", "list", "support"]).ok();
    assert!(table.starts_with("DRAFT "), "{table}");
}

#[test]
fn a_draft_that_cannot_be_forked_is_refused() {
    let place = with_draft();
    refused(place.recto(["draft", "new", "support@tone"]), 1, "has a draft 'tone' already");
    refused(place.recto(["draft", "new", "nobody@tone"]), 1, "no agent 'nobody'");
    refused(place.recto(["draft", "new", "support"]), 2, "no name for a draft");
    refused(place.recto(["draft", "new", "support@a", "b"]), 2, "two names are given");
    refused(place.recto(["draft", "new", "support@x", "--from", "V7"]), 1, "has no 'V7'");
    refused(place.recto(["draft", "new", "support@x", "--from", "other@V1"]), 2, "another agent");
    refused(place.recto(["draft", "new", "support@V3"]), 2, "cannot name a draft");
    refused(place.recto(["draft", "new", "support@latest"]), 2, "cannot name a draft");
    place.recto(["agent", "new", "desk", "--profile", "callem"]).ok();
    refused(place.recto(["draft", "new", "desk@other"]), 2, "have one draft, 'main'");
    refused(place.recto(["draft", "discard", "desk@main"]), 2, "have one draft, 'main'");
}

#[test]
fn hints_know_that_there_is_one_draft_only() {
    let place = Place::with_store();
    place.recto(["agent", "new", "desk", "--profile", "callem", "--activate"]).ok();
    for args in [
        vec!["draft", "new", "desk@other"],
        vec!["set", "desk@V1", "a=b"],
        vec!["set", "desk@other", "a=b"],
        vec!["checkout", "desk@V1"],
        vec!["restore", "desk@V1", "--to", "other"],
        vec!["draft", "discard", "desk"],
    ] {
        let run = place.recto(args);
        assert!(run.code != 0 && run.stderr.contains("hint: "), "{}: {}", run.command, run.stderr);
        assert!(!run.stderr.contains("draft new"), "{}: {}", run.command, run.stderr);
        assert!(run.stderr.contains("main"), "{}: {}", run.command, run.stderr);
    }
    place.recto(["restore", "desk@V1"]).ok();
}

#[test]
fn what_names_a_version_names_no_draft() {
    let place = with_draft();
    for (name, reason) in
        [("V7", "kept for versions"), ("latest", "the newest version"), ("ACTIVE", "serves")]
    {
        for args in [
            vec!["restore", "support@V1", "--to", name],
            vec!["draft", "rename", "support@tone", name],
            vec!["draft", "new", "support", name],
        ] {
            let run = place.recto(args).exits(2);
            let words = format!("'{name}' cannot name a draft: ");
            assert!(run.stderr.contains(&words) && run.stderr.contains(reason), "{}", run.stderr);
            assert!(!run.stderr.contains("would do"), "{}", run.stderr);
        }
    }
}

#[test]
fn a_dry_run_forks_and_restores_nothing() {
    let place = with_draft();
    let before = place.recto(["draft", "list", "support"]).ok();
    let done =
        place.recto(["draft", "new", "support@x", "--dry-run", "--json"]).exits(0).json("draft-change");
    assert_eq!(
        (&done["dry_run"], &done["draft"]["id"], &done["operation"]),
        (&true.into(), &Value::Null, &Value::Null)
    );
    let said = place.recto(["draft", "new", "support@x", "--dry-run"]).ok();
    assert_eq!(said, "dry run: forked draft 'x' of agent 'support', based on V1\n");
    refused(place.recto(["draft", "new", "support@tone", "--dry-run"]), 1, "has a draft 'tone' already");
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    let said = place.recto(["restore", "support@V1", "--to", "tone", "--dry-run"]).ok();
    assert_eq!(said, "dry run: draft 'tone' of agent 'support' is as V1: revision 2 -> 3\n");
    let done = place.recto(["restore", "support@V1", "--dry-run", "--json"]).exits(0).json("restore");
    assert_eq!((&done["draft"]["name"], &done["draft"]["commit"]), (&"restore-v1".into(), &Value::Null));
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "tone\n");
    place.recto(["undo", "support"]).ok();
    assert_eq!(before.lines().count(), 2);
}

#[test]
fn set_takes_text_json_files_and_stdin() {
    let place = with_draft();
    place.write("prompt.md", "Be very kind.\n");
    let run = place.recto(["set", "support@tone", "voice.speed=1.5", "prompt=@prompt.md", "tags:=[1,true]"]);
    let run = run.exits(0);
    let first = run.stdout.lines().next().expect("a line");
    assert_eq!(first, "draft 'tone' of agent 'support': revision 1 -> 2");
    assert!(run.stdout.contains("  voice.speed: 1 -> 1.5\n"), "{}", run.stdout);
    assert_eq!(value(&place, "prompt"), "Be very kind.\n");
    assert_eq!(value(&place, "tags"), "[1,true]");
    place.recto_with(["set", "support@tone", "prompt=@-"], "From stdin.\n").ok();
    assert_eq!(value(&place, "prompt"), "From stdin.\n");
    place.recto(["set", "support@tone", "voice.id=7"]).ok();
    assert_eq!(value(&place, "voice"), "{\"id\":\"7\",\"speed\":1.5}", "a text stays text");
    place.write("tags.json", "{\"a\": 1}");
    place.recto(["set", "support@tone", "tags:=@tags.json"]).ok();
    assert_eq!(value(&place, "tags"), "{\"a\":1}");
    place.recto(undo_of(&place.recto(["set", "support@tone", "voice.speed=3"]).exits(0))).ok();
    assert_eq!(value(&place, "voice"), "{\"id\":\"7\",\"speed\":1.5}");
}

#[test]
fn the_schema_decides_what_a_text_stands_for() {
    let place = Place::with_store();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/atoms-support.json");
    place.recto(["agent", "new", "support", "--from", file]).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    let set = ["set", "support@tone", "synthesizer.speed=1.3", "tools[book_slot].timeout=9000", "--json"];
    let done = place.recto(set).exits(0).json("draft-edit");
    let changes = done["changes"].as_array().expect("a list").clone();
    assert!(changes.iter().any(|change| change["new"] == 9000), "{changes:?}");
    refused(place.recto(["set", "support@tone", "synthesizer.speed=fast"]), 5, "the config has 1 problem");
    let error = place.recto(["set", "support@tone", "synthesizer.speed=fast", "--json"]).json_error(5);
    let detail = error["error"]["details"][0].as_str().expect("a line").to_owned();
    assert!(detail.contains("/synthesizer/speed") && detail.contains("accepted: "), "{detail}");
    let error = place.recto(["set", "support@tone", "synthesiser.speed=1", "--json"]).json_error(5);
    assert!(
        error["error"]["details"][0].as_str().is_some_and(|line| line.contains("synthesizer")),
        "{error}"
    );
    refused(place.recto(["set", "support@tone", "tools[book_slot].timeout=5"]), 5, "problem");
    place.recto(["unset", "support@tone", "tools[find_slots]"]).ok();
    refused(place.recto(["unset", "support@tone", "tools[find_slots]"]), 5, "problem");
    refused(place.recto(["unset", "support@tone", "tools["]), 2, "malformed path");
}

#[test]
fn words_that_assign_nothing_are_refused() {
    let place = with_draft();
    refused(place.recto(["set", "support@tone"]), 2, "required");
    refused(place.recto(["set", "support@tone", "prompt"]), 2, "'prompt' is no assignment");
    refused(place.recto(["set", "support@tone", "=x"]), 2, "no assignment");
    refused(place.recto(["set", "support@tone", "a:={"]), 5, "unexpected end");
    refused(place.recto(["set", "support@tone", "a:={\"x\":1,\"x\":2}"]), 5, "duplicate key 'x'");
    refused(place.recto(["set", "support@tone", "prompt=@none.md"]), 1, "none.md");
    refused(place.recto(["set", "support@tone", "a=@-", "b=@-"]), 2, "one field only");
    place.write("bytes.md", b"\xff\xfe");
    refused(place.recto(["set", "support@tone", "prompt=@bytes.md"]), 5, "not UTF-8 from byte 0 on");
    place.write("huge.md", vec![b'x'; 17 * 1024 * 1024]);
    refused(place.recto(["set", "support@tone", "prompt=@huge.md"]), 5, "huge.md");
    let log = place.recto(["draft", "log", "support@tone", "--json"]).exits(0).json("draft-log");
    assert_eq!(log["revisions"].as_array().map(Vec::len), Some(1), "nothing was changed");
}

#[test]
fn only_a_draft_can_be_edited() {
    let place = with_draft();
    let run = place.recto(["set", "support@V1", "voice.speed=2"]).exits(1);
    assert!(run.stderr.contains("'V1' of agent 'support' is a version, not a draft"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: recto draft new support@NAME --from V1"), "{}", run.stderr);
    let run = place.recto(["set", "support@warm", "voice.speed=2"]).exits(1);
    assert!(run.stderr.contains("hint: recto draft new support@warm"), "{}", run.stderr);
    let run = place.recto(["set", "support", "voice.speed=2"]).exits(2);
    assert!(run.stderr.contains("  support@tone\n"), "the drafts are named: {}", run.stderr);
    refused(place.recto(["set", "support@../x", "voice.speed=2"]), 2, "not a revision");
    refused(place.recto(["set", "support@", "voice.speed=2"]), 2, "nothing follows");
    refused(place.recto(["set", "nobody@tone", "voice.speed=2"]), 1, "no agent 'nobody'");
    place.recto(["draft", "discard", "support@tone"]).ok();
    refused(place.recto(["unset", "support", "voice"]), 2, "it has none: recto draft new support@NAME");
}

#[test]
fn the_one_draft_of_a_profile_needs_no_name() {
    let place = Place::with_store();
    place.recto(["agent", "new", "desk", "--profile", "callem"]).ok();
    let done = place.recto(["set", "desk", "system_prompt=Hello."]).ok();
    assert!(done.starts_with("draft 'main' of agent 'desk': revision 1 -> 2\n"), "{done}");
}

#[test]
fn a_patch_follows_the_rule_of_the_profile() {
    let place = with_draft();
    place.write("patch.json", "{\"voice\": {\"speed\": 2}, \"prompt\": null}");
    let done = place.recto(["patch", "support@tone", "patch.json", "--json"]).exits(0).json("draft-edit");
    assert_eq!(done["draft"]["revision"], 2);
    assert_eq!(value(&place, "voice"), "{\"speed\":2}");
    place.recto_with(["patch", "support@tone"], "{\"prompt\": \"Hi.\"}").ok();
    assert_eq!(value(&place, "prompt"), "Hi.");
    refused(place.recto_with(["patch", "support@tone", "-"], "[1]"), 5, "problem");
    refused(place.recto_with(["patch", "support@tone"], "{\"a\""), 5, "'stdin' is not JSON");
    refused(place.recto(["patch", "support@tone", "none.json"]), 1, "none.json");
}

#[test]
fn an_edit_based_on_an_old_revision_is_a_conflict() {
    let place = with_draft();
    let edit = |value: &str| {
        place.recto(["set", "support@tone", &format!("voice.speed={value}"), "--expect-revision", "1"])
    };
    edit("2").ok();
    let run = edit("3").exits(3);
    assert!(run.stderr.contains("is at revision 2, not 1: Asha Rao edited it"), "{}", run.stderr);
    let discard = ["draft", "discard", "support@tone", "--expect-revision", "1"];
    refused(place.recto(discard), 3, "is at revision 2, not 1");
    assert_eq!(value(&place, "voice"), "{\"id\":\"nyah\",\"speed\":2}");
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let place = with_draft();
    let assignment = format!("api_key={SECRET}");
    let set = ["set", "support@tone", assignment.as_str()];
    let shown = place.recto(set).ok();
    assert!(shown.contains("****") && !shown.contains(SECRET), "{shown}");
    let shown = place.recto(["unset", "support@tone", "api_key", "--dry-run", "--json"]).ok();
    assert!(!shown.contains(SECRET), "{shown}");
    let shown = place.recto(["unset", "support@tone", "api_key", "--dry-run", "--reveal"]).ok();
    assert!(shown.contains(SECRET), "{shown}");
    refused(place.recto(["set", "support@tone", "api_key=sk-p****"]), 5, "holds a mask");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let place = with_draft();
    let run = place.recto(["set", "support@tone", "note=\u{1b}[2Jgone\u{202e}", "-m", "why\u{7}"]).exits(0);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stdout);
    let log = place.recto(["draft", "log", "support@tone"]).ok();
    assert!(!log.contains('\u{7}') && log.contains("why"), "{log:?}");
}

#[test]
fn the_log_of_a_draft_names_blocks_and_reasons() {
    let place = with_draft();
    place.recto(["set", "support@tone", "voice.speed=2", "-m", "too slow"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    place.recto(["draft", "rename", "support@tone", "warm"]).ok();
    place.recto(["set", "support@warm", "prompt=Hi."]).ok();
    let log = place.recto(["draft", "log", "support@warm", "--json"]).exits(0).json("draft-log");
    let revisions = log["revisions"].as_array().expect("a list").clone();
    let blocks: Vec<&Value> = revisions.iter().map(|revision| &revision["blocks"]).collect();
    assert_eq!(blocks.first(), Some(&&serde_json::json!(["prompt"])));
    let edited = revisions.iter().find(|revision| revision["note"] == "too slow").expect("the edit");
    assert_eq!((&edited["blocks"][0], &edited["author"]["name"]), (&"voice".into(), &"Asha Rao".into()));
    let one = place.recto(["draft", "log", "support@warm", "-n", "1"]).ok();
    assert_eq!(one.lines().count(), 2, "{one}");
}

#[test]
fn a_renamed_draft_keeps_its_revisions_and_a_discarded_one_comes_back() {
    let place = with_draft();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    place.recto(["draft", "new", "support@other"]).ok();
    refused(place.recto(["draft", "rename", "support@tone", "other"]), 1, "has a draft 'other' already");
    refused(place.recto(["draft", "rename", "support@none", "x"]), 1, "has no draft 'none'");
    let renamed = place.recto(["draft", "rename", "support@tone", "warm", "--json"]).exits(0);
    assert_eq!(renamed.json("agent-rename")["after"], "warm");
    let run = place.recto(["draft", "discard", "support@warm"]).exits(0);
    assert_eq!(run.stdout, "threw away draft 'warm' of agent 'support' at revision 3\n");
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "other\n");
    place.recto(undo_of(&run)).ok();
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "other\nwarm\n");
    place.recto(["draft", "discard", "support@warm", "--dry-run"]).ok();
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "other\nwarm\n");
}

#[test]
fn restore_overwrites_a_draft_and_keeps_what_it_held() {
    let place = with_draft();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    let restore = ["restore", "support@V1", "--to", "tone", "--json"];
    let done = place.recto(restore).exits(0).json("restore");
    assert_eq!(done["draft"]["revision"], 3);
    assert_eq!(value(&place, "voice"), "{\"id\":\"nyah\",\"speed\":1}");
    let log = place.recto(["draft", "log", "support@tone", "--json"]).exits(0).json("draft-log");
    let before = log["revisions"][1]["commit"].as_str().expect("an id").to_owned();
    place.recto(["restore", &format!("support@{}", &before[..12]), "--to", "tone"]).ok();
    assert_eq!(value(&place, "voice"), "{\"id\":\"nyah\",\"speed\":2}", "the overwritten revision is kept");
    let made = place.recto(["restore", "support@V1"]).ok();
    assert_eq!(made, "forked draft 'restore-v1' of agent 'support' as V1\n");
    let stale = ["restore", "support@V1", "--to", "tone", "--expect-revision", "1"];
    refused(place.recto(stale), 3, "not 1");
    refused(place.recto(["restore", "support@V9"]), 1, "has no 'V9'");
}

#[test]
fn a_checkpoint_has_a_label_and_no_number() {
    let place = with_draft();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    let checkpoint = ["checkpoint", "support@tone", "-m", "before legal", "-m", "and after tone", "--json"];
    let kept = place.recto(checkpoint).exits(0).json("checkpoint");
    assert_eq!((&kept["label"], &kept["description"]), (&"before legal".into(), &"and after tone".into()));
    let shown = place.recto(["agent", "show", "support", "--json"]).exits(0).json("agent-show");
    assert_eq!(shown["checkpoints"][0]["id"], kept["checkpoint"]);
    assert_eq!(shown["version_count"], 1);
    place.recto(["set", "support@tone", "voice.speed=3"]).ok();
    let id = kept["checkpoint"].as_str().expect("an id");
    refused(place.recto(["activate", &format!("support@{}", &id[..8])]), 1, "is no published version");
    place.recto(["restore", &format!("support@{}", &id[..8]), "--to", "tone"]).ok();
    assert_eq!(value(&place, "voice"), "{\"id\":\"nyah\",\"speed\":2}");
    refused(place.recto(["checkpoint", "support@tone"]), 2, "required");
    refused(place.recto(["checkpoint", "support@tone", "-m", ""]), 2, "label of a checkpoint is empty");
}

#[test]
fn no_new_draft_is_called_like_a_version() {
    let place = crate::agents::with_support();
    for name in ["v1", "V1", "v12", "active", "latest", "draft:v1", "draft:active", "draft:latest"] {
        let run = place.recto(["draft", "new", &format!("support@{name}")]).exits(2);
        assert!(run.stderr.contains("cannot name a draft"), "{name}: {}", run.stderr);
    }
    place.recto(["draft", "new", "support@v1x"]).ok();
    place.recto(["draft", "rename", "support@v1x", "v1"]).exits(2);
    // One that is there already is found.
    let life = crate::life::Life::by(&place, "Ben Ode", "2026-03-07T15:00:00Z");
    life.draft("support", "v2");
    let mut command = place.command(["show", "support@v2"]);
    place.run(command.env("RECTO_TIME", "2026-03-07T16:00:00Z")).ok();
}
