//! One suite that every store passes.

mod chains;
pub(super) mod packs;
mod properties;
mod refs;

use crate::encoding::Digest;
use crate::log::{Change, RecordId, RefTable};
use crate::object::Object;

use super::script::{
    block, commit, deriving, first_record, handle, moved, moving, name, problems, renaming, replay, target,
};
use super::{Backend, Derived, Moved, Outcome, Transaction};

/// Runs everything; `make` makes an empty store.
pub(crate) fn run(make: &dyn Fn() -> Box<dyn Backend>) {
    let tests: [fn(&dyn Backend); 25] = [
        an_agent_is_made_once,
        what_is_not_there,
        a_commit_on_an_old_head_is_refused,
        refs::a_ref_elsewhere_is_named_with_both_sides,
        refs::every_shape_of_ref_is_kept,
        refs::a_renamed_draft_stays_the_same_draft,
        refs::several_records_happen_together,
        chains::chains_of_other_stores_are_kept_and_only_extended,
        chains::an_agent_that_another_store_made_keeps_its_id,
        chains::an_agent_of_another_store_is_made_once,
        chains::who_races_to_make_an_agent_of_another_store_does_not_make_it_twice,
        chains::refs_of_other_stores_are_refs,
        derived_documents_come_and_go,
        renamed_agents_are_found_under_all_their_names,
        taken_names_are_refused,
        agents_are_listed_in_order,
        logs_are_read_in_pieces,
        objects_are_kept_and_found,
        bulk_imports_are_commits,
        packs::objects_of_a_pack_are_taken_in_and_relied_on,
        packs::a_pack_that_is_wrong_brings_nothing,
        packs::what_is_kept_is_given_out_as_packs,
        packs::a_repack_changes_nothing_that_is_read,
        what_later_builds_write_is_carried,
        transactions_that_contradict_themselves_are_refused,
    ];
    for test in tests {
        let backend = make();
        test(backend.as_ref());
        assert_eq!(problems(backend.as_ref()), Vec::<String>::new());
        backend.checkpoint().expect("flushed");
        assert_eq!(problems(backend.as_ref()), Vec::<String>::new());
    }
    properties::replay_tells_what_every_ref_says(make);
}

fn an_agent_is_made_once(backend: &dyn Backend) {
    let first = moving(backend, "support", &[("drafts/main", Some("hello")), ("ACTIVE", None)]);
    commit(backend, &first);
    assert_eq!(moved(backend, &first), Moved::HandleTaken(handle("support")));
    let head = backend.head(&handle("support")).expect("readable").expect("there");
    assert_eq!((head.agent, head.record), (first.records[0].id(), first.records[0].id()));
    assert_eq!(head.time, first.records[0].time);
    assert_eq!(backend.store_id(), first.records[0].store);
}

fn what_is_not_there(backend: &dyn Backend) {
    let nobody = handle("nobody");
    assert_eq!(backend.head(&nobody).expect("looked"), None);
    assert_eq!(backend.locate(&nobody).expect("looked"), None);
    assert_eq!(backend.agents(None, 10).expect("listed"), []);
    assert!(matches!(
        backend.read_ref(&nobody, &name("ACTIVE")),
        Err(super::BackendError::NoSuchAgent(agent)) if agent == nobody
    ));
    assert!(backend.refs(&nobody, "drafts").is_err());
    assert!(backend.list_len(&nobody, &name("versions")).is_err());
    assert!(backend.read_log(&nobody, 0, 10).is_err());
    assert!(backend.derived(&nobody, "ACTIVE.json").is_err());
    assert_eq!(backend.object(&block("x").id()).expect("looked"), None);
    let mut record = first_record("edit", 1);
    record.prev = Some(RecordId::from_digest(Digest::from_bytes([1; 32])));
    record.agent = record.prev;
    assert_eq!(moved(backend, &Transaction::new(nobody, record)), Moved::Head);
    commit(backend, &moving(backend, "somebody", &[]));
    let somebody = handle("somebody");
    assert_eq!(backend.read_ref(&somebody, &name("ACTIVE")).expect("looked"), None);
    assert_eq!(backend.refs(&somebody, "drafts").expect("looked"), []);
    assert_eq!(backend.list_len(&somebody, &name("versions")).expect("looked"), 0);
    assert_eq!(backend.list(&somebody, &name("versions"), 0, 5).expect("looked"), []);
    assert_eq!(backend.derived(&somebody, "ACTIVE.json").expect("looked"), None);
}

fn a_commit_on_an_old_head_is_refused(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1"))]));
    let old = moving(backend, "a", &[("drafts/y", Some("2"))]);
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("3"))]));
    assert_eq!(moved(backend, &old), Moved::Head);
    assert_eq!(backend.read_ref(&handle("a"), &name("drafts/y")).expect("readable"), None);
    assert_eq!(backend.object(&block("2").id()).expect("readable"), None);
}

