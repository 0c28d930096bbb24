//! On which line of a JSON text each of its values begins. The text has been parsed before, so it is
//! known to be well-formed.

use std::collections::BTreeMap;

use crate::encoding::json;

/// The line, from 1, of every value of a document, by its JSON pointer.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Finds the lines of a well-formed document; none of one that is not.
    pub(super) fn of(text: &str) -> Self {
        let mut scan = Scan { text, at: 0, line: 1, found: BTreeMap::new() };
        match scan.value("") {
            Some(()) => Self(scan.found),
            None => Self::default(),
        }
    }

    /// The line of the value at a pointer. Where the document is wrapped, or holds a part of the config
    /// only, the value whose pointer ends most alike; where there is none, what holds it.
    pub(super) fn line(&self, pointer: &str) -> usize {
        let mut whole = pointer;
        while !whole.is_empty() {
            if let Some(line) = self.ending(whole) {
                return line;
            }
            whole = &whole[..whole.rfind('/').unwrap_or(0)];
        }
        1
    }

    /// The line of the value whose pointer ends as this one does, which may lose its first steps.
    fn ending(&self, pointer: &str) -> Option<usize> {
        let mut part = pointer;
        loop {
            if let Some(line) = self.0.get(part) {
                return Some(*line);
            }
            let inside = self.0.iter().filter(|(known, _)| known.ends_with(part));
            if let Some((_, line)) = inside.min_by_key(|(known, _)| known.len()) {
                return Some(*line);
            }
            part = &part[part[1..].find('/').map(|at| at + 1)?..];
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    found: BTreeMap<String, usize>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space to the next byte that means something.
    fn next(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek().filter(u8::is_ascii_whitespace) {
            self.line += usize::from(byte == b'\n');
            self.at += 1;
        }
        self.peek()
    }

    fn value(&mut self, pointer: &str) -> Option<()> {
        let first = self.next()?;
        self.found.insert(pointer.to_owned(), self.line);
        match first {
            b'{' => self.items(b'}', |scan, _| {
                let start = scan.at;
                scan.string()?;
                let key = json::parse(&scan.text.as_bytes()[start..scan.at]).ok()?;
                let key = key.as_str()?.replace('~', "~0").replace('/', "~1");
                scan.next().filter(|byte| *byte == b':')?;
                scan.at += 1;
                scan.value(&format!("{pointer}/{key}"))
            }),
            b'[' => self.items(b']', |scan, index| scan.value(&format!("{pointer}/{index}"))),
            b'"' => self.string(),
            _ => {
                let ends = |byte: u8| byte.is_ascii_whitespace() || b",]}".contains(&byte);
                while self.peek().is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    fn items(&mut self, close: u8, mut item: impl FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        self.at += 1;
        for index in 0.. {
            if self.next()? == close {
                break;
            }
            item(self, index)?;
            if self.next()? == b',' {
                self.at += 1;
                self.next()?;
            }
        }
        self.at += 1;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "{\n  \"a\": [\n    1,\n    {\"b/c\": \"x\\\"{\"}\n  ],\n  \"d\": {}, \"e\":\n  \"z\"\n}\n";

    fn check(pointer: &str, line: usize) {
        assert_eq!(Lines::of(TEXT).line(pointer), line, "{pointer}");
    }

    #[test]
    fn every_value_has_its_line() {
        check("/a", 2);
        check("/a/0", 3);
        check("/a/1/b~1c", 4);
        check("/d", 6);
        check("/e", 7);
    }

    #[test]
    fn what_is_not_there_has_the_line_of_what_holds_it() {
        check("/d/missing", 6);
        check("/nowhere", 1);
        check("", 1);
    }

    #[test]
    fn wrappers_and_parts_do_not_matter() {
        let wrapped = Lines::of("{\"data\":\n {\"config\":\n  {\"prompt\": \"x\"}}}");
        assert_eq!(wrapped.line("/prompt"), 3);
        let part = Lines::of("{\n\"tools\": [\n{}]}");
        assert_eq!(part.line("/singlePromptConfig/tools/0"), 3);
    }

    #[test]
    fn what_is_no_json_has_one_line() {
        assert_eq!(Lines::of("{\"a\": ").line("/a"), 1);
    }
}
