//! The built-in profiles, and what may be done with configs under them.

use serde_json::{Value, json};

use super::*;

mod blocks;
mod builtin;
mod change;
mod documents;
mod files;
mod judge;
mod limits;
mod merging;

/// The profile of the Atoms API.
fn atoms() -> &'static Profile {
    Profile::builtin("atoms").expect("a built-in profile")
}

/// A path.
fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

/// Problems as lines.
fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
