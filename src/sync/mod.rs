//! Two stores: fetching, pulling, pushing and cloning agents over any transport. Knows refs, versions and
//! chains; never what a block means. docs/architecture.md has the protocol.

mod closure;
mod error;
mod link;
mod news;
mod pairs;
mod path;
mod push;
mod receive;
mod remote;
mod transport;
mod view;

#[cfg(test)]
mod tests;

pub use error::SyncError;
pub use link::{Drafts, Link, Renumbered, Scope, Synced};
pub use pairs::Pair;
pub use path::PathTransport;
pub use receive::receive;
pub use remote::{ORIGIN, Remote, remote, remotes, remove_remote, write_remote};
pub use transport::{AgentTip, PushOutcome, PushRequest, Transport};
