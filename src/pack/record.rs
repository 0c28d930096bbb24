//! The head of one record, to and from bytes: what it holds, how, and on what it builds.

use std::io::{self, Read};

use crate::object::{Kind, ObjectId};

use super::{PackError, codec};

/// How a record's body stands for its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// The body is the payload.
    Raw,
    /// One zstd frame without its magic number.
    Zstd,
    /// Such a frame, whose prefix is the payload of the record that begins so many bytes before.
    Delta {
        /// From this record's first byte back to that of the other, never 0.
        back: u64,
    },
    /// Such a frame, whose prefix is the payload of an object outside the pack.
    ThinDelta {
        /// The object.
        base: ObjectId,
    },
}

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const DELTA: u8 = 2;
const THIN_DELTA: u8 = 3;

/// What stands before a record's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// What the payload is.
    pub(super) kind: Kind,
    /// How the body stands for it.
    pub(super) codec: Codec,
    /// Length of the payload, in bytes; at most what its kind allows.
    pub(super) payload_bytes: usize,
    /// Length of the body, in bytes; that of the payload when raw, less otherwise.
    pub(super) body_bytes: usize,
}

/// The byte in a head's place that says that no record follows.
pub(super) const END: u8 = 0;
/// Length of a record's checksum, in bytes.
pub(super) const CHECKSUM_BYTES: usize = 4;
/// Longest head, in bytes.
const HEAD_MAX_BYTES: usize = 1 + 4 + 4 + ObjectId::LEN;

impl Head {
    /// The head as it is stored.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let codec = match self.codec {
            Codec::Raw => RAW,
            Codec::Zstd => ZSTD,
            Codec::Delta { .. } => DELTA,
            Codec::ThinDelta { .. } => THIN_DELTA,
        };
        let mut bytes = Vec::with_capacity(HEAD_MAX_BYTES);
        bytes.push(codec << 4 | self.kind.as_byte());
        put_number(&mut bytes, self.payload_bytes as u64);
        if self.codec != Codec::Raw {
            put_number(&mut bytes, self.body_bytes as u64);
        }
        match self.codec {
            Codec::Raw | Codec::Zstd => {}
            Codec::Delta { back } => put_number(&mut bytes, back),
            Codec::ThinDelta { base } => bytes.extend_from_slice(base.as_bytes()),
        }
        bytes
    }

    /// Reads the head of the record at `offset`; `None` where the records end.
    pub(super) fn read(source: &mut impl Read, offset: u64, thin: bool) -> Result<Option<Self>, PackError> {
        let io = |error| PackError::reading(error, offset);
        let malformed = |reason| PackError::Record { offset, reason };
        let tag = byte(source).map_err(io)?;
        if tag == END {
            return Ok(None);
        }
        let kind = Kind::from_byte(tag & 0x0f).ok_or(PackError::UnknownKind { offset, kind: tag & 0x0f })?;
        let codec = tag >> 4;
        if codec > THIN_DELTA {
            return Err(PackError::UnknownCodec { offset, codec });
        }
        let mut number =
            || number(source).map_err(io)?.ok_or(malformed("a number is not in its shortest form"));
        let size_bytes = number()?;
        let payload_bytes = usize::try_from(size_bytes).ok().filter(|size| *size <= kind.max_bytes());
        let too_large = PackError::TooLarge { offset, size_bytes, max_bytes: kind.max_bytes() };
        let payload_bytes = payload_bytes.ok_or(too_large)?;
        let body_bytes = if codec == RAW { size_bytes } else { number()? };
        if codec != RAW && body_bytes >= size_bytes {
            return Err(malformed("its body is not smaller than its payload"));
        }
        let body_bytes = usize::try_from(body_bytes).expect("it is at most the payload's length");
        let codec = match codec {
            RAW => Codec::Raw,
            ZSTD => Codec::Zstd,
            DELTA => match number()? {
                0 => return Err(malformed("it builds on itself")),
                back => Codec::Delta { back },
            },
            _ if !thin => return Err(malformed("it builds on an object outside a pack that is not thin")),
            _ => {
                let mut base = [0; ObjectId::LEN];
                source.read_exact(&mut base).map_err(io)?;
                Codec::ThinDelta { base: ObjectId::from_bytes(base) }
            }
        };
        Ok(Some(Self { kind, codec, payload_bytes, body_bytes }))
    }

    /// The payload that the body of this record, at `offset`, stands for.
    pub(super) fn payload(self, body: &[u8], base: Option<&[u8]>, offset: u64) -> Result<Vec<u8>, PackError> {
        match self.codec {
            Codec::Raw => Ok(body.to_vec()),
            _ => codec::decode(body, base, self.payload_bytes)
                .map_err(|reason| PackError::Record { offset, reason }),
        }
    }
}

fn byte(source: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    source.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Reads such a number of at most 42 bits; `None` when it is not in its shortest form.
fn number(source: &mut impl Read) -> io::Result<Option<u64>> {
    let mut number = 0;
    for shift in (0..42).step_by(7) {
        let byte = byte(source)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((byte != 0 || shift == 0).then_some(number));
        }
    }
    Ok(None)
}
