//! Makes a bundle: what a receiver would fetch that has what the bundle builds on, or nothing.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use crate::backend::ChainHead;
use crate::clock::Time;
use crate::encoding::Digest;
use crate::log::{AgentId, Record};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};

use super::super::news::News;
use super::super::{AgentTip, LinesAsk, Need, SyncError, Told, Transport};
use super::BundleError;
use super::manifest::{BundledAgent, BundledChain, BundledVersion, Manifest, Mark};
use super::writer::BundleWriter;

/// What a bundle is to build on.
#[derive(Debug, Clone)]
pub enum Since {
    /// What was there when a version of an agent was published.
    Version {
        /// The agent's handle.
        agent: Handle,
        /// The version.
        version: ObjectId,
    },
    /// What an earlier bundle of the store leads to.
    Bundle(Manifest),
}

/// What the receiver of a bundle has, by agent.
#[derive(Debug, Clone, Default)]
pub struct Basis(HashMap<AgentId, Known>);

#[derive(Debug, Clone, Default)]
struct Known {
    chains: Vec<ChainHead>,
    version: Option<BundledVersion>,
}

/// A bundle that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// What it holds.
    pub manifest: Manifest,
    /// Its length, in bytes.
    pub size_bytes: u64,
    /// The digest of all its bytes.
    pub digest: Digest,
    /// Agents that cannot be read, and are not in it, with the reason.
    pub unreadable: Vec<(Handle, String)>,
}

impl Basis {
    /// What follows from what a bundle is to build on.
    ///
    /// # Errors
    /// `OtherStore`, `OtherHistory` when the store has never been there; when it cannot be read.
    pub fn of(source: &dyn Transport, since: &[Since]) -> Result<Self, SyncError> {
        let mut basis = Self::default();
        for one in since {
            match one {
                Since::Version { agent, version } => {
                    let tip = tip_of(source, agent)?;
                    basis.0.insert(tip.id, known_at(source, &tip, *version)?);
                }
                Since::Bundle(earlier) => {
                    let (found, own) = (earlier.store, source.store()?);
                    if found != own {
                        return Err(BundleError::OtherStore { found, own }.into());
                    }
                    let known = |agent: &BundledAgent| Known {
                        chains: agent.chains.iter().map(BundledChain::end).collect(),
                        version: agent.latest,
                    };
                    basis.0.extend(earlier.agents.iter().map(|agent| (agent.id, known(agent))));
                }
            }
        }
        Ok(basis)
    }
}

fn tip_of(source: &dyn Transport, agent: &Handle) -> Result<AgentTip, SyncError> {
    let tip = source.tips(std::slice::from_ref(agent))?.into_iter().next().flatten();
    tip.ok_or_else(|| SyncError::NotThere(agent.clone()))
}

/// Where an agent's log was when a version got its number.
fn known_at(source: &dyn Transport, tip: &AgentTip, version: ObjectId) -> Result<Known, SyncError> {
    let ask = LinesAsk { handle: tip.handle.clone(), upto: tip.head, kept: Vec::new() };
    let mut own = Ok(None);
    source.lines(&[ask], &mut |_, told| match told {
        Ok(told) if told.end.store == tip.head.store => own = Ok(told.part),
        Ok(_) => {}
        Err(error) => own = Err(error),
    })?;
    let (mut bytes, mut number) = (0, 0);
    for line in own?.iter().flat_map(|part| part.lines.split_inclusive(|byte| *byte == b'\n')) {
        bytes += line.len() as u64;
        let (record, appended) = appended(&tip.handle, line)?;
        number += appended.len() as u64;
        // Versions of one record come together: the last of them is what the log then leads to.
        if let Some(id) = appended.last().copied().filter(|_| appended.contains(&version)) {
            let head = ChainHead { store: tip.head.store, record, bytes };
            return Ok(Known { chains: vec![head], version: Some(BundledVersion { id, number }) });
        }
    }
    Err(BundleError::OtherHistory(tip.handle.clone()).into())
}

/// A line's record, and the versions that it numbers.
fn appended(agent: &Handle, line: &[u8]) -> Result<(crate::log::RecordId, Vec<ObjectId>), SyncError> {
    let (id, record) = record_of(agent, line)?;
    let lists = record.changes.iter().filter(|change| change.name == RefName::versions());
    Ok((id, lists.filter_map(|change| change.to.as_ref().and_then(Target::id)).collect()))
}

fn record_of(agent: &Handle, line: &[u8]) -> Result<(crate::log::RecordId, Record), SyncError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Record::from_line_unchecked(line)
        .map_err(|error| SyncError::Malformed { agent: agent.clone(), reason: error.reason })
}

