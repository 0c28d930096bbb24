//! Links, directories and permissions where files should be: nothing is followed, nothing is lost.

use std::path::Path;

use crate::disk::Disk;
use crate::worktree::{WorktreeError, agent_dirs, read_agent};

use super::harness::{Work, handle, on_both};

/// A directory beside the working directory, with a file that nobody may touch.
fn outside(work: &Work) -> std::path::PathBuf {
    let dir = work.root.join("outside");
    work.disk().create_dir_all(&dir).expect("created");
    work.disk().write_atomic(&dir.join("prompt.md"), b"secret").expect("written");
    dir
}

fn untouched(work: &Work, dir: &Path) {
    let files = work.disk().list(dir).expect("listed");
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(work.disk().read(&dir.join("prompt.md"), 99).expect("read"), b"secret");
}

fn everything_is_refused(work: &Work) {
    let (agent, tree) = (handle("support"), work.tree());
    let refused = |result: Result<(), WorktreeError>| {
        assert!(matches!(result, Err(WorktreeError::Symlink { .. })), "{result:?}");
    };
    refused(tree.checkout(&agent, &handle("tone")).map(drop));
    refused(tree.status(&agent).map(drop));
    refused(tree.save(&agent, "").map(drop));
    refused(tree.discard(&agent, &[]).map(drop));
}

#[test]
fn an_agent_directory_that_is_a_link_is_refused() {
    on_both(|work| {
        let outside = outside(work);
        work.disk().create_dir_all(&work.root.join("agents")).expect("created");
        work.disk().symlink(&outside, &work.root.join("agents/support")).expect("linked");
        everything_is_refused(work);
        untouched(work, &outside);
    });
}

#[test]
fn a_linked_directory_above_is_refused() {
    on_both(|work| {
        work.checkout();
        let moved = work.root.join("moved");
        work.disk().rename(&work.root.join("agents"), &moved).expect("moved");
        work.disk().symlink(&moved, &work.root.join("agents")).expect("linked");
        everything_is_refused(work);
        let refused = work.tree().checked_out();
        assert!(matches!(refused, Err(WorktreeError::Symlink { .. })), "{refused:?}");
    });
}

#[test]
fn a_file_that_is_a_link_is_neither_read_nor_written_nor_removed() {
    on_both(|work| {
        let outside = outside(work);
        let agent = handle("support");
        work.checkout();
        let prompt = work.path("prompt.md");
        work.disk().remove_file(&prompt).expect("removed");
        work.disk().symlink(&outside.join("prompt.md"), &prompt).expect("linked");
        assert_eq!(work.changed(), ["invalid prompt.md"]);
        let error = work.tree().save(&agent, "").expect_err("refused");
        let WorktreeError::Invalid { faults, .. } = error else { panic!("{error}") };
        assert!(faults[0].message.contains("symbolic link"), "{faults:?}");
        assert!(matches!(work.tree().discard(&agent, &[]), Err(WorktreeError::Symlink { .. })));
        work.set("prompt", "new");
        let refused = work.tree().checkout(&agent, &handle("tone"));
        assert!(matches!(refused, Err(WorktreeError::Unsaved { .. })), "{refused:?}");
        assert!(work.disk().read_link(&prompt).is_ok(), "the link is still there");
        untouched(work, &outside);
        assert_eq!(work.draft()["prompt"], "new");
    });
}

#[test]
fn a_link_in_place_of_a_file_that_is_still_to_come_is_refused() {
    on_both(|work| {
        let outside = outside(work);
        work.disk().create_dir_all(&work.path("")).expect("created");
        work.disk().symlink(&outside.join("prompt.md"), &work.path("prompt.md")).expect("linked");
        let refused = work.tree().checkout(&handle("support"), &handle("tone"));
        assert!(matches!(refused, Err(WorktreeError::Unsaved { .. })), "{refused:?}");
        work.disk().remove_file(&work.path("prompt.md")).expect("removed");
        work.disk().symlink(&outside.join("none"), &work.path("agent.json")).expect("linked");
        let refused = work.tree().checkout(&handle("support"), &handle("tone"));
        assert!(matches!(refused, Err(WorktreeError::Symlink { .. })), "{refused:?}");
        untouched(work, &outside);
    });
}

