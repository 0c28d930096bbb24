//! The packs of a store: listed once, opened when they are first looked into, mapped into memory, looked
//! for again when something is missed. Never changes a file.
//!
//! What holds everywhere: an object that is in a pack of the store stays in one. A pack is removed only
//! after all that it holds is in another, which is durable.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::backend::{BackendError, KeptPack};
use crate::disk::{DiskError, FileKind, Mapped};
use crate::object::{Object, ObjectId};
use crate::pack::{Decoded, Pack, PackId};

use super::LocalBackend;
use super::layout::PACK_SUFFIX;
use super::sweep::is_temporary;

/// So many objects are read by themselves before a whole pack is.
const SINGLE_LOOKS: usize = 64;
/// Packs larger than this are never read whole to know what is in them, in bytes.
const WHOLE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The packs as they were listed last.
pub(super) type Listed = Arc<Vec<Arc<Known>>>;

/// What a process knows of the packs of a store.
#[derive(Debug, Default)]
pub(super) struct Packs {
    listed: RwLock<Option<Listed>>,
    /// The place in the list of the pack in which something was found last: often it has the next as well.
    last: AtomicUsize,
}

/// A pack that was listed.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: PackId,
    /// Which file had its name when it was listed.
    inode: Option<u64>,
    opened: OnceLock<Found>,
    /// Whether its name is known to be durable: its writer may be about to make it so.
    durable: AtomicBool,
}

impl Known {
    fn new(id: PackId, inode: Option<u64>) -> Self {
        Self { id, inode, opened: OnceLock::new(), durable: AtomicBool::new(false) }
    }

    /// Notes that its name is durable.
    pub(super) fn settle(&self) {
        self.durable.store(true, Ordering::Release);
    }

    /// Whether it is the same file under the same name.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.id, self.inode) == (other.id, other.inode)
    }
}

/// What was found of a pack when it was to be opened.
#[derive(Debug)]
enum Found {
    Opened(Box<Opened>),
    /// It was removed: what it held is in another.
    Gone,
    /// What is wrong with it.
    Damaged(String),
}

/// A pack that can be read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) pack: Pack<Mapped>,
    decoded: Decoded,
    /// How often it was asked whether something is in it.
    looks: AtomicUsize,
    /// Whether all of it was found to be as it was named.
    intact: OnceLock<bool>,
}

impl Opened {
    /// An object of the pack, by what was decoded before.
    pub(super) fn get(&self, id: &ObjectId) -> Result<Option<Object>, crate::pack::PackError> {
        self.pack.get_with(id, &self.decoded)
    }

    /// Whether an object can be read from the pack. Who asks for few reads them; for many the whole pack is
    /// looked at once, where that takes less.
    fn has(&self, id: &ObjectId) -> bool {
        if !matches!(self.pack.contains(id), Ok(true)) {
            return false;
        }
        let is_worth_it = || {
            self.pack.as_bytes().len() <= WHOLE_MAX_BYTES
                && self.looks.fetch_add(1, Ordering::Relaxed) >= SINGLE_LOOKS
        };
        let is_intact = match self.intact.get() {
            Some(is_intact) => *is_intact,
            None => is_worth_it() && *self.intact.get_or_init(|| self.pack.is_intact()),
        };
        is_intact || matches!(self.get(id), Ok(Some(_)))
    }
}

impl LocalBackend {
    /// The packs as they were listed last.
    pub(super) fn listed_packs(&self) -> Result<Listed, BackendError> {
        let listed = self.packs.listed.read().unwrap_or_else(PoisonError::into_inner).clone();
        match listed {
            Some(listed) => Ok(listed),
            None => self.list_packs(),
        }
    }

