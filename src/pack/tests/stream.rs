//! Packs as they arrive: thin ones, slow sources, failing ones.

use std::io::{self, Read};

use super::super::limits::PACK_MAX_DEPTH;
use super::*;

/// A thin pack with the later versions of a prompt, and what the receiver has.
fn thin() -> (Vec<Object>, PackSummary, Vec<u8>) {
    let objects = prompts(4);
    let mut writer = PackWriter::thin(Vec::new(), Effort::Fast).expect("begun");
    let second = writer.add_on_outside(&objects[1], &objects[0]).expect("added");
    let third = writer.add(&objects[2], Some(second)).expect("added");
    writer.add(&objects[3], Some(third)).expect("added");
    let (summary, bytes) = writer.finish().expect("finished");
    (objects, summary, bytes)
}

#[test]
fn a_thin_pack_builds_on_what_its_receiver_has() {
    let (objects, summary, bytes) = thin();
    assert_eq!(summary.deltas, 3);
    let whole = pack(&objects[1..]).1.len();
    assert!(bytes.len() < whole / 2, "{} bytes, {whole} without", bytes.len());
    let has = Arc::new(objects[0].clone());
    let mut asked = Vec::new();
    let base = |id: &ObjectId| {
        asked.push(*id);
        Some(has.clone())
    };
    let mut stream = PackStream::new(&bytes[..], base).expect("a pack");
    let read: Vec<Packed> = stream.by_ref().collect::<Result<_, _>>().expect("readable");
    assert_eq!(stream.summary(), Some(summary));
    assert_eq!(asked, [objects[0].id()]);
    assert!(read.iter().map(|packed| &*packed.object).eq(&objects[1..]));
}

