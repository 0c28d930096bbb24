//! What goes in comes out, small, the same each time, and within the limits.

use super::super::limits::{PACK_EXPANSION_FREE_BYTES, PACK_MAX_DEPTH, PACK_WINDOW_BYTES};
use super::super::record::Codec;
use super::*;
use crate::object::limits::BLOCK_MAX_BYTES;

/// How many deltas it takes to read each object, in the order of the records.
fn depths(bytes: &[u8], objects: &[Object]) -> Vec<usize> {
    let pack = Pack::open(bytes).expect("a pack");
    let depth = |object: &Object| {
        let mut offset = pack.find(&object.id()).expect("an index").expect("it is there");
        let mut depth = 0;
        while let Codec::Delta { back } = pack.record_at(offset).expect("a record").0.codec {
            offset -= back;
            depth += 1;
        }
        depth
    };
    objects.iter().map(depth).collect()
}

#[test]
fn every_object_comes_out_as_it_went_in() {
    let mut objects = prompts(100);
    objects.push(Object { kind: Kind::Tree, payload: Vec::new() });
    objects.push(Object { kind: Kind::Block, payload: Vec::new() });
    objects.push(Object { kind: Kind::Commit, payload: b"{}".to_vec() });
    objects.extend((0..100).map(|seed| block(noise(seed, 50))));
    let (summary, bytes) = pack(&objects);
    let pack = Pack::open(&bytes).expect("a pack");
    assert_eq!((pack.id(), pack.objects()), (summary.id, objects.len() as u64));
    assert_eq!(summary.size_bytes, bytes.len() as u64);
    let expanded: usize = objects.iter().map(|object| object.payload.len()).sum();
    assert_eq!((summary.expanded_bytes, pack.expanded_bytes()), (expanded as u64, expanded as u64));
    for object in &objects {
        assert_eq!(pack.get(&object.id()).expect("readable").as_ref(), Some(object));
        assert!(pack.contains(&object.id()).expect("an index"));
    }
    let read: Vec<Object> = pack.iter().map(|packed| (*packed.expect("readable").object).clone()).collect();
    assert_eq!(read, objects);
    let mut ids: Vec<ObjectId> = objects.iter().map(Object::id).collect();
    ids.sort_unstable();
    assert!(pack.ids().eq(ids));
    assert_eq!(pack.verify().expect("whole"), summary);
    for seed in 0..1000 {
        let absent = block(noise(seed, 51)).id();
        assert_eq!(pack.get(&absent).expect("readable"), None);
    }
}

#[test]
fn no_object_makes_a_pack_as_well() {
    let (summary, bytes) = pack(&[]);
    let pack = Pack::open(&bytes).expect("a pack");
    assert_eq!((pack.objects(), pack.iter().count(), bytes.len()), (0, 0, 80));
    assert_eq!(pack.get(&block("x").id()).expect("readable"), None);
    assert_eq!(pack.verify().expect("whole"), summary);
}

#[test]
fn the_same_objects_in_the_same_order_give_the_same_bytes() {
    let mut objects = prompts(60);
    let first = pack(&objects);
    assert_eq!(first, pack(&objects));
    objects.swap(3, 4);
    assert_ne!(first.0.id, pack(&objects).0.id);
}

#[test]
fn an_object_is_packed_once() {
    let objects = prompts(2);
    let twice = [objects.clone(), objects.clone()].concat();
    assert_eq!(pack(&twice), pack(&objects));
}

#[test]
fn a_history_takes_little_more_than_its_changes() {
    let objects = prompts(200);
    let (summary, bytes) = pack(&objects);
    assert!(summary.deltas > 190, "{} deltas", summary.deltas);
    let whole = pack(&objects[..1]).1.len();
    let each = (bytes.len() - whole) / 199;
    assert!(each < 200, "{each} bytes a version, the first takes {whole}");
}

