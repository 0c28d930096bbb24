//! What would be lost with a damaged or missing object: the versions, drafts and other refs that need
//! it; or nothing, because nothing leads to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::backend::{BackendError, pages};
use crate::log::RefTable;
use crate::object::{Commit, Kind, ObjectId, Tree};
use crate::refs::{Handle, RefName, Target};

use super::fsck::{NAMESPACES, Seen};
use super::{FsckReport, Repo};

/// Most refs that are named for one object.
const NAMED_MAX: usize = 4;
/// How many agents are listed at once.
const PAGE: usize = 256;
/// What is said where something that cannot be read may need the object.
const UNKNOWN: &str = "not known to be needed, but not all that may need it can be read";

/// The objects looked for, and what needs each.
struct Needs {
    lost: BTreeSet<ObjectId>,
    by: BTreeMap<ObjectId, Vec<String>>,
    /// Of each tree met, which of the objects it needs.
    trees: HashMap<ObjectId, Vec<ObjectId>>,
    /// Whether a ref, or a commit or tree that one leads to, could not be read: it may need anything.
    incomplete: bool,
}

impl Repo {
    /// Says with each object's fault what is lost with it; `seen` is what the logs lead to.
    pub(super) fn say_what_is_lost(&self, report: &mut FsckReport, seen: &mut Seen) {
        let id_of =
            |subject: &str| subject.strip_prefix("object ").and_then(|id| id.parse::<ObjectId>().ok());
        let lost: BTreeSet<ObjectId> =
            report.faults.iter().filter_map(|fault| id_of(&fault.subject)).collect();
        if lost.is_empty() {
            return;
        }
        let mut needs = Needs { lost, by: BTreeMap::new(), trees: HashMap::new(), incomplete: false };
        if self.needs_of_all(&mut needs, seen).is_err() {
            needs.incomplete = true;
        }
        for fault in &mut report.faults {
            let Some(id) = id_of(&fault.subject) else { continue };
            let words = match needs.by.get(&id) {
                Some(by) => format!("needed by {}", listed(by)),
                None if needs.incomplete => UNKNOWN.to_owned(),
                None if seen.objects.contains_key(&id) => {
                    "needed by nothing but what the log remembers".to_owned()
                }
                None if seen.incomplete => UNKNOWN.to_owned(),
                None => "unreachable, nothing is lost with it".to_owned(),
            };
            fault.problem = format!("{}; {words}", fault.problem);
        }
    }

    fn needs_of_all(&self, needs: &mut Needs, seen: &mut Seen) -> Result<(), BackendError> {
        for page in pages(self.backend(), PAGE) {
            for agent in &page? {
                self.needs_of_agent(agent, needs, seen);
            }
        }
        Ok(())
    }

    /// What an agent's refs need, as its log has them: it knows every name, and a damaged ref is no gap.
    fn needs_of_agent(&self, agent: &Handle, needs: &mut Needs, seen: &mut Seen) {
        let head = self.backend.head(agent).ok().flatten();
        let table = head.and_then(|head| self.fsck_log(agent, head, seen, &mut FsckReport::default()));
        let table = table.unwrap_or_else(|| {
            needs.incomplete = true;
            self.stored_refs(agent)
        });
        let mut listed = HashSet::new();
        for (name, entries) in &table.lists {
            for (at, entry) in entries.iter().enumerate() {
                listed.insert(entry.id);
                let shown = || match name.as_str() {
                    RefName::VERSIONS => format!("V{} of agent '{agent}'", at + 1),
                    list => format!("entry {} of '{list}' of agent '{agent}'", at + 1),
                };
                self.needs_of_target(entry.id, shown, needs);
            }
        }
        for (name, state) in &table.refs {
            if let Some(id) = state.target.as_ref().and_then(Target::id)
                && !listed.contains(&id)
            {
                self.needs_of_target(id, || format!("'{name}' of agent '{agent}'"), needs);
            }
        }
    }

    /// The refs of an agent whose log cannot be read, as far as they can: those whose names are known.
    fn stored_refs(&self, agent: &Handle) -> RefTable {
        let mut table = RefTable::default();
        let versions = self.backend.list(agent, &RefName::versions(), 0, usize::MAX).unwrap_or_default();
        table.lists.insert(RefName::versions(), versions);
        for name in [RefName::active(), RefName::meta()] {
            let state = self.backend.read_ref(agent, &name).ok().flatten();
            table.refs.extend(state.map(|state| (name, state)));
        }
        for namespace in NAMESPACES {
            table.refs.extend(self.backend.refs(agent, namespace).unwrap_or_default());
        }
        table
    }

    /// What a ref's target needs of what is looked for; an object that cannot be read needs itself.
    fn needs_of_target(&self, id: ObjectId, name: impl Fn() -> String, needs: &mut Needs) {
        let mut needed = BTreeSet::from([id]);
        match self.backend.object(&id) {
            Ok(Some(object)) if object.kind == Kind::Commit => match Commit::from_payload(&object.payload) {
                Ok(commit) => {
                    needed.extend([commit.tree, commit.profile]);
                    needed.extend(self.needs_of_tree(commit.tree, needs));
                }
                Err(_) => needs.incomplete = true,
            },
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => needs.incomplete = true,
        }
        for id in needed {
            if needs.lost.contains(&id) {
                needs.by.entry(id).or_default().push(name());
            }
        }
    }

    fn needs_of_tree(&self, id: ObjectId, needs: &mut Needs) -> Vec<ObjectId> {
        if let Some(known) = needs.trees.get(&id) {
            return known.clone();
        }
        let tree = self.backend.object(&id).ok().flatten();
        let tree = tree.and_then(|tree| Tree::from_payload(&tree.payload).ok());
        needs.incomplete |= tree.is_none();
        let entries = tree.as_ref().map_or(&[][..], Tree::entries).iter().map(|entry| entry.id);
        let found: Vec<ObjectId> = entries.filter(|id| needs.lost.contains(id)).collect();
        needs.trees.insert(id, found.clone());
        found
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
