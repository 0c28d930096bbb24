//! The recursive descent: values, arrays, objects, and where a fault lies. Depth is limited, so
//! the stack is too.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::DEFAULT_MAX_DEPTH;
use super::error::{JsonErrorKind as Problem, pointer_step};
use super::number;

/// A fault on its way out: each array or object that it passes adds its step of the path. Boxed,
/// because faults are rare and results are moved all the time.
#[derive(Debug)]
pub(super) struct Fault(Box<FaultParts>);

#[derive(Debug)]
struct FaultParts {
    kind: Problem,
    /// Byte offset.
    at: usize,
    /// Steps of the pointer, innermost first.
    steps: Vec<String>,
}

impl Fault {
    #[cold]
    pub(super) fn new(at: usize, kind: Problem) -> Self {
        Self(Box::new(FaultParts { kind, at, steps: Vec::new() }))
    }

    fn within(mut self, step: String) -> Self {
        self.0.steps.push(step);
        self
    }

    /// What is wrong, at which byte offset, and the JSON pointer to it.
    pub(super) fn into_parts(self) -> (Problem, usize, String) {
        let pointer = self.0.steps.iter().rev().map(String::as_str).collect();
        (self.0.kind, self.0.at, pointer)
    }
}

pub(super) type Parsed<T> = Result<T, Fault>;

/// A document and how far it has been read.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    /// Byte offset of what is read next.
    pub(super) at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// Reads the whole document.
    pub(super) fn document(&mut self) -> Parsed<Value> {
        self.skip_whitespace();
        if self.at == self.bytes.len() {
            return Err(Fault::new(0, Problem::Empty));
        }
        let value = self.value(0)?;
        self.skip_whitespace();
        if self.at < self.bytes.len() {
            return Err(self.fault(Problem::TrailingData));
        }
        Ok(value)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Something is wrong with what stands here.
    pub(super) fn fault(&self, kind: Problem) -> Fault {
        Fault::new(self.at, kind)
    }

    /// What stands here is not `expected`.
    #[cold]
    fn unexpected(&self, expected: &'static str) -> Fault {
        self.fault(match self.text[self.at..].chars().next() {
            Some(found) => Problem::Unexpected { found, expected },
            None => Problem::UnexpectedEnd(expected),
        })
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads a value inside `depth` arrays and objects; the parser stands at its first byte.
    fn value(&mut self, depth: usize) -> Parsed<Value> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.literal(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn enter(&mut self, depth: usize) -> Parsed<()> {
        if depth == DEFAULT_MAX_DEPTH {
            return Err(self.fault(Problem::TooDeep { max_depth: DEFAULT_MAX_DEPTH }));
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Parsed<Vec<Value>> {
        self.enter(depth)?;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            match self.value(depth + 1) {
                Ok(item) => items.push(item),
                Err(fault) => return Err(fault.within(format!("/{}", items.len()))),
            }
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                _ => return Err(self.unexpected("',' or ']'")),
            }
            self.skip_whitespace();
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Map<String, Value>> {
        self.enter(depth)?;
        let mut fields = Map::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(fields);
        }
        loop {
            self.field(depth, &mut fields)?;
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(fields);
                }
                _ => return Err(self.unexpected("',' or '}'")),
            }
            self.skip_whitespace();
        }
    }

    fn field(&mut self, depth: usize, fields: &mut Map<String, Value>) -> Parsed<()> {
        let key_at = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let slot = match fields.entry(self.string()?) {
            Entry::Vacant(slot) => slot,
            Entry::Occupied(taken) => {
                return Err(Fault::new(key_at, Problem::DuplicateKey(taken.key().clone())));
            }
        };
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("':'"));
        }
        self.at += 1;
        self.skip_whitespace();
        match self.value(depth + 1) {
            Ok(value) => slot.insert(value),
            Err(fault) => return Err(fault.within(pointer_step(slot.key()))),
        };
        Ok(())
    }

    /// The run of bytes here for which `belongs` holds; they are ASCII.
    fn token(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn literal(&mut self) -> Parsed<Value> {
        let start = self.at;
        match self.token(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "null" => Ok(Value::Null),
            word => Err(Fault::new(start, Problem::BadLiteral(word.to_owned()))),
        }
    }

    /// A number takes in every letter that touches it, so that the message quotes all of it.
    fn number(&mut self) -> Parsed<Number> {
        let start = self.at;
        let token = self.token(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if let Some(whole) = short_whole(token) {
            return Ok(Number::from(whole));
        }
        number::read(token).map_err(|kind| Fault::new(start, kind))
    }
}

/// The value of a token that is nothing but up to 15 digits, which every double holds.
fn short_whole(token: &str) -> Option<i64> {
    let plain = token.len() <= 15 && token.bytes().all(|b| b.is_ascii_digit());
    if !plain || (token.starts_with('0') && token.len() > 1) {
        return None;
    }
    Some(token.bytes().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}
