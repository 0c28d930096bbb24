//! Checking out, and what `status` says of the files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::agent::DraftSource;
use crate::disk::{Disk, FileKind, TEMPORARY_PREFIX};
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

/// What somebody makes of a file during a checkout.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Made {
    File,
    Link,
    Directory,
}

impl Made {
    fn put(self, disk: &dyn Disk, path: &Path) {
        if self != Self::File && disk.stat(path).expect("a stat").is_some() {
            disk.remove_file(path).expect("removed");
        }
        match self {
            Self::File => disk.write_atomic(path, b"mine").expect("written"),
            Self::Link => disk.symlink(Path::new("elsewhere"), path).expect("linked"),
            Self::Directory => disk.create_dir_all(path).expect("created"),
        }
    }

    fn is_at(self, work: &Work) -> bool {
        let kind = work.disk().stat(&work.path("prompt.md")).expect("a stat").map(|stat| stat.kind);
        match self {
            Self::File => work.read("prompt.md").as_deref() == Some("mine"),
            Self::Link => kind == Some(FileKind::Symlink),
            Self::Directory => kind == Some(FileKind::Dir),
        }
    }
}

fn fresh(exchange: bool) -> Work {
    let sim = Arc::new(crate::disk::SimDisk::new(1));
    sim.create_dir_all(Path::new("/work")).expect("created");
    sim.no_exchange(!exchange);
    let work = Work::on(sim, "/work".into(), None);
    work.checkout();
    work
}

fn names(work: &Work) -> Vec<String> {
    let names = work.disk().list(&work.path("")).expect("listed");
    names.into_iter().map(|(name, _)| name).collect()
}

/// Edits a file before each call of a checkout, in turn: the edit is never lost, and never taken for what
/// was checked out.
fn edited_meanwhile(exchange: bool, made: Made, change: impl Fn(&Work)) {
    let (mut refused, mut lost) = (0, 0);
    for call in 0.. {
        let work = fresh(exchange);
        change(&work);
        let path = work.path("prompt.md");
        let edit = move |disk: &dyn Disk| made.put(disk, &path);
        let checkout = || work.tree().checkout(&handle("support"), &handle("tone"));
        let (done, meddled) = work.meddled(call, 1, edit, checkout);
        if !meddled {
            assert!(done.is_ok() && call > 10, "{done:?}");
            break;
        }
        if !made.is_at(&work) {
            // Between the last look and the rename, where files cannot change places: docs/limits.md.
            lost += 1;
            assert!(!exchange && lost == 1 && done.is_ok(), "{made:?} before call {call}, {done:?}");
            continue;
        }
        refused += u32::from(matches!(&done, Err(WorktreeError::Edited { .. })));
        let voice = work.read("voice.json").is_some();
        let wanted = &["agent.json", "prompt.md", "voice.json"][..2 + usize::from(voice)];
        let mut left = names(&work);
        if !exchange && made == Made::Directory && matches!(&done, Err(WorktreeError::Disk(_))) {
            // Nothing but the draft's block, which a directory does not give way to.
            left.retain(|name| !name.starts_with(TEMPORARY_PREFIX));
        }
        assert_eq!(left, wanted, "nothing is left, {made:?} before call {call}, {done:?}");
        if matches!(done, Ok(_) | Err(WorktreeError::Edited { .. })) {
            // As it was hinted: what is edited shows, and what was not written yet comes with the next.
            let changed = work.changed();
            let shows = changed.iter().any(|file| file.ends_with(" prompt.md"));
            assert!(shows, "{made:?} before call {call}, {done:?}: {changed:?}");
        }
    }
    assert!(refused > 0, "no checkout met the edit");
}

#[test]
fn an_edit_while_a_file_is_replaced_stays_and_stops_the_checkout() {
    for exchange in [true, false] {
        for made in [Made::File, Made::Link, Made::Directory] {
            edited_meanwhile(exchange, made, |work| {
                work.set("prompt", "theirs");
                work.set("voice.speed", "2");
            });
        }
    }
}

#[test]
fn an_edit_while_a_file_is_removed_stays_and_stops_the_checkout() {
    for made in [Made::File, Made::Link, Made::Directory] {
        edited_meanwhile(true, made, |work| {
            let unset = crate::agent::Edit::Unset("prompt".parse().expect("a path"));
            work.agents.edit(&handle("support"), &handle("tone"), None, &[unset], "").expect("edited");
        });
    }
}

