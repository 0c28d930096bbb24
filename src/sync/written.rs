//! The objects that came and are written, without what they hold: what each is, and what those lead to of
//! which it is not known yet that all of it came.

use std::collections::HashMap;

use crate::object::{Kind, ObjectId};

/// Objects that are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    kinds: HashMap<ObjectId, Kind>,
    /// What the open ones lead to. Of the others all that they lead to, however far, is written as well.
    open: HashMap<ObjectId, Box<[ObjectId]>>,
}

impl Written {
    /// What an object is, if it is among them.
    pub(super) fn kind(&self, id: &ObjectId) -> Option<Kind> {
        self.kinds.get(id).copied()
    }

    /// What one of them leads to of which it is not known that it is written, with all that it leads to.
    pub(super) fn open_links(&self, id: &ObjectId) -> &[ObjectId] {
        self.open.get(id).map_or(&[], |links| links)
    }

    /// Adds an object, and what it leads to; what is in `before` is written as well.
    pub(super) fn add(&mut self, id: ObjectId, kind: Kind, links: &[ObjectId], before: &[&Self]) {
        let is_closed =
            |link: &ObjectId| self.is_closed(link) || before.iter().any(|one| one.is_closed(link));
        if !links.iter().all(is_closed) {
            self.open.insert(id, links.into());
        }
        self.kinds.insert(id, kind);
    }

    /// Forgets what the objects lead to if all of it is written: in the order of a pack that is kept, what an
    /// object leads to may come behind it.
    pub(super) fn settle(&mut self, before: &[&Self]) {
        let here =
            |link: &ObjectId| self.kinds.contains_key(link) || before.iter().any(|one| one.is_closed(link));
        if self.open.values().flatten().all(here) {
            self.open = HashMap::new();
        }
    }

    /// Adds others.
    pub(super) fn join(&mut self, other: Self) {
        if self.kinds.is_empty() {
            *self = other;
            return;
        }
        self.kinds.extend(other.kinds);
        self.open.extend(other.open);
    }

    fn is_closed(&self, id: &ObjectId) -> bool {
        self.kinds.contains_key(id) && !self.open.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes([byte; 32])
    }

    #[test]
    fn what_comes_behind_what_leads_to_it_closes_it_and_what_is_missing_does_not() {
        let mut written = Written::default();
        written.add(id(1), Kind::Block, &[], &[]);
        written.add(id(2), Kind::Tree, &[id(1)], &[]);
        assert!(written.open_links(&id(2)).is_empty());
        written.add(id(3), Kind::Commit, &[id(4), id(2)], &[]);
        written.add(id(5), Kind::Commit, &[id(3)], &[]);
        written.settle(&[]);
        assert_eq!(written.open_links(&id(3)), [id(4), id(2)]);
        assert_eq!(written.open_links(&id(5)), [id(3)], "it leads to what is missing by way of another");
        written.add(id(4), Kind::Commit, &[], &[]);
        written.settle(&[]);
        assert!((1..6).all(|byte| written.open_links(&id(byte)).is_empty()));
        assert_eq!((written.kind(&id(5)), written.kind(&id(6))), (Some(Kind::Commit), None));
    }

    #[test]
    fn what_was_written_before_counts_only_with_all_that_it_leads_to() {
        let mut before = Written::default();
        before.add(id(1), Kind::Block, &[], &[]);
        before.add(id(2), Kind::Tree, &[id(9)], &[]);
        before.settle(&[]);
        let mut written = Written::default();
        written.add(id(3), Kind::Tree, &[id(1)], &[&before]);
        written.add(id(4), Kind::Commit, &[id(2)], &[&before]);
        written.settle(&[&before]);
        assert!(written.open_links(&id(3)).is_empty());
        assert_eq!(written.open_links(&id(4)), [id(2)]);
    }
}
