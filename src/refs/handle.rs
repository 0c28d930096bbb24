//! Handles: the names of agents, drafts, environments and channels. A handle is a path component,
//! so its grammar is what every file system agrees on.

use std::fmt;
use std::str::FromStr;

use crate::error::{Classify, Kind};
use crate::object::is_device_name;

/// Longest handle, in bytes.
pub(super) const HANDLE_MAX_BYTES: usize = 63;

/// A name: `[a-z0-9][a-z0-9._-]{0,62}`, without `..`, a trailing dot or a device's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(String);

/// A text cannot be a handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' cannot be a name: {reason}", shortened(.text))]
pub struct HandleError {
    /// The text refused.
    pub text: String,
    /// Why.
    pub reason: &'static str,
}

impl Classify for HandleError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        Handle::derive(&self.text).map(|handle| format!("'{handle}' would do"))
    }
}

/// The first 80 characters, without control characters: names may come from anywhere.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().count() > 80 {
        short.push_str("...");
    }
    short
}

impl Handle {
    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Derives a handle from a title (`Sales Agent` gives `sales-agent`); `None` when nothing of
    /// the title can stand in a handle.
    pub fn derive(title: &str) -> Option<Self> {
        let mut text = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !text.ends_with('.')) {
                text.push(c);
            } else if !text.is_empty() && !text.ends_with('-') {
                text.push('-');
            }
            if text.len() == HANDLE_MAX_BYTES {
                break;
            }
        }
        let text = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        text.parse().ok()
    }

    /// This handle with `-2`, `-3`, ... appended, cut to fit.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let suffix = format!("-{number}");
        let keep = self.0.len().min(HANDLE_MAX_BYTES - suffix.len());
        let stem = self.0[..keep].trim_end_matches(['.', '-', '_']);
        Self(format!("{stem}{suffix}"))
    }
}

impl FromStr for Handle {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        let refuse = |reason| Err(HandleError { text: text.to_owned(), reason });
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > HANDLE_MAX_BYTES {
            return refuse("it has more than 63 characters");
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return refuse("names are lower case, so that no two differ by case alone");
        }
        if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)) {
            return refuse("only a-z, 0-9, '.', '_' and '-' may stand in a name");
        }
        if !starts_well {
            return refuse("it must begin with a letter or a digit");
        }
        if text.contains("..") || text.ends_with('.') {
            return refuse("it must not contain '..' or end with a dot");
        }
        if is_device_name(text) {
            return refuse("some systems take it for a device");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_file_system_should_see_is_refused() {
        let long = "x".repeat(300);
        for bad in [
            "", ".", "..", "../x", "a/b", "CON", "con", "nul.txt", "com7", "Support", "-x", "x.", "a..b",
            "ü", "a b", &long,
        ] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
        for good in ["support", "a", "9to5", "v1.2_x-y", "console"] {
            assert!(good.parse::<Handle>().is_ok(), "{good}");
        }
    }

    #[test]
    fn titles_become_handles() {
        let check = |title: &str, expected: Option<&str>| {
            assert_eq!(Handle::derive(title).map(|h| h.to_string()).as_deref(), expected, "{title}");
        };
        check("Sales Agent", Some("sales-agent"));
        check("  Größe: 3 & mehr!  ", Some("gr-e-3-mehr"));
        check("日本語", None);
        check("CON", None);
        check(&"x y ".repeat(60), Some("x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y-x-y"));
    }

    #[test]
    fn numbering_stays_within_the_limit() {
        let long: Handle = "x".repeat(63).parse().expect("a handle");
        let numbered = long.numbered(12);
        assert_eq!(numbered.as_str().parse(), Ok(numbered.clone()));
        assert!(numbered.as_str().ends_with("-12"));
    }

    #[test]
    fn the_hint_offers_a_name_that_works() {
        let error = "Support Desk".parse::<Handle>().expect_err("upper case");
        assert_eq!(error.hint().as_deref(), Some("'support-desk' would do"));
    }
}
