//! What every disk does alike: each behaviour runs on the real disk, on the simulated one, and on overlays.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Disk, DiskError, FileKind, OverlayDisk, RealDisk, SharedDisk, SimDisk, TEMPORARY_PREFIX};

type Behaviour = fn(disk: &SharedDisk, root: &Path);

/// Runs a behaviour in an empty directory of every kind of disk.
fn on_every_disk(behaviour: Behaviour) {
    let real: SharedDisk = Arc::new(RealDisk);
    let temporary = tempfile::tempdir().expect("a directory");
    behaviour(&real, temporary.path());

    let sim: SharedDisk = Arc::new(SimDisk::new(1));
    let root = PathBuf::from("/store");
    sim.create_dir_all(&root).expect("created");
    behaviour(&sim, &root);

    let temporary = tempfile::tempdir().expect("a directory");
    let overlay: SharedDisk = Arc::new(OverlayDisk::new(real));
    behaviour(&overlay, temporary.path());
    assert_eq!(std::fs::read_dir(temporary.path()).expect("listed").count(), 0, "an overlay wrote below");

    let overlay: SharedDisk = Arc::new(OverlayDisk::new(overlay));
    let fresh = temporary.path().join("fresh");
    overlay.create_dir_all(&fresh).expect("created");
    behaviour(&overlay, &fresh);
}

fn read(disk: &SharedDisk, path: &Path) -> Vec<u8> {
    disk.read(path, 1 << 20).expect("readable")
}

fn is_not_a_file<T: std::fmt::Debug>(result: &Result<T, DiskError>) -> bool {
    matches!(result, Err(DiskError::NotAFile { .. }))
}

#[test]
fn reads_are_limited_and_short_at_the_end() {
    on_every_disk(|disk, root| {
        let file = root.join("a");
        disk.write_atomic(&file, b"0123456789").expect("written");
        assert_eq!(disk.read(&file, 10).expect("at the limit"), b"0123456789");
        let error = disk.read(&file, 9).expect_err("beyond the limit");
        assert!(matches!(error, DiskError::TooLarge { size_bytes: 10, max_bytes: 9, .. }), "{error}");
        assert_eq!(disk.read_at(&file, 2, 3).expect("inside"), b"234");
        assert_eq!(disk.read_at(&file, 8, 5).expect("over the end"), b"89");
        assert_eq!(disk.read_at(&file, 8, 1 << 40).expect("far over the end"), b"89");
        assert!(disk.read_at(&file, 10, 1).expect("at the end").is_empty());
        assert!(disk.read_at(&file, 1 << 40, 1).expect("beyond the end").is_empty());
        let absent = root.join("absent");
        assert!(disk.read(&absent, 9).expect_err("absent").is_not_found());
        assert!(disk.read_at(&absent, 0, 9).expect_err("absent").is_not_found());
        assert!(disk.read(&absent.join("x"), 9).expect_err("absent").is_not_found());
    });
}

#[test]
fn atomic_writes_replace_and_leave_no_other_name() {
    on_every_disk(|disk, root| {
        let file = root.join("a");
        disk.write_atomic(&file, b"old and longer").expect("written");
        disk.write_atomic(&file, b"new").expect("replaced");
        assert_eq!(read(disk, &file), b"new");
        disk.write_atomic(&file, b"").expect("emptied");
        assert_eq!(read(disk, &file), b"");
        assert_eq!(disk.list(root).expect("listed"), [("a".to_owned(), FileKind::File)]);
        let orphan = root.join("no-such-dir/a");
        assert!(disk.write_atomic(&orphan, b"x").expect_err("no directory").is_not_found());
        let dir = root.join("dir");
        disk.create_dir_all(&dir).expect("created");
        assert_eq!(
            disk.write_atomic(&dir, b"x").expect_err("a directory").io_kind(),
            ErrorKind::IsADirectory
        );
        let names = disk.list(root).expect("listed");
        assert!(names.iter().all(|(name, _)| !name.starts_with(TEMPORARY_PREFIX)), "{names:?}");
    });
}

