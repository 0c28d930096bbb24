//! Any objects in any order come out again; any damage is found, and is never more than an error.

use proptest::prelude::*;

use super::forge::sealed;
use super::*;

fn objects() -> impl Strategy<Value = Vec<Object>> {
    let kind = prop_oneof![Just(Kind::Block), Just(Kind::Tree), Just(Kind::Commit)];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(0_u8..3, 0..3000),
        (0_usize..50).prop_map(|version| prompts(version + 1).remove(version).payload),
    ];
    prop::collection::vec((kind, payload).prop_map(|(kind, payload)| Object { kind, payload }), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out(objects in objects(), hints in prop::collection::vec(any::<usize>(), 80)) {
        let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
        for (object, hint) in objects.iter().zip(hints) {
            let base_hint = (hint % 5 > 0).then(|| objects[hint % objects.len()].id());
            writer.add(object, base_hint).expect("added");
        }
        let (summary, bytes) = writer.finish().expect("finished");
        let pack = Pack::open(&bytes).expect("a pack");
        prop_assert_eq!(pack.verify().expect("whole"), summary);
        for object in &objects {
            let found = pack.get(&object.id()).expect("readable");
            prop_assert_eq!(found.as_ref(), Some(object));
        }
    }

    #[test]
    fn damage_is_found_wherever_it_is(
        objects in objects(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..12,
        insert in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let (_, bytes) = pack(&objects);
        let at = at.index(bytes.len());
        let mut damaged = bytes.clone();
        damaged.splice(at..bytes.len().min(at + length), insert);
        prop_assume!(damaged != bytes);
        prop_assert!(verify(&damaged).is_err());
        prop_assert!(stream(&damaged).is_err() || damaged.starts_with(&bytes));
        if damaged.len() > 32 {
            let damaged = sealed(damaged);
            if let Ok((summary, read)) = stream(&damaged) {
                prop_assert_eq!(summary.objects, read.len() as u64);
            }
            if let Ok(pack) = Pack::open_verified(&damaged) {
                for object in &objects {
                    if let Ok(Some(found)) = pack.get(&object.id()) {
                        prop_assert_eq!(&found, object);
                    }
                }
            }
        }
    }
}
