//! Stops every operation at each of its steps, lets a process die or the power go, and looks at what
//! the next process finds: every acknowledged operation, and of the one that was stopped all or
//! nothing.

use std::path::PathBuf;

use crate::backend::script::{handle, moved, moving};
use crate::backend::{Backend, Moved};
use crate::disk::sim::PowerLoss;
use crate::disk::{Disk, SimDisk, TEMPORARY_PREFIX};

use super::script::{Operation, SCRIPT, Summary, check_and_use, is_before_or_after, summary};
use super::{create, open, root};

/// Random losses of power that are looked at for every step.
const LOSSES: u64 = 3;

/// One operation of the script, with the disk before it and what is said before and after.
pub(super) struct Stage {
    pub(super) operation: &'static Operation,
    pub(super) base: SimDisk,
    steps: u64,
    before: Option<Summary>,
    after: Summary,
}

/// Every stage of the script.
pub(super) fn stages() -> Vec<Stage> {
    stages_on(SimDisk::new(11))
}

fn stages_on(mut disk: SimDisk) -> Vec<Stage> {
    let mut stages = Vec::new();
    for operation in &SCRIPT {
        let base =
            if operation.rebooted { disk.power_loss(5, PowerLoss::DropAll) } else { disk.process_death() };
        let run = base.process_death();
        (operation.run)(&run).expect(operation.name);
        let before = summary(&base.process_death()).expect("readable");
        let after = summary(&run.process_death()).expect("readable").expect("a store");
        stages.push(Stage { operation, base, steps: run.steps(), before, after });
        disk = run;
    }
    stages
}

/// What may be found after a disk stopped.
fn outcomes(stopped: &SimDisk) -> Vec<(String, SimDisk)> {
    let mut outcomes = vec![
        ("death".to_owned(), stopped.process_death()),
        ("nothing unsynced kept".to_owned(), stopped.power_loss(1, PowerLoss::DropAll)),
        ("everything kept".to_owned(), stopped.power_loss(2, PowerLoss::KeepAll)),
    ];
    outcomes.extend(
        (0..LOSSES).map(|seed| (format!("loss {seed}"), stopped.power_loss(seed, PowerLoss::Random))),
    );
    outcomes
}

impl Stage {
    /// The disk after the operation was stopped at a step.
    fn stopped(&self, step: u64, tear: bool) -> SimDisk {
        let run = self.base.process_death();
        if tear {
            run.stop_within(step);
        } else {
            run.stop_at(step);
        }
        assert!((self.operation.run)(&run).is_err(), "'{}' ignores a stop at {step}", self.operation.name);
        run
    }

    /// Looks at what was found: reading it completes what was begun.
    fn check(&self, found: &SimDisk, context: &str) {
        let state = summary(found).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let (Some(before), Some(state)) = (&self.before, state) else {
            assert!(self.before.is_none(), "{context}: the store is gone");
            return;
        };
        assert!(is_before_or_after(&state, before, &self.after), "{context}: {state:#?}");
    }
}

#[test]
fn a_stop_anywhere_leaves_all_or_nothing() {
    let mut states = 0;
    for stage in stages() {
        for (step, tear) in (1..=stage.steps).flat_map(|step| [(step, false), (step, true)]) {
            let stopped = stage.stopped(step, tear);
            for (what, found) in outcomes(&stopped) {
                let context = format!("'{}' stopped at {step} (torn: {tear}), {what}", stage.operation.name);
                stage.check(&found, &context);
                if what == "death" && open(&found).is_ok() {
                    // What the next process saw, nobody may take back; an empty store is nothing yet.
                    let seen = summary(&found).expect(&context);
                    let lost = found.power_loss(3, PowerLoss::DropAll);
                    let nothing = seen.as_ref().is_none_or(Summary::is_empty);
                    let kept = summary(&lost).expect(&context);
                    assert!(nothing || kept == seen, "{context}, seen and lost");
                }
                if states % 6 == 0 && open(&found).is_ok() {
                    check_and_use(&found, &context);
                }
                states += 1;
            }
        }
    }
    assert!(states > 4000, "only {states} states were looked at");
}

#[test]
fn a_rename_in_steps_leaves_all_or_nothing_and_keeps_the_handle() {
    let disk = SimDisk::new(11);
    disk.no_exchange(true);
    let elsewhere = create(&SimDisk::new(2)).expect("a new store");
    let mut states = 0;
    for stage in stages_on(disk) {
        let Some(from) = [("rename", "support"), ("rename back", "desk"), ("rename on", "support")]
            .iter()
            .find_map(|(name, from)| (*name == stage.operation.name).then_some(*from))
        else {
            continue;
        };
        for step in 1..=stage.steps {
            let stopped = stage.stopped(step, false);
            for (what, found) in outcomes(&stopped) {
                let context = format!("'{}' stopped at {step}, {what}", stage.operation.name);
                if what == "death" {
                    let found = found.process_death();
                    let other =
                        moved(&open(&found).expect("a store"), &moving(&elsewhere, from, &[("meta", None)]));
                    assert_eq!(other, Moved::HandleTaken(handle(from)), "{context}");
                    let located = open(&found).expect("a store").locate(&handle(from)).expect("readable");
                    assert!(located.is_some(), "{context}: nobody is found");
                    check_and_use(&found, &context);
                }
                stage.check(&found, &context);
                if what != "death" {
                    check_and_use(&found, &context);
                }
                states += 1;
            }
        }
    }
    assert!(states > 200, "only {states} states were looked at");
}

