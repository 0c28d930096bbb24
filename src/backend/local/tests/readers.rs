//! Readers beside writers that die, or that complete what a dead one left: what they say is one state
//! of the agent, and in the end the newest.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::backend::script::{STORE, block, commit, deriving, handle, moving, name, problems, target};
use crate::backend::{Backend, BackendError, Outcome, Transaction};
use crate::disk::sim::{Fault, PowerLoss};
use crate::disk::{Disk, DiskError, RealDisk, SharedDisk, SimDisk};

use super::between::Between;
use super::script::summary;
use super::{create, open, open_on, root};
use crate::backend::local::LocalBackend;

fn store() -> SimDisk {
    let disk = SimDisk::new(8);
    let backend = create(&disk).expect("a new store");
    let first = moving(&backend, "support", &[("drafts/main", Some("hello")), ("ACTIVE", None)]);
    commit(&backend, &deriving(first, Some("{}")));
    disk
}

fn publishing(backend: &dyn Backend, text: &str) -> Transaction {
    let moves = &[("drafts/main", Some(text)), ("versions", Some(text)), ("ACTIVE", Some(text))];
    deriving(moving(backend, "support", moves), Some(text))
}

/// Everything that a reader says of the agent, put as the text that was published last.
fn said(reader: &dyn Backend) -> Vec<String> {
    let agent = handle("support");
    let word = |id| ["hello", "v1", "v2"].iter().find(|text| block(text).id() == id).copied();
    let of = |at: &str| {
        let state = reader.read_ref(&agent, &name(at)).expect("readable");
        let id = state.and_then(|state| state.target).and_then(|target| target.id());
        id.and_then(word).unwrap_or("none").to_owned()
    };
    let active = of("ACTIVE");
    let derived = reader.derived(&agent, "ACTIVE.json").expect("readable").unwrap_or_default();
    let versions = reader.list_len(&agent, &name("versions")).expect("readable");
    let head = reader.head(&agent).expect("readable").expect("there");
    let log = reader.read_log(&agent, 0, 1 << 20).expect("readable");
    assert_eq!(head.log_bytes, log.len() as u64);
    let lines = log.iter().filter(|byte| **byte == b'\n').count();
    vec![
        active,
        String::from_utf8(derived).expect("text"),
        of("drafts/main"),
        format!("v{versions}"),
        format!("v{}", lines - 1),
    ]
}

/// The states in which a writer that dies leaves a store after its commit point.
fn left_by_the_dead(disk: &SimDisk) -> impl Iterator<Item = (SimDisk, LocalBackend, LocalBackend)> {
    let disk = disk.process_death();
    let mut step = 0;
    std::iter::from_fn(move || {
        loop {
            step += 1;
            let run = disk.process_death();
            // Two readers that know the agent already.
            let readers = [open(&run).expect("a store"), open(&run).expect("a store")];
            for reader in &readers {
                drop(said(reader));
            }
            let writer = open(&run).expect("a store");
            let edit = publishing(&writer, "v1");
            run.fail_at(run.steps() + step, Fault::Eio, false);
            match writer.commit(&edit) {
                Ok(_) => return None,
                Err(BackendError::Unapplied { .. }) => {
                    let [one, other] = readers;
                    return Some((run, one, other));
                }
                Err(_) => {}
            }
        }
    })
}

#[test]
fn a_reader_that_runs_on_notices_that_a_writer_died() {
    let mut states = 0;
    for (run, reader, read_only) in left_by_the_dead(&store()) {
        run.read_only(true);
        assert_eq!(said(&read_only), ["v1"; 5], "in memory");
        run.read_only(false);
        assert_eq!(said(&reader), ["v1"; 5]);
        assert_eq!(said(&read_only), ["v1"; 5], "completed by the other");
        commit(&reader, &publishing(&reader, "v2"));
        assert_eq!(said(&read_only), ["v2"; 5], "after another operation");
        states += 1;
    }
    assert!(states > 10, "only {states} states");
}

/// A reader that may not write, and is told of each call that it makes.
fn reader_on(disk: &SimDisk, told: impl Fn(&'static str) + Send + Sync + 'static) -> LocalBackend {
    let before = move |call: &'static str, path: &Path| {
        told(call);
        let writes = ["write_at", "write_atomic", "lock", "try_lock", "truncate", "rename", "remove_file"];
        match call {
            _ if writes.contains(&call) => {
                Err(DiskError::new(call, path, std::io::ErrorKind::ReadOnlyFilesystem.into()))
            }
            _ => Ok(()),
        }
    };
    open_on(Arc::new(Between::new(Arc::new(disk.clone()), before))).expect("a store")
}

