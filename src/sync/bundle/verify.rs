//! Looks at every byte of a bundle: every line of every log, every object, and that none is missing.

use std::collections::HashSet;

use crate::log::{StoreId, Verifier};
use crate::object::ObjectId;
use crate::pack::PackStream;
use crate::repo::Repo;

use super::super::news::News;
use super::super::{AgentTip, SyncError, Transport as _, closure};
use super::standing::Standing;
use super::{Bundle, BundleError, BundleTransport, BundledAgent, Missing};

/// What was found in a bundle that is sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Operations of all logs.
    pub records: u64,
    /// Objects.
    pub objects: u64,
    /// What their payloads add up to, in bytes.
    pub expanded_bytes: u64,
    /// What a store must have before: none for a bundle that stands by itself.
    pub builds_on: Vec<Missing>,
    /// Whether all that it leads to was seen; without a store that has what it builds on it is not.
    pub complete: bool,
}

/// Looks at every byte of a bundle, and with a store at what it builds on.
///
/// # Errors
/// `Prerequisites` when the store lacks some of that; `Chain`, `Malformed`, `Pack`, `Incomplete`.
pub fn verify(bundle: Bundle, repo: Option<&Repo>) -> Result<Verified, SyncError> {
    let transport = BundleTransport::new(bundle, repo)?;
    let bundle = transport.bundle();
    let manifest = bundle.manifest();
    let builds_on = manifest
        .agents
        .iter()
        .filter_map(|agent| agent.needs().map(|needs| Missing { agent: agent.handle.clone(), needs }));
    let mut verified = Verified { builds_on: builds_on.collect(), ..Verified::default() };
    let mut seen = Seen::default();
    for (at, agent) in manifest.agents.iter().enumerate() {
        let news = lines(bundle, at, agent, &mut verified)?;
        seen.needed.extend(news.wants());
    }
    let missing = transport.missing();
    if repo.is_some() && !missing.is_empty() {
        return Err(BundleError::Prerequisites { missing, store: transport.store()? }.into());
    }
    if let Some(at) = transport.standings().iter().position(|standing| *standing == Standing::Other) {
        let (agent, store) = (manifest.agents[at].handle.clone(), manifest.store);
        return Err(SyncError::Copied { agent, store, own: false });
    }
    verified.complete = manifest.is_full() || repo.is_some();
    objects(bundle, repo, &mut seen, &mut verified)?;
    if !verified.complete {
        return Ok(verified);
    }
    for id in seen.needed.difference(&seen.there) {
        let there = match repo {
            Some(repo) if !manifest.is_full() => repo.object(id)?.is_some(),
            _ => false,
        };
        if !there {
            return Err(SyncError::Incomplete(*id));
        }
    }
    Ok(verified)
}

/// Objects that are in a bundle, and those that something names.
#[derive(Default)]
struct Seen {
    there: HashSet<ObjectId>,
    needed: HashSet<ObjectId>,
}

/// Verifies the lines of an agent; what they lead to.
fn lines(
    bundle: &Bundle,
    at: usize,
    agent: &BundledAgent,
    verified: &mut Verified,
) -> Result<News, SyncError> {
    let store: StoreId = bundle.manifest().store;
    let handle = || agent.handle.clone();
    let mut news = News::of(&AgentTip { handle: handle(), id: agent.id, head: agent.own().end() });
    for (chain, lines) in agent.chains.iter().zip(bundle.lines(at)?) {
        let mut verifier = match chain.since {
            Some(since) => Verifier::resume(chain.store, agent.id, since.record, 0),
            None => Verifier::new(chain.store),
        };
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let (_, record) =
                verifier.next(line).map_err(|source| SyncError::Chain { agent: handle(), source })?;
            verified.records += 1;
            if chain.store == store {
                news.take(&record);
            }
        }
        let whole = lines.is_empty() || lines.ends_with(b"\n");
        if !whole || verifier.agent() != Some(agent.id) || verifier.head() != Some(chain.end.record) {
            let reason = "it does not end as the bundle says".to_owned();
            return Err(SyncError::Malformed { agent: handle(), reason });
        }
    }
    Ok(news)
}

/// Reads every object, and notes what it leads to.
fn objects(
    bundle: &Bundle,
    repo: Option<&Repo>,
    seen: &mut Seen,
    verified: &mut Verified,
) -> Result<(), SyncError> {
    for (at, pack) in bundle.manifest().packs.iter().enumerate() {
        if pack.thin && !verified.complete {
            // What it builds on is somewhere else; its bytes are those that were written.
            continue;
        }
        let base = |id: &ObjectId| repo.and_then(|repo| repo.object(id).ok().flatten());
        let mut stream = PackStream::new(bundle.pack(at, 0), base).map_err(BundleError::from)?;
        for packed in stream.by_ref() {
            let packed = packed.map_err(BundleError::from)?;
            seen.there.insert(packed.id);
            seen.needed.extend(closure::links(&packed.id, &packed.object)?);
        }
        let summary = stream.summary().filter(|summary| {
            (summary.id, summary.size_bytes, summary.objects) == (pack.id, pack.size_bytes, pack.objects)
        });
        let Some(summary) = summary else {
            return Err(BundleError::Malformed("its objects are not those that it says".to_owned()).into());
        };
        verified.objects += summary.objects;
        verified.expanded_bytes += summary.expanded_bytes;
    }
    Ok(())
}