/// Puts agents of a store, all or those that are named, into a bundle, which is written front to back.
///
/// # Errors
/// `NothingNew`; `Unreadable` names whose objects are damaged; `OtherHistory` when the store has not been where the bundle is to begin; what the store
/// refuses; when the sink fails.
pub fn create(
    source: &dyn Transport,
    named: &[Handle],
    basis: &Basis,
    (made, drafts): (Time, bool),
    sink: &mut dyn Write,
) -> Result<Created, SyncError> {
    let (tips, mut unreadable) = tips(source, named)?;
    let asks: Vec<LinesAsk> = tips
        .iter()
        .map(|tip| LinesAsk {
            handle: tip.handle.clone(),
            upto: tip.head,
            kept: basis.0.get(&tip.id).map(|known| known.chains.clone()).unwrap_or_default(),
        })
        .collect();
    let mut writer = BundleWriter::new(sink, Manifest::new(source.store()?, made, drafts))?;
    let mut making =
        Making { tips: &tips, basis, writer: &mut writer, told: (0, Vec::new()), needs: Vec::new() };
    let mut failed = None;
    source.lines(&asks, &mut |at, told| {
        if failed.is_none() {
            failed = making.take(at, told, &mut unreadable).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    making.end_agent()?;
    let needs = making.needs;
    writer.end_segment()?;
    if needs.is_empty() {
        return Err(BundleError::NothingNew.into());
    }
    let needs: Vec<Need> = needs.into_iter().filter(|need| !need.wants.is_empty()).collect();
    if !needs.is_empty() {
        let written = source.objects(&needs, &mut |pack| Ok(writer.pack(pack)?));
        written.map_err(|error| named_damage(source, &needs, error))?;
    }
    let (size_bytes, digest, manifest) = writer.finish()?;
    Ok(Created { manifest, size_bytes, digest, unreadable })
}

/// Whose objects are damaged: each agent is asked for by itself.
fn named_damage(source: &dyn Transport, needs: &[Need], error: SyncError) -> SyncError {
    if !error.is_damage() {
        return error;
    }
    let read = |need: &Need| {
        source.objects(std::slice::from_ref(need), &mut |pack: &mut dyn Read| {
            io::copy(pack, &mut io::sink()).map(drop).map_err(|error| BundleError::from(error).into())
        })
    };
    let damage = |need: &Need| {
        let error = read(need).err().filter(SyncError::is_damage)?;
        Some((need.handle.clone(), error.to_string()))
    };
    let agents: Vec<(Handle, String)> = needs.iter().filter_map(damage).collect();
    if agents.is_empty() { error } else { BundleError::Unreadable(agents).into() }
}

/// The agents that are named, or all, in order of their handles.
#[allow(clippy::type_complexity)] // what is there, and what is not
fn tips(
    source: &dyn Transport,
    named: &[Handle],
) -> Result<(Vec<AgentTip>, Vec<(Handle, String)>), SyncError> {
    let (mut tips, mut unreadable) = (Vec::new(), Vec::new());
    if named.is_empty()
        && let Some(listing) = source.listing(None)?
    {
        (tips, unreadable) = (listing.tips, listing.unreadable);
    }
    for (handle, tip) in named.iter().zip(source.tips(named)?) {
        tips.push(tip.ok_or_else(|| SyncError::NotThere(handle.clone()))?);
    }
    tips.sort_by(|a, b| a.handle.cmp(&b.handle));
    tips.dedup();
    Ok((tips, unreadable))
}

/// A bundle whose lines arrive.
struct Making<'m, 'w> {
    tips: &'m [AgentTip],
    basis: &'m Basis,
    writer: &'m mut BundleWriter<'w>,
    /// What was told of the agent at a place.
    told: (usize, Vec<Told>),
    /// Of each agent that has something new.
    needs: Vec<Need>,
}

impl Making<'_, '_> {
    fn take(
        &mut self,
        at: usize,
        told: Result<Told, SyncError>,
        unreadable: &mut Vec<(Handle, String)>,
    ) -> Result<(), SyncError> {
        if at != self.told.0 {
            self.end_agent()?;
            self.told.0 = at;
        }
        match told {
            Ok(told) => self.told.1.push(told),
            Err(error) => {
                self.told.1.clear();
                unreadable.push((self.tips[at].handle.clone(), error.to_string()));
            }
        }
        Ok(())
    }

    /// Everything of an agent was told.
    fn end_agent(&mut self) -> Result<(), SyncError> {
        let told = std::mem::take(&mut self.told.1);
        let Some(tip) = self.tips.get(self.told.0).filter(|_| !told.is_empty()) else { return Ok(()) };
        let known = self.basis.0.get(&tip.id).cloned().unwrap_or_default();
        let (mut chains, mut all_lines, mut news) = (Vec::new(), Vec::new(), News::of(tip));
        for Told { end, part } in told {
            let before = known.chains.iter().find(|head| head.store == end.store).copied();
            let part = part.filter(|part| !part.lines.is_empty());
            let offset = part.as_ref().map_or(end.bytes, |part| part.offset);
            let lines = part.map(|part| part.lines).unwrap_or_default();
            let other = || SyncError::from(BundleError::OtherHistory(tip.handle.clone()));
            let since = match before {
                Some(before) if before.bytes == offset => Some(before),
                Some(_) => return Err(other()),
                None => None,
            };
            let mut last = since.map(|since| since.record);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let (id, record) = record_of(&tip.handle, line)?;
                if last.is_some() && record.prev != last {
                    return Err(other());
                }
                last = Some(id);
                if end.store == tip.head.store {
                    news.take(&record);
                }
            }
            if last != Some(end.record) || offset + lines.len() as u64 != end.bytes {
                return Err(other());
            }
            chains.push(BundledChain { end: Mark::of(end), since: since.map(Mark::of), store: end.store });
            all_lines.push(lines);
        }
        let numbered = known.version.map_or(0, |version| version.number) + news.versions.len() as u64;
        let latest = news.versions.last().map(|(id, _)| BundledVersion { id: *id, number: numbered });
        let (handle, id, latest) = (tip.handle.clone(), tip.id, latest.or(known.version));
        if all_lines.iter().any(|lines| !lines.is_empty()) {
            let haves = known.version.iter().map(|version| version.id).collect();
            self.needs.push(Need { handle: handle.clone(), wants: news.wants(), haves });
        }
        let agent = BundledAgent { chains, handle, id, latest, version: known.version };
        Ok(self.writer.agent(agent, &all_lines)?)
    }
}
