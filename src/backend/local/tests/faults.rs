//! Calls that fail: nothing that was acknowledged is lost, what is not known to be durable is never
//! relied on, and a failed flush keeps everybody out until it is recovered from.

use std::time::Duration;

use crate::backend::script::{block, commit, handle, moving, problems};
use crate::backend::{Backend, BackendError, Outcome};
use crate::disk::sim::{Fault, PowerLoss};
use crate::disk::{Disk, SimDisk};

use super::script::{SCRIPT, Summary, check_and_lose, check_and_use, is_before_or_after, summary};
use super::{create, open, root};

fn store() -> SimDisk {
    let disk = SimDisk::new(3);
    let backend = create(&disk).expect("a new store");
    commit(&backend, &moving(&backend, "support", &[("drafts/main", Some("hello")), ("ACTIVE", None)]));
    disk
}

#[test]
fn a_failure_anywhere_loses_nothing() {
    let mut states = 0;
    let mut base = SimDisk::new(12);
    for operation in &SCRIPT {
        if operation.rebooted {
            base = base.power_loss(4, PowerLoss::DropAll);
        }
        let healthy = base.process_death();
        (operation.run)(&healthy).expect(operation.name);
        let before = summary(&base.process_death()).expect("readable");
        let after = summary(&healthy.process_death()).expect("readable").expect("a store");
        for (step, fault) in
            (1..=healthy.steps()).flat_map(|step| [(step, Fault::Eio), (step, Fault::Enospc)])
        {
            let run = base.process_death();
            run.fail_at(step, fault, false);
            let result = (operation.run)(&run);
            let context = format!("'{}', {fault:?} at {step}, {result:?}", operation.name);
            let run = run.process_death();
            let Ok(backend) = open(&run) else {
                assert!(before.is_none() && result.is_err(), "{context}");
                continue;
            };
            // A file system that fails to write its own directories gives up for good; what files held is
            // another matter, and has to be written again.
            let marked = backend.recover_store().expect("recovered");
            let loss = if marked { PowerLoss::KeepAll } else { PowerLoss::DropAll };
            for agent in ["support", "sales", "desk", "help", "bulk-1", "bulk-2"] {
                backend.recover(&handle(agent)).expect(&context);
            }
            drop(backend);
            let found = summary(&run).expect(&context).expect("a store");
            let unapplied = matches!(result, Ok(()) | Err(BackendError::Unapplied { .. }));
            let none = Summary::new();
            let before = before.as_ref().unwrap_or(&none);
            assert!(is_before_or_after(&found, before, &after), "{context}: {found:#?}");
            assert!(!unapplied || found == after, "{context}: an acknowledged operation is gone");
            check_and_lose(&run, loss, &context);
            states += 1;
        }
        base = healthy;
    }
    assert!(states > 500, "only {states} states were looked at");
}

/// The number of the step that makes a commit of this draft durable: its flush.
fn flush_step(disk: &SimDisk) -> u64 {
    let run = disk.process_death();
    let backend = open(&run).expect("a store");
    let edit = moving(&backend, "support", &[("drafts/main", Some("lost"))]);
    for step in 1.. {
        let run = disk.process_death();
        run.fail_at(step, Fault::Eio, false);
        let result = open(&run).expect("a store").commit(&edit);
        if run.stat(&root().join("agents/support/.journal.failed")).expect("looked").is_some() {
            assert!(matches!(result, Err(BackendError::Disk { .. })), "{result:?}");
            return step;
        }
        assert!(step < 99, "no flush was found");
    }
    unreachable!("the loop ends by itself")
}

#[test]
fn a_failed_flush_keeps_every_process_out_until_recovered() {
    let disk = store();
    let step = flush_step(&disk);
    let run = disk.process_death();
    let (one, other) = (open(&run).expect("a store"), open(&run).expect("a store"));
    let before = summary(&run).expect("readable");
    let edit = moving(&one, "support", &[("drafts/main", Some("lost"))]);
    // The other process knows the agent already.
    other.head(&handle("support")).expect("readable");
    run.fail_at(run.steps() + step, Fault::Eio, false);
    one.commit(&edit).expect_err("the flush failed");
    for backend in [&one, &other, &open(&run).expect("a store")] {
        let refused = backend.commit(&edit);
        assert!(
            matches!(&refused, Err(BackendError::Poisoned(agent)) if *agent == handle("support")),
            "{refused:?}"
        );
        let head = backend.head(&handle("support")).expect("reading goes on");
        assert_eq!(head.map(|head| Some(head.record)), Some(edit.records[0].prev));
    }
    commit(&other, &moving(&other, "sales", &[("drafts/main", Some("another agent goes on"))]));
    assert_eq!(problems(&other).len(), 1, "the audit names it");
    assert!(other.recover(&handle("support")).expect("recovered"));
    assert!(!other.recover(&handle("support")).expect("nothing left to do"));
    let recovered = summary(&run.power_loss(1, PowerLoss::DropAll)).expect("readable").expect("a store");
    let before = before.expect("a store");
    assert!(before.iter().all(|(agent, state)| recovered.get(agent) == Some(state)));
    commit(&one, &edit);
    check_and_use(&run, "after the recovery");
}

