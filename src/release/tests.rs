//! Environments of one agent, on a store in a simulated directory.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::agent::{BOUND_SETTING, Direct, NewAgent, PublishOptions};
use crate::clock::{StepClock, Time};
use crate::disk::SimDisk;
use crate::history::Spec;
use crate::object::Author;
use crate::profile::Profile;
use crate::refs::RefName;
use crate::repo::{Repo, Settings};

use super::*;

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn support() -> Handle {
    handle("support")
}

fn store() -> Agents {
    let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
    let repo = Repo::init(Arc::new(SimDisk::new(1)), Path::new("/team"), clock).expect("a store");
    let agents = Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test");
    let config = Some(json!({"prompt": "Be kind.\n", "voice": {"speed": 1}}));
    let new = NewAgent { handle: Some(support()), config, activate: true, ..NewAgent::of(profile()) };
    agents.create(&new).expect("created");
    agents
}

fn profile() -> Arc<Profile> {
    let bytes = Profile::builtin("generic").expect("a profile").bytes();
    Arc::new(Profile::from_stored(bytes).expect("a profile"))
}

fn publish(agents: &Agents, speed: u64, check_pending: bool) -> ObjectId {
    let options = PublishOptions { check_pending, ..PublishOptions::default() };
    let config = json!({"prompt": "Be kind.\n", "voice": {"speed": speed}});
    let direct = Direct { profile: profile(), config: &config, expected_latest: None, options };
    agents.publish_config(&support(), &direct).expect("published").expect("changed").version
}

fn v1(agents: &Agents) -> ObjectId {
    agents.version_at(&support(), 1).expect("V1").id
}

fn set(agents: &Agents, pairs: &[(&str, &str)]) {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    agents.repo().write_settings(&Settings(pairs.collect())).expect("written");
}

/// `development:1 staging:2 production:-`.
fn shown(agents: &Agents) -> String {
    let states = Environments::of(agents).and_then(|environments| environments.state(&support()));
    let word = |state: &EnvironmentState| {
        let number = state.version.as_ref().map_or_else(|| "-".to_owned(), |v| v.number.to_string());
        format!("{}:{number}", state.name)
    };
    states.expect("read").iter().map(word).collect::<Vec<_>>().join(" ")
}

fn sound(agents: &Agents) {
    assert_eq!(agents.fsck(&mut |_| ()).expect("examined").faults, []);
}

fn last_note(agents: &Agents) -> String {
    let mut log = agents.log(&support(), crate::agent::LogQuery::default()).expect("a log");
    log.next().expect("an entry").expect("read").record.note
}

#[test]
fn a_version_goes_one_step_after_the_other() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let id = v1(&agents);
    for expected in ["development:1 staging:- production:-", "development:1 staging:1 production:-"] {
        environments.promote(&support(), &Promotion::of(Source::Version(id))).expect("promoted");
        assert_eq!(shown(&agents), expected);
    }
    let staged = Promotion::of(Source::Environment(handle("staging")));
    let moved = environments.promote(&support(), &staged).expect("promoted");
    assert_eq!((moved.environment.as_str(), moved.from), ("production", None));
    assert_eq!(environments.serving(&support(), &handle("production")).expect("read"), Some(id));
    let last = environments.promote(&support(), &Promotion::of(Source::Version(id)));
    assert!(matches!(last, Err(ReleaseError::LastStep { .. })), "{last:?}");
    let again = Promotion { to: Some(handle("staging")), ..Promotion::of(Source::Version(id)) };
    let again = environments.promote(&support(), &again).expect("nothing to do");
    assert_eq!(again.receipt.operation, None);
    sound(&agents);
}

#[test]
fn a_step_is_left_out_only_for_a_reason_that_the_log_keeps() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let id = v1(&agents);
    let far = Promotion { to: Some(handle("production")), ..Promotion::of(Source::Version(id)) };
    match environments.promote(&support(), &far) {
        Err(ReleaseError::SkippedStep(skipped)) => {
            assert_eq!((skipped.step.as_str(), skipped.next.as_str()), ("staging", "development"));
        }
        other => panic!("{other:?}"),
    }
    environments.promote(&support(), &Promotion::of(Source::Version(id))).expect("promoted");
    let error = environments.promote(&support(), &far).expect_err("still a step left out");
    assert!(matches!(&error, ReleaseError::SkippedStep(skipped) if skipped.next.as_str() == "staging"));
    let far = Promotion { skip_step: Some("an outage"), note: "now", ..far };
    environments.promote(&support(), &far).expect("promoted");
    assert_eq!(last_note(&agents), "now; skips 'staging': an outage");
    let near = Promotion { skip_step: Some("not needed"), ..Promotion::of(Source::Version(id)) };
    let near = Promotion { to: Some(handle("staging")), ..near };
    environments.promote(&support(), &near).expect("promoted");
    assert_eq!(last_note(&agents), "", "a reason that was not needed is not claimed");
}

