//! What another store did since it was last looked at, from the lines of its log: verified line by line,
//! and so the state of its refs at exactly one moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::backend::{Backend, ChainHead, ChainPart, pages};
use crate::log::{AgentId, ChainError, Record, RecordId, StoreId, Verifier};
use crate::object::{BlockName, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::followed::{self, Followed};
use super::link::Link;
use super::receive::may_travel;
use super::remote::stores_besides;
use super::{AgentTip, LinesAsk, SyncError, Told};

/// How much before a place in a log is read to find the line that ends there, in bytes.
const LINE_WINDOW_BYTES: u64 = 4096;

/// How many agents are listed at once.
const PAGE: usize = 4096;

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
    /// Whether this is all that ever happened there, not only what is new.
    pub(super) whole: bool,
    /// What is kept of the log although it is heard from its beginning.
    kept: Option<ChainHead>,
    /// Whether the log came.
    heard: bool,
}

/// An agent here, if it is, and at the remote.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) local: Option<Handle>,
    pub(super) tip: AgentTip,
}

/// What a store did since its log was last kept here; `None` when nothing. For each agent by itself. `fresh`
/// says that the remote was asked for its tips after somebody else was found to fetch as well.
///
/// # Errors
/// When the remote did not answer.
pub(super) fn look(
    link: &Link<'_>,
    places: &[Place],
    fresh: bool,
) -> Result<Vec<Result<Option<News>, SyncError>>, SyncError> {
    let backend = link.agents.repo().backend();
    let besides = stores_besides(link.agents.repo(), Some(&link.remote))?;
    let (mut found, mut asks, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let many = !fresh && places.len() >= followed::FROM_AGENTS;
    let mut followed = many.then(|| Followed::load(link.agents.repo(), &link.remote));
    for (at, place) in places.iter().enumerate() {
        let own = match (&followed, &place.local) {
            (Some(_), Some(local)) => backend.head(local).ok().flatten().map(|head| head.record),
            _ => None,
        };
        let noted = followed.as_mut().zip(own);
        if noted.as_ref().is_some_and(|(followed, own)| followed.has(*own, &place.tip)) {
            found.push(Ok(None));
            continue;
        }
        let ask = ask_for(backend, &link.remote, place, fresh);
        found.push(match ask {
            Ok(None) => {
                if let Some((followed, own)) = noted {
                    followed.add(own, &place.tip);
                }
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(Some(Ask { lines, kept, whole })) => {
                asks.push(lines);
                asked.push(at);
                Ok(Some(News { whole, kept, ..News::of(&place.tip) }))
            }
        });
    }
    if let Some(followed) = followed.filter(|_| !link.dry_run) {
        followed.save(link.agents.repo());
    }
    if asks.is_empty() {
        return Ok(found);
    }
    link.transport.lines(&asks, &mut |ask, told| {
        let (Some(ask), Some(at)) = (asks.get(ask), asked.get(ask)) else { return };
        if let Ok(Some(news)) = &mut found[*at]
            && let Err(error) = told.and_then(|told| news.hear(backend, &besides, &places[*at], ask, told))
        {
            found[*at] = Err(error);
        }
    })?;
    for at in asked {
        if let Ok(Some(News { heard: false, .. })) = &found[at] {
            found[at] = Err(SyncError::Unreachable("its log did not come".to_owned()));
        }
    }
    Ok(found)
}

/// What to ask about an agent; nothing when it is as it was.
fn ask_for(
    backend: &dyn Backend,
    remote: &Handle,
    place: &Place,
    fresh: bool,
) -> Result<Option<Ask>, SyncError> {
    let tip = &place.tip;
    let kept = match &place.local {
        Some(handle) => backend.chains(handle)?,
        None => Vec::new(),
    };
    if tip.head.store == backend.store_id() {
        return Err(SyncError::SameStore(tip.head.store));
    }
    let before = kept.iter().find(|head| head.store == tip.head.store).copied();
    // A log that came by way of another store, or under another name, says nothing yet of where this remote's
    // refs are: it is heard from its beginning.
    let meta = RefName::meta().at_remote(remote);
    let followed = match (&place.local, meta) {
        (Some(local), Some(meta)) if before.is_some() => backend.read_ref(local, &meta)?.is_some(),
        _ => false,
    };
    match before {
        Some(before) if before == tip.head && followed => return Ok(None),
        // Or somebody else fetched since the remote was asked: then it has grown when it is asked again.
        Some(before) if before.bytes > tip.head.bytes && !fresh => {
            return Err(SyncError::Stale(place.local.clone().unwrap_or_else(|| tip.handle.clone())));
        }
        // A log only grows: one that is shorter, or another at the same length, is that of a second store.
        Some(before) if before.bytes >= tip.head.bytes && before != tip.head => {
            return Err(copied(tip, tip.head.store));
        }
        _ => {}
    }
    let asked = kept.iter().filter(|head| followed || head.store != tip.head.store).copied();
    // Of this store's own log it is enough to hear where it ends there.
    let own = place.local.as_ref().map(|handle| backend.head(handle)).transpose()?.flatten();
    let own =
        own.map(|head| ChainHead { store: backend.store_id(), record: head.record, bytes: head.log_bytes });
    let asked = asked.chain(own).collect();
    let lines = LinesAsk { handle: tip.handle.clone(), upto: tip.head, kept: asked };
    Ok(Some(Ask { lines, kept: before.filter(|_| !followed), whole: !followed }))
}

/// What to ask about an agent.
struct Ask {
    lines: LinesAsk,
    /// What is kept of the remote's log although it is asked for from its beginning.
    kept: Option<ChainHead>,
    whole: bool,
}

/// The lines of a part beyond what is kept; none when all of it is.
fn beyond(part: ChainPart, kept: Option<ChainHead>) -> Option<ChainPart> {
    let Some(kept) = kept else { return Some(part) };
    let skip = usize::try_from(kept.bytes - part.offset).unwrap_or(usize::MAX);
    let lines = part.lines.get(skip..).filter(|lines| !lines.is_empty())?.to_vec();
    Some(ChainPart { offset: kept.bytes, lines, ..part })
}

impl News {
    /// Nothing yet.
    pub(super) fn of(tip: &AgentTip) -> Self {
        Self {
            tip: tip.clone(),
            parts: Vec::new(),
            versions: Vec::new(),
            moves: BTreeMap::new(),
            whole: false,
            kept: None,
            heard: false,
        }
    }

    /// Takes what was told of one log, once it is found to continue what is kept.
    fn hear(
        &mut self,
        backend: &dyn Backend,
        besides: &HashSet<StoreId>,
        place: &Place,
        ask: &LinesAsk,
        told: Told,
    ) -> Result<(), SyncError> {
        let tip = &place.tip;
        if told.end.store == backend.store_id() {
            return refuse_copy_of_own(backend, place.local.as_ref(), &tip.handle, told.end);
        }
        let own = told.end.store == tip.head.store;
        if !own && besides.contains(&told.end.store) {
            // What that store does is heard from itself, so that no news of it is missed.
            return Ok(());
        }
        let Some(part) = told.part else { return Ok(()) };
        let before = ask.kept.iter().find(|head| head.store == told.end.store).copied();
        let begins = part.offset == before.map_or(0, |head| head.bytes);
        let ends = part.offset + part.lines.len() as u64 == told.end.bytes;
        if part.store != told.end.store || !begins || !ends {
            return Err(SyncError::Unreachable("its log came cut off".to_owned()));
        }
        if own && told.end != tip.head {
            return Err(SyncError::Unreachable("its log came with another end than was asked".to_owned()));
        }
        let walked = walk_part(tip, before, &part, &mut |record| {
            if own {
                self.take(record);
            }
        });
        match walked {
            // Two stores wrote under that id, before one of them got another. What came first is kept.
            Err(
                SyncError::Copied { .. }
                | SyncError::Chain { source: ChainError::Damaged { line: 1, .. }, .. },
            ) if !own && before.is_some() => {
                return Ok(());
            }
            other => other?,
        }
        self.heard |= own;
        self.parts.extend(if own { beyond(part, self.kept) } else { Some(part) });
        Ok(())
    }

    /// Adds what a record does.
    pub(super) fn take(&mut self, record: &Record) {
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
            Err(ChainError::Broken { line: 1, .. }) if before.is_some() => {
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
        Some(handle) => record_at(backend, handle, theirs.store, theirs.bytes)?,
        None => None,
    };
    if own == Some(theirs.record) {
        return Ok(());
    }
    Err(SyncError::Copied { agent: local.unwrap_or(shown).clone(), store: theirs.store, own: true })
}

/// The record whose line ends at a place of a store's log of an agent.
pub(super) fn record_at(
    backend: &dyn Backend,
    agent: &Handle,
    store: StoreId,
    end: u64,
) -> Result<Option<RecordId>, SyncError> {
    let mut window = LINE_WINDOW_BYTES;
    loop {
        let start = end.saturating_sub(window);
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        let bytes = if store == backend.store_id() {
            backend.read_log(agent, start, len)?
        } else {
            backend.read_chain(agent, store, start, len)?
        };
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

/// The agents of a store by their ids.
pub(super) fn handles_by_id(backend: &dyn Backend) -> Result<HashMap<AgentId, Handle>, SyncError> {
    let mut found = HashMap::new();
    for page in pages(backend, PAGE) {
        let page = page?;
        let heads = backend.heads(&page)?;
        let heads = page.into_iter().zip(heads);
        found.extend(heads.filter_map(|(handle, head)| Some((head?.agent, handle))));
    }
    Ok(found)
}
