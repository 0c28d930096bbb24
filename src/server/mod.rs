//! A store behind HTTP: one process, any number of clients, one folder for each API. Knows transports and
//! what they answer; never the files of the store, and prints nothing.
//!
//! Connections and headers are async; everything that touches the store runs on threads of its own, as many
//! as requests may be worked on at once.

mod body;
mod call;
mod health;
mod limits;
mod observe;
mod problem;
mod run;
mod socket;
mod stream;
mod sync;

#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use run::{Options, Server, ServerError, Stop, Stopper, stopper};
