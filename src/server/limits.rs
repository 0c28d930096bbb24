//! What a server takes from its clients, and how long it waits for them. docs/limits.md lists it.

use std::time::Duration;

/// What a server takes from its clients, and how long it waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait to be taken.
    pub connections: usize,
    /// Requests that are worked on at once; more wait.
    pub requests: usize,
    /// Those of them that bring objects: staged packs and pushes.
    pub uploads: usize,
    /// How long a request waits for its turn.
    pub turn: Duration,
    /// How long the headers of a request may take, and a connection may be idle.
    pub headers: Duration,
    /// Headers of a request.
    pub headers_count: usize,
    /// How long a body may take on top of what its length allows.
    pub body: Duration,
    /// How fast a body comes at least, in bytes a second.
    pub body_bytes_per_second: u64,
    /// How long a client may take nothing of its answer.
    pub stall: Duration,
    /// How long requests that are under way may take when the server is to end.
    pub drain: Duration,
    /// Largest JSON of a request, uncompressed, in bytes.
    pub json_bytes: u64,
    /// Largest push, uncompressed, in bytes.
    pub push_bytes: u64,
    /// Largest pack that is staged, in bytes.
    pub stage_bytes: u64,
    /// What bodies of all requests may take in memory together, in bytes.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            requests: 64,
            uploads: 32,
            turn: Duration::from_secs(10),
            headers: Duration::from_secs(30),
            headers_count: 100,
            body: Duration::from_secs(30),
            body_bytes_per_second: 16 * 1024,
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            json_bytes: 64 * 1024 * 1024,
            push_bytes: 256 * 1024 * 1024,
            stage_bytes: 64 * 1024 * 1024 * 1024,
            memory_bytes: 1024 * 1024 * 1024,
        }
    }
}
