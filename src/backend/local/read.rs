//! Reading an agent's files, without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::backend::{BackendError, Head};
use crate::disk::{Disk, DiskError, FileKind, Stat, WalkEntry};
use crate::log::{ListEntry, Record, RefState, StoreId};
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName, Shape, Target};

use super::files::{self, LIST_LINE_BYTES, REF_FILE_MAX_BYTES};
use super::packs::Listed;
use super::{LocalBackend, loose};

/// How much of the end of a log is read at first, in bytes; most lines are shorter.
const LOG_TAIL_BYTES: u64 = 4096;
/// Most forwarding entries that are followed for one handle.
const FORWARDS_MAX: usize = 1024;

impl LocalBackend {
    /// A file of an agent; `None` when the agent has none of that name.
    pub(super) fn agent_file(
        &self,
        agent: &Handle,
        path: &Path,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, BackendError> {
        self.find_of(agent, || match self.view(agent).read(path, max_bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => {
                let shown = self.layout.shown(path);
                Err(BackendError::disk(format!("read '{}'", shown.display()))(error))
            }
        })
    }

    /// Looks for something of an agent. That it is missing says something only if the agent was where it
    /// was looked for all the while: another process may be renaming it, even there and back.
    pub(super) fn find_of<T>(
        &self,
        agent: &Handle,
        look: impl Fn() -> Result<Option<T>, BackendError>,
    ) -> Result<Option<T>, BackendError> {
        // For a moment of a rename, links on the way may lead in a circle: no more an answer than nothing is.
        let look = || match look() {
            Err(error @ BackendError::Disk { .. }) => Ok(Err(error)),
            other => other.map(Ok),
        };
        match look()? {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) if self.is_unchanged(agent)? => return Ok(None),
            _ => {}
        }
        let mut before = self.stat_of(agent)?;
        loop {
            let found = look()?;
            if let Ok(Some(found)) = found {
                return Ok(Some(found));
            }
            let after = self.stat_of(agent)?;
            if after == before {
                return found;
            }
            before = after;
        }
    }

    /// An agent's directory as it is now; an error when the agent is not under this handle.
    fn stat_of(&self, agent: &Handle) -> Result<Stat, BackendError> {
        let dir = self.layout.agent(agent);
        match self.disk.stat(&dir).map_err(BackendError::disk(format!("look at agent '{agent}'")))? {
            Some(stat) if stat.kind == FileKind::Dir => Ok(stat),
            _ => {
                self.forget(agent);
                Err(BackendError::NoSuchAgent(agent.clone()))
            }
        }
    }

