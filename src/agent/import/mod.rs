//! Bringing configs in from elsewhere: one document, a directory of blocks, or a whole history of
//! any length. Reads from what the caller hands it; knows no files.

mod batch;
mod detect;
mod document;
mod history;
mod line;
mod names;
mod stage;
mod states;

#[cfg(test)]
mod tests;

pub use document::{BlockFiles, ImportOptions, ImportOutcome, ImportReport, agent_id as vendor_agent_id};
pub use history::{HistoryOptions, HistoryReport, HistoryStop, ImportProgress};
pub use names::ExactNames;