#[test]
fn writes_at_an_offset_extend_with_zeros() {
    on_every_disk(|disk, root| {
        let file = root.join("journal");
        disk.write_at(&file, 3, b"abc").expect("created");
        assert_eq!(read(disk, &file), b"\0\0\0abc");
        disk.write_at(&file, 0, b"xyz").expect("overwritten");
        assert_eq!(read(disk, &file), b"xyzabc");
        disk.write_at(&file, 8, b"!").expect("extended");
        assert_eq!(read(disk, &file), b"xyzabc\0\0!");
        disk.write_at(&file, 90, b"").expect("nothing");
        assert_eq!(disk.stat(&file).expect("there").expect("there").len_bytes, 9);
        let orphan = root.join("no-such-dir/a");
        assert!(disk.write_at(&orphan, 0, b"x").expect_err("no directory").is_not_found());
        disk.write_at(&root.join("empty"), 0, b"").expect("created");
        assert_eq!(read(disk, &root.join("empty")), b"");
    });
}

#[test]
fn truncate_cuts_and_extends_but_does_not_create() {
    on_every_disk(|disk, root| {
        let file = root.join("a");
        disk.write_at(&file, 0, b"0123456789").expect("written");
        disk.truncate(&file, 4).expect("cut");
        assert_eq!(read(disk, &file), b"0123");
        disk.truncate(&file, 6).expect("extended");
        assert_eq!(read(disk, &file), b"0123\0\0");
        let absent = root.join("absent");
        assert!(disk.truncate(&absent, 0).expect_err("absent").is_not_found());
        assert_eq!(disk.stat(&absent).expect("looked"), None);
    });
}

#[test]
fn rename_replaces_files_and_moves_directories() {
    on_every_disk(|disk, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        disk.write_atomic(&a, b"from").expect("written");
        disk.write_atomic(&b, b"to").expect("written");
        let before = disk.stat(&a).expect("there").expect("there").inode;
        disk.rename(&a, &b).expect("renamed");
        assert_eq!(read(disk, &b), b"from");
        assert_eq!(disk.stat(&b).expect("there").expect("there").inode, before);
        assert_eq!(disk.stat(&a).expect("looked"), None);
        assert!(disk.rename(&a, &b).expect_err("absent").is_not_found());

        let (dir, moved) = (root.join("dir"), root.join("moved"));
        disk.create_dir_all(&dir.join("deep")).expect("created");
        disk.write_atomic(&dir.join("deep/x"), b"x").expect("written");
        disk.rename(&dir, &moved).expect("moved");
        assert_eq!(read(disk, &moved.join("deep/x")), b"x");
        assert!(disk.list(&dir).expect_err("gone").is_not_found());
        assert_eq!(
            disk.rename(&moved, &moved.join("in")).expect_err("into itself").io_kind(),
            ErrorKind::InvalidInput
        );
        assert_eq!(disk.rename(&b, &moved).expect_err("over a dir").io_kind(), ErrorKind::IsADirectory);
        assert_eq!(disk.rename(&moved, &b).expect_err("over a file").io_kind(), ErrorKind::NotADirectory);
        let full = root.join("full");
        disk.create_dir_all(&full.join("x")).expect("created");
        assert_eq!(disk.rename(&moved, &full).expect_err("full").io_kind(), ErrorKind::DirectoryNotEmpty);
        disk.create_dir_all(&root.join("bare")).expect("created");
        disk.rename(&moved, &root.join("bare")).expect("over an empty directory");
        assert_eq!(read(disk, &root.join("bare/deep/x")), b"x");
    });
}

#[test]
fn an_exchange_swaps_files_links_and_whole_directories() {
    on_every_disk(|disk, root| {
        let (a, b, dir, link) = (root.join("a"), root.join("b"), root.join("dir"), root.join("link"));
        disk.write_atomic(&a, b"1").expect("written");
        disk.write_atomic(&b, b"2").expect("written");
        let inode = |path| disk.stat(path).expect("looked").expect("there").inode;
        let (first, second) = (inode(&a), inode(&b));
        disk.exchange(&a, &b).expect("exchanged");
        assert_eq!((read(disk, &a), read(disk, &b)), (b"2".to_vec(), b"1".to_vec()));
        assert_eq!((inode(&a), inode(&b)), (second, first), "the files themselves changed places");
        disk.create_dir_all(&dir.join("in")).expect("created");
        disk.write_atomic(&dir.join("in/c"), b"3").expect("written");
        disk.symlink(Path::new("link"), &link).expect("linked");
        disk.exchange(&dir, &link).expect("exchanged");
        assert_eq!(read(disk, &link.join("in/c")), b"3");
        assert_eq!(read(disk, &dir.join("in/c")), b"3", "through the link");
        assert_eq!(disk.read_link(&dir).expect("a link"), Path::new("link"));
        let names: Vec<String> = disk.list(root).expect("listed").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "dir", "link"]);
        assert!(disk.exchange(&a, &root.join("absent")).expect_err("absent").is_not_found());
        assert!(disk.exchange(&root.join("absent"), &a).expect_err("absent").is_not_found());
        assert!(disk.exchange(&link, &link.join("in")).is_err(), "one inside the other");
        assert_eq!(read(disk, &a), b"2");
    });
}

