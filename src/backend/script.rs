//! For tests: short ways to write transactions, and one check that what a backend says of its agents
//! is what their logs add up to.

use std::collections::BTreeSet;

use crate::clock::Time;
use crate::log::{AgentId, Change, Record, RecordId, RefTable, StoreId, Verifier};
use crate::object::{Author, Kind, Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::{Backend, BackendError, ChainPart, Derived, Moved, Outcome, Transaction};

/// The store of all tests.
pub(crate) const STORE: StoreId = StoreId([3; 16]);

pub(crate) fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

pub(crate) fn name(text: &str) -> RefName {
    text.parse().expect("a ref name")
}

pub(crate) fn block(text: &str) -> Object {
    Object { kind: Kind::Block, payload: text.as_bytes().to_vec() }
}

#[allow(clippy::unnecessary_wraps)] // Where a ref is may always be nowhere.
pub(crate) fn target(text: &str) -> Option<Target> {
    Some(Target::Id(block(text).id()))
}

/// A record of the first moment of an agent.
pub(crate) fn first_record(kind: &str, nonce: u8) -> Record {
    Record {
        prev: None,
        store: STORE,
        agent: None,
        nonce: [nonce; 16],
        kind: kind.to_owned(),
        actor: Author { name: "Ana".to_owned(), email: None },
        via: "test".to_owned(),
        time: Time::from_ms(1_700_000_000_000).expect("a time"),
        changes: Vec::new(),
        cites: Vec::new(),
        note: String::new(),
        sig: None,
        ext: serde_json::Map::new(),
    }
}

/// A transaction on an agent as it is now, which moves refs to blocks with the texts given (`None`
/// deletes) and brings the blocks.
pub(crate) fn moving(backend: &dyn Backend, agent: &str, moves: &[(&str, Option<&str>)]) -> Transaction {
    let agent = handle(agent);
    let head = backend.head(&agent).expect("readable");
    let mut record = first_record("edit", 0);
    // Drawn from what the operation is, so that it is the same in every run.
    record.nonce.copy_from_slice(&blake3::hash(agent.as_str().as_bytes()).as_bytes()[..16]);
    record.prev = head.map(|head| head.record);
    record.agent = head.map(|head| head.agent);
    record.note = format!("after {} bytes", head.map_or(0, |head| head.log_bytes));
    let mut objects = Vec::new();
    for (at, text) in moves {
        let at = name(at);
        let from = head.and_then(|_| current(backend, &agent, &at));
        objects.extend(text.map(block));
        record.changes.push(Change::new(at, from, text.and_then(target)));
    }
    let mut transaction = Transaction::new(agent, record);
    transaction.objects = objects;
    transaction
}

/// Where a ref is now.
pub(crate) fn current(backend: &dyn Backend, agent: &Handle, at: &RefName) -> Option<Target> {
    if at.shape() == Shape::List {
        let len = backend.list_len(agent, at).expect("readable");
        let last = backend.list(agent, at, len.saturating_sub(1), 1).expect("readable");
        return last.first().map(|entry| Target::Id(entry.id));
    }
    backend.read_ref(agent, at).expect("readable").and_then(|state| state.target)
}

/// The same with a derived document beside it.
pub(crate) fn deriving(mut transaction: Transaction, document: Option<&str>) -> Transaction {
    let content = document.map(|text| text.as_bytes().to_vec());
    transaction.derived.push(Derived { name: "ACTIVE.json".to_owned(), content });
    transaction
}

/// Lines that another store wrote in its log of an agent after `prev`: a note for each number.
pub(crate) fn foreign(
    store: StoreId,
    agent: AgentId,
    prev: Option<RecordId>,
    numbers: std::ops::Range<u8>,
) -> Vec<u8> {
    let (mut prev, mut lines) = (prev, Vec::new());
    for number in numbers {
        let mut record = first_record("note", number);
        (record.store, record.prev, record.agent) = (store, prev, Some(agent));
        let (id, line) = record.to_line();
        prev = Some(id);
        lines.extend(line);
    }
    lines
}

/// The same transaction, which also keeps so many more lines of another store's chain.
pub(crate) fn keeping(
    backend: &dyn Backend,
    mut transaction: Transaction,
    store: StoreId,
    count: u8,
) -> Transaction {
    let first = &transaction.records[0];
    let agent = first.agent_id();
    let chains = if first.prev.is_some() { backend.chains(&transaction.agent) } else { Ok(Vec::new()) };
    let kept = chains.expect("readable").into_iter().find(|head| head.store == store);
    let (prev, offset) = kept.map_or((None, 0), |head| (Some(head.record), head.bytes));
    let start = u8::try_from(offset / 400 % 100).expect("small");
    let lines = foreign(store, agent, prev, start..start + count);
    transaction.chains.push(ChainPart { store, offset, lines });
    transaction
}

/// Renames an agent, in an operation that also notes it.
pub(crate) fn renaming(backend: &dyn Backend, agent: &str, to: &str) -> Transaction {
    let mut transaction = moving(backend, agent, &[("meta", Some(to))]);
    transaction.rename_to = Some(handle(to));
    transaction
}

/// Commits what must succeed.
pub(crate) fn commit(backend: &dyn Backend, transaction: &Transaction) {
    assert_eq!(backend.commit(transaction).expect("committed"), Outcome::Committed);
}

/// Commits what must find something moved.
pub(crate) fn moved(backend: &dyn Backend, transaction: &Transaction) -> Moved {
    match backend.commit(transaction).expect("looked at") {
        Outcome::Moved(moved) => moved,
        other => panic!("{other:?}"),
    }
}

/// The refs that an agent's log adds up to, after checking its chain.
pub(crate) fn replay(backend: &dyn Backend, agent: &Handle) -> Result<RefTable, String> {
    let told = |error: BackendError| format!("agents/{agent}: {error}");
    let head = backend.head(agent).map_err(told)?.ok_or(format!("agents/{agent}: it has no head"))?;
    let log = backend.read_log(agent, 0, usize::MAX / 2).map_err(told)?;
    if log.len() as u64 != head.log_bytes {
        return Err(format!("agents/{agent}/log: its length is {}, not {}", log.len(), head.log_bytes));
    }
    let mut verifier = Verifier::new(backend.store_id());
    let mut table = RefTable::default();
    let text = log.strip_suffix(b"\n").ok_or(format!("agents/{agent}/log: it is cut off"))?;
    for line in text.split(|byte| *byte == b'\n') {
        let (id, record) = verifier.next(line).map_err(|error| format!("agents/{agent}/log: {error}"))?;
        table.apply(id, &record).map_err(|error| format!("agents/{agent}/log: {error}"))?;
    }
    if verifier.head() != Some(head.record) || verifier.agent() != Some(head.agent) {
        return Err(format!("agents/{agent}/log: it has another head than was said"));
    }
    Ok(table)
}

/// Checks the chains of other stores.
fn compare_chains(backend: &dyn Backend, agent: &Handle) -> Result<(), String> {
    let told = |error: BackendError| format!("agents/{agent}/logs: {error}");
    let own = backend.head(agent).map_err(told)?.map(|head| head.agent);
    for chain in backend.chains(agent).map_err(told)? {
        let bytes = backend.read_chain(agent, chain.store, 0, usize::MAX / 2).map_err(told)?;
        let mut verifier = Verifier::new(chain.store);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            verifier.next(line).map_err(|error| format!("agents/{agent}/logs/{}: {error}", chain.store))?;
        }
        let end = (bytes.len() as u64, verifier.head(), verifier.agent());
        if end != (chain.bytes, Some(chain.record), own) {
            return Err(format!("agents/{agent}/logs/{}: it has another end than was said", chain.store));
        }
    }
    Ok(())
}

