//! What the simulated disk forgets, breaks and refuses.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Fault, PowerIsOff, PowerLoss, SimDisk};
use crate::disk::{Disk, DiskError};

fn path(text: &str) -> &Path {
    Path::new(text)
}

/// A disk with an empty, durable `/s`.
fn disk() -> SimDisk {
    let disk = SimDisk::new(42);
    disk.create_dir_all(path("/s")).expect("created");
    disk.sync_dir(path("/")).expect("flushed");
    disk
}

/// A disk with a durable file `/s/f`.
fn disk_with(content: &[u8]) -> SimDisk {
    let disk = disk();
    disk.write_at(path("/s/f"), 0, content).expect("written");
    disk.sync_all(path("/s")).expect("flushed");
    disk
}

fn found(disk: &SimDisk, file: &str) -> Option<Vec<u8>> {
    disk.image().remove(path(file))
}

/// What `file` is found to be after a random loss, under each of many seeds.
fn outcomes(disk: &SimDisk, file: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..400).map(|seed| found(&disk.power_loss(seed, PowerLoss::Random), file)).collect()
}

#[test]
fn unsynced_changes_are_lost_or_kept_as_told() {
    let disk = disk_with(b"old");
    disk.write_at(path("/s/f"), 0, b"newer").expect("written");
    disk.write_atomic(path("/s/g"), b"g").expect("written");
    let dropped = disk.power_loss(0, PowerLoss::DropAll);
    assert_eq!(found(&dropped, "/s/f").as_deref(), Some(&b"old"[..]));
    assert_eq!(dropped.paths(), [path("/s"), path("/s/f")]);
    assert_eq!(disk.power_loss(0, PowerLoss::KeepAll).image(), disk.image());
    assert_eq!(disk.process_death().image(), disk.image());
    let death_then_loss = disk.process_death().power_loss(0, PowerLoss::DropAll);
    assert_eq!(death_then_loss.image(), dropped.image());
}

#[test]
fn what_was_synced_survives_every_loss() {
    let disk = disk_with(&[7; 3000]);
    disk.write_at(path("/s/f"), 2900, &[8; 700]).expect("written");
    disk.sync_file(path("/s/f")).expect("flushed");
    let expected = found(&disk, "/s/f");
    assert_eq!(outcomes(&disk, "/s/f"), BTreeSet::from([expected]));
}

#[test]
fn a_new_file_needs_its_directory_synced_too() {
    let disk = disk();
    disk.write_at(path("/s/f"), 0, b"data").expect("written");
    disk.sync_file(path("/s/f")).expect("flushed");
    let data = Some(b"data".to_vec());
    assert_eq!(outcomes(&disk, "/s/f"), BTreeSet::from([None, data.clone()]));
    disk.sync_dir(path("/s")).expect("flushed");
    assert_eq!(outcomes(&disk, "/s/f"), BTreeSet::from([data]));
}

#[test]
fn a_rename_is_lost_or_kept_whole_until_its_directory_is_synced() {
    let disk = disk_with(b"old");
    disk.write_at(path("/s/tmp"), 0, b"new").expect("written");
    disk.sync_all(path("/s")).expect("flushed");
    disk.rename(path("/s/tmp"), path("/s/f")).expect("renamed");
    let seen: BTreeSet<_> = (0..100)
        .map(|seed| {
            let after = disk.power_loss(seed, PowerLoss::Random);
            (found(&after, "/s/f").expect("always there"), found(&after, "/s/tmp").is_some())
        })
        .collect();
    assert_eq!(seen, BTreeSet::from([(b"old".to_vec(), true), (b"new".to_vec(), false)]));
    disk.sync_dir(path("/s")).expect("flushed");
    assert_eq!(outcomes(&disk, "/s/f"), BTreeSet::from([Some(b"new".to_vec())]));
}