#[test]
fn an_edit_whose_place_another_one_took_lies_beside_it_under_a_free_name() {
    let mut named = 0;
    for call in 0.. {
        let work = fresh(true);
        work.write("prompt.md.edited", "of long ago");
        work.set("prompt", "theirs");
        let (path, edits) = (work.path("prompt.md"), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&edits);
        let edit = move |disk: &dyn Disk| {
            let text = format!("mine {}", count.fetch_add(1, Ordering::SeqCst) + 1);
            disk.write_atomic(&path, text.as_bytes()).expect("written");
        };
        let checkout = || work.tree().checkout(&handle("support"), &handle("tone"));
        let (done, _) = work.meddled(call, 3, edit, checkout);
        let edits = edits.load(Ordering::SeqCst);
        if edits == 0 {
            break;
        }
        assert_eq!(work.read("prompt.md.edited").as_deref(), Some("of long ago"), "before call {call}");
        let last = Some(format!("mine {edits}"));
        let stays = [work.read("prompt.md"), work.read("prompt.md.edited.2")].contains(&last);
        assert!(stays, "{last:?} is lost, before call {call}, {done:?}");
        if let Err(error @ WorktreeError::Edited { beside: Some(beside), .. }) = &done {
            assert_eq!(beside, "agents/support/prompt.md.edited.2");
            assert!(error.to_string().ends_with("another one is in 'agents/support/prompt.md.edited.2'"));
            let kept = work.read("prompt.md.edited.2").expect("kept");
            assert!(kept.starts_with("mine "), "{kept}");
            named += 1;
        } else {
            assert_eq!(work.read("prompt.md.edited.2"), None, "before call {call}, {done:?}");
        }
    }
    assert!(named > 0, "no edit lost its place");
}

#[test]
fn what_an_interrupted_checkout_held_is_put_beside_its_file() {
    on_both(|work| {
        work.checkout();
        work.set("prompt", "theirs");
        let aside = format!("{TEMPORARY_PREFIX}checkout-prompt.md");
        let checkout = || work.tree().checkout(&handle("support"), &handle("tone"));
        for (count, beside) in ["prompt.md.edited", "prompt.md.edited.2"].into_iter().enumerate() {
            let mine = format!("mine {count}");
            work.write(&aside, &mine);
            let error = checkout().expect_err("an edit");
            let WorktreeError::Interrupted { files, .. } = &error else { panic!("{error}") };
            assert_eq!(files, &[format!("agents/support/{beside}")]);
            assert_eq!(work.read(beside), Some(mine), "{error}");
            assert_eq!(work.read(&aside), None);
        }
        assert_eq!(work.read("prompt.md").as_deref(), Some("Be kind.\r\n\u{fc}ber"), "not replaced yet");
        work.disk().create_dir_all(&work.path(&aside)).expect("created");
        assert!(matches!(checkout(), Err(WorktreeError::Interrupted { .. })));
        assert!(names(work).contains(&"prompt.md.edited.3".to_owned()));
        // What was checked out, and what was to be, is in the store.
        for known in ["Be kind.\r\n\u{fc}ber", "theirs"] {
            work.write(&aside, known);
            checkout().expect("checked out");
            assert_eq!(work.read("prompt.md").as_deref(), Some("theirs"));
            assert_eq!((work.read(&aside), names(work).len()), (None, 6), "{:?}", names(work));
            work.set("prompt", "Be kind.\r\n\u{fc}ber");
            checkout().expect("checked out");
            work.set("prompt", "theirs");
        }
    });
}

#[test]
fn an_edit_while_edits_are_discarded_is_not_taken_for_what_was_put_back() {
    for call in 0.. {
        let work = fresh(true);
        work.write("prompt.md", "dropped");
        let path = work.path("prompt.md");
        let edit = move |disk: &dyn Disk| Made::File.put(disk, &path);
        let (done, meddled) = work
            .meddled(call, 1, edit, || work.tree().discard(&handle("support"), &["prompt.md".to_owned()]));
        if !meddled {
            assert!(done.is_ok() && call > 5, "{done:?}");
            break;
        }
        if Made::File.is_at(&work) {
            assert_eq!(work.changed(), ["modified prompt.md"], "before call {call}, {done:?}");
        }
    }
}
