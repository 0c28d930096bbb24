//! What a push sends, and what it does not.

use super::*;
use crate::pack::{PackError, is_thin};

/// Listens in on what is asked of a store.
#[derive(Debug)]
struct Watched<'a> {
    inner: &'a dyn Transport,
    far: bool,
    /// Whether thin packs find that what they build on is gone.
    forgetful: bool,
    packs: RefCell<Vec<Vec<u8>>>,
    asked_for: Cell<usize>,
    told: RefCell<Vec<(StoreId, usize)>>,
}

impl<'a> Watched<'a> {
    fn new(inner: &'a dyn Transport, far: bool) -> Self {
        let (packs, asked_for, told) = (RefCell::default(), Cell::new(0), RefCell::default());
        Self { inner, far, forgetful: false, packs, asked_for, told }
    }

    /// Of each pack that was sent whether it was thin, and its length.
    fn sent(&self) -> Vec<(bool, usize)> {
        let thin = |pack: &Vec<u8>| is_thin(*pack.first_chunk().expect("a header")).expect("a pack");
        self.packs.borrow().iter().map(|pack| (thin(pack), pack.len())).collect()
    }
}

impl Transport for Watched<'_> {
    fn store(&self) -> Result<StoreId, SyncError> {
        self.inner.store()
    }

    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        self.inner.listing(known)
    }

    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        self.inner.tips(handles)
    }

    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        self.inner.chains(handles)
    }

    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        self.inner.lines(asks, &mut |at, told| {
            if let Ok(Told { part: Some(part), .. }) = &told {
                self.told.borrow_mut().push((part.store, part.lines.len()));
            }
            take(at, told);
        })
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        self.inner.packs()
    }

    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        self.inner.pack(id, offset, take)
    }

    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        self.inner.objects(needs, take)
    }

    fn lacks(&self, asks: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        self.asked_for.set(self.asked_for.get() + asks.iter().map(|(_, ids)| ids.len()).sum::<usize>());
        self.inner.lacks(asks)
    }

    fn is_far(&self) -> bool {
        self.far
    }

    fn stage(&self, pack: &mut dyn Read) -> Result<Staged, SyncError> {
        let mut bytes = Vec::new();
        pack.read_to_end(&mut bytes).expect("it is whole");
        self.packs.borrow_mut().push(bytes.clone());
        if self.forgetful && self.packs.borrow().len() == 1 {
            let error = PackError::NoBase { offset: 8, base: crate::object::Object::id(&block("gone")) };
            // As it comes from a server.
            return Err(wire::Failure::of(&BackendError::from(error).into()).into_error());
        }
        self.inner.stage(&mut bytes.as_slice())
    }

    fn push(&self, requests: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        self.inner.push(requests)
    }
}

fn block(text: &str) -> Object {
    Object { kind: crate::object::Kind::Block, payload: text.as_bytes().to_vec() }
}

/// A text that does not compress well, the same for the same number but for its end.
fn long(end: &str) -> String {
    let line = |at: u32| format!("{}\n", blake3::hash(&at.to_le_bytes()).to_hex());
    (0..8000).map(line).collect::<String>() + end
}

fn publish(store: &Store, agent: &str, end: &str) {
    let config = json!({"prompt": long(end)});
    let options = PublishOptions { label: end.to_owned(), ..PublishOptions::default() };
    let direct = Direct { profile: profile(), config: &config, expected_latest: None, options };
    store.agents.publish_config(&handle(agent), &direct).expect("published").expect("it is new");
}

/// A store and a clone of it that publishes more than few objects take.
fn ahead() -> (Store, Store) {
    let (team, ana) = (team(), store(2, "Ana"));
    publish(&team, "support", "first");
    ana.clone_all(&team.transport);
    ana.pull(&team.transport, &Scope::default()).expect("pulled");
    for end in ["second", "third", "fourth"] {
        publish(&ana, "support", end);
    }
    (team, ana)
}

