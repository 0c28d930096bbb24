//! The disk of the machine. Every path is opened anew, so a handle never outlives a rename.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{Disk, DiskError, FileKind, LockGuard, Mapped, Stat, TEMPORARY_PREFIX, Walk, WalkEntry};

/// Reads of up to this many bytes allocate at once; longer ones look at the file's length first.
const READ_AT_TRUSTED_BYTES: usize = 1 << 20;

/// The disk of the machine. New files have the mode 0666 and directories 0777, less the umask, because
/// runtimes of other users read them.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl RealDisk {
    /// The disk of this machine.
    pub fn new() -> Self {
        Self
    }
}

/// A lock on an open file: the kernel drops it when the last handle is closed.
#[derive(Debug)]
struct HeldFile {
    _file: File,
}

impl LockGuard for HeldFile {}

/// Opens the file itself: no symbolic link, and without waiting on a pipe that stands in its place.
fn open(options: &mut OpenOptions, operation: &'static str, path: &Path) -> Result<File, DiskError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|source| refused_file(operation, path, source))
}

/// An error of the system, with what is there to look at after a refusal.
fn refused(operation: &'static str, path: &Path, source: io::Error) -> DiskError {
    DiskError::new(operation, path, source).located(is_there)
}

/// The same on a path where a regular file is expected.
fn refused_file(operation: &'static str, path: &Path, source: io::Error) -> DiskError {
    DiskError::of_file(operation, path, source).located(is_there)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn kind_of(kind: fs::FileType) -> FileKind {
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Dir
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    }
}

/// The directory that holds `path`; a bare name lies in the current one.
fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

fn lock_file(path: &Path) -> Result<File, DiskError> {
    open(OpenOptions::new().read(true).write(true).create(true).truncate(false), "lock", path)
}

fn wait_for(path: &Path, lock: fn(&File) -> io::Result<()>) -> Result<Box<dyn LockGuard>, DiskError> {
    let file = lock_file(path)?;
    loop {
        match lock(&file) {
            Ok(()) => return Ok(Box::new(HeldFile { _file: file })),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(refused("lock", path, e)),
        }
    }
}

/// Writes a file beside, and lets it take the place of what is there. The system takes the umask off `mode`.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let error = |e| refused("write", path, e);
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(dir_of(path))
        .map_err(error)?;
    file.as_file_mut().write_all(bytes).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}

impl Disk for RealDisk {
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, DiskError> {
        const VERB: &str = "read";
        let file = open(OpenOptions::new().read(true), VERB, path)?;
        let meta = file.metadata().map_err(|e| refused(VERB, path, e))?;
        if !meta.is_file() {
            return Err(DiskError::NotAFile { operation: VERB, path: path.to_owned() });
        }
        let too_large = |size_bytes| DiskError::TooLarge { path: path.to_owned(), size_bytes, max_bytes };
        let len = usize::try_from(meta.len()).map_err(|_| too_large(meta.len()))?;
        if meta.len() > max_bytes {
            return Err(too_large(meta.len()));
        }
        // One byte more than expected: a single read then also shows that the file ends there.
        let mut bytes = Vec::with_capacity(len + 1);
        loop {
            let spare = rustix::buffer::spare_capacity(&mut bytes);
            let count = match rustix::io::read(&file, spare) {
                Err(Errno::INTR) => continue,
                result => result.map_err(|e| refused_file(VERB, path, e.into()))?,
            };
            if bytes.len() as u64 > max_bytes {
                return Err(too_large(bytes.len() as u64));
            }
            if count == 0 || bytes.len() == len {
                return Ok(bytes);
            }
            bytes.reserve(1);
        }
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        const VERB: &str = "read";
        let file = open(OpenOptions::new().read(true), VERB, path)?;
        let mut len = len;
        if len > READ_AT_TRUSTED_BYTES {
            let meta = file.metadata().map_err(|e| refused(VERB, path, e))?;
            let rest = meta.len().saturating_sub(offset);
            len = len.min(usize::try_from(rest).unwrap_or(usize::MAX));
        }
        let mut bytes = vec![0; len];
        let mut done = 0;
        while done < len {
            match file.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(refused_file(VERB, path, e)),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn map(&self, path: &Path) -> Result<Mapped, DiskError> {
        const VERB: &str = "map";
        let file = open(OpenOptions::new().read(true), VERB, path)?;
        if !file.metadata().map_err(|e| refused(VERB, path, e))?.is_file() {
            return Err(DiskError::NotAFile { operation: VERB, path: path.to_owned() });
        }
        Mapped::map(&file).map_err(|e| refused_file(VERB, path, e))
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>, DiskError> {
        let meta = match fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) if Errno::from_io_error(&e) == Some(Errno::LOOP) => return Ok(None),
            Err(e) => return Err(refused("stat", path, e)),
        };
        let nanoseconds = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Ok(Some(Stat {
            kind: kind_of(meta.file_type()),
            len_bytes: meta.len(),
            modified_ns: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed_ns: nanoseconds(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            executable: meta.mode() & 0o100 != 0,
        }))
    }

    fn list(&self, dir: &Path) -> Result<Vec<(String, FileKind)>, DiskError> {
        const VERB: &str = "list";
        let error = |e| refused(VERB, dir, e);
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir).map_err(error)? {
            let entry = entry.map_err(error)?;
            let kind = entry.file_type().map_err(|e| refused(VERB, &entry.path(), e))?;
            let name =
                entry.file_name().into_string().map_err(|_| DiskError::BadName { path: entry.path() })?;
            entries.push((name, kind_of(kind)));
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        fs::create_dir_all(dir).map_err(|e| refused("create the directory", dir, e))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        replace(path, bytes, 0o666)
    }

    fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        replace(path, bytes, 0o600)
    }

    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let file = open(OpenOptions::new().write(true).create(true).truncate(false), "write", path)?;
        file.write_all_at(bytes, offset).map_err(|e| refused_file("write", path, e))
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        let file = open(OpenOptions::new().write(true), "truncate", path)?;
        file.set_len(len_bytes).map_err(|e| refused("truncate", path, e))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        fs::rename(from, to).map_err(|e| refused("rename", from, e))
    }

