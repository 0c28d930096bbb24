//! Packs in a store: what a gc may do beside others, what is left by one that died, what damage does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::backend::conformance::packs::{packed, steps, versions};
use crate::backend::script::{STORE, block, commit, handle, moving, problems};
use crate::backend::{Backend, BackendError, StoredAs};
use crate::disk::sim::{Fault, PowerLoss};
use crate::disk::{Disk, DiskError, RealDisk, SimDisk, TEMPORARY_PREFIX};
use crate::object::{Object, ObjectId};
use crate::pack::Pack;

use super::between::Between;
use super::script::{check_and_use, gc, summary};
use super::{create, open, open_on, root};
use crate::backend::local::incoming::Incoming;

/// A store with a history of some versions, all loose.
fn store() -> (SimDisk, Vec<Object>) {
    let disk = SimDisk::new(21);
    let backend = create(&disk).expect("a new store");
    let objects = versions("prompt", 12);
    for object in &objects {
        let text = String::from_utf8(object.payload.clone()).expect("text");
        commit(&backend, &moving(&backend, "support", &[("versions", Some(&text))]));
    }
    (disk, objects)
}

fn files(disk: &SimDisk, dir: &str) -> Vec<PathBuf> {
    let dir = root().join(dir);
    disk.image().into_keys().filter(|path| path.starts_with(&dir)).collect()
}

fn loose(backend: &dyn Backend) -> Vec<ObjectId> {
    let mut found = Vec::new();
    let loose = |id, how| {
        if matches!(how, StoredAs::Loose { .. }) {
            found.push(id);
        }
    };
    backend.stored(&mut { loose }).expect("listed");
    found
}

fn all_readable(backend: &dyn Backend, objects: &[Object], context: &str) {
    for object in objects {
        assert_eq!(backend.object(&object.id()).expect(context).as_ref(), Some(object), "{context}");
    }
}

#[test]
fn a_gc_leaves_one_pack_and_what_is_written_again_stays_in_it() {
    let (disk, objects) = store();
    gc(&disk, false).expect("packed");
    assert_eq!(files(&disk, "objects").len(), 1, "{:?}", files(&disk, "objects"));
    let backend = open(&disk).expect("a store");
    all_readable(&backend, &objects, "packed");
    let text = String::from_utf8(objects[3].payload.clone()).expect("text");
    commit(&backend, &moving(&backend, "another", &[("drafts/x", Some(&text))]));
    backend.stage(&objects[..2]).expect("staged");
    assert_eq!(loose(&backend), [], "what is in a pack gets no file of its own");
    let lost = disk.power_loss(1, PowerLoss::DropAll);
    all_readable(&open(&lost).expect("a store"), &objects, "after a loss of power");
    check_and_use(&lost, "after a loss of power");
}

#[test]
fn what_is_durably_packed_is_not_journaled_again() {
    let (disk, objects) = store();
    let journal = |disk: &SimDisk| {
        let bytes = disk.read(&root().join("agents/another/journal"), 1 << 20).expect("there");
        memchr::memmem::find(&bytes, objects[3].id().as_bytes()).is_some()
    };
    let text = String::from_utf8(objects[3].payload.clone()).expect("text");
    for (knows, journaled) in [(false, true), (true, false)] {
        let run = disk.process_death();
        gc(&run, false).expect("packed");
        let backend = open(&run).expect("a store");
        if knows {
            let there = backend.lacks(&handle("support"), &[objects[3].id()]);
            assert_eq!(there.expect("looked"), []);
        }
        let transaction = moving(&backend, "another", &[("drafts/x", Some(&text)), ("meta", Some("new"))]);
        commit(&backend, &transaction);
        // A ref names it too: what is looked for is the record of the object.
        let held = journal(&run);
        assert_eq!(held, journaled, "{knows}");
        // Another process moves it on, and the power goes.
        gc(&run, true).expect("packed");
        let lost = run.power_loss(3, PowerLoss::DropAll);
        all_readable(&open(&lost).expect("a store"), &objects, "after a loss of power");
        check_and_use(&lost, "after a loss of power");
    }
}

#[test]
fn what_nothing_named_stays_loose() {
    let (disk, objects) = store();
    let backend = open(&disk).expect("a store");
    backend.stage(&[block("staged")]).expect("staged");
    backend.repack(&mut steps(objects.iter().map(Object::id))).expect("packed");
    assert_eq!(loose(&backend), [block("staged").id()]);
}

