//! A store, its working directory and two people, on a disk that counts what is read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::agent::{Agents, DraftSource, NewAgent};
use crate::clock::{Clock, StepClock, Time};
use crate::disk::{Disk, DiskError, FileKind, LockGuard, RealDisk, SharedDisk, SimDisk, Stat, Walk};
use crate::object::Author;
use crate::profile::Profile;
use crate::refs::Handle;
use crate::repo::{Repo, RepoError};
use crate::worktree::{CheckedOut, WorkStatus, Worktree, WorktreeError};

/// Somebody who does something before a call that changes a working file.
type Meddler = Box<dyn FnMut(&dyn Disk) + Send>;

/// A disk that counts how many working files are read, and lets somebody meddle.
pub(super) struct Counting {
    disk: SharedDisk,
    reads: AtomicUsize,
    /// After how many more calls that change a working file, or look at one, and before how many.
    meddler: Mutex<Option<(usize, usize, Meddler)>>,
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl Counting {
    fn meddle(&self, path: &Path) {
        let mut meddler = self.meddler.lock().expect("no panic");
        if path.components().any(|part| part.as_os_str() == ".recto") {
            return;
        }
        match meddler.take() {
            Some((0, times, mut act)) => {
                act(self.disk.as_ref());
                *meddler = (times > 1).then_some((0, times - 1, act));
            }
            Some((calls, times, act)) => *meddler = Some((calls - 1, times, act)),
            None => {}
        }
    }
}

impl Disk for Counting {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        let in_store = path.components().any(|part| part.as_os_str() == ".recto");
        if !in_store && !path.ends_with("agent.json") {
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
        self.disk.read(path, max_bytes)
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        self.disk.read_at(path, offset, len)
    }
    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        self.meddle(path);
        self.disk.stat(path)
    }
    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        self.disk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        self.disk.create_dir_all(dir)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.meddle(path);
        self.disk.write_atomic(path, bytes)
    }
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write_at(path, offset, bytes)
    }
    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        self.disk.truncate(path, len_bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.meddle(from);
        self.disk.rename(from, to)
    }
    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        self.meddle(one);
        self.disk.exchange(one, other)
    }
    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.meddle(path);
        self.disk.remove_file(path)
    }
    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.disk.remove_dir(dir)
    }
    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        self.disk.symlink(target, link)
    }
    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        self.disk.read_link(link)
    }
    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.sync_file(path)
    }
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.disk.sync_dir(dir)
    }
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        self.disk.sync_all(root)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.disk.lock(path)
    }
    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        self.disk.lock_shared(path)
    }
    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        self.disk.try_lock(path)
    }
    fn boot_id(&self) -> [u8; 16] {
        self.disk.boot_id()
    }
    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        self.disk.is_network(path)
    }
    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        self.disk.walk(root)
    }
}

/// A store in a working directory, and who works with it.
pub(super) struct Work {
    pub(super) agents: Agents,
    repo: Arc<Repo>,
    pub(super) root: PathBuf,
    counting: Arc<Counting>,
    _dir: Option<tempfile::TempDir>,
}

pub(super) fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

pub(super) fn profile(name: &str) -> Arc<Profile> {
    let bytes = Profile::builtin(name).expect("a profile").bytes();
    Arc::new(Profile::from_stored(bytes).expect("a profile"))
}

pub(super) fn support() -> Value {
    json!({"prompt": "Be kind.\r\n\u{fc}ber", "voice": {"speed": 1, "id": "nyah"}})
}

/// Runs a test on the simulated disk and on a real one.
pub(super) fn on_both(test: impl Fn(&Work)) {
    test(&Work::simulated());
    test(&Work::real());
}

impl Work {
    pub(super) fn simulated() -> Self {
        let disk = Arc::new(SimDisk::new(1));
        disk.create_dir_all(Path::new("/work")).expect("created");
        Self::on(disk, PathBuf::from("/work"), None)
    }

