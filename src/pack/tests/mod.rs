//! Tests of packs: what goes in comes out, and nothing else is ever taken for it.

mod flips;
mod forge;
mod hostile;
mod properties;
mod round_trip;
mod stream;

use std::sync::Arc;

use crate::object::{Kind, Object, ObjectId};

use super::{Effort, Pack, PackError, PackStream, PackSummary, PackWriter, Packed};

fn block(payload: impl Into<Vec<u8>>) -> Object {
    Object { kind: Kind::Block, payload: payload.into() }
}

/// So many versions of a prompt, each of which changes one line of the one before.
fn prompts(versions: usize) -> Vec<Object> {
    let mut lines: Vec<String> =
        (0..40).map(|at| format!("{at}. When a caller asks about {at}, say {}.\n", digits(at))).collect();
    let mut edit = |version: usize| {
        lines[version * 7 % 40] = format!("Since change {version}, say {}.\n", digits(version + 100));
        block(lines.concat())
    };
    (0..versions).map(&mut edit).collect()
}

/// Text that does not compress to nothing.
fn digits(seed: usize) -> String {
    blake3::hash(&seed.to_le_bytes()).to_hex()[..24].to_owned()
}

/// Bytes that do not compress at all.
fn noise(seed: u64, size_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_bytes];
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A pack of these objects, each built on the one before where that helps.
fn pack(objects: &[Object]) -> (PackSummary, Vec<u8>) {
    let mut writer = PackWriter::new(Vec::new(), Effort::Small).expect("a vector takes everything");
    let mut base_hint = None;
    for object in objects {
        base_hint = Some(writer.add(object, base_hint).expect("a vector takes everything"));
    }
    writer.finish().expect("a vector takes everything")
}

/// A pack with a record of every kind, codec and size of a number.
fn small_pack() -> (Vec<Object>, Vec<u8>) {
    let mut objects = prompts(3);
    objects.push(Object { kind: Kind::Tree, payload: Vec::new() });
    objects.push(Object { kind: Kind::Commit, payload: b"{\"message\":\"warmer\"}".to_vec() });
    objects.push(block(noise(1, 130)));
    let (summary, bytes) = pack(&objects);
    assert_eq!((summary.objects, summary.deltas), (6, 2));
    (objects, bytes)
}

/// Reads a pack as it arrives, with nothing outside of it.
fn stream(bytes: &[u8]) -> Result<(PackSummary, Vec<Packed>), PackError> {
    let mut stream = PackStream::new(bytes, |_: &ObjectId| None::<Arc<Object>>)?;
    let objects = stream.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((stream.summary().expect("it ended without an error"), objects))
}

fn verify(bytes: &[u8]) -> Result<PackSummary, PackError> {
    Pack::open(bytes)?.verify()
}