    #[cfg(target_os = "linux")]
    fn exchange(&self, one: &Path, other: &Path) -> Result<(), DiskError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(|errno| {
            // File systems have several ways to say that they do not know the flag.
            let unknown = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP].contains(&errno);
            let source = if unknown { io::ErrorKind::Unsupported.into() } else { errno.into() };
            refused("exchange", one, source)
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn exchange(&self, one: &Path, _other: &Path) -> Result<(), DiskError> {
        Err(refused("exchange", one, io::ErrorKind::Unsupported.into()))
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        fs::remove_file(path).map_err(|e| refused_file("remove", path, e))
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), DiskError> {
        fs::remove_dir(dir).map_err(|e| refused("remove the directory", dir, e))
    }

    fn symlink(&self, target: &Path, link: &Path) -> Result<(), DiskError> {
        std::os::unix::fs::symlink(target, link).map_err(|e| refused("make the link", link, e))
    }

    fn read_link(&self, link: &Path) -> Result<PathBuf, DiskError> {
        fs::read_link(link).map_err(|e| refused("read the link", link, e))
    }

    fn sync_file(&self, path: &Path) -> Result<(), DiskError> {
        const VERB: &str = "flush";
        let error = |e| refused(VERB, path, e);
        let file = open(OpenOptions::new().read(true), VERB, path)?;
        if !file.metadata().map_err(error)?.is_file() {
            return Err(DiskError::NotAFile { operation: VERB, path: path.to_owned() });
        }
        file.sync_data().map_err(error)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        let error = |e| refused("flush the directory", dir, e);
        File::open(dir).and_then(|handle| handle.sync_all()).map_err(error)
    }

    /// On Linux the whole volume of `root` is flushed; volumes mounted below it are not.
    #[cfg(target_os = "linux")]
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        let error = |e| refused("flush the volume of", root, e);
        let handle = File::open(root).map_err(error)?;
        rustix::fs::syncfs(&handle).map_err(|e| error(e.into()))
    }

