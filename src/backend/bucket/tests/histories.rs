//! Random histories of several writers on one bucket that fails now and then, each checked in the end: what
//! was acknowledged happened once, what was refused did not, and every log is a chain.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;

use crate::backend::bucket::agents::{Age, Replayed};
use crate::backend::bucket::contents::Contents;
use crate::backend::bucket::requests::Requests;
use crate::backend::bucket::store::Store;
use crate::backend::script::{STORE, block, first_record, handle};
use crate::backend::{BackendError, Head, Outcome, Transaction};
use crate::clock::Time;
use crate::log::{Change, Record, RecordId};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};

use super::faulty::{Faulty, Manner};
use super::scheduled::{Chance, TestWorld, run};

/// How many histories a normal run tries; `RECTO_HISTORIES` says otherwise.
const HISTORIES: u64 = 2_000;
/// Operations of one writer.
const OPERATIONS: usize = 5;
const HANDLES: [&str; 3] = ["a", "b", "c"];

/// What a writer was told of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Committed,
    /// It said that nothing was done.
    Refused,
    Unknown,
}

/// A record that a writer wanted, and what became of it.
#[derive(Debug)]
struct Wanted {
    record: RecordId,
    told: Told,
    /// The version that it was to be, and its place in the list.
    version: Option<(usize, ObjectId)>,
    rename_to: Option<Handle>,
    creates: Option<Handle>,
}

type Book = RefCell<Vec<Wanted>>;

fn store(bucket: Arc<dyn object_store::ObjectStore>, world: Arc<TestWorld>, max_age_us: u64) -> Store {
    let requests = Requests::new(bucket, "p", world);
    Store::new(Contents::new(STORE, requests, 1 << 20, None), max_age_us)
}

/// A record that follows what a store shows of an agent.
fn record(store: &Store, chance: &Chance, prev: Option<RecordId>, agent: Option<RecordId>) -> Record {
    let mut record = first_record("edit", 0);
    record.nonce[..8].copy_from_slice(&chance.next().to_le_bytes());
    (record.prev, record.agent) = (prev, agent);
    record.time = Time::from_ms(store.now().as_ms()).expect("a time");
    record
}

/// An agent as a writer finds it.
async fn look(store: &Store, agent: &Handle) -> Result<Option<(Head, Arc<Replayed>)>, BackendError> {
    let Some(found) = store.agent(agent, Age::Read).await? else { return Ok(None) };
    let replayed = store.agents.replayed(&store.contents, &found).await?;
    Ok(Some((found.head(), replayed)))
}

/// Puts one operation together and does it.
async fn operate(store: &Store, chance: &Chance, book: &Book) {
    let name = HANDLES[usize::try_from(chance.below(3)).expect("small")];
    let agent = handle(name);
    let Ok(found) = look(store, &agent).await else { return };
    let mut transactions = vec![one(store, chance, &agent, found.as_ref())];
    if chance.once_in(5) {
        let other = handle(HANDLES[usize::try_from(chance.below(3)).expect("small")]);
        if let Ok(found) = look(store, &other).await
            && other != agent
        {
            transactions.push(one(store, chance, &other, found.as_ref()));
        }
    }
    if transactions.len() > 1 {
        for (transaction, wanted) in &mut transactions {
            (transaction.rename_to, wanted.rename_to) = (None, None);
        }
    }
    let (given, mut wanted): (Vec<Transaction>, Vec<Wanted>) = transactions.into_iter().unzip();
    let result = store.commit_all(&given).await;
    match result {
        Ok(outcomes) => {
            for (wanted, outcome) in wanted.iter_mut().zip(outcomes) {
                wanted.told = match outcome {
                    Outcome::Committed => Told::Committed,
                    Outcome::Moved(_) => Told::Refused,
                    Outcome::Unknown => Told::Unknown,
                };
            }
        }
        Err(error) => {
            assert!(
                !matches!(error, BackendError::BadTransaction(_) | BackendError::Corrupt { .. }),
                "{error:?}"
            );
            // Of several some may have been done.
            let told = if wanted.len() == 1 { Told::Refused } else { Told::Unknown };
            for wanted in &mut wanted {
                wanted.told = told;
            }
        }
    }
    book.borrow_mut().extend(wanted);
}

