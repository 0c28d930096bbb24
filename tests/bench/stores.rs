//! Stores of recto to measure on.

use std::path::Path;
use std::sync::Arc;

use recto::agent::{Agents, Direct, NewAgent, PublishOptions, Published};
use recto::clock::SystemClock;
use recto::disk::{RealDisk, SharedDisk};
use recto::object::Author;
use recto::profile::Profile;
use recto::refs::Handle;
use recto::repo::{Repo, STORE_DIR};
use serde_json::Value;

/// The generic profile: any blocks, no schema.
pub(crate) fn generic() -> Arc<Profile> {
    let bytes = Profile::builtin("generic").expect("it is built in").bytes();
    Arc::new(Profile::from_stored(bytes).expect("it is built in"))
}

fn agents(repo: Repo) -> Agents {
    let actor = Author { name: "Ana".to_owned(), email: Some("ana@example.com".to_owned()) };
    Agents::new(Arc::new(repo), actor, "bench")
}

/// Makes a store in `dir` on that disk.
pub(crate) fn init_on(disk: SharedDisk, dir: &Path) -> Agents {
    agents(Repo::init(disk, dir, Arc::new(SystemClock)).expect("a new store"))
}

/// Makes a store in `dir`.
pub(crate) fn init(dir: &Path) -> Agents {
    init_on(Arc::new(RealDisk::new()), dir)
}

/// Opens the store in `dir`.
pub(crate) fn open(dir: &Path) -> Agents {
    let disk = Arc::new(RealDisk::new());
    agents(Repo::open(disk, &dir.join(STORE_DIR), Arc::new(SystemClock)).expect("a store"))
}

/// A handle.
pub(crate) fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

/// Makes an agent whose V1 serves.
pub(crate) fn create(agents: &Agents, name: &Handle, profile: &Arc<Profile>, config: Value) {
    let new = NewAgent {
        handle: Some(name.clone()),
        config: Some(config),
        activate: true,
        ..NewAgent::of(Arc::clone(profile))
    };
    agents.create(&new).expect("created");
}

/// Publishes a config as the next version.
pub(crate) fn publish(
    agents: &Agents,
    name: &Handle,
    profile: &Arc<Profile>,
    config: &Value,
    activate: bool,
) -> Published {
    let options = PublishOptions { label: "next".to_owned(), activate, ..PublishOptions::default() };
    let direct = Direct { profile: Arc::clone(profile), config, expected_latest: None, options };
    agents.publish_config(name, &direct).expect("published").expect("changed")
}
