//! A file as a stream: written front to back under another name until it is whole, read from any place.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, FileKind, SharedDisk, TEMPORARY_PREFIX};
use crate::repo::{RepoError, random_bytes};

use super::super::SyncError;
use super::BundleError;
use super::format::{HEADER_LEN, MAGIC};

/// How much is read or written at once, in bytes.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Whether a file begins as a bundle does.
///
/// # Errors
/// When it cannot be looked at.
pub fn is_bundle(disk: &dyn Disk, path: &Path) -> Result<bool, BundleError> {
    let stat = disk.stat(path).map_err(BundleError::disk("look at"))?;
    if stat.is_none_or(|stat| stat.kind != FileKind::File) {
        return Ok(false);
    }
    let begin = disk.read_at(path, 0, HEADER_LEN).map_err(BundleError::disk("read"))?;
    Ok(begin.starts_with(MAGIC))
}

/// A file that is being written, beside the place where it is to stand. Removed when it is dropped before
/// that.
#[derive(Debug)]
pub(super) struct NewFile {
    disk: SharedDisk,
    temporary: PathBuf,
    at: u64,
    buffer: Vec<u8>,
    kept: bool,
}

impl NewFile {
    /// Begins a file in a directory.
    pub(super) fn new(disk: &SharedDisk, dir: &Path) -> Result<Self, BundleError> {
        let random = random_bytes().map_err(|error: RepoError| io::Error::other(error.to_string()))?;
        let name = format!("{TEMPORARY_PREFIX}bundle-{:032x}", u128::from_le_bytes(random));
        let temporary = dir.join(name);
        disk.write_at(&temporary, 0, b"").map_err(BundleError::disk("write"))?;
        Ok(Self { disk: SharedDisk::clone(disk), temporary, at: 0, buffer: Vec::new(), kept: false })
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Lets the file stand in its place, durably.
    pub(super) fn keep(mut self, path: &Path) -> Result<(), BundleError> {
        self.flush()?;
        let doing = || BundleError::disk("write");
        self.disk.sync_file(&self.temporary).map_err(doing())?;
        self.disk.rename(&self.temporary, path).map_err(doing())?;
        self.kept = true;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.disk.sync_dir(dir).map_err(doing())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.disk.write_at(&self.temporary, self.at, &self.buffer).map_err(io::Error::other)?;
            self.at += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // It lies under a name that nothing reads; what failed before says what happened.
            let _ = self.disk.remove_file(&self.temporary);
        }
    }
}

/// What becomes of a file that stands where another is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// A regular file gives way; nothing else does.
    Replace,
}

impl Existing {
    /// Refuses what stands there.
    fn refuse(self, disk: &dyn Disk, path: &Path) -> Result<(), BundleError> {
        match (disk.stat(path).map_err(BundleError::disk("write"))?.map(|stat| stat.kind), self) {
            (None, _) | (Some(FileKind::File), Self::Replace) => Ok(()),
            (Some(FileKind::File), Self::Keep) => Err(BundleError::FileExists(path.to_path_buf())),
            (Some(_), _) => {
                let source = DiskError::NotAFile { operation: "replace", path: path.to_path_buf() };
                Err(BundleError::Disk { doing: "write", source })
            }
        }
    }
}

/// Writes a file that stands in its place once it is whole, and durable then.
///
/// # Errors
/// `FileExists`; what `make` returns; when it cannot be written. What was there before stays.
pub fn write_file<T>(
    disk: &SharedDisk,
    path: &Path,
    existing: Existing,
    make: &mut dyn FnMut(&mut dyn Write) -> Result<T, SyncError>,
) -> Result<T, SyncError> {
    existing.refuse(disk.as_ref(), path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NewFile::new(disk, dir)?;
    let made = make(&mut file)?;
    // Writing it took a while, in which somebody else may have put a file there.
    existing.refuse(disk.as_ref(), path)?;
    file.keep(path)?;
    Ok(made)
}

/// A part of a file, read front to back.
#[derive(Debug)]
pub(super) struct FilePart {
    disk: SharedDisk,
    path: PathBuf,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl FilePart {
    /// The bytes from `start` to `end`.
    pub(super) fn new(disk: &SharedDisk, path: &Path, start: u64, end: u64) -> Self {
        let (disk, path) = (SharedDisk::clone(disk), path.to_path_buf());
        Self { disk, path, at: start, end, buffer: Vec::new(), used: 0 }
    }

    /// Hands all of its bytes on, in order.
    pub(super) fn each(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while self.fill()? {
            take(&self.buffer[self.used..]);
            self.used = self.buffer.len();
        }
        Ok(())
    }

    /// Reads on; whether there is anything.
    fn fill(&mut self) -> io::Result<bool> {
        if self.used == self.buffer.len() {
            let len = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            self.buffer = match len {
                0 => Vec::new(),
                _ => self.disk.read_at(&self.path, self.at, len).map_err(io::Error::other)?,
            };
            self.at += self.buffer.len() as u64;
            self.used = 0;
        }
        Ok(self.used < self.buffer.len())
    }
}

impl Read for FilePart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let len = into.len().min(self.buffer.len() - self.used);
        into[..len].copy_from_slice(&self.buffer[self.used..self.used + len]);
        self.used += len;
        Ok(len)
    }
}
