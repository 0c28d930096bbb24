//! Stores in memory that fetch, pull and push: what every transport promises, and random histories of
//! several stores over one that fails.

mod bucket;
mod pushes;
mod races;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::agent::{Agents, Direct, NewAgent, PublishOptions};
use crate::backend::memory::MemoryBackend;
use crate::backend::{Backend, BackendError, ChainHead, KeptPack, Staged};
use crate::clock::{StepClock, Time};
use crate::disk::SimDisk;
use crate::error::{Classify as _, Kind};
use crate::log::{Change, StoreId};
use crate::object::{Author, Object, ObjectId};
use crate::pack::{Effort, PackId, PackStream, PackWriter};
use crate::profile::Profile;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Repo, RepoError};

pub(crate) struct Store {
    agents: Agents,
    transport: StoreTransport,
}

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn origin() -> Handle {
    handle(ORIGIN)
}

fn store(number: u8, who: &str) -> Store {
    store_on(Arc::new(MemoryBackend::new(StoreId([number; 16]))), number, who)
}

fn store_on(backend: Arc<dyn Backend>, number: u8, who: &str) -> Store {
    let clock =
        Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000 + i64::from(number)).expect("a time"), 10));
    let repo = Arc::new(Repo::on(backend, Arc::new(SimDisk::new(1)), "/x".into(), clock));
    let actor = Author { name: who.to_owned(), email: None };
    Store { agents: Agents::new(Arc::clone(&repo), actor, "test"), transport: StoreTransport::on(repo) }
}

fn profile() -> Arc<Profile> {
    let id = Profile::builtin("generic").expect("built in").id();
    Arc::clone(Profile::builtin_by_id(id).expect("built in"))
}

impl Store {
    pub(crate) fn repo(&self) -> &Arc<Repo> {
        self.transport.repo()
    }

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
        Link::new(&self.agents, transport, origin(), false)
    }

    fn clone_all(&self, transport: &dyn Transport) {
        let link = self.link(transport);
        let pairs = link.to_fetch(&[]).expect("listed");
        let jobs: Vec<Job> = pairs.into_iter().map(|pair| Job { pair, scope: Scope::default() }).collect();
        let cloned = &mut |_, result: Result<Synced, SyncError>| assert!(result.expect("cloned").created);
        link.fetch(&jobs, cloned).expect("fetched");
    }

    fn job(transport: &dyn Transport, scope: &Scope) -> Result<Job, SyncError> {
        let support = handle("support");
        let tip = transport.tips(std::slice::from_ref(&support))?.remove(0);
        Ok(Job { pair: Pair { local: Some(support), tip }, scope: scope.clone() })
    }

    fn pull(&self, transport: &dyn Transport, scope: &Scope) -> Result<Synced, SyncError> {
        let (job, mut done) = (Self::job(transport, scope)?, None);
        self.link(transport).pull(&[job], &mut |_, result| done = Some(result))?;
        done.expect("told")
    }

    fn push(&self, transport: &dyn Transport, scope: &Scope) -> Result<Synced, SyncError> {
        let (job, mut done) = (Self::job(transport, scope)?, None);
        self.link(transport).push(&[job], &mut |_, result| done = Some(result))?;
        done.expect("told")
    }
}

/// A transport that fails: before an answer, after what was asked was done, in the middle of objects.
#[derive(Debug)]
struct Faulty<'a> {
    inner: &'a dyn Transport,
    seed: Cell<u64>,
    often: u64,
    faults: RefCell<BTreeMap<&'static str, u32>>,
    /// So many pushes find that the store moved on, whatever it did.
    moved: Cell<u32>,
    /// Packs that were sent ahead.
    staged: Cell<u32>,
}

