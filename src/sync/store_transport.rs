//! A store that is opened in this process, in a directory or wherever its backend keeps it.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::agent::Agents;
use crate::backend::{ChainHead, ChainPart, Head, KeptPack, Staged, kept_bytes, pages};
use crate::clock::Clock;
use crate::disk::SharedDisk;
use crate::log::StoreId;
use crate::object::{Author, ObjectId};
use crate::pack::{PackError, PackId, is_thin};
use crate::refs::Handle;
use crate::repo::{Repo, RepoError, STORE_DIR};

use super::transport::Take;
use super::{
    AgentTip, LinesAsk, Listing, Need, Power, PushOutcome, PushRequest, SyncError, Told, Transport, parcel,
    receive, send, thin,
};

/// The surface that a push to an opened store is recorded under.
const VIA: &str = "push";
/// How many agents are listed at once.
const PAGE: usize = 4096;
/// Of how many agents that are about to be read things are brought near at once.
pub(super) const NEAR_AGENTS: usize = 64;
/// How much of a pack is read at once, in bytes.
const PIECE_BYTES: usize = 1024 * 1024;

/// A store that is opened beside this one.
#[derive(Debug)]
pub struct StoreTransport {
    repo: Arc<Repo>,
}

impl StoreTransport {
    /// Opens the store in `path`: a directory that holds `.recto`, or is one.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(disk: &SharedDisk, path: &Path, clock: Arc<dyn Clock>) -> Result<Self, SyncError> {
        let inside = path.join(STORE_DIR);
        let holds = disk.stat(&inside).map_err(|source| RepoError::Disk { path: inside.clone(), source })?;
        let root = if holds.is_some() { inside } else { path.to_path_buf() };
        Ok(Self::on(Arc::new(Repo::open(Arc::clone(disk), &root, clock)?)))
    }

    /// A store that is open.
    pub fn on(repo: Arc<Repo>) -> Self {
        Self { repo }
    }

    /// The store.
    pub fn repo(&self) -> &Arc<Repo> {
        &self.repo
    }

    fn tip_of(&self, handle: Handle, head: Head) -> AgentTip {
        AgentTip::of(self.repo.backend().store_id(), handle, head)
    }

    /// What is kept of one log beyond what the asker has.
    fn told(&self, ask: &LinesAsk, end: ChainHead) -> Result<Told, SyncError> {
        let backend = self.repo.backend();
        let offset = kept_bytes(&ask.kept, end.store);
        if offset >= end.bytes {
            return Ok(Told { end, part: None });
        }
        let len = usize::try_from(end.bytes - offset).unwrap_or(usize::MAX);
        let lines = if end.store == backend.store_id() {
            backend.read_log(&ask.handle, offset, len)?
        } else {
            backend.read_chain(&ask.handle, end.store, offset, len)?
        };
        if lines.len() < len {
            return Err(SyncError::Unreachable(format!("the log of agent '{}' is cut off", ask.handle)));
        }
        Ok(Told { end, part: Some(ChainPart { store: end.store, offset, lines }) })
    }
}

