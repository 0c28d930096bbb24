//! What happens to the chains of other stores, and to refs that say where theirs were.

use std::sync::Barrier;

use crate::encoding::Digest;
use crate::log::{RecordId, StoreId};

use crate::backend::script::{commit, foreign, handle, keeping, moved, moving, name, renaming, target};
use crate::backend::{Backend, BackendError, ChainPart, Moved, Outcome, Transaction};

const OTHER: StoreId = StoreId([7; 16]);
const THIRD: StoreId = StoreId([8; 16]);

pub(super) fn chains_of_other_stores_are_kept_and_only_extended(backend: &dyn Backend) {
    let agent = handle("a");
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1"))]));
    assert_eq!(backend.chains(&agent).expect("read"), []);
    assert_eq!(backend.read_chain(&agent, OTHER, 0, 99).expect("read"), b"");
    for (store, count) in [(THIRD, 1), (OTHER, 2), (THIRD, 3)] {
        commit(backend, &keeping(backend, moving(backend, "a", &[]), store, count));
    }
    let heads = backend.chains(&agent).expect("read");
    assert_eq!(heads.iter().map(|head| head.store).collect::<Vec<_>>(), [OTHER, THIRD]);
    let whole = backend.read_chain(&agent, THIRD, 0, usize::MAX / 2).expect("read");
    assert_eq!(whole.split_inclusive(|byte| *byte == b'\n').count(), 4);
    assert_eq!(backend.read_chain(&agent, THIRD, 100, 50).expect("read"), whole[100..150]);

    let agent_id = backend.head(&agent).expect("read").expect("there").agent;
    let refused = |part: ChainPart| {
        let mut transaction = moving(backend, "a", &[("drafts/x", Some("2"))]);
        transaction.chains.push(part);
        let result = backend.commit(&transaction);
        assert!(matches!(result, Err(BackendError::BadTransaction(_))), "{result:?}");
    };
    let end = heads[0];
    let more = |prev| foreign(OTHER, agent_id, prev, 50..52);
    let good = more(Some(end.record));
    let part = |lines: Vec<u8>| ChainPart { store: OTHER, offset: end.bytes, lines };
    refused(ChainPart { offset: 0, ..part(good.clone()) });
    refused(ChainPart { offset: end.bytes + 1, ..part(good.clone()) });
    refused(ChainPart { store: backend.store_id(), offset: 0, ..part(good.clone()) });
    refused(ChainPart { store: THIRD, offset: heads[1].bytes, ..part(good.clone()) });
    refused(part(more(Some(heads[1].record))));
    refused(part(good[..good.len() - 1].to_vec()));
    refused(part(Vec::new()));
    let mut flipped = good.clone();
    flipped[30] ^= 1;
    refused(part(flipped));
    let other_agent = RecordId::from_digest(Digest::from_bytes([1; 32]));
    refused(part(foreign(OTHER, other_agent, Some(end.record), 50..51)));
    let fresh = StoreId([5; 16]);
    refused(ChainPart { store: fresh, offset: 0, lines: foreign(fresh, other_agent, None, 1..2) });
    assert_eq!(backend.chains(&agent).expect("read"), heads);

    let mut stale = moving(backend, "a", &[]);
    stale.chains.push(part(good));
    commit(backend, &stale);
    assert_eq!(moved(backend, &stale), Moved::Head);
}

pub(super) fn an_agent_that_another_store_made_keeps_its_id(backend: &dyn Backend) {
    let agent_id = RecordId::from_digest(Digest::from_bytes([6; 32]));
    let mut transaction = moving(backend, "a", &[("meta", Some("title"))]);
    transaction.records[0].agent = Some(agent_id);
    let transaction = keeping(backend, transaction, OTHER, 2);
    commit(backend, &transaction);
    let head = backend.head(&handle("a")).expect("read").expect("there");
    assert_eq!((head.agent, head.record), (agent_id, transaction.records[0].id()));
    commit(backend, &moving(backend, "a", &[("meta", Some("other"))]));
    assert_eq!(backend.head(&handle("a")).expect("read").expect("there").agent, agent_id);
    assert_eq!(backend.chains(&handle("a")).expect("read").len(), 1);
}

