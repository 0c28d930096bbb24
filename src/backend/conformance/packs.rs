//! Packs: taken in, given out, made of what is there.

use crate::backend::script::{block, commit, handle, moving, name};
use crate::backend::{Backend, BackendError, Outcome};
use crate::object::{Object, ObjectId};
use crate::pack::order::{Order, Step};
use crate::pack::{Effort, Pack, PackWriter};

/// Many versions of one text.
pub(in crate::backend) fn versions(of: &str, count: usize) -> Vec<Object> {
    (0..count).map(|number| block(&format!("{of} {number}, {}", "and so on. ".repeat(20)))).collect()
}

/// A pack of objects.
pub(in crate::backend) fn packed(objects: &[Object]) -> Vec<u8> {
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("a vector takes everything");
    let mut last = None;
    for object in objects {
        last = Some(writer.add(object, last).expect("a vector takes everything"));
    }
    writer.finish().expect("a vector takes everything").1
}

/// The steps that put objects into a pack as they come.
pub(in crate::backend) fn steps(ids: impl IntoIterator<Item = ObjectId>) -> impl Iterator<Item = Step> {
    let ids: Vec<ObjectId> = ids.into_iter().collect();
    Order::new().series("all", &ids).into_iter()
}

pub(super) fn objects_of_a_pack_are_taken_in_and_relied_on(backend: &dyn Backend) {
    commit(backend, &moving(backend, "there", &[("drafts/x", Some("1"))]));
    for (of, count) in [("few", 3), ("many", 200)] {
        let objects = versions(of, count);
        let ids: Vec<ObjectId> = objects.iter().map(Object::id).collect();
        let there = handle("there");
        assert_eq!(backend.lacks(&there, &ids).expect("looked"), ids, "{of}");
        let bytes = packed(&objects);
        let text = String::from_utf8(objects[1].payload.clone()).expect("text");
        for again in [false, true] {
            let mut seen = Vec::new();
            let mut source = bytes.as_slice();
            let (summary, staged) =
                backend.stage_pack(&mut source, &mut |packed| seen.push(packed.id)).expect("taken in");
            assert_eq!((summary.objects, seen), (count as u64, ids.clone()), "{of}");
            assert_eq!(summary.size_bytes, bytes.len() as u64, "{of}");
            let mut transaction = moving(backend, "there", &[("drafts/x", Some(&text))]);
            transaction.objects.clear();
            transaction.records[0].note = format!("{of} {again}");
            transaction.staged = Some(staged);
            let outcomes = backend.commit_many(&[transaction]).expect("committed");
            assert_eq!(outcomes, [Outcome::Committed], "{of}");
        }
        assert_eq!(backend.lacks(&there, &ids).expect("looked"), []);
        for object in &objects {
            assert_eq!(backend.object(&object.id()).expect("read").as_ref(), Some(object));
            assert_eq!(backend.find(&object.id().to_string(), 9).expect("found"), [object.id()]);
        }
    }
    let absent = block("absent").id();
    let known = block("1").id();
    assert_eq!(backend.lacks(&handle("there"), &[known, absent]).expect("looked"), [absent]);
}

pub(super) fn a_pack_that_is_wrong_brings_nothing(backend: &dyn Backend) {
    commit(backend, &moving(backend, "there", &[]));
    let objects = versions("wrong", 90);
    let bytes = packed(&objects);
    let before = backend.find("", 999).expect("listed");
    let damages = (0..bytes.len()).step_by(bytes.len() / 40);
    for at in damages {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        for wrong in [&bytes[..at], &flipped[..]] {
            let result = backend.stage_pack(&mut &wrong[..], &mut |_| {});
            assert!(matches!(result, Err(BackendError::Pack(_))), "{at}: {result:?}");
        }
    }
    assert_eq!(backend.packs().expect("listed"), []);
    assert_eq!(backend.read_pack(&Pack::open(&bytes[..]).expect("a pack").id(), 0, 9).expect("looked"), b"");
    // A backend that unpacks may have written some, for nobody to rely on.
    let after = backend.find("", 999).expect("listed");
    assert!(before.iter().all(|id| after.contains(id)));
}

pub(super) fn what_is_kept_is_given_out_as_packs(backend: &dyn Backend) {
    commit(backend, &moving(backend, "there", &[]));
    let objects = versions("kept", 100);
    backend.stage_pack(&mut packed(&objects).as_slice(), &mut |_| {}).expect("taken in");
    for kept in backend.packs().expect("listed") {
        let (mut bytes, piece) = (Vec::new(), 1000);
        loop {
            let part = backend.read_pack(&kept.id, bytes.len() as u64, piece).expect("readable");
            bytes.extend_from_slice(&part);
            if part.len() < piece {
                break;
            }
        }
        assert_eq!(bytes.len() as u64, kept.size_bytes);
        let pack = Pack::open(&bytes[..]).expect("a pack");
        assert_eq!((pack.id(), pack.objects()), (kept.id, kept.objects));
        assert_eq!(pack.verify().expect("whole").id, kept.id);
    }
}

pub(super) fn a_repack_changes_nothing_that_is_read(backend: &dyn Backend) {
    let texts: Vec<String> = (0..30).map(|number| format!("version {number} of a text ").repeat(9)).collect();
    for text in &texts {
        commit(backend, &moving(backend, "a", &[("versions", Some(text)), ("drafts/x", Some(text))]));
    }
    backend.stage_pack(&mut packed(&versions("other", 70)).as_slice(), &mut |_| {}).expect("taken in");
    let ids = backend.find("", 999).expect("listed");
    let objects: Vec<_> = ids.iter().map(|id| backend.object(id).expect("read")).collect();
    let alone = block("alone");
    backend.stage(std::slice::from_ref(&alone)).expect("staged");
    let mut repacks = false;
    for (round, text) in texts.iter().take(3).enumerate() {
        let order = ids.iter().skip(if round == 0 { 10 } else { 0 }).copied();
        let repacked = backend.repack(&mut steps(order)).expect("packed");
        repacks |= repacked.pack.is_some();
        let now: Vec<_> = ids.iter().map(|id| backend.object(id).expect("read")).collect();
        assert_eq!(now, objects, "{round}");
        assert_eq!(backend.object(&alone.id()).expect("read").as_ref(), Some(&alone), "it was not named");
        let kept = backend.packs().expect("listed");
        assert!(repacked.pack.is_none_or(|pack| kept.contains(&pack)), "{round}");
        // Written again, it is there once.
        commit(backend, &moving(backend, "a", &[("drafts/x", Some(text))]));
        let all = backend.find("", 999).expect("listed");
        assert_eq!(all.len(), ids.len() + 1, "{round}");
    }
    let missing = block("missing").id();
    // A backend may keep packs and leave them as they are.
    if repacks {
        assert!(backend.repack(&mut steps([ids[0], missing])).is_err());
        assert_eq!(backend.object(&ids[0]).expect("read"), objects[0]);
    }
    assert_eq!(backend.list_len(&handle("a"), &name("versions")).expect("read"), 30);
}
