//! What webhooks are told of: moves of refs, found in the records of logs, whatever operation made them.

use std::fmt;
use std::str::FromStr;

use crate::log::Record;
use crate::object::ObjectId;
use crate::refs::{RefName, Target};

use super::WebhookError;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A version got its number.
    Publish,
    /// A version serves now: activated, rolled back to, published at once, pulled.
    Activate,
    /// Nothing serves any more.
    Unpublish,
    /// An environment has another version.
    Promote,
    /// An environment has none any more.
    EnvClear,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Publish, Self::Activate, Self::Unpublish, Self::Promote, Self::EnvClear];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Activate => "activate",
            Self::Unpublish => "unpublish",
            Self::Promote => "promote",
            Self::EnvClear => "env-clear",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventKind {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| WebhookError::BadEvent(text.to_owned()))
    }
}

/// An event: one move of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The place of the move in its operation.
    pub(super) place: usize,
    pub(super) kind: EventKind,
    pub(super) from: Option<ObjectId>,
    pub(super) to: Option<ObjectId>,
    /// The environment that it is about; `None` when it is about none, or about ACTIVE.
    pub(super) environment: Option<String>,
}

/// The events of an operation, in the order of its moves. Moves of what is known of other stores are none, and
/// neither is a move to where a ref is already.
pub(super) fn events(record: &Record) -> Vec<Event> {
    let id = |target: &Option<Target>| target.as_ref().and_then(Target::id);
    let mut found = Vec::new();
    for (place, change) in record.changes.iter().enumerate() {
        let (from, to) = (id(&change.from), id(&change.to));
        let (kind, environment) = match (change.name.split(), to) {
            ((None, RefName::VERSIONS), Some(_)) => (EventKind::Publish, None),
            ((None, RefName::ACTIVE) | (Some("environments"), _), _) if from == to => continue,
            ((None, RefName::ACTIVE), Some(_)) => (EventKind::Activate, None),
            ((None, RefName::ACTIVE), None) => (EventKind::Unpublish, None),
            ((Some("environments"), name), Some(_)) => (EventKind::Promote, Some(name.to_owned())),
            ((Some("environments"), name), None) => (EventKind::EnvClear, Some(name.to_owned())),
            _ => continue,
        };
        found.push(Event { place, kind, from, to, environment });
    }
    found
}
