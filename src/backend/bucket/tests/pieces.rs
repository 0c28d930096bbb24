//! Pieces have a bounded size.

use std::sync::Arc;

use object_store::memory::InMemory;

use crate::backend::bucket::contents::BLOB_MAX_BYTES;
use crate::backend::bucket::segments::WHOLE_BYTES;
use crate::backend::bucket::{BucketBackend, BucketError, BucketOptions};
use crate::backend::script::{STORE, block, commit, handle, moving};
use crate::backend::{Backend as _, BackendError, ChainPart, Outcome};
use crate::log::{RecordId, StoreId};

fn store() -> BucketBackend {
    let bucket = Arc::new(InMemory::new());
    BucketBackend::create_on(bucket, "x", STORE, &BucketOptions::default()).expect("made")
}

/// Lines of another store's log with a long note each.
fn long_lines(store: StoreId, agent: RecordId, count: u8) -> Vec<u8> {
    let (mut prev, mut lines) = (None, Vec::new());
    for number in 0..count {
        let mut record = crate::backend::script::first_record("note", number);
        (record.store, record.prev, record.agent) = (store, prev, Some(agent));
        record.note = "x".repeat(900 * 1024);
        let (id, line) = record.to_line();
        prev = Some(id);
        lines.extend(line);
    }
    lines
}

#[test]
fn lines_that_come_at_once_are_cut_into_pieces() {
    let (store, other) = (store(), StoreId([7; 16]));
    commit(&store, &moving(&store, "a", &[("meta", None)]));
    let agent = store.head(&handle("a")).expect("read").expect("there").agent;
    let lines = long_lines(other, agent, 20);
    let mut transaction = moving(&store, "a", &[]);
    transaction.chains.push(ChainPart { store: other, offset: 0, lines: lines.clone() });
    commit(&store, &transaction);
    let loaded = store.waiter.wait(store.store.required(&handle("a"))).expect("read");
    let pieces = &loaded.state.chains[0].lines.segments;
    assert_eq!(pieces.len(), 3);
    assert!(pieces.iter().all(|piece| piece.bytes <= WHOLE_BYTES), "{pieces:?}");
    let read = store.read_chain(&handle("a"), other, 0, usize::MAX / 2).expect("read");
    assert!(read == lines, "{} bytes came back of {}", read.len(), lines.len());
    let across = usize::try_from(WHOLE_BYTES).expect("small") - 5;
    let read = store.read_chain(&handle("a"), other, across as u64, 10).expect("read");
    assert_eq!(read, lines[across..across + 10]);
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let store = store();
    let size = usize::try_from(BLOB_MAX_BYTES).expect("some megabytes") + 1;
    let refused = store.waiter.wait(store.store.contents.put_blob(&vec![0; size]));
    let Err(BackendError::Bucket(error @ BucketError::TooLarge { .. })) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains(&size.to_string()), "{error}");
}

#[test]
fn objects_that_come_at_once_become_packs_of_a_bounded_size() {
    let store = store();
    // What does not compress.
    let random = |seed: usize| {
        let mut bytes = vec![0; 12 * 1024 * 1024];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.iter().map(|byte| char::from(b' ' + byte % 64)).collect::<String>()
    };
    let mut transaction = moving(&store, "a", &[("meta", None)]);
    transaction.objects = (0..4).map(|seed| block(&random(seed))).collect();
    assert_eq!(store.commit(&transaction).expect("asked"), Outcome::Committed);
    let loaded = store.waiter.wait(store.store.required(&handle("a"))).expect("read");
    assert_eq!(loaded.state.packs.len(), 2, "{:?}", loaded.state.packs);
    for object in &transaction.objects {
        assert_eq!(store.object(&object.id()).expect("read").as_ref(), Some(object));
    }
}