#[test]
fn nothing_stands_behind_links_that_lead_in_a_circle() {
    on_every_disk(|disk, root| {
        disk.symlink(Path::new("b"), &root.join("a")).expect("linked");
        disk.symlink(Path::new("a"), &root.join("b")).expect("linked");
        assert_eq!(disk.stat(&root.join("a/file")).expect("looked"), None);
        assert_eq!(
            disk.stat(&root.join("a")).expect("looked").map(|stat| stat.kind),
            Some(FileKind::Symlink)
        );
        assert!(disk.read(&root.join("a/file"), 9).is_err());
        assert!(disk.write_atomic(&root.join("a/file"), b"x").is_err());
    });
}

#[test]
fn removal_names_what_is_absent_or_full() {
    on_every_disk(|disk, root| {
        let (file, dir) = (root.join("d/f"), root.join("d"));
        assert!(disk.remove_file(&file).expect_err("absent").is_not_found());
        assert!(disk.remove_dir(&dir).expect_err("absent").is_not_found());
        disk.create_dir_all(&dir).expect("created");
        disk.create_dir_all(&dir).expect("created twice");
        disk.write_atomic(&file, b"x").expect("written");
        assert_eq!(disk.remove_dir(&dir).expect_err("full").io_kind(), ErrorKind::DirectoryNotEmpty);
        assert_eq!(disk.remove_dir(&file).expect_err("a file").io_kind(), ErrorKind::NotADirectory);
        assert!(disk.remove_file(&dir).is_err());
        disk.remove_file(&file).expect("removed");
        assert!(disk.read(&file, 9).expect_err("gone").is_not_found());
        disk.remove_dir(&dir).expect("removed");
        assert_eq!(disk.stat(&dir).expect("looked"), None);
        disk.create_dir_all(&dir).expect("created again");
        assert_eq!(disk.list(&dir).expect("listed"), []);
        disk.write_atomic(&file, b"y").expect("written");
        assert_eq!(disk.create_dir_all(&file).expect_err("a file").path(), file);
        assert!(disk.create_dir_all(&file.join("below")).is_err());
    });
}

#[test]
fn lists_are_sorted_and_walks_go_deep_first() {
    on_every_disk(|disk, root| {
        disk.create_dir_all(&root.join("b/y")).expect("created");
        for name in ["c", "a", "B", "b/y/2", "b/z", "b.x"] {
            disk.write_atomic(&root.join(name), b"").expect("written");
        }
        disk.symlink(Path::new("b"), &root.join("link")).expect("linked");
        let names: Vec<String> = disk.list(root).expect("listed").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "a", "b", "b.x", "c", "link"]);
        assert!(disk.list(&root.join("absent")).expect_err("absent").is_not_found());
        assert_eq!(disk.list(&root.join("a")).expect_err("a file").io_kind(), ErrorKind::NotADirectory);
        assert_eq!(
            disk.list(&root.join("link")).expect("followed"),
            disk.list(&root.join("b")).expect("dir")
        );

        let walked: Vec<_> = disk.walk(root).map(|entry| entry.expect("readable")).collect();
        let paths: Vec<_> = walked.iter().map(|entry| entry.path.to_str().expect("UTF-8")).collect();
        assert_eq!(paths, ["B", "a", "b", "b/y", "b/y/2", "b/z", "b.x", "c", "link"]);
        assert_eq!(walked[2].kind, FileKind::Dir);
        assert_eq!(walked[8].kind, FileKind::Symlink);
        disk.create_dir_all(&root.join("real")).expect("created");
        disk.write_atomic(&root.join("real/x"), b"").expect("written");
        disk.symlink(Path::new("real"), &root.join("root")).expect("linked");
        let behind: Vec<_> =
            disk.walk(&root.join("root")).map(|entry| entry.expect("readable").path).collect();
        assert_eq!(behind, [PathBuf::from("x")], "a store, or its objects, may lie behind a link");
        let absent: Vec<_> = disk.walk(&root.join("absent")).collect();
        assert!(matches!(absent.as_slice(), [Err(error)] if error.is_not_found()), "{absent:?}");
    });
}

