//! Several writers and readers at once, on the real disk; and what one commit costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::backend::script::{STORE, commit, handle, moving, name, problems, renaming};
use crate::backend::{Backend, BackendError, Moved, Outcome};
use crate::disk::{Disk, DiskError, FileKind, LockGuard, RealDisk, SharedDisk, Stat, Walk};

use super::LocalBackend;

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

#[test]
fn a_renamed_agent_is_never_taken_for_an_empty_one() {
    const RENAMES: usize = 30;
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let writer = store(&root, Arc::new(RealDisk::new()));
    commit(&writer, &moving(&writer, "a", &[("versions", Some("1")), ("drafts/x", Some("1"))]));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let backend = another(&root);
            let mut reads = 0;
            while !done.load(Ordering::SeqCst) {
                for agent in ["a", "b"].map(handle) {
                    match backend.list_len(&agent, &name("versions")) {
                        Ok(len) => assert_eq!(len, 1),
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
            let (from, to) = if number % 2 == 0 { ("a", "b") } else { ("b", "a") };
            commit(&writer, &renaming(&writer, from, to));
        }
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().expect("no panic") > 0);
    });
    assert_eq!(problems(&writer), Vec::<String>::new());
}

/// A disk that counts its flushes.
#[derive(Debug, Default)]
struct Counting {
    below: RealDisk,
    files: AtomicU64,
    others: AtomicU64,
}

impl Disk for Counting {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        self.below.read(path, max_bytes)
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        self.below.read_at(path, offset, len)
    }
    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        self.below.stat(path)
    }
    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        self.below.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        self.below.create_dir_all(dir)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.below.write_atomic(path, bytes)
    }
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.below.write_at(path, offset, bytes)
    }
    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        self.below.truncate(path, len_bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.below.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.below.remove_file(path)
    }
    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.below.remove_dir(dir)
    }
    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        self.below.symlink(target, link)
    }
    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        self.below.read_link(link)
    }
    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        self.files.fetch_add(1, Ordering::SeqCst);
        self.below.sync_file(path)
    }
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.others.fetch_add(1, Ordering::SeqCst);
        self.below.sync_dir(dir)
    }
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        self.others.fetch_add(1, Ordering::SeqCst);
        self.below.sync_all(root)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.below.lock(path)
    }
    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        self.below.try_lock(path)
    }
    fn boot_id(&self) -> [u8; 16] {
        self.below.boot_id()
    }
    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        self.below.is_network(path)
    }
    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        self.below.walk(root)
    }
}

#[test]
fn a_commit_costs_one_flush() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let disk = Arc::new(Counting::default());
    let backend = LocalBackend::create(disk.clone(), &root, STORE).expect("a new store");
    commit(&backend, &moving(&backend, "a", &[("ACTIVE", None)]));
    let counts = || (disk.files.load(Ordering::SeqCst), disk.others.load(Ordering::SeqCst));
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
