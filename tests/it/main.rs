//! Runs the built binary as people and scripts do: one module per behaviour.

mod harness;
mod life;
mod schema;
mod stored;

mod config;
<<<<<<< HEAD
mod crash;
=======
mod diff;
>>>>>>> 05c3690f6eff9f43d12545344546c71ee6a2c1bf
mod errors;
mod flips;
mod fsck;
mod help;
mod init;
mod objects;
mod output;
mod reference;
