//! Two values to a change: paths, JSON values, texts, blocks and whole configs. Pure.
//! Knows nothing of files, of clocks or of what a config means.

pub mod path;

pub use path::{ListKeys, Path, PathError, Step};
