//! Looking back: the revision grammar, a log read forwards and backwards, ancestry. Reads through
//! the backend; knows refs and records, not what an agent means.

mod ancestry;
mod ends;
mod lines;
mod revision;

pub use ancestry::{commit, descends_from, is_ancestor, merge_base};
pub use ends::{End, ends, records};
pub use lines::{HistoryError, LogLines, Order};
pub(crate) use revision::is_prefix;
pub use revision::{Range, Revision, RevisionError, Spec};