    /// Lists the packs anew; those that were opened stay so, unless another file took their place.
    pub(super) fn list_packs(&self) -> Result<Listed, BackendError> {
        let entries = match self.disk.list(&self.layout.packs()) {
            Err(DiskError::NotFound { .. }) => Vec::new(),
            other => other.map_err(BackendError::disk("list the packs"))?,
        };
        let ids = entries.into_iter().filter(|(_, kind)| *kind == FileKind::File).filter_map(|(name, _)| {
            let id = name.strip_suffix(PACK_SUFFIX)?;
            id.parse::<PackId>().ok().filter(|parsed| parsed.to_string() == id)
        });
        // One that is removed meanwhile is found gone when it is opened.
        let file = |id: PackId| {
            let stat = self.disk.stat(&self.layout.pack(&id)).map_err(BackendError::disk("list the packs"));
            stat.map(|stat| (id, stat.map(|stat| stat.inode)))
        };
        let files = ids.map(file).collect::<Result<Vec<_>, BackendError>>()?;
        let mut listed = self.packs.listed.write().unwrap_or_else(PoisonError::into_inner);
        let before = listed.take().unwrap_or_default();
        let known = files.into_iter().map(|(id, inode)| {
            let known = before.binary_search_by_key(&id, |one| one.id).ok().map(|at| &before[at]);
            // One that was gone is looked at again if it was put back, and a damaged one if it was replaced.
            let known = known
                .filter(|known| known.inode == inode && matches!(known.opened.get(), Some(Found::Opened(_))));
            known.cloned().unwrap_or_else(|| Arc::new(Known::new(id, inode)))
        });
        let now: Listed = Arc::new(known.collect());
        *listed = Some(Arc::clone(&now));
        Ok(now)
    }

