//! recto: git for agent configs.
//!
//! A content-addressed store that keeps every version of every voice or chat agent's
//! configuration, lets people edit drafts offline, publish immutable versions, choose which
//! version serves live calls, and prove afterwards what served when.
//!
//! A module imports only from the modules listed before it; `tests/tidy` enforces that.
//! `docs/architecture.md` is the map.

pub mod cache;
pub mod clock;
pub mod error;

pub mod encoding;

pub mod disk;

pub mod object;

pub mod diff;
pub mod merge;

pub mod log;
pub mod pack;
pub mod refs;

pub mod backend;

pub mod history;

pub mod repo;

pub mod check;
pub mod profile;

pub mod agent;

pub mod release;

pub mod worktree;

pub mod sync;

pub mod access;

pub mod webhook;

pub mod server;

pub mod cli;