fn derived_documents_come_and_go(backend: &dyn Backend) {
    let read = || backend.derived(&handle("a"), "ACTIVE.json").expect("readable");
    commit(backend, &deriving(moving(backend, "a", &[]), Some("{\"one\":1}")));
    assert_eq!(read().as_deref(), Some(&b"{\"one\":1}"[..]));
    commit(backend, &deriving(moving(backend, "a", &[]), Some("{}")));
    assert_eq!(read().as_deref(), Some(&b"{}"[..]));
    commit(backend, &moving(backend, "a", &[("meta", Some("kept"))]));
    assert_eq!(read().as_deref(), Some(&b"{}"[..]));
    commit(backend, &deriving(moving(backend, "a", &[]), None));
    assert_eq!(read(), None);
}

fn renamed_agents_are_found_under_all_their_names(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("drafts/x", Some("1")), ("ACTIVE", None)]));
    let id = backend.head(&handle("a")).expect("readable").expect("there").agent;
    let found = |from: &str| backend.locate(&handle(from)).expect("looked").map(|at| at.to_string());
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("a", "c"), ("c", "b")] {
        commit(backend, &renaming(backend, from, to));
        for old in ["a", "b", "c"].into_iter().filter(|old| *old != "c" || (from, to) != ("a", "b")) {
            assert_eq!(found(old).as_deref(), Some(to), "{old} after {from} to {to}");
        }
        let head = backend.head(&handle(to)).expect("readable").expect("there");
        assert_eq!(head.agent, id);
        assert_eq!(backend.head(&handle(from)).expect("readable"), None);
        assert!(backend.read_log(&handle(from), 0, 9).is_err());
        assert_eq!(backend.agents(None, 9).expect("listed"), [handle(to)]);
        commit(backend, &moving(backend, to, &[("drafts/x", Some(to))]));
        assert_eq!(problems(backend), Vec::<String>::new());
    }
    let stale = moving(backend, "b", &[("drafts/x", Some("2"))]);
    commit(backend, &renaming(backend, "b", "d"));
    assert_eq!(moved(backend, &stale), Moved::Head);
}

fn taken_names_are_refused(backend: &dyn Backend) {
    for agent in ["a", "b"] {
        commit(backend, &moving(backend, agent, &[("drafts/x", Some(agent))]));
    }
    assert_eq!(moved(backend, &renaming(backend, "a", "b")), Moved::HandleTaken(handle("b")));
    commit(backend, &renaming(backend, "a", "c"));
    assert_eq!(moved(backend, &renaming(backend, "b", "a")), Moved::HandleTaken(handle("a")));
    let new = Transaction::new(handle("a"), first_record("create", 9));
    assert_eq!(moved(backend, &new), Moved::HandleTaken(handle("a")));
    assert_eq!(backend.agents(None, 9).expect("listed"), [handle("b"), handle("c")]);
}