#[test]
fn files_are_never_reached_through_a_link_in_their_place() {
    on_every_disk(|disk, root| {
        let (file, link) = (root.join("file"), root.join("link"));
        disk.write_atomic(&file, b"secret").expect("written");
        disk.symlink(Path::new("file"), &link).expect("linked");
        assert_eq!(disk.read_link(&link).expect("a link"), Path::new("file"));
        assert_eq!(disk.read_link(&file).expect_err("no link").io_kind(), ErrorKind::InvalidInput);
        assert!(disk.read_link(&root.join("absent")).expect_err("absent").is_not_found());
        assert!(is_not_a_file(&disk.read(&link, 99)));
        assert!(is_not_a_file(&disk.read_at(&link, 0, 9)));
        assert!(is_not_a_file(&disk.write_at(&link, 0, b"x")));
        assert!(is_not_a_file(&disk.truncate(&link, 0)));
        assert!(is_not_a_file(&disk.sync_file(&link)));
        assert_eq!(disk.stat(&link).expect("there").expect("there").kind, FileKind::Symlink);
        let again = disk.symlink(Path::new("x"), &link).expect_err("taken");
        assert_eq!(again.io_kind(), ErrorKind::AlreadyExists);
        disk.write_atomic(&link, b"mine").expect("the link is replaced");
        assert_eq!((read(disk, &file), read(disk, &link)), (b"secret".to_vec(), b"mine".to_vec()));
        assert!(is_not_a_file(&disk.read(root, 99)));
        assert!(is_not_a_file(&disk.write_at(root, 0, b"x")));
        assert!(is_not_a_file(&disk.sync_file(root)));
    });
}

#[test]
fn links_on_the_way_are_followed() {
    on_every_disk(|disk, root| {
        disk.create_dir_all(&root.join("dir/sub")).expect("created");
        disk.symlink(Path::new("dir"), &root.join("way")).expect("linked");
        disk.write_atomic(&root.join("way/sub/x"), b"x").expect("written");
        assert_eq!(read(disk, &root.join("dir/sub/x")), b"x");
        disk.symlink(Path::new("../way/sub"), &root.join("dir/up")).expect("linked");
        assert_eq!(read(disk, &root.join("way/up/../sub/x")), b"x");
        disk.symlink(Path::new("loop"), &root.join("loop")).expect("linked");
        assert!(disk.read(&root.join("loop/x"), 9).is_err());
        disk.remove_file(&root.join("way")).expect("the link goes");
        assert_eq!(read(disk, &root.join("dir/sub/x")), b"x");
        assert!(disk.read(&root.join("way/sub/x"), 9).expect_err("gone").is_not_found());
    });
}

#[test]
fn stat_tells_another_file_and_another_content() {
    on_every_disk(|disk, root| {
        let file = root.join("a");
        assert_eq!(disk.stat(&file).expect("looked"), None);
        assert_eq!(disk.stat(&file.join("below")).expect("looked"), None);
        disk.write_at(&file, 0, b"one").expect("written");
        let one = disk.stat(&file).expect("there").expect("there");
        assert_eq!((one.kind, one.len_bytes, one.executable), (FileKind::File, 3, false));
        assert_eq!(disk.stat(&file.join("below")).expect("a file is no directory"), None);
        disk.write_at(&file, 3, b"+").expect("written");
        let two = disk.stat(&file).expect("there").expect("there");
        assert_eq!((two.inode, two.len_bytes), (one.inode, 4));
        assert!(two.modified_ns >= one.modified_ns && two.changed_ns >= one.changed_ns);
        disk.write_at(&root.join("b"), 0, b"two").expect("written");
        assert_ne!(disk.stat(&root.join("b")).expect("there").expect("there").inode, one.inode);
        assert_eq!(disk.stat(root).expect("there").expect("there").kind, FileKind::Dir);
    });
}

