//! Packs that were made to be wrong, each in one thing, with everything else right.

use super::super::codec::Encoder;
use super::super::limits::{PACK_EXPANSION_FREE_BYTES, PACK_MAX_DEPTH};
use super::super::record::Codec;
use super::forge::{Forge, sealed};
use super::*;
use crate::error::{Classify, Kind as ErrorKind};
use crate::object::limits::BLOCK_MAX_BYTES;

/// The pack is refused by every reader, in these words.
#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    let text = |error: PackError| error.to_string();
    let error = stream(bytes).expect_err("the stream takes it");
    assert_ne!(error.kind(), ErrorKind::Bug);
    assert_eq!(text(error), expected);
    verify(bytes).expect_err("the pack is verified");
}

#[test]
fn what_this_build_does_not_know_is_refused_by_name() {
    let (_, bytes) = small_pack();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        sealed(bytes)
    };
    check_refused(&with(0, b'X'), "this is not a pack");
    check_refused(&with(4, 2), "the pack has form 2, which this build does not know");
    check_refused(&with(5, 0x82), "the pack has flags 0x82, which this build does not know");
    check_refused(&with(7, 4), "the pack has flags 0x04, which this build does not know");
    for (tag, expected) in [
        (0x04, "holds an object of kind 4, which this build does not know"),
        (0x10, "holds an object of kind 0, which this build does not know"),
        (0x41, "has codec 4, which this build does not know"),
    ] {
        let mut forge = Forge::new();
        forge.put(&[tag, 1], b"x");
        check_refused(&forge.finish(), &format!("the pack's record at 8 {expected}"));
    }
    assert_eq!(PackError::UnknownCodec { offset: 8, codec: 4 }.kind(), ErrorKind::Refused);
    check_refused(b"", "the pack is cut off at 0");
}

#[test]
fn lengths_are_held_against_limits_before_anything_is_read() {
    let claims = |head: &[u8], expected: &str| {
        let mut forge = Forge::new();
        forge.put(head, b"");
        check_refused(&forge.finish(), &format!("the pack's record at 8 {expected}"));
    };
    let max = BLOCK_MAX_BYTES;
    claims(&[0x01, 0x81, 0x80, 0x80, 8], &format!("claims 16777217 bytes, more than the {max} allowed"));
    claims(&[0x02, 0x81, 0x80, 0x40], "claims 1048577 bytes, more than the 1048576 allowed");
    let most = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    claims(&most, &format!("claims 4398046511103 bytes, more than the {max} allowed"));
    let number = "is malformed: a number is not in its shortest form";
    claims(&[0x01, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 1], number);
    claims(&[0x01, 0x80, 0], number);
    claims(&[0x11, 5, 5], "is malformed: its body is not smaller than its payload");
    claims(&[0x11, 0, 0], "is malformed: its body is not smaller than its payload");
    // A length that is allowed and not there costs nothing but the end of the source.
    let mut cut = Forge::new().bytes;
    cut.extend_from_slice(&[0x01, 0x80, 0x80, 0x80, 8, b'x']);
    check_refused(&cut, "the pack is cut off at 14");
}

#[test]
fn a_delta_builds_only_on_a_record_before_it() {
    let body = Encoder::new(Effort::Small).delta(&[b'x'; 200], &[b'x'; 100]).expect("made").expect("smaller");
    let built = |back: u64| {
        let mut forge = Forge::new();
        forge.raw(&[b'x'; 100]);
        forge.block(Codec::Delta { back }, &body, 200, block([b'x'; 200]).id());
        forge.finish()
    };
    assert!(verify(&built(106)).is_ok());
    check_refused(&built(0), "the pack's record at 114 is malformed: it builds on itself");
    for back in [1, 105, 107, 114, 115, 1 << 40] {
        check_refused(
            &built(back),
            "the pack's record at 114 is malformed: it builds on no record within reach",
        );
        let bytes = built(back);
        let pack = Pack::open(&bytes).expect("its index is right");
        let error = pack.get(&block([b'x'; 200]).id()).expect_err("there is no base");
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused), "back {back}: {error}");
    }
}