impl Transport for StoreTransport {
    fn store(&self) -> Result<StoreId, SyncError> {
        Ok(self.repo.backend().store_id())
    }

    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        let backend = self.repo.backend();
        let (mut tips, mut unreadable) = (Vec::new(), Vec::new());
        for page in pages(backend, PAGE) {
            let page = page?;
            // Together if that goes well; else one by one, so that one damaged agent hides no other.
            let heads = backend.heads(&page);
            let heads = heads.map_or_else(
                |_| page.iter().map(|handle| backend.head(handle)).collect(),
                |heads| heads.into_iter().map(Ok).collect::<Vec<_>>(),
            );
            for (handle, head) in page.into_iter().zip(heads) {
                match head {
                    Ok(Some(head)) => tips.push(self.tip_of(handle, head)),
                    Ok(None) => {}
                    Err(error) => unreadable.push((handle, error.to_string())),
                }
            }
        }
        let state = state_of(backend.store_id(), &tips, &unreadable);
        Ok((known != Some(state.as_str())).then_some(Listing { state, tips, unreadable }))
    }

    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        let backend = self.repo.backend();
        let one = |(handle, head): (&Handle, Option<Head>)| {
            if let Some(head) = head {
                return Ok(Some(self.tip_of(handle.clone(), head)));
            }
            let Some(handle) = backend.locate(handle)? else { return Ok(None) };
            let head = backend.head(&handle)?;
            Ok(head.map(|head| self.tip_of(handle, head)))
        };
        handles.iter().zip(backend.heads(handles)?).map(one).collect()
    }

    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        handles.iter().map(|handle| Ok(self.repo.backend().chains(handle)?)).collect()
    }

    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        for (at, ask) in asks.iter().enumerate() {
            if at.is_multiple_of(NEAR_AGENTS) {
                let next = &asks[at..asks.len().min(at + NEAR_AGENTS)];
                let next: Vec<_> = next.iter().map(|ask| (&ask.handle, ask.kept.as_slice())).collect();
                self.repo.backend().near_lines(&next);
            }
            take(at, self.told(ask, ask.upto));
            match self.repo.backend().chains(&ask.handle) {
                Ok(chains) => chains.into_iter().for_each(|end| take(at, self.told(ask, end))),
                Err(error) => take(at, Err(error.into())),
            }
        }
        Ok(())
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        Ok(self.repo.backend().packs()?)
    }

    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        let backend = self.repo.backend();
        let first = backend.read_pack(id, offset, PIECE_BYTES)?;
        if first.is_empty() {
            return Err(SyncError::NoSuchPack(*id));
        }
        let mut at = offset + first.len() as u64;
        let mut piece = std::io::Cursor::new(first);
        let mut source = Pieces(|buffer: &mut [u8]| {
            let read = piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let next = backend.read_pack(id, at, PIECE_BYTES).map_err(std::io::Error::other)?;
            at += next.len() as u64;
            piece = std::io::Cursor::new(next);
            piece.read(buffer)
        });
        take(&mut source)
    }

    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        parcel::piped(|sink| send::write_pack(&self.repo, needs, sink), take)
    }

    fn lacks(&self, asks: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        let backend = self.repo.backend();
        asks.iter().map(|(agent, ids)| Ok(backend.lacks(agent, ids)?)).collect()
    }

    fn stage(&self, pack: &mut dyn Read) -> Result<Staged, SyncError> {
        let mut header = [0; 8];
        pack.read_exact(&mut header).map_err(|error| parcel::packing(PackError::reading(error, 0)))?;
        let is_thin = is_thin(header).map_err(parcel::packing)?;
        let mut pack = header.as_slice().chain(pack);
        if is_thin {
            return thin::stage(&self.repo, &mut pack);
        }
        let (_, staged) = self.repo.backend().stage_pack(&mut pack, &mut |_| ())?;
        Ok(staged)
    }

    fn push(&self, requests: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        self.push_within(requests, Power::Administer, None)
    }

    fn push_within(
        &self,
        requests: &[PushRequest],
        most: Power,
        who: Option<&Author>,
    ) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        let Some(first) = requests.first() else { return Ok(Vec::new()) };
        let agents = Agents::new(Arc::clone(&self.repo), first.actor.clone(), VIA);
        Ok(receive::receive(&agents, requests, most, who))
    }
}

/// Reads by calling a function.
struct Pieces<F>(F);

impl<F: FnMut(&mut [u8]) -> std::io::Result<usize>> Read for Pieces<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (self.0)(buffer)
    }
}

/// A text that is the same as long as no agent was written to.
fn state_of(store: StoreId, tips: &[AgentTip], unreadable: &[(Handle, String)]) -> String {
    let mut text = format!("{store}\n");
    for tip in tips {
        let _ = writeln!(text, "{} {} {}", tip.handle, tip.id, tip.head.record);
    }
    for (handle, reason) in unreadable {
        let _ = writeln!(text, "{handle} {reason}");
    }
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