/// One transaction on an agent as it was found, or one that makes it.
fn one(
    store: &Store,
    chance: &Chance,
    agent: &Handle,
    found: Option<&(Head, Arc<Replayed>)>,
) -> (Transaction, Wanted) {
    let head = found.map(|(head, _)| *head);
    let mut record = record(store, chance, head.map(|head| head.record), head.map(|head| head.agent));
    let object = block(&format!("{:x}", chance.next()));
    let (name, rename_to) = match chance.below(5) {
        0 if found.is_some() => {
            let to = HANDLES.map(handle)[usize::try_from(chance.below(3)).expect("small")].clone();
            (RefName::meta(), Some(to).filter(|to| to != agent))
        }
        1 => ("drafts/x".parse().expect("a name"), None),
        _ => (RefName::versions(), None),
    };
    let from = found.and_then(|(_, found)| found.target(&name));
    let version = (name == RefName::versions()).then(|| {
        let list = found.and_then(|(_, found)| found.table.lists.get(&name));
        (list.map_or(0, Vec::len), object.id())
    });
    record.changes.push(Change::new(name, from, Some(Target::Id(object.id()))));
    let wanted = Wanted {
        record: record.id(),
        told: Told::Unknown,
        version,
        rename_to: rename_to.clone(),
        creates: found.is_none().then(|| agent.clone()),
    };
    let mut transaction = Transaction::new(agent.clone(), record);
    transaction.objects.push(object);
    transaction.rename_to = rename_to;
    (transaction, wanted)
}

/// Checks what is in the bucket in the end against what the writers were told.
async fn check(store: &Store, book: &[Wanted]) -> Result<(), String> {
    let told = |error: BackendError| format!("{error:?}");
    let handles = store.list(None, 99).await.map_err(told)?;
    let mut logs: BTreeMap<RecordId, (Handle, usize)> = BTreeMap::new();
    for agent in &handles {
        let found =
            store.agent(agent, Age::Read).await.map_err(told)?.ok_or(format!("{agent} is not there"))?;
        let log = found.state.log.read(&store.contents, 0, usize::MAX / 2).await.map_err(told)?;
        let mut now: Option<Handle> = None;
        let mut versions = 0;
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let (id, record) =
                Record::from_line(&line[..line.len() - 1]).map_err(|error| error.to_string())?;
            let wanted =
                book.iter().find(|wanted| wanted.record == id).ok_or(format!("{id} comes from nobody"))?;
            if logs.insert(id, (agent.clone(), versions)).is_some() {
                return Err(format!("{id} happened twice"));
            }
            versions += usize::from(record.changes[0].name == RefName::versions());
            now = wanted.creates.clone().or(wanted.rename_to.clone()).or(now);
        }
        if now.as_ref() != Some(agent) {
            return Err(format!("{agent} should be called {now:?}"));
        }
        let replayed = store.agents.replayed(&store.contents, &found).await.map_err(told)?;
        let list = replayed.table.lists.get(&RefName::versions()).cloned().unwrap_or_default();
        let numbers: BTreeSet<ObjectId> = list.iter().map(|entry| entry.id).collect();
        if numbers.len() != list.len() {
            return Err(format!("{agent} has a version twice"));
        }
        for wanted in book.iter().filter(|wanted| logs.get(&wanted.record).is_some_and(|at| at.0 == *agent)) {
            if let Some((place, id)) = wanted.version
                && list.get(place).map(|entry| (entry.id, entry.record)) != Some((id, wanted.record))
            {
                return Err(format!("{agent} has another V{} than was told", place + 1));
            }
        }
        let ids: Vec<ObjectId> = numbers.into_iter().collect();
        if !store.relied(agent, &ids).await.map_err(told)?.0.is_empty() {
            return Err(format!("{agent} lacks objects"));
        }
    }
    for wanted in book {
        let there = logs.contains_key(&wanted.record);
        match wanted.told {
            Told::Committed if !there => return Err(format!("{wanted:?} was lost")),
            Told::Refused if there => return Err(format!("{wanted:?} happened though it was refused")),
            Told::Committed => {
                let leads = wanted.creates.as_ref().or(wanted.rename_to.as_ref());
                if let Some(handle) = leads
                    && store
                        .owner(handle, Age::Read)
                        .await
                        .map_err(told)?
                        .map(|found| found.state.handle.clone())
                        != logs.get(&wanted.record).map(|at| at.0.clone())
                {
                    return Err(format!("'{handle}' leads elsewhere"));
                }
            }
            _ => {}
        }
    }
    let mut faults = Vec::new();
    let audit = store.audit(&mut |fault| faults.extend((!fault.harmless).then_some(fault))).await;
    audit.map_err(told)?;
    // There is no 'recto.json' in these histories.
    faults.retain(|fault| fault.subject != "recto.json");
    if faults.is_empty() { Ok(()) } else { Err(format!("{faults:?}")) }
}

