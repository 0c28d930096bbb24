//! A store that takes the place of another, beside others who do the same, or make agents.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::backend::script::{commit, handle, moving, problems};
use crate::backend::{Backend, BackendError, Head, Outcome, Transaction};
use crate::disk::{Disk as _, SimDisk};
use crate::log::StoreId;
use crate::refs::Handle;

use super::between::Between;
use super::{create, open, open_on, root};
use crate::backend::local::{LocalBackend, Succession};

/// The id of the store that takes the place.
const AFTER: StoreId = StoreId([7; 16]);
/// How long a step waits for another process that may itself wait for the end of all steps.
const PATIENCE: Duration = Duration::from_millis(20);

/// A store with two agents.
fn store() -> SimDisk {
    let disk = SimDisk::new(5);
    let backend = create(&disk).expect("a new store");
    for agent in ["sales", "support"] {
        commit(&backend, &moving(&backend, agent, &[("meta", Some(agent))]));
    }
    disk
}

/// What makes an agent in a store, whatever id that has.
fn making(backend: &LocalBackend, agent: &str) -> Transaction {
    let mut transaction = moving(backend, agent, &[("meta", Some(agent))]);
    transaction.records.iter_mut().for_each(|record| record.store = backend.store_id());
    transaction
}

/// Makes all agents in a successor.
fn restated(old: &LocalBackend, successor: &LocalBackend) -> Vec<(Handle, Head)> {
    let restate = |agent: Handle| {
        commit(successor, &making(successor, agent.as_str()));
        let head = successor.head(&agent).expect("readable").expect("made");
        (agent, head)
    };
    old.agents(None, 100).expect("listed").into_iter().map(restate).collect()
}

/// All of it, once.
fn succeed(backend: &LocalBackend, held: &Succession) -> Result<bool, BackendError> {
    backend.finish_succession(held)?;
    let looks = backend.looks()?;
    let successor = backend.begin_successor(AFTER, held)?;
    let restated = restated(backend, &successor);
    backend.succeed(&looks, AFTER, &restated, held)
}

fn watched(
    disk: &SimDisk,
    step: u64,
    meanwhile: impl Fn() + Send + Sync + 'static,
) -> (LocalBackend, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let before = move |_: &'static str, _: &Path| {
        if counted.fetch_add(1, Ordering::SeqCst) == step {
            meanwhile();
        }
        Ok(())
    };
    (open_on(Arc::new(Between::new(Arc::new(disk.clone()), before))).expect("a store"), count)
}

#[test]
fn a_second_one_finds_the_first_at_work_at_every_step() {
    let disk = store();
    for step in 0.. {
        let run = disk.process_death();
        let (other, met) = (run.clone(), Arc::new(Mutex::new(None)));
        let told = Arc::clone(&met);
        let (backend, count) = watched(&run, u64::MAX, || {});
        let held = backend.lock_succession().expect("nobody else is at it");
        drop((backend, count));
        let (backend, _) = watched(&run, step, move || {
            // It was opened before, or right now, while the one store or the other has the path.
            let second = open(&other).and_then(|second| second.lock_succession().map(drop));
            *told.lock().expect("unpoisoned") = Some(second);
        });
        assert!(succeed(&backend, &held).expect("succeeded"), "{step}");
        let Some(second) = met.lock().expect("unpoisoned").take() else {
            assert!(step > 60, "only {step} steps");
            break;
        };
        assert!(matches!(second, Err(BackendError::NewIdRuns)), "{step}: {second:?}");
        drop(held);
        let late = backend.lock_succession();
        assert!(matches!(late, Err(BackendError::OtherId)), "{step}: {late:?}");
        let now = open(&run).expect("a store");
        assert_eq!((now.store_id(), now.agents(None, 9).expect("listed").len()), (AFTER, 2), "{step}");
        assert_eq!(problems(&now), Vec::<String>::new(), "{step}");
        now.lock_succession().map(drop).expect("free again");
    }
}

#[test]
fn nothing_takes_the_place_but_the_whole_store_that_was_made_for_it() {
    let disk = store();
    let backend = open(&disk).expect("a store");
    let before = backend.agents(None, 9).expect("listed");
    let held = backend.lock_succession().expect("free");
    let looks = backend.looks().expect("looked");
    let successor = backend.begin_successor(AFTER, &held).expect("begun");
    let restated = restated(&backend, &successor);
    assert!(!backend.succeed(&looks, AFTER, &restated[..1], &held).expect("told"), "one is missing");
    let other_id = backend.succeed(&looks, StoreId([8; 16]), &restated, &held);
    assert!(matches!(other_id, Err(BackendError::Corrupt { .. })), "{other_id:?}");
    // Somebody began it anew, and is not as far yet.
    backend.begin_successor(AFTER, &held).expect("begun");
    let half_made = backend.succeed(&looks, AFTER, &restated, &held);
    assert!(matches!(half_made, Err(BackendError::Corrupt { .. })), "{half_made:?}");
    assert_ne!(open(&disk).expect("a store").store_id(), AFTER);
    assert_eq!(open(&disk).expect("a store").agents(None, 9).expect("listed"), before);
}

#[test]
fn an_agent_that_is_acknowledged_meanwhile_is_never_lost() {
    let disk = store();
    let (mut acknowledged, mut refused) = (0, 0);
    for step in 0.. {
        let run = disk.process_death();
        let (other, started) = (run.clone(), Arc::new(Mutex::new(None)));
        let keep = Arc::clone(&started);
        let (backend, count) = watched(&run, step, move || {
            let (disk, (done, waited)) = (other.clone(), mpsc::channel());
            let writer = thread::spawn(move || {
                let made = open(&disk).and_then(|late| late.commit(&making(&late, "late")));
                let _ = done.send(());
                made
            });
            let _ = waited.recv_timeout(PATIENCE);
            *keep.lock().expect("unpoisoned") = Some(writer);
        });
        let held = backend.lock_succession().expect("nobody else is at it");
        let succeeded = succeed(&backend, &held).expect("nobody writes to an agent that is there");
        let Some(writer) = started.lock().expect("unpoisoned").take() else {
            assert!(step > 60 && count.load(Ordering::SeqCst) <= step, "only {step} steps");
            break;
        };
        let made = writer.join().expect("it does not panic");
        let now = open(&run).expect("a store");
        let is_there = now.head(&handle("late")).expect("readable").is_some();
        match made {
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Committed, "{step}");
                assert!(is_there, "step {step}: the agent is lost, {succeeded}");
                acknowledged += 1;
            }
            Err(BackendError::OtherId) => {
                assert!(succeeded && !is_there, "{step}");
                refused += 1;
            }
            Err(error) => panic!("{step}: {error}"),
        }
        assert_eq!(now.agents(None, 9).expect("listed").len(), 2 + usize::from(is_there), "{step}");
        assert_eq!(problems(&now), Vec::<String>::new(), "{step}");
        assert!(run.stat(&root().join("agents/support/log")).expect("looked").is_some(), "{step}");
    }
    assert!(acknowledged > 20 && refused > 5, "{acknowledged} acknowledged, {refused} refused");
}
