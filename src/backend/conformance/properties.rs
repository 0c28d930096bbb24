//! Random operations: what a store says of its refs is what its log adds up to, whatever was done.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::backend::script::{commit, current, handle, keeping, moving, name, problems, renaming};
use crate::backend::{Backend, Outcome};
use crate::log::StoreId;
use crate::object::ObjectId;
use crate::refs::RefName;

/// What is done next, drawn at random.
#[derive(Debug, Clone)]
enum Step {
    Move { agent: usize, refs: Vec<(usize, Option<u8>)> },
    Rename { agent: usize, to: usize },
    RenameDraft { agent: usize },
    Keep { agent: usize, store: u8, count: u8 },
    Many { refs: Vec<(usize, Option<u8>)> },
    Checkpoint,
}

const AGENTS: [&str; 4] = ["a", "b", "c", "d"];

fn refs() -> Vec<String> {
    let about = |byte| RefName::about("checks", &ObjectId::from_bytes([byte; 32])).to_string();
    let mut refs = ["ACTIVE", "meta", "versions", "drafts/x", "drafts/y", "environments/live", "unpushed"]
        .map(str::to_owned)
        .to_vec();
    refs.extend([about(1), about(2)]);
    refs
}

fn moves() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    prop::collection::vec((0..refs().len(), prop::option::weighted(0.7, 0..9u8)), 0..5)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..AGENTS.len(), moves()).prop_map(|(agent, refs)| Step::Move { agent, refs }),
        1 => (0..AGENTS.len(), 0..AGENTS.len()).prop_map(|(agent, to)| Step::Rename { agent, to }),
        1 => (0..AGENTS.len()).prop_map(|agent| Step::RenameDraft { agent }),
        1 => (0..AGENTS.len(), 0..2u8, 1..4u8)
            .prop_map(|(agent, store, count)| Step::Keep { agent, store, count }),
        1 => moves().prop_map(|refs| Step::Many { refs }),
        1 => Just(Step::Checkpoint),
    ]
}

pub(super) fn replay_tells_what_every_ref_says(make: &dyn Fn() -> Box<dyn Backend>) {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(&prop::collection::vec(step(), 1..30), |steps| {
            let backend = make();
            for step in &steps {
                perform(backend.as_ref(), step);
            }
            prop_assert_eq!(problems(backend.as_ref()), Vec::<String>::new());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The moves that can be made: each ref once, and lists only grow.
fn possible(refs: &[String], drawn: &[(usize, Option<u8>)]) -> Vec<(String, Option<String>)> {
    let mut moves: Vec<(String, Option<String>)> = Vec::new();
    for (at, text) in drawn {
        let fits = !["versions", "unpushed"].contains(&refs[*at].as_str()) || text.is_some();
        if fits && moves.iter().all(|(taken, _)| *taken != refs[*at]) {
            moves.push((refs[*at].clone(), text.map(|text| format!("block {text}"))));
        }
    }
    moves
}

fn perform(backend: &dyn Backend, step: &Step) {
    let located = |at: usize| backend.locate(&handle(AGENTS[at])).expect("looked").map(|at| at.to_string());
    match step {
        Step::Move { agent, refs: drawn } => {
            let moves = possible(&refs(), drawn);
            let moves: Vec<_> = moves.iter().map(|(at, text)| (at.as_str(), text.as_deref())).collect();
            let agent = located(*agent).unwrap_or_else(|| AGENTS[*agent].to_owned());
            commit(backend, &moving(backend, &agent, &moves));
        }
        Step::Rename { agent, to } => {
            if let Some(from) = located(*agent).filter(|from| from != AGENTS[*to]) {
                let free = located(*to).is_none_or(|owner| owner == from);
                let outcome = backend.commit(&renaming(backend, &from, AGENTS[*to])).expect("done");
                assert_eq!(outcome == Outcome::Committed, free, "{from} to {}", AGENTS[*to]);
            }
        }
        Step::RenameDraft { agent } => {
            let Some(agent) = located(*agent) else { return };
            let (x, y) = (name("drafts/x"), name("drafts/y"));
            let here = current(backend, &handle(&agent), &x);
            let mut rename = moving(backend, &agent, &[("drafts/x", None), ("drafts/y", None)]);
            rename.records[0].changes[1].to = here.or_else(|| current(backend, &handle(&agent), &y));
            rename.records[0].changes[1].continues = Some(x);
            commit(backend, &rename);
        }
        Step::Keep { agent, store, count } => {
            let Some(agent) = located(*agent) else { return };
            let transaction = moving(backend, &agent, &[("remotes/o/versions", Some("theirs"))]);
            commit(backend, &keeping(backend, transaction, StoreId([*store; 16]), *count));
        }
        Step::Many { refs: drawn } => {
            let moves = possible(&refs(), drawn);
            let moves: Vec<_> = moves.iter().map(|(at, text)| (at.as_str(), text.as_deref())).collect();
            let mut agents: Vec<String> =
                (0..AGENTS.len()).map(|at| located(at).unwrap_or_else(|| AGENTS[at].to_owned())).collect();
            agents.sort();
            agents.dedup();
            let many: Vec<_> = agents.iter().map(|agent| moving(backend, agent, &moves)).collect();
            let outcomes = backend.commit_many(&many).expect("done");
            assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Committed));
        }
        Step::Checkpoint => backend.checkpoint().expect("flushed"),
    }
}