#[test]
fn a_failed_flush_of_the_volume_marks_the_whole_store() {
    let disk = store();
    let run = disk.process_death();
    let backend = open(&run).expect("a store");
    backend.stage(&[block("staged")]).expect("staged");
    let mut many = moving(&backend, "support", &[("drafts/main", Some("staged"))]);
    many.objects.clear();
    // The next step that is not about a lock is the flush of what was staged.
    let locks = {
        let probe = run.process_death();
        drop(probe.lock(&root().join("locks/support.lock")));
        probe.steps()
    };
    run.fail_at(run.steps() + locks + 1, Fault::Eio, false);
    let failed = backend.commit_many(std::slice::from_ref(&many));
    assert!(matches!(failed, Err(BackendError::Disk { .. })), "{failed:?}");
    let other = open(&run).expect("a store");
    assert!(matches!(other.commit(&many), Err(BackendError::SyncFailed)));
    assert!(matches!(other.stage(&[block("more")]), Err(BackendError::SyncFailed)));
    assert!(matches!(backend.commit_many(&[many.clone()]), Err(BackendError::SyncFailed)));
    assert!(other.recover(&handle("support")).expect("recovered"));
    assert_eq!(other.commit_many(&[many]).expect("committed"), [Outcome::Committed]);
    let lost = run.power_loss(1, PowerLoss::KeepAll);
    assert_eq!(problems(&open(&lost).expect("a store")), Vec::<String>::new());
    check_and_lose(&run, PowerLoss::KeepAll, "after the recovery");
}

#[test]
fn a_full_disk_is_told_apart_and_the_operation_completes_later() {
    let disk = store();
    let before = open(&disk).expect("a store");
    before.checkpoint().expect("flushed");
    // The first record of an epoch that another process began costs a flush more.
    let first = moving(&before, "support", &[("drafts/main", Some("first"))]);
    assert_eq!(before.commit(&first).expect("committed"), Outcome::Committed);
    let step = flush_step(&disk);
    let run = disk.process_death();
    let backend = open(&run).expect("a store");
    let edit = moving(&backend, "support", &[("drafts/main", Some("kept"))]);
    // Every write fails, but for the flushes between them: that of the commit, and two for each reader. The ref that
    // could not be written is touched.
    for write in [1, 4, 7] {
        run.fail_at(run.steps() + step + write, Fault::Enospc, false);
    }
    let looked = backend.glance(&handle("support"), &"drafts/main".parse().expect("a ref"));
    let result = backend.commit(&edit);
    assert!(matches!(result, Err(BackendError::Unapplied { .. })), "{result:?}");
    // Who kept in memory what the ref says sees that it has to look again.
    let looks = backend.glance(&handle("support"), &"drafts/main".parse().expect("a ref"));
    assert!(looks.is_some() && looks != looked, "{looks:?}");
    // Still full: reading goes on, in memory.
    for reader in [&backend, &open(&run).expect("a store")] {
        let head = reader.head(&handle("support")).expect("readable").expect("there");
        assert_eq!(head.record, edit.records[0].id());
        assert_eq!(reader.object(&block("kept").id()).expect("readable"), Some(block("kept")));
    }
    assert_eq!(backend.waiting_for_space(), [handle("support")]);
    assert!(backend.glance(&handle("support"), &"drafts/main".parse().expect("a ref")).is_none());
    // A process that lives on tries again, once there may be space.
    let going_on = run.process_death();
    let long_lived = open(&going_on).expect("a store");
    for write in 1..=2 {
        going_on.fail_at(going_on.steps() + write, Fault::Enospc, false);
    }
    long_lived.head(&handle("support")).expect("readable");
    assert_eq!(long_lived.waiting_for_space(), [handle("support")]);
    let stale = going_on.read(&root().join("agents/support/drafts/main"), 4096).expect("a file");
    std::thread::sleep(Duration::from_millis(1100));
    let head = long_lived.head(&handle("support")).expect("readable").expect("there");
    assert_eq!(head.record, edit.records[0].id());
    assert_ne!(going_on.read(&root().join("agents/support/drafts/main"), 4096).expect("a file"), stale);
    long_lived.head(&handle("support")).expect("readable");
    assert_eq!(long_lived.waiting_for_space(), []);
    let later = run.process_death();
    let head = open(&later).expect("a store").head(&handle("support")).expect("readable").expect("there");
    assert_eq!(head.record, edit.records[0].id());
    check_and_use(&later, "with space again");
}

#[test]
fn a_read_only_store_is_replayed_in_memory() {
    let disk = store();
    let step = flush_step(&disk);
    let run = disk.process_death();
    let writer = open(&run).expect("a store");
    let edit = moving(&writer, "support", &[("drafts/main", Some("kept")), ("versions", Some("v1"))]);
    run.stop_at(step + 1);
    writer.commit(&edit).expect_err("stopped");
    for found in [run.process_death(), run.power_loss(1, PowerLoss::DropAll)] {
        found.read_only(true);
        let before = found.image();
        let reader = open(&found).expect("a store");
        assert_eq!(problems(&reader), Vec::<String>::new());
        let head = reader.head(&handle("support")).expect("readable").expect("there");
        assert_eq!(head.record, edit.records[0].id());
        assert!(matches!(reader.commit(&edit), Err(BackendError::Disk { .. })));
        assert_eq!(found.image(), before, "something was written");
        // Somebody who may write completes it and goes on: the reader follows.
        found.read_only(false);
        let writer = open(&found).expect("a store");
        commit(&writer, &moving(&writer, "support", &[("drafts/main", Some("newer"))]));
        found.read_only(true);
        let newer = writer.head(&handle("support")).expect("readable");
        assert_eq!(reader.head(&handle("support")).expect("readable"), newer);
        assert_eq!(problems(&reader), Vec::<String>::new());
    }
}
