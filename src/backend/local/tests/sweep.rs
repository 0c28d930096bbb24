//! What is removed as left by the dead, and what is somebody's who is at work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::backend::script::{STORE, block, commit, handle, moving, problems, renaming};
use crate::backend::{Backend, BackendError};
use crate::disk::{DiskError, RealDisk, SharedDisk};

use super::LocalBackend;
use super::between::Between;
use crate::backend::local::journal::Op;
use crate::backend::local::loose;

fn store(root: &Path) -> LocalBackend {
    LocalBackend::create(Arc::new(RealDisk::new()), root, STORE).expect("a new store")
}

fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("written");
}

/// Runs `look` on a store with agent `b`, to whose lock somebody comes just after it was renamed to `a`.
fn renamed_before_its_lock(look: impl Fn(&LocalBackend)) -> PathBuf {
    let dir = tempfile::tempdir().expect("a directory").keep();
    let root = dir.join("s");
    let writer = store(&root);
    commit(&writer, &moving(&writer, "b", &[("ACTIVE", Some("1"))]));
    let renamed = AtomicBool::new(false);
    let begun = Arc::new(AtomicBool::new(false));
    let (armed, temporary) = (Arc::clone(&begun), root.join("agents/a/.recto-tmp-live"));
    let before = move |call: &'static str, path: &Path| {
        let waits = call == "lock" && path.ends_with("locks/b.lock") && armed.load(Ordering::SeqCst);
        if waits && !renamed.swap(true, Ordering::SeqCst) {
            commit(&writer, &renaming(&writer, "b", "a"));
            write(&temporary, b"of a writer that holds the lock of 'a'");
        }
        Ok(())
    };
    let disk: SharedDisk = Arc::new(Between::new(Arc::new(RealDisk::new()), before));
    let other = LocalBackend::open(disk, &root).expect("a store");
    assert_eq!(other.agents(None, 9).expect("listed"), [handle("b")]);
    begun.store(true, Ordering::SeqCst);
    look(&other);
    dir
}

#[test]
fn an_agent_is_not_swept_through_the_link_that_its_rename_left() {
    let dir = renamed_before_its_lock(|other| assert_eq!(other.sweep().expect("swept"), 0));
    assert!(dir.join("s/agents/a/.recto-tmp-live").exists(), "its writer is about to rename it");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn an_agent_that_is_renamed_meanwhile_is_audited_under_its_new_handle() {
    let dir = renamed_before_its_lock(|other| {
        let mut found = Vec::new();
        other.audit(&mut |fault| found.push(fault.subject)).expect("audited");
        assert_eq!(found, ["agents/a"], "the note of a temporary file");
    });
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn what_all_objects_begin_with_is_not_taken_for_one_of_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let backend = store(&dir.path().join("s"));
    let object = block(&"a long prompt. ".repeat(20));
    let (id, file) = (object.id(), loose::encode(&object));
    let fan = backend.layout.fan_out(&id);
    std::fs::create_dir_all(&fan).expect("created");
    let left = |len: usize| fan.join(format!(".recto-tmp-{len}"));
    let lengths = [0, 1, 16, 17, file.len()];
    for len in lengths {
        write(&left(len), &file[..len]);
    }
    backend.sweep_objects(&[Op::Object { id, file }]).expect("swept");
    assert_eq!(lengths.map(|len| left(len).exists()), [true, true, true, false, false]);
}

/// A disk on which the temporary file of an object is gone, `times` times, when it is to be renamed.
fn sweeping(times: u64) -> SharedDisk {
    let met = AtomicU64::new(0);
    let before = move |call: &'static str, path: &Path| {
        let of_object = path.components().any(|part| part.as_os_str() == "objects");
        if call == "write_atomic" && of_object && met.fetch_add(1, Ordering::SeqCst) < times {
            return Err(DiskError::new("write", path, std::io::ErrorKind::NotFound.into()));
        }
        Ok(())
    };
    Arc::new(Between::new(Arc::new(RealDisk::new()), before))
}

#[test]
fn an_object_whose_temporary_file_was_swept_is_written_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    store(&root);
    let object = block("hello");
    let staged = LocalBackend::open(sweeping(3), &root).expect("a store");
    staged.stage(std::slice::from_ref(&object)).expect("written at the fourth try");
    assert_eq!(staged.object(&object.id()).expect("readable"), Some(object.clone()));
    let never = LocalBackend::open(sweeping(u64::MAX), &root).expect("a store");
    let refused = never.stage(&[block("other")]);
    assert!(matches!(refused, Err(BackendError::Disk { .. })), "{refused:?}");
    write(&root.join("sync.failed"), b"a flush of this store failed\n");
    let recovering = LocalBackend::open(sweeping(1), &root).expect("a store");
    assert!(recovering.recover_store().expect("recovered"));
    assert_eq!(problems(&recovering), Vec::<String>::new());
}