#[test]
fn locks_exclude_until_dropped() {
    on_every_disk(|disk, root| {
        let path = root.join("lock");
        let guard = disk.lock(&path).expect("free");
        assert!(disk.try_lock(&path).expect("looked").is_none());
        assert!(disk.try_lock(&root.join("other")).expect("looked").is_some());
        let released = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let guard = disk.lock(&path).expect("at last");
                assert!(released.load(Ordering::SeqCst), "locked while somebody held it");
                drop(guard);
            });
            released.store(true, Ordering::SeqCst);
            drop(guard);
            waiter.join().expect("the waiter saw the release");
        });
        drop(disk.try_lock(&path).expect("looked").expect("free again"));
        assert!(disk.lock(&root.join("no-such-dir/lock")).expect_err("no directory").is_not_found());
    });
}

#[test]
fn shared_locks_exclude_only_those_held_alone() {
    on_every_disk(|disk, root| {
        let path = root.join("lock");
        let (one, other) = (disk.lock_shared(&path).expect("free"), disk.lock_shared(&path).expect("shared"));
        assert!(disk.try_lock(&path).expect("looked").is_none());
        drop(one);
        assert!(disk.try_lock(&path).expect("looked").is_none(), "the other still holds it");
        drop(other);
        let alone = disk.try_lock(&path).expect("looked").expect("free again");
        let released = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let guard = disk.lock_shared(&path).expect("at last");
                assert!(released.load(Ordering::SeqCst), "shared while somebody held it alone");
                drop(guard);
            });
            released.store(true, Ordering::SeqCst);
            drop(alone);
            waiter.join().expect("the waiter saw the release");
        });
    });
}

#[test]
fn many_threads_never_hold_one_lock_together() {
    on_every_disk(|disk, root| {
        let (path, counter) = (root.join("lock"), root.join("counter"));
        disk.write_at(&counter, 0, &[0]).expect("written");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _guard = disk.lock(&path).expect("free at last");
                        let count = read(disk, &counter)[0];
                        disk.write_at(&counter, 0, &[count + 1]).expect("written");
                    }
                });
            }
        });
        assert_eq!(read(disk, &counter), [80]);
    });
}

#[test]
fn syncs_succeed_on_what_is_there() {
    on_every_disk(|disk, root| {
        let file = root.join("a");
        disk.write_at(&file, 0, b"x").expect("written");
        disk.sync_file(&file).expect("flushed");
        disk.sync_dir(root).expect("flushed");
        disk.sync_all(root).expect("flushed");
        assert!(disk.sync_file(&root.join("absent")).expect_err("absent").is_not_found());
        assert!(disk.sync_dir(&root.join("absent")).expect_err("absent").is_not_found());
        assert!(disk.sync_all(&root.join("absent")).expect_err("absent").is_not_found());
        assert_eq!(disk.boot_id(), disk.boot_id());
        assert!(!disk.is_network(root).expect("looked"));
    });
}

#[test]
fn an_overlay_changes_what_is_below_only_in_its_own_eyes() {
    let below = SimDisk::new(7);
    below.create_dir_all(Path::new("/s/dir")).expect("created");
    for name in ["/s/keep", "/s/edit", "/s/gone", "/s/dir/in"] {
        below.write_atomic(Path::new(name), b"below").expect("written");
    }
    let before = (below.image(), below.paths(), below.steps());
    below.read_only(true);
    let disk: SharedDisk = Arc::new(OverlayDisk::new(Arc::new(below.clone())));
    disk.write_at(Path::new("/s/edit"), 5, b" and above").expect("edited");
    disk.write_at(Path::new("/s/edit"), 0, b"B").expect("edited again");
    disk.remove_file(Path::new("/s/gone")).expect("removed");
    disk.rename(Path::new("/s/dir"), Path::new("/s/moved")).expect("moved");
    disk.write_atomic(Path::new("/s/new"), b"new").expect("written");
    let guard = disk.lock(Path::new("/s/lock")).expect("no file is needed below");
    assert_eq!(read(&disk, Path::new("/s/edit")), b"Below and above");
    assert_eq!(read(&disk, Path::new("/s/moved/in")), b"below");
    assert_eq!(read(&disk, Path::new("/s/keep")), b"below");
    let names: Vec<_> =
        disk.list(Path::new("/s")).expect("listed").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["edit", "keep", "moved", "new"]);
    disk.remove_file(Path::new("/s/moved/in")).expect("removed");
    disk.remove_dir(Path::new("/s/moved")).expect("empty now");
    drop(guard);
    assert_eq!((below.image(), below.paths(), below.steps()), before);
}
