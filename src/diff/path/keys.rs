//! Which lists are matched by key: a list's place in the document, and the field of its entries
//! that tells them apart.

use std::collections::BTreeMap;

use super::parse::{self, Items};
use super::{Path, PathError, Step};

/// The key fields of a document's lists (`singlePromptConfig.tools` by `name`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListKeys {
    root: Node,
}

/// A place in the document, as far as lists below it have keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    fields: BTreeMap<String, Node>,
    entries: Option<Box<Node>>,
    key: Option<String>,
}

impl ListKeys {
    /// No list has keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// States the key field of a list. The pattern is the list's path, with `[]` for the entries of
    /// lists on the way: `nodes[].items`. A second key for the same pattern replaces the first.
    ///
    /// # Errors
    /// `Malformed` when the pattern is no path or names single entries (`nodes[3].items`).
    pub fn insert(&mut self, pattern: &str, key: &str) -> Result<(), PathError> {
        let parts = parse::parts(pattern, Items::Accepted)?;
        if parts.iter().flatten().any(|step| !matches!(step, Step::Field(_))) {
            return Err(PathError::Malformed {
                path: pattern.to_owned(),
                position: pattern.chars().count(),
                reason: "a pattern has '[]' for list entries, not their keys or positions",
            });
        }
        let mut node = &mut self.root;
        for part in parts {
            node = match part {
                Some(Step::Field(name)) => node.fields.entry(name).or_default(),
                _ => node.entries.get_or_insert_default(),
            };
        }
        node.key = Some(key.to_owned());
        Ok(())
    }

    /// The key field of the list at that path, if it has one.
    pub fn key_for(&self, path: &Path) -> Option<&str> {
        path.steps().iter().try_fold(self.root(), Node::below)?.key()
    }

    /// The fields of the root at which, or below which, lists have keys.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.root.fields.keys().map(String::as_str)
    }

    /// The keys of the document that stands at that path.
    #[must_use]
    pub fn below(&self, path: &Path) -> Self {
        let node = path.steps().iter().try_fold(self.root(), Node::below);
        Self { root: node.cloned().unwrap_or_default() }
    }

    /// States the keys of the document that is a field of the root, in place of what was known.
    pub fn nest(&mut self, field: &str, keys: Self) {
        self.root.fields.insert(field.to_owned(), keys.root);
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }
}

impl Node {
    /// The key field, when this is a list with keys.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is known of the field below.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.fields.get(name)
    }

    /// What is known of every entry below.
    pub(crate) fn entries(&self) -> Option<&Self> {
        self.entries.as_deref()
    }

    /// What is known of the place one step below.
    pub(crate) fn below(&self, step: &Step) -> Option<&Self> {
        match step {
            Step::Field(name) => self.field(name),
            Step::Key(_) | Step::Index(_) => self.entries(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_of_a_list_by_its_place() {
        let mut keys = ListKeys::new();
        for (pattern, key) in [("a.tools", "name"), ("nodes", "id"), ("nodes[].items", "ref"), ("m[][]", "k")]
        {
            keys.insert(pattern, key).expect("a pattern");
        }
        let check = |path: &str, wanted: Option<&str>| {
            assert_eq!(keys.key_for(&path.parse().expect("a path")), wanted, "{path}");
        };
        check("a.tools", Some("name"));
        check("nodes", Some("id"));
        check("nodes[start].items", Some("ref"));
        check("nodes[3].items", Some("ref"));
        check("m[0][x]", Some("k"));
        check("m[0]", None);
        check("nodes.items", None);
        check("tools", None);
        check("a", None);
        check(".", None);
    }

    #[test]
    fn a_later_key_replaces_an_earlier_one() {
        let mut keys = ListKeys::new();
        keys.insert("tools", "id").expect("a pattern");
        keys.insert("tools", "name").expect("a pattern");
        assert_eq!(keys.key_for(&"tools".parse().expect("a path")), Some("name"));
    }

    #[test]
    fn a_part_of_a_document_has_its_part_of_the_keys() {
        let mut keys = ListKeys::new();
        for (pattern, key) in [("a.tools", "name"), ("a.tools[].fields", "id"), ("b", "k")] {
            keys.insert(pattern, key).expect("a pattern");
        }
        assert_eq!(keys.fields().collect::<Vec<_>>(), ["a", "b"]);
        let tools = keys.below(&"a.tools".parse().expect("a path"));
        assert_eq!(tools.key_for(&Path::root()), Some("name"));
        assert_eq!(keys.below(&"x.y".parse().expect("a path")), ListKeys::new());
        let mut nested = ListKeys::new();
        nested.nest("list", tools);
        assert_eq!(nested.key_for(&"list".parse().expect("a path")), Some("name"));
        assert_eq!(nested.key_for(&"list[x].fields".parse().expect("a path")), Some("id"));
        assert_eq!(nested.key_for(&"b".parse().expect("a path")), None);
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for bad in ["", "a[3].b", "a[x]", "a..b", "a["] {
            assert!(matches!(ListKeys::new().insert(bad, "k"), Err(PathError::Malformed { .. })), "{bad}");
        }
    }
}
