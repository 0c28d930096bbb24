//! What one process noted of many agents, and when another believes it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::script::{STORE, commit, handle, moving, problems, renaming};
use crate::backend::{Backend, Head};
use crate::disk::{Disk as _, RealDisk};
use crate::refs::Handle;

use super::LocalBackend;

const AGENTS: usize = 70;

fn opened(root: &Path) -> LocalBackend {
    LocalBackend::open(Arc::new(RealDisk::new()), root).expect("a store")
}

fn handles() -> Vec<Handle> {
    (0..AGENTS).map(|number| handle(&format!("agent-{number:02}"))).collect()
}

fn heads(backend: &LocalBackend) -> Vec<Option<Head>> {
    backend.heads(&handles()).expect("read")
}

/// Looks until what is seen is certain, and noted.
fn noted(root: &Path) -> Vec<Option<Head>> {
    let start = Instant::now();
    loop {
        // What was noted of some only is not noted again for the sake of a few more.
        let first = opened(root);
        let _ = first.disk.remove_file(&first.layout.known());
        let found = heads(&first);
        if recalled(root) == AGENTS {
            return found;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "it was never certain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many agents a new process knows from the note alone.
fn recalled(root: &Path) -> usize {
    let backend = opened(root);
    backend.recall();
    backend.known().len()
}

fn store(root: &Path) -> LocalBackend {
    let backend = LocalBackend::create(Arc::new(RealDisk::new()), root, STORE).expect("a new store");
    let new: Vec<_> =
        handles().iter().map(|agent| moving(&backend, agent.as_str(), &[("meta", None)])).collect();
    backend.commit_many(&new).expect("made");
    backend
}

#[test]
fn what_changed_since_it_was_noted_is_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let writer = store(&root);
    let before = noted(&root);
    assert_eq!(recalled(&root), AGENTS);
    commit(&writer, &moving(&writer, "agent-07", &[("drafts/x", Some("1"))]));
    commit(&writer, &renaming(&writer, "agent-08", "moved"));
    let now = heads(&opened(&root));
    for (at, (before, now)) in before.iter().zip(&now).enumerate() {
        match at {
            7 => assert!(now.is_some() && now != before),
            8 => assert_eq!(*now, None),
            _ => assert_eq!(now, before, "{at}"),
        }
    }
    // Who writes an agent that was recalled writes it as it is.
    let other = opened(&root);
    heads(&other);
    for agent in ["agent-07", "agent-09"] {
        commit(&other, &moving(&other, agent, &[("drafts/y", Some("2"))]));
    }
    assert_eq!(problems(&opened(&root)), Vec::<String>::new());
}

#[test]
fn a_note_that_is_damaged_or_of_another_boot_or_store_is_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let writer = store(&root);
    let before = noted(&root);
    let (disk, path) = (RealDisk::new(), writer.layout.known());
    let note = disk.read(&path, 1 << 20).expect("read");
    for at in (0..note.len()).step_by(97) {
        let mut flipped = note.clone();
        flipped[at] ^= 1;
        disk.write_atomic(&path, &flipped).expect("written");
        assert_eq!(recalled(&root), 0, "byte {at}");
    }
    let resealed = |from: &str, to: &str| {
        let text = String::from_utf8(note.clone()).expect("text");
        let body = &text[..=text.trim_end().rfind('\n').expect("lines")];
        let body = body.replacen(from, to, 1);
        let sealed = format!("{body}{}\n", blake3::hash(body.as_bytes()).to_hex());
        disk.write_atomic(&path, sealed.as_bytes()).expect("written");
        recalled(&root)
    };
    let boot = format!("{:032x}", u128::from_be_bytes(writer.boot));
    assert_eq!(resealed(&boot, &boot), AGENTS);
    assert_eq!(resealed(&boot, &"1".repeat(32)), 0);
    assert_eq!(resealed(&STORE.to_string(), &"2".repeat(32)), 0);
    assert_eq!(heads(&opened(&root)), before);
}

#[test]
fn a_copy_of_a_store_believes_nothing_of_what_was_noted_in_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let (root, copy) = (dir.path().join("s"), dir.path().join("copy"));
    store(&root);
    let before = noted(&root);
    let copied = std::process::Command::new("cp").arg("-a").args([&root, &copy]).status();
    assert!(copied.expect("cp runs").success());
    let backend = opened(&copy);
    backend.recall();
    assert!(handles().iter().all(|agent| !backend.is_unchanged(agent).expect("looked")));
    assert_eq!(heads(&backend), before);
}