#[test]
fn a_check_that_has_not_passed_keeps_a_version_out() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let id = publish(&agents, 2, true);
    let promotion = Promotion::of(Source::Version(id));
    let refused = environments.promote(&support(), &promotion).expect_err("pending");
    assert!(matches!(refused, ReleaseError::CheckStands { .. }), "{refused}");
    let set = environments.set(&support(), &handle("staging"), &id, &Placement::default());
    assert!(matches!(set, Err(ReleaseError::CheckStands { .. })), "{set:?}");
    let promotion = Promotion { override_check: Some("seen by hand"), ..promotion };
    environments.promote(&support(), &promotion).expect("promoted");
    assert_eq!(last_note(&agents), "check pending: seen by hand");
    assert_eq!(shown(&agents), "development:2 staging:- production:-");
}

#[test]
fn expectations_are_kept() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let (one, two) = (v1(&agents), publish(&agents, 2, false));
    let staging = handle("staging");
    let expecting = |expected| Placement { expected, ..Placement::default() };
    environments.set(&support(), &staging, &one, &expecting(Expected::Absent)).expect("set");
    for wrong in [Expected::Absent, Expected::Is(Target::Id(two))] {
        let moved = environments.set(&support(), &staging, &two, &expecting(wrong.clone()));
        assert!(matches!(moved, Err(ReleaseError::Moved { .. })), "{moved:?}");
        let cleared = environments.clear(&support(), &staging, &expecting(wrong.clone()));
        assert!(matches!(cleared, Err(ReleaseError::Moved { .. })), "{cleared:?}");
        let to = Some(staging.clone());
        let promotion = Promotion { to, expected: wrong, ..Promotion::of(Source::Version(two)) };
        let promoted = environments.promote(&support(), &promotion);
        assert!(matches!(promoted, Err(ReleaseError::Moved { .. })), "{promoted:?}");
    }
    let right = expecting(Expected::Is(Target::Id(one)));
    environments.set(&support(), &staging, &two, &right).expect("set");
    assert_eq!(shown(&agents), "development:- staging:2 production:-");
}

#[test]
fn two_who_expect_the_same_do_not_both_win() {
    let agents = Arc::new(store());
    let (one, two) = (v1(&agents), publish(&agents, 2, false));
    let won: usize = std::thread::scope(|scope| {
        let promote = |id: ObjectId| {
            let agents = Arc::clone(&agents);
            scope.spawn(move || {
                let environments = Environments::of(&agents).expect("an order");
                let first = Promotion::of(Source::Version(id));
                let first = Promotion { expected: Expected::Absent, ..first };
                usize::from(environments.promote(&support(), &first).is_ok())
            })
        };
        let both = [promote(one), promote(two)];
        both.into_iter().map(|one| one.join().expect("it ends")).sum()
    });
    assert_eq!(won, 1);
    assert_eq!(
        Environments::of(&agents)
            .expect("an order")
            .history(&support(), &handle("development"))
            .expect("read")
            .len(),
        1
    );
    sound(&agents);
}

#[test]
fn the_bound_environment_is_active() {
    let agents = store();
    let (one, two) = (v1(&agents), publish(&agents, 2, false));
    set(&agents, &[(ORDER_SETTING, "qa,live"), (BOUND_SETTING, "live")]);
    let environments = Environments::of(&agents).expect("an order");
    assert_eq!(shown(&agents), "qa:- live:1");
    environments.promote(&support(), &Promotion::of(Source::Version(two))).expect("promoted");
    let moved = environments.promote(&support(), &Promotion::of(Source::Version(two))).expect("promoted");
    assert_eq!((moved.environment.as_str(), moved.from), ("live", Some(one)));
    assert_eq!(agents.active(&support()).expect("read"), Some(two));
    assert_eq!(moved.receipt.changes.len(), 1, "ACTIVE alone is moved");
    sound(&agents);
    agents.roll_back(&support(), None, None).expect("rolled back");
    assert_eq!(shown(&agents), "qa:2 live:1");
    let had: Vec<_> = environments
        .history(&support(), &handle("live"))
        .expect("read")
        .into_iter()
        .map(|s| s.version)
        .collect();
    assert_eq!(had, [Some(one), Some(two), Some(one)]);
    environments.clear(&support(), &handle("live"), &Placement::default()).expect("cleared");
    assert_eq!(agents.active(&support()).expect("read"), None);
    sound(&agents);
}

