//! One agent's life, on a store in a simulated directory.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::clock::{StepClock, Time};
use crate::disk::SimDisk;
use crate::history::{Range, Revision, Spec};
use crate::object::{Author, Kind, ObjectId};
use crate::profile::{Input, Profile};
use crate::refs::Handle;
use crate::repo::Repo;

use super::*;

mod expecting;
mod labels;
mod republish;

struct Store {
    agents: Agents,
    clock: Arc<StepClock>,
}

fn store() -> Store {
    let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
    let disk = Arc::new(SimDisk::new(1));
    let repo = Repo::init(disk, Path::new("/work"), clock.clone()).expect("a store");
    let actor = Author { name: "Ana".to_owned(), email: None };
    Store { agents: Agents::new(Arc::new(repo), actor, "test"), clock }
}

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn profile(name: &str) -> Arc<Profile> {
    let bytes = Profile::builtin(name).expect("a profile").bytes();
    Arc::new(Profile::from_stored(bytes).expect("a profile"))
}

impl Store {
    fn support(&self) -> Handle {
        let new = NewAgent {
            handle: Some(handle("support")),
            config: Some(json!({"prompt": "Be kind.\n", "voice": {"id": "nyah", "speed": 1}})),
            activate: true,
            ..NewAgent::of(profile("generic"))
        };
        self.agents.create(&new).expect("created").handle
    }

    fn draft(&self, name: &str) -> Handle {
        let (agent, name) = (handle("support"), handle(name));
        self.agents.new_draft(&agent, &name, &DraftSource::Default).expect("forked");
        name
    }

    fn set(&self, draft: &Handle, path: &str, text: &str) -> DraftInfo {
        let edit = Edit::Set(path.parse().expect("a path"), Input::Text(text.to_owned()));
        self.agents.edit(&handle("support"), draft, None, &[edit], "").expect("edited").0
    }

    fn publish(&self, draft: &Handle, label: &str, activate: bool) -> Published {
        let options = PublishOptions { label: label.to_owned(), activate, ..PublishOptions::default() };
        self.agents.publish(&handle("support"), draft, &options).expect("published")
    }

    /// Publishes and activates a version whose voice has that speed.
    fn version(&self, speed: &str) -> u64 {
        let draft = self.draft("next");
        self.set(&draft, "voice.speed", speed);
        self.publish(&draft, speed, true).number.position
    }

    fn active(&self) -> String {
        let spec: Spec = "support".parse().expect("a spec");
        self.agents.resolve(&spec).map_or_else(|error| error.to_string(), |(_, resolved)| resolved.name())
    }

    fn sound(&self) {
        let report = self.agents.fsck(&mut |_| ()).expect("examined");
        assert_eq!(report.faults, []);
    }
}

#[test]
fn a_life_from_creation_to_rollback() {
    let store = store();
    let agent = store.support();
    assert_eq!(store.active(), "V1");
    let tone = store.draft("tone");
    assert_eq!(store.set(&tone, "prompt", "Be very kind.\n").revision, 2);
    let published = store.publish(&tone, "warmer", false);
    assert_eq!((published.number.position, published.state), (2, CheckState::Passed));
    assert_eq!(store.active(), "V1");
    assert!(store.agents.draft(&agent, &tone).is_err(), "a published draft is gone");
    store.agents.activate(&agent, &published.version, None, None).expect("activated");
    assert_eq!(store.active(), "V2");
    let back = store.agents.roll_back(&agent, None, None).expect("rolled back");
    assert_eq!((back.to.number.position, store.active()), (1, "V1".to_owned()));
    store.sound();
}

#[test]
fn publishing_one_changed_block_adds_one_block_one_tree_one_commit() {
    let store = store();
    let agent = store.support();
    let count = || {
        let backend = store.agents.repo().backend();
        let ids = backend.find("", 10_000).expect("listed");
        let kinds = ids.iter().map(|id| backend.object(id).expect("read").expect("there").kind);
        let kinds: Vec<Kind> = kinds.collect();
        [Kind::Block, Kind::Tree, Kind::Commit].map(|kind| kinds.iter().filter(|k| **k == kind).count())
    };
    let before = count();
    let config = json!({"prompt": "Be kind.\n", "voice": {"id": "nyah", "speed": 2}});
    let options = PublishOptions::default();
    let direct = Direct { profile: profile("generic"), config: &config, expected_latest: None, options };
    store.agents.publish_config(&agent, &direct).expect("published").expect("changed");
    let after = count();
    assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [1, 1, 1]);
    let again = store.agents.publish_config(&agent, &direct).expect("no error");
    assert!(again.is_none(), "an unchanged config is no version");
}