#[test]
fn a_writer_that_relies_on_what_a_gc_is_moving_never_loses_it() {
    let (disk, objects) = store();
    let mut states = 0;
    loop {
        let run = disk.process_death();
        let (count, other, text) = (AtomicU64::new(0), run.clone(), objects[5].payload.clone());
        let text = String::from_utf8(text).expect("text");
        // Somebody brings an object that is there already, right before the gc's next step.
        let before = move |_: &'static str, _: &Path| {
            if count.fetch_add(1, Ordering::SeqCst) == states {
                let writer = open(&other).expect("a store");
                commit(&writer, &moving(&writer, "another", &[("drafts/x", Some(&text))]));
            }
            Ok(())
        };
        let collector = open_on(Arc::new(Between::new(Arc::new(run.clone()), before))).expect("a store");
        collector.repack(&mut steps(objects.iter().map(Object::id))).expect("packed");
        if open(&run).expect("a store").head(&handle("another")).expect("read").is_none() {
            break;
        }
        for (what, found) in [
            ("alive", run.process_death()),
            ("nothing unsynced kept", run.power_loss(states, PowerLoss::DropAll)),
            ("some kept", run.power_loss(states, PowerLoss::Random)),
        ] {
            let context = format!("a writer at {states}, {what}");
            all_readable(&open(&found).expect("a store"), &objects, &context);
            assert_eq!(problems(&open(&found).expect("a store")), Vec::<String>::new(), "{context}");
        }
        states += 1;
    }
    assert!(states > 30, "only {states} places were met");
}

#[test]
fn a_pack_that_somebody_names_beside_a_gc_counts_only_once_its_name_is_durable() {
    let (disk, objects) = store();
    let (ours, theirs) = objects.split_at(4);
    let foreign = packed(&objects);
    let id = Pack::open(foreign.as_slice()).expect("a pack").id();
    let named = root().join(format!("objects/packs/{id}.pack"));
    let mut states = 0;
    loop {
        let run = disk.process_death();
        let (count, other, bytes, to) = (AtomicU64::new(0), run.clone(), foreign.clone(), named.clone());
        // Somebody's pack gets its name right before the gc's next step, and that name is not synced yet.
        let before = move |_: &'static str, _: &Path| {
            if count.fetch_add(1, Ordering::SeqCst) == states {
                let from = to.with_file_name(format!("{TEMPORARY_PREFIX}pack-of-another"));
                other.create_dir_all(&root().join("objects/packs")).expect("made");
                other.write_at(&from, 0, &bytes).expect("written");
                other.sync_file(&from).expect("durable");
                other.rename(&from, &to).expect("named");
            }
            Ok(())
        };
        let collector = open_on(Arc::new(Between::new(Arc::new(run.clone()), before))).expect("a store");
        collector.repack(&mut steps(ours.iter().map(Object::id))).expect("packed");
        if run.stat(&named).expect("looked").is_none() {
            break;
        }
        for seed in 0..24 {
            let lost = run.power_loss(seed, PowerLoss::Random);
            let context = format!("named at {states}, lost {seed}");
            let found = open(&lost).expect("a store");
            // What was only journaled is there once the journal was looked at.
            found.head(&handle("support")).expect("readable");
            all_readable(&found, theirs, &context);
            all_readable(&found, ours, &context);
        }
        states += 1;
    }
    assert!(states > 30, "only {states} places were met");
}

#[test]
fn who_has_a_damaged_pack_open_reads_the_one_that_takes_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = || Arc::new(RealDisk::new());
    let backend = super::LocalBackend::create(disk(), dir.path(), STORE).expect("a new store");
    let objects = versions("kept", 80);
    backend.stage_pack(&mut packed(&objects).as_slice(), &mut |_| {}).expect("taken in");
    let path = dir.path().join(format!("objects/packs/{}.pack", backend.packs().expect("listed")[0].id));
    let whole = std::fs::read(&path).expect("a pack");
    // Bad from the middle on, as a bad sector makes it, under a name that leads to another file.
    let mut bad = whole.clone();
    let half = whole.len() / 2;
    bad[50..half].fill(0);
    std::fs::write(dir.path().join("bad"), &bad).expect("written");
    std::fs::rename(dir.path().join("bad"), &path).expect("replaced");
    let reader = super::LocalBackend::open(disk(), dir.path()).expect("a store");
    let unread = objects.iter().filter(|object| reader.object(&object.id()).is_err()).count();
    assert!(unread > 0 && reader.packs().expect("listed").len() == 1, "{unread} cannot be read");
    std::fs::write(dir.path().join("whole"), &whole).expect("written");
    std::fs::rename(dir.path().join("whole"), &path).expect("replaced");
    all_readable(&reader, &objects, "replaced");
}

