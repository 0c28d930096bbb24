//! A grant: what somebody who shows a token may do, and to which agents.

use std::fmt;
use std::str::FromStr;

use crate::clock::Time;
use crate::encoding::Digest;

use super::AccessError;

/// Longest pattern, in bytes.
const PATTERN_MAX_BYTES: usize = 128;

/// What somebody may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads agents, versions, drafts and logs.
    Reader,
    /// Makes and edits drafts, checkpoints and checks.
    Editor,
    /// Publishes, activates, promotes, rolls back, and makes agents.
    Publisher,
    /// Everything: archives, renames, accepts findings, discards what is others'.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Editor, Self::Publisher, Self::Admin];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| AccessError::BadRole(text.to_owned()))
    }
}

/// Handles: characters as they are, and `*` for any number of any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Every handle.
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// Whether it is for every handle.
    pub fn is_all(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether a handle is one of them.
    pub fn matches(&self, handle: &str) -> bool {
        let mut pieces = self.0.split('*');
        // `split` gives at least one piece.
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = handle.strip_prefix(first) else { return false };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            // The earliest place leaves the most for the others.
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        false
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-*".contains(&byte);
        if !(1..=PATTERN_MAX_BYTES).contains(&text.len()) || !text.bytes().all(fits) {
            return Err(AccessError::BadPattern(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// A short id, which log lines of a server name.
    pub id: String,
    /// Who acts with it: the log of every operation names it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// The agents that it is for.
    pub agents: Vec<Pattern>,
    /// The hash of its text.
    pub hash: Digest,
    /// When it was made.
    pub created: Time,
    /// From when on it is none.
    pub expires: Option<Time>,
    /// When it was revoked.
    pub revoked: Option<Time>,
    /// Requests a minute.
    pub per_minute: Option<u32>,
}

impl Grant {
    /// Whether it counts at a moment.
    pub fn stands(&self, now: Time) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether it is for an agent of that handle.
    pub fn is_for(&self, handle: &str) -> bool {
        self.agents.iter().any(|pattern| pattern.matches(handle))
    }

    /// Whether it is for every agent.
    pub fn is_for_all(&self) -> bool {
        self.agents.iter().any(Pattern::is_all)
    }
}
