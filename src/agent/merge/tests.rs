//! Two drafts edited at random and merged either way, and conflicts decided at random: what is clean is
//! the same from both sides, and nothing is lost.

use std::path::Path as FilePath;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::clock::{StepClock, Time};
use crate::diff::path::{ListKeys, Path, get};
use crate::disk::SimDisk;
use crate::merge::Choice;
use crate::object::Author;
use crate::profile::Profile;
use crate::repo::Repo;

use super::super::{DraftSource, Edit, NewAgent, PublishOptions};
use super::*;

/// The fields that are edited: of objects in three blocks, and whole entries.
const FIELDS: [&str; 8] =
    ["voice.id", "voice.speed", "voice.deep.a", "voice.deep.b", "llm.model", "llm.seed", "title", "extra"];
const LINES: usize = 8;

fn profile() -> Arc<Profile> {
    let bytes = Profile::builtin("generic").expect("a profile").bytes();
    Arc::new(Profile::from_stored(bytes).expect("a profile"))
}

fn base() -> Value {
    let prompt: String = (0..LINES).map(|at| format!("line {at}\n\n")).collect();
    let voice = json!({"id": "nyah", "speed": 1, "deep": {"a": 1, "b": 2}});
    json!({"prompt": prompt, "voice": voice, "llm": {"model": "m", "seed": 7}, "title": {"t": 1}})
}

fn agents() -> (Agents, Handle) {
    let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
    let repo = Repo::init(Arc::new(SimDisk::new(1)), FilePath::new("/work"), clock).expect("a store");
    let actor = Author { name: "Ana".to_owned(), email: None };
    let agents = Agents::new(Arc::new(repo), actor, "test");
    let new = NewAgent {
        handle: Some("support".parse().expect("a handle")),
        config: Some(base()),
        ..NewAgent::of(profile())
    };
    let agent = agents.create(&new).expect("created").handle;
    (agents, agent)
}

/// An edit: a field by its number, or a line of the prompt, and what it becomes.
fn edits() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..FIELDS.len() + LINES, 0..4u8), 0..6)
}

fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

/// The config after edits; zero removes a field.
fn edited(config: &Value, edits: &[(usize, u8)]) -> Value {
    let mut value = config.clone();
    for (at, to) in edits {
        if let Some(field) = FIELDS.get(*at) {
            let path = path(field);
            let result = match to {
                0 => crate::diff::path::remove(&mut value, &path, &ListKeys::new()).map(drop),
                _ => crate::diff::path::set(&mut value, &path, &ListKeys::new(), json!({"n": to})).map(drop),
            };
            result.expect("the objects on the way are there");
        } else {
            let prompt = value["prompt"].as_str().expect("a text").to_owned();
            let mut lines: Vec<String> = prompt.split_inclusive('\n').map(str::to_owned).collect();
            lines[(at - FIELDS.len()) * 2] = format!("changed {to}\n");
            value["prompt"] = json!(lines.concat());
        }
    }
    value
}

fn draft(agents: &Agents, agent: &Handle, name: &str, config: &Value) -> Handle {
    let name: Handle = name.parse().expect("a handle");
    agents.new_draft(agent, &name, &DraftSource::Default).expect("forked");
    agents.edit(agent, &name, None, &[Edit::Replace(config.clone())], "").expect("edited");
    name
}

fn value(agents: &Agents, agent: &Handle, draft: &Handle) -> Value {
    agents.config(&agents.draft(agent, draft).expect("a draft").commit).expect("a config").value
}

fn merge(agents: &Agents, agent: &Handle, ours: &Handle, theirs: &Handle) -> MergeOutcome {
    let theirs = Resolved::Draft(agents.draft(agent, theirs).expect("a draft"));
    agents.merge(agent, ours, &theirs, &MergeOptions::default()).expect("merged")
}

/// The places in question, and those that the sides changed: lines of the prompt by their number.
fn at(value: &Value, place: usize) -> Option<Value> {
    match FIELDS.get(place) {
        Some(field) => get(value, &path(field), &ListKeys::new()).cloned(),
        None => value["prompt"].as_str()?.lines().nth((place - FIELDS.len()) * 2).map(Value::from),
    }
}

