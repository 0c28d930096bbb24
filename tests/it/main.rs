//! Runs the built binary as people and scripts do: one module per behaviour.

mod harness;
mod life;
mod schema;
mod stored;

mod agents;
mod apply;
mod check;
mod config;
mod crash;
mod diff;
mod drafts;
mod errors;
mod flips;
mod format;
mod fsck;
mod help;
mod hostile;
mod import;
mod init;
mod kill;
mod log;
mod merge;
mod merge_verbs;
mod objects;
mod output;
mod publish;
mod readme;
mod reference;
mod rollback;
mod show;
mod sync;
mod timeline;
mod undo;
mod working_files;
mod worktree;
