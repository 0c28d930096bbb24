//! Several writers and readers at once, on the real disk; and what one commit costs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::backend::script::{STORE, commit, handle, moving, name, problems, renaming};
use crate::backend::{Backend, BackendError, Moved, Outcome};
use crate::disk::{DiskError, RealDisk, SharedDisk};

use super::LocalBackend;
use super::between::Between;

fn store(root: &Path, disk: SharedDisk) -> LocalBackend {
    let backend = LocalBackend::create(disk, root, STORE).expect("a new store");
    LocalBackend { checkpoint_bytes: 32 * 1024, ..backend }
}

fn another(root: &Path) -> LocalBackend {
    let backend = LocalBackend::open(Arc::new(RealDisk::new()), root).expect("a store");
    LocalBackend { checkpoint_bytes: 32 * 1024, ..backend }
}

/// Adds a version to an agent that others write too; returns how often it came too late.
fn add_version(backend: &dyn Backend, agent: &str, text: &str) -> u64 {
    for late in 0.. {
        match backend.commit(&moving(backend, agent, &[("versions", Some(text)), ("ACTIVE", Some(text))])) {
            Ok(Outcome::Committed) => return late,
            Ok(Outcome::Moved(Moved::Head | Moved::Ref { .. } | Moved::HandleTaken(_))) => {}
            other => panic!("{other:?}"),
        }
    }
    unreachable!("the loop ends by itself")
}

#[test]
fn writers_and_readers_of_one_agent_do_not_disturb_each_other() {
    const WRITERS: usize = 3;
    const EACH: usize = 25;
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let first = store(&root, Arc::new(RealDisk::new()));
    commit(&first, &moving(&first, "shared", &[("ACTIVE", None)]));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                // A process that knows nothing yet, and one that knows the agent.
                for backend in [&another(&root), &first] {
                    let len = backend.list_len(&handle("shared"), &name("versions")).expect("readable");
                    backend.head(&handle("shared")).expect("readable").expect("there");
                    let active = backend.read_ref(&handle("shared"), &name("ACTIVE")).expect("readable");
                    let target = active.and_then(|state| state.target).and_then(|target| target.id());
                    assert!(target.is_none_or(|id| backend.object(&id).expect("readable").is_some()));
                    assert!(len >= seen, "{len} after {seen}");
                    seen = len;
                }
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (first, root) = (&first, &root);
                scope.spawn(move || {
                    let own = another(root);
                    let backend = if writer == 0 { first } else { &own };
                    for number in 0..EACH {
                        add_version(backend, "shared", &format!("{writer} {number}"));
                        add_version(backend, &format!("own-{writer}"), &format!("{number}"));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("no panic");
        }
        done.store(true, Ordering::SeqCst);
        reader.join().expect("no panic");
    });
    for backend in [&first, &another(&root)] {
        assert_eq!(problems(backend), Vec::<String>::new());
        let len = |agent: &str| backend.list_len(&handle(agent), &name("versions")).expect("readable");
        assert_eq!(len("shared"), (WRITERS * EACH) as u64);
        assert_eq!([len("own-0"), len("own-2")], [EACH as u64; 2]);
    }
}

/// Renames an agent there and back while somebody looks for it under both names.
fn renamed_while_looked_for(disk: &SharedDisk) {
    const RENAMES: usize = 30;
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let writer = store(&root, Arc::clone(disk));
    commit(&writer, &moving(&writer, "a", &[("versions", Some("1")), ("drafts/x", Some("1"))]));
    commit(&writer, &renaming(&writer, "a", "b"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let backend = LocalBackend::open(Arc::clone(disk), &root).expect("a store");
            let mut reads = 0;
            while !done.load(Ordering::SeqCst) {
                for agent in ["a", "b"].map(handle) {
                    let found = backend.locate(&agent).expect("readable");
                    assert!(found.is_some(), "'{agent}' is gone");
                    match backend.list_len(&agent, &name("versions")) {
                        Ok(len) => assert_eq!(len, 1),
                        Err(BackendError::NoSuchAgent(_)) => continue,
                        Err(error) => panic!("{error:?}"),
                    }
                    match backend.list(&agent, &name("versions"), 0, 9) {
                        Ok(entries) => assert_eq!(entries.len(), 1),
                        Err(BackendError::NoSuchAgent(_)) => continue,
                        Err(error) => panic!("{error:?}"),
                    }
                    match backend.refs(&agent, "drafts") {
                        Ok(drafts) => assert_eq!(drafts.len(), 1),
                        Err(BackendError::NoSuchAgent(_)) => continue,
                        Err(error) => panic!("{error:?}"),
                    }
                    reads += 1;
                }
            }
            reads
        });
        for number in 0..RENAMES {
            let (from, to) = if number % 2 == 0 { ("b", "a") } else { ("a", "b") };
            commit(&writer, &renaming(&writer, from, to));
        }
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().expect("no panic") > 0);
    });
    assert_eq!(problems(&writer), Vec::<String>::new());
}

#[test]
fn a_renamed_agent_is_never_taken_for_an_empty_one() {
    renamed_while_looked_for(&(Arc::new(RealDisk::new()) as SharedDisk));
}