    pub(super) fn real() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("work");
        RealDisk.create_dir_all(&root).expect("created");
        Self::on(Arc::new(RealDisk), root, Some(dir))
    }

    /// An agent `support` of the profile `generic`, with a draft `tone`.
    pub(super) fn on(disk: SharedDisk, root: PathBuf, dir: Option<tempfile::TempDir>) -> Self {
        let work = Self::with(disk, root, dir, Repo::init);
        work.create("support", "generic", support());
        work.agents.new_draft(&handle("support"), &handle("tone"), &DraftSource::Default).expect("forked");
        work
    }

    /// What another process finds later.
    pub(super) fn reopened(disk: SharedDisk, root: PathBuf) -> Self {
        Self::with(disk, root, None, |disk, root, clock| Repo::open(disk, &root.join(".recto"), clock))
    }

    fn with(
        disk: SharedDisk,
        root: PathBuf,
        dir: Option<tempfile::TempDir>,
        repo: impl Fn(SharedDisk, &Path, Arc<dyn Clock>) -> Result<Repo, RepoError>,
    ) -> Self {
        let counting = Arc::new(Counting { disk, reads: AtomicUsize::new(0), meddler: Mutex::new(None) });
        let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
        let repo = Arc::new(repo(counting.clone(), &root, clock).expect("a store"));
        let ana = Author { name: "Ana".to_owned(), email: None };
        let agents = Agents::new(Arc::clone(&repo), ana, "test");
        Self { agents, repo, root, counting, _dir: dir }
    }

    pub(super) fn shared_repo(&self) -> Arc<Repo> {
        Arc::clone(&self.repo)
    }

    pub(super) fn create(&self, name: &str, profile_name: &str, config: Value) {
        let new = NewAgent {
            handle: Some(handle(name)),
            config: Some(config),
            activate: true,
            ..NewAgent::of(profile(profile_name))
        };
        self.agents.create(&new).expect("created");
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.counting.disk.as_ref()
    }

    /// The working directory that holds the store.
    pub(super) fn tree(&self) -> Worktree<'_> {
        Worktree::find(&self.agents, &self.root).expect("found")
    }

    /// Another working directory for the same store.
    pub(super) fn other(&self, name: &str) -> Worktree<'_> {
        let root = self.root.parent().expect("a parent").join(name);
        self.disk().create_dir_all(&root).expect("created");
        Worktree::find(&self.agents, &root).expect("found")
    }

    pub(super) fn checkout(&self) -> CheckedOut {
        self.tree().checkout(&handle("support"), &handle("tone")).expect("checked out")
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root.join("agents/support").join(file)
    }

    pub(super) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        self.disk().write_atomic(&self.path(file), text.as_ref()).expect("written");
    }

    pub(super) fn read(&self, file: &str) -> Option<String> {
        let bytes = self.disk().read(&self.path(file), 1 << 20).ok()?;
        Some(String::from_utf8(bytes).expect("text"))
    }

    pub(super) fn status(&self) -> Result<WorkStatus, WorktreeError> {
        self.tree().status(&handle("support"))
    }

    /// The files that are not as they were checked out, `modified prompt.md`.
    pub(super) fn changed(&self) -> Vec<String> {
        let status = self.status().expect("a status");
        status.files.iter().map(|file| format!("{} {}", file.state.name(), file.file)).collect()
    }

    /// How many working files were read meanwhile.
    pub(super) fn reads<T>(&self, act: impl FnOnce() -> T) -> usize {
        let before = self.counting.reads.load(Ordering::SeqCst);
        act();
        self.counting.reads.load(Ordering::SeqCst) - before
    }

    /// Lets somebody do something before the call on a working file numbered `call`, and before those
    /// behind it, `times` in all; returns whether it came to that.
    pub(super) fn meddled<T>(
        &self,
        call: usize,
        times: usize,
        meddler: impl FnMut(&dyn Disk) + Send + 'static,
        act: impl FnOnce() -> T,
    ) -> (T, bool) {
        *self.counting.meddler.lock().expect("no panic") = Some((call, times, Box::new(meddler)));
        let done = act();
        (done, self.counting.meddler.lock().expect("no panic").take().is_none())
    }

    /// The draft's config.
    pub(super) fn draft(&self) -> Value {
        let draft = self.agents.draft(&handle("support"), &handle("tone")).expect("a draft");
        self.agents.config(&draft.commit).expect("a config").value
    }

    pub(super) fn set(&self, path: &str, text: &str) {
        let input = crate::profile::Input::Text(text.to_owned());
        let edit = crate::agent::Edit::Set(path.parse().expect("a path"), input);
        self.agents.edit(&handle("support"), &handle("tone"), None, &[edit], "").expect("edited");
    }
}
