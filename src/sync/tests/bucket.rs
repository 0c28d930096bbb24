//! The same with the team's store in a bucket, and how many requests that takes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::*;
use crate::backend::bucket::{BucketBackend, BucketError, BucketOptions, RealWorld, World};

/// Object storage that counts what it is asked.
#[derive(Debug, Default)]
struct Counting {
    inner: InMemory,
    gets: AtomicU64,
    puts: AtomicU64,
    lists: AtomicU64,
}

impl Counting {
    /// GETs, PUTs and LISTs since it was last asked.
    fn taken(&self) -> [u64; 3] {
        [&self.gets, &self.puts, &self.lists].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counting")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.inner.put_opts(path, payload, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A clock that goes when it is told to.
#[derive(Debug, Default)]
struct Stopped {
    ticks_us: AtomicU64,
    real: RealWorld,
}

impl World for Stopped {
    fn now(&self) -> Time {
        self.real.now()
    }

    fn ticks_us(&self) -> u64 {
        1 + self.ticks_us.load(Ordering::Relaxed)
    }

    fn random(&self) -> std::result::Result<u64, BucketError> {
        self.real.random()
    }

    fn pause(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.real.pause(time)
    }
}

fn options(max_age: Duration) -> BucketOptions {
    BucketOptions { max_age, ..BucketOptions::default() }
}

/// The team's store, made in a bucket.
fn made(bucket: &Arc<Counting>) -> Store {
    let bucket = Arc::clone(bucket) as Arc<dyn ObjectStore>;
    let id = StoreId([1; 16]);
    let backend = BucketBackend::create_on(bucket, "team", id, &options(Duration::ZERO)).expect("made");
    store_on(Arc::new(backend), 1, "Tea")
}

/// The same, as another process opens it.
fn opened(bucket: &Arc<Counting>, options: &BucketOptions) -> Store {
    let bucket = Arc::clone(bucket) as Arc<dyn ObjectStore>;
    store_on(Arc::new(BucketBackend::open_on(bucket, "team", options).expect("opened")), 1, "Tea")
}

#[test]
fn a_bucket_conforms() {
    for max_age in [Duration::ZERO, Duration::from_secs(1)] {
        let bucket = Arc::new(Counting::default());
        let team = filled(made(&bucket));
        conforms(&team, &opened(&bucket, &options(max_age)).transport);
        team.sound();
    }
}

#[test]
fn random_histories_through_a_bucket_lose_nothing() {
    let (mut faults, mut refused) = (BTreeSet::new(), 0);
    for seed in 101..=130u64 {
        let bucket = Arc::new(Counting::default());
        let team = made(&bucket);
        team.create("support");
        // Laptops that share the team's process, or have another beside it.
        let beside = opened(&bucket, &options(Duration::ZERO));
        let reach = if seed % 2 == 0 { &team } else { &beside };
        let (found, behind) = random_history(seed, &team, &reach.transport);
        faults.extend(found);
        refused += behind;
    }
    assert!(faults.len() == 5 && refused > 5, "{faults:?} {refused}");
}

#[test]
fn few_requests_do_and_none_of_them_lists() {
    const AGENTS: u64 = 100;
    let bucket = Arc::new(Counting::default());
    let team = made(&bucket);
    team.create("support");
    for number in 1..AGENTS {
        team.create(&format!("agent-{number}"));
    }
    team.publish("support", "two");
    let opened = || opened(&bucket, &BucketOptions::default());
    let ana = store(2, "Ana");
    bucket.taken();
    ana.clone_all(&opened().transport);
    let [gets, puts, lists] = bucket.taken();
    // What says that it is a store, the names and their page; a state and a pack of each agent.
    assert!(puts == 0 && lists == 0 && (2 * AGENTS..=2 * AGENTS + 6).contains(&gets), "{gets} to clone");
    let fetch = |reach: &Store| {
        let link = ana.link(&reach.transport);
        let pairs = link.to_fetch(&[]).expect("listed");
        let jobs: Vec<Job> = pairs.into_iter().map(|pair| Job { pair, scope: Scope::default() }).collect();
        link.fetch(&jobs, &mut |_, result| assert!(result.expect("fetched").operation.is_none()))
            .expect("fetched");
    };
    let reach = opened();
    fetch(&reach);
    assert_eq!(bucket.taken(), [3 + AGENTS, 0, 0], "to fetch nothing");
    fetch(&reach);
    assert_eq!(bucket.taken(), [0, 0, 0], "within its age");
    // What a laptop pushes: one pack, one swap.
    ana.publish("support", "three");
    ana.push(&opened().transport, &Scope::default()).expect("pushed");
    let [gets, puts, lists] = bucket.taken();
    assert!(puts == 2 && lists == 0 && (4..=7).contains(&gets), "{gets} GETs to push, {puts} PUTs");
    // Nothing of another agent is read for it.
    assert_eq!(team.versions("support").len(), 3);
    team.sound();
}

#[test]
fn a_change_is_seen_within_the_age_that_was_asked_for() {
    let bucket = Arc::new(Counting::default());
    let team = filled(made(&bucket));
    let world = Arc::new(Stopped::default());
    let max_age = Duration::from_secs(1);
    let beside = opened(
        &bucket,
        &BucketOptions { max_age, world: Arc::clone(&world) as _, ..BucketOptions::default() },
    );
    let look = || beside.transport.listing(None).expect("listed").expect("it is told").tips;
    for round in 0..3 {
        let before = look();
        let version = team.publish("support", &format!("round {round}"));
        assert_eq!(look(), before, "nobody asked the bucket yet");
        world.ticks_us.fetch_add(999_999, Ordering::Relaxed);
        assert_eq!(look(), before);
        world.ticks_us.fetch_add(1, Ordering::Relaxed);
        assert_ne!(look(), before);
        assert_eq!(beside.versions("support").last(), Some(&version));
        world.ticks_us.fetch_add(2_000_000, Ordering::Relaxed);
    }
    team.create("newcomer");
    world.ticks_us.fetch_add(1_000_000, Ordering::Relaxed);
    assert!(look().iter().any(|tip| tip.handle == handle("newcomer")));
    // Who writes is not held up by what it saw last: it is checked against the bucket.
    team.publish("support", "theirs");
    beside.publish("support", "ours");
    assert_eq!(team.versions("support").len(), 2 + 3 + 2);
}

#[test]
fn what_another_agent_has_is_brought_where_it_is_relied_on() {
    let bucket = Arc::new(Counting::default());
    let team = made(&bucket);
    team.create("support");
    team.create("sales");
    let theirs = team.publish("sales", "only sales has this");
    let (support, backend) = (handle("support"), team.repo().backend());
    let tip = team.transport.tips(std::slice::from_ref(&support)).expect("asked").remove(0).expect("there");
    let last = team.versions("support").last().copied().map(Target::Id);
    // The pusher names a version, and brings nothing: it lies in another agent's packs.
    let request = PushRequest {
        agent: tip.id,
        handle: support.clone(),
        expected: Some(tip.head.record),
        cites: tip.head.record,
        objects: Vec::new(),
        staged: None,
        chains: Vec::new(),
        changes: vec![Change::new(RefName::versions(), last, Some(Target::Id(theirs)))],
        actor: Author { name: "Mallory".to_owned(), email: None },
    };
    assert_eq!(backend.lacks(&support, &[theirs]).expect("asked"), [theirs]);
    let pushed = team.transport.push(&[request]).expect("asked").remove(0);
    assert!(matches!(pushed, Ok(PushOutcome::Committed(_))), "{pushed:?}");
    let tree = team.repo().commit(&theirs).expect("read").tree;
    assert_eq!(backend.lacks(&support, &[theirs, tree]).expect("asked"), []);
    team.sound();
}