#[test]
fn an_agent_that_is_renamed_back_is_found_in_the_very_moment() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let first = store(&root, Arc::new(RealDisk::new()));
    commit(&first, &moving(&first, "a", &[("versions", Some("1")), ("ACTIVE", Some("1"))]));
    let readers: Vec<LocalBackend> = (0..5).map(|_| another(&root)).collect();
    for reader in &readers {
        assert_eq!(reader.list_len(&handle("a"), &name("versions")).expect("readable"), 1);
    }
    commit(&first, &renaming(&first, "a", "b"));
    let met = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&met);
    let (sender, located) = std::sync::mpsc::channel();
    let root_of = root.clone();
    let look = move |call: &'static str, _: &Path| {
        if call == "exchange" {
            count.fetch_add(1, Ordering::SeqCst);
            let (a, gone) =
                (handle("a"), |error: &BackendError| matches!(error, BackendError::NoSuchAgent(_)));
            // Who knows nothing of its other name yet waits for the writer.
            let (reader, located) = (another(&root_of), sender.clone());
            let looked_for = a.clone();
            std::thread::spawn(move || located.send(reader.locate(&looked_for)));
            let len = readers[1].list_len(&a, &name("versions"));
            assert!(len.map_or_else(|e| gone(&e), |len| len == 1));
            assert!(
                readers[2].read_ref(&a, &name("ACTIVE")).map_or_else(|e| gone(&e), |state| state.is_some())
            );
            assert!(readers[3].head(&a).map_or_else(|e| gone(&e), |_| true));
            assert!(readers[4].refs(&a, "drafts").map_or_else(|e| gone(&e), |_| true));
            assert!(readers[0].read_log(&a, 0, 99).map_or_else(|e| gone(&e), |log| !log.is_empty()));
        }
        Ok(())
    };
    let writer =
        LocalBackend::open(Arc::new(Between::new(Arc::new(RealDisk::new()), look)), &root).expect("a store");
    commit(&writer, &renaming(&writer, "b", "a"));
    assert_eq!(met.load(Ordering::SeqCst), 1);
    let located = located.recv_timeout(std::time::Duration::from_mins(1)).expect("it is found");
    assert_eq!(located.expect("readable"), Some(handle("a")));
}

#[test]
fn a_rename_in_steps_is_never_met_half_way() {
    let refuses = |call: &'static str, path: &Path| match call {
        "exchange" => Err(DiskError::new(call, path, std::io::ErrorKind::Unsupported.into())),
        _ => Ok(()),
    };
    renamed_while_looked_for(&(Arc::new(Between::new(Arc::new(RealDisk::new()), refuses)) as SharedDisk));
}

#[test]
fn a_list_that_is_renamed_away_between_two_calls_is_no_failure_of_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let writer = store(&root, Arc::new(RealDisk::new()));
    commit(&writer, &moving(&writer, "a", &[("versions", Some("1"))]));
    let renamed = AtomicBool::new(false);
    let look = move |call: &'static str, path: &Path| {
        if call == "read_at" && path.ends_with("a/versions") && !renamed.swap(true, Ordering::SeqCst) {
            commit(&writer, &renaming(&writer, "a", "b"));
            // A rename in steps leaves nothing under the handle for a while.
            std::fs::remove_file(path.parent().expect("a directory")).expect("the link");
        }
        Ok(())
    };
    let disk: SharedDisk = Arc::new(Between::new(Arc::new(RealDisk::new()), look));
    let reader = LocalBackend::open(disk, &root).expect("a store");
    let found = reader.list(&handle("a"), &name("versions"), 0, 9);
    assert!(matches!(found, Err(BackendError::NoSuchAgent(_))), "{found:?}");
}

#[test]
fn a_commit_costs_one_flush() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let flushes = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let counted = Arc::clone(&flushes);
    let disk: SharedDisk = Arc::new(Between::new(Arc::new(RealDisk::new()), move |call, _| {
        match call {
            "sync_file" => drop(counted[0].fetch_add(1, Ordering::SeqCst)),
            "sync_dir" | "sync_all" => drop(counted[1].fetch_add(1, Ordering::SeqCst)),
            _ => {}
        }
        Ok(())
    }));
    let backend = LocalBackend::create(disk.clone(), &root, STORE).expect("a new store");
    commit(&backend, &moving(&backend, "a", &[("ACTIVE", None)]));
    let counts = || (flushes[0].load(Ordering::SeqCst), flushes[1].load(Ordering::SeqCst));
    let (files, others) = counts();
    for number in 0..20u64 {
        let text = number.to_string();
        commit(&backend, &moving(&backend, "a", &[("drafts/x", Some(&text)), ("versions", Some(&text))]));
        assert_eq!(counts(), (files + number + 1, others));
    }
    let process = LocalBackend::open(disk.clone(), &root).expect("a store");
    commit(&process, &moving(&process, "a", &[("drafts/x", None)]));
    assert_eq!(counts(), (files + 21, others));
    let names: Vec<String> = (0..100).map(|number| format!("bulk-{number}")).collect();
    let many: Vec<_> = names.iter().map(|agent| moving(&backend, agent, &[("meta", Some("m"))])).collect();
    backend.commit_many(&many).expect("committed");
    assert_eq!(counts(), (files + 21, others + 1));
}
