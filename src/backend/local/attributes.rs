//! What is said about commits, from an agent's attributes file: read once, then only what was
//! appended since, with the last line about each ref found by its name.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::BackendError;
use crate::cache::{Cache, Usage};
use crate::disk::Stat;
use crate::log::RefState;
use crate::refs::{Handle, RefName};

use super::LocalBackend;
use super::files;
use super::lost::way_back;

/// Largest attributes file that is read, in bytes.
const ATTRIBUTES_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Attributes files kept in memory at most, in bytes, besides one that is larger.
const CACHE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The attributes files that were read, by agent.
#[derive(Debug)]
pub(super) struct Known {
    files: Cache<Handle, Arc<Mutex<Attributes>>>,
    /// The last one that was too large to be kept beside others.
    large: Mutex<Option<(Handle, Arc<Mutex<Attributes>>)>>,
    hasher: RandomState,
}

impl Default for Known {
    fn default() -> Self {
        Self::new(CACHE_MAX_BYTES)
    }
}

impl Known {
    fn new(max_bytes: u64) -> Self {
        Self { files: Cache::new(max_bytes), large: Mutex::default(), hasher: RandomState::new() }
    }

    fn large(&self) -> MutexGuard<'_, Option<(Handle, Arc<Mutex<Attributes>>)>> {
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, agent: &Handle) -> Option<Arc<Mutex<Attributes>>> {
        let of_large =
            || self.large().as_ref().filter(|(of, _)| of == agent).map(|(_, kept)| Arc::clone(kept));
        self.files.get(agent).or_else(of_large)
    }

    /// Keeps a file with the size that it has now.
    fn keep(&self, agent: &Handle, attributes: &Arc<Mutex<Attributes>>, size_bytes: usize) {
        let owned_bytes = agent.as_str().len() + size_of::<Mutex<Attributes>>() + size_bytes;
        self.files.put(agent.clone(), Arc::clone(attributes), owned_bytes);
        let is_large = self.files.get(agent).is_none();
        let mut large = self.large();
        if is_large {
            *large = Some((agent.clone(), Arc::clone(attributes)));
        } else if large.as_ref().is_some_and(|(of, _)| of == agent) {
            *large = None;
        }
    }

    /// What is kept.
    pub(super) fn usage(&self) -> Usage {
        self.files.usage("attributes")
    }
}

/// The whole lines of an attributes file.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    inode: u64,
    lines: Vec<u8>,
    /// Where the last line about a ref starts, by the hash of its name; made at the second look, since a
    /// process that looks once is served faster by a search.
    last: Option<HashMap<u64, usize>>,
}

impl Attributes {
    /// Takes in what follows the lines that are known; a line that is being appended does not count yet.
    fn extend(&mut self, mut bytes: Vec<u8>, hasher: &RandomState) {
        bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1));
        let start = self.lines.len();
        if start == 0 {
            self.lines = bytes;
        } else {
            self.lines.extend_from_slice(&bytes);
        }
        if let Some(last) = &mut self.last {
            note(last, &self.lines, start, hasher);
        }
    }

    fn index(&mut self, hasher: &RandomState) {
        if self.last.is_none() {
            let mut last = HashMap::new();
            note(&mut last, &self.lines, 0, hasher);
            self.last = Some(last);
        }
    }

    /// The last line about a ref.
    fn last(&self, name: &RefName, hasher: &RandomState) -> Option<&[u8]> {
        let Some(last) = &self.last else { return files::last_attribute(&self.lines, name) };
        let at = *last.get(&hasher.hash_one(name.as_str().as_bytes()))?;
        let line = line_at(&self.lines, at);
        // Two names with one hash: the line of the other stands here.
        if name_of(line) == name.as_str().as_bytes() {
            Some(line)
        } else {
            files::last_attribute(&self.lines, name)
        }
    }
}

fn note(last: &mut HashMap<u64, usize>, lines: &[u8], start: usize, hasher: &RandomState) {
    let mut at = start;
    while at < lines.len() {
        let line = line_at(lines, at);
        last.insert(hasher.hash_one(name_of(line)), at);
        at += line.len() + 1;
    }
}

/// The line that starts at a position, without its end.
fn line_at(lines: &[u8], at: usize) -> &[u8] {
    let rest = &lines[at..];
    &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]
}

fn name_of(line: &[u8]) -> &[u8] {
    &line[..memchr::memchr(b'\t', line).unwrap_or(line.len())]
}

