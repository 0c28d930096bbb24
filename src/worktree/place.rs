//! Where in a text something is: the line and the column of a byte, of a character, of the value
//! that keys lead to in a JSON document. Pure.

use crate::encoding::json;

/// The line and the column, in characters, of a byte; both from 1.
pub(super) fn at_byte(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.bytes().filter(|byte| *byte == b'\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line and the column of the value that keys (of objects and, as numbers, of lists) lead to in a
/// valid JSON document; of the nearest value around it when it is not there.
pub(super) fn at_keys(text: &str, keys: &[String]) -> (usize, usize) {
    let mut scan = Scan { text, at: 0 };
    scan.space();
    for key in keys {
        let start = scan.at;
        let found = match scan.peek() {
            Some(b'{') => scan.member(key),
            Some(b'[') => key.parse().is_ok_and(|index| scan.item(index)),
            _ => false,
        };
        if !found {
            scan.at = start;
            break;
        }
    }
    at_byte(text, scan.at)
}

/// A reader of JSON that was parsed before: it does not judge.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over a separator, and the space around it.
    fn separator(&mut self) {
        self.space();
        self.at += 1;
        self.space();
    }

    /// Steps to the next member or entry; `false` at the end of the object or list.
    fn next(&mut self) -> bool {
        self.space();
        let more = self.peek() == Some(b',');
        if more {
            self.separator();
        }
        more
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }

    fn value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Goes to a member of the object that begins here.
    fn member(&mut self, key: &str) -> bool {
        self.separator();
        while self.peek() == Some(b'"') {
            let start = self.at;
            self.string();
            let name = json::parse(&self.text.as_bytes()[start..self.at]).ok();
            self.separator();
            if name.as_ref().and_then(|name| name.as_str()) == Some(key) {
                return true;
            }
            self.value();
            if !self.next() {
                break;
            }
        }
        false
    }

    /// Goes to an entry of the list that begins here.
    fn item(&mut self, index: usize) -> bool {
        self.separator();
        for _ in 0..index {
            self.value();
            if !self.next() {
                return false;
            }
        }
        !matches!(self.peek(), None | Some(b']'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_by_their_keys() {
        let text = "{\n  \"a\": {\"x\\\"}\": [1, {\"y\": 2}, \"]\", 3 ]},\n  \"ü\": [ ],\n  \"n\\u0061\" : null\n}\n";
        let check = |keys: &[&str], expected: (usize, usize)| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(at_keys(text, &keys), expected, "{keys:?}");
        };
        check(&[], (1, 1));
        check(&["a"], (2, 8));
        check(&["a", "x\"}", "1", "y"], (2, 27));
        check(&["a", "x\"}", "3"], (2, 36));
        check(&["ü"], (3, 8));
        check(&["na"], (4, 15));
        // What is missing is shown at what it is missing from.
        check(&["ü", "0"], (3, 8));
        check(&["a", "none"], (2, 8));
        check(&["a", "x\"}", "9"], (2, 17));
        check(&["none"], (1, 1));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(at_byte("ab\nüüx", 3 + 4), (2, 3));
    }
}
