//! What is wrong with a working file, and where in it.

use std::fmt;

/// What is wrong with a working file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, relative to the working directory.
    pub file: String,
    /// The line and the column, in characters, both from 1; `None` when it is about the file as a whole.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// Something wrong with a file as a whole.
    pub(super) fn of(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), at: None, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some((line, column)) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}