impl LocalBackend {
    /// The state of an attribute.
    pub(super) fn attribute(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        let state = self.with_attributes(agent, |known| {
            let Some(line) = known.last(name, &self.attributes.hasher) else { return Ok(None) };
            let found = files::decode_attribute(line).filter(|(read, _)| read == name);
            let (_, state) = found.ok_or_else(|| self.damaged_attributes(agent))?;
            Ok(Some(state))
        })?;
        Ok(state.filter(|state| state.target.is_some()))
    }

    /// Every attribute of a namespace that is said of something.
    pub(super) fn attributes_in(
        &self,
        agent: &Handle,
        namespace: &str,
    ) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        let begins =
            |line: &[u8]| line.starts_with(namespace.as_bytes()) && line.get(namespace.len()) == Some(&b'/');
        let mut found = self.attributes_that(agent, begins)?;
        found.retain(|name, _| name.split().0 == Some(namespace));
        Ok(found)
    }

    /// Every attribute that is said of something, of those whose lines are wanted.
    pub(super) fn attributes_that(
        &self,
        agent: &Handle,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        let mut found = self.with_attributes(agent, |known| {
            let mut found = BTreeMap::new();
            for line in known.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                if wanted(line) {
                    let (name, state) =
                        files::decode_attribute(line).ok_or_else(|| self.damaged_attributes(agent))?;
                    found.insert(name, state);
                }
            }
            Ok(found)
        })?;
        found.retain(|_, state| state.target.is_some());
        Ok(found)
    }

    fn damaged_attributes(&self, agent: &Handle) -> BackendError {
        let path = self.layout.attributes(agent);
        BackendError::corrupt(
            self.layout.shown(&path),
            format!("a line of it is damaged; {}", way_back(agent)),
        )
    }

    /// Shows `look` the attributes of an agent as they are now.
    fn with_attributes<T>(
        &self,
        agent: &Handle,
        look: impl FnOnce(&Attributes) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let path = self.layout.attributes(agent);
        let hasher = &self.attributes.hasher;
        let stat = || self.disk.stat(&path).map_err(BackendError::disk("look at the attributes"));
        // What was replayed in memory is not yet what the file says.
        let plain = Arc::ptr_eq(&self.view(agent), &self.disk);
        let before = if plain { stat()? } else { None };
        if let Some(before) = &before
            && let Some(shared) = self.attributes.get(agent)
        {
            let mut known = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let size_bytes = known.size_bytes();
            if known.fits(before) && self.follow_attributes(&path, &mut known, before)? {
                if known.size_bytes() != size_bytes {
                    self.attributes.keep(agent, &shared, known.size_bytes());
                }
                return look(&known);
            }
        }
        let mut read = Attributes::default();
        if let Some(bytes) = self.agent_file(agent, &path, ATTRIBUTES_MAX_BYTES)? {
            read.extend(bytes, hasher);
        }
        let found = look(&read);
        // Kept only if it is certain which file it was.
        if let (Some(before), Some(after)) = (before, stat()?)
            && before.inode == after.inode
        {
            read.inode = before.inode;
            let size_bytes = read.size_bytes();
            let read = Arc::new(Mutex::new(read));
            self.attributes.keep(agent, &read, size_bytes);
        }
        found
    }

    /// Takes in what was appended to a file since it was read; `false` when another file took its place.
    fn follow_attributes(
        &self,
        path: &Path,
        known: &mut Attributes,
        now: &Stat,
    ) -> Result<bool, BackendError> {
        let hasher = &self.attributes.hasher;
        known.index(hasher);
        let have = known.lines.len() as u64;
        if now.len_bytes == have {
            return Ok(true);
        }
        let reading = || BackendError::disk("read the attributes");
        let want = usize::try_from(now.len_bytes - have).unwrap_or(usize::MAX);
        let appended = match self.disk.read_at(path, have, want) {
            Err(error) if error.is_not_found() => return Ok(false),
            bytes => bytes.map_err(reading())?,
        };
        if self.disk.stat(path).map_err(reading())?.is_none_or(|stat| stat.inode != known.inode) {
            return Ok(false);
        }
        known.extend(appended, hasher);
        Ok(true)
    }
}