fn same(team: &Store, ana: &Store) {
    assert_eq!(team.names("support"), ana.names("support"));
    assert_eq!(team.versions("support").len(), 6);
    team.sound();
    ana.sound();
}

#[test]
fn what_goes_far_builds_on_what_is_there() {
    let (team, ana) = ahead();
    let far = Watched::new(&team.transport, true);
    ana.push(&far, &Scope::default()).expect("pushed");
    let sent = far.sent();
    assert!(matches!(sent[..], [(true, size_bytes)] if size_bytes < 8 * 1024), "{sent:?}");
    same(&team, &ana);
}

#[test]
fn what_does_not_go_far_stands_by_itself() {
    let (team, ana) = ahead();
    let near = Watched::new(&team.transport, false);
    ana.push(&near, &Scope::default()).expect("pushed");
    let sent = near.sent();
    assert!(matches!(sent[..], [(false, size_bytes)] if size_bytes > 200 * 1024), "{sent:?}");
    same(&team, &ana);
}

#[test]
fn where_what_it_builds_on_is_gone_everything_is_sent_whole() {
    let (team, ana) = ahead();
    let far = Watched { forgetful: true, ..Watched::new(&team.transport, true) };
    ana.push(&far, &Scope::default()).expect("pushed");
    assert!(matches!(far.sent()[..], [(true, _), (false, _)]), "{:?}", far.sent());
    same(&team, &ana);
}

#[test]
fn a_thin_pack_that_builds_on_what_is_not_there_is_refused() {
    let (base, object) = (block(&long("here")), block(&long("there")));
    let mut writer = PackWriter::thin(Vec::new(), Effort::Fast).expect("begun");
    writer.add_on_outside(&object, &base).expect("added");
    let (_, pack) = writer.finish().expect("ended");
    let team = team();
    let error = team.transport.stage(&mut pack.as_slice()).expect_err("it has no such object");
    assert!(error.to_string().contains(&base.id().to_string()), "{error}");
    team.repo().backend().stage(std::slice::from_ref(&base)).expect("staged");
    team.transport.stage(&mut pack.as_slice()).expect("now it has");
    let mut cut = &pack[..pack.len() - 1];
    team.transport.stage(&mut cut).expect_err("it is cut off");
    assert_eq!(team.repo().object(&object.id()).expect("read").as_deref(), Some(&object));
}

#[test]
fn a_store_is_not_told_its_own_log() {
    let (team, ana) = ahead();
    let watched = Watched::new(&team.transport, true);
    ana.push(&watched, &Scope::default()).expect("pushed");
    let own = ana.repo().backend().store_id();
    let told = watched.told.take();
    assert!(!told.is_empty() && told.iter().all(|(store, _)| *store != own), "{told:?}");
}

#[test]
fn it_is_not_asked_what_is_lacking_of_an_agent_that_is_there() {
    let (team, ana) = ahead();
    let watched = Watched::new(&team.transport, true);
    ana.push(&watched, &Scope::default()).expect("pushed");
    assert_eq!(watched.asked_for.get(), 0);
    // A new agent may well be made of what another one has: then nothing is sent twice.
    let scope = Scope { rename: Some(handle("copy")), ..Scope::default() };
    let (bo, mut done) = (store(3, "Bo"), None);
    bo.create("fresh");
    for end in ["second", "third", "fourth"] {
        publish(&bo, "fresh", end);
    }
    let job = Job { pair: Pair { local: Some(handle("fresh")), tip: None }, scope };
    bo.link(&watched).push(&[job], &mut |_, result| done = Some(result)).expect("asked");
    done.expect("told").expect("pushed");
    assert!(watched.asked_for.get() >= 9, "{}", watched.asked_for.get());
    let (_, size_bytes) = *watched.sent().last().expect("one was sent");
    assert!(size_bytes < 8 * 1024, "{size_bytes}");
    team.sound();
}
