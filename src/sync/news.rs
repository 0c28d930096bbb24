//! What another store did since it was last looked at, from the lines of its log: verified line by line,
//! and so the state of its refs at exactly one moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::agent::Agents;
use crate::backend::{Backend, ChainHead, ChainPart};
use crate::log::{AgentId, Record, RecordId, StoreId, Verifier};
use crate::object::{BlockName, Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::receive::may_travel;
use super::{AgentTip, SyncError, Transport, closure};

/// How much of a log is read at once, in bytes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Objects that take more than this are written as they come, not kept in memory, in bytes.
const KEPT_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How much before a place in a log is read to find the line that ends there, in bytes.
const LINE_WINDOW_BYTES: u64 = 4096;

/// What another store did with an agent.
#[derive(Debug, Clone)]
pub(super) struct News {
    /// The agent there, and the end of that store's log.
    pub(super) tip: AgentTip,
    /// Lines of that log and of others that were not kept here yet.
    pub(super) parts: Vec<ChainPart>,
    /// Versions that were added, with the blocks in which each differs from the one before.
    pub(super) versions: Vec<(ObjectId, Vec<BlockName>)>,
    /// Where other refs are now.
    pub(super) moves: BTreeMap<RefName, Option<Target>>,
}

/// Objects that came.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Those that are not written yet.
    pub(super) objects: HashMap<ObjectId, Object>,
    /// Whether others are.
    pub(super) staged: bool,
}

/// What a store did since its log was last kept here; `None` when nothing.
pub(super) fn look(
    agents: &Agents,
    transport: &dyn Transport,
    local: Option<&Handle>,
    tip: &AgentTip,
) -> Result<Option<News>, SyncError> {
    let backend = agents.repo().backend();
    let kept = match local {
        Some(handle) => backend.chains(handle)?,
        None => Vec::new(),
    };
    let before = kept.iter().find(|head| head.store == tip.head.store).copied();
    if before == Some(tip.head) {
        return Ok(None);
    }
    let mut news = News { tip: tip.clone(), parts: Vec::new(), versions: Vec::new(), moves: BTreeMap::new() };
    let part = read_part(transport, tip, before, tip.head)?;
    walk_part(tip, before, &part, &mut |record| news.take(record))?;
    news.parts.push(part);
    for theirs in transport.chains(&tip.handle)? {
        if theirs.store == backend.store_id() {
            refuse_copy_of_own(backend, local, &tip.handle, theirs)?;
            continue;
        }
        let before = kept.iter().find(|head| head.store == theirs.store).copied();
        if before.is_none_or(|before| before.bytes < theirs.bytes) {
            let part = read_part(transport, tip, before, theirs)?;
            walk_part(tip, before, &part, &mut |_| ())?;
            news.parts.push(part);
        }
    }
    Ok(Some(news))
}

impl News {
    fn take(&mut self, record: &Record) {
        for change in record.changes.iter().filter(|change| may_travel(&change.name)) {
            match (change.name.shape(), &change.to) {
                (Shape::List, Some(Target::Id(id))) => self.versions.push((*id, change.blocks.clone())),
                (Shape::List, _) => {}
                (_, to) => drop(self.moves.insert(change.name.clone(), to.clone())),
            }
        }
    }

    /// Every object that refs of that store now name.
    pub(super) fn wants(&self) -> Vec<ObjectId> {
        let versions = self.versions.iter().map(|(id, _)| *id);
        versions.chain(self.moves.values().flatten().filter_map(Target::id)).collect()
    }
}

fn copied(tip: &AgentTip, store: StoreId) -> SyncError {
    SyncError::Copied { agent: tip.handle.clone(), store, own: false }
}

