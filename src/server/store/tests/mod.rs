//! A store behind a server is a backend like any other; what strangers send it is refused, and what is lost on
//! the way is found out.

mod hostile;
mod lost;

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::json;

use crate::agent::{Agents, DraftSource, Edit, NewAgent, PublishOptions};
use crate::backend::memory::MemoryBackend;
use crate::backend::script::{STORE, handle};
use crate::backend::{Backend, conformance};
use crate::clock::{StepClock, Time};
use crate::disk::SimDisk;
use crate::history::{LogLines, Order};
use crate::log::RecordId;
use crate::object::Author;
use crate::profile::Profile;
use crate::repo::Repo;
use crate::server::tests::Running;
use crate::server::{Options, Server};
use crate::sync::HttpBackend;

/// When everything happens: long before now, in milliseconds.
const START_MS: i64 = 1_772_892_000_000;

fn author(name: &str) -> Author {
    Author { name: name.to_owned(), email: None }
}

/// A store over a backend; its clock stands.
fn repo_on(backend: Arc<dyn Backend>) -> Arc<Repo> {
    let clock = StepClock::new(Time::from_ms(START_MS).expect("a time"), 0);
    Arc::new(Repo::on(backend, Arc::new(SimDisk::new(1)), "/x".into(), Arc::new(clock)))
}

fn in_memory() -> Arc<Repo> {
    repo_on(Arc::new(MemoryBackend::new(STORE)))
}

fn agents(repo: &Arc<Repo>, who: &str) -> Agents {
    Agents::new(Arc::clone(repo), author(who), "test")
}

/// The agents of the store at an address.
fn afar(url: &str, who: &str) -> Agents {
    agents(&repo_on(Arc::new(HttpBackend::open(url, None).expect("it is there"))), who)
}

fn create(agents: &Agents, agent: &str) {
    let id = Profile::builtin("generic").expect("built in").id();
    let profile = Arc::clone(Profile::builtin_by_id(id).expect("built in"));
    let config = json!({"prompt": "Be kind.\n", "voice": {"speed": 1}});
    let (handle, config) = (Some(handle(agent)), Some(config));
    agents.create(&NewAgent { handle, config, activate: true, ..NewAgent::of(profile) }).expect("made");
}

fn records(repo: &Repo, agent: &str) -> Vec<RecordId> {
    let lines = LogLines::new(repo.backend(), &handle(agent), Order::OldestFirst).expect("readable");
    lines.expect("there").map(|line| line.expect("readable").0).collect()
}

fn sound(repo: &Repo) {
    assert_eq!(repo.fsck(&mut |_| {}).expect("examined").faults, []);
}

#[test]
fn a_store_behind_a_server_is_a_backend_like_any_other() {
    let servers = RefCell::new(Vec::new());
    conformance::run(&|| {
        // The suite moves refs to whatever it likes, and brings documents of its own.
        let server = Server::bind("127.0.0.1:0", &in_memory(), Options::default()).expect("it listens");
        let server = Running::of(server.trusting());
        let backend = HttpBackend::open(&server.url(), None).expect("it is there").unchecked();
        servers.borrow_mut().push(server);
        Box::new(backend)
    });
}

#[test]
fn what_is_done_afar_is_what_is_done_here() {
    let (here, there) = (in_memory(), in_memory());
    let server = Running::new(&there, Options::default());
    let support = handle("support");
    for agents in [agents(&here, "Ana"), afar(&server.url(), "Ana")] {
        create(&agents, "support");
        agents.new_draft(&support, &handle("tone"), &DraftSource::Default).expect("forked");
        let edit = Edit::Patch(json!({"voice": {"speed": 2}}));
        agents.edit(&support, &handle("tone"), Some(1), &[edit], "").expect("edited");
        let options = PublishOptions { activate: true, ..PublishOptions::default() };
        agents.publish(&support, &handle("tone"), &options).expect("published");
    }
    let whole = |repo: &Repo| {
        let backend = repo.backend();
        let refs = backend.all_refs(&support).expect("read");
        let targets: Vec<_> =
            refs.into_iter().map(|(name, state)| (name, state.target, state.revision)).collect();
        let versions = backend.list(&support, &crate::refs::RefName::versions(), 0, 99).expect("read");
        let versions: Vec<_> = versions.iter().map(|entry| entry.id).collect();
        let document = backend.derived(&support, "ACTIVE.json").expect("read").expect("there");
        let document: serde_json::Value = serde_json::from_slice(&document).expect("JSON");
        (targets, versions, document["config"].clone(), document["version"].clone())
    };
    assert_eq!(whole(&here), whole(&there));
    sound(&there);
    sound(afar(&server.url(), "Ana").repo());
}

#[test]
fn many_who_write_one_agent_at_once_lose_nothing_that_was_acknowledged() {
    let store = in_memory();
    let server = Running::new(&store, Options::default());
    create(&agents(&store, "Ana"), "support");
    let support = handle("support");
    agents(&store, "Ana").new_draft(&support, &handle("shared"), &DraftSource::Default).expect("forked");
    let write = |agents: &Agents, who: usize| {
        let mut acknowledged = Vec::new();
        for number in 0..12 {
            let edit = Edit::Patch(json!({format!("by{who}"): {"n": number}}));
            let (_, receipt) = agents.edit(&support, &handle("shared"), None, &[edit], "").expect("edited");
            acknowledged.extend(receipt.operation);
        }
        acknowledged
    };
    let acknowledged: Vec<RecordId> = std::thread::scope(|scope| {
        let who = [afar(&server.url(), "Bo"), afar(&server.url(), "Cy"), agents(&store, "Ana")];
        let write = &write;
        let threads: Vec<_> =
            who.into_iter().enumerate().map(|(at, agents)| scope.spawn(move || write(&agents, at))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let log = records(&store, "support");
    assert_eq!(acknowledged.len(), 36);
    for id in &acknowledged {
        assert_eq!(log.iter().filter(|line| *line == id).count(), 1, "{id}");
    }
    assert_eq!(log.len(), 2 + 36);
    let draft = agents(&store, "Ana").draft(&support, &handle("shared")).expect("there");
    assert_eq!(draft.revision, 37);
    // Who edits what is not there any more is told.
    let edit = Edit::Patch(json!({"late": {"n": 1}}));
    let refused = afar(&server.url(), "Bo").edit(&support, &handle("shared"), Some(36), &[edit], "");
    assert!(refused.expect_err("it moved").to_string().contains("revision"));
    sound(&store);
}
