//! Full ref names (`ACTIVE`, `drafts/tone`, `checks/<commit>`), what a ref may point to, and what
//! a writer expects to find there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Classify, Kind};
use crate::object::{self, ObjectId};

use super::Handle;

/// The full name of a ref: one segment (`ACTIVE`, `meta`, `versions`), or a namespace and a
/// segment that is a handle or the id of a commit. Before it may stand `remotes/<remote>/`: where that
/// ref was in another store when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefName(Arc<str>);

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

/// Names in an agent's directory that no ref may take; `remotes` stands before refs of other stores only.
const RESERVED: [&str; 7] = ["active", "active.json", "attributes", "journal", "log", "logs", REMOTES];

/// The namespace of the refs of other stores.
const REMOTES: &str = "remotes";

impl RefName {
    /// The version that serves live calls.
    pub const ACTIVE: &'static str = "ACTIVE";
    /// The list of published versions.
    pub const VERSIONS: &'static str = "versions";
    /// The list of versions published here that the numbering store has not numbered when they were.
    pub const UNPUSHED: &'static str = "unpushed";
    /// The metadata that is not versioned.
    pub const META: &'static str = "meta";

    /// The ref `ACTIVE`.
    pub fn active() -> Self {
        Self(Self::ACTIVE.into())
    }

    /// The list `versions`.
    pub fn versions() -> Self {
        Self(Self::VERSIONS.into())
    }

    /// The list `unpushed`: versions published here while another store gives the numbers.
    pub fn unpushed() -> Self {
        Self(Self::UNPUSHED.into())
    }

    /// The ref `pushed`: the last entry of `unpushed` that has got its number.
    pub fn pushed() -> Self {
        Self("pushed".into())
    }

    /// The ref `upstream`: names the list of the store that gives the numbers.
    pub fn upstream() -> Self {
        Self("upstream".into())
    }

    /// The kind of object that such a ref names, here or at another store; `None` where any may stand, or where
    /// this build does not know.
    pub fn names_kind(&self) -> Option<object::Kind> {
        match (self.shape(), split(self.plain())) {
            (Shape::List, _)
            | (Shape::Single, (None, Self::ACTIVE) | (Some("drafts" | "environments"), _)) => {
                Some(object::Kind::Commit)
            }
            (Shape::Single, (None, Self::META | "accepted"))
            | (Shape::Attribute, (Some("notes" | "checks" | "conflicts"), _)) => Some(object::Kind::Block),
            _ => None,
        }
    }

    /// Where this ref was in another store: `remotes/<remote>/<name>`. A ref of another store has no such
    /// name itself: `None`.
    pub fn at_remote(&self, remote: &Handle) -> Option<Self> {
        self.as_remote().is_none().then(|| Self(format!("{REMOTES}/{remote}/{self}").into()))
    }

    /// The remote and its ref, when this says where a ref of another store was.
    pub fn as_remote(&self) -> Option<(Handle, Self)> {
        let (remote, name) = self.at_which()?;
        Some((remote.parse().ok()?, Self(name.into())))
    }

    /// Whether this says where a ref of another store was.
    pub fn is_remote(&self) -> bool {
        self.at_which().is_some()
    }

    /// The remote and its ref, as text.
    fn at_which(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix(REMOTES)?.strip_prefix('/')?.split_once('/')
    }

    /// The ref's name in the store whose it is.
    pub fn plain(&self) -> &str {
        self.at_which().map_or(&self.0, |(_, name)| name)
    }

    /// The ref `accepted`: the findings accepted for good.
    pub fn accepted() -> Self {
        Self("accepted".into())
    }

    /// The ref `meta`.
    pub fn meta() -> Self {
        Self(Self::META.into())
    }

    /// The ref `drafts/<name>`.
    pub fn draft(name: &Handle) -> Self {
        Self(format!("drafts/{name}").into())
    }

    /// The ref `<namespace>/<commit>`: something said about one commit.
    pub fn about(namespace: &'static str, commit: &ObjectId) -> Self {
        Self(format!("{namespace}/{commit}").into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last segment, and that; one segment alone has no namespace.
    pub fn split(&self) -> (Option<&str>, &str) {
        split(&self.0)
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
        if [Self::VERSIONS, Self::UNPUSHED].contains(&self.plain()) {
            Shape::List
        } else if is_id(self.split().1) {
            Shape::Attribute
        } else {
            Shape::Single
        }
    }
}

fn split(name: &str) -> (Option<&str>, &str) {
    match name.rsplit_once('/') {
        Some((namespace, rest)) => (Some(namespace), rest),
        None => (None, name),
    }
}

/// Whether a text is an id. Names are asked for all the time, and what refuses a text copies it.
fn is_id(text: &str) -> bool {
    text.len() == 2 * ObjectId::LEN && text.parse::<ObjectId>().is_ok()
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(text: &str) -> Result<Self, RefNameError> {
        let refuse = || Err(RefNameError(text.to_owned()));
        if text == Self::ACTIVE {
            return Ok(Self::active());
        }
        if let Some(rest) = text.strip_prefix(REMOTES).and_then(|rest| rest.strip_prefix('/')) {
            let (remote, name) = rest.split_once('/').ok_or_else(|| RefNameError(text.to_owned()))?;
            let plain = name.parse::<Self>().ok().filter(|name| name.as_remote().is_none());
            let fits = remote.parse::<Handle>().is_ok() && plain.is_some();
            return if fits { Ok(Self(text.into())) } else { refuse() };
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
        if second_fits { Ok(Self(text.into())) } else { refuse() }
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
        check("unpushed", Shape::List);
        check("upstream", Shape::Single);
        check(&format!("checks/{commit}"), Shape::Attribute);
        check("remotes/origin/ACTIVE", Shape::Single);
        check("remotes/origin/versions", Shape::List);
        check("remotes/origin/drafts/versions", Shape::Single);
        check(&format!("remotes/origin/checks/{commit}"), Shape::Attribute);
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
            "remotes",
            "remotes/origin",
            "remotes/origin/",
            "remotes//ACTIVE",
            "remotes/origin/log",
            "remotes/a/remotes/b/ACTIVE",
            "remotes/Origin/ACTIVE",
            "remotes/origin/a/b/c",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ref_of_another_store_names_it_and_the_ref() {
        let origin: Handle = "origin".parse().expect("a handle");
        let draft = RefName::draft(&"tone".parse().expect("a handle"));
        let there = draft.at_remote(&origin).expect("a plain ref");
        assert_eq!(there.as_str(), "remotes/origin/drafts/tone");
        assert_eq!(there.as_str().parse(), Ok(there.clone()));
        assert_eq!(there.split(), (Some("remotes/origin/drafts"), "tone"));
        assert_eq!(there.as_remote(), Some((origin.clone(), draft)));
        assert_eq!((there.as_draft(), there.at_remote(&origin)), (None, None));
    }

    #[test]
    fn targets_round_trip() {
        for target in [Target::Id(ObjectId::from_bytes([1; 32])), Target::Ref(RefName::active())] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        assert!("ref: ../x".parse::<Target>().is_err());
    }
}
