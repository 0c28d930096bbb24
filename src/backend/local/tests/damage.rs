//! Flipped bits and cut files: each is named, or changes nothing that anybody reads.

use crate::backend::script::{block, commit, deriving, moving, problems, renaming};
use crate::backend::{Backend, BackendError};
use crate::disk::SimDisk;
use crate::disk::sim::PowerLoss;

use super::script::{Summary, summary};
use super::{create, open};

/// A small store with every kind of file.
fn store() -> SimDisk {
    let disk = SimDisk::new(5);
    let backend = create(&disk).expect("a new store");
    let about = format!("checks/{}", block("v1").id());
    commit(&backend, &moving(&backend, "old", &[("drafts/main", Some("hello")), ("ACTIVE", None)]));
    commit(&backend, &renaming(&backend, "old", "support"));
    for text in ["v1", "v2", "v3"] {
        let long = "a prompt of some length. ".repeat(9);
        let moves =
            &[("versions", Some(text)), ("ACTIVE", Some(text)), (&about, Some("ok")), ("meta", Some(&*long))];
        commit(&backend, &deriving(moving(&backend, "support", moves), Some("{}")));
    }
    commit(&backend, &moving(&backend, "support", &[("drafts/main", None), ("drafts/x", Some("x"))]));
    disk
}

/// What is said of a damaged store: an error, the problems found, or all is as it was.
fn look(disk: &SimDisk, whole: &Summary) -> Result<Vec<String>, BackendError> {
    let backend = open(disk)?;
    let problems = problems(&backend);
    if problems.is_empty() {
        // `ACTIVE.json` follows from refs and objects; who derives it checks it.
        let without = |summary: &Summary| -> Vec<_> {
            summary.iter().map(|(agent, (handle, log, _))| (*agent, handle.clone(), log.clone())).collect()
        };
        let found = summary(disk)?.expect("a store");
        assert_eq!(without(&found), without(whole), "damage was not noticed");
    }
    Ok(problems)
}

/// Damages every file of a store in every way that `damages` knows, at every byte; returns how many
/// were found, and how many changed nothing.
fn sweep(disk: &SimDisk, every: usize, damage: impl Fn(&[u8], usize) -> Vec<u8>) -> (u64, u64) {
    let whole = summary(&disk.process_death()).expect("readable").expect("a store");
    let (mut found, mut harmless) = (0, 0);
    for (path, bytes) in disk.image() {
        for at in (0..bytes.len()).step_by(every) {
            let damaged = disk.process_death();
            damaged.overwrite(&path, &damage(&bytes, at)).expect("there");
            match look(&damaged, &whole) {
                Ok(problems) if problems.is_empty() => harmless += 1,
                Ok(_) | Err(_) => found += 1,
            }
        }
    }
    (found, harmless)
}

#[test]
fn every_flipped_bit_is_named_or_harmless() {
    let flip = |bytes: &[u8], at: usize| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 7);
        flipped
    };
    let fresh = store();
    let rebooted = fresh.power_loss(1, PowerLoss::KeepAll);
    let checkpointed = fresh.process_death();
    open(&checkpointed).expect("a store").checkpoint().expect("flushed");
    for (name, disk, every) in
        [("fresh", &fresh, 7), ("rebooted", &rebooted, 13), ("checkpointed", &checkpointed, 7)]
    {
        let (found, harmless) = sweep(disk, every, flip);
        assert!(found > 200, "{name}: only {found} were found, {harmless} harmless");
    }
}

#[test]
fn every_cut_file_is_named_or_heals() {
    let fresh = store();
    let rebooted = fresh.power_loss(1, PowerLoss::KeepAll);
    let checkpointed = fresh.process_death();
    open(&checkpointed).expect("a store").checkpoint().expect("flushed");
    for (name, disk, every) in
        [("fresh", &fresh, 11), ("rebooted", &rebooted, 17), ("checkpointed", &checkpointed, 11)]
    {
        let (found, harmless) = sweep(disk, every, |bytes, at| bytes[..at].to_vec());
        assert!(found > 100, "{name}: only {found} were found, {harmless} harmless");
    }
}

#[test]
fn damage_is_named_by_file() {
    let check = |path: &str, at: usize, expected: &str| {
        let disk = store();
        open(&disk).expect("a store").checkpoint().expect("flushed");
        let path = super::root().join(path);
        disk.corrupt(&path, at, 2).expect("there");
        let problems = problems(&open(&disk).expect("a store"));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{path:?}: {problems:?}");
    };
    check("agents/support/ACTIVE", 3, "agents/support/ACTIVE");
    check("agents/support/versions", 70, "agents/support/versions");
    check("agents/support/attributes", 9, "agents/support/checks");
    check("agents/support/attributes", 2, "agents/support/attributes");
    check("agents/support/attributes", 70, "agents/support/attributes");
    check("agents/support/log", 99, "agents/support/log");
    check("agents/support/drafts/x", 5, "agents/support/drafts/x");
    let object = block("x").id().to_string();
    check(&format!("objects/{}/{}", &object[..2], &object[2..]), 6, &object);
}

#[test]
fn a_lost_log_is_not_an_empty_history() {
    let disk = store();
    open(&disk).expect("a store").checkpoint().expect("flushed");
    for path in ["agents/support/log", "agents/support/journal"] {
        let damaged = disk.process_death();
        damaged.overwrite(&super::root().join(path), b"").expect("there");
        let backend = open(&damaged).expect("a store");
        let head = backend.head(&crate::backend::script::handle("support"));
        assert!(matches!(head, Err(BackendError::Corrupt { .. })), "{path}: {head:?}");
        assert!(!problems(&backend).is_empty(), "{path}");
    }
}