/// Compares everything a backend says of an agent with what its log adds up to.
fn compare(backend: &dyn Backend, agent: &Handle) -> Result<(), String> {
    let table = replay(backend, agent)?;
    compare_chains(backend, agent)?;
    let told = |error: BackendError| format!("agents/{agent}: {error}");
    for at in ["ACTIVE", "meta"].map(name).iter().chain(table.refs.keys()) {
        if backend.read_ref(agent, at).map_err(told)?.as_ref() != table.refs.get(at) {
            return Err(format!("agents/{agent}/{at}: it is not where the log left it"));
        }
    }
    for namespace in ["drafts", "environments", "checks", "pins", "remotes/o", "remotes/o/checks"] {
        let said = backend.refs(agent, namespace).map_err(told)?;
        let mine = table.refs.iter().filter(|(at, _)| at.split().0 == Some(namespace));
        if said != mine.map(|(at, state)| (at.clone(), state.clone())).collect::<Vec<_>>() {
            return Err(format!("agents/{agent}/{namespace}: they are not what the log left"));
        }
    }
    let versions = table.lists.get(&RefName::versions()).cloned().unwrap_or_default();
    let len = backend.list_len(agent, &RefName::versions()).map_err(told)?;
    let said = backend.list(agent, &RefName::versions(), 0, usize::MAX).map_err(told)?;
    if len != versions.len() as u64 || said != versions {
        return Err(format!("agents/{agent}/versions: they are not what the log left"));
    }
    let targets = table.refs.values().filter_map(|state| state.target.as_ref()?.id());
    let reachable: BTreeSet<ObjectId> = targets.chain(versions.iter().map(|entry| entry.id)).collect();
    for id in reachable {
        match backend.object(&id) {
            Ok(Some(object)) if object.id() == id => {}
            Ok(Some(_)) => return Err(format!("object {id}: it is another")),
            Ok(None) => return Err(format!("object {id}: it is missing")),
            Err(error) => return Err(format!("object {id}: {error}")),
        }
    }
    Ok(())
}

/// Everything that is wrong with a store, as far as anybody can tell from outside.
pub(crate) fn problems(backend: &dyn Backend) -> Vec<String> {
    let mut problems = Vec::new();
    match backend.agents(None, usize::MAX) {
        Ok(agents) => problems.extend(agents.iter().filter_map(|agent| compare(backend, agent).err())),
        Err(error) => problems.push(format!("agents: {error}")),
    }
    let found = backend.audit(&mut |fault| {
        if !fault.harmless {
            problems.push(format!("{}: {}", fault.subject, fault.problem));
        }
    });
    problems.extend(found.err().map(|error| format!("audit: {error}")));
    problems
}