/// A transaction that makes an agent of another store, the same for the same number.
fn adopting(backend: &dyn Backend, agent: &str, number: u8) -> Transaction {
    let mut transaction = moving(backend, agent, &[("meta", Some("title"))]);
    transaction.records[0].agent = Some(RecordId::from_digest(Digest::from_bytes([number; 32])));
    transaction
}

pub(super) fn an_agent_of_another_store_is_made_once(backend: &dyn Backend) {
    let taken = |by: &str| Moved::IdTaken(handle(by));
    commit(backend, &adopting(backend, "a", 1));
    commit(backend, &moving(backend, "own", &[("meta", None)]));
    assert_eq!(moved(backend, &adopting(backend, "b", 1)), taken("a"));
    assert_eq!(moved(backend, &adopting(backend, "a2", 1)), taken("a"));
    commit(backend, &renaming(backend, "a", "c"));
    assert_eq!(moved(backend, &adopting(backend, "b", 1)), taken("c"));
    let many = ["d", "e", "f", "g"].iter().zip([2, 2, 1, 3]);
    let many: Vec<_> = many.map(|(agent, number)| adopting(backend, agent, number)).collect();
    let outcomes = backend.commit_many(&many).expect("tried");
    assert!(outcomes.contains(&Outcome::Moved(taken("c"))), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count(), 2, "{outcomes:?}");
    let of_two: Vec<bool> =
        ["d", "e"].map(|agent| backend.head(&handle(agent)).expect("read").is_some()).into();
    assert_eq!(of_two.iter().filter(|is_there| **is_there).count(), 1);
    assert_eq!(backend.head(&handle("f")).expect("read"), None);
    // An agent that is made by itself has an id that nobody else can have.
    commit(backend, &moving(backend, "b", &[("meta", Some("title"))]));
}

pub(super) fn who_races_to_make_an_agent_of_another_store_does_not_make_it_twice(backend: &dyn Backend) {
    const RACERS: usize = 6;
    for number in 1..=8 {
        let start = Barrier::new(RACERS);
        let made = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    let start = &start;
                    scope.spawn(move || {
                        let transaction = adopting(backend, &format!("r{racer}-{number}"), number);
                        start.wait();
                        // Some come as a group.
                        if racer % 2 == 0 {
                            return backend.commit(&transaction).expect("tried") == Outcome::Committed;
                        }
                        backend.commit_many(&[transaction]).expect("tried") == [Outcome::Committed]
                    })
                })
                .collect();
            racers.into_iter().filter_map(|racer| racer.join().expect("no panic").then_some(())).count()
        });
        assert_eq!(made, 1, "round {number}");
        assert_eq!(backend.agents(None, 99).expect("listed").len(), usize::from(number));
    }
}

pub(super) fn refs_of_other_stores_are_refs(backend: &dyn Backend) {
    let about = format!("remotes/origin/checks/{}", target("v1").expect("some").id().expect("an id"));
    let moves = [
        ("remotes/origin/ACTIVE", Some("v1")),
        ("remotes/origin/drafts/tone", Some("t")),
        ("remotes/origin/versions", Some("v1")),
        (about.as_str(), Some("passed")),
        ("ACTIVE", Some("v2")),
    ];
    commit(backend, &moving(backend, "a", &moves));
    let agent = handle("a");
    let in_namespace = |namespace: &str| {
        let refs = backend.refs(&agent, namespace).expect("read");
        refs.into_iter().map(|(at, state)| (at.to_string(), state.target)).collect::<Vec<_>>()
    };
    assert_eq!(in_namespace("remotes/origin"), [("remotes/origin/ACTIVE".to_owned(), target("v1"))]);
    assert_eq!(
        in_namespace("remotes/origin/drafts"),
        [("remotes/origin/drafts/tone".to_owned(), target("t"))]
    );
    assert_eq!(in_namespace("remotes/origin/checks"), [(about.clone(), target("passed"))]);
    assert_eq!(in_namespace("drafts"), []);
    assert_eq!(backend.list_len(&agent, &name("versions")).expect("read"), 0);
    assert_eq!(backend.list_len(&agent, &name("remotes/origin/versions")).expect("read"), 1);
    commit(backend, &moving(backend, "a", &[("remotes/origin/ACTIVE", None), (&about, None)]));
    assert_eq!((in_namespace("remotes/origin"), in_namespace("remotes/origin/checks")), (vec![], vec![]));
}
