//! Stops every operation at each of its steps, lets a process die or the power go, and looks at what
//! the next process finds: every acknowledged operation, and of the one that was stopped all or
//! nothing.

use crate::disk::SimDisk;
use crate::disk::sim::PowerLoss;

use super::open;
use super::script::{Operation, SCRIPT, Summary, check_and_use, is_before_or_after, summary};

/// Random losses of power that are looked at for every step.
const LOSSES: u64 = 3;

/// One operation of the script, with the disk before it and what is said before and after.
struct Stage {
    operation: &'static Operation,
    base: SimDisk,
    steps: u64,
    before: Option<Summary>,
    after: Summary,
}

/// Every stage of the script.
fn stages() -> Vec<Stage> {
    let mut disk = SimDisk::new(11);
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
