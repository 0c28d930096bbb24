//! Memory for what was read and never changes, up to so many bytes. What goes first is what was used least
//! and longest ago (CLOCK-Pro, by the crate `quick_cache`), so that one walk through a long history does not
//! push out what is asked for again and again.

use std::fmt;
use std::hash::{Hash, RandomState};

use quick_cache::sync::{Cache as Shards, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};

/// What an entry takes beside its key, its value and what these own, in bytes: links, and a place in the table.
const ENTRY_BYTES: u64 = 64;
/// About how large a value is, in bytes. Only says how many of those that went are remembered by name.
const USUAL_BYTES: u64 = 4096;

/// Values by key, at most so many bytes of them. Threads share it.
pub struct Cache<K, V> {
    kept: Shards<K, Counted<V>, Size, RandomState>,
    max_bytes: u64,
}

/// What one takes, and may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is kept in it, in a word.
    pub of: &'static str,
    /// What it takes now, in bytes.
    pub bytes: u64,
    /// What it takes at most, in bytes.
    pub max_bytes: u64,
}

#[derive(Clone)]
struct Counted<V> {
    value: V,
    bytes: u64,
}

#[derive(Clone)]
struct Size;

impl<K, V> Weighter<K, Counted<V>> for Size {
    fn weight(&self, _key: &K, kept: &Counted<V>) -> u64 {
        kept.bytes
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// One that keeps so many bytes at most.
    pub fn new(max_bytes: u64) -> Self {
        let usual = usize::try_from(max_bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        // One part: the largest value may take nearly all of it.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(usual.clamp(16, 64 * 1024))
            .weight_capacity(max_bytes)
            .build()
            .expect("both capacities are given");
        let kept = Shards::with_options(options, Size, RandomState::new(), DefaultLifecycle::default());
        Self { kept, max_bytes }
    }

    /// A value, if it is kept.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.kept.get(key).map(|kept| kept.value)
    }

    /// Keeps a value in the place of the one under its key. `owned_bytes` is what key and value own on the heap;
    /// what takes nearly all of the room alone is not kept.
    pub fn put(&self, key: K, value: V, owned_bytes: usize) {
        let bytes = (owned_bytes + size_of::<K>() + size_of::<V>()) as u64 + ENTRY_BYTES;
        self.kept.insert(key, Counted { value, bytes });
    }

    /// What it takes, under a name.
    pub fn usage(&self, of: &'static str) -> Usage {
        Usage { of, bytes: self.kept.weight(), max_bytes: self.max_bytes }
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_within_the_bound_and_is_the_last_that_was_put() {
        let cache = Cache::new(64 * 1024);
        for number in 0..1000_u32 {
            cache.put(number, vec![7_u8; 1000], 1000);
            let usage = cache.usage("numbers");
            assert!(usage.bytes <= usage.max_bytes, "{usage:?}");
        }
        let usage = cache.usage("numbers");
        assert!(usage.bytes > usage.max_bytes / 2 && usage.max_bytes == 64 * 1024, "{usage:?}");
        cache.put(5, vec![1], 1);
        cache.put(5, vec![2], 1);
        assert_eq!(cache.get(&5), Some(vec![2]));
    }

    #[test]
    fn a_walk_through_much_does_not_push_out_what_is_used_all_the_time() {
        let cache = Cache::new(64 * 1024);
        cache.put(0, "used", 100);
        for number in 1..10_000 {
            assert_eq!(cache.get(&0), Some("used"), "{number}");
            cache.put(number, "seen once", 100);
        }
    }

    #[test]
    fn what_would_take_all_of_it_is_not_kept_and_pushes_nothing_out() {
        let cache = Cache::new(10_000);
        cache.put("small", 1, 100);
        cache.put("huge", 2, 10_000);
        assert_eq!((cache.get("small"), cache.get("huge")), (Some(1), None));
        cache.put("small", 3, 10_000);
        assert_eq!(cache.get("small"), None, "never what it was before");
    }
}