fn sound(agents: &Agents) {
    assert_eq!(agents.fsck(&mut |_| ()).expect("examined").faults, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn either_way_gives_the_same_and_nothing_is_lost(one in edits(), other in edits(), sides in any::<[bool; 3]>()) {
        let (agents, agent) = agents();
        let (base, one, other) = (base(), edited(&base(), &one), edited(&base(), &other));
        let [a, b] = [("a", &one), ("b", &other)].map(|(name, value)| draft(&agents, &agent, name, value));
        let copy = draft(&agents, &agent, "copy", &one);
        let ours = merge(&agents, &agent, &a, &b);
        let theirs = merge(&agents, &agent, &b, &copy);
        let places = 0..FIELDS.len() + LINES;
        let differ = |place: usize| {
            let [was, is, will] = [&base, &one, &other].map(|value| at(value, place));
            was != is && was != will && is != will
        };
        prop_assert_eq!(ours.conflicts.is_some(), places.clone().any(differ));
        prop_assert_eq!(theirs.conflicts.is_some(), ours.conflicts.is_some());
        if ours.conflicts.is_none() {
            prop_assert_eq!(value(&agents, &agent, &a), value(&agents, &agent, &b));
        } else {
            let refused = agents.publish(&agent, &a, &PublishOptions::default());
            let is_refused = matches!(refused, Err(AgentError::Conflicted { .. }));
            prop_assert!(is_refused, "{:?}", refused);
            // Decided in two steps, every place has what the side decided for has.
            let [first, by_theirs, _] = sides;
            let choice = if by_theirs { Choice::Theirs } else { Choice::Ours };
            let waiting = agents.conflicts(&agent, &agents.draft(&agent, &a).expect("a draft").commit);
            let waiting = waiting.expect("read").expect("some wait");
            let name = conflict_name(&profile(), &waiting.conflicts[0]);
            let decide = |path: Option<Path>| {
                let decisions = [Decision { path, pick: Pick::Side(choice.clone()) }];
                agents.decide(&agent, &a, &decisions, &MergeOptions::default()).expect("decided")
            };
            let left = if first { decide(Some(path(&name))).left } else { Some(waiting) };
            if left.is_some() {
                prop_assert!(decide(None).left.is_none());
            }
            let decided = value(&agents, &agent, &a);
            for place in places.clone().filter(|place| differ(*place)) {
                let side = if by_theirs { &other } else { &one };
                prop_assert_eq!(at(&decided, place), at(side, place), "{}", place);
            }
        }
        let merged = value(&agents, &agent, &a);
        for place in places.filter(|place| !differ(*place)) {
            let [was, is, will] = [&base, &one, &other].map(|value| at(value, place));
            let wanted = if was == is { will } else { is };
            prop_assert_eq!(at(&merged, place), wanted, "{}", place);
        }
        prop_assert!(agents.draft(&agent, &a).expect("a draft").conflicts == 0);
        sound(&agents);
    }
}

#[test]
fn conflicts_that_are_no_conflicts_are_a_fault() {
    let (agents, agent) = agents();
    let name = draft(&agents, &agent, "tone", &edited(&base(), &[(0, 1)]));
    let commit = agents.draft(&agent, &name).expect("a draft").commit;
    let intent = agents.intent("test", "");
    let done = agents.repo.operate(
        &agent,
        &intent,
        |operation| {
            let block = operation.put(config::json_object(&json!({"format": 9}))?);
            operation.write(RefName::about(NAMESPACE, &commit), Some(Target::Id(block)), Vec::new())?;
            Ok::<_, AgentError>(())
        },
        |_, _| Ok(Vec::new()),
    );
    done.expect("written");
    let faults = agents.fsck(&mut |_| ()).expect("examined").faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].subject.contains("conflicts/") && faults[0].problem.contains("malformed"),
        "{faults:?}"
    );
}