impl Attributes {
    /// About how much memory it takes, in bytes.
    fn size_bytes(&self) -> usize {
        let entry_bytes = size_of::<(u64, usize)>() + 1;
        self.lines.capacity() + self.last.as_ref().map_or(0, |last| last.capacity() * entry_bytes)
    }

    /// Whether a file may be the one that was read, with more appended.
    fn fits(&self, stat: &Stat) -> bool {
        self.inode == stat.inode && stat.len_bytes >= self.lines.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RecordId;
    use crate::object::ObjectId;
    use crate::refs::Target;

    fn line(commit: u8, revision: u64) -> (RefName, Vec<u8>) {
        let id = ObjectId::from_bytes([commit; 32]);
        let record = RecordId::from_digest(crate::encoding::Digest::from_bytes([1; 32]));
        let name = RefName::about("checks", &id);
        let state = RefState { target: Some(Target::Id(id)), revision, created: record, moved: record };
        let text = files::encode_attribute(&name, &state);
        (name, text.into_bytes())
    }

    #[test]
    fn the_index_says_what_a_search_says_also_of_what_is_appended() {
        let hasher = RandomState::new();
        let mut searched = Attributes::default();
        let mut indexed = Attributes::default();
        indexed.index(&hasher);
        for step in 0..40_u8 {
            let (_, text) = line(step % 7, u64::from(step) + 1);
            searched.extend(text.clone(), &hasher);
            let cut = text.len() / 2;
            let mut torn = text.clone();
            torn.truncate(cut);
            // A line that is half there does not count.
            indexed.extend(torn, &hasher);
            indexed.extend(text, &hasher);
            for commit in 0..9 {
                let (name, _) = line(commit, 1);
                assert_eq!(indexed.last(&name, &hasher), searched.last(&name, &hasher), "{step} {commit}");
            }
        }
        assert_eq!(indexed.last.as_ref().map(HashMap::len), Some(7));
    }

    #[test]
    fn what_is_kept_is_counted_as_it_grows_and_is_replaced() {
        let known = Known::default();
        let of = |bytes| Arc::new(Mutex::new(Attributes { lines: vec![0; bytes], ..Attributes::default() }));
        let [a, b]: [Handle; 2] = ["a", "b"].map(|name| name.parse().expect("a handle"));
        let (first, second) = (of(1000), of(500));
        known.keep(&a, &first, 1000);
        let one = known.usage().bytes;
        known.keep(&b, &second, 500);
        assert_eq!(known.usage().bytes, 2 * one - 500);
        known.keep(&a, &first, 3000);
        assert_eq!(known.usage().bytes, 2 * one + 1500);
        let last = of(10);
        known.keep(&a, &last, 10);
        assert_eq!(known.usage().bytes, 2 * one - 1490);
        assert!(known.get(&a).is_some_and(|kept| Arc::ptr_eq(&kept, &last)));
    }

    #[test]
    fn one_that_is_too_large_is_kept_all_the_same_and_only_the_last() {
        let known = Known::new(10_000);
        let of = |bytes| Arc::new(Mutex::new(Attributes { lines: vec![0; bytes], ..Attributes::default() }));
        let [a, b]: [Handle; 2] = ["a", "b"].map(|name| name.parse().expect("a handle"));
        let (small, first, second) = (of(100), of(20_000), of(30_000));
        known.keep(&a, &small, 100);
        known.keep(&a, &first, 20_000);
        let is = |agent, kept: &Arc<_>| known.get(agent).is_some_and(|found| Arc::ptr_eq(&found, kept));
        assert!(is(&a, &first) && known.usage().bytes == 0);
        known.keep(&b, &second, 30_000);
        assert!(is(&b, &second) && known.get(&a).is_none());
        known.keep(&b, &small, 100);
        assert!(is(&b, &small) && known.large().is_none());
    }

    #[test]
    fn names_with_one_hash_are_told_apart() {
        let hasher = RandomState::new();
        let mut known = Attributes::default();
        let ((first, one), (second, two)) = (line(1, 1), line(2, 1));
        known.extend([one, two].concat(), &hasher);
        known.index(&hasher);
        let last = known.last.as_mut().expect("an index");
        let at = last[&hasher.hash_one(second.as_str().as_bytes())];
        last.insert(hasher.hash_one(first.as_str().as_bytes()), at);
        let found = known.last(&first, &hasher).expect("a line");
        assert_eq!(files::decode_attribute(found).map(|(name, _)| name), Some(first));
    }
}