#[test]
fn chains_end_at_the_limit_and_go_on_from_where_they_began() {
    let objects = prompts(100);
    let (summary, bytes) = pack(&objects);
    let depths = depths(&bytes, &objects);
    let max = usize::from(PACK_MAX_DEPTH);
    assert_eq!((depths[0], depths[max], depths[max + 1], depths[max + 2]), (0, max, 1, 2));
    assert_eq!(depths.iter().max(), Some(&max));
    assert!(summary.deltas > 95, "{} deltas", summary.deltas);
}

#[test]
fn a_hint_that_does_not_help_is_not_taken() {
    let objects = [block(noise(1, 500)), block(noise(2, 500)), block("short"), block("shorter")];
    let (summary, bytes) = pack(&objects);
    assert_eq!((summary.deltas, depths(&bytes, &objects)), (0, vec![0; 4]));
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    writer.add(&prompts(1)[0], Some(block("not in the pack").id())).expect("added");
    assert_eq!(writer.finish().expect("finished").0.deltas, 0);
}

#[test]
fn nothing_builds_on_what_a_reader_has_forgotten() {
    let near = [block(noise(1, 1000)), block(noise(2, PACK_WINDOW_BYTES / 2 - 2000))];
    let again = block([noise(1, 1000), b"more".to_vec()].concat());
    for (far, deltas) in [(false, 1), (true, 0)] {
        let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
        let base = writer.add(&near[0], None).expect("added");
        writer.add(&near[1], None).expect("added");
        if far {
            writer.add(&block(noise(3, PACK_WINDOW_BYTES / 2)), None).expect("added");
            writer.add(&block(noise(4, 2000)), None).expect("added");
        }
        writer.add(&again, Some(base)).expect("added");
        let (summary, bytes) = writer.finish().expect("finished");
        assert_eq!((summary.deltas, verify(&bytes).expect("whole")), (deltas, summary));
    }
}

#[test]
fn large_blocks_build_on_one_another() {
    let large = noise(9, BLOCK_MAX_BYTES - 4);
    let objects = [block(large.clone()), block([large, b"more".to_vec()].concat())];
    let (summary, bytes) = pack(&objects);
    assert!(summary.deltas == 1 && bytes.len() < BLOCK_MAX_BYTES + 20_000, "{} bytes", bytes.len());
    let pack = Pack::open(&bytes).expect("a pack");
    assert_eq!(pack.get(&objects[1].id()).expect("readable").as_ref(), Some(&objects[1]));
}

#[test]
fn an_object_that_no_store_may_hold_is_refused() {
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    let tree = Object { kind: Kind::Tree, payload: vec![0; 1024 * 1024 + 1] };
    assert!(matches!(writer.add(&tree, None), Err(PackError::Object(_))));
}

#[test]
fn a_pack_never_expands_beyond_what_a_reader_takes() {
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    let mut payload = vec![0; BLOCK_MAX_BYTES];
    let blocks = PACK_EXPANSION_FREE_BYTES / BLOCK_MAX_BYTES as u64 + 2;
    for at in 0..blocks {
        payload[..8].copy_from_slice(&at.to_le_bytes());
        writer.add(&block(payload.clone()), None).expect("added");
    }
    let (summary, bytes) = writer.finish().expect("finished");
    assert!(bytes.len() > BLOCK_MAX_BYTES, "one of them is there as it is: {} bytes", bytes.len());
    assert!(bytes.len() < 2 * BLOCK_MAX_BYTES, "and makes room for the others: {} bytes", bytes.len());
    assert_eq!(verify(&bytes).expect("whole"), summary);
}

/// Takes so many bytes and then fails.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        self.0 = room;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_is_reported() {
    let objects = prompts(3);
    let whole = pack(&objects).1.len();
    for room in (0..whole).step_by(5) {
        let write = || {
            let mut writer = PackWriter::new(Full(room), Effort::Small)?;
            let mut base_hint = None;
            for object in &objects {
                base_hint = Some(writer.add(object, base_hint)?);
            }
            writer.finish().map(drop)
        };
        assert!(matches!(write(), Err(PackError::Io(_))), "room for {room} of {whole}");
    }
}