#[test]
fn links_are_refused_where_files_are_applied() {
    on_both(|work| {
        let outside = outside(work);
        work.checkout();
        work.disk().remove_file(&work.path("prompt.md")).expect("removed");
        work.disk().symlink(&outside.join("prompt.md"), &work.path("prompt.md")).expect("linked");
        let dirs = agent_dirs(work.disk(), &work.root).expect("found");
        let found = read_agent(&work.agents, &work.root, &dirs[0]).expect("read");
        assert!(found.is_err_and(|faults| faults[0].message.contains("symbolic link")));
        work.disk().rename(&work.path(""), &work.root.join("moved")).expect("moved");
        work.disk().symlink(&work.root.join("moved"), &work.root.join("agents/support")).expect("linked");
        let refused = agent_dirs(work.disk(), &work.root);
        assert!(matches!(refused, Err(WorktreeError::Symlink { .. })), "{refused:?}");
    });
}

#[test]
fn a_directory_in_place_of_a_file_is_named() {
    on_both(|work| {
        work.checkout();
        work.disk().remove_file(&work.path("prompt.md")).expect("removed");
        work.disk().create_dir_all(&work.path("prompt.md")).expect("created");
        work.disk().create_dir_all(&work.path("node_modules/x")).expect("created");
        assert_eq!(work.changed(), ["untracked node_modules", "invalid prompt.md"]);
        let error = work.tree().save(&handle("support"), "").expect_err("refused");
        let WorktreeError::Invalid { faults, .. } = error else { panic!("{error}") };
        assert_eq!(faults[0].to_string(), "agents/support/prompt.md: is not a regular file");
    });
}

#[test]
fn files_in_the_place_of_directories_are_refused() {
    on_both(|work| {
        work.disk().write_atomic(&work.root.join("agents"), b"x").expect("written");
        let refused = work.tree().checkout(&handle("support"), &handle("tone"));
        assert!(matches!(refused, Err(WorktreeError::NotADirectory { .. })), "{refused:?}");
    });
}

#[test]
fn a_disk_that_cannot_be_written_still_shows_the_status() {
    let sim = std::sync::Arc::new(crate::disk::SimDisk::new(3));
    sim.create_dir_all(Path::new("/work")).expect("created");
    let work = Work::on(sim.clone(), "/work".into(), None);
    work.checkout();
    work.write("prompt.md", "x");
    sim.read_only(true);
    assert_eq!(work.changed(), ["modified prompt.md"]);
    for refused in [
        work.tree().save(&handle("support"), "").map(drop),
        work.tree().discard(&handle("support"), &[]).map(drop),
        work.tree().checkout(&handle("support"), &handle("tone")).map(drop),
    ] {
        assert!(matches!(refused, Err(WorktreeError::Disk(_))), "{refused:?}");
    }
    sim.read_only(false);
    assert_eq!(work.read("prompt.md").as_deref(), Some("x"));
    assert_eq!(work.draft(), super::harness::support());
}

#[test]
fn a_checkout_that_dies_at_any_step_loses_no_edit_and_can_be_repeated() {
    for step in 1.. {
        let sim = std::sync::Arc::new(crate::disk::SimDisk::new(5));
        sim.create_dir_all(Path::new("/work")).expect("created");
        let work = Work::on(sim.clone(), "/work".into(), None);
        work.checkout();
        work.write("prompt.md", "mine");
        work.set("voice.speed", "2");
        sim.stop_at(sim.steps() + step);
        let done = work.tree().checkout(&handle("support"), &handle("tone"));
        if done.is_ok() {
            assert!(step > 5, "the checkout has steps");
            return;
        }
        let after = std::sync::Arc::new(sim.process_death());
        let again = Work::reopened(after, "/work".into());
        again.checkout();
        assert_eq!(again.read("prompt.md").as_deref(), Some("mine"), "step {step}");
        assert_eq!(again.changed(), ["modified prompt.md"], "step {step}");
        assert!(again.read("voice.json").expect("there").contains("\"speed\": 2"), "step {step}");
    }
}
