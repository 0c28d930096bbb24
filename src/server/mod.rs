//! A store behind HTTP: one process, any number of clients, one folder for each API. Knows transports and
//! what they answer; never the files of the store, and prints nothing.
//!
//! Connections and headers are async; everything that touches the store runs on threads of its own, as many
//! as requests may be worked on at once.

mod advice;
mod api;
mod ask;
mod atoms;
mod body;
mod call;
mod caller;
mod fields;
mod health;
mod hot;
mod ignored;
mod limits;
mod metrics;
mod observe;
mod problem;
mod query;
mod render;
mod run;
mod shown;
mod socket;
mod store;
mod stream;
mod sync;
mod thinnest;
mod tls;
mod turn;

#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use run::{Options, Server, ServerError, Stop, Stopper, stopper};
pub use tls::{Identity, TlsError};

/// The description of the native API (OpenAPI 3.1), as the server sends it.
pub fn api_description() -> &'static str {
    api::description()
}
