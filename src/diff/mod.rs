//! Two values to a change: paths, JSON values, texts, blocks and whole configs. Pure.
//! Knows nothing of files, of clocks or of what a config means.

pub mod blocks;
pub mod config;
pub mod json;
pub mod path;
pub mod text;

pub use blocks::{BlockChange, BlockChangeKind, Stat, compare_blocks};
pub use config::{ConfigDiff, FieldChange, TextChange, compare_configs};
pub use json::{Change, ChangeKind, apply, compare};
pub use path::{ListKeys, Path, PathError, Step};
pub use text::{Hunk, Line, Tag};
