//! Agents.

mod create;
mod duplicate;
mod edit;
mod show;

pub(super) use create::create;
pub(super) use duplicate::duplicate;
pub(super) use edit::{archive, edit};
pub(super) use show::{list, show};

/// The fields of an agent that are not part of its config, besides name and description, and what each may be.
const FIELDS: [(&str, Is); 4] = [
    ("telephonyProductId", Is::Product),
    ("allowInboundCall", Is::Flag),
    ("avatarUrl", Is::Text),
    ("visibleToEveryone", Is::Flag),
];

/// What a field of an agent may be.
#[derive(Debug, Clone, Copy)]
enum Is {
    Text,
    Flag,
    /// A text, in newer clients a list of them.
    Product,
}
