//! Locks between the threads of one process, for disks that live in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::LockGuard;

/// Who holds what; the key is whatever names a lock file on that disk.
#[derive(Debug)]
pub(super) struct LockTable<K> {
    held: Mutex<BTreeMap<K, Holders>>,
    freed: Condvar,
}

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holders {
    One,
    /// So many together.
    Shared(usize),
}

/// A held key: released on drop.
#[derive(Debug)]
struct Held<K: Ord + Clone + Send + Sync + fmt::Debug + 'static> {
    table: Arc<LockTable<K>>,
    key: K,
}

impl<K: Ord + Clone + Send + Sync + fmt::Debug + 'static> LockTable<K> {
    /// A table in which nothing is held.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(BTreeMap::new()), freed: Condvar::new() })
    }

    /// Waits until nobody holds `key`, then holds it.
    pub(super) fn lock(self: &Arc<Self>, key: K) -> Box<dyn LockGuard> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(held, |held| held.contains_key(&key));
        waited.unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Holders::One);
        Box::new(Held { table: Arc::clone(self), key })
    }

    /// Waits until nobody holds `key` alone, then holds it together with others.
    pub(super) fn lock_shared(self: &Arc<Self>, key: K) -> Box<dyn LockGuard> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(held, |held| held.get(&key) == Some(&Holders::One));
        let mut held = waited.unwrap_or_else(PoisonError::into_inner);
        let before = match held.get(&key) {
            Some(Holders::Shared(count)) => *count,
            _ => 0,
        };
        held.insert(key.clone(), Holders::Shared(before + 1));
        drop(held);
        Box::new(Held { table: Arc::clone(self), key })
    }

    /// Holds `key` unless somebody does.
    pub(super) fn try_lock(self: &Arc<Self>, key: K) -> Option<Box<dyn LockGuard>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.contains_key(&key) {
            return None;
        }
        held.insert(key.clone(), Holders::One);
        drop(held);
        Some(Box::new(Held { table: Arc::clone(self), key }))
    }
}

impl<K: Ord + Clone + Send + Sync + fmt::Debug + 'static> LockGuard for Held<K> {}

impl<K: Ord + Clone + Send + Sync + fmt::Debug + 'static> Drop for Held<K> {
    fn drop(&mut self) {
        let mut held = self.table.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(Holders::Shared(count)) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.key)),
        }
        drop(held);
        self.table.freed.notify_all();
    }
}
