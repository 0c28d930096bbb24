//! Loose objects: one zstd-compressed file per object, as bytes. Described in docs/format.md.

use std::cell::RefCell;

use crate::object::{Kind, Object, ObjectError, ObjectId};

/// First bytes of a loose object's file.
const MAGIC: &[u8; 4] = b"RCTO";
/// Version of the file's form.
const VERSION: u8 = 1;
/// Length of what stands before the body: magic, version, kind, encoding, 0, u64 payload length.
pub(super) const HEADER_BYTES: usize = 16;
/// The body is the payload.
const RAW: u8 = 0;
/// The body is one zstd frame.
const ZSTD: u8 = 1;
/// Payloads below this are stored as they are, in bytes: a frame would only add to them.
const RAW_BELOW_BYTES: usize = 64;
/// The zstd level: beyond it the time of a publish grows faster than the file shrinks.
const LEVEL: i32 = 3;
/// Most bytes that a loose object's file can have, in bytes; a frame never grows a payload by more.
pub(crate) const FILE_MAX_BYTES: u64 = 17 * 1024 * 1024;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The file that stores an object.
pub(crate) fn encode(object: &Object) -> Vec<u8> {
    let packed = if object.payload.len() < RAW_BELOW_BYTES { None } else { compress(&object.payload) };
    let packed = packed.filter(|packed| packed.len() < object.payload.len());
    let (encoding, body) = match &packed {
        Some(packed) => (ZSTD, packed.as_slice()),
        None => (RAW, object.payload.as_slice()),
    };
    let mut file = Vec::with_capacity(HEADER_BYTES + body.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[VERSION, object.kind.as_byte(), encoding, 0]);
    file.extend_from_slice(&(object.payload.len() as u64).to_le_bytes());
    file.extend_from_slice(body);
    file
}

/// Reads an object's file and checks that it is the object of that id.
pub(crate) fn decode(id: &ObjectId, file: &[u8]) -> Result<Object, ObjectError> {
    let (header, body) =
        file.split_at_checked(HEADER_BYTES).ok_or_else(|| malformed("the file is cut off in its header"))?;
    let (magic, rest) = header.split_at(4);
    if magic != MAGIC {
        return Err(malformed("the file does not begin as an object does"));
    }
    if rest[0] != VERSION || rest[3] != 0 {
        return Err(malformed("the file has a form that this build does not know"));
    }
    let kind = Kind::from_byte(rest[1]).ok_or_else(|| malformed("the file names no kind of object"))?;
    let length = u64::from_le_bytes(rest[4..12].try_into().expect("eight bytes of a header"));
    let length = usize::try_from(length).ok().filter(|length| *length <= kind.max_bytes());
    let length = length.ok_or_else(|| malformed("the file claims more bytes than its kind may have"))?;
    let payload = match rest[2] {
        RAW => body.to_vec(),
        ZSTD => decompress(body, length).ok_or_else(|| malformed("its zstd frame does not decode"))?,
        _ => return Err(malformed("the file has an encoding that this build does not know")),
    };
    if payload.len() != length {
        return Err(malformed("its payload has another length than the file says"));
    }
    let object = Object { kind, payload };
    if object.id() != *id {
        return Err(malformed("its content hashes to another id"));
    }
    Ok(object)
}

fn malformed(reason: &str) -> ObjectError {
    ObjectError::Malformed { kind: "stored object", reason: reason.to_owned() }
}

fn compress(payload: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        slot.as_mut()?.compress(payload).ok()
    })
}

fn decompress(body: &[u8], length: usize) -> Option<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Decompressor::new().ok();
        }
        slot.as_mut()?.decompress(body, length).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(payload: &[u8]) -> Object {
        Object { kind: Kind::Block, payload: payload.to_vec() }
    }

    #[test]
    fn round_trips_raw_and_compressed() {
        for payload in [&b""[..], b"short", "a long prompt, again and again. ".repeat(100).as_bytes()] {
            let object = object(payload);
            assert_eq!(decode(&object.id(), &encode(&object)), Ok(object));
        }
    }

    #[test]
    fn flips_and_cuts_never_give_another_object() {
        let original = object("be kind to every caller. ".repeat(20).as_bytes());
        let (id, file) = (original.id(), encode(&original));
        for at in 0..file.len() {
            assert!(decode(&id, &file[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = file.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(read) = decode(&id, &flipped) {
                    assert_eq!(read, original, "byte {at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_claimed_length_beyond_the_limit_is_refused_before_decoding() {
        let original = object("x".repeat(100).as_bytes());
        let mut file = encode(&original);
        file[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode(&original.id(), &file).is_err());
    }
}
