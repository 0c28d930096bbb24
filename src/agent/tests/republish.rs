//! Publishing an old version anew, and taking that back.

use super::*;

/// An agent of a profile with one draft, with V1 and V2, of which V2 serves, and a draft at work.
fn one_draft() -> (Store, Handle, Handle) {
    let store = store();
    let agent = handle("support");
    let new = NewAgent {
        handle: Some(agent.clone()),
        config: Some(json!({"name": "Support", "instructions": "one"})),
        activate: true,
        ..NewAgent::of(profile("thinnest"))
    };
    store.agents.create(&new).expect("created");
    let main = handle("main");
    if store.agents.draft(&agent, &main).is_err() {
        store.draft("main");
    }
    store.set(&main, "instructions", "two");
    store.publish(&main, "two", true);
    store.set(&main, "instructions", "at work");
    (store, agent, main)
}

fn instructions(store: &Store, id: &ObjectId) -> String {
    store.agents.config(id).expect("a config").value["instructions"].as_str().expect("a text").to_owned()
}

#[test]
fn one_record_keeps_the_draft_restores_publishes_and_activates() {
    let (store, agent, main) = one_draft();
    let before = store.agents.draft(&agent, &main).expect("a draft");
    let [one, two] = [1, 2].map(|number| store.agents.version_at(&agent, number).expect("a version").id);
    let records = || store.agents.log(&agent, LogQuery::default()).expect("a log").count();
    let count = records();
    let done = store.agents.republish(&agent, &one, &RepublishOptions::default()).expect("republished");
    assert_eq!(records(), count + 1);
    assert_eq!((done.number.position, done.state, done.from), (3, CheckState::Passed, Some(two)));
    let backup = done.backup.expect("a backup");
    assert_eq!(
        (instructions(&store, &backup), instructions(&store, &done.version)),
        ("at work".into(), "one".into())
    );
    let kept = store.agents.checkpoints(&agent).expect("read");
    assert_eq!((kept.len(), kept[0].id, kept[0].label.as_str()), (1, backup, "before rollback to V1"));
    let version = store.agents.version(&agent, &done.version).expect("a version");
    assert_eq!(
        (version.label.as_str(), version.parents, version.active),
        ("rollback to V1", vec![two], true)
    );
    let draft = store.agents.draft(&agent, &main).expect("a draft");
    assert_eq!(done.draft, Some((main.clone(), draft.commit)));
    assert_eq!((draft.base, draft.id, draft.revision), (Some(done.version), before.id, before.revision + 1));
    assert_eq!(instructions(&store, &draft.commit), "one");
    store.sound();

    store.agents.undo(&agent, done.receipt.operation).expect("undone");
    assert_eq!(store.active(), "V2");
    let draft = store.agents.draft(&agent, &main).expect("a draft");
    assert_eq!((draft.commit, draft.id), (before.commit, before.id));
    assert!(store.agents.version(&agent, &done.version).expect("a version").withdrawn);
    assert_eq!(store.agents.checkpoints(&agent).expect("read"), []);
    store.sound();
}

#[test]
fn a_later_rollback_does_not_go_into_what_was_left() {
    let store = store();
    let agent = store.support();
    store.version("2");
    store.version("3");
    let one = store.agents.version_at(&agent, 1).expect("V1").id;
    store.agents.republish(&agent, &one, &RepublishOptions::default()).expect("republished");
    assert_eq!(store.active(), "V4");
    let back = store.agents.roll_back(&agent, None, None);
    assert!(matches!(back, Err(AgentError::NothingBefore(_))), "V4 is V1 again: {back:?}");
    store.version("5");
    let back = store.agents.roll_back(&agent, None, None).expect("rolled back");
    assert_eq!(back.to.number.position, 4);
}

#[test]
fn where_there_are_many_drafts_only_the_named_one_is_touched() {
    let store = store();
    let agent = store.support();
    store.version("2");
    let tone = store.draft("tone");
    store.set(&tone, "voice.speed", "7");
    let before = store.agents.draft(&agent, &tone).expect("a draft");
    let one = store.agents.version_at(&agent, 1).expect("V1").id;
    let done = store.agents.republish(&agent, &one, &RepublishOptions::default()).expect("republished");
    assert_eq!((done.draft, done.backup), (None, None));
    assert_eq!(store.agents.draft(&agent, &tone).expect("a draft"), before);
    let named = |draft: &str| RepublishOptions { draft: Some(handle(draft)), ..RepublishOptions::default() };
    let absent = store.agents.republish(&agent, &one, &named("nothing"));
    assert!(matches!(absent, Err(AgentError::NoSuchRevision { .. })), "{absent:?}");
    let options = RepublishOptions { expected_revision: Some(9), ..named("tone") };
    let moved = store.agents.republish(&agent, &one, &options);
    assert!(matches!(moved, Err(AgentError::DraftMoved { .. })), "{moved:?}");
    let done = store.agents.republish(&agent, &one, &named("tone")).expect("republished");
    let config = store.agents.config(&done.backup.expect("a backup")).expect("a config");
    assert_eq!(config.value["voice"]["speed"], json!(7));
    assert_eq!(store.agents.draft(&agent, &tone).expect("a draft").base, Some(done.version));
    store.sound();
}

#[test]
fn what_must_not_serve_is_not_republished() {
    let (store, agent, _) = one_draft();
    let two = store.agents.version_at(&agent, 2).expect("V2").id;
    let one = store.agents.version_at(&agent, 1).expect("V1").id;
    let expecting = |id| RepublishOptions {
        expected_active: crate::refs::Expected::Is(crate::refs::Target::Id(id)),
        ..RepublishOptions::default()
    };
    let moved = store.agents.republish(&agent, &one, &expecting(one));
    assert!(matches!(moved, Err(AgentError::Moved { .. })), "{moved:?}");
    store.agents.republish(&agent, &one, &expecting(two)).expect("republished");
    let three = store.agents.version_at(&agent, 3).expect("V3").id;
    store.agents.undo(&agent, None).expect("undone");
    let withdrawn = store.agents.republish(&agent, &three, &RepublishOptions::default());
    assert!(matches!(withdrawn, Err(AgentError::Withdrawn { .. })), "{withdrawn:?}");
    let pending = RepublishOptions { check_pending: true, ..RepublishOptions::default() };
    let stands = store.agents.republish(&agent, &one, &pending);
    assert!(matches!(stands, Err(AgentError::CheckStands { .. })), "{stands:?}");
    let draft = RepublishOptions { draft: Some(handle("tone")), ..RepublishOptions::default() };
    let second = store.agents.republish(&agent, &one, &draft);
    assert!(matches!(second, Err(AgentError::OneDraft { .. })), "{second:?}");
    assert_eq!(store.active(), "V2");
    store.sound();
}
