//! Saving: what becomes of files, and what is wrong with them.

use serde_json::json;

use crate::agent::{DraftSource, Edit, NewAgent};
use crate::error::{Classify, Kind};
use crate::object::Content;
use crate::worktree::{Fault, WorktreeError};

use super::harness::{Work, handle, on_both, profile};

fn faults(error: WorktreeError) -> Vec<String> {
    assert_eq!(error.kind(), Kind::Invalid);
    match error {
        WorktreeError::Invalid { faults, .. } => faults.iter().map(Fault::to_string).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn all_edits_are_the_next_revision() {
    on_both(|work| {
        work.checkout();
        work.write("prompt.md", "\u{feff}Line\r\nno end ü\u{301}");
        work.write("model.json", "{\"name\": \"x\"}");
        work.disk().remove_file(&work.path("voice.json")).expect("removed");
        let saved = work.tree().save(&handle("support"), "warmer").expect("saved");
        assert_eq!(saved.files, ["model.json", "prompt.md", "voice.json"]);
        assert_eq!((saved.before, saved.draft.revision), (1, 2));
        let expected = json!({"prompt": "\u{feff}Line\r\nno end ü\u{301}", "model": {"name": "x"}});
        assert_eq!(work.draft(), expected);
        assert_eq!(work.changed(), [""; 0]);
        let log = work.agents.draft_log(&handle("support"), &handle("tone")).expect("a log");
        assert_eq!(log.iter().filter(|revision| revision.note == "warmer").count(), 1);
        let again = work.tree().save(&handle("support"), "").expect("nothing to save");
        assert!(again.receipt.is_none() && again.files.is_empty());
        assert!(work.read("agent.json").expect("there").contains("\"draft_revision\": 2"));
    });
}

#[test]
fn every_broken_file_is_named_and_nothing_is_saved() {
    on_both(|work| {
        work.checkout();
        work.write("prompt.md", b"ok\n\xff");
        work.write("voice.json", "{\n  \"id\": \"a\",\n  \"id\": \"b\"\n}");
        work.write("model.json", "");
        work.write("good.md", "fine");
        let error = work.tree().save(&handle("support"), "").expect_err("refused");
        assert_eq!(
            faults(error),
            [
                "agents/support/model.json:1:1: empty document",
                "agents/support/prompt.md:2:1: invalid UTF-8",
                "agents/support/voice.json:3:3: duplicate key 'id'",
            ]
        );
        assert_eq!(work.draft(), super::harness::support());
        assert_eq!(work.agents.draft(&handle("support"), &handle("tone")).expect("there").revision, 1);
    });
}

fn atoms(work: &Work) {
    let file = include_bytes!("../../../fixtures/agents/atoms-support.json");
    let document = crate::encoding::json::parse(file).expect("JSON");
    let imported = profile("atoms").unwrap_document(&document).expect("a config");
    let new = NewAgent {
        handle: Some(handle("desk")),
        config: Some(imported.config),
        ..NewAgent::of(profile("atoms"))
    };
    work.agents.create(&new).expect("created");
    work.agents.new_draft(&handle("desk"), &handle("tone"), &DraftSource::Default).expect("forked");
    work.tree().checkout(&handle("desk"), &handle("tone")).expect("checked out");
}

#[test]
fn what_the_profile_refuses_is_shown_at_its_place_in_the_file() {
    on_both(|work| {
        atoms(work);
        let dir = work.root.join("agents/desk");
        let disk = work.disk();
        let voice = dir.join("voice.json");
        let text = String::from_utf8(disk.read(&voice, 1 << 20).expect("read")).expect("text");
        let line = text.lines().position(|line| line.contains("\"speed\"")).expect("a speed") + 1;
        let broken: Vec<String> =
            text.lines()
                .map(|line| {
                    if line.contains("\"speed\"") {
                        "      \"speed\": 99,".to_owned()
                    } else {
                        line.to_owned()
                    }
                })
                .collect();
        disk.write_atomic(&voice, broken.join("\n").as_bytes()).expect("written");
        let error = work.tree().save(&handle("desk"), "").expect_err("refused");
        let found = faults(error);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("agents/desk/voice.json:{line}:")), "{found:?}");
        assert!(found[0].contains("'speed'"), "{found:?}");

        disk.write_atomic(&voice, b"{\"nonsense\": 1}").expect("written");
        let found = faults(work.tree().save(&handle("desk"), "").expect_err("refused"));
        assert!(found[0].starts_with("agents/desk/voice.json: it has no field 'nonsense'"), "{found:?}");
    });
}