fn agents_are_listed_in_order(backend: &dyn Backend) {
    let mut all: Vec<_> = (0..25).map(|number| handle(&format!("agent-{number}"))).collect();
    for agent in &all {
        commit(backend, &Transaction::new(agent.clone(), first_record("create", 1)));
    }
    all.sort();
    let mut paged = Vec::new();
    loop {
        let page = backend.agents(paged.last(), 7).expect("listed");
        assert!(page.len() <= 7);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    commit(backend, &Transaction::new(handle("zoe"), first_record("create", 1)));
    assert_eq!(backend.agents(paged.last(), 7).expect("listed"), [handle("zoe")]);
    assert_eq!(backend.agents(Some(&handle("agent-24a")), 1).expect("listed"), [handle("agent-3")]);
    assert_eq!(backend.agents(None, 0).expect("listed"), []);
}

fn logs_are_read_in_pieces(backend: &dyn Backend) {
    for number in 0..5 {
        commit(backend, &moving(backend, "a", &[("meta", Some(&number.to_string()))]));
    }
    let agent = handle("a");
    let whole = backend.read_log(&agent, 0, usize::MAX / 2).expect("read");
    assert_eq!(whole.split_inclusive(|byte| *byte == b'\n').count(), 5);
    let mut pieces = Vec::new();
    while let Some(piece) = Some(backend.read_log(&agent, pieces.len() as u64, 100).expect("read"))
        .filter(|piece| !piece.is_empty())
    {
        assert!(piece.len() <= 100);
        pieces.extend(piece);
    }
    assert_eq!(pieces, whole);
}

fn objects_are_kept_and_found(backend: &dyn Backend) {
    let objects: Vec<Object> =
        (0..40).map(|number| block(&format!("block {number} ").repeat(number * 9))).collect();
    let mut transaction = moving(backend, "a", &[]);
    transaction.objects.clone_from(&objects);
    commit(backend, &transaction);
    let mut ids: Vec<_> = objects.iter().map(Object::id).collect();
    for object in &objects {
        assert_eq!(backend.object(&object.id()).expect("read").as_ref(), Some(object));
        assert_eq!(backend.find(&object.id().to_string(), 9).expect("found"), [object.id()]);
    }
    ids.sort();
    assert_eq!(backend.find("", 100).expect("found"), ids);
    assert_eq!(backend.find("", 3).expect("found"), ids[..3]);
    assert_eq!(backend.find("", 0).expect("found"), []);
    for length in [1, 2, 3] {
        let prefix = &ids[20].to_string()[..length];
        let matching: Vec<_> = ids.iter().copied().filter(|id| id.to_string().starts_with(prefix)).collect();
        assert_eq!(backend.find(prefix, 100).expect("found"), matching);
    }
    for none in ["../", "zz", "AB"] {
        assert_eq!(backend.find(none, 9).expect("found"), []);
    }
}

fn bulk_imports_are_commits(backend: &dyn Backend) {
    commit(backend, &moving(backend, "there", &[("drafts/x", Some("1"))]));
    let staged = backend.stage(&[block("staged"), block("staged too")]).expect("staged");
    let names: Vec<String> = (0..150).map(|number| format!("bulk-{number}")).collect();
    let mut many: Vec<_> =
        names.iter().map(|agent| moving(backend, agent, &[("versions", Some("staged"))])).collect();
    many.insert(3, moving(backend, "there", &[("drafts/x", Some("staged too"))]));
    for transaction in &mut many {
        transaction.objects.clear();
        transaction.staged = Some(staged.clone());
    }
    many.insert(5, Transaction::new(handle("there-not"), moving(backend, "there", &[]).records[0].clone()));
    let outcomes = backend.commit_many(&many).expect("committed");
    assert_eq!(outcomes.len(), 152);
    for (at, outcome) in outcomes.iter().enumerate() {
        let expected = if at == 5 { Outcome::Moved(Moved::Head) } else { Outcome::Committed };
        assert_eq!(*outcome, expected, "{at}");
    }
    assert_eq!(backend.agents(None, 999).expect("listed").len(), 151);
    assert_eq!(backend.list_len(&handle("bulk-149"), &name("versions")).expect("read"), 1);
    assert_eq!(backend.commit_many(&[]).expect("nothing"), []);
}

fn what_later_builds_write_is_carried(backend: &dyn Backend) {
    let mut transaction = moving(backend, "a", &[("schedules/night", Some("1"))]);
    let record = &mut transaction.records[0];
    record.kind = "teleport".to_owned();
    record.ext.insert("zone".to_owned(), serde_json::json!({"deep": [1, "ü"]}));
    record.changes[0].ext.insert("why".to_owned(), serde_json::json!("because"));
    record.sig = Some("signed".to_owned());
    let record = record.clone();
    commit(backend, &transaction);
    let log = backend.read_log(&handle("a"), 0, 1 << 20).expect("read");
    let read = crate::log::Record::from_line(&log[..log.len() - 1]).expect("a record");
    assert_eq!(read, (record.id(), record));
    let table: RefTable = replay(backend, &handle("a")).expect("a chain");
    let night = name("schedules/night");
    assert_eq!(
        backend.refs(&handle("a"), "schedules").expect("read"),
        [(night.clone(), table.refs[&night].clone())]
    );
}

fn transactions_that_contradict_themselves_are_refused(backend: &dyn Backend) {
    commit(backend, &moving(backend, "a", &[("versions", Some("1")), ("drafts/x", Some("1"))]));
    commit(backend, &Transaction::new(handle("b"), first_record("create", 77)));
    let good = moving(backend, "a", &[("drafts/x", Some("2"))]);
    let spoil = |spoil: &dyn Fn(&mut Transaction)| {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(matches!(backend.commit(&bad), Err(super::BackendError::BadTransaction(_))), "{bad:?}");
    };
    spoil(&|bad| bad.records.clear());
    spoil(&|bad| bad.records.push(bad.records[0].clone()));
    spoil(&|bad| bad.records[0].store.0[0] ^= 1);
    spoil(&|bad| bad.records[0].agent = backend.head(&handle("b")).expect("read").map(|head| head.agent));
    spoil(&|bad| bad.records[0].note = "x".repeat(2 << 20));
    spoil(&|bad| bad.records[0].note = "\u{ffff}".to_owned());
    spoil(&|bad| bad.rename_to = Some(handle("a")));
    spoil(&|bad| bad.derived.push(Derived { name: "../x".to_owned(), content: None }));
    spoil(&|bad| bad.records[0].changes[0] = Change::new(name("versions"), target("1"), None));
    spoil(&|bad| {
        let twice = bad.records[0].changes[0].clone();
        bad.records[0].changes.push(twice);
    });
    assert!(backend.commit_many(&[good.clone(), good.clone()]).is_err());
    commit(backend, &good);
}
