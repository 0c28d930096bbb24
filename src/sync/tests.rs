//! Stores in memory that fetch, pull and push: what every transport promises, and random histories of
//! several stores over one that fails.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::agent::{Agents, Direct, NewAgent, PublishOptions};
use crate::backend::ChainHead;
use crate::backend::memory::MemoryBackend;
use crate::clock::{StepClock, Time};
use crate::disk::SimDisk;
use crate::error::{Classify as _, Kind};
use crate::log::{Change, StoreId};
use crate::object::{Author, Object, ObjectId};
use crate::profile::Profile;
use crate::refs::{Handle, RefName, Target};
use crate::repo::Repo;

struct Store {
    agents: Agents,
    transport: PathTransport,
}

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn origin() -> Handle {
    handle(ORIGIN)
}

fn store(number: u8, who: &str) -> Store {
    let clock =
        Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000 + i64::from(number)).expect("a time"), 10));
    let backend = Arc::new(MemoryBackend::new(StoreId([number; 16])));
    let repo = Arc::new(Repo::on(backend, Arc::new(SimDisk::new(1)), "/x".into(), clock));
    let actor = Author { name: who.to_owned(), email: None };
    Store { agents: Agents::new(Arc::clone(&repo), actor, "test"), transport: PathTransport::on(repo) }
}

fn profile() -> Arc<Profile> {
    let id = Profile::builtin("generic").expect("built in").id();
    Arc::clone(Profile::builtin_by_id(id).expect("built in"))
}

impl Store {
    fn create(&self, agent: &str) {
        let config = json!({"prompt": "Be kind.\n"});
        let new = NewAgent { handle: Some(handle(agent)), config: Some(config), ..NewAgent::of(profile()) };
        self.agents.create(&new).expect("made");
    }

    fn publish(&self, agent: &str, text: &str) -> ObjectId {
        let config = json!({"prompt": text});
        let options = PublishOptions { label: text.to_owned(), ..PublishOptions::default() };
        let direct = Direct { profile: profile(), config: &config, expected_latest: None, options };
        let published = self.agents.publish_config(&handle(agent), &direct).expect("published");
        published.expect("it is new").version
    }

    fn versions(&self, agent: &str) -> Vec<ObjectId> {
        let backend = self.agents.repo().backend();
        let list = backend.list(&handle(agent), &RefName::versions(), 0, usize::MAX).expect("read");
        list.iter().map(|entry| entry.id).collect()
    }

    fn names(&self, agent: &str) -> Vec<String> {
        let versions = self.agents.versions(&handle(agent), 0, usize::MAX).expect("read");
        versions.iter().map(|version| format!("{} {}", version.name(), version.label)).collect()
    }

    fn sound(&self) {
        let report = self.agents.repo().fsck(&mut |_| {}).expect("examined");
        assert_eq!(report.faults, []);
    }

    fn link<'a>(&'a self, transport: &'a dyn Transport) -> Link<'a> {
        Link::new(&self.agents, transport, origin(), false).expect("another store")
    }

    fn clone_all(&self, transport: &dyn Transport) {
        let link = self.link(transport);
        for pair in link.to_fetch(&[]).expect("listed") {
            link.adopt(&pair.tip.expect("a tip"), &Drafts::None).expect("cloned");
        }
    }

    fn pull(&self, transport: &dyn Transport, scope: &Scope) -> Result<Synced, SyncError> {
        let tip = transport.tip(&handle("support"))?.expect("it is there");
        self.link(transport).pull(&handle("support"), &tip, scope)
    }

    fn push(&self, transport: &dyn Transport, scope: &Scope) -> Result<Synced, SyncError> {
        let tip = transport.tip(&handle("support"))?;
        self.link(transport).push(&handle("support"), tip.as_ref(), scope)
    }
}

/// A transport that fails: before an answer, after what was asked was done, in the middle of objects.
#[derive(Debug)]
struct Faulty<'a> {
    inner: &'a dyn Transport,
    seed: Cell<u64>,
    often: u64,
    faults: RefCell<BTreeMap<&'static str, u32>>,
}

impl<'a> Faulty<'a> {
    fn new(inner: &'a dyn Transport, seed: u64, often: u64) -> Self {
        Self { inner, seed: Cell::new(seed | 1), often, faults: RefCell::default() }
    }

    fn fails(&self, what: &'static str) -> bool {
        let fails = self.often > 0 && next(&self.seed).is_multiple_of(self.often);
        if fails {
            *self.faults.borrow_mut().entry(what).or_default() += 1;
        }
        fails
    }