#[test]
fn an_atomic_write_without_a_sync_may_leave_an_empty_file_or_zeros() {
    let disk = disk_with(b"old");
    disk.write_atomic(path("/s/f"), b"new").expect("written");
    let seen = outcomes(&disk, "/s/f");
    for possible in [&b"old"[..], b"new", b"", b"\0\0\0"] {
        assert!(seen.contains(&Some(possible.to_vec())), "never saw {possible:?} in {seen:?}");
    }
    for content in seen.iter().flatten() {
        let start = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
        let possible = content == b"old" || b"new".starts_with(&content[..start]);
        assert!(possible && content[start..].iter().all(|byte| *byte == 0), "{content:?}");
    }
}

#[test]
fn sectors_are_lost_in_any_order_and_one_may_be_torn() {
    let disk = disk_with(&[b'o'; 1024]);
    disk.write_at(path("/s/f"), 0, &[b'n'; 1024]).expect("written");
    let mut kinds = BTreeSet::new();
    for content in outcomes(&disk, "/s/f").into_iter().flatten() {
        assert_eq!(content.len(), 1024);
        let kind = |sector: &[u8]| match (sector.contains(&b'o'), sector.contains(&b'n')) {
            (true, true) => "torn",
            (_, new) => {
                if new {
                    "new"
                } else {
                    "old"
                }
            }
        };
        let (first, second) = (kind(&content[..512]), kind(&content[512..]));
        assert!((first, second) != ("torn", "torn"), "more than one torn sector");
        kinds.extend([(first, second)]);
    }
    for expected in [("old", "new"), ("new", "old"), ("torn", "new"), ("old", "torn")] {
        assert!(kinds.contains(&expected), "never saw {expected:?} in {kinds:?}");
    }
}

#[test]
fn a_failed_flush_loses_its_bytes_for_ever() {
    let disk = disk_with(b"base");
    disk.write_at(path("/s/f"), 4, b"-lost").expect("written");
    disk.fail_at(disk.steps() + 1, Fault::Eio, false);
    let error = disk.sync_file(path("/s/f")).expect_err("told to fail");
    assert!(matches!(error, DiskError::Io { .. }) && !PowerIsOff::caused(&error), "{error:?}");
    assert_eq!(found(&disk, "/s/f").as_deref(), Some(&b"base-lost"[..]), "readers still see it");
    disk.sync_file(path("/s/f")).expect("the device is well again");
    disk.write_at(path("/s/f"), 9, b"-kept").expect("written");
    disk.sync_all(path("/s")).expect("flushed");
    let after = disk.power_loss(0, PowerLoss::KeepAll);
    assert_eq!(found(&after, "/s/f").as_deref(), Some(&b"base\0\0\0\0\0-kept"[..]));
}

#[test]
fn a_failed_directory_flush_is_never_made_good() {
    let disk = disk();
    disk.write_at(path("/s/f"), 0, b"x").expect("written");
    disk.fail_at(disk.steps() + 1, Fault::Eio, false);
    disk.sync_dir(path("/s")).expect_err("told to fail");
    disk.sync_all(path("/s")).expect("well again");
    assert_eq!(found(&disk.power_loss(0, PowerLoss::DropAll), "/s/f"), None);
}

#[test]
fn a_full_disk_takes_half_of_a_write_and_no_atomic_one() {
    let disk = disk_with(b"");
    disk.fail_at(disk.steps() + 1, Fault::Enospc, false);
    let error = disk.write_at(path("/s/f"), 0, b"12345678").expect_err("told to fail");
    assert!(matches!(error, DiskError::Full { .. }), "{error:?}");
    assert_eq!(found(&disk, "/s/f").as_deref(), Some(&b"1234"[..]));
    for step in 1..=3 {
        disk.fail_at(disk.steps() + step, Fault::Enospc, false);
        disk.write_atomic(path("/s/f"), b"other").expect_err("told to fail");
        assert_eq!(found(&disk, "/s/f").as_deref(), Some(&b"1234"[..]));
        assert_eq!(disk.paths().len(), 2, "a temporary file was left");
    }
    disk.fail_at(disk.steps() + 1, Fault::Enospc, true);
    disk.write_atomic(path("/s/f"), b"other").expect_err("full");
    disk.write_atomic(path("/s/f"), b"other").expect_err("full for good");
}

