//! Dropping edits, and getting them back.

use crate::worktree::WorktreeError;

use super::harness::{Work, handle, on_both};

#[test]
fn dropped_edits_come_back_byte_for_byte() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        work.write("prompt.md", b"half \xff broken");
        work.write("model.json", "{ not json");
        work.disk().remove_file(&work.path("voice.json")).expect("removed");
        work.write("notes.txt", "mine");
        let dropped = work.tree().discard(&agent, &[]).expect("discarded");
        assert_eq!(dropped.files, ["model.json", "prompt.md", "voice.json"]);
        assert_eq!(work.changed(), ["untracked notes.txt"]);
        assert_eq!(work.read("prompt.md").as_deref(), Some("Be kind.\r\nüber"));
        work.tree().undo_discard(&agent).expect("brought back");
        assert_eq!(work.disk().read(&work.path("prompt.md"), 99).expect("read"), b"half \xff broken");
        assert_eq!(
            work.changed(),
            ["invalid model.json", "untracked notes.txt", "invalid prompt.md", "deleted voice.json"]
        );
        let none = work.tree().undo_discard(&agent);
        assert!(matches!(none, Err(WorktreeError::NothingDiscarded(_))), "{none:?}");
    });
}

#[test]
fn one_file_can_be_dropped_and_the_last_drop_comes_back_first() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        work.write("prompt.md", "one");
        work.write("voice.json", "{}");
        work.tree().discard(&agent, &["prompt.md".to_owned()]).expect("discarded");
        assert_eq!(work.changed(), ["modified voice.json"]);
        work.write("prompt.md", "two");
        work.tree().discard(&agent, &["prompt.md".to_owned()]).expect("discarded");
        work.write("prompt.md", "three");
        let refused = work.tree().undo_discard(&agent);
        assert!(matches!(refused, Err(WorktreeError::Unsaved { .. })), "{refused:?}");
        assert_eq!(work.read("prompt.md").as_deref(), Some("three"));
        work.write("prompt.md", "Be kind.\r\nüber");
        work.tree().undo_discard(&agent).expect("brought back");
        assert_eq!(work.read("prompt.md").as_deref(), Some("two"));
    });
}

#[test]
fn what_is_not_recto_s_is_not_dropped() {
    let work = Work::simulated();
    let agent = handle("support");
    work.checkout();
    work.write("notes.txt", "mine");
    for file in ["notes.txt", "../../x", "nothing.md"] {
        let refused = work.tree().discard(&agent, &[file.to_owned()]);
        assert!(matches!(refused, Err(WorktreeError::BadFile { .. })), "{file}: {refused:?}");
    }
    assert_eq!(work.read("notes.txt").as_deref(), Some("mine"));
    let none = work.tree().discard(&agent, &["prompt.md".to_owned()]).expect("nothing to do");
    assert!(none.files.is_empty() && none.kept.is_none());
}

#[test]
fn a_broken_agent_file_can_be_dropped() {
    on_both(|work| {
        work.checkout();
        work.write("agent.json", "{");
        assert!(matches!(
            work.tree().checkout(&handle("support"), &handle("tone")),
            Err(WorktreeError::Unsaved { .. })
        ));
        let dropped = work.tree().discard(&handle("support"), &[]).expect("discarded");
        assert_eq!(dropped.files, ["agent.json"]);
        assert!(work.read("agent.json").expect("there").contains("\"draft\": \"tone\""));
    });
}
