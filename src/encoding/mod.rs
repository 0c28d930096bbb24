//! Bytes and values: strict JSON in, canonical JSON out, digests over framed payloads, hex.
//! Knows nothing of files, of objects or of what a config means.

pub mod canonical;
pub mod digest;
pub mod json;

#[cfg(test)]
mod tests;

pub use digest::{Digest, Frame};