#[test]
fn a_delta_on_an_outside_object_is_for_thin_packs() {
    let base = block(noise(1, 100));
    let mut forge = Forge::new();
    let codec = Codec::ThinDelta { base: base.id() };
    forge.block(codec, b"body", 100, base.id());
    let reason = "it builds on an object outside a pack that is not thin";
    check_refused(&forge.finish(), &format!("the pack's record at 8 is malformed: {reason}"));
}

#[test]
fn a_chain_beyond_the_limit_is_refused() {
    let mut encoder = Encoder::new(Effort::Small);
    let objects = prompts(usize::from(PACK_MAX_DEPTH) + 2);
    let mut forge = Forge::new();
    let mut last = forge.raw(&objects[0].payload);
    for pair in objects.windows(2) {
        let body = encoder.delta(&pair[1].payload, &pair[0].payload).expect("made").expect("smaller");
        let back = forge.bytes.len() as u64 - last;
        last = forge.block(Codec::Delta { back }, &body, pair[1].payload.len(), pair[1].id());
    }
    let bytes = forge.finish();
    check_refused(&bytes, &format!("the pack's record at {last} is more than 32 deltas deep"));
    let pack = Pack::open(&bytes).expect("its index is right");
    assert!(pack.get(&objects[objects.len() - 2].id()).is_ok());
    let deepest = pack.get(&objects[objects.len() - 1].id());
    assert!(matches!(deepest, Err(PackError::TooDeep { .. })), "{deepest:?}");
}

#[test]
fn a_pack_that_expands_beyond_measure_is_refused() {
    let mut encoder = Encoder::new(Effort::Fast);
    let mut forge = Forge::new();
    let mut last = 0;
    let mut payload = vec![0; BLOCK_MAX_BYTES];
    for at in 0..=PACK_EXPANSION_FREE_BYTES / BLOCK_MAX_BYTES as u64 {
        payload[..8].copy_from_slice(&at.to_le_bytes());
        let body = encoder.plain(&payload).expect("made").expect("smaller");
        last = forge.block(Codec::Zstd, &body, payload.len(), block(payload.clone()).id());
    }
    let expanded = forge.expanded_bytes;
    let expected = format!(
        "the pack's record at {last} brings it to {expanded} bytes of objects, too many for its size"
    );
    // Only as much as is small enough is decoded; the last record is refused for what it claims.
    check_refused(&forge.finish(), &expected);
}

#[test]
fn a_frame_is_one_whole_frame_of_the_length_stated() {
    let payload = prompts(1).remove(0).payload;
    let frame = Encoder::new(Effort::Small).plain(&payload).expect("made").expect("smaller");
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let half = Encoder::new(Effort::Small).plain(&payload[..1000]).expect("made").expect("smaller");
    let rest = Encoder::new(Effort::Small).plain(&payload[1000..]).expect("made").expect("smaller");
    let skippable = [&frame[..], &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]].concat();
    let two = [&half[..], &magic, &rest].concat();
    let record = |body: &[u8], payload_bytes: usize| {
        let mut forge = Forge::new();
        forge.block(Codec::Zstd, body, payload_bytes, block(payload.clone()).id());
        forge.finish()
    };
    assert!(verify(&record(&frame, payload.len())).is_ok());
    for (bytes, reason) in [
        (record(&two, payload.len()), "its body is not one zstd frame"),
        (record(&skippable, payload.len()), "its body is not one zstd frame"),
        (record(&frame[..frame.len() - 1], payload.len()), "its body is not one zstd frame"),
        (record(b"", payload.len()), "its body is not one zstd frame"),
        (record(&[&magic, &frame[..]].concat(), payload.len()), "its body is not one zstd frame"),
        (record(&frame, payload.len() + 1), "its body decodes to another length than its head says"),
        (record(&frame, payload.len() - 1), "its zstd frame does not decode"),
        (record(&frame, frame.len() + 1), "its zstd frame does not decode"),
    ] {
        check_refused(&bytes, &format!("the pack's record at 8 is malformed: {reason}"));
    }
}

/// A pack of three blocks whose index is what `change` makes of it.
fn indexed(change: impl FnOnce(&mut Vec<(ObjectId, u64)>)) -> Vec<u8> {
    let mut forge = Forge::new();
    for payload in ["one", "two", "three"] {
        forge.raw(payload.as_bytes());
    }
    forge.entries.sort_unstable();
    change(&mut forge.entries);
    forge.finish_as_it_is()
}