#[test]
fn rollback_walks_back_and_never_into_what_it_left() {
    let store = store();
    let agent = store.support();
    for speed in ["2", "3", "4"] {
        store.version(speed);
    }
    let back = || store.agents.roll_back(&agent, None, None).map(|back| back.to.number.position);
    assert_eq!((back().ok(), back().ok()), (Some(3), Some(2)));
    assert_eq!(store.version("5"), 5);
    assert_eq!(back().ok(), Some(2), "not into V3 or V4, which were rolled back from");
    assert_eq!(back().ok(), Some(1));
    assert!(matches!(back(), Err(AgentError::NothingBefore(_))));
    store.sound();
}

#[test]
fn an_undone_activation_is_not_gone_back_to() {
    let store = store();
    let agent = store.support();
    store.version("2");
    store.version("3");
    store.agents.undo(&agent, None).expect("undone");
    assert_eq!(store.active(), "V2");
    let back = || store.agents.roll_back(&agent, None, None).map(|back| back.to.number.position);
    assert_eq!(back().ok(), Some(1), "neither to V2, which serves, nor to V3, which was undone");
    store.agents.undo(&agent, None).expect("undone");
    assert_eq!((store.active().as_str(), back().ok()), ("V2", Some(1)), "an undone rollback did not happen");
}

#[test]
fn a_rehearsal_is_refused_as_the_real_thing_and_writes_nothing() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    let before = store.agents.repo().backend().head(&agent).expect("read");
    let actor = store.agents.actor().clone();
    let disk = Arc::clone(store.agents.repo().disk());
    let repo = Repo::open(disk, store.agents.repo().root(), store.clock.clone()).expect("opened");
    let rehearsal = Agents::new(Arc::new(repo), actor, "test").rehearsing();
    let refused = rehearsal.publish(&agent, &tone, &PublishOptions::default());
    assert!(matches!(refused, Err(AgentError::NothingToPublish { .. })));
    let options = PublishOptions { allow_unchanged: true, activate: true, ..PublishOptions::default() };
    let rehearsed = rehearsal.publish(&agent, &tone, &options).expect("it would be published");
    let moved: Vec<&str> = rehearsed.receipt.changes.iter().map(|change| change.name.split().1).collect();
    assert_eq!((rehearsed.number.position, rehearsed.receipt.operation), (2, None));
    assert!(moved.contains(&"ACTIVE") && moved.contains(&"versions"), "{moved:?}");
    assert_eq!(store.agents.repo().backend().head(&agent).expect("read"), before);
}

#[test]
fn edits_based_on_an_old_revision_are_conflicts() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    store.set(&tone, "voice.id", "emily");
    let edit = Edit::Set("voice.id".parse().expect("a path"), Input::Text("liam".to_owned()));
    let stale = store.agents.edit(&agent, &tone, Some(1), &[edit], "");
    assert!(matches!(stale, Err(AgentError::DraftMoved { expected: 1, actual: 2, .. })));
    let gone = store.agents.discard_draft(&agent, &tone, Some(1));
    assert!(matches!(gone, Err(AgentError::DraftMoved { .. })));
}

