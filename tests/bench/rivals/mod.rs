//! The same durable work done by others.

pub(crate) mod git;
pub(crate) mod http_backend;
pub(crate) mod sqlite;