impl<'a> Faulty<'a> {
    fn new(inner: &'a dyn Transport, seed: u64, often: u64) -> Self {
        let (faults, moved, staged) = (RefCell::default(), Cell::new(0), Cell::new(0));
        Self { inner, seed: Cell::new(seed | 1), often, faults, moved, staged }
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

    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        self.answer(|| self.inner.listing(known))
    }

    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        self.answer(|| self.inner.tips(handles))
    }

    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        self.answer(|| self.inner.chains(handles))
    }

    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        self.answer(|| {
            self.inner.lines(asks, &mut |at, mut told| {
                if let Ok(Told { part: Some(part), .. }) = &mut told
                    && self.fails("short")
                {
                    part.lines.truncate(part.lines.len() / 2);
                }
                take(at, told);
            })
        })
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        self.answer(|| self.inner.packs())
    }

    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        self.answer(|| self.inner.pack(id, offset, take))
    }

    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        self.answer(|| {
            self.inner.objects(needs, &mut |source| {
                if self.fails("cut") {
                    return take(&mut source.take(300));
                }
                take(source)
            })
        })
    }

    fn lacks(&self, asks: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        self.answer(|| self.inner.lacks(asks))
    }

    fn stage(&self, pack: &mut dyn Read) -> Result<Staged, SyncError> {
        self.staged.set(self.staged.get() + 1);
        self.answer(|| self.inner.stage(pack))
    }

    fn push(&self, requests: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        if let Some(left) = self.moved.get().checked_sub(1) {
            self.moved.set(left);
            return Ok(requests.iter().map(|_| Ok(PushOutcome::Moved)).collect());
        }
        let mut outcomes = self.answer(|| self.inner.push(requests))?;
        if self.fails("unknown") {
            for outcome in &mut outcomes {
                *outcome = Ok(PushOutcome::Unknown);
            }
        }
        Ok(outcomes)
    }
}

/// A store to reach by a transport.
pub(crate) fn team() -> Store {
    filled(store(1, "Tea"))
}

/// A store with what [`conforms`] demands.
fn filled(team: Store) -> Store {
    team.create("support");
    team.create("sales");
    team.publish("support", "two");
    team
}

