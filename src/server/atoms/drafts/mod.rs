//! Drafts.

mod change;
mod config;
mod diff;
mod fork;
mod publish;
mod show;

pub(super) use change::{discard, rename};
pub(super) use config::{configure, recognised};
pub(super) use diff::diff;
pub(super) use fork::fork;
pub(super) use publish::publish;
pub(super) use show::{list, show};

use crate::refs::Handle;
use crate::server::ask::Ask;
use crate::server::problem::Problem;

/// Most names that are tried for a draft.
const NAMES_MAX: u32 = 1000;
/// Longest name of a draft, in characters.
const NAME_MAX_CHARS: usize = 100;

/// A name for a draft that nothing else has: of its title, numbered where that is taken. `own` is one that it
/// may keep.
fn free_name(ask: &Ask<'_>, agent: &Handle, title: &str, own: Option<&Handle>) -> Result<Handle, Problem> {
    let base = Handle::derive(title).filter(|name| !means_a_version(name.as_str()));
    let base = base.unwrap_or_else(|| "draft".parse().expect("a handle"));
    let taken = ask.agents.info(agent)?.drafts;
    let is_free = |name: &Handle| own == Some(name) || !taken.contains(name);
    let numbered = (2..NAMES_MAX).map(|number| base.numbered(number));
    let free = std::iter::once(base.clone()).chain(numbered).find(is_free);
    free.ok_or_else(|| super::input::bad(format!("there are too many drafts called '{base}'")))
}

/// Whether a name means one of the versions where agents are named with their revisions.
fn means_a_version(name: &str) -> bool {
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    ["active", "latest"].contains(&name) || name.strip_prefix('v').is_some_and(is_number)
}
