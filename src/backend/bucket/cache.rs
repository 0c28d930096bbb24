//! What never changes is kept: in memory, and in a directory where one is given. Both are bounded, and what
//! was used longest ago goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cache::Usage;
use crate::disk::{FileKind, SharedDisk};

/// A bounded map from which goes what was used longest ago.
#[derive(Debug)]
pub(super) struct Recent<K, V>(Mutex<Kept<K, V>>);

#[derive(Debug)]
struct Kept<K, V> {
    entries: HashMap<K, (V, u64, u64)>,
    bytes: u64,
    max_bytes: u64,
    uses: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self(Mutex::new(Kept { entries: HashMap::new(), bytes: 0, max_bytes, uses: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut kept = self.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let (value, used, _) = kept.entries.get_mut(key)?;
        *used = uses;
        Some(value.clone())
    }

    /// Keeps a value of that size, unless the one that is kept is as good.
    pub(super) fn put_if(&self, key: &K, value: V, bytes: u64, better: impl Fn(&V) -> bool) {
        let mut kept = self.lock();
        if kept.entries.get(key).is_some_and(|(old, _, _)| !better(old)) {
            return;
        }
        kept.uses += 1;
        let uses = kept.uses;
        if let Some((_, _, old)) = kept.entries.insert(key.clone(), (value, uses, bytes)) {
            kept.bytes -= old;
        }
        kept.bytes += bytes;
        while kept.bytes > kept.max_bytes && kept.entries.len() > 1 {
            let oldest = kept.entries.iter().filter(|(other, _)| *other != key);
            let oldest = oldest.min_by_key(|(_, (_, used, _))| *used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            if let Some((_, _, bytes)) = kept.entries.remove(&oldest) {
                kept.bytes -= bytes;
            }
        }
    }

    pub(super) fn put(&self, key: &K, value: V, bytes: u64) {
        self.put_if(key, value, bytes, |_| true);
    }

    /// Changes a value that is kept.
    pub(super) fn change(&self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some((value, _, _)) = self.lock().entries.get_mut(key) {
            change(value);
        }
    }

    pub(super) fn remove(&self, key: &K) {
        let mut kept = self.lock();
        if let Some((_, _, bytes)) = kept.entries.remove(key) {
            kept.bytes -= bytes;
        }
    }

    /// What is kept, under a name.
    pub(super) fn usage(&self, of: &'static str) -> Usage {
        let kept = self.lock();
        Usage { of, bytes: kept.bytes, max_bytes: kept.max_bytes }
    }

    /// Everything kept, what was used last first.
    pub(super) fn newest_first(&self) -> Vec<V> {
        let kept = self.lock();
        let mut all: Vec<(u64, V)> =
            kept.entries.values().map(|(value, used, _)| (*used, value.clone())).collect();
        all.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
        all.into_iter().map(|(_, value)| value).collect()
    }
}

/// A directory of files that never change. Nothing depends on it: what cannot be read or written there is
/// taken as not kept.
#[derive(Debug)]
pub(super) struct DiskCache {
    disk: SharedDisk,
    dir: PathBuf,
    sizes: Recent<String, ()>,
    max_bytes: u64,
}

impl DiskCache {
    /// Uses a directory up to so many bytes; what is in it already counts.
    pub(super) fn new(disk: SharedDisk, dir: &Path, max_bytes: u64) -> Self {
        let mut files: Vec<(i128, String, u64)> = Vec::new();
        for entry in disk.walk(dir).flatten().filter(|entry| entry.kind == FileKind::File) {
            if let Ok(Some(stat)) = disk.stat(&dir.join(&entry.path))
                && let Some(name) = entry.path.file_name().and_then(|name| name.to_str())
            {
                files.push((stat.modified_ns, name.to_owned(), stat.len_bytes));
            }
        }
        files.sort();
        let sizes = Recent::new(u64::MAX);
        for (_, name, bytes) in files {
            sizes.put(&name, (), bytes);
        }
        Self { disk, dir: dir.to_path_buf(), sizes, max_bytes }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name.get(..2).unwrap_or("xx")).join(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.sizes.get(&name.to_owned())?;
        let bytes = self.disk.read(&self.path(name), self.max_bytes).ok();
        if bytes.is_none() {
            self.forget(name);
        }
        bytes
    }

    /// Forgets a file that is not what it should be.
    pub(super) fn forget(&self, name: &str) {
        self.sizes.remove(&name.to_owned());
        let _ = self.disk.remove_file(&self.path(name));
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        let dir = path.parent().unwrap_or(&self.dir);
        if bytes.len() as u64 > self.max_bytes / 2
            || self.disk.create_dir_all(dir).is_err()
            || self.disk.write_atomic(&path, bytes).is_err()
        {
            return;
        }
        self.sizes.put(&name.to_owned(), (), bytes.len() as u64);
        while let Some(oldest) = self.oldest() {
            self.forget(&oldest);
        }
    }

    /// What has to go so that the rest is within the bound.
    fn oldest(&self) -> Option<String> {
        let kept = self.sizes.lock();
        let oldest = kept.entries.iter().min_by_key(|(_, ((), used, _))| *used);
        oldest.filter(|_| kept.bytes > self.max_bytes).map(|(name, _)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::SimDisk;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let recent = Recent::new(10);
        for key in ["a", "b"] {
            recent.put(&key, key, 5);
        }
        assert_eq!(recent.get(&"a"), Some("a"));
        recent.put(&"c", "c", 5);
        assert_eq!((recent.get(&"a"), recent.get(&"b"), recent.get(&"c")), (Some("a"), None, Some("c")));
        recent.put(&"huge", "huge", 99);
        assert_eq!(recent.newest_first(), ["huge"]);
    }

    #[test]
    fn files_stay_within_the_bound_also_when_it_is_opened_again() {
        let disk: SharedDisk = Arc::new(SimDisk::new(1));
        let dir = Path::new("/cache");
        let cache = DiskCache::new(Arc::clone(&disk), dir, 100);
        for name in ["aa1", "bb2", "cc3"] {
            cache.put(name, &[7; 30]);
        }
        assert_eq!(cache.get("aa1"), Some(vec![7; 30]));
        cache.put("dd4", &[8; 30]);
        assert_eq!((cache.get("bb2"), cache.get("aa1").is_some()), (None, true));
        cache.put("ee5", &[9; 51]);
        assert_eq!(cache.get("ee5"), None, "it would push out half of the others");
        let again = DiskCache::new(Arc::clone(&disk), dir, 60);
        assert_eq!(again.get("cc3"), Some(vec![7; 30]));
        again.put("ff6", &[1; 30]);
        assert_eq!((again.get("cc3").is_some(), again.get("ff6").is_some()), (true, true));
        assert_eq!((again.get("aa1"), again.get("dd4")), (None, None));
        disk.remove_file(&dir.join("ff/ff6")).expect("removed");
        assert_eq!(again.get("ff6"), None);
    }
}