#[test]
fn what_a_dead_process_left_half_written_is_removed_at_the_next_use() {
    let left = |disk: &SimDisk| {
        let temporary = |path: &&PathBuf| path.to_string_lossy().contains(TEMPORARY_PREFIX);
        disk.paths().iter().filter(temporary).cloned().collect::<Vec<_>>()
    };
    let mut met = 0;
    // What was staged for an import, and what the store was to be made of, is nobody's to complete; packs are
    // swept by who writes the next.
    let others = ["create the store", "import", "take in a pack", "gc", "gc of all", "gc at last"];
    for stage in stages().iter().filter(|stage| !others.contains(&stage.operation.name)) {
        for (step, tear) in (1..=stage.steps).flat_map(|step| [(step, false), (step, true)]) {
            let found = stage.stopped(step, tear).process_death();
            met += left(&found).len();
            summary(&found).expect("readable");
            // What is no longer than the beginning of every object may be that of a writer at work.
            let of_anybody =
                |path: &PathBuf| path.starts_with(root().join("objects")) && found.read(path, 16).is_ok();
            let mut left = left(&found);
            left.retain(|path| !of_anybody(path));
            assert_eq!(left, Vec::<PathBuf>::new(), "'{}' stopped at {step}", stage.operation.name);
        }
    }
    assert!(met > 50, "only {met} temporary files were met");
}

#[test]
fn a_stop_while_completing_leaves_all_or_nothing() {
    let mut states = 0;
    for (number, stage) in stages().iter().enumerate() {
        for step in (1 + number as u64 % 17..=stage.steps).step_by(17) {
            let first = stage.stopped(step, step % 2 == 0);
            for (what, begun) in outcomes(&first).into_iter().take(4) {
                let complete = |disk: &SimDisk| summary(disk).map(drop);
                let run = begun.process_death();
                complete(&run).expect("completed");
                for again in (1 + step % 2..=run.steps()).step_by(2) {
                    let run = begun.process_death();
                    run.stop_at(again);
                    assert!(complete(&run).is_err());
                    let second = [
                        run.process_death(),
                        run.power_loss(again, PowerLoss::DropAll),
                        run.power_loss(again, PowerLoss::Random),
                    ];
                    for (at, found) in second.iter().enumerate() {
                        let name = stage.operation.name;
                        let context =
                            format!("'{name}' stopped at {step}, {what}, stopped again at {again}, {at}");
                        stage.check(found, &context);
                        if states % 9 == 0 && open(found).is_ok() {
                            check_and_use(found, &context);
                        }
                        states += 1;
                    }
                }
            }
        }
    }
    assert!(states > 800, "only {states} states were looked at");
}

#[test]
fn nothing_is_lost_after_the_last_operation() {
    let stages = stages();
    let last = stages.last().expect("a script");
    let run = last.base.process_death();
    (last.operation.run)(&run).expect("done");
    for (what, found) in outcomes(&run) {
        assert_eq!(summary(&found).expect("readable").as_ref(), Some(&last.after), "{what}");
        check_and_use(&found, &what);
    }
}

/// The files of an agent's refs: what its log adds up to.
fn files_of_refs(disk: &SimDisk, agent: &str) -> Vec<(PathBuf, String)> {
    let dir = root().join("agents").join(agent);
    let kept = ["log", "journal", "ACTIVE.json"].map(|name| dir.join(name));
    let image = disk.image().into_iter();
    image
        .filter(|(path, _)| path.starts_with(&dir) && !kept.contains(path))
        .filter(|(path, _)| !path.starts_with(dir.join("logs")))
        .map(|(path, content)| (path, String::from_utf8_lossy(&content).into_owned()))
        .collect()
}

#[test]
fn a_rebuild_that_is_stopped_anywhere_can_be_done_again() {
    let last = stages().pop().expect("a script");
    let agent = handle("help");
    let mut states = 0;
    for is_checkpointed in [true, false] {
        let whole = last.base.process_death();
        (last.operation.run)(&whole).expect("done");
        let whole = whole.process_death();
        if is_checkpointed {
            open(&whole).expect("a store").checkpoint().expect("flushed");
        }
        let expected = summary(&whole).expect("readable");
        let files = files_of_refs(&whole, "help");
        assert!(files.len() > 4, "{files:?}");
        let base = whole.process_death();
        for (at, (path, content)) in files.iter().enumerate() {
            match at % 3 {
                0 => base.remove_file(path).expect("removed"),
                1 => base.overwrite(path, &content.as_bytes()[..content.len() / 2]).expect("cut"),
                _ => base.overwrite(path, b"garbled\n").expect("overwritten"),
            }
        }
        base.sync_all(&root()).expect("the damage is durable");
        let run = base.process_death();
        let restored = open(&run).expect("a store").rebuild(&agent).expect("rebuilt");
        assert_eq!(restored.len(), files.len());
        for (step, tear) in (1..=run.steps()).flat_map(|step| [(step, false), (step, true)]) {
            let run = base.process_death();
            if tear {
                run.stop_within(step);
            } else {
                run.stop_at(step);
            }
            let stopped = open(&run).and_then(|backend| backend.rebuild(&agent));
            assert!(stopped.is_err(), "the rebuild ignores a stop at {step}");
            for (what, found) in outcomes(&run) {
                let context = format!("stopped at {step} (torn: {tear}), {what}");
                let again = open(&found).and_then(|backend| backend.rebuild(&agent));
                again.unwrap_or_else(|error| panic!("{context}: {error:?}"));
                assert_eq!(files_of_refs(&found, "help"), files, "{context}");
                assert_eq!(summary(&found).expect("readable"), expected, "{context}");
                // What was made anew before it was cut off is as durable as what was made anew now.
                check_and_use(&found, &context);
                states += 1;
            }
        }
    }
    assert!(states > 150, "only {states} states were looked at");
}