/// What every transport promises, on a store that holds the agent `support` with two versions.
pub(crate) fn conforms(team: &Store, transport: &dyn Transport) {
    let support = handle("support");
    let backend = team.agents.repo().backend();
    assert_eq!(transport.store().expect("asked"), backend.store_id());
    let listing = transport.listing(None).expect("listed").expect("there are some");
    let tips = &listing.tips;
    assert_eq!(tips.iter().map(|tip| tip.handle.as_str()).collect::<Vec<_>>(), ["sales", "support"]);
    assert_eq!(transport.listing(Some(&listing.state)).expect("asked"), None);
    assert_eq!(transport.listing(Some("another")).expect("asked").as_ref(), Some(&listing));
    let asked = transport.tips(&[handle("nobody"), support.clone()]).expect("asked");
    assert_eq!(asked, [None, Some(tips[1].clone())]);
    let tip = tips[1].clone();
    let head = backend.head(&support).expect("read").expect("there");
    assert_eq!((tip.id, tip.head.record, tip.head.bytes), (head.agent, head.record, head.log_bytes));
    assert_eq!(transport.chains(&[support.clone(), handle("sales")]).expect("asked"), [[], []]);
    hears(backend, transport, &tip);
    let versions = team.versions("support");
    let repo = team.agents.repo();
    let bring = |haves: &[ObjectId]| {
        let mut ids = Vec::new();
        let need = Need { handle: support.clone(), wants: versions[1..].to_vec(), haves: haves.to_vec() };
        let take = &mut |source: &mut dyn Read| {
            let base = |id: &ObjectId| haves.first().and_then(|_| repo.object(id).ok().flatten());
            let packed = PackStream::new(source, base).expect("a pack");
            ids.extend(packed.map(|packed| packed.expect("an object").id));
            Ok(())
        };
        transport.objects(&[need], take).expect("sent");
        ids
    };
    let (all, new) = (bring(&[]), bring(&versions[..1]));
    assert!(all.contains(&versions[0]) && all.contains(&versions[1]) && new.contains(&versions[1]));
    assert!(!new.contains(&versions[0]) && new.len() < all.len(), "{new:?}");
    let object = Object { kind: crate::object::Kind::Block, payload: b"staged".to_vec() };
    let asks = [(support.clone(), vec![object.id(), versions[0]])];
    assert_eq!(transport.lacks(&asks).expect("asked"), [[object.id()]]);
    let mut pack = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    pack.add(&object, None).expect("added");
    let (_, pack) = pack.finish().expect("ended");
    for cut in [0, 7, pack.len() / 2, pack.len() - 1] {
        assert!(transport.stage(&mut &pack[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(transport.lacks(&asks).expect("asked"), [[object.id()]]);
    transport.stage(&mut pack.as_slice()).expect("staged");
    assert_eq!(transport.lacks(&asks).expect("asked"), [[]; 1]);
    refuses(team, transport, &tip);
}

/// Lines are told from where the asker has them, up to where it asked.
fn hears(backend: &dyn Backend, transport: &dyn Transport, tip: &AgentTip) {
    let log = backend.read_log(&tip.handle, 0, usize::MAX / 2).expect("read");
    let first = memchr::memchr(b'\n', &log).expect("a line") as u64 + 1;
    for offset in [0, first, tip.head.bytes] {
        let kept = ChainHead { bytes: offset, ..tip.head };
        let kept = if offset == 0 { Vec::new() } else { vec![kept] };
        let ask = LinesAsk { handle: tip.handle.clone(), upto: tip.head, kept };
        let mut told = Vec::new();
        transport
            .lines(&[ask.clone(), ask], &mut |at, one| told.push((at, one.expect("told"))))
            .expect("asked");
        assert_eq!(told[0].1, told[1].1);
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1]);
        let start = usize::try_from(offset).expect("small");
        let lines = told[0].1.part.as_ref().map_or(&[][..], |part| &part.lines);
        assert_eq!((told[0].1.end, lines), (tip.head, &log[start..]));
    }
    let before = ChainHead { bytes: first, ..tip.head };
    let ask = LinesAsk { handle: tip.handle.clone(), upto: before, kept: Vec::new() };
    transport
        .lines(&[ask], &mut |_, told| {
            let part = told.expect("told").part.expect("lines");
            assert_eq!((part.offset, part.lines.len() as u64), (0, first));
        })
        .expect("asked");
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
        staged: None,
        chains: Vec::new(),
        changes,
        actor: Author { name: "Mallory".to_owned(), email: None },
    };
    let to = |name: &str, from: Option<Target>, id: ObjectId| {
        request(vec![Change::new(name.parse().expect("a ref name"), from, Some(Target::Id(id)))])
    };
    let pushed =
        |request: &PushRequest| transport.push(std::slice::from_ref(request)).expect("asked").remove(0);
    let refused = |request: &PushRequest| pushed(request).expect_err("it is refused").kind();
    assert_eq!(refused(&to("versions", last.clone(), unknown)), Kind::Corrupt);
    assert_eq!(refused(&to("versions", last.clone(), versions[0])), Kind::Refused);
    assert_eq!(refused(&to("upstream", None, versions[0])), Kind::Refused);
    assert_eq!(refused(&to("remotes/origin/ACTIVE", None, versions[0])), Kind::Refused);
    let object = team.agents.repo().commit(&versions[0]).expect("read").tree;
    assert_eq!(refused(&to("ACTIVE", None, object)), Kind::Refused);
    assert_eq!(refused(&to(&format!("pins/{object}"), None, versions[0])), Kind::Refused);
    let stale = PushRequest { expected: Some(tip.id), ..to("drafts/x", None, versions[0]) };
    assert_eq!(pushed(&stale).ok(), Some(PushOutcome::Moved));
    assert_eq!(pushed(&to("versions", None, versions[0])).ok(), Some(PushOutcome::Moved));
    let again = PushRequest { handle: handle("other"), expected: None, ..request(Vec::new()) };
    assert_eq!(refused(&again), Kind::Refused);
    let twice = [stale.clone(), stale];
    let twice = transport.push(&twice).expect("asked");
    assert!(twice[0].is_ok() && twice[1].is_err(), "an agent is pushed once at a time");
    let now = transport.tips(std::slice::from_ref(&tip.handle)).expect("asked");
    assert_eq!(now, [Some(tip.clone())], "nothing happened");
}

#[test]
fn transports_conform() {
    for often in [0, u64::MAX] {
        let team = team();
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
    let same = one.push(&copy.transport, &Scope::default()).expect_err("one store");
    assert!(matches!(same, SyncError::SameStore(_)), "{same:?}");
    let same = one.pull(&copy.transport, &Scope::default()).expect_err("one store");
    assert!(matches!(same, SyncError::SameStore(_)), "{same:?}");
    team.sound();
}

/// Three stores publish, pin and sync at random through one that fails: whatever was acknowledged arrives,
/// once, and a number that anybody saw stays what it was.
#[test]
fn random_histories_lose_nothing_and_give_no_number_twice() {
    let (mut faults, mut refused) = (BTreeSet::new(), 0);
    for seed in 1..=60u64 {
        let team = store(1, "Tea");
        team.create("support");
        let (found, behind) = random_history(seed, &team, &team.transport);
        faults.extend(found);
        refused += behind;
    }
    assert_eq!(faults.len(), 5, "{faults:?}");
    assert!(refused > 10, "{refused} pushes were behind");
}

/// One such history with a team that laptops reach by a transport; the faults that were met, and how often
/// a push was behind.
fn random_history(seed: u64, team: &Store, reach: &StoreTransport) -> (BTreeSet<&'static str>, u32) {
    let mut refused = 0;
    let laptops = [store(2, "Ana"), store(3, "Bo"), store(4, "Cy")];
    for laptop in &laptops {
        laptop.clone_all(reach);
    }
    let faulty = Faulty::new(reach, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 12);
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
                let pinned = next(&random).is_multiple_of(2);
                laptop.agents.pin(&handle("support"), &id, pinned).expect("pinned");
                Ok(())
            }
            4 => laptop.pull(&faulty, &Scope::default()).map(drop),
            _ => {
                if !next(&random).is_multiple_of(4) {
                    let _ = laptop.pull(reach, &Scope::default());
                }
                laptop.push(&faulty, &Scope::default()).map(drop)
            }
        };
        match result {
            Ok(())
            | Err(SyncError::Unreachable(_) | SyncError::Repo(RepoError::Backend(BackendError::Pack(_)))) => {
            }
            Err(SyncError::Behind { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}, step {step}: {error:?}"),
        }
        for store in laptops.iter().chain([team]) {
            for (at, id) in store.versions("support").into_iter().enumerate() {
                assert_eq!(*seen.entry(at).or_insert(id), id, "seed {seed}, step {step}: V{}", at + 1);
            }
        }
    }
    for laptop in laptops.iter().chain(&laptops) {
        laptop.pull(reach, &Scope::default()).expect("pulled");
        laptop.push(reach, &Scope::default()).expect("pushed");
    }
    let all = team.versions("support");
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct), (acknowledged.len(), acknowledged.iter().collect()), "seed {seed}");
    for laptop in &laptops {
        laptop.pull(reach, &Scope::default()).expect("pulled");
        assert_eq!(laptop.names("support"), team.names("support"), "seed {seed}");
        laptop.sound();
    }
    team.sound();
    let found = faulty.faults.borrow().keys().copied().collect();
    (found, refused)
}