/// What became of the operations of one history.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    committed: u64,
    refused: u64,
    unknown: u64,
}

fn history(seed: u64) -> Result<Tally, String> {
    let chance = Arc::new(Chance::new(seed));
    let world = Arc::new(TestWorld::new(Arc::clone(&chance), seed.is_multiple_of(4)));
    let inner = Arc::new(InMemory::new());
    let rate = [6, 12, 25, 1000][usize::try_from(seed % 4).expect("small")];
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner), Arc::clone(&chance), Manner::Fails(rate)));
    let book: Book = RefCell::default();
    let writers: Vec<Store> = (0..2 + seed % 2)
        .map(|writer| store(Arc::clone(&faulty) as _, Arc::clone(&world), 40_000 * (writer % 2)))
        .collect();
    let tasks = writers.iter().map(|store| {
        let (chance, book) = (&chance, &book);
        Box::pin(async move {
            for _ in 0..OPERATIONS {
                operate(store, chance, book).await;
            }
        }) as Pin<Box<dyn Future<Output = ()> + '_>>
    });
    run(&chance, tasks.collect());
    let calm = store(inner, Arc::new(TestWorld::new(Arc::clone(&chance), false)), 0);
    let book = book.take();
    let ended = async {
        faulty.settle(true).await;
        check(&calm, &book).await
    };
    run(&chance, vec![Box::pin(ended) as Pin<Box<dyn Future<Output = Result<(), String>>>>]).remove(0)?;
    let count = |told| book.iter().filter(|wanted| wanted.told == told).count() as u64;
    Ok(Tally {
        committed: count(Told::Committed),
        refused: count(Told::Refused),
        unknown: count(Told::Unknown),
    })
}

#[test]
fn what_was_acknowledged_happened_once_and_what_was_refused_did_not() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("RECTO_HISTORY") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RECTO_HISTORIES").unwrap_or(HISTORIES),
    };
    let many = seeds.end - seeds.start >= HISTORIES;
    let next = AtomicU64::new(seeds.start);
    let all: Mutex<Tally> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let tally = history(seed).unwrap_or_else(|problem| {
                        panic!("history {seed} (RECTO_HISTORY={seed} runs it alone): {problem}")
                    });
                    let mut all = all.lock().expect("no history failed");
                    all.committed += tally.committed;
                    all.refused += tally.refused;
                    all.unknown += tally.unknown;
                }
            });
        }
    });
    let all = all.into_inner().expect("no history failed");
    // The histories are about something: all of these occur.
    assert!(!many || (all.committed > 9_000 && all.refused > 1_000 && all.unknown > 100), "{all:?}");
}

#[test]
fn a_seed_decides_everything() {
    assert_eq!(history(7), history(7));
    assert_eq!(history(12), history(12));
}