#[test]
fn a_reader_beside_two_gcs_finds_everything_all_the_while() {
    let (disk, objects) = store();
    let readers = Arc::new(Mutex::new(vec![open(&disk).expect("a store")]));
    all_readable(&readers.lock().expect("unpoisoned")[0], &objects[..1], "first");
    let (watching, expected) = (Arc::clone(&readers), objects.clone());
    let before = move |call: &'static str, path: &Path| {
        if call == "remove_file" && !path.to_string_lossy().contains(TEMPORARY_PREFIX) {
            for reader in watching.lock().expect("unpoisoned").iter() {
                all_readable(reader, &expected, &path.display().to_string());
            }
        }
        Ok(())
    };
    let collector = open_on(Arc::new(Between::new(Arc::new(disk.clone()), before))).expect("a store");
    for round in 0..3 {
        // One that knows nothing yet, one that has listed the packs as they are, and those from before.
        let knowing = open(&disk).expect("a store");
        knowing.packs().expect("listed");
        readers.lock().expect("unpoisoned").extend([open(&disk).expect("a store"), knowing]);
        let ids: Vec<ObjectId> = objects.iter().map(Object::id).collect();
        let order: Vec<ObjectId> =
            if round % 2 == 0 { ids.into_iter().rev().collect() } else { ids.into_iter().collect() };
        let repacked = collector.repack(&mut steps(order)).expect("packed");
        assert_eq!(repacked.packs_removed, u64::from(round > 0), "{round}");
    }
}

#[test]
fn a_second_gc_says_that_one_is_at_work() {
    let (disk, objects) = store();
    let backend = open(&disk).expect("a store");
    let guard = disk.lock(&root().join("locks/.gc.lock")).expect("locked");
    let refused = backend.repack(&mut steps(objects.iter().map(Object::id)));
    assert!(matches!(refused, Err(BackendError::GcRuns)), "{refused:?}");
    assert_eq!(backend.packs().expect("listed"), []);
    drop(guard);
    backend.repack(&mut steps(objects.iter().map(Object::id))).expect("packed");
}

#[test]
fn what_a_dead_writer_of_a_pack_left_is_swept_and_what_a_living_one_writes_is_not() {
    let (disk, objects) = store();
    let (mut met, steps_in_all) = (0, {
        let run = disk.process_death();
        gc(&run, false).expect("packed");
        run.steps()
    });
    for step in 1..=steps_in_all {
        let run = disk.process_death();
        run.stop_at(step);
        gc(&run, false).expect_err("stopped");
        let run = run.process_death();
        let left = |run: &SimDisk| {
            let paths = files(run, "objects").into_iter();
            paths.filter(|path| path.to_string_lossy().contains(TEMPORARY_PREFIX)).count()
        };
        met += left(&run);
        gc(&run, false).expect("packed");
        assert_eq!(left(&run), 0, "stopped at {step}");
        assert_eq!(files(&run, "objects").len(), 1, "stopped at {step}");
        all_readable(&open(&run).expect("a store"), &objects, "packed");
    }
    assert!(met > 1, "no temporary file was met");
    let backend = open(&disk).expect("a store");
    let living = Incoming::begin(&backend).expect("begun");
    assert_eq!(open(&disk).expect("a store").sweep_packs().expect("swept"), 0);
    drop(living);
    assert_eq!(files(&disk, "objects/packs"), Vec::<PathBuf>::new());
}

#[test]
fn a_full_or_failing_disk_removes_nothing() {
    let (disk, objects) = store();
    let whole = disk.process_death();
    gc(&whole, false).expect("packed");
    let mut removed_nothing = 0;
    for step in 1..=whole.steps() {
        for fault in [Fault::Enospc, Fault::Eio] {
            let run = disk.process_death();
            run.fail_at(step, fault, fault == Fault::Enospc);
            let result = gc(&run, false);
            let after = run.process_death();
            let context = format!("{fault:?} at {step}: {result:?}");
            all_readable(&open(&after).expect("a store"), &objects, &context);
            let packs = open(&after).expect("a store").packs().expect("listed").len();
            if packs == 0 {
                let full = matches!(result, Err(BackendError::Disk { source: DiskError::Full { .. }, .. }));
                assert!(fault == Fault::Eio || full, "{context}");
                assert_eq!(loose(&open(&after).expect("a store")).len(), objects.len(), "{context}");
                removed_nothing += 1;
            }
            open(&after).expect("a store").recover_store().expect("recovered");
            gc(&after, false).expect(&context);
            assert_eq!(files(&after, "objects").len(), 1, "{context}");
            assert_eq!(problems(&open(&after).expect("a store")), Vec::<String>::new(), "{context}");
        }
    }
    assert!(removed_nothing > 4, "only {removed_nothing} gcs failed before their pack was there");
}

