//! The text of a token: random, shown once, and kept nowhere.

use std::fmt;

use crate::encoding::{Digest, Frame};

use super::AccessError;

/// How the text of every token begins, so that scanners for secrets know it.
const PREFIX: &str = "recto_";
/// Random bytes of a token: nobody guesses them, so a plain hash of them may be kept.
const SECRET_BYTES: usize = 32;

/// The text of a token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> Result<Self, AccessError> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| AccessError::Random(error.to_string()))?;
        Ok(Self::of(bytes))
    }

    /// The one of these bytes.
    pub(super) fn of(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", Digest::from_bytes(bytes)))
    }

    /// The text, to be shown once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of a token's text.
    pub fn hash(text: &str) -> Digest {
        Digest::of(Frame::Token, text.trim().as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