    fn answer<T>(&self, ask: impl FnOnce() -> Result<T, SyncError>) -> Result<T, SyncError> {
        let lost = || Err(SyncError::Unreachable("the connection broke".to_owned()));
        if self.fails("before") {
            return lost();
        }
        let answer = ask()?;
        if self.fails("after") { lost() } else { Ok(answer) }
    }
}

fn next(seed: &Cell<u64>) -> u64 {
    let mut value = seed.get();
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    seed.set(value);
    value >> 16
}

impl Transport for Faulty<'_> {
    fn store(&self) -> Result<StoreId, SyncError> {
        self.inner.store()
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<AgentTip>, SyncError> {
        self.answer(|| self.inner.agents(after, limit))
    }

    fn tip(&self, handle: &Handle) -> Result<Option<AgentTip>, SyncError> {
        self.answer(|| self.inner.tip(handle))
    }

    fn chains(&self, handle: &Handle) -> Result<Vec<ChainHead>, SyncError> {
        self.answer(|| self.inner.chains(handle))
    }

    fn chain(&self, handle: &Handle, store: StoreId, offset: u64, len: usize) -> Result<Vec<u8>, SyncError> {
        // Pieces may be shorter than what was asked for.
        let len = if self.fails("short") { len.min(100) } else { len };
        self.answer(|| self.inner.chain(handle, store, offset, len))
    }

    fn objects(
        &self,
        handle: &Handle,
        wants: &[ObjectId],
        haves: &[ObjectId],
        take: &mut dyn FnMut(Vec<Object>) -> Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        self.answer(|| {
            self.inner.objects(handle, wants, haves, &mut |mut objects| {
                if self.fails("object lost") {
                    objects.pop();
                }
                take(objects)
            })
        })
    }

    fn lacks(&self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, SyncError> {
        self.answer(|| self.inner.lacks(ids))
    }

    fn stage(&self, objects: &[Object]) -> Result<(), SyncError> {
        self.answer(|| self.inner.stage(objects))
    }

    fn push(&self, request: &PushRequest) -> Result<PushOutcome, SyncError> {
        let outcome = self.answer(|| self.inner.push(request))?;
        Ok(if self.fails("unknown") { PushOutcome::Unknown } else { outcome })
    }
}

/// What every transport promises, on a store that holds the agent `support` with two versions.
fn conforms(team: &Store, transport: &dyn Transport) {
    let support = handle("support");
    let backend = team.agents.repo().backend();
    assert_eq!(transport.store().expect("asked"), backend.store_id());
    let tips = transport.agents(None, 10).expect("listed");
    assert_eq!(tips.iter().map(|tip| tip.handle.as_str()).collect::<Vec<_>>(), ["sales", "support"]);
    assert_eq!(transport.agents(Some(&tips[0].handle), 1).expect("listed"), tips[1..]);
    assert_eq!(transport.agents(Some(&support), 9).expect("listed"), []);
    let tip = transport.tip(&support).expect("asked").expect("it is there");
    assert_eq!(tip, tips[1]);
    assert_eq!(transport.tip(&handle("nobody")).expect("asked"), None);
    let head = backend.head(&support).expect("read").expect("there");
    assert_eq!((tip.id, tip.head.record, tip.head.bytes), (head.agent, head.record, head.log_bytes));
    assert_eq!(transport.chains(&support).expect("asked"), []);
    let mut log = Vec::new();
    while (log.len() as u64) < tip.head.bytes {
        log.extend(transport.chain(&support, tip.head.store, log.len() as u64, 700).expect("read"));
    }
    assert_eq!(log, backend.read_log(&support, 0, usize::MAX / 2).expect("read"));
    let versions = team.versions("support");
    let bring = |haves: &[ObjectId]| {
        let mut ids = Vec::new();
        let take = &mut |objects: Vec<Object>| {
            ids.extend(objects.iter().map(Object::id));
            Ok(())
        };
        transport.objects(&support, &versions[1..], haves, take).expect("sent");
        ids
    };
    let (all, new) = (bring(&[]), bring(&versions[..1]));
    assert!(all.contains(&versions[0]) && all.contains(&versions[1]) && new.contains(&versions[1]));
    assert!(!new.contains(&versions[0]) && new.len() < all.len(), "{new:?}");
    let object = Object { kind: crate::object::Kind::Block, payload: b"staged".to_vec() };
    let ids = [object.id(), versions[0]];
    assert_eq!(transport.lacks(&ids).expect("asked"), [object.id()]);
    transport.stage(&[object]).expect("staged");
    assert_eq!(transport.lacks(&ids).expect("asked"), []);
    refuses(team, transport, &tip);
}

/// Pushes that no store may let happen.
fn refuses(team: &Store, transport: &dyn Transport, tip: &AgentTip) {
    let versions = team.versions("support");
    let unknown = ObjectId::from_bytes([9; 32]);
    let last = versions.last().map(|id| Target::Id(*id));
    let request = |changes: Vec<Change>| PushRequest {
        agent: tip.id,
        handle: tip.handle.clone(),
        expected: Some(tip.head.record),
        cites: tip.head.record,
        objects: Vec::new(),
        staged: false,
        chains: Vec::new(),
        changes,
        actor: Author { name: "Mallory".to_owned(), email: None },
    };
    let to = |name: &str, from: Option<Target>, id: ObjectId| {
        request(vec![Change::new(name.parse().expect("a ref name"), from, Some(Target::Id(id)))])
    };
    let refused = |request: &PushRequest| transport.push(request).expect_err("it is refused").kind();
    assert_eq!(refused(&to("versions", last.clone(), unknown)), Kind::Corrupt);
    assert_eq!(refused(&to("versions", last.clone(), versions[0])), Kind::Refused);
    assert_eq!(refused(&to("upstream", None, versions[0])), Kind::Refused);
    assert_eq!(refused(&to("remotes/origin/ACTIVE", None, versions[0])), Kind::Refused);
    let object = team.agents.repo().commit(&versions[0]).expect("read").tree;
    assert_eq!(refused(&to("ACTIVE", None, object)), Kind::Refused);
    assert_eq!(refused(&to(&format!("pins/{object}"), None, versions[0])), Kind::Refused);
    let stale = PushRequest { expected: Some(tip.id), ..to("drafts/x", None, versions[0]) };
    assert_eq!(transport.push(&stale).expect("asked"), PushOutcome::Moved);
    assert_eq!(transport.push(&to("versions", None, versions[0])).ok(), Some(PushOutcome::Moved));
    let again = PushRequest { handle: handle("other"), expected: None, ..request(Vec::new()) };
    assert_eq!(refused(&again), Kind::Refused);
    assert_eq!(transport.tip(&tip.handle).expect("asked").as_ref(), Some(tip), "nothing happened");
}

#[test]
fn transports_conform() {
    for often in [0, u64::MAX] {
        let team = store(1, "Tea");
        team.create("support");
        team.create("sales");
        team.publish("support", "two");
        let faulty = Faulty::new(&team.transport, 1, often);
        conforms(&team, if often == 0 { &team.transport } else { &faulty });
        team.sound();
    }
}

#[test]
fn two_who_publish_offline_keep_both_and_no_number_is_two_versions() {
    let (team, ana, bo) = (store(1, "Tea"), store(2, "Ana"), store(3, "Bo"));
    team.create("support");
    ana.clone_all(&team.transport);
    bo.clone_all(&team.transport);
    let (by_ana, by_bo) = (ana.publish("support", "ana's"), bo.publish("support", "bo's"));
    assert_eq!(bo.names("support")[1], "V2? bo's");
    let scope = Scope::default();
    let pushed = ana.push(&team.transport, &scope).expect("pushed");
    assert_eq!(pushed.renumbered.len(), 1);
    assert_eq!(ana.names("support")[1], "V2 ana's");
    let before = team.versions("support");
    let behind = bo.push(&team.transport, &scope).expect_err("behind");
    assert!(behind.details()[0].starts_with("V2 'ana's' by Ana at "), "{:?}", behind.details());
    assert_eq!(behind.hint().as_deref(), Some("recto pull support --remote origin"));
    assert_eq!(team.versions("support"), before);
    let seen = bo.agents.resolve(&"support@origin/V2".parse().expect("a revision")).expect("fetched");
    assert_eq!(seen.1.commit(), by_ana);
    assert!(
        bo.agents.resolve(&"support@V2".parse().expect("a revision")).is_err(),
        "V2 is no provisional one"
    );
    let pulled = bo.pull(&team.transport, &scope).expect("pulled");
    let renumbered = pulled.renumbered.first().expect("one");
    assert_eq!(
        (renumbered.id, renumbered.before.to_string(), renumbered.after.to_string()),
        (by_bo, "2?".into(), "3?".into())
    );
    bo.push(&team.transport, &scope).expect("pushed");
    assert_eq!(bo.names("support")[1..], ["V2 ana's", "V3 bo's"]);
    assert_eq!(team.names("support"), bo.names("support"));
    // Again: nothing to do, and nothing is written.
    let heads =
        || [&team, &bo].map(|store| store.agents.repo().backend().head(&handle("support")).expect("read"));
    let done = heads();
    assert!(bo.push(&team.transport, &scope).expect("pushed").sent.is_empty());
    bo.pull(&team.transport, &scope).expect("pulled");
    assert_eq!(heads(), done);
    for store in [&team, &ana, &bo] {
        store.sound();
    }
}

#[test]
fn a_copy_of_a_store_is_found_and_refused() {
    let team = store(1, "Tea");
    team.create("support");
    let (one, copy) = (store(2, "Ana"), store(2, "Ana"));
    one.clone_all(&team.transport);
    copy.clone_all(&team.transport);
    one.publish("support", "one");
    copy.publish("support", "another");
    one.push(&team.transport, &Scope::default()).expect("pushed");
    let refused = copy.pull(&team.transport, &Scope::default()).expect_err("two heads");
    assert!(matches!(refused, SyncError::Copied { own: true, .. }), "{refused:?}");
    assert!(Link::new(&one.agents, &copy.transport, origin(), false).is_err());
    team.sound();
}

/// Three stores publish, pin and sync at random through one that fails: whatever was acknowledged arrives,
/// once, and a number that anybody saw stays what it was.
#[test]
fn random_histories_lose_nothing_and_give_no_number_twice() {
    let mut faults: BTreeSet<&'static str> = BTreeSet::new();
    let mut refused = 0;
    for seed in 1..=60u64 {
        let team = store(1, "Tea");
        team.create("support");
        let laptops = [store(2, "Ana"), store(3, "Bo"), store(4, "Cy")];
        for laptop in &laptops {
            laptop.clone_all(&team.transport);
        }
        let faulty = Faulty::new(&team.transport, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 12);
        let random = Cell::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
        let mut acknowledged = team.versions("support");
        let mut seen: BTreeMap<usize, ObjectId> = BTreeMap::new();
        for step in 0..40 {
            let laptop = &laptops[usize::try_from(next(&random) % 3).expect("small")];
            let result = match next(&random) % 6 {
                0 | 1 => {
                    acknowledged.push(laptop.publish("support", &format!("{seed} {step}")));
                    Ok(())
                }
                2 => {
                    acknowledged.push(team.publish("support", &format!("team {seed} {step}")));
                    Ok(())
                }
                3 => {
                    let id = laptop.versions("support")[0];
                    laptop
                        .agents
                        .pin(&handle("support"), &id, next(&random).is_multiple_of(2))
                        .expect("pinned");
                    Ok(())
                }
                4 => laptop.pull(&faulty, &Scope::default()).map(drop),
                _ => laptop.push(&faulty, &Scope::default()).map(drop),
            };
            match result {
                Ok(()) | Err(SyncError::Unreachable(_) | SyncError::Incomplete(_)) => {}
                Err(SyncError::Behind { .. }) => refused += 1,
                Err(error) => panic!("seed {seed}, step {step}: {error:?}"),
            }
            for store in laptops.iter().chain([&team]) {
                for (at, id) in store.versions("support").into_iter().enumerate() {
                    assert_eq!(*seen.entry(at).or_insert(id), id, "seed {seed}, step {step}: V{}", at + 1);
                }
            }
        }
        for laptop in laptops.iter().chain(&laptops) {
            laptop.pull(&team.transport, &Scope::default()).expect("pulled");
            laptop.push(&team.transport, &Scope::default()).expect("pushed");
        }
        let all = team.versions("support");
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct), (acknowledged.len(), acknowledged.iter().collect()), "seed {seed}");
        for laptop in &laptops {
            laptop.pull(&team.transport, &Scope::default()).expect("pulled");
            assert_eq!(laptop.names("support"), team.names("support"), "seed {seed}");
            laptop.sound();
        }
        team.sound();
        faults.extend(faulty.faults.borrow().keys().copied());
    }
    assert_eq!(faults.len(), 5, "{faults:?}");
    assert!(refused > 20, "{refused} pushes were behind");
}