#[test]
fn a_stale_draft_may_not_undo_what_others_published() {
    let store = store();
    let agent = store.support();
    let mine = store.draft("mine");
    store.version("3");
    store.set(&mine, "prompt", "Mine.\n");
    let refused = store.agents.publish(&agent, &mine, &PublishOptions::default());
    let Err(AgentError::WouldUndo { changes, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(
        changes,
        [Undone { version: Number::of(2), author: "Ana".to_owned(), path: "voice.speed".to_owned() }]
    );
    store.set(&mine, "voice.speed", "3");
    assert_eq!(store.publish(&mine, "", false).number.position, 3, "it has the change now");
}

#[test]
fn unchanged_and_empty_drafts_are_refused() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    let refused = store.agents.publish(&agent, &tone, &PublishOptions::default());
    assert!(matches!(refused, Err(AgentError::NothingToPublish { .. })));
    let options = PublishOptions { allow_unchanged: true, ..PublishOptions::default() };
    assert_eq!(store.agents.publish(&agent, &tone, &options).expect("published").number.position, 2);
}

#[test]
fn a_failed_check_keeps_a_version_from_serving_until_overridden() {
    let store = store();
    let agent = store.support();
    let leak = store.draft("leak");
    store.set(&leak, "prompt", "The key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH.\n");
    let options = PublishOptions { activate: true, ..PublishOptions::default() };
    let refused = store.agents.publish(&agent, &leak, &options);
    assert!(matches!(refused, Err(AgentError::CheckStands { state: CheckState::Failed, .. })));
    assert!(store.agents.draft(&agent, &leak).is_ok(), "the draft stays");
    let published = store.publish(&leak, "", false);
    assert_eq!(published.state, CheckState::Failed);
    let refused = store.agents.activate(&agent, &published.version, None, None);
    assert!(matches!(refused, Err(AgentError::CheckStands { .. })));
    store.agents.activate(&agent, &published.version, Some("a test key"), None).expect("overridden");
    let last = store.agents.log(&agent, LogQuery::default()).expect("a log").next().expect("an entry");
    assert_eq!(last.expect("read").record.note, "a test key");
    store.sound();
}

#[test]
fn accepted_findings_no_longer_count_and_other_values_do() {
    let store = store();
    let agent = store.support();
    let leak = store.draft("leak");
    let key = |tail: &str| format!("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789{tail}");
    let draft = store.set(&leak, "prompt", &key("ABCDEFGH"));
    let config = store.agents.config(&draft.commit).expect("a config");
    let report = store.agents.check(Some(&agent), &config).expect("checked");
    let path = report.report.findings.first().expect("a finding").path.clone();
    store.agents.accept_finding(&agent, &config, &path, "a sandbox").expect("accepted");
    assert_eq!(store.agents.check(Some(&agent), &config).expect("checked").state(), CheckState::Passed);
    let draft = store.set(&leak, "prompt", &key("HGFEDCBA"));
    let config = store.agents.config(&draft.commit).expect("a config");
    assert_eq!(store.agents.check(Some(&agent), &config).expect("checked").state(), CheckState::Failed);
}

#[test]
fn undo_moves_everything_back_and_undo_of_undo_does_it_again() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    store.set(&tone, "voice.id", "emily");
    store.publish(&tone, "v2", true);
    store.agents.undo(&agent, None).expect("undone");
    assert_eq!(store.active(), "V1");
    assert!(store.agents.draft(&agent, &tone).is_ok(), "the draft is back");
    assert!(store.agents.version_at(&agent, 2).expect("V2 stays").withdrawn);
    store.sound();
    store.agents.undo(&agent, None).expect("undone again");
    assert_eq!(store.active(), "V2");
    assert!(!store.agents.version_at(&agent, 2).expect("V2").withdrawn);
    store.sound();
}

#[test]
fn what_served_at_an_instant_is_known() {
    let store = store();
    store.support();
    let before = store.clock_now();
    store.version("2");
    store.agents.unpublish(&handle("support"), "maintenance").expect("unpublished");
    let at = |time: Time| {
        let spec = Spec { agent: handle("support"), revision: Revision::At(time), explicit: true };
        store.agents.resolve(&spec).map(|(_, resolved)| resolved.name()).ok()
    };
    assert_eq!(at(before), Some("V1".to_owned()));
    assert_eq!(at(store.clock_now()), None);
    let stretches = store.agents.timeline(&handle("support")).expect("a timeline");
    assert_eq!(stretches.len(), 3);
    assert_eq!(stretches[2].version, None);
    store.sound();
}

impl Store {
    fn clock_now(&self) -> Time {
        use crate::clock::Clock;
        self.clock.now()
    }
}

