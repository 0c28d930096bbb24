//! Paths into a config, as people write them: `synthesizer.voiceConfig.voiceId`,
//! `tools[book_slot].timeout`, `a.b[3]`. Knows nothing of what the fields mean.

mod access;
mod error;
mod keys;
mod parse;

use std::fmt::{self, Write as _};
use std::str::FromStr;

pub use access::{get, remove, resolve, set, to_pointer};
pub use error::PathError;
pub use keys::ListKeys;

pub(super) use access::what;
pub(crate) use access::{key_of, walk_mut};
pub(crate) use keys::Node;
pub(super) use parse::as_index;

/// One step down into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A field of an object: `voice`, or `"odd name"` in quotes.
    Field(String),
    /// The entry of a list whose key field holds this text: `[book_slot]`, `["book slot"]`.
    Key(String),
    /// The entry of a list at this position, from 0: `[3]`. In a list with a key field, an entry
    /// whose key is the text `3` goes before the entry at position 3; that is decided when the
    /// path is followed.
    Index(usize),
}

/// The way from a document's root to one of its values.
///
/// Written as its steps, `.` before each field but the first; the root itself is `.` alone. Names
/// that could be read otherwise are quoted as JSON strings: `a."odd.name"`, `tools["3"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(Vec<Step>);

impl Path {
    /// The path of the root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the path of the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes one step further.
    pub fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    /// The path that follows this one and then the other.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self([self.steps(), rest.steps()].concat())
    }

    /// The path of one field below this one.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let mut path = self.clone();
        path.push(Step::Field(name.to_owned()));
        path
    }

    /// The path without its last step; none for the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, before)| Self(before.to_vec()))
    }

    /// The last step; none for the root.
    pub fn last(&self) -> Option<&Step> {
        self.0.last()
    }

    /// Whether the other path begins with all steps of this one (as every path does with itself).
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The JSON pointer (RFC 6901) of the value that this path leads to in that document; none
    /// when there is no such value.
    pub fn to_pointer(&self, root: &serde_json::Value, keys: &ListKeys) -> Option<String> {
        to_pointer(root, self, keys)
    }

    /// The first steps of this path.
    fn prefix(&self, count: usize) -> Self {
        Self(self.0[..count].to_vec())
    }
}

impl From<Vec<Step>> for Path {
    fn from(steps: Vec<Step>) -> Self {
        Self(steps)
    }
}

impl FromStr for Path {
    type Err = PathError;

    /// # Errors
    /// `Malformed` with the position of the first character that does not fit.
    fn from_str(text: &str) -> Result<Self, PathError> {
        let parts = parse::parts(text, parse::Items::Refused)?;
        Ok(Self(parts.into_iter().flatten().collect()))
    }
}

impl fmt::Display for Step {
    /// As the step stands first in a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) if parse::is_bare_field(name) => f.write_str(name),
            Self::Field(name) => write_quoted(f, name),
            Self::Key(key) if parse::is_bare_key(key) => write!(f, "[{key}]"),
            Self::Key(key) => {
                f.write_char('[')?;
                write_quoted(f, key)?;
                f.write_char(']')
            }
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_char('.');
        }
        for (at, step) in self.0.iter().enumerate() {
            if at > 0 && matches!(step, Step::Field(_)) {
                f.write_char('.')?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    fn key(key: &str) -> Step {
        Step::Key(key.to_owned())
    }

    #[test]
    fn reads_and_writes_the_usual_forms() {
        let check = |text: &str, steps: Vec<Step>| {
            assert_eq!(text.parse(), Ok(Path(steps.clone())), "{text}");
            assert_eq!(Path(steps).to_string(), text);
        };
        check(".", vec![]);
        check("a.b[3]", vec![field("a"), field("b"), Step::Index(3)]);
        check("tools[book_slot].timeout", vec![field("tools"), key("book_slot"), field("timeout")]);
        check("tools[\"book slot\"]", vec![field("tools"), key("book slot")]);
        check("tools[\"3\"]", vec![field("tools"), key("3")]);
        check("tools[007]", vec![field("tools"), key("007")]);
        check("[0][1].a", vec![Step::Index(0), Step::Index(1), field("a")]);
        check("a.\"odd.name\".b", vec![field("a"), field("odd.name"), field("b")]);
        check("\"\".\"\\\"]\\n\"", vec![field(""), field("\"]\n")]);
        check("a[\"\"]", vec![field("a"), key("")]);
    }

    #[test]
    fn a_name_that_needs_no_quotes_may_have_them() {
        assert_eq!("\"a\"[\"b\"]".parse::<Path>().map(|p| p.to_string()), Ok("a[b]".to_owned()));
        assert_eq!("tools[book slot]".parse::<Path>(), "tools[\"book slot\"]".parse());
    }

    #[test]
    fn a_malformed_path_is_refused_with_the_position() {
        let check = |text: &str, wanted: usize| match text.parse::<Path>() {
            Err(PathError::Malformed { path, position, .. }) => {
                assert_eq!((&*path, position), (text, wanted));
            }
            other => panic!("'{text}' gave {other:?}"),
        };
        check("", 1);
        check("a.", 3);
        check("a..b", 3);
        check(".a", 1);
        check("a[", 3);
        check("a[x", 4);
        check("a[]", 3);
        check("a[0]b", 5);
        check("a]", 2);
        check("ü]", 2);
        check("a.\"b", 3);
        check("a[\"b\"", 6);
        check("a[\"b\"x]", 6);
        check("a.\"\\ud800\"", 3);
        check("a b", 2);
        check("a[ b]", 3);
        check(&vec!["a"; 129].join("."), 256);
        assert!(vec!["a"; 128].join(".").parse::<Path>().is_ok());
    }

    #[test]
    fn prefixes_parents_and_joins() {
        let path: Path = "a.b[3]".parse().expect("a path");
        let parent = path.parent().expect("a parent");
        assert_eq!(parent.to_string(), "a.b");
        assert!(parent.is_prefix_of(&path) && path.is_prefix_of(&path) && !path.is_prefix_of(&parent));
        assert!(!"a.bc".parse::<Path>().expect("a path").is_prefix_of(&path));
        assert_eq!(parent.join(&Path(vec![Step::Index(3)])), path);
        assert_eq!(Path::root().parent(), None);
        assert_eq!(Path::root().field("a").field("b"), parent);
    }

    fn step() -> impl Strategy<Value = Step> {
        let text =
            || prop_oneof!["[a-z0-9_]{0,4}", "[\\[\\]\".\\\\ \n\u{0}-\u{ff}é中🦀]{0,5}", any::<String>()];
        prop_oneof![
            text().prop_map(Step::Field),
            text().prop_map(Step::Key),
            any::<usize>().prop_map(Step::Index)
        ]
    }

    proptest! {
        #[test]
        fn round_trips(steps in proptest::collection::vec(step(), 0..6)) {
            let path = Path(steps);
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-c.\\[\\]\"0-9\\\\ ]{0,12}") {
            if let Ok(path) = text.parse::<Path>() {
                prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
            }
        }
    }
}
