//! The local store on the simulated disk and on the real one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::conformance;
use crate::backend::script::STORE;
use crate::disk::{RealDisk, SharedDisk, SimDisk};

use super::LocalBackend;

/// Where the simulated disk has its store.
fn root() -> PathBuf {
    PathBuf::from("/home/recto")
}

fn create(disk: &SimDisk) -> LocalBackend {
    LocalBackend::create(Arc::new(disk.clone()), &root(), STORE).expect("a new store")
}

#[test]
fn conforms_on_the_simulated_disk() {
    conformance::run(&|| Box::new(create(&SimDisk::new(1))));
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
