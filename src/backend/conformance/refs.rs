//! What happens to refs.

use crate::log::{Change, RefState};
use crate::object::ObjectId;
use crate::refs::{Expected, RefName, Target};

use crate::backend::script::{commit, current, first_record, handle, moved, moving, name, target};
use crate::backend::{Backend, Moved};

fn state(backend: &dyn Backend, at: &str) -> Option<RefState> {
    backend.read_ref(&handle("a"), &name(at)).expect("readable")
}

pub(super) fn a_ref_elsewhere_is_named_with_both_sides(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1")), ("versions", Some("v1"))]));
    let mut expecting = moving(backend, "a", &[]);
    expecting.expects = vec![
        (name("drafts/x"), Expected::Any),
        (name("drafts/none"), Expected::Absent),
        (name("versions"), Expected::Is(target("v1").expect("some"))),
    ];
    commit(backend, &expecting);
    let mut expecting = moving(backend, "a", &[]);
    expecting.expects = vec![(name("drafts/x"), Expected::Absent)];
    let x = name("drafts/x");
    let elsewhere = Moved::Ref { name: x.clone(), expected: Expected::Absent, actual: target("1") };
    assert_eq!(moved(backend, &expecting), elsewhere);
    let mut wrong = moving(backend, "a", &[("drafts/x", Some("2"))]);
    wrong.records[0].changes[0].from = target("0");
    let expected = Expected::Is(target("0").expect("some"));
    assert_eq!(moved(backend, &wrong), Moved::Ref { name: x.clone(), expected, actual: target("1") });
    wrong.records[0].changes[0] = Change::new(name("versions"), None, target("2"));
    let elsewhere = Moved::Ref { name: name("versions"), expected: Expected::Absent, actual: target("v1") };
    assert_eq!(moved(backend, &wrong), elsewhere);
    wrong.records[0].changes[0] = Change::new(name("drafts/y"), target("1"), None);
    assert!(matches!(moved(backend, &wrong), Moved::Ref { actual: None, .. }));
    let mut new = crate::backend::Transaction::new(handle("new"), first_record("create", 1));
    new.records[0].changes.push(Change::new(name("drafts/x"), target("1"), target("2")));
    assert!(matches!(moved(backend, &new), Moved::Ref { actual: None, .. }));
    assert_eq!(backend.head(&handle("new")).expect("looked"), None);
}

pub(super) fn every_shape_of_ref_is_kept(backend: &dyn Backend) {
    let about = RefName::about("checks", &ObjectId::from_bytes([7; 32])).to_string();
    let first = moving(
        backend,
        "a",
        &[("drafts/x", Some("1")), ("ACTIVE", None), ("versions", Some("v1")), (&about, Some("ok"))],
    );
    commit(backend, &first);
    let second =
        moving(backend, "a", &[("drafts/x", Some("2")), ("versions", Some("v2")), (&about, Some("no"))]);
    commit(backend, &second);
    let (one, two) = (first.records[0].id(), second.records[0].id());
    let expected = |text| RefState { target: target(text), revision: 2, created: one, moved: two };
    assert_eq!(state(backend, "drafts/x"), Some(expected("2")));
    assert_eq!(state(backend, &about), Some(expected("no")));
    assert_eq!(state(backend, "ACTIVE").map(|state| (state.target, state.revision)), Some((None, 1)));
    let all: Vec<_> = backend.all_refs(&handle("a")).expect("read").into_iter().collect();
    let expected_all =
        ["ACTIVE", about.as_str(), "drafts/x"].map(|at| (name(at), state(backend, at).expect("it is")));
    assert_eq!(all, expected_all);
    let versions = backend.list(&handle("a"), &name("versions"), 0, 9).expect("read");
    assert_eq!(versions.iter().map(|entry| entry.record).collect::<Vec<_>>(), [one, two]);
    assert_eq!(backend.list(&handle("a"), &name("versions"), 1, 9).expect("read"), versions[1..]);
    assert_eq!(backend.list(&handle("a"), &name("versions"), 0, 1).expect("read"), versions[..1]);
    assert_eq!(backend.list(&handle("a"), &name("versions"), 9, 9).expect("read"), []);

    let symbolic = Some(Target::Ref(name("drafts/y")));
    let mut third = moving(backend, "a", &[("drafts/x", None), (&about, None), ("ACTIVE", Some("v1"))]);
    third.records[0].changes.push(Change::new(name("environments/live"), None, symbolic.clone()));
    commit(backend, &third);
    assert_eq!(current(backend, &handle("a"), &name("environments/live")), symbolic);
    assert_eq!((state(backend, "drafts/x"), state(backend, &about)), (None, None));
    assert_eq!(backend.refs(&handle("a"), "drafts").expect("read"), []);
    assert_eq!(backend.refs(&handle("a"), "checks").expect("read"), []);
    commit(
        backend,
        &moving(backend, "a", &[("ACTIVE", None), ("drafts/x", Some("3")), (&about, Some("ok"))]),
    );
    assert_eq!(state(backend, "ACTIVE").map(|state| (state.target, state.revision)), Some((None, 3)));
    assert_eq!(state(backend, "drafts/x").map(|state| state.revision), Some(1));
    assert_eq!(state(backend, &about).map(|state| state.revision), Some(1));
}

pub(super) fn a_renamed_draft_stays_the_same_draft(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1"))]));
    let born = state(backend, "drafts/x").expect("there").created;
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("2"))]));
    let mut rename = moving(backend, "a", &[("drafts/x", None), ("drafts/y", Some("2"))]);
    rename.records[0].changes[1].continues = Some(name("drafts/x"));
    commit(backend, &rename);
    let renamed = state(backend, "drafts/y").expect("there");
    assert_eq!((renamed.created, renamed.revision, renamed.moved), (born, 3, rename.records[0].id()));
    assert_eq!(state(backend, "drafts/x"), None);
}

pub(super) fn several_records_happen_together(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1")), ("ACTIVE", None)]));
    let mut both = moving(backend, "a", &[("drafts/x", None), ("versions", Some("v1"))]);
    let mut second = both.records[0].clone();
    second.prev = Some(both.records[0].id());
    second.kind = "activate".to_owned();
    second.changes = vec![
        Change::new(name("ACTIVE"), None, target("v1")),
        Change::new(name("versions"), target("v1"), target("v2")),
        Change::new(name("drafts/x"), None, target("again")),
    ];
    both.objects.extend(["v2", "again"].map(crate::backend::script::block));
    both.records.push(second);
    commit(backend, &both);
    let ids = [both.records[0].id(), both.records[1].id()];
    let versions = backend.list(&handle("a"), &name("versions"), 0, 9).expect("read");
    assert_eq!(versions.iter().map(|entry| entry.record).collect::<Vec<_>>(), ids);
    let again = state(backend, "drafts/x").expect("there");
    assert_eq!((again.created, again.revision), (ids[1], 1));
    assert_eq!(backend.head(&handle("a")).expect("read").map(|head| head.record), Some(ids[1]));
}
