//! Block, tree, commit: the immutable objects, to and from bytes, and their limits.
//! Knows nothing of where objects live.

pub mod limits;

mod block;
mod commit;
mod id;
mod tree;

pub(crate) use block::is_device_name;
pub use block::{BlockName, Blocks, Content, NameError};
pub use commit::{Author, Commit};
pub use id::{Kind, Object, ObjectError, ObjectId};
pub use tree::{Entry, EntryKind, Tree};
