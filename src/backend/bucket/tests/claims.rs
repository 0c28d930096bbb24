//! Handles change hands: a claim that is left behind is finished or revoked, and who was slow comes too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use object_store::memory::InMemory;

use crate::backend::bucket::agents::Age;
use crate::backend::bucket::commit::Step;
use crate::backend::bucket::contents::Contents;
use crate::backend::bucket::requests::Requests;
use crate::backend::bucket::store::Store;
use crate::backend::bucket::{BucketError, World};
use crate::backend::script::{STORE, first_record, handle};
use crate::backend::{Moved, Outcome, Transaction};
use crate::clock::Time;

/// Time that stands still until it is told.
#[derive(Debug)]
struct Clock {
    now_ms: AtomicI64,
    number: AtomicI64,
}

impl World for Clock {
    fn now(&self) -> Time {
        Time::from_ms(self.now_ms.load(Ordering::Relaxed)).expect("a time")
    }

    fn ticks_us(&self) -> u64 {
        u64::try_from(self.number.fetch_add(1, Ordering::Relaxed)).expect("small")
    }

    fn random(&self) -> Result<u64, BucketError> {
        Ok(self.ticks_us().wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn pause(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the bucket lies in memory")
}

fn making(name: &str, nonce: u8) -> Transaction {
    Transaction::new(handle(name), first_record("create", nonce))
}

fn committed(store: &Store, transaction: &Transaction) -> Outcome {
    let outcomes = now(store.commit_all(std::slice::from_ref(transaction))).expect("asked");
    outcomes.into_iter().next().expect("there is one")
}

/// Two processes on one bucket, in which there is an agent `a`, and a rename of it to `b`.
fn stage() -> (Arc<Clock>, Store, Store, Transaction) {
    let clock = Arc::new(Clock { now_ms: AtomicI64::new(1_700_000_000_000), number: AtomicI64::new(1) });
    let bucket = Arc::new(InMemory::new());
    let store = || {
        let requests = Requests::new(Arc::clone(&bucket) as _, "", Arc::clone(&clock) as _);
        Store::new(Contents::new(STORE, requests, 1 << 20, None), 0)
    };
    let (one, other) = (store(), store());
    let first = making("a", 1);
    assert_eq!(committed(&one, &first), Outcome::Committed);
    let mut record = first_record("rename", 2);
    (record.prev, record.agent) = (Some(first.records[0].id()), Some(first.records[0].id()));
    let mut rename = Transaction::new(handle("a"), record);
    rename.rename_to = Some(handle("b"));
    (clock, one, other, rename)
}

#[test]
fn who_renames_too_slowly_comes_too_late() {
    let (clock, slow, other, rename) = stage();
    let loaded = now(slow.agent(&handle("a"), Age::Read)).expect("read").expect("there");
    assert_eq!(now(slow.claim(&loaded, &handle("b"))).expect("asked"), None);
    let lines = rename.lines(STORE).expect("well formed");
    let replayed = now(slow.agents.replayed(&slow.contents, &loaded)).expect("read");
    let next = now(slow.next(&loaded, &replayed, &rename, &lines, &[])).expect("written");

    let taken = Outcome::Moved(Moved::HandleTaken(handle("b")));
    assert_eq!(committed(&other, &making("b", 3)), taken, "the claim is young");
    clock.now_ms.fetch_add(61_000, Ordering::Relaxed);
    assert_eq!(committed(&other, &making("b", 3)), Outcome::Committed);

    let step = now(slow.swap(&loaded, next, &lines)).expect("asked");
    assert!(matches!(step, Step::Again), "the claim was revoked before this swap: {step:?}");
    assert_eq!(committed(&slow, &rename), taken);
    assert_eq!(now(other.list(None, 9)).expect("listed"), [handle("a"), handle("b")]);
}

#[test]
fn a_rename_that_was_not_finished_is_finished_by_the_next() {
    let (_, dying, other, rename) = stage();
    let loaded = now(dying.agent(&handle("a"), Age::Read)).expect("read").expect("there");
    assert_eq!(now(dying.claim(&loaded, &handle("b"))).expect("asked"), None);
    assert_eq!(now(other.list(None, 9)).expect("listed"), [handle("a")], "a claim is no agent");
    assert_eq!(now(other.owner(&handle("b"), Age::Read)).expect("asked").map(|_| ()), None);
    // The state is swapped, and then its writer dies.
    let lines = rename.lines(STORE).expect("well formed");
    let replayed = now(dying.agents.replayed(&dying.contents, &loaded)).expect("read");
    let next = now(dying.next(&loaded, &replayed, &rename, &lines, &[])).expect("written");
    let (path, bytes) = (loaded.state.agent.path(), next.state.encode());
    assert!(now(dying.contents.requests.accepts(&path, Some(&loaded.version), bytes)).expect("asked"));

    for _ in 0..2 {
        assert_eq!(now(other.list(None, 9)).expect("listed"), [handle("b")]);
        let found = now(other.owner(&handle("a"), Age::Read)).expect("asked").expect("it leads on");
        assert_eq!(found.state.handle, handle("b"));
        let taken = Outcome::Moved(Moved::HandleTaken(handle("b")));
        assert_eq!(committed(&other, &making("b", 3)), taken);
        assert_eq!(committed(&other, &making("a", 4)), Outcome::Moved(Moved::HandleTaken(handle("a"))));
        now(other.finish_claims()).expect("written");
        assert_eq!(now(other.root(Age::Read)).expect("read").root.claims, []);
    }
}

#[test]
fn who_read_too_early_spoils_no_claim_of_others() {
    let (_, early, other, rename) = stage();
    let stale = now(early.agent(&handle("a"), Age::Read)).expect("read").expect("there");
    let mut to_c = rename.clone();
    to_c.rename_to = Some(handle("c"));
    assert_eq!(committed(&other, &to_c), Outcome::Committed);

    let loaded = now(other.agent(&handle("c"), Age::Read)).expect("read").expect("there");
    assert_eq!(now(other.claim(&loaded, &handle("b"))).expect("asked"), None);
    assert_eq!(now(early.claim(&stale, &handle("b"))).expect("asked"), None);
    let mut record = first_record("rename", 5);
    (record.prev, record.agent) = (Some(loaded.state.record), Some(loaded.state.agent.agent));
    let mut to_b = Transaction::new(handle("c"), record);
    to_b.rename_to = Some(handle("b"));
    let lines = to_b.lines(STORE).expect("well formed");
    let replayed = now(other.agents.replayed(&other.contents, &loaded)).expect("read");
    let next = now(other.next(&loaded, &replayed, &to_b, &lines, &[])).expect("written");
    let step = now(other.swap(&loaded, next, &lines)).expect("asked");
    assert!(matches!(step, Step::Done(Outcome::Committed)), "{step:?}");

    assert_eq!(now(early.list(None, 9)).expect("listed"), [handle("b")]);
    assert_eq!(now(early.root(Age::Read)).expect("read").root.claims, []);
}