#[test]
fn what_it_had_at_an_instant_is_found_and_undo_takes_a_move_back() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let (one, two) = (v1(&agents), publish(&agents, 2, false));
    let staging = handle("staging");
    let first = environments.set(&support(), &staging, &one, &Placement::default()).expect("set");
    let second = environments.set(&support(), &staging, &two, &Placement::default()).expect("set");
    let at = |time: Time| {
        let spec: Spec = format!("support@staging@{{{time}}}").parse().expect("a revision");
        agents.resolve(&spec).map(|(_, resolved)| resolved.commit())
    };
    assert_eq!(at(first.receipt.time).expect("there"), one);
    assert_eq!(at(second.receipt.time).expect("there"), two);
    let before = Time::from_ms(first.receipt.time.as_ms() - 1).expect("a time");
    assert!(matches!(at(before), Err(AgentError::NothingInThen { .. })));
    agents.undo(&support(), second.receipt.operation).expect("undone");
    assert_eq!(environments.serving(&support(), &staging).expect("read"), Some(one));
    agents.undo(&support(), None).expect("done again");
    assert_eq!(environments.serving(&support(), &staging).expect("read"), Some(two));
    sound(&agents);
}

#[test]
fn what_is_not_there_is_refused() {
    let agents = store();
    let environments = Environments::of(&agents).expect("an order");
    let (id, nowhere) = (v1(&agents), handle("moon"));
    let is_unknown = |result: Result<Moved, ReleaseError>| {
        assert!(matches!(result, Err(ReleaseError::NoSuchEnvironment { .. })), "{result:?}");
    };
    is_unknown(environments.set(&support(), &nowhere, &id, &Placement::default()));
    is_unknown(environments.clear(&support(), &nowhere, &Placement::default()));
    is_unknown(environments.promote(&support(), &Promotion::of(Source::Environment(nowhere.clone()))));
    let to = Promotion { to: Some(nowhere.clone()), ..Promotion::of(Source::Version(id)) };
    is_unknown(environments.promote(&support(), &to));
    assert!(environments.history(&support(), &nowhere).is_err());
    let empty = environments.promote(&support(), &Promotion::of(Source::Environment(handle("staging"))));
    assert!(matches!(empty, Err(ReleaseError::Empty { .. })), "{empty:?}");
    let draft = agents.new_draft(&support(), &handle("tone"), &crate::agent::DraftSource::Default);
    let draft = draft.expect("forked").0.commit;
    for id in [draft, ObjectId::from_bytes([7; 32])] {
        let no_version = environments.set(&support(), &handle("staging"), &id, &Placement::default());
        assert!(matches!(no_version, Err(ReleaseError::Agent(AgentError::NotAVersion { .. }))));
    }
    let withdrawn = publish(&agents, 3, false);
    agents.undo(&support(), None).expect("undone");
    let refused = environments.promote(&support(), &Promotion::of(Source::Version(withdrawn)));
    assert!(matches!(refused, Err(ReleaseError::Agent(AgentError::Withdrawn { .. }))), "{refused:?}");
    let nobody = environments.state(&handle("nobody"));
    assert!(matches!(nobody, Err(ReleaseError::Agent(AgentError::NoSuchAgent(_)))));
}

#[test]
fn an_environment_that_is_listed_no_more_can_be_cleared() {
    let agents = store();
    let id = v1(&agents);
    Environments::of(&agents)
        .and_then(|old| old.set(&support(), &handle("staging"), &id, &Placement::default()))
        .expect("set");
    set(&agents, &[(ORDER_SETTING, "dev,prod")]);
    assert_eq!(shown(&agents), "dev:- prod:- staging:1");
    let environments = Environments::of(&agents).expect("an order");
    let refused = environments.set(&support(), &handle("staging"), &id, &Placement::default());
    assert!(matches!(refused, Err(ReleaseError::NoSuchEnvironment { .. })), "{refused:?}");
    environments.clear(&support(), &handle("staging"), &Placement::default()).expect("cleared");
    assert_eq!(shown(&agents), "dev:- prod:-");
    let name: RefName = "environments/staging".parse().expect("a name");
    assert!(
        agents.repo().backend().read_ref(&support(), &name).expect("read").is_none_or(|s| s.target.is_none())
    );
}