#[test]
fn a_block_without_fields_is_no_block_and_its_file_no_edit() {
    let work = Work::simulated();
    atoms(&work);
    let dir = work.root.join("agents/desk");
    let file = "widget.json";
    work.disk().remove_file(&dir.join(file)).expect("the fixture has such a block");
    work.tree().save(&handle("desk"), "").expect("saved");
    work.disk().write_atomic(&dir.join(file), b"{}").expect("written");
    let edits = |work: &Work| work.tree().status(&handle("desk")).expect("a status").edits().count();
    assert_eq!(edits(&work), 0);
    work.disk().write_atomic(&dir.join("nosuchblock.json"), b"{\"a\": 1}").expect("written");
    let status = work.tree().status(&handle("desk")).expect("a status");
    assert_eq!(status.files.len(), 1);
    assert_eq!(status.files[0].state.name(), "untracked", "the profile has no such block");
}

#[test]
fn blocks_with_awkward_names_keep_their_names() {
    on_both(|work| {
        for (name, value) in
            [("agent", json!({"a": 1})), ("v1.2-beta", json!(2)), ("notes.md", json!({"c": 3}))]
        {
            let edit = Edit::Block(name.parse().expect("a name"), Some(Content::Json(value)));
            work.agents.edit(&handle("support"), &handle("tone"), None, &[edit], "").expect("edited");
        }
        work.checkout();
        work.write("agent~.json", "{\"a\": 2}");
        work.write("notes.md.json", "{\"c\": 4}");
        work.tree().save(&handle("support"), "").expect("saved");
        let draft = work.draft();
        assert_eq!((&draft["agent"], &draft["notes.md"]), (&json!({"a": 2}), &json!({"c": 4})));
        assert_eq!(work.changed(), [""; 0]);
    });
}

#[test]
fn a_block_may_change_from_text_to_json_but_has_one_file() {
    let work = Work::simulated();
    work.checkout();
    work.write("prompt.json", "{\"system\": \"x\"}");
    let error = work.tree().save(&handle("support"), "").expect_err("two files");
    assert_eq!(faults(error), ["agents/support/prompt.md: holds block 'prompt', as 'prompt.json' does"]);
    work.disk().remove_file(&work.path("prompt.md")).expect("removed");
    work.tree().save(&handle("support"), "").expect("saved");
    assert_eq!(work.draft()["prompt"], json!({"system": "x"}));
    work.write("prompt.json", "\"only text\"");
    let error = work.tree().save(&handle("support"), "").expect_err("text in a JSON file");
    assert_eq!(faults(error), ["agents/support/prompt.json: it is text stored as JSON"]);
}

#[test]
fn names_that_some_disks_confuse_are_not_checked_out() {
    let work = Work::simulated();
    work.set("Prompt", "other");
    let refused = work.tree().checkout(&handle("support"), &handle("tone"));
    assert!(matches!(refused, Err(WorktreeError::CaseClash(..))), "{refused:?}");
    assert_eq!(work.read("agent.json"), None);
}

#[test]
fn a_title_and_fields_put_into_the_agent_file_stay() {
    let work = Work::simulated();
    work.checkout();
    let text = work.read("agent.json").expect("there");
    work.write(
        "agent.json",
        text.replacen('{', "{\n  \"owner\": \"team\",", 1)
            .replace("\"title\": \"support\"", "\"title\": \"Mine\""),
    );
    work.write("prompt.md", "x");
    work.tree().save(&handle("support"), "").expect("saved");
    let kept = work.read("agent.json").expect("there");
    assert!(kept.contains("\"owner\": \"team\"") && kept.contains("\"title\": \"Mine\""), "{kept}");
    work.write("agent.json", "{\n  \"format\": 1,\n}");
    assert_eq!(work.changed(), ["invalid agent.json"]);
    let error = work.tree().save(&handle("support"), "").expect_err("refused");
    assert!(faults(error)[0].starts_with("agents/support/agent.json:3:1: "));
}
