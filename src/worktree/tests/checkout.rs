//! Checking out, and what `status` says of the files.

use serde_json::json;

use crate::agent::DraftSource;
use crate::history::Spec;
use crate::worktree::{AgentFile, Worktree, WorktreeError};

use super::harness::{Work, handle, on_both};

#[test]
fn blocks_become_files_exactly_and_a_second_checkout_writes_nothing() {
    on_both(|work| {
        let done = work.checkout();
        assert_eq!(done.written, ["prompt.md", "voice.json"]);
        assert_eq!(work.read("prompt.md").as_deref(), Some("Be kind.\r\nüber"));
        assert_eq!(work.read("voice.json").as_deref(), Some("{\n  \"id\": \"nyah\",\n  \"speed\": 1\n}\n"));
        let file = AgentFile::parse(work.read("agent.json").expect("there").as_bytes(), "agent.json");
        let file = file.expect("an agent file");
        assert_eq!((file.agent, file.draft), (handle("support"), Some(handle("tone"))));
        assert_eq!(
            (file.profile.as_str(), file.draft_revision, file.base_number),
            ("generic", Some(1), Some(1))
        );
        assert_eq!(file.base, work.agents.active(&handle("support")).expect("read"));
        assert_eq!(work.changed(), [""; 0]);
        let again = work.checkout();
        assert!(again.written.is_empty() && again.removed.is_empty() && again.kept.is_empty());
    });
}

#[test]
fn every_change_of_a_file_has_its_word() {
    on_both(|work| {
        work.checkout();
        work.write("prompt.md", "Be very kind.");
        work.disk().remove_file(&work.path("voice.json")).expect("removed");
        work.write("model.json", "{\"name\": \"x\"}");
        work.write("tools.json", "{\n  oops\n}");
        work.write("notes.txt", "mine");
        work.write(".prompt.md.swp", "");
        let expected = [
            "untracked .prompt.md.swp",
            "added model.json",
            "untracked notes.txt",
            "modified prompt.md",
            "invalid tools.json",
            "deleted voice.json",
        ];
        assert_eq!(work.changed(), expected);
        let status = work.status().expect("a status");
        let fault = status.files[4].fault.as_ref().expect("a fault");
        assert_eq!((fault.file.as_str(), fault.at), ("agents/support/tools.json", Some((2, 3))));
    });
}

#[test]
fn a_file_written_in_another_style_says_the_same() {
    let work = Work::simulated();
    work.checkout();
    work.write("voice.json", "{\"speed\":1.0,\n\n\"id\":\"nyah\"}");
    assert_eq!(work.changed(), [""; 0]);
}

#[test]
fn unchanged_files_are_not_read_again() {
    let work = Work::simulated();
    work.checkout();
    assert_eq!(work.reads(|| work.status()), 0);
    // Written again with the same content: looked at once, then known.
    work.write("prompt.md", "Be kind.\r\nüber");
    assert_eq!(work.reads(|| work.status()), 1);
    assert_eq!(work.reads(|| work.status()), 0);
    work.write("prompt.md", "Be kind!\r\nüber");
    assert_eq!(work.changed(), ["modified prompt.md"], "the same length");
    // What is edited is read each time, the rest is not.
    assert_eq!(work.reads(|| work.status()), 1);
    work.tree().save(&handle("support"), "").expect("saved");
    assert_eq!(work.reads(|| work.status()), 0);
}

#[test]
fn a_lost_index_is_made_up_from_the_agent_file() {
    on_both(|work| {
        work.checkout();
        work.write("prompt.md", "Be very kind.");
        work.disk().remove_file(&work.root.join(".recto/worktree/support.json")).expect("removed");
        assert_eq!(work.changed(), ["modified prompt.md"]);
        work.tree().save(&handle("support"), "").expect("saved");
        assert_eq!(work.draft()["prompt"], "Be very kind.");
    });
}