#[test]
fn renames_forward_and_come_back_by_undo() {
    let store = store();
    let agent = store.support();
    store.agents.rename(&agent, &handle("helpdesk")).expect("renamed");
    assert_eq!(store.agents.locate(&agent).expect("forwarded"), handle("helpdesk"));
    store.sound();
    let taken = NewAgent { handle: Some(agent.clone()), ..NewAgent::of(profile("generic")) };
    assert!(matches!(store.agents.create(&taken), Err(AgentError::HandleForwards(..))));
    store.agents.undo(&handle("helpdesk"), None).expect("undone");
    assert_eq!(store.agents.locate(&handle("helpdesk")).expect("forwarded"), agent);
    store.sound();
}

#[test]
fn a_clock_far_behind_is_an_error_and_a_little_behind_is_not() {
    let store = store();
    let agent = store.support();
    let now = store.clock_now().as_ms();
    store.clock.set(Time::from_ms(now - 3000).expect("a time"));
    store.draft("tone");
    store.clock.set(Time::from_ms(now - 3_600_000).expect("a time"));
    let refused = store.agents.unpublish(&agent, "");
    assert!(matches!(refused, Err(AgentError::Repo(crate::repo::RepoError::ClockBehind { .. }))));
}

#[test]
fn one_draft_profiles_keep_their_draft() {
    let store = store();
    let new = NewAgent { handle: Some(handle("desk")), ..NewAgent::of(profile("callem")) };
    let agent = store.agents.create(&new).expect("created").handle;
    assert_eq!(store.agents.drafts(&agent).expect("drafts").len(), 1);
    let other = store.agents.new_draft(&agent, &handle("other"), &DraftSource::Default);
    assert!(matches!(other, Err(AgentError::OneDraft { .. })));
    let gone = store.agents.discard_draft(&agent, &handle("main"), None);
    assert!(matches!(gone, Err(AgentError::OneDraft { .. })));
    store.sound();
}

#[test]
fn the_log_finds_what_changed_a_field() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    store.set(&tone, "voice.id", "emily");
    store.set(&tone, "prompt", "Hello.\n");
    store.publish(&tone, "", true);
    let kinds = |path: &str| -> Vec<String> {
        let query = LogQuery { paths: vec![path.parse().expect("a path")], ..LogQuery::default() };
        let entries = store.agents.log(&agent, query).expect("a log");
        entries.map(|entry| entry.expect("read").record.kind).collect()
    };
    assert_eq!(kinds("voice.id"), ["publish", "draft-edit", "create"]);
    assert_eq!(kinds("voice.speed"), ["create"]);
    assert_eq!(kinds("voice"), ["publish", "draft-edit", "create"]);
}

#[test]
fn labels_may_change_and_active_json_follows() {
    let store = store();
    let agent = store.support();
    let id = store.agents.active(&agent).expect("read").expect("active");
    store.agents.edit_version(&agent, &id, Some("first light"), None).expect("relabelled");
    let document = store.agents.repo().backend().derived(&agent, ACTIVE_JSON).expect("read").expect("there");
    assert!(String::from_utf8_lossy(&document).contains("first light"));
    store.sound();
    let range: Range = "support@V1..latest".parse().expect("a pair");
    assert_eq!(store.agents.resolve(&range.to).expect("resolved").1.commit(), id);
}

#[test]
fn the_log_follows_a_draft_through_its_names_and_no_other_draft_of_them() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    store.set(&tone, "voice.id", "emily");
    store.publish(&tone, "", false);
    store.draft("tone");
    store.agents.rename_draft(&agent, &tone, &handle("voice")).expect("renamed");
    store.set(&handle("voice"), "voice.id", "raj");
    store.draft("other");
    let kinds = |name: &str, oldest_first| {
        let subject = Some(Subject::Draft(handle(name)));
        let query = LogQuery { subject, oldest_first, ..LogQuery::default() };
        let entries = store.agents.log(&agent, query).expect("a log");
        entries.map(|entry| entry.expect("an entry").record.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds("voice", false), ["draft-edit", "draft-rename", "draft-new"]);
    assert_eq!(kinds("voice", true), ["draft-new", "draft-rename", "draft-edit"]);
    // No draft is called so now: everything that ever was.
    assert_eq!(kinds("tone", true), ["draft-new", "draft-edit", "publish", "draft-new", "draft-rename"]);
}

