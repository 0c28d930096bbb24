//! Versions.

mod activate;
mod compare;
mod edit;
mod show;

pub(super) use activate::{activate, stands};
pub(super) use compare::{diff, metrics};
pub(super) use edit::edit;
pub(super) use show::{list, show};
