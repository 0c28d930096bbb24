//! Importing and exporting configs and histories.

/// Placeholder.
#[derive(Debug)]
pub struct ImportOptions;
/// Placeholder.
#[derive(Debug)]
pub struct ImportProgress;
/// Placeholder.
#[derive(Debug)]
pub struct ImportReport;
/// Placeholder.
#[derive(Debug)]
pub struct Snapshot;