#[test]
fn every_flip_and_cut_of_a_thin_pack_is_found() {
    let (objects, _, bytes) = thin();
    let has = Arc::new(objects[0].clone());
    let read = |bytes: &[u8]| {
        let mut stream = PackStream::new(bytes, |_: &ObjectId| Some(has.clone()))?;
        stream.try_for_each(|packed| packed.map(drop))
    };
    read(&bytes).expect("whole");
    for at in 0..bytes.len() {
        assert!(matches!(read(&bytes[..at]), Err(PackError::CutOff { .. })), "cut at {at}");
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(read(&flipped).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn a_thin_pack_carries_no_index() {
    let objects: Vec<Object> = (0..100).map(|seed| block(noise(seed, 40))).collect();
    let mut writer = PackWriter::thin(Vec::new(), Effort::Fast).expect("begun");
    for object in &objects {
        writer.add(object, None).expect("added");
    }
    let (summary, bytes) = writer.finish().expect("finished");
    assert!(bytes.len() + 100 * 37 < pack(&objects).1.len(), "{} bytes", bytes.len());
    let (read, packed) = stream(&bytes).expect("readable");
    assert_eq!((read, packed.len(), summary.objects), (summary, 100, 100));
}

#[test]
fn a_thin_pack_without_its_base_is_refused() {
    let (objects, _, bytes) = thin();
    let missing =
        |error: PackError| matches!(error, PackError::NoBase { base, .. } if base == objects[0].id());
    assert!(missing(stream(&bytes).expect_err("there is no base")));
    let other = Arc::new(objects[3].clone());
    let mut wrong = PackStream::new(&bytes[..], |_: &ObjectId| Some(other.clone())).expect("a pack");
    assert!(missing(wrong.next().expect("an error").expect_err("the base is another object")));
    assert!(wrong.next().is_none() && wrong.summary().is_none());
}

#[test]
fn a_thin_pack_cannot_be_kept() {
    let (_, _, bytes) = thin();
    assert!(matches!(Pack::open(&bytes), Err(PackError::Thin)));
    assert!(matches!(Pack::open_verified(&bytes), Err(PackError::Thin)));
}

#[test]
fn a_pack_that_stands_by_itself_builds_on_nothing_outside() {
    let objects = prompts(2);
    let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
    writer.add_on_outside(&objects[1], &objects[0]).expect("added");
    let (summary, bytes) = writer.finish().expect("finished");
    assert_eq!((summary.deltas, verify(&bytes).expect("whole")), (0, summary));
}

#[test]
fn a_chain_on_an_outside_object_keeps_to_the_limit() {
    let objects = prompts(80);
    let mut writer = PackWriter::thin(Vec::new(), Effort::Fast).expect("begun");
    let mut last = writer.add_on_outside(&objects[1], &objects[0]).expect("added");
    for object in &objects[2..] {
        last = writer.add(object, Some(last)).expect("added");
    }
    let (summary, bytes) = writer.finish().expect("finished");
    assert!(summary.deltas > u64::from(PACK_MAX_DEPTH));
    let has = Arc::new(objects[0].clone());
    let stream = PackStream::new(&bytes[..], |_: &ObjectId| Some(has.clone())).expect("a pack");
    let read: Vec<Packed> = stream.collect::<Result<_, _>>().expect("readable");
    assert!(read.iter().map(|packed| &*packed.object).eq(&objects[1..]));
}

/// Gives out one byte at a time, and fails after so many.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1.checked_sub(1).ok_or(io::ErrorKind::ConnectionReset)?;
        let size = buffer.len().min(1);
        self.0.read(&mut buffer[..size])
    }
}

#[test]
fn a_source_may_be_slow_and_may_go_on_after_the_pack() {
    let (objects, bytes) = small_pack();
    let longer = [&bytes[..], b"next"].concat();
    let mut source = Slow(&longer, usize::MAX);
    let mut stream = PackStream::new(&mut source, |_: &ObjectId| None).expect("a pack");
    assert_eq!(stream.by_ref().flatten().count(), objects.len());
    assert_eq!(stream.read_bytes(), bytes.len() as u64);
    assert!(stream.summary().is_some());
    assert_eq!(source.0, b"next");
}

#[test]
fn a_source_that_fails_is_reported_at_every_byte() {
    let (_, bytes) = small_pack();
    for reads in 0..bytes.len() {
        let read = || {
            let mut stream = PackStream::new(Slow(&bytes, reads), |_: &ObjectId| None)?;
            let last = stream.by_ref().try_for_each(|packed| packed.map(drop));
            assert!(stream.summary().is_none());
            last
        };
        assert!(matches!(read(), Err(PackError::Io(_))), "after {reads} bytes");
    }
}

#[test]
fn objects_that_are_named_beside_come_in_their_order_and_all_before_what_is_wrong() {
    let objects: Vec<Object> = (0..1000).map(|at| block(digits(at))).collect();
    let (_, mut bytes) = pack(&objects);
    let (summary, read) = stream(&bytes).expect("it is right");
    assert_eq!((summary.objects, read.len()), (1000, 1000));
    for (object, packed) in objects.iter().zip(&read) {
        assert_eq!((packed.id, &*packed.object), (object.id(), object));
    }
    // The records before a damaged one come all the same, and nothing after it.
    let needle = objects[700].payload.as_slice();
    let at = bytes.windows(needle.len()).position(|part| part == needle).expect("it is kept as it is");
    bytes[at] ^= 1;
    let mut source =
        PackStream::new(bytes.as_slice(), |_: &ObjectId| None::<Arc<Object>>).expect("it begins as a pack");
    let came: Vec<_> = source.by_ref().collect();
    let (last, before) = came.split_last().expect("it is not empty");
    assert!(matches!(last, Err(PackError::Record { .. })), "{last:?}");
    let ids: Vec<ObjectId> = before.iter().map(|one| one.as_ref().expect("it is right").id).collect();
    assert_eq!(ids, objects[..700].iter().map(Object::id).collect::<Vec<_>>());
    assert_eq!(source.summary(), None);
}
