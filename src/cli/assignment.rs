//! `path=value` and its kin, as words of a command line.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::check::mask_text;
use crate::diff::path::Path;
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::profile::Input;

use super::context::Context;
use super::error::CliError;
use super::input;

/// One assignment, not yet read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment<'a> {
    path: &'a str,
    value: Source<'a>,
}

/// Where the value of an assignment comes from.
#[derive(Debug, Clone, PartialEq)]
enum Source<'a> {
    /// `path=text`.
    Text(&'a str),
    /// `path:=JSON`.
    Json(&'a str),
    /// `path=@FILE`, `path=@-`.
    File(&'a str),
    /// `path:=@FILE`.
    JsonFile(&'a str),
}

/// Splits at the first `=` that stands outside quotes.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '=' if !quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

impl<'a> Assignment<'a> {
    /// Reads `path=value`, `path:=JSON`, `path=@FILE` or `path:=@FILE`.
    ///
    /// # Errors
    /// When there is no `=`, or no path before it.
    pub(super) fn parse(text: &'a str) -> Result<Self, CliError> {
        let malformed = || {
            let shown: String = mask_text(text).chars().take(80).collect();
            CliError::usage(format!("'{shown}' is no assignment"))
                .hint("PATH=VALUE, PATH:=JSON, PATH=@FILE, or PATH=@- for stdin")
        };
        let (path, value) = split(text).ok_or_else(malformed)?;
        let (path, is_json) = match path.strip_suffix(':') {
            Some(path) => (path, true),
            None => (path, false),
        };
        if path.is_empty() {
            return Err(malformed());
        }
        let value = match (is_json, value.strip_prefix('@')) {
            (false, None) => Source::Text(value),
            (true, None) => Source::Json(value),
            (false, Some(file)) => Source::File(file),
            (true, Some(file)) => Source::JsonFile(file),
        };
        Ok(Self { path, value })
    }

    /// The path.
    ///
    /// # Errors
    /// When it is malformed.
    pub(super) fn path(&self) -> Result<Path, CliError> {
        Ok(Path::from_str(self.path)?)
    }

    /// Whether the value is what stdin holds.
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self.value, Source::File("-") | Source::JsonFile("-"))
    }

    /// The value, read from where it comes from.
    ///
    /// # Errors
    /// When the file cannot be read, is no UTF-8, or the value is no JSON where it should be.
    pub(super) fn input(&self, ctx: &Context) -> Result<Input, CliError> {
        match self.value {
            Source::Text(text) => Ok(Input::Text(text.to_owned())),
            Source::Json(text) => self.json(text.as_bytes()),
            Source::JsonFile(file) => self.json(&read(ctx, file)?),
            Source::File(file) => match String::from_utf8(read(ctx, file)?) {
                Ok(text) => Ok(Input::Text(text)),
                Err(error) => {
                    let (at, file) = (error.utf8_error().valid_up_to(), named(file));
                    Err(CliError::new(Kind::Invalid, format!("{file} is not UTF-8 from byte {at} on")))
                }
            },
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Input, CliError> {
        let value = json::parse(bytes).map_err(|error| {
            let problem = CliError::from(error);
            problem.details([format!("in the value of '{}'", self.path)])
        })?;
        Ok(Input::Json(value))
    }
}

fn read(ctx: &Context, file: &str) -> Result<Vec<u8>, CliError> {
    input::read(ctx, Some(file), BLOCK_MAX_BYTES as u64)
}

fn named(file: &str) -> String {
    if file == "-" { "stdin".to_owned() } else { format!("'{file}'") }
}

/// Fields of metadata from `name=value` and `name:=JSON`.
///
/// # Errors
/// As [`Assignment::parse`] and [`Assignment::input`].
pub(super) fn fields(ctx: &Context, words: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut map = Map::new();
    for word in words {
        let assignment = Assignment::parse(word)?;
        let value = match assignment.input(ctx)? {
            Input::Text(text) => Value::String(text),
            Input::Json(value) => value,
        };
        map.insert(assignment.path.to_owned(), value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, path: &str, value: Source<'_>) {
        assert_eq!(Assignment::parse(text).expect(text), Assignment { path, value }, "{text}");
    }

    #[test]
    fn every_form_is_told_apart() {
        check("voice.speed=1.2", "voice.speed", Source::Text("1.2"));
        check("prompt=", "prompt", Source::Text(""));
        check("prompt=a=b", "prompt", Source::Text("a=b"));
        check("tools:=[]", "tools", Source::Json("[]"));
        check("prompt=@p.md", "prompt", Source::File("p.md"));
        check("prompt=@-", "prompt", Source::File("-"));
        check("tools:=@t.json", "tools", Source::JsonFile("t.json"));
        check("a.\"x=y\"=1", "a.\"x=y\"", Source::Text("1"));
        check("url=http://a:80", "url", Source::Text("http://a:80"));
    }

    #[test]
    fn what_assigns_nothing_is_refused() {
        for bad in ["", "prompt", "=x", ":=1", "a.\"b=c"] {
            assert_eq!(Assignment::parse(bad).expect_err(bad).code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn a_secret_without_its_path_is_not_repeated() {
        let CliError::Failed(failure) =
            Assignment::parse("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789").expect_err("no assignment")
        else {
            panic!("a failure")
        };
        assert!(!failure.message.contains("abcdefgh"), "{}", failure.message);
    }
}
