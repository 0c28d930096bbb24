//! Objects and agents put into a store by way of the library, for commands that only look at them.

use std::sync::Arc;

use recto::clock::{StepClock, Time};
use recto::disk::RealDisk;
use recto::object::{Author, Commit, Content, Entry, Object, ObjectId, Tree};
use recto::refs::{Handle, RefName, Target};
use recto::repo::{Intent, Repo, RepoError, STORE_DIR};
use serde_json::{Map, json};

use crate::harness::Place;

/// A commit with all that it names.
pub(crate) struct Stored {
    pub(crate) prompt: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) commit: ObjectId,
    objects: Vec<Object>,
}

fn time() -> Time {
    Time::parse("2026-03-07T12:00:00Z", None).expect("a time")
}

fn author() -> Author {
    Author { name: "Asha Rao".to_owned(), email: Some("asha@example.com".to_owned()) }
}

fn open(place: &Place) -> Repo {
    let clock = Arc::new(StepClock::new(time(), 1000));
    Repo::open(Arc::new(RealDisk::new()), &place.path(STORE_DIR), clock).expect("a store")
}

fn make() -> Stored {
    let prompt = Content::Text("Be brief.\u{1b}[2J\n".to_owned());
    let tools = Content::Json(json!([{"name": "book_slot"}]));
    let profile = Content::Json(json!({"name": "none"}));
    let mut objects: Vec<Object> =
        [&prompt, &tools, &profile].iter().map(|content| content.to_object().expect("small")).collect();
    let [prompt_id, tools_id, profile_id] = [0, 1, 2].map(|at: usize| objects[at].id());
    let entry = |name: &str, content: &Content, id| Entry {
        name: name.parse().expect("a name"),
        kind: content.kind(),
        id,
    };
    let entries = vec![entry("prompt", &prompt, prompt_id), entry("tools", &tools, tools_id)];
    let tree = Tree::new(entries).expect("two names").to_object();
    let commit = Commit {
        profile: profile_id,
        tree: tree.id(),
        parents: Vec::new(),
        author: author(),
        time: time(),
        message: "First\n\nWhat it says.".to_owned(),
        ext: Map::new(),
    };
    let commit = commit.to_object().expect("small");
    let (tree_id, commit_id) = (tree.id(), commit.id());
    objects.extend([tree, commit]);
    Stored { prompt: prompt_id, tree: tree_id, commit: commit_id, objects }
}

/// Puts a commit and what it names into the store; nothing points to it.
pub(crate) fn commit(place: &Place) -> Stored {
    let stored = make();
    open(place).backend().stage(&stored.objects).expect("written");
    stored
}

/// Makes an agent whose ACTIVE is such a commit.
pub(crate) fn agent(place: &Place, handle: &str) -> Stored {
    let stored = make();
    let handle: Handle = handle.parse().expect("a handle");
    let intent =
        Intent { kind: "create", actor: &author(), via: "test", note: "", rehearsal: false, expects: &[] };
    open(place)
        .operate::<_, RepoError>(
            &handle,
            &intent,
            |operation| {
                for object in &stored.objects {
                    operation.put(object.clone());
                }
                operation.write(RefName::active(), Some(Target::Id(stored.commit)), Vec::new())
            },
            |_, _| Ok(Vec::new()),
        )
        .expect("made");
    stored
}
