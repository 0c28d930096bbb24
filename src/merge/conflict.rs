//! What could not be merged, as plain data.

use serde_json::Value;

use crate::diff::path::Path;
use crate::object::{BlockName, Content};

/// Something for each of the three sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides<T> {
    /// What both sides came from.
    pub base: T,
    /// The side that goes on.
    pub ours: T,
    /// The side that is merged into it.
    pub theirs: T,
}

impl<T> Sides<T> {
    /// The same three, each made into something else.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Sides<U> {
        Sides { base: f(self.base), ours: f(self.ours), theirs: f(self.theirs) }
    }

    /// The three, borrowed.
    pub fn as_ref(&self) -> Sides<&T> {
        Sides { base: &self.base, ours: &self.ours, theirs: &self.theirs }
    }

    /// The three, in the order base, ours, theirs.
    pub fn into_array(self) -> [T; 3] {
        [self.base, self.ours, self.theirs]
    }
}

impl<T: Copy + PartialEq> Sides<T> {
    /// What needs no decision: what both sides have, or the only change.
    pub(super) fn undisputed(&self) -> Option<T> {
        if self.ours == self.theirs || self.base == self.theirs {
            Some(self.ours)
        } else if self.base == self.ours {
            Some(self.theirs)
        } else {
            None
        }
    }
}

/// One place at which the sides want different things.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The block.
    pub block: BlockName,
    /// Where in it, and what each side has there.
    pub dispute: Dispute,
}

/// Where in a block the sides differ, and what they have there. An absent side is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Dispute {
    /// In the whole block: one side removed what the other changed, both added it differently, or
    /// there is nothing inside to compare (text and JSON, two different scalars).
    Block(Sides<Option<Content>>),
    /// In one value of a JSON block.
    Value {
        /// The place, from the block's root; never the root itself. The steps before the last lead
        /// somewhere in the merged block, the last one too unless ours lacks the value.
        path: Path,
        /// For an entry of a keyed list that ours lacks: the keys of the entries before it, nearest
        /// first, up to the first that is in the merged list. Empty at the list's beginning.
        after: Vec<String>,
        /// The values.
        sides: Sides<Option<Value>>,
    },
    /// In lines of a text block; in order, never empty.
    Lines(Vec<Stretch>),
}

/// Consecutive lines of a text that the sides changed differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Where the stretch is in the merged text, in which ours stands: its first line, from 1.
    pub at: usize,
    /// The lines of each side.
    pub sides: Sides<Lines>,
}

/// Some lines of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// The first line, from 1; when there are none, the line before which they would stand.
    pub start: usize,
    /// The lines with their line feeds, which only the last line of a text may lack.
    pub text: String,
}

/// Why the sides conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictKind {
    /// Both changed it.
    Changed,
    /// Both added it.
    Added,
    /// Ours removed what theirs changed.
    OursRemoved,
    /// Theirs removed what ours changed.
    TheirsRemoved,
    /// A block changed on one side, and on another became text from JSON or JSON from text.
    KindChanged,
}

impl ConflictKind {
    /// The word for this kind.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::OursRemoved => "removed-by-ours",
            Self::TheirsRemoved => "removed-by-theirs",
            Self::KindChanged => "kind-changed",
        }
    }
}

impl Conflict {
    /// The place within the block; the root for a whole block and for a text's lines.
    pub fn path(&self) -> Path {
        match &self.dispute {
            Dispute::Value { path, .. } => path.clone(),
            Dispute::Block(_) | Dispute::Lines(_) => Path::root(),
        }
    }

    /// Why the sides conflict.
    pub fn kind(&self) -> ConflictKind {
        match &self.dispute {
            Dispute::Value { sides, .. } => kind(sides),
            Dispute::Lines(_) => ConflictKind::Changed,
            Dispute::Block(sides) => {
                let kinds: Vec<_> =
                    sides.as_ref().into_array().into_iter().flatten().map(Content::kind).collect();
                if kinds.windows(2).all(|pair| pair[0] == pair[1]) {
                    kind(sides)
                } else {
                    ConflictKind::KindChanged
                }
            }
        }
    }
}

fn kind<T>(sides: &Sides<Option<T>>) -> ConflictKind {
    match sides.as_ref().map(Option::is_some).into_array() {
        [_, false, _] => ConflictKind::OursRemoved,
        [_, _, false] => ConflictKind::TheirsRemoved,
        [false, ..] => ConflictKind::Added,
        [true, ..] => ConflictKind::Changed,
    }
}
