//! Runs the built binary as people and scripts do: one module per behaviour.

mod harness;
mod schema;

mod config;
mod errors;
mod fsck;
mod help;
mod init;
mod objects;
mod output;
mod reference;
