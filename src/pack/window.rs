//! The objects that a delta may build on: those of the records just before, as many as fit. Writer
//! and reader forget by the same rule, so what one builds on, the other still has.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::object::Object;

use super::limits::{PACK_WINDOW_BYTES, PACK_WINDOW_OBJECT_BYTES};

/// One object and where it stands.
#[derive(Clone)]
pub(super) struct Remembered {
    /// Where its record begins.
    pub(super) offset: u64,
    /// How many deltas it takes to read it.
    pub(super) depth: u8,
    /// Where the record begins on which its chain of deltas rests; its own when it is no delta.
    pub(super) root: u64,
    /// The object.
    pub(super) object: Arc<Object>,
}

/// The last objects, in the order of their records. The newest is always kept, however large.
#[derive(Default)]
pub(super) struct Window {
    objects: VecDeque<Remembered>,
    size_bytes: usize,
}

impl Window {
    /// Adds the object of the next record, and forgets the oldest until it fits.
    pub(super) fn push(&mut self, object: Remembered) {
        self.size_bytes += cost(&object);
        self.objects.push_back(object);
        while self.size_bytes > PACK_WINDOW_BYTES && self.objects.len() > 1 {
            let oldest = self.objects.pop_front().expect("there are two");
            self.size_bytes -= cost(&oldest);
        }
    }

    /// The object whose record begins at an offset.
    pub(super) fn at(&self, offset: u64) -> Option<&Remembered> {
        let found = self.objects.binary_search_by_key(&offset, |object| object.offset);
        found.ok().map(|at| &self.objects[at])
    }
}

fn cost(object: &Remembered) -> usize {
    object.object.payload.len() + PACK_WINDOW_OBJECT_BYTES
}
