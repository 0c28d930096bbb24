//! What a server and its clients say to each other: the names of headers and routes, JSON shapes, items in
//! a run of bytes. docs/sync-protocol.md describes it; knows nothing of sockets.

mod commit;
mod failure;
mod items;
mod push;
mod shapes;
pub mod store;
mod text;

pub use commit::{
    CommitAnswer, OutcomeShape, read_objects, read_operations, write_objects, write_operations,
};
pub use failure::{Cause, Failure, Told as ToldFailure};
pub use items::{WireError, expanded, read_bytes, read_item, write_item};
pub use push::{PushAnswer, PushResult, read_requests, write_requests};
pub use shapes::{
    Asks, Chains, Handles, HeadShape, Lacking, Lacks, LinesItem, Listed, Needs, ObjectsItem, Packs,
    StagedShape, TipShape, Tips,
};
pub use text::Text;

/// The version of the protocol that this build speaks: the number in the routes, and of the header.
pub const PROTOCOL: u32 = 1;
/// The header that carries the version of the protocol, both ways.
pub const PROTOCOL_HEADER: &str = "recto-protocol";
/// The header that carries the id of the store, with every answer.
pub const STORE_HEADER: &str = "recto-store";
/// The header that carries the id of a request, both ways.
pub const REQUEST_HEADER: &str = "x-request-id";
/// What all routes begin with.
pub const ROOT: &str = "/sync/v1";

/// The type of JSON documents.
pub const JSON_TYPE: &str = "application/json";
/// The type of items in a run of bytes, compressed.
pub const ITEMS_TYPE: &str = "application/vnd.recto.items+zstd";
/// The type of items in a run of bytes, as they are: what they carry is compressed itself.
pub const PLAIN_ITEMS_TYPE: &str = "application/vnd.recto.items";
/// The type of packs.
pub const PACK_TYPE: &str = "application/vnd.recto.pack";

/// Bytes that are handed on at once, in a run of items.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Longest line of JSON that introduces an item, in bytes.
pub const ITEM_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Largest JSON document, in bytes as it is uncompressed: a listing of a million agents has 250 MB.
pub const JSON_MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Largest window that a compressed run of bytes may ask its reader for, as a power of two.
pub const WINDOW_LOG_MAX: u32 = 27;
