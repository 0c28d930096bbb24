//! Two stores: fetching, pulling, pushing and cloning agents over any transport. Knows refs, versions and
//! chains; never what a block means. docs/architecture.md has the protocol.

pub mod bundle;

mod admit;
mod closure;
mod error;
mod followed;
mod http;
mod intake;
mod link;
mod mirror;
mod news;
mod parcel;
mod progress;
mod receive;
mod remote;
mod send;
mod store_transport;
mod thin;
mod transport;
pub mod wire;
mod written;

#[cfg(test)]
pub(crate) mod tests;

pub use admit::{Admitted, Power, admit};
pub use error::SyncError;
pub use http::{HttpBackend, HttpTransport, Token};
pub use link::{
    Drafts, Job, Left, Link, NewId, Pair, Renumbered, Scope, Synced, Taken, Tell, Why, new_id, own_work,
    take_over, way_on,
};
pub use mirror::{Follow, Hear, MIRROR_SETTING, mirrored, write_mirror};
pub use progress::Progress;
pub use receive::receive;
pub use remote::{ORIGIN, Remote, refuse_known, remote, remotes, remove_remote, write_remote};
pub use send::write_pack;
pub use store_transport::StoreTransport;
pub use transport::{AgentTip, LinesAsk, Listing, Need, PushOutcome, PushRequest, Take, Told, Transport};
