//! Bundles: a store, or what is new in it, as one file to carry. Described byte by byte in docs/format.md.
//!
//! [`create`] writes one from any store that can be reached; [`Bundle`] reads one, and trusts nothing: the
//! digest of the whole file is compared before anything is used, lengths are held against limits before
//! anything is allocated. [`BundleTransport`] makes it a remote that can be read, so that clone, fetch and
//! pull are the same code as everywhere; [`verify`] looks at every byte.

mod create;
mod error;
mod file;
mod format;
mod manifest;
mod reader;
mod standing;
mod transport;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use create::{Basis, Created, Since, create};
pub use error::{BundleError, Missing};
pub use file::{Existing, is_bundle, write_file};
pub use manifest::{BundledAgent, BundledChain, BundledPack, Manifest, Needs};
pub use reader::Bundle;
pub use standing::known_in;
pub use transport::BundleTransport;
pub use verify::{Verified, verify};