/// The lines of a log from where it is kept to an end.
fn read_part(
    transport: &dyn Transport,
    tip: &AgentTip,
    before: Option<ChainHead>,
    end: ChainHead,
) -> Result<ChainPart, SyncError> {
    let offset = before.map_or(0, |head| head.bytes);
    // A log only grows: one that is shorter, or another at the same length, is that of a second store.
    if offset >= end.bytes {
        return Err(copied(tip, end.store));
    }
    let mut lines: Vec<u8> = Vec::new();
    while offset + (lines.len() as u64) < end.bytes {
        let at = offset + lines.len() as u64;
        let len = usize::try_from(end.bytes - at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let bytes = transport.chain(&tip.handle, end.store, at, len)?;
        if bytes.is_empty() || bytes.len() > len {
            return Err(SyncError::Unreachable("its log came cut off".to_owned()));
        }
        lines.extend(bytes);
    }
    Ok(ChainPart { store: end.store, offset, lines })
}

/// Verifies the lines of a part and hands their records on.
fn walk_part(
    tip: &AgentTip,
    before: Option<ChainHead>,
    part: &ChainPart,
    take: &mut dyn FnMut(&Record),
) -> Result<(), SyncError> {
    let mut verifier = match before {
        Some(head) => Verifier::resume(part.store, tip.id, head.record, 0),
        None => Verifier::new(part.store),
    };
    let malformed =
        |reason: &str| Err(SyncError::Malformed { agent: tip.handle.clone(), reason: reason.to_owned() });
    let Some(body) = part.lines.strip_suffix(b"\n") else { return malformed("its last line is cut off") };
    for line in body.split(|byte| *byte == b'\n') {
        match verifier.next(line) {
            Ok((_, record)) => take(&record),
            // The first new line follows another than the last one kept: two logs have one id.
            Err(crate::log::ChainError::Broken { line: 1, .. }) if before.is_some() => {
                return Err(copied(tip, part.store));
            }
            Err(source) => return Err(SyncError::Chain { agent: tip.handle.clone(), source }),
        }
    }
    if verifier.agent() != Some(tip.id) {
        return malformed("it is of another agent");
    }
    if part.store == tip.head.store && verifier.head() != Some(tip.head.record) {
        return malformed("it does not end with the record that was said");
    }
    Ok(())
}

/// Refuses when the other store keeps lines as of this store that this store did not write.
pub(super) fn refuse_copy_of_own(
    backend: &dyn Backend,
    local: Option<&Handle>,
    shown: &Handle,
    theirs: ChainHead,
) -> Result<(), SyncError> {
    let own = match local {
        Some(handle) => record_at(backend, handle, theirs.bytes)?,
        None => None,
    };
    if own == Some(theirs.record) {
        return Ok(());
    }
    Err(SyncError::Copied { agent: local.unwrap_or(shown).clone(), store: theirs.store, own: true })
}

/// The record whose line ends at a place of an agent's log.
fn record_at(backend: &dyn Backend, agent: &Handle, end: u64) -> Result<Option<RecordId>, SyncError> {
    let mut window = LINE_WINDOW_BYTES;
    loop {
        let start = end.saturating_sub(window);
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        let bytes = backend.read_log(agent, start, len)?;
        if bytes.len() < len {
            return Ok(None);
        }
        let Some(body) = bytes.strip_suffix(b"\n") else { return Ok(None) };
        let line = match memchr::memrchr(b'\n', body) {
            Some(at) => &body[at + 1..],
            None if start == 0 => body,
            None => {
                window *= 8;
                continue;
            }
        };
        return Ok(Record::from_line_unchecked(line).ok().map(|(id, _)| id));
    }
}

/// Brings every object that `wants` lead to and this agent does not have yet, and sees that none is
/// missing.
pub(super) fn bring(
    agents: &Agents,
    transport: &dyn Transport,
    local: Option<&Handle>,
    remote: &Handle,
    news: &News,
) -> Result<Arrived, SyncError> {
    let (repo, backend) = (agents.repo(), agents.repo().backend());
    let mut known: HashSet<ObjectId> = HashSet::new();
    let mut haves = Vec::new();
    let lists = [Some(RefName::versions()), RefName::versions().at_remote(remote)];
    for list in lists.into_iter().flatten().filter(|_| local.is_some()) {
        let Some(handle) = local else { continue };
        let entries = backend.list(handle, &list, 0, usize::MAX)?;
        haves.extend(entries.last().map(|entry| entry.id));
        known.extend(entries.iter().map(|entry| entry.id));
    }
    let wants: Vec<ObjectId> = news.wants().into_iter().filter(|id| !known.contains(id)).collect();
    let mut arrived = Arrived::default();
    if wants.is_empty() {
        return Ok(arrived);
    }
    let mut size_bytes = 0;
    transport.objects(&news.tip.handle, &wants, &haves, &mut |objects| {
        size_bytes += objects.iter().map(|object| object.payload.len()).sum::<usize>();
        arrived.objects.extend(objects.into_iter().map(|object| (object.id(), object)));
        if size_bytes > KEPT_MAX_BYTES {
            size_bytes = 0;
            arrived.write(backend)?;
        }
        Ok(())
    })?;
    if arrived.staged {
        arrived.write(backend)?;
    }
    let lookup = |id: &ObjectId| match arrived.objects.get(id) {
        Some(object) => Ok(Some(object.clone())),
        None => Ok(repo.object(id)?.map(|object| (*object).clone())),
    };
    closure::walk(&lookup, &wants, &known, &mut |_, _| Ok(()))?;
    Ok(arrived)
}

impl Arrived {
    fn write(&mut self, backend: &dyn Backend) -> Result<(), SyncError> {
        let objects: Vec<Object> = self.objects.drain().map(|(_, object)| object).collect();
        backend.stage(&objects)?;
        self.staged = true;
        Ok(())
    }
}

/// The agents of this store by their ids.
pub(super) fn handles_by_id(agents: &Agents) -> Result<HashMap<AgentId, Handle>, SyncError> {
    let backend = agents.repo().backend();
    let mut found = HashMap::new();
    let mut after: Option<Handle> = None;
    loop {
        let page = backend.agents(after.as_ref(), 256)?;
        let Some(last) = page.last() else { return Ok(found) };
        for handle in &page {
            if let Some(head) = backend.head(handle)? {
                found.insert(head.agent, handle.clone());
            }
        }
        after = Some(last.clone());
    }
}
