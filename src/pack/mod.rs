//! Packs: many objects in one immutable run of bytes, named by its content. The unit of transfer and
//! of bundles, and the form in which objects rest. Described byte by byte in docs/format.md.
//!
//! Knows objects and bytes, never files. [`PackWriter`] makes a pack, [`Pack`] finds objects in one
//! that lies in memory, [`PackStream`] takes one in as it arrives, [`order`] says in which order to
//! add the objects of a history.
//!
//! Every reader trusts nothing: lengths are held against limits before anything is allocated, deltas
//! build only on records before them and within a window, chains and the expansion of the whole are
//! bounded, and an object is what hashes to its id. That a tree or a commit decodes, and that what it
//! names exists, is for those above to see.

pub mod limits;
pub mod order;

mod codec;
mod decoded;
mod error;
mod format;
mod index;
mod naming;
mod reader;
mod record;
mod stream;
mod window;
mod writer;

#[cfg(test)]
mod tests;

pub use codec::Effort;
pub use decoded::Decoded;
pub use error::PackError;
pub use format::{PackId, is_thin};
pub use reader::Pack;
pub use stream::{PackStream, Packed};
pub use writer::{PackSummary, PackWriter};