#[test]
fn no_unsaved_edit_is_overwritten() {
    on_both(|work| {
        let other = handle("other");
        work.agents.new_draft(&handle("support"), &other, &DraftSource::Default).expect("forked");
        work.checkout();
        work.write("prompt.md", "mine");
        work.write("fresh.json", "{\"a\": 1}");
        let refused = work.tree().checkout(&handle("support"), &other);
        let Err(WorktreeError::Unsaved { files, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(files, ["agents/support/fresh.json", "agents/support/prompt.md"]);
        assert_eq!(work.read("prompt.md").as_deref(), Some("mine"));
        assert_eq!(work.status().expect("a status").draft, handle("tone"), "nothing was switched");
        // The same draft may be checked out again: edits stay, what is missing comes back.
        work.write("broken.json", "{");
        let again = work.checkout();
        assert_eq!(again.kept, ["broken.json", "fresh.json", "prompt.md"]);
        assert_eq!(work.read("prompt.md").as_deref(), Some("mine"));
    });
}

#[test]
fn files_that_were_there_before_are_somebodys() {
    on_both(|work| {
        work.disk().create_dir_all(&work.path("")).expect("created");
        work.write("voice.json", "{\"id\": \"nyah\", \"speed\": 1}");
        work.write("prompt.md", "not from here");
        let refused = work.tree().checkout(&handle("support"), &handle("tone"));
        let Err(WorktreeError::Unsaved { files, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(files, ["agents/support/prompt.md"]);
        assert_eq!(work.read("prompt.md").as_deref(), Some("not from here"));
        assert_eq!(work.read("agent.json"), None);
        work.disk().remove_file(&work.path("prompt.md")).expect("removed");
        assert_eq!(work.checkout().written, ["prompt.md"]);
    });
}

#[test]
fn a_block_that_the_draft_dropped_takes_its_file_along() {
    on_both(|work| {
        work.checkout();
        let unset = crate::agent::Edit::Unset("voice".parse().expect("a path"));
        work.agents.edit(&handle("support"), &handle("tone"), None, &[unset], "").expect("edited");
        assert_eq!(work.checkout().removed, ["voice.json"]);
        assert_eq!(work.read("voice.json"), None);
        assert_eq!(work.changed(), [""; 0]);
    });
}

#[test]
fn found_from_any_directory_below_and_beside_a_store_elsewhere() {
    on_both(|work| {
        work.checkout();
        let below = work.root.join("agents/support");
        let tree = Worktree::find(&work.agents, &below).expect("found");
        assert_eq!(tree.root(), work.root);
        assert_eq!(tree.agent_at(&below), Some(handle("support")));
        assert_eq!(tree.agent_at(&work.root), None);
        assert_eq!(tree.checked_out().expect("listed"), [handle("support")]);

        let other = work.other("elsewhere");
        other.checkout(&handle("support"), &handle("tone")).expect("checked out");
        let below = other.root().join("agents/support");
        assert_eq!(Worktree::find(&work.agents, &below).expect("found").root(), other.root());
    });
}

#[test]
fn the_draft_that_is_meant() {
    let work = Work::simulated();
    let choose = |text: &str| {
        let spec: Spec = text.parse().expect("a spec");
        work.tree().choose_draft(&spec).map(|(_, draft, made)| (draft.name.to_string(), made))
    };
    assert_eq!(choose("support").expect("the only one"), ("tone".to_owned(), false));
    let refused = choose("support@V1").expect_err("a version");
    assert!(matches!(refused, WorktreeError::NotADraft { .. }), "{refused}");
    work.agents.new_draft(&handle("support"), &handle("other"), &DraftSource::Default).expect("forked");
    assert!(matches!(choose("support"), Err(WorktreeError::WhichDraft { .. })));
    work.checkout();
    assert_eq!(choose("support").expect("the one here"), ("tone".to_owned(), false));
    work.create("sales", "generic", json!({"prompt": "Sell."}));
    assert_eq!(choose("sales").expect("a new one"), ("work".to_owned(), true));
}