#[test]
fn every_flipped_bit_of_a_pack_is_named_and_no_gc_makes_it_worse() {
    let (disk, objects) = store();
    gc(&disk, false).expect("packed");
    let before = summary(&disk).expect("readable");
    let pack = files(&disk, "objects/packs").remove(0);
    let shown = pack.strip_prefix(root()).expect("in the store").display().to_string();
    let len = disk.image()[&pack].len();
    let mut named = 0;
    for at in (0..len).step_by(5) {
        let run = disk.process_death();
        run.corrupt(&pack, at, 3).expect("there");
        let backend = open(&run).expect("a store");
        let problems = problems(&backend);
        assert!(problems.iter().any(|problem| problem.starts_with(&shown)), "{at}: {problems:?}");
        named += usize::from(problems.iter().any(|problem| problem.starts_with("object ")));
        assert_eq!(summary(&run).expect("refs are elsewhere"), before);
        // What is written again is whole again, and what a gc then does keeps it.
        backend.stage(&objects).expect("staged");
        all_readable(&backend, &objects, "staged again");
        gc(&run, false).expect("packed");
        all_readable(&open(&run).expect("a store"), &objects, "packed again");
    }
    assert!(named > 20, "only {named} flips were put down to objects");
}

#[test]
fn a_damaged_loose_object_is_served_from_a_pack() {
    let (disk, objects) = store();
    let before = disk.process_death();
    gc(&disk, false).expect("packed");
    let id = objects[4].id().to_string();
    let path = root().join("objects").join(&id[..2]).join(&id[2..]);
    let bytes = before.read(&path, 1 << 20).expect("it was loose");
    disk.write_at(&path, 0, &bytes[..bytes.len() - 1]).expect("written");
    let backend = open(&disk).expect("a store");
    all_readable(&backend, &objects, "a damaged copy");
    let mut notes = Vec::new();
    backend.audit(&mut |fault| notes.push((fault.harmless, fault.subject))).expect("audited");
    assert_eq!(notes, [(true, format!("object {id}"))]);
    gc(&disk, false).expect("packed");
    assert_eq!(loose(&open(&disk).expect("a store")), []);
    all_readable(&open(&disk).expect("a store"), &objects, "after the gc");
}

#[test]
fn a_pack_that_comes_again_is_not_written_and_one_that_is_damaged_is_replaced() {
    let (disk, _) = store();
    let objects = versions("kept", 80);
    let bytes = packed(&objects);
    let stage = |disk: &SimDisk, bytes: &[u8]| {
        open(disk).expect("a store").stage_pack(&mut { bytes }, &mut |_| {}).map(drop)
    };
    stage(&disk, &bytes).expect("taken in");
    let pack = files(&disk, "objects/packs").remove(0);
    let inode = disk.stat(&pack).expect("looked").expect("there").inode;
    stage(&disk, &bytes).expect("taken in");
    assert_eq!(disk.stat(&pack).expect("looked").expect("there").inode, inode);
    disk.corrupt(&pack, 99, 1).expect("there");
    stage(&disk, &bytes).expect("taken in");
    assert_eq!(disk.image()[&pack], bytes);
    for cut in (0..bytes.len()).step_by(97) {
        assert!(stage(&disk, &bytes[..cut]).is_err(), "{cut}");
    }
    assert_eq!(files(&disk, "objects/packs"), [pack]);
}

#[test]
fn packs_are_mapped_on_the_real_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("s");
    let disk = || Arc::new(RealDisk::new());
    let backend = super::LocalBackend::create(disk(), &place, STORE).expect("a new store");
    let objects = versions("real", 300);
    backend.stage(&objects).expect("staged");
    let other = super::LocalBackend::open(disk(), &place).expect("a store");
    all_readable(&other, &objects[..3], "loose");
    let first = backend.repack(&mut steps(objects[..200].iter().map(Object::id))).expect("packed");
    assert_eq!((first.loose_removed, first.packs_removed), (200, 0));
    all_readable(&other, &objects, "one pack");
    let second = backend.repack(&mut steps(objects.iter().map(Object::id))).expect("packed");
    assert_eq!((second.loose_removed, second.packs_removed), (100, 1));
    let third = backend.repack(&mut steps(objects.iter().rev().map(Object::id))).expect("packed");
    assert_eq!((third.loose_removed, third.packs_removed), (0, 1));
    all_readable(&other, &objects, "another pack");
    assert_eq!(other.packs().expect("listed"), [third.pack.expect("made")]);
    assert_eq!(problems(&other), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(place.join("objects/packs")).expect("listed").count(), 1);
}