    /// Opens a pack at its first use; `None` when it was removed, `Err` with what is wrong with it.
    pub(super) fn open_pack<'a>(
        &self,
        known: &'a Known,
    ) -> Result<Result<Option<&'a Opened>, &'a str>, BackendError> {
        let found = if let Some(found) = known.opened.get() {
            found
        } else {
            let found = self.look_at_pack(known.id)?;
            known.opened.get_or_init(|| found)
        };
        Ok(match found {
            Found::Opened(opened) => Ok(Some(opened)),
            Found::Gone => Ok(None),
            Found::Damaged(reason) => Err(reason),
        })
    }

    fn look_at_pack(&self, id: PackId) -> Result<Found, BackendError> {
        let mapped = match self.disk.map(&self.layout.pack(&id)) {
            Err(DiskError::NotFound { .. }) => return Ok(Found::Gone),
            other => other.map_err(BackendError::disk(format!("open pack '{id}'")))?,
        };
        Ok(match Pack::open_verified(mapped) {
            Ok(pack) if pack.id() == id => Found::Opened(Box::new(Opened {
                pack,
                decoded: Decoded::default(),
                looks: AtomicUsize::new(0),
                intact: OnceLock::new(),
            })),
            Ok(pack) => Found::Damaged(format!("it says that it is the pack '{}'", pack.id())),
            Err(error) => Found::Damaged(error.to_string()),
        })
    }

    /// An object from a pack of a list; `None` when none of them has it.
    ///
    /// # Errors
    /// `Packed` when it may be in one that is damaged.
    pub(super) fn packed_object(
        &self,
        listed: &Listed,
        id: &ObjectId,
    ) -> Result<Option<Object>, BackendError> {
        let last = self.packs.last.load(Ordering::Relaxed).min(listed.len());
        let mut damage = None;
        for at in (last..listed.len()).chain(0..last) {
            let known = &listed[at];
            let damaged =
                |reason: &str| BackendError::Packed { id: *id, pack: known.id, reason: reason.to_owned() };
            match self.open_pack(known)? {
                Ok(None) => {}
                Err(reason) => damage = Some(damaged(reason)),
                Ok(Some(opened)) => match opened.get(id) {
                    Ok(None) => {}
                    Ok(Some(object)) => {
                        self.packs.last.store(at, Ordering::Relaxed);
                        return Ok(Some(object));
                    }
                    Err(error) => damage = Some(damaged(&error.to_string())),
                },
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// Whether an object can be read from one of these packs. What is damaged, or cannot be looked at, is not
    /// there.
    pub(super) fn is_in<'a>(&self, packs: impl IntoIterator<Item = &'a Arc<Known>>, id: &ObjectId) -> bool {
        packs.into_iter().any(|known| matches!(self.open_pack(known), Ok(Ok(Some(opened))) if opened.has(id)))
    }

    /// Whether an object can be read from a pack that was listed.
    pub(super) fn is_packed(&self, id: &ObjectId) -> bool {
        self.listed_packs().is_ok_and(|listed| self.is_in(listed.iter(), id))
    }

    /// Whether an object can be read from a pack whose name this process knows to be durable: nothing else
    /// has to be done for it to be there after any loss of power.
    pub(super) fn is_durably_packed(&self, id: &ObjectId) -> bool {
        let Ok(listed) = self.listed_packs() else { return false };
        self.is_in(listed.iter().filter(|known| known.durable.load(Ordering::Acquire)), id)
    }

    /// Makes the names of the packs of a list durable, unless that is known of them: what they hold may be
    /// relied on from then on, wherever a gc moves it.
    pub(super) fn settle_packs(&self, listed: &Listed) -> Result<(), BackendError> {
        if listed.iter().all(|known| known.durable.load(Ordering::Acquire)) {
            return Ok(());
        }
        self.sync_pack_names()?;
        listed.iter().for_each(|known| known.settle());
        Ok(())
    }

    /// Lists the packs for who removes what they hold: each is opened, and the names are durable that lead
    /// to what was opened. A pack that somebody names later is not in the list.
    pub(super) fn list_durably(&self) -> Result<Listed, BackendError> {
        let listed = self.list_packs()?;
        if listed.is_empty() {
            return Ok(listed);
        }
        for known in listed.iter() {
            // What cannot be opened is not counted on.
            let _ = self.open_pack(known)?;
        }
        self.sync_pack_names()?;
        listed.iter().for_each(|known| known.settle());
        Ok(listed)
    }

    /// Forgets what is known of packs: some were removed, or replaced.
    pub(super) fn forget_packs(&self) {
        *self.packs.listed.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ids of packed objects that begin with these hexadecimal digits, at most `limit` of each pack.
    pub(super) fn find_packed(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        let Ok(from) = format!("{prefix:0<64}").parse::<ObjectId>() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for known in self.list_packs()?.iter() {
            let Ok(Some(opened)) = self.open_pack(known)? else { continue };
            let ids = opened.pack.ids_from(&from).take(limit);
            found.extend(ids.take_while(|id| id.to_string().starts_with(prefix)));
        }
        Ok(found)
    }

    /// The packs that can be read.
    pub(super) fn kept_packs(&self) -> Result<Vec<KeptPack>, BackendError> {
        let mut kept = Vec::new();
        for known in self.list_packs()?.iter() {
            if let Ok(Some(opened)) = self.open_pack(known)? {
                let size_bytes = opened.pack.as_bytes().len() as u64;
                kept.push(KeptPack { id: known.id, size_bytes, objects: opened.pack.objects() });
            }
        }
        Ok(kept)
    }

    /// A part of a pack.
    pub(super) fn pack_bytes(&self, id: &PackId, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        match self.disk.read_at(&self.layout.pack(id), offset, len) {
            Err(DiskError::NotFound { .. }) => Ok(Vec::new()),
            other => other.map_err(BackendError::disk(format!("read pack '{id}'"))),
        }
    }

    /// How many temporary files lie among the packs, and the names that no pack can have.
    pub(super) fn strays_among_packs(&self) -> Result<(usize, Vec<String>), BackendError> {
        let entries = match self.disk.list(&self.layout.packs()) {
            Err(DiskError::NotFound { .. }) => Vec::new(),
            other => other.map_err(BackendError::disk("list the packs"))?,
        };
        let (mut temporary, mut strays) = (0, Vec::new());
        for (name, kind) in entries {
            let id = name.strip_suffix(PACK_SUFFIX).unwrap_or_default();
            if is_temporary(Path::new(&name)) {
                temporary += 1;
            } else if kind != FileKind::File || id.parse::<PackId>().is_err() {
                strays.push(name);
            }
        }
        Ok((temporary, strays))
    }
}
