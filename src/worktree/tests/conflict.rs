//! Two people, one draft; and other programs that change the files.

use crate::agent::{DraftSource, PublishOptions};
use crate::error::{Classify, Kind};
use crate::worktree::{Conflict, MovedDraft, WorktreeError};

use super::harness::{handle, on_both};

#[test]
fn two_checkouts_of_one_draft_conflict_on_save() {
    on_both(|work| {
        let (agent, tone) = (handle("support"), handle("tone"));
        let theirs = work.other("bob");
        work.checkout();
        theirs.checkout(&agent, &tone).expect("checked out");
        work.write("prompt.md", "mine");
        let path = theirs.root().join("agents/support/voice.json");
        work.disk().write_atomic(&path, b"{\"id\": \"emily\", \"speed\": 1}").expect("written");
        theirs.save(&agent, "theirs").expect("the first one saves");

        let status = work.status().expect("a status");
        let Some(MovedDraft::To { revision, files, .. }) = status.moved else { panic!("{status:?}") };
        assert_eq!((revision, files), (2, vec!["voice.json".to_owned()]));
        let error = work.tree().save(&agent, "mine").expect_err("a conflict");
        assert_eq!(error.kind(), Kind::Conflict);
        let WorktreeError::Moved(conflict) = &error else { panic!("{error}") };
        let Conflict { mine, theirs, expected, actual, .. } = conflict.as_ref();
        assert_eq!((*expected, *actual), (1, 2));
        assert_eq!(
            (mine.as_slice(), theirs.as_slice()),
            (&["prompt.md".to_owned()][..], &["voice.json".to_owned()][..])
        );
        assert_eq!(work.draft()["voice"]["id"], "emily", "nothing was saved over it");

        // Nobody edited the same file: checking out again takes theirs over and keeps mine.
        let again = work.checkout();
        assert_eq!(
            (again.written, again.kept),
            (vec!["voice.json".to_owned()], vec!["prompt.md".to_owned()])
        );
        work.tree().save(&agent, "mine").expect("saved");
        assert_eq!(
            (work.draft()["prompt"].as_str(), work.draft()["voice"]["id"].as_str()),
            (Some("mine"), Some("emily"))
        );
    });
}

#[test]
fn where_both_edited_a_file_neither_is_lost() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        work.write("prompt.md", "mine");
        work.set("prompt", "theirs");
        let refused = work.tree().checkout(&agent, &handle("tone"));
        let Err(WorktreeError::Unsaved { files, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(files, ["agents/support/prompt.md"]);
        // The way that the hint of the conflict shows.
        let hint = work.tree().save(&agent, "").expect_err("a conflict").hint().expect("a hint");
        assert!(hint.contains("--discard prompt.md") && hint.contains("--undo-discard"), "{hint}");
        work.tree().discard(&agent, &["prompt.md".to_owned()]).expect("discarded");
        work.checkout();
        assert_eq!(work.read("prompt.md").as_deref(), Some("theirs"));
        work.tree().undo_discard(&agent).expect("brought back");
        work.tree().save(&agent, "").expect("saved");
        assert_eq!(work.draft()["prompt"], "mine");
    });
}

#[test]
fn both_made_the_same_edit() {
    on_both(|work| {
        work.checkout();
        work.write("prompt.md", "the same");
        work.set("prompt", "the same");
        assert!(work.tree().save(&handle("support"), "").is_err());
        let again = work.checkout();
        assert!(again.written.is_empty() && again.kept.is_empty());
        assert_eq!(work.changed(), [""; 0]);
    });
}

#[test]
fn edits_go_on_from_a_draft_that_was_published() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        work.write("prompt.md", "more");
        work.set("voice.speed", "2");
        work.agents.publish(&agent, &handle("tone"), &PublishOptions::default()).expect("published");
        let error = work.tree().save(&agent, "").expect_err("the draft is gone");
        assert!(matches!(error, WorktreeError::DraftGone { .. }), "{error}");
        // A draft of the same name is another draft.
        let from = DraftSource::Revision(crate::history::Revision::Latest);
        work.agents.new_draft(&agent, &handle("tone"), &from).expect("forked");
        assert!(matches!(work.tree().save(&agent, ""), Err(WorktreeError::DraftGone { .. })));
        let again = work.checkout();
        assert_eq!(
            (again.written, again.kept),
            (vec!["voice.json".to_owned()], vec!["prompt.md".to_owned()])
        );
        work.tree().save(&agent, "").expect("saved");
        assert_eq!(work.draft()["prompt"], "more");
        assert_eq!(work.draft()["voice"]["speed"], 2);
    });
}

#[test]
fn a_renamed_draft_is_the_same_draft() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        work.write("prompt.md", "x");
        work.agents.rename_draft(&agent, &handle("tone"), &handle("warm")).expect("renamed");
        let saved = work.tree().save(&agent, "").expect("saved");
        assert_eq!(saved.draft.name, handle("warm"));
    });
}

#[test]
fn files_that_another_program_put_back_are_not_saved() {
    on_both(|work| {
        let agent = handle("support");
        work.checkout();
        let (file, prompt) =
            (work.read("agent.json").expect("there"), work.read("prompt.md").expect("there"));
        work.write("prompt.md", "new");
        work.tree().save(&agent, "").expect("saved");
        // As `git checkout` of an earlier commit does.
        work.write("agent.json", &file);
        work.write("prompt.md", &prompt);
        assert_eq!(work.status().expect("a status").switched, Some(("tone".to_owned(), 1)));
        let error = work.tree().save(&agent, "").expect_err("refused");
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        assert_eq!(work.draft()["prompt"], "new");
        work.tree().discard(&agent, &[]).expect("discarded");
        assert_eq!((work.changed(), work.status().expect("a status").switched), (Vec::new(), None));
    });
}

#[test]
fn files_of_another_agent_are_refused() {
    on_both(|work| {
        work.checkout();
        work.create("sales", "generic", super::harness::support());
        let dir = work.root.join("agents/sales");
        work.disk().create_dir_all(&dir).expect("created");
        let file = work.read("agent.json").expect("there");
        work.disk().write_atomic(&dir.join("agent.json"), file.as_bytes()).expect("written");
        let refused = work.tree().status(&handle("sales"));
        assert!(matches!(refused, Err(WorktreeError::Foreign { .. })), "{refused:?}");
    });
}