#[derive(Debug, Default)]
struct Counted {
    bytes: std::sync::atomic::AtomicU64,
    objects: std::sync::atomic::AtomicU64,
}

impl Progress for Counted {
    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
    }

    fn objects(&self, count: u64) {
        self.objects.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Counted {
    fn taken(&self) -> (u64, u64) {
        use std::sync::atomic::Ordering::SeqCst;
        (self.bytes.swap(0, SeqCst), self.objects.swap(0, SeqCst))
    }
}

#[test]
fn every_object_and_its_bytes_are_told_as_they_travel() {
    let (team, ana) = (team(), store(2, "Ana"));
    let progress = Counted::default();
    let link = || ana.link(&team.transport).telling(&progress);
    let pairs = link().to_fetch(&[]).expect("listed");
    let jobs: Vec<Job> = pairs.into_iter().map(|pair| Job { pair, scope: Scope::default() }).collect();
    link().fetch(&jobs, &mut |_, result| drop(result.expect("cloned"))).expect("fetched");
    let (bytes, objects) = progress.taken();
    assert!(bytes > 100 && objects >= 5, "{bytes} bytes, {objects} objects");
    let job = || vec![Store::job(&team.transport, &Scope::default()).expect("it is there")];
    link().pull(&job(), &mut |_, result| drop(result.expect("pulled"))).expect("pulled");
    progress.taken();
    // One version: its commit, its tree and one block.
    ana.publish("support", "Be brief.");
    link().push(&job(), &mut |_, result| drop(result.expect("pushed"))).expect("pushed");
    let (bytes, objects) = progress.taken();
    assert!(bytes > 50 && (3..8).contains(&objects), "{bytes} bytes, {objects} objects");
    link().push(&job(), &mut |_, result| drop(result.expect("pushed"))).expect("pushed");
    assert_eq!(progress.taken(), (0, 0), "nothing travels the second time");
}