#[test]
fn the_log_finds_what_concerns_a_version() {
    let store = store();
    let agent = store.support();
    let number = store.version("2");
    store.agents.roll_back(&agent, None, None).expect("rolled back");
    store.draft("other");
    let id = store.agents.version_at(&agent, number).expect("a version").id;
    store.agents.pin(&agent, &id, true).expect("pinned");
    let query = LogQuery { subject: Some(Subject::Commit(id)), ..LogQuery::default() };
    let entries = store.agents.log(&agent, query).expect("a log");
    let kinds: Vec<String> = entries.map(|entry| entry.expect("an entry").record.kind).collect();
    assert_eq!(kinds, ["pin", "rollback", "publish"]);
    let query = LogQuery { subject: Some(Subject::Versions), ..LogQuery::default() };
    let entries = store.agents.log(&agent, query).expect("a log");
    let kinds: Vec<String> = entries.map(|entry| entry.expect("an entry").record.kind).collect();
    assert_eq!(kinds, ["publish", "create"]);
}

#[test]
fn the_diff_of_two_commits_is_that_of_their_whole_configs() {
    let store = store();
    let agent = store.support();
    let first = store.agents.resolve_revision(&agent, &Revision::Latest).expect("V1").commit();
    let options = PublishOptions::default();
    let mut versions = vec![first];
    for config in [
        json!({"prompt": "Be kind.\n", "voice": {"id": "nyah", "speed": 2}}),
        json!({"prompt": "Be brief.\nBe kind.\n", "voice": {"id": "nyah"}, "llm": {"model": "m"}}),
        json!({"prompt": "Be brief.\nBe kind.\n", "voice": {}, "llm": {"model": "n"}}),
        json!({"prompt": "Be brief.\nBe kind.\n", "llm": [1, 2]}),
    ] {
        let (profile, options) = (profile("generic"), options.clone());
        let direct = Direct { profile, config: &config, expected_latest: None, options };
        versions.push(store.agents.publish_config(&agent, &direct).expect("published").expect("new").version);
    }
    for old in &versions {
        for new in &versions {
            let [before, after] = [old, new].map(|id| store.agents.config(id).expect("a config"));
            let whole = store.agents.diff(&before, &after);
            let quick = store.agents.diff_commits(old, new).expect("two commits");
            assert_eq!(format!("{quick:?}"), format!("{whole:?}"));
            assert_eq!(whole.changes.is_empty(), old == new);
        }
    }
}

#[test]
fn a_config_whose_publishing_was_undone_can_be_published_again() {
    let store = store();
    let agent = store.support();
    let config = json!({"prompt": "Be kind.\n", "voice": {"id": "nyah", "speed": 9}});
    let options = PublishOptions::default();
    let direct = Direct { profile: profile("generic"), config: &config, expected_latest: None, options };
    store.agents.publish_config(&agent, &direct).expect("published").expect("changed");
    store.agents.undo(&agent, None).expect("undone");
    let again =
        store.agents.publish_config(&agent, &direct).expect("published").expect("not barred for ever");
    let version = store.agents.version_at(&agent, again.number.position).expect("V3");
    let first = store.agents.version_at(&agent, 1).expect("V1");
    assert_eq!((again.number.position, version.parents), (3, vec![first.id]));
    store.sound();
}

#[test]
fn a_damaged_active_json_is_made_anew() {
    let store = store();
    let agent = store.support();
    let repo = store.agents.repo();
    let path = repo.agent_dir(&agent).expect("a directory").join(ACTIVE_JSON);
    repo.disk().write_atomic(&path, b"{}").expect("written");
    let report = store.agents.fsck(&mut |_| ()).expect("examined");
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(store.agents.repair_derived(&agent).expect("repaired"));
    store.sound();
    assert!(!store.agents.repair_derived(&agent).expect("sound"));
}

#[test]
fn restoring_into_a_draft_that_is_gone_is_no_new_draft() {
    let store = store();
    let agent = store.support();
    let id = store.agents.active(&agent).expect("read").expect("active");
    let refused = store.agents.restore(&agent, &id, &handle("tone"), Some(4));
    assert!(matches!(refused, Err(AgentError::NoSuchRevision { .. })));
}
