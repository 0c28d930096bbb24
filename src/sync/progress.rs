//! How far what travels has come: told as it goes, to whoever wants to show it.

use std::fmt;
use std::io::{self, Read};

/// Is told what has travelled, whichever way it went. Several threads may tell it.
pub trait Progress: fmt::Debug + Sync {
    /// So many more bytes.
    fn bytes(&self, count: u64);

    /// So many more objects.
    fn objects(&self, count: u64);
}

/// Nobody who wants to know.
#[derive(Debug)]
pub(super) struct Untold;

impl Progress for Untold {
    fn bytes(&self, _: u64) {}

    fn objects(&self, _: u64) {}
}

/// Bytes that are read, and told as they are.
pub(super) struct Metered<'s> {
    source: &'s mut dyn Read,
    progress: &'s dyn Progress,
}

impl<'s> Metered<'s> {
    pub(super) fn new(source: &'s mut dyn Read, progress: &'s dyn Progress) -> Self {
        Self { source, progress }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.progress.bytes(read as u64);
        Ok(read)
    }
}