    /// Elsewhere every file and directory is flushed by itself.
    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self, root: &Path) -> Result<(), DiskError> {
        for entry in self.walk(root) {
            let entry = entry?;
            let path = root.join(&entry.path);
            match entry.kind {
                FileKind::File => self.sync_file(&path)?,
                FileKind::Dir => self.sync_dir(&path)?,
                FileKind::Symlink | FileKind::Other => {}
            }
        }
        self.sync_dir(root)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        wait_for(path, File::lock)
    }

    fn lock_shared(&self, path: &Path) -> Result<Box<dyn LockGuard>, DiskError> {
        wait_for(path, File::lock_shared)
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Box<dyn LockGuard>>, DiskError> {
        let file = lock_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(HeldFile { _file: file }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(refused("lock", path, e)),
        }
    }

    /// A quarter of the files that a process may have open.
    fn locks_max(&self) -> usize {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        usize::try_from(files.unwrap_or(u64::MAX) / 4).unwrap_or(usize::MAX)
    }

    fn boot_id(&self) -> [u8; 16] {
        static BOOT_ID: OnceLock<[u8; 16]> = OnceLock::new();
        *BOOT_ID.get_or_init(|| kernel_boot_id().unwrap_or_else(random_id))
    }

    fn is_network(&self, path: &Path) -> Result<bool, DiskError> {
        super::network::is_network(path).map_err(|e| refused("look at the volume of", path, e))
    }

    fn walk<'a>(&'a self, root: &Path) -> Walk<'a> {
        let root = root.to_owned();
        let walk = walkdir::WalkDir::new(&root).min_depth(1).sort_by_file_name();
        Box::new(walk.into_iter().filter_map(move |entry| walked(&root, entry).transpose()))
    }
}

/// `None` for what was removed while the walk went on.
fn walked(root: &Path, entry: walkdir::Result<walkdir::DirEntry>) -> Result<Option<WalkEntry>, DiskError> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let below = error.depth() > 0;
            let path = error.path().unwrap_or(root).to_owned();
            let source = error.into_io_error().unwrap_or_else(|| Errno::LOOP.into());
            let error = refused("list", &path, source);
            return if below && error.is_not_found() { Ok(None) } else { Err(error) };
        }
    };
    if entry.file_name().to_str().is_none() {
        return Err(DiskError::BadName { path: entry.into_path() });
    }
    let kind = kind_of(entry.file_type());
    let path = entry.path().strip_prefix(root).expect("a walk stays below its root").to_owned();
    Ok(Some(WalkEntry { path, kind }))
}

/// The number that the kernel draws at each boot, `3fa9c2...-...` in hexadecimal.
fn kernel_boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    (digits.len() == 32).then_some(())?;
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("every supported system has a source of randomness");
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_id_stays_the_same() {
        assert_eq!(RealDisk.boot_id(), RealDisk.boot_id());
        assert_ne!(RealDisk.boot_id(), [0; 16]);
        assert_ne!(random_id(), random_id());
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
        assert!(matches!(RealDisk.read(&pipe, 9), Err(DiskError::NotAFile { .. })));
        assert!(matches!(RealDisk.write_at(&pipe, 0, b"x"), Err(DiskError::NotAFile { .. })));
    }

    #[test]
    fn a_refusal_names_the_nearest_directory_that_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = |operation, name: &str| {
            refused(operation, &dir.path().join(name), io::ErrorKind::PermissionDenied.into())
        };
        for error in [error("write", "new"), error("create the directory", "a/b/c"), error("read", "gone")] {
            assert!(matches!(&error, DiskError::Denied { place, .. } if place == dir.path()), "{error:?}");
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_named() {
        use std::os::unix::ffi::OsStrExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let bad = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::write(&bad, b"x").expect("written");
        let error = RealDisk.list(dir.path()).expect_err("refused");
        assert!(matches!(&error, DiskError::BadName { path } if *path == bad), "{error}");
        assert!(matches!(RealDisk.walk(dir.path()).next(), Some(Err(DiskError::BadName { .. }))));
    }

    #[test]
    fn atomic_writes_take_the_umask_and_leave_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let (plain, atomic) = (dir.path().join("plain"), dir.path().join("atomic"));
        fs::write(&plain, b"x").expect("written");
        RealDisk.write_atomic(&atomic, b"x").expect("written");
        let mode = |path| fs::metadata(path).expect("there").mode();
        assert_eq!(mode(&atomic), mode(&plain));
        assert_eq!(RealDisk.list(dir.path()).expect("listed").len(), 2);
    }

    #[test]
    fn a_failed_atomic_write_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).expect("created");
        assert!(RealDisk.write_atomic(&taken, b"x").is_err());
        assert_eq!(RealDisk.list(dir.path()).expect("listed"), [("taken".to_owned(), FileKind::Dir)]);
    }
}
