//! Runs the built binary as people and scripts do: one module per behaviour.

mod harness;
mod life;
mod schema;
mod stored;

mod apply;
mod config;
mod crash;
mod diff;
mod errors;
mod flips;
mod fsck;
mod help;
mod init;
mod objects;
mod output;
mod reference;
mod worktree;
