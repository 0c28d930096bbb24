//! Exclusive locks between the threads of one process, for disks that live in memory.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::LockGuard;

/// Who holds what; the key is whatever names a lock file on that disk.
#[derive(Debug)]
pub(super) struct LockTable<K> {
    held: Mutex<BTreeSet<K>>,
    freed: Condvar,
}

/// A held key: released on drop.
#[derive(Debug)]
struct Held<K: Ord + Clone + Send + fmt::Debug + 'static> {
    table: Arc<LockTable<K>>,
    key: K,
}

impl<K: Ord + Clone + Send + fmt::Debug + 'static> LockTable<K> {
    /// A table in which nothing is held.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(BTreeSet::new()), freed: Condvar::new() })
    }

    /// Waits until nobody holds `key`, then holds it.
    pub(super) fn lock(self: &Arc<Self>, key: K) -> Box<dyn LockGuard> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held =
            self.freed.wait_while(held, |held| held.contains(&key)).unwrap_or_else(PoisonError::into_inner);
        held.insert(key.clone());
        Box::new(Held { table: Arc::clone(self), key })
    }

    /// Holds `key` unless somebody does.
    pub(super) fn try_lock(self: &Arc<Self>, key: K) -> Option<Box<dyn LockGuard>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.insert(key.clone()) {
            return None;
        }
        Some(Box::new(Held { table: Arc::clone(self), key }))
    }
}

impl<K: Ord + Clone + Send + fmt::Debug + 'static> LockGuard for Held<K> {}

impl<K: Ord + Clone + Send + fmt::Debug + 'static> Drop for Held<K> {
    fn drop(&mut self) {
        self.table.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.table.freed.notify_all();
    }
}
