//! The grammar of a path: fields with dots between them, list entries in brackets.
//!
//! `path = "." | (field | entry) *("." field | entry)`, `entry = "[" key "]"`; a field or key is
//! bare or a JSON string.

use crate::object::limits::JSON_MAX_DEPTH;

use super::{PathError, Step};

/// Whether `[]`, which stands for every entry of a list, may occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    Accepted,
    Refused,
}

/// The steps of a path; none stands for `[]`.
pub(super) fn parts(text: &str, items: Items) -> Result<Vec<Option<Step>>, PathError> {
    let mut parser = Parser { text, at: 0 };
    let mut parts = Vec::new();
    if text == "." {
        return Ok(parts);
    }
    if text.is_empty() {
        return Err(parser.malformed("the path is empty ('.' is the whole document)"));
    }
    while parser.at < text.len() {
        if parts.len() == JSON_MAX_DEPTH {
            return Err(parser.malformed("there are too many steps"));
        }
        if parser.eat('[') {
            parts.push(parser.entry(items)?);
        } else if parts.is_empty() || parser.eat('.') {
            parts.push(Some(Step::Field(parser.field()?)));
        } else {
            return Err(parser.malformed("'.' or '[' was expected"));
        }
    }
    Ok(parts)
}

/// Whether a field's name is written without quotes.
pub(super) fn is_bare_field(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-$@".contains(c))
}

/// Whether an entry's key is written without quotes.
pub(super) fn is_bare_key(key: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "_-$@.:/+".contains(c);
    !key.is_empty() && key.chars().all(plain) && as_index(key).is_none()
}

/// The position that a text stands for: decimal digits, without leading zeros.
pub(crate) fn as_index(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok()).flatten()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        let taken = self.rest()[..end].to_owned();
        self.at += end;
        taken
    }

    fn field(&mut self) -> Result<String, PathError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let name = self.take_while(|c| !".[]\"".contains(c) && !c.is_whitespace() && !c.is_control());
        if name.is_empty() {
            return Err(self.malformed("a field name was expected"));
        }
        Ok(name)
    }

    /// What stands between brackets, the first of which has been read.
    fn entry(&mut self, items: Items) -> Result<Option<Step>, PathError> {
        let step = if self.rest().starts_with('"') {
            Some(Step::Key(self.quoted()?))
        } else {
            if self.rest().starts_with(char::is_whitespace) {
                return Err(self.malformed("a key or a position was expected"));
            }
            let key = self.take_while(|c| !"[]\"".contains(c) && !c.is_control());
            match as_index(&key) {
                _ if key.is_empty() && items == Items::Accepted => None,
                _ if key.is_empty() => return Err(self.malformed("a key or a position was expected")),
                Some(index) => Some(Step::Index(index)),
                None if key.ends_with(char::is_whitespace) => {
                    return Err(self.malformed("a key that ends with a space must be in quotes"));
                }
                None => Some(Step::Key(key)),
            }
        };
        if !self.eat(']') {
            return Err(self.malformed("']' was expected"));
        }
        Ok(step)
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let mut strings = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
        let Some(Ok(text)) = strings.next() else {
            return Err(self.malformed("a JSON string starts here and is not well formed"));
        };
        self.at += strings.byte_offset();
        Ok(text)
    }

    fn malformed(&self, reason: &'static str) -> PathError {
        let position = self.text[..self.at].chars().count() + 1;
        PathError::Malformed { path: self.text.to_owned(), position, reason }
    }
}
