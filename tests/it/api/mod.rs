//! The native API, asked over HTTP of a server process of its own.

mod client;
mod conditions;
mod described;
mod events;
mod once;
mod roles;
mod routes;
mod strangers;
