//! An agent's life made by way of the library, for commands that only look at it.

use std::sync::Arc;

use recto::agent::{Agents, DraftSource, Edit, NewAgent, PublishOptions, Published};
use recto::clock::{StepClock, Time};
use recto::disk::RealDisk;
use recto::object::Author;
use recto::profile::{Input, Profile};
use recto::refs::Handle;
use recto::repo::{Repo, STORE_DIR};
use recto::worktree::Worktree;
use serde_json::{Value, json};

use crate::harness::Place;

/// The agents of a place's store, changed by one person; each operation a minute after the last.
pub(crate) struct Life {
    pub(crate) agents: Agents,
}

/// A handle.
pub(crate) fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

/// A built-in profile.
pub(crate) fn profile(name: &str) -> Arc<Profile> {
    let bytes = Profile::builtin(name).expect("a profile").bytes();
    Arc::new(Profile::from_stored(bytes).expect("a profile"))
}

impl Life {
    /// The agents of a place; the first operation is at 2026-03-07T12:00:00Z.
    pub(crate) fn of(place: &Place) -> Self {
        Self::by(place, "Ben Ode", "2026-03-07T12:00:00Z")
    }

    /// The agents of a place, changed by another person, from another time on.
    pub(crate) fn by(place: &Place, name: &str, start: &str) -> Self {
        let start = Time::parse(start, None).expect("a time");
        let clock = Arc::new(StepClock::new(start, 60_000));
        let repo = Repo::open(Arc::new(RealDisk::new()), &place.path(STORE_DIR), clock);
        let actor = Author { name: name.to_owned(), email: None };
        Self { agents: Agents::new(Arc::new(repo.expect("a store")), actor, "test") }
    }

    /// Makes an agent of the generic profile whose V1 serves.
    pub(crate) fn support(&self) {
        let config = json!({"prompt": "Be kind.\nBe brief.\n", "voice": {"id": "nyah", "speed": 1}});
        self.create("support", "generic", config);
    }

    /// Makes an agent whose V1 serves.
    pub(crate) fn create(&self, agent: &str, of: &str, config: Value) {
        let new = NewAgent {
            handle: Some(handle(agent)),
            config: Some(config),
            activate: true,
            override_check: Some("a test".to_owned()),
            ..NewAgent::of(profile(of))
        };
        self.agents.create(&new).unwrap_or_else(|error| panic!("{agent}: {error}"));
    }

    /// Forks a draft from what serves.
    pub(crate) fn draft(&self, agent: &str, name: &str) {
        self.agents.new_draft(&handle(agent), &handle(name), &DraftSource::Default).expect("forked");
    }

    /// Sets fields of a draft, each a revision.
    pub(crate) fn set(&self, agent: &str, draft: &str, fields: &[(&str, Value)]) {
        for (path, value) in fields {
            let edit = Edit::Set(path.parse().expect("a path"), Input::Json(value.clone()));
            let edited = self.agents.edit(&handle(agent), &handle(draft), None, &[edit], "");
            edited.unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }

    /// Makes the files of a draft.
    pub(crate) fn check_out(&self, place: &Place, agent: &str, draft: &str) {
        let root = std::fs::canonicalize(place.path("")).expect("it is there");
        let worktree = Worktree::find(&self.agents, &root).expect("a working directory");
        worktree.checkout(&handle(agent), &handle(draft)).expect("checked out");
    }

    /// Publishes a draft.
    pub(crate) fn publish(&self, agent: &str, draft: &str, label: &str, activate: bool) -> Published {
        let options = PublishOptions {
            label: label.to_owned(),
            activate,
            override_check: activate.then(|| "a test".to_owned()),
            ..PublishOptions::default()
        };
        self.agents.publish(&handle(agent), &handle(draft), &options).expect("published")
    }
}