#[test]
fn what_is_replayed_in_memory_is_dropped_once_somebody_completed_it() {
    let mut states = 0;
    for (left, _, _) in left_by_the_dead(&store()).step_by(3) {
        for moment in 1.. {
            let run = left.process_death();
            let calls = Arc::new(AtomicU64::new(0));
            let (count, disk) = (Arc::clone(&calls), run.clone());
            let reader = reader_on(&run, move |_| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == moment {
                    // Somebody who may write completes what was left, and goes on.
                    let writer = open(&disk).expect("a store");
                    commit(&writer, &publishing(&writer, "v2"));
                }
            });
            let head = reader.head(&handle("support")).expect("readable").expect("there");
            if calls.load(Ordering::SeqCst) < moment {
                break;
            }
            assert!(head.log_bytes > 0);
            assert_eq!(said(&reader), ["v2"; 5], "at moment {moment}");
            assert_eq!(problems(&reader), Vec::<String>::new(), "at moment {moment}");
            states += 1;
        }
    }
    assert!(states > 50, "only {states} states");
}

#[test]
fn what_a_failed_flush_may_have_lost_is_not_replayed_in_memory() {
    let (left, _, _) = left_by_the_dead(&store()).next().expect("a state");
    let disk = left.clone();
    let reader = reader_on(&left, move |call| {
        if call == "sync_file" {
            let mark = root().join("agents/support/.journal.failed");
            disk.write_at(&mark, 0, b"a flush of this journal failed\n").expect("written");
        }
    });
    let head = reader.head(&handle("support"));
    assert!(matches!(head, Err(BackendError::Poisoned(_))), "{head:?}");
}

#[test]
fn the_header_of_an_epoch_is_durable_before_its_first_record_is_written() {
    let disk = store();
    let backend = open(&disk).expect("a store");
    for text in ["a", "b", "c"] {
        commit(&backend, &moving(&backend, "support", &[("drafts/main", Some(&text.repeat(900)))]));
    }
    let steps = {
        let run = disk.process_death();
        open(&run).expect("a store").checkpoint().expect("flushed");
        run.steps()
    };
    let mut states = 0;
    for stop in 1..=steps {
        let stopped = disk.process_death();
        stopped.stop_at(stop);
        open(&stopped).and_then(|backend| backend.checkpoint()).expect_err("stopped");
        for again in 1.. {
            let run = stopped.process_death();
            let next = open(&run).expect("a store");
            // As every operation does, it reads before it writes.
            next.head(&handle("support")).expect("readable");
            let edit = moving(&next, "support", &[("drafts/main", Some("after"))]);
            let before = summary(&run.process_death()).expect("readable");
            run.stop_at(run.steps() + again);
            if next.commit(&edit).is_ok() {
                break;
            }
            for seed in 0..6 {
                let lost = run.power_loss(seed, PowerLoss::Random);
                let found = summary(&lost).unwrap_or_else(|error| panic!("{stop} {again} {seed}: {error:?}"));
                let count = |of: &Option<super::script::Summary>| {
                    of.as_ref().map(|agents| agents.values().map(|(_, log, _)| log.len()).sum::<usize>())
                };
                assert!(count(&found) >= count(&before), "{stop} {again} {seed}");
                states += 1;
            }
        }
    }
    assert!(states > 100, "only {states} states");
}

#[test]
fn a_warm_read_costs_one_look_at_the_journal() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("s");
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let disk: SharedDisk = Arc::new(Between::new(Arc::new(RealDisk::new()), move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }));
    let writer = LocalBackend::create(Arc::new(RealDisk::new()), &root, STORE).expect("a new store");
    commit(&writer, &moving(&writer, "a", &[("ACTIVE", Some("v1"))]));
    let reader = LocalBackend::open(disk, &root).expect("a store");
    let read = || reader.read_ref(&handle("a"), &name("ACTIVE")).expect("readable").and_then(|s| s.target);
    let settles = |expected: &str| {
        let begun = Instant::now();
        loop {
            calls.store(0, Ordering::SeqCst);
            assert_eq!(read(), target(expected));
            if calls.load(Ordering::SeqCst) == 2 {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "a read costs {calls:?} calls");
        }
    };
    settles("v1");
    let outcome = writer.commit(&moving(&writer, "a", &[("ACTIVE", Some("v2"))])).expect("committed");
    assert_eq!(outcome, Outcome::Committed);
    settles("v2");
}
