//! A failure as it is told over the wire: everything that a client needs to show it as if it had happened
//! here, and to act on it where it would.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Classify, Kind, causes};
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;
use crate::sync::SyncError;

use super::Text;

/// The words for the kinds of failure.
const KINDS: [(Kind, &str); 9] = [
    (Kind::NotFound, "not_found"),
    (Kind::Refused, "refused"),
    (Kind::Usage, "usage"),
    (Kind::Conflict, "conflict"),
    (Kind::Corrupt, "corrupt"),
    (Kind::Invalid, "invalid"),
    (Kind::Io, "io"),
    (Kind::Interrupted, "interrupted"),
    (Kind::Bug, "bug"),
];

/// A failure that a client acts on, rather than only showing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Case {
    NotThere(Text<Handle>),
    NoSuchPack(Text<PackId>),
    OtherAgent(Text<Handle>),
    NotAuthority(Text<Handle>),
    Incomplete(Text<ObjectId>),
}

/// A failure, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    kind: String,
    message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
    /// What it was caused by, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case: Option<Case>,
}

/// The document of an answer that is a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The failure.
    pub error: Failure,
}

impl Failure {
    /// A failure of the server itself.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind: word(kind).to_owned(),
            message: message.into(),
            details: Vec::new(),
            causes: Vec::new(),
            hint: None,
            case: None,
        }
    }

    /// The same, with what helps.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What an error says.
    pub fn of(error: &SyncError) -> Self {
        if let SyncError::Told { failure, .. } = error {
            return Self::clone(failure);
        }
        let case = match error {
            SyncError::NotThere(handle) => Some(Case::NotThere(Text(handle.clone()))),
            SyncError::NoSuchPack(id) => Some(Case::NoSuchPack(Text(*id))),
            SyncError::OtherAgent { handle, pushing: true } => Some(Case::OtherAgent(Text(handle.clone()))),
            SyncError::NotAuthority(handle) => Some(Case::NotAuthority(Text(handle.clone()))),
            SyncError::Incomplete(id) => Some(Case::Incomplete(Text(*id))),
            _ => None,
        };
        Self { case, ..Self::about(error) }
    }

    /// What any error says.
    pub fn about(error: &dyn Classify) -> Self {
        let message = error.to_string();
        let causes = causes(error);
        let kind = word(error.kind()).to_owned();
        Self { kind, message, details: error.details(), causes, hint: error.hint(), case: None }
    }

    /// The error, as the server had it where that matters.
    pub fn into_error(self) -> SyncError {
        match self.case {
            Some(Case::NotThere(handle)) => SyncError::NotThere(handle.0),
            Some(Case::NoSuchPack(id)) => SyncError::NoSuchPack(id.0),
            Some(Case::OtherAgent(handle)) => SyncError::OtherAgent { handle: handle.0, pushing: true },
            Some(Case::NotAuthority(handle)) => SyncError::NotAuthority(handle.0),
            Some(Case::Incomplete(id)) => SyncError::Incomplete(id.0),
            None => {
                let source = Cause::chain(&self.causes);
                SyncError::Told { failure: Box::new(self), source }
            }
        }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The word for its kind.
    pub fn word(&self) -> &str {
        &self.kind
    }

    /// What it was caused by, the nearest first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }
}

/// What a failure was caused by, where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl Cause {
    fn chain(texts: &[String]) -> Option<Box<Self>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Self { text: text.clone(), next: Self::chain(rest) }))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

fn word(kind: Kind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("bug", |(_, word)| word)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

impl Classify for Failure {
    fn kind(&self) -> Kind {
        KINDS.iter().find(|(_, word)| *word == self.kind).map_or(Kind::Io, |(kind, _)| *kind)
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn details(&self) -> Vec<String> {
        self.details.clone()
    }
}
