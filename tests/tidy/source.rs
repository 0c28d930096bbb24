//! Rust source as the rules see it: code without comments and literals, the paths it names, and
//! which of it is test code. A lexer just good enough for formatted source, not a parser.

use std::fmt;
use std::ops::Range;

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.problem)
    }
}

/// A path that code names, such as `std::fs::File`, with groups of imports taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    /// Byte offset of its last part.
    pub(crate) at: usize,
}

/// The code of one file.
#[derive(Debug)]
pub(crate) struct Source {
    /// As long as the file, with comments and the insides of literals as spaces.
    pub(crate) code: String,
    /// The items under `#[cfg(test)]`, in bytes.
    pub(crate) test_items: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let code = without_literals(text);
        let test_items = test_items(&code);
        Self { code, test_items }
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    pub(crate) fn is_test_item(&self, at: usize) -> bool {
        self.test_items.iter().any(|item| item.contains(&at))
    }

    /// Every path in the code, single names included.
    pub(crate) fn paths(&self) -> Vec<Named> {
        let mut reader = Reader { code: &self.code, at: 0, found: Vec::new() };
        while reader.at < reader.code.len() {
            if reader.name_here().is_some() {
                reader.path(&[]);
            } else {
                reader.at += reader.rest().chars().next().map_or(1, char::len_utf8);
            }
        }
        reader.found
    }

    /// Where a piece of code occurs, in bytes.
    pub(crate) fn places<'a>(&'a self, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(needle).map(|(at, _)| at)
    }
}

/// The names of modules declared by `mod name;` under `#[cfg(test)]`.
pub(crate) fn test_modules(source: &Source) -> Vec<String> {
    source
        .test_items
        .iter()
        .filter_map(|item| {
            let code = source.code[item.clone()].trim_end().strip_suffix(';')?;
            let (_, name) = code.rsplit_once("mod ")?;
            Some(name.trim().to_owned())
        })
        .collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Reader<'a> {
    code: &'a str,
    at: usize,
    found: Vec<Named>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.code[self.at..]
    }

    fn name_here(&self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    }

    fn skip_space(&mut self) {
        self.at = self.code.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        self.at += if here { token.len() } else { 0 };
        here
    }

    /// Reads a path, the reader stands at its first name.
    fn path(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        let mut at = self.at;
        while let Some(name) = self.name_here() {
            at = self.at;
            self.at += name.len();
            segments.push(name.to_owned());
            if !self.take("::") {
                break;
            }
            if self.take("{") {
                self.group(&segments);
                return;
            }
        }
        self.found.push(Named { segments, at });
    }

    /// Reads what follows the brace of a group of imports.
    fn group(&mut self, prefix: &[String]) {
        loop {
            self.skip_space();
            if self.rest().is_empty() || self.take("}") {
                return;
            }
            if self.name_here() == Some("as") {
                self.at += "as".len();
                self.skip_space();
                self.at += self.name_here().map_or(0, str::len);
            } else if self.name_here().is_some() {
                self.path(prefix);
            } else {
                self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            }
        }
    }
}

/// The items under `#[cfg(test)]`: from the attribute to the item's closing brace or semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        if items.last().is_some_and(|last| last.contains(&start)) {
            continue;
        }
        let after = start + attribute.len();
        let mut open = 0_usize;
        let end = code[after..].char_indices().find_map(|(offset, c)| {
            match c {
                '{' => open += 1,
                '}' => open = open.saturating_sub(1),
                _ => {}
            }
            (open == 0 && matches!(c, '}' | ';')).then_some(after + offset + 1)
        });
        items.push(start..end.unwrap_or(code.len()));
    }
    items
}

/// Replaces comments and the insides of literals by spaces; offsets and lines stay.
fn without_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_name = code.ends_with(is_name);
        let (kept, length) = match c {
            '/' if rest.starts_with("//") => (0, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (0, block_comment(rest)),
            '"' => (1, string(rest)),
            'r' | 'b' | 'c' if !after_name => match raw_string(rest) {
                Some(length) => (1, length),
                None => (1, 1),
            },
            '\'' => (1, char_literal(rest).unwrap_or(1)),
            _ => (c.len_utf8(), c.len_utf8()),
        };
        code.push_str(&rest[..kept]);
        for c in rest[kept..length].chars() {
            let blank = if c == '\n' { "\n" } else { " " };
            code.extend(std::iter::repeat_n(blank, c.len_utf8()));
        }
        rest = &rest[length..];
    }
    code
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.match_indices(['/', '*']) {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
        }
        if depth == 0 {
            return at + 2;
        }
    }
    rest.len()
}

/// The length of a string literal that starts here with its quote.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a raw string literal that starts here with `r`, `br` or `cr`.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let inside = after.trim_start_matches('#').strip_prefix('"')?;
    let hashes = after.len() - inside.len() - 1;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// The length of a character literal that starts here; `None` for a lifetime.
fn char_literal(rest: &str) -> Option<usize> {
    let inside = &rest[1..];
    let first = inside.chars().next()?;
    if first == '\\' {
        let end = inside.char_indices().skip(2).find(|(_, c)| *c == '\'')?.0;
        return Some(end + 2);
    }
    let closed = inside[first.len_utf8()..].starts_with('\'');
    closed.then_some(first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_code(text: &str, expected: &str) {
        let code = Source::new(text).code;
        assert_eq!(code.len(), text.len(), "{text}");
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        check_code("a // std::fs\nb", "a b");
        check_code("a /* x /* y */ z */ b", "a b");
        check_code("f(\"std::fs \\\" é\") + g", "f(\" ) + g");
        check_code("f(r#\"a \" b\"#, br\"x\", b\"y\") + r#type", "f(r , b , b\" ) + r#type");
        check_code("('{', '\\'', '\\u{7d}', 'é') x::<'a>", "(' , ' , ' , ' ) x::<'a>");
        check_code("for\"x\" bar", "for\" bar");
    }

    fn check_paths(text: &str, expected: &[&str]) {
        let paths = Source::new(text).paths();
        let found: Vec<String> = paths.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn groups_of_imports_are_taken_apart() {
        check_paths(
            "use std::{fs, io::{self, Read as R}};",
            &["use", "std::fs", "std::io::self", "std::io::Read"],
        );
        check_paths("crate::a::b(c)", &["crate::a::b", "c"]);
        check_paths("use crate::{\n  a::*,\n  b,\n};", &["use", "crate::a", "crate::b"]);
    }

    #[test]
    fn test_items_end_with_their_braces() {
        let source =
            Source::new("a\n#[cfg(test)]\nmod tests { fn f() { '}'; } }\nb\n#[cfg(test)]\nmod more;\nc");
        let place = |needle: &str| source.code.rfind(needle).expect("it occurs");
        assert!(source.is_test_item(place("fn f")) && source.is_test_item(place("more")));
        assert!(!source.is_test_item(place("a\n")) && !source.is_test_item(place("b\n")));
        assert!(!source.is_test_item(place("\nc") + 1));
        assert_eq!(test_modules(&source), ["more"]);
        assert_eq!(source.line(place("more")), 6);
    }
}
