//! Full ref names (`ACTIVE`, `drafts/tone`, `checks/<commit>`), what a ref may point to, and what
//! a writer expects to find there.

use std::fmt;
use std::str::FromStr;

use crate::error::{Classify, Kind};
use crate::object::ObjectId;

use super::Handle;

/// The full name of a ref: one segment (`ACTIVE`, `meta`, `versions`), or a namespace and a
/// segment that is a handle or the id of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefName(String);

/// A text is not a ref name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a ref name like ACTIVE, versions or drafts/tone")]
pub struct RefNameError(pub String);

impl Classify for RefNameError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// How a ref is kept; its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One target that is replaced.
    Single,
    /// A list that only grows: each move appends its new target.
    List,
    /// A target about one commit, of which there may be very many.
    Attribute,
}

/// Names in an agent's directory that no ref may take.
const RESERVED: [&str; 6] = ["active", "active.json", "attributes", "journal", "log", "logs"];

impl RefName {
    /// The version that serves live calls.
    pub const ACTIVE: &'static str = "ACTIVE";
    /// The list of published versions.
    pub const VERSIONS: &'static str = "versions";
    /// The metadata that is not versioned.
    pub const META: &'static str = "meta";

    /// The ref `ACTIVE`.
    pub fn active() -> Self {
        Self(Self::ACTIVE.to_owned())
    }

    /// The list `versions`.
    pub fn versions() -> Self {
        Self(Self::VERSIONS.to_owned())
    }

    /// The ref `meta`.
    pub fn meta() -> Self {
        Self(Self::META.to_owned())
    }

    /// The ref `drafts/<name>`.
    pub fn draft(name: &Handle) -> Self {
        Self(format!("drafts/{name}"))
    }

    /// The ref `<namespace>/<commit>`: something said about one commit.
    pub fn about(namespace: &'static str, commit: &ObjectId) -> Self {
        Self(format!("{namespace}/{commit}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The namespace and the last segment; one segment alone has no namespace.
    pub fn split(&self) -> (Option<&str>, &str) {
        match self.0.split_once('/') {
            Some((namespace, rest)) => (Some(namespace), rest),
            None => (None, &self.0),
        }
    }

    /// The draft's name when this is a draft's ref.
    pub fn as_draft(&self) -> Option<Handle> {
        match self.split() {
            (Some("drafts"), name) => name.parse().ok(),
            _ => None,
        }
    }

    /// How a ref of this name is kept.
    pub fn shape(&self) -> Shape {
        if self.0 == Self::VERSIONS {
            Shape::List
        } else if self.split().1.parse::<ObjectId>().is_ok() {
            Shape::Attribute
        } else {
            Shape::Single
        }
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(text: &str) -> Result<Self, RefNameError> {
        let refuse = || Err(RefNameError(text.to_owned()));
        if text == Self::ACTIVE {
            return Ok(Self::active());
        }
        let (first, second) = match text.split_once('/') {
            Some((first, second)) => (first, Some(second)),
            None => (text, None),
        };
        if first.parse::<Handle>().is_err() || RESERVED.contains(&first) {
            return refuse();
        }
        let second_fits =
            second.is_none_or(|last| last.parse::<Handle>().is_ok() || last.parse::<ObjectId>().is_ok());
        if second_fits { Ok(Self(text.to_owned())) } else { refuse() }
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a ref points to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An object.
    Id(ObjectId),
    /// Another ref of the same agent.
    Ref(RefName),
}

/// A text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither an id nor 'ref: NAME'")]
pub struct TargetError(pub String);

const SYMBOLIC: &str = "ref: ";

impl Target {
    /// The object, when the target is one.
    pub fn id(&self) -> Option<ObjectId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Ref(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Ref(name) => write!(f, "{SYMBOLIC}{name}"),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = || TargetError(text.to_owned());
        match text.strip_prefix(SYMBOLIC) {
            Some(name) => name.parse().map(Self::Ref).map_err(|_| refuse()),
            None => text.parse().map(Self::Id).map_err(|_| refuse()),
        }
    }
}

/// What a writer expects a ref to be; checked under the agent's lock before anything is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The ref does not exist, or points to nothing.
    Absent,
    /// The ref points to this.
    Is(Target),
    /// Anything.
    Any,
}

impl Expected {
    /// Expects exactly what was read.
    pub fn same_as(target: Option<&Target>) -> Self {
        target.map_or(Self::Absent, |target| Self::Is(target.clone()))
    }

    /// Whether a target is the one expected.
    pub fn allows(&self, actual: Option<&Target>) -> bool {
        match self {
            Self::Absent => actual.is_none(),
            Self::Is(target) => actual == Some(target),
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_how_they_are_kept() {
        let commit = ObjectId::from_bytes([7; 32]);
        let check = |text: &str, shape: Shape| {
            let name: RefName = text.parse().expect("a ref name");
            assert_eq!((name.shape(), name.to_string()), (shape, text.to_owned()));
        };
        check("ACTIVE", Shape::Single);
        check("meta", Shape::Single);
        check("drafts/tone", Shape::Single);
        check("environments/production", Shape::Single);
        check("versions", Shape::List);
        check(&format!("checks/{commit}"), Shape::Attribute);
    }

    #[test]
    fn names_that_would_escape_or_collide_are_refused() {
        for bad in [
            "",
            "active",
            "log",
            "journal",
            "drafts/",
            "drafts/../x",
            "a/b/c",
            "Drafts/x",
            "/x",
            "active.json",
            "drafts/CON",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_round_trip() {
        for target in [Target::Id(ObjectId::from_bytes([1; 32])), Target::Ref(RefName::active())] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        assert!("ref: ../x".parse::<Target>().is_err());
    }
}
