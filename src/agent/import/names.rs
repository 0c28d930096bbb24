//! The names of a history that are handles as they stand, found before its lines are taken: such a name
//! is no other agent's to be derived.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead, Read};

use crate::refs::Handle;

use super::history::LINE_MAX_BYTES;
use super::states::Key;

/// The names of a history that are handles. Takes some 20 bytes for each.
#[derive(Debug, Clone, Default)]
pub struct ExactNames(HashSet<Key>);

/// What of a line is looked at.
#[derive(serde::Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    agent: Cow<'a, str>,
}

impl ExactNames {
    /// The names in these lines. Lines that are wrong are passed over: the import will say so.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(reader: &mut dyn BufRead) -> io::Result<Self> {
        let mut found = Self::default();
        let mut line = Vec::new();
        let mut last = None;
        loop {
            line.clear();
            let len = Read::take(&mut *reader, LINE_MAX_BYTES).read_until(b'\n', &mut line)?;
            if len == 0 {
                return Ok(found);
            }
            let Ok(named) = serde_json::from_slice::<Named<'_>>(&line) else { continue };
            let key = Key::of(&named.agent);
            if last != Some(key) && named.agent.parse::<Handle>().is_ok() {
                found.0.insert(key);
            }
            last = Some(key);
        }
    }

    /// Whether a handle is such a name.
    pub(super) fn have(&self, handle: &Handle) -> bool {
        !self.0.is_empty() && self.0.contains(&Key::of(handle.as_str()))
    }
}