#[test]
fn a_stop_fails_every_later_call_and_leaves_temporary_files() {
    let disk = disk_with(b"old");
    let before = disk.steps();
    disk.stop_at(before + 3);
    let error = disk.write_atomic(path("/s/f"), b"new").expect_err("stopped before the rename");
    assert!(PowerIsOff::caused(&error), "{error:?}");
    assert!(PowerIsOff::caused(&disk.read(path("/s/f"), 9).expect_err("off")));
    assert!(PowerIsOff::caused(&disk.stat(path("/s/f")).expect_err("off")));
    assert!(PowerIsOff::caused(&disk.sync_all(path("/s")).expect_err("off")));
    assert!(PowerIsOff::caused(&disk.lock(path("/s/lock")).expect_err("off")));
    let next = disk.process_death();
    assert_eq!(next.read(path("/s/f"), 9).expect("on again"), b"old");
    assert_eq!(next.paths().len(), 3);
    assert_eq!(next.steps(), 0);
}

#[test]
fn a_stop_within_a_write_leaves_half_of_it() {
    let disk = disk_with(b"old");
    disk.stop_within(disk.steps() + 1);
    disk.write_at(path("/s/f"), 3, b"1234").expect_err("stopped");
    assert_eq!(found(&disk.process_death(), "/s/f").as_deref(), Some(&b"old12"[..]));
}

#[test]
fn boot_ids_change_with_the_power_only() {
    let disk = disk();
    assert_eq!(disk.process_death().boot_id(), disk.boot_id());
    assert_ne!(disk.power_loss(0, PowerLoss::KeepAll).boot_id(), disk.boot_id());
    assert_ne!(SimDisk::new(1).boot_id(), SimDisk::new(2).boot_id());
}

#[test]
fn the_same_seed_gives_the_same_loss() {
    let disk = disk_with(&[1; 5000]);
    disk.write_at(path("/s/f"), 100, &[2; 9000]).expect("written");
    disk.write_atomic(path("/s/g"), &[3; 600]).expect("written");
    let loss = |seed| disk.power_loss(seed, PowerLoss::Random).image();
    assert!((0..50).all(|seed| loss(seed) == loss(seed)));
    assert!((1..50).any(|seed| loss(seed) != loss(0)));
}

#[test]
fn locks_end_with_the_process() {
    let disk = disk();
    let guard = disk.lock(path("/s/lock")).expect("free");
    assert!(disk.clone().try_lock(path("/s/lock")).expect("looked").is_none());
    assert!(disk.process_death().try_lock(path("/s/lock")).expect("looked").is_some());
    drop(guard);
}

#[test]
fn a_read_only_disk_refuses_changes_and_counts_none() {
    let disk = disk_with(b"x");
    disk.read_only(true);
    let steps = disk.steps();
    let denied = |result: Result<(), DiskError>| matches!(result, Err(DiskError::Denied { .. }));
    assert!(denied(disk.write_at(path("/s/f"), 0, b"y")));
    assert!(denied(disk.write_atomic(path("/s/f"), b"y")));
    assert!(denied(disk.remove_file(path("/s/f"))));
    assert!(denied(disk.create_dir_all(path("/s/d"))));
    assert!(denied(disk.lock(path("/s/lock")).map(drop)));
    disk.create_dir_all(path("/s")).expect("it is there");
    assert_eq!(disk.read(path("/s/f"), 9).expect("readable"), b"x");
    assert_eq!(disk.steps(), steps);
}

#[test]
fn bits_flip_behind_the_users_back() {
    let disk = disk_with(b"abc");
    disk.corrupt(path("/s/f"), 1, 0).expect("there");
    assert_eq!(disk.read(path("/s/f"), 9).expect("readable"), b"acc");
    assert_eq!(found(&disk.power_loss(0, PowerLoss::DropAll), "/s/f").as_deref(), Some(&b"acc"[..]));
    assert!(disk.corrupt(path("/s/f"), 3, 0).is_err());
    disk.overwrite(path("/s/f"), b"z").expect("there");
    assert_eq!(disk.read(path("/s/f"), 9).expect("readable"), b"z");
    disk.network(true);
    assert!(disk.is_network(path("/s")).expect("there"));
}