#[test]
fn an_index_lists_what_the_records_hold_and_nothing_else() {
    let opens = |bytes: &[u8]| Pack::open(bytes).map(drop);
    assert!(verify(&indexed(|_| ())).is_ok());
    let unsorted = "the pack's index is malformed at 80: its entries are not strictly sorted";
    check_refused(&indexed(|entries| entries.swap(0, 1)), &unsorted.replace("80", "77"));
    assert!(opens(&indexed(|entries| entries.swap(1, 2))).is_err());
    check_refused(&indexed(|entries| entries[1] = entries[0]), &unsorted.replace("80", "77"));
    let not_those = "the pack's index is malformed at 40: it does not list what the records hold";
    let absent = ObjectId::from_bytes([0xff; 32]);
    check_refused(&indexed(|entries| entries[2].0 = absent), not_those);
    check_refused(&indexed(|entries| entries[0].1 = 8 + 1), not_those);
    let beyond = indexed(|entries| entries[0].1 = 40);
    check_refused(&beyond, not_those);
    assert!(opens(&beyond).is_err());
    assert!(opens(&indexed(|entries| entries[0].1 = 7)).is_err());
    let short = indexed(|entries| entries.truncate(2));
    assert!(stream(&short).is_err() && verify(&short).is_err());
}

#[test]
fn another_object_under_an_id_is_never_given_out() {
    let bytes = indexed(|entries| {
        let first = entries[0].1;
        entries[0].1 = entries[1].1;
        entries[1].1 = first;
    });
    let pack = Pack::open(&bytes).expect("its index is sorted");
    for payload in ["one", "two", "three"] {
        let id = block(payload).id();
        match pack.get(&id) {
            Ok(found) => assert_eq!(found.map(|object| object.id()), Some(id)),
            Err(error) => assert!(matches!(error, PackError::WrongObject { .. }), "{error}"),
        }
    }
    assert!(pack.verify().is_err());
    assert!(pack.ids().filter(|id| pack.get(id).is_err()).count() == 2);
}

#[test]
fn an_object_that_comes_twice_is_refused() {
    let mut forge = Forge::new();
    forge.raw(b"one");
    forge.raw(b"one");
    check_refused(
        &forge.finish(),
        "the pack's index is malformed at 69: its entries are not strictly sorted",
    );
}

#[test]
fn a_fan_out_table_that_is_not_that_of_the_entries_is_refused() {
    let objects: Vec<Object> = (0..100).map(|seed| block(noise(seed, 10))).collect();
    let (_, bytes) = pack(&objects);
    let table_at = bytes.len() - 64 - 4 * 4;
    for (at, byte) in [(0, 0), (3, 0xff), (7, 0x80), (12, 99), (15, 1)] {
        let mut bytes = bytes.clone();
        bytes[table_at + at] = byte;
        let bytes = sealed(bytes);
        let error = format!("the pack's index is malformed at {table_at}");
        check_refused(&bytes, &format!("{error}: the fan-out table is not that of its entries"));
        let pack = Pack::open_verified(&bytes).expect("only its table is wrong");
        for object in &objects {
            if let Ok(Some(found)) = pack.get(&object.id()) {
                assert_eq!(found, *object);
            }
        }
    }
}

#[test]
fn a_footer_that_says_something_else_is_refused() {
    let (_, bytes) = small_pack();
    let footer_at = bytes.len() - 64;
    for at in 0..24 {
        let mut bytes = bytes.clone();
        bytes[footer_at + at] ^= 0x18;
        let expected =
            format!("the pack's footer at {footer_at} is malformed: it does not say what the pack holds");
        check_refused(&sealed(bytes), &expected);
    }
    let mut bytes = bytes.clone();
    bytes[footer_at + 24] = b'r';
    let expected = format!("the pack's footer at {footer_at} is malformed: it does not end as a pack does");
    check_refused(&sealed(bytes), &expected);
}

#[test]
fn nothing_may_follow_a_pack_that_lies_in_memory() {
    let (_, mut bytes) = small_pack();
    bytes.push(0);
    assert!(matches!(Pack::open(&bytes), Err(PackError::Footer { .. })));
    assert!(matches!(Pack::open_verified(&bytes), Err(PackError::Footer { .. })));
}