    /// Handles in order, without forwarding entries and without what was never made.
    pub(super) fn list_agents(
        &self,
        after: Option<&Handle>,
        limit: usize,
    ) -> Result<Vec<Handle>, BackendError> {
        let mut next_page = after.is_some();
        'names: loop {
            let names = self.names(next_page)?;
            let start = after.map_or(0, |after| names.partition_point(|name| name <= after));
            let mut found = Vec::new();
            for handle in &names[start..] {
                if found.len() >= limit {
                    break;
                }
                let log = super::examine::length(self.disk.as_ref(), &self.layout, handle)?;
                if log > 0 || self.ready(handle)? {
                    found.push(handle.clone());
                } else if self.forwards(handle)? {
                    // A rename that was cut off was completed just now: the names are others.
                    next_page = false;
                    continue 'names;
                }
            }
            return Ok(found);
        }
    }

    /// Whether a handle is a forwarding entry.
    fn forwards(&self, handle: &Handle) -> Result<bool, BackendError> {
        let looking = BackendError::disk(format!("look at agent '{handle}'"));
        let stat = self.disk.stat(&self.layout.agent(handle)).map_err(looking)?;
        Ok(stat.is_some_and(|stat| stat.kind == FileKind::Symlink))
    }

    /// The directories of agents, sorted. The next page of a listing takes those of the page before if
    /// nothing came or went: a million names are then not read again for each page.
    fn names(&self, next_page: bool) -> Result<Arc<Vec<Handle>>, BackendError> {
        let dir = self.layout.agents();
        let listing = || BackendError::disk("list the agents");
        let stat = self.disk.stat(&dir).map_err(listing())?;
        let mut cached = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, names)) = cached.as_ref().filter(|_| next_page)
            && stat == Some(*at)
        {
            return Ok(Arc::clone(names));
        }
        let names = Arc::new(self.directories()?);
        *cached = stat.map(|stat| (stat, Arc::clone(&names)));
        Ok(names)
    }

    /// The handles under which a directory stands now, sorted.
    pub(super) fn directories(&self) -> Result<Vec<Handle>, BackendError> {
        let listing = BackendError::disk("list the agents");
        let entries = self.disk.list(&self.layout.agents()).map_err(listing)?;
        let agents = entries.into_iter().filter(|(_, kind)| *kind == FileKind::Dir);
        Ok(agents.filter_map(|(name, _)| name.parse().ok()).collect())
    }

    /// Whether the forwarding entries from `handle` on lead to an agent.
    pub(super) fn leads_to(&self, handle: &Handle, agent: &Handle) -> Result<bool, BackendError> {
        let mut at = handle.clone();
        for _ in 0..FORWARDS_MAX {
            let path = self.layout.agent(&at);
            let looking = || BackendError::disk(format!("look at agent '{at}'"));
            match self.disk.stat(&path).map_err(looking())? {
                Some(stat) if stat.kind == FileKind::Symlink => {}
                _ => return Ok(at == *agent),
            }
            let text = self.disk.read_link(&path).map_err(looking())?;
            match text.to_str().and_then(|text| text.parse().ok()) {
                Some(next) => at = next,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Follows forwarding entries to the handle that an agent has now.
    pub(super) fn follow(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        let mut at = handle.clone();
        for _ in 0..FORWARDS_MAX {
            let path = self.layout.agent(&at);
            let looking = || BackendError::disk(format!("look at agent '{at}'"));
            let stat = self.disk.stat(&path).map_err(looking())?;
            // A rename may come to its end while it is looked at.
            let same = || self.disk.stat(&path).map(|now| now == stat).map_err(looking());
            match stat.map(|stat| stat.kind) {
                None => match self.on_its_way(&at)? {
                    Some(next) => at = next,
                    None if same()? => return Ok(None),
                    None => {}
                },
                Some(FileKind::Dir) if self.ready(&at)? => return Ok(Some(at)),
                Some(FileKind::Dir) if same()? => return Ok(None),
                Some(FileKind::Dir) => {}
                Some(FileKind::Symlink) => {
                    let target = match self.disk.read_link(&path) {
                        // A rename back to this handle put the directory there just now.
                        Err(error) if error.io_kind() == ErrorKind::InvalidInput => continue,
                        Err(DiskError::NotFound { .. }) => continue,
                        other => other.map_err(looking())?,
                    };
                    let next = target.to_str().and_then(|text| text.parse::<Handle>().ok());
                    let astray = "its forwarding entry leads out of the store";
                    let next = next.ok_or_else(|| BackendError::corrupt(self.layout.shown(&path), astray))?;
                    // An entry that leads to itself is about to change places with the agent's directory.
                    at = if next == at { self.claimed_by(&at)?.unwrap_or(next) } else { next };
                }
                Some(_) => return Err(BackendError::corrupt(self.layout.shown(&path), "it is no directory")),
            }
        }
        let path = self.layout.agent(handle);
        Err(BackendError::corrupt(self.layout.shown(&path), "its forwarding entries lead in a circle"))
    }

    /// Where to look on for an agent, while a rename in several steps leaves nothing under a handle.
    fn on_its_way(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        if let Some(to) = self.moving_to(handle)? {
            return Ok(Some(to));
        }
        let Some(owner) = self.claimed_by(handle)? else { return Ok(None) };
        // A claim alone is made before the rename is: it may never be.
        Ok((self.moving_to(&owner)?.as_ref() == Some(handle)).then_some(owner))
    }

    /// The head of a log. A line that a writer is appending right now may be half there: then the
    /// writer is waited for.
    pub(super) fn read_head(&self, agent: &Handle) -> Result<Head, BackendError> {
        match self.head_under_lock(agent) {
            Err(BackendError::Corrupt { .. }) => {
                // Where the lock cannot be taken, the writer is given the time of one more look.
                let _guards = self.lock(&[agent]).ok();
                self.head_under_lock(agent)
            }
            other => other,
        }
    }

    /// The same for who holds the agent's lock, and for whom no line is half there.
    pub(super) fn head_under_lock(&self, agent: &Handle) -> Result<Head, BackendError> {
        let length = super::examine::length(self.view(agent).as_ref(), &self.layout, agent)?;
        let cached = self.known().get(agent).and_then(|tail| tail.head);
        if let Some(head) = cached.filter(|head| head.log_bytes == length) {
            return Ok(head);
        }
        if length == 0 {
            self.stat_of(agent)?;
        }
        let head = self.last_line(agent, length)?;
        if let Some(tail) = self.known().get_mut(agent).filter(|tail| tail.log_bytes == head.log_bytes) {
            tail.head = Some(head);
        }
        Ok(head)
    }

    fn last_line(&self, agent: &Handle, length: u64) -> Result<Head, BackendError> {
        self.last_line_of(agent, &self.layout.log(agent), length, self.store)
    }

    /// The end of a file of records.
    pub(super) fn last_line_of(
        &self,
        agent: &Handle,
        path: &Path,
        length: u64,
        store: StoreId,
    ) -> Result<Head, BackendError> {
        let damaged = |reason: String| BackendError::corrupt(self.layout.shown(path), reason);
        let mut window = LOG_TAIL_BYTES;
        loop {
            let start = length.saturating_sub(window);
            let want = usize::try_from(length - start).unwrap_or(usize::MAX);
            let bytes = match self.view(agent).read_at(path, start, want) {
                Err(error) => {
                    self.stat_of(agent)?;
                    return Err(match error {
                        DiskError::NotFound { .. } => damaged("it is missing".to_owned()),
                        error => BackendError::disk("read the log")(error),
                    });
                }
                Ok(bytes) => bytes,
            };
            let body =
                bytes.strip_suffix(b"\n").ok_or_else(|| damaged("its last line is cut off".to_owned()))?;
            let line_start = memchr::memrchr(b'\n', body).map(|at| at + 1);
            let line = match line_start {
                Some(at) => &body[at..],
                None if start == 0 => body,
                None => {
                    window *= 8;
                    continue;
                }
            };
            let (record, parsed) =
                Record::from_line(line).map_err(|error| damaged(format!("its last line: {error}")))?;
            if parsed.store != store {
                self.refuse_other_id()?;
                return Err(damaged("its last line is of another store".to_owned()));
            }
            let agent = parsed.agent.unwrap_or(record);
            return Ok(Head { agent, record, time: parsed.time, log_bytes: length });
        }
    }

    /// A ref's state, of any shape but a list.
    pub(super) fn ref_state(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        if name.shape() == Shape::Attribute {
            return self.attribute(agent, name);
        }
        let path = self.layout.reference(agent, name);
        let bytes = self.find_ref(agent, name, || self.agent_file(agent, &path, REF_FILE_MAX_BYTES))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let state = files::decode_ref(&bytes);
        state.map(Some).ok_or_else(|| self.damaged_ref(agent, name, "it is not a ref"))
    }

    /// What a list ends with.
    pub(super) fn last_entry(&self, agent: &Handle, name: &RefName) -> Result<Option<Target>, BackendError> {
        let len = self.list_length(agent, name)?;
        let last = if len == 0 { Vec::new() } else { self.list_entries(agent, name, len - 1, 1)? };
        Ok(last.first().map(|entry| Target::Id(entry.id)))
    }

    pub(super) fn namespace(
        &self,
        agent: &Handle,
        namespace: &str,
    ) -> Result<Vec<(RefName, RefState)>, BackendError> {
        let mut found = self.attributes_in(agent, namespace)?;
        let dir = self.layout.agent(agent).join(namespace);
        let entries = self.find_of(agent, || match self.view(agent).list(&dir) {
            Ok(entries) => Ok(Some(entries)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => Err(BackendError::disk(format!("list '{namespace}'"))(error)),
        })?;
        for (name, kind) in entries.unwrap_or_default() {
            if kind != FileKind::File || name.starts_with('.') {
                continue;
            }
            let path = dir.join(&name);
            let full = format!("{namespace}/{name}");
            let name: RefName = full
                .parse()
                .map_err(|_| BackendError::corrupt(self.layout.shown(&path), "no ref can have that name"))?;
            if name.shape() == Shape::List {
                continue;
            }
            // A ref that was deleted since the directory was read is no longer there.
            if let Some(state) = self.ref_state(agent, &name)? {
                found.insert(name, state);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Every ref but lists.
    pub(super) fn every_ref(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        let mut found = self.attributes_that(agent, |_| true)?;
        let dir = self.layout.agent(agent);
        let names: Option<Vec<RefName>> = self.find_of(agent, || {
            let name = |entry: &WalkEntry| entry.path.to_string_lossy().parse::<RefName>().ok();
            let entries: Result<Vec<WalkEntry>, DiskError> = self.view(agent).walk(&dir).collect();
            let entries = entries.map_err(BackendError::disk("list the refs"))?;
            let files = entries.iter().filter(|entry| entry.kind == FileKind::File);
            Ok(Some(files.filter_map(name).filter(|name| name.shape() == Shape::Single).collect()))
        })?;
        // Also where it is not there: it may have been lost.
        let names: BTreeSet<RefName> =
            names.unwrap_or_default().into_iter().chain([RefName::active()]).collect();
        for name in names {
            if let Some(state) = self.ref_state(agent, &name)? {
                found.insert(name, state);
            }
        }
        Ok(found)
    }

    pub(super) fn list_length(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        let path = self.layout.reference(agent, name);
        let look = || {
            let stat = self.find_of(agent, || {
                self.view(agent).stat(&path).map_err(BackendError::disk(format!("look at '{name}'")))
            })?;
            let len = stat.map_or(0, |stat| stat.len_bytes / LIST_LINE_BYTES);
            Ok((len > 0).then_some(len))
        };
        Ok(self.find_ref(agent, name, look)?.unwrap_or(0))
    }

    pub(super) fn list_entries(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        let path = self.layout.reference(agent, name);
        // Its length and its bytes in one look: between the two it may be renamed away.
        let read = || {
            let view = self.view(agent);
            let stat = view.stat(&path).map_err(BackendError::disk(format!("look at '{name}'")))?;
            let Some(stat) = stat else { return Ok(None) };
            let len = stat.len_bytes / LIST_LINE_BYTES;
            let count = len.saturating_sub(start).min(limit as u64);
            if count == 0 {
                return Ok(Some(Vec::new()));
            }
            let want = usize::try_from(count * LIST_LINE_BYTES).unwrap_or(usize::MAX);
            match view.read_at(&path, start * LIST_LINE_BYTES, want) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(DiskError::NotFound { .. }) => Ok(None),
                Err(error) => Err(BackendError::disk(format!("read '{name}'"))(error)),
            }
        };
        let bytes = self.find_ref(agent, name, || self.find_of(agent, read))?;
        files::decode_entries(&bytes.unwrap_or_default())
            .ok_or_else(|| self.damaged_ref(agent, name, "a line of it is damaged"))
    }

    /// An object, from a pack, as a loose file, or from what was replayed in memory. Packs come first: after
    /// a gc nearly everything is there, and a look into an index that is mapped is quicker than the system's
    /// answer that there is no such file.
    pub(super) fn read_object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        let mut listed = self.listed_packs()?;
        loop {
            let packed = match self.packed_object(&listed, id) {
                none @ (Ok(None) | Err(BackendError::Packed { .. })) => none,
                found => return found,
            };
            let loose = match self.loose_object(id) {
                none @ (Ok(None) | Err(BackendError::Object { .. })) => none,
                found => return found,
            };
            // A gc may have moved it between the two looks: from a loose file to a pack, or to another pack.
            let now = self.list_packs()?;
            if is_same_list(&now, &listed) {
                return loose.and(packed);
            }
            listed = now;
        }
    }

    /// An object from its file, or from what was replayed in memory.
    fn loose_object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        let path = self.layout.object(id);
        let read = |disk: &dyn Disk| match disk.read(&path, loose::FILE_MAX_BYTES) {
            Ok(file) => match loose::decode(id, &file) {
                Ok(object) => Ok(Some(object)),
                Err(source) => Err(BackendError::Object { id: *id, source }),
            },
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => Err(BackendError::disk(format!("read object '{id}'"))(error)),
        };
        let found = read(self.disk.as_ref());
        if matches!(found, Ok(None) | Err(BackendError::Object { .. })) {
            for overlay in self.overlays() {
                if let Ok(Some(object)) = read(overlay.as_ref()) {
                    return Ok(Some(object));
                }
            }
        }
        found
    }

    /// Those of the objects that are not here. One that is loose may be another agent's, whose journal alone
    /// makes it durable: the next commit does so before it relies on it.
    pub(super) fn lacking(&self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BackendError> {
        let mut listed = self.list_packs()?;
        let (mut lacking, mut packed, mut loose) = (Vec::new(), false, false);
        let mut open = ids.to_vec();
        loop {
            for id in std::mem::take(&mut open) {
                // What is damaged is not there.
                if self.is_in(listed.iter(), &id) {
                    packed = true;
                } else if matches!(self.loose_object(&id), Ok(Some(_))) {
                    loose = true;
                } else {
                    lacking.push(id);
                }
            }
            if lacking.is_empty() {
                break;
            }
            // A gc may have moved some between the two looks.
            let now = self.list_packs()?;
            if is_same_list(&now, &listed) {
                break;
            }
            (open, listed) = (std::mem::take(&mut lacking), now);
        }
        if packed {
            self.settle_packs(&listed)?;
        }
        if loose {
            *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        Ok(lacking)
    }

    pub(super) fn find_objects(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        if !prefix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Ok(Vec::new());
        }
        // Loose ones first: what a gc moves meanwhile is then found in its pack.
        let mut found = find_on(self.disk.as_ref(), &self.layout.objects(), prefix, limit)?;
        found.extend(self.find_packed(prefix, limit)?);
        for overlay in self.overlays() {
            found.extend(find_on(overlay.as_ref(), &self.layout.objects(), prefix, limit)?);
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }
}

/// Whether two listings of packs found the same files.
fn is_same_list(one: &Listed, other: &Listed) -> bool {
    one.len() == other.len() && one.iter().zip(other.iter()).all(|(a, b)| a.is_same(b))
}

fn find_on(disk: &dyn Disk, root: &Path, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
    let listing = || BackendError::disk("list the objects");
    let fans = match prefix.get(..2) {
        Some(fan) => vec![fan.to_owned()],
        None => disk.list(root).map_err(listing())?.into_iter().map(|(name, _)| name).collect(),
    };
    let mut found = Vec::new();
    let wanted = |fan: &&String| fan.len() == 2 && fan.starts_with(prefix.get(..2).unwrap_or(prefix));
    for fan in fans.iter().filter(wanted) {
        if found.len() >= limit {
            break;
        }
        let names = match disk.list(&root.join(fan)) {
            Ok(names) => names,
            Err(DiskError::NotFound { .. } | DiskError::NotAFile { .. }) => continue,
            Err(error) => return Err(listing()(error)),
        };
        let ids = names.iter().filter_map(|(name, _)| format!("{fan}{name}").parse::<ObjectId>().ok());
        found.extend(ids.filter(|id| id.to_string().starts_with(prefix)).take(limit - found.len()));
    }
    Ok(found)
}
