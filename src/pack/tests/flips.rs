//! Every bit flipped, and every cut, of packs small enough to try them all.

use super::forge::sealed;
use super::*;

/// Whatever the bytes are, no reader panics, and none gives out an object under another's id.
fn check_safe(bytes: &[u8], objects: &[Object]) {
    if let Ok(pack) = Pack::open_verified(bytes) {
        for object in objects {
            if let Ok(Some(found)) = pack.get(&object.id()) {
                assert_eq!(found, *object);
            }
        }
        for packed in pack.iter().flatten() {
            assert_eq!(packed.object.id(), packed.id);
        }
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (objects, bytes) = small_pack();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(verify(&flipped).is_err(), "byte {at} bit {bit}: the pack");
            assert!(stream(&flipped).is_err(), "byte {at} bit {bit}: the stream");
            check_safe(&flipped, &objects);
        }
    }
}

#[test]
fn a_flipped_bit_under_a_new_id_is_found() {
    let (objects, bytes) = small_pack();
    for at in 0..bytes.len() - 32 {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let flipped = sealed(flipped);
            assert!(verify(&flipped).is_err(), "byte {at} bit {bit}: the pack");
            assert!(stream(&flipped).is_err(), "byte {at} bit {bit}: the stream");
            check_safe(&flipped, &objects);
        }
    }
}

#[test]
fn every_cut_is_found() {
    let (objects, bytes) = small_pack();
    for at in 0..bytes.len() {
        assert!(verify(&bytes[..at]).is_err(), "cut at {at}: the pack");
        let error = stream(&bytes[..at]).expect_err("the stream takes it");
        assert!(matches!(error, PackError::CutOff { offset } if offset <= at as u64), "cut at {at}: {error}");
        check_safe(&bytes[..at], &objects);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_without_decoding() {
    let (_, bytes) = small_pack();
    assert!(Pack::open(bytes.clone()).expect("a pack").is_intact());
    let mut opened = 0;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        // What does not even open is told then.
        if let Ok(pack) = Pack::open_verified(flipped) {
            assert!(!pack.is_intact(), "{at}");
            opened += 1;
        }
    }
    assert!(opened > bytes.len() / 2, "{opened}");
}
