//! The local store on the simulated disk and on the real one.

mod between;
mod crash;
mod damage;
mod faults;
mod packs;
mod plain;
mod readers;
mod recall;
mod script;
mod successor;
mod sweep;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::script::{STORE, commit, deriving, handle, moving};
use crate::backend::{Backend, BackendError, conformance};
use crate::disk::{RealDisk, SharedDisk, SimDisk};

use super::LocalBackend;

/// A journal of that length is started anew, in bytes: often, so that it is tested often.
const OFTEN_BYTES: u64 = 8 * 1024;

/// Where the simulated disk has its store.
fn root() -> PathBuf {
    PathBuf::from("/home/recto")
}

fn create(disk: &SimDisk) -> Result<LocalBackend, BackendError> {
    let backend = LocalBackend::create(Arc::new(disk.clone()), &root(), STORE)?;
    Ok(LocalBackend { checkpoint_bytes: OFTEN_BYTES, ..backend })
}

fn open(disk: &SimDisk) -> Result<LocalBackend, BackendError> {
    open_on(Arc::new(disk.clone()))
}

fn open_on(disk: SharedDisk) -> Result<LocalBackend, BackendError> {
    let backend = LocalBackend::open(disk, &root())?;
    Ok(LocalBackend { checkpoint_bytes: OFTEN_BYTES, ..backend })
}

#[test]
fn conforms_on_the_simulated_disk() {
    conformance::run(&|| Box::new(create(&SimDisk::new(1)).expect("a new store")));
}

#[test]
fn conforms_on_the_real_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let count = std::sync::atomic::AtomicU32::new(0);
    conformance::run(&|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let root = dir.path().join(number.to_string());
        let disk: SharedDisk = Arc::new(RealDisk::new());
        Box::new(LocalBackend::create(disk, Path::new(&root), STORE).expect("a new store"))
    });
}

#[test]
fn a_document_as_large_as_may_be_written_can_be_read() {
    let backend = create(&SimDisk::new(1)).expect("a new store");
    // A config of 32 MiB whose text is all control characters is six times as long in JSON.
    let document = "\\u0001".repeat(20 * 1024 * 1024);
    commit(&backend, &deriving(moving(&backend, "a", &[("ACTIVE", None)]), Some(&document)));
    let read = backend.derived(&handle("a"), "ACTIVE.json").expect("readable");
    assert!(read.is_some_and(|read| read == document.as_bytes()));
}
