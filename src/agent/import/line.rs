//! One line of a history: a version of an agent as JSON, read strictly. Pure.

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::encoding::json;
use crate::object::limits::{AUTHOR_MAX_CHARS, LABEL_MAX_CHARS};
use crate::object::{Author, BlockName, Content, Entry, Object};

use crate::agent::version;

/// One version of one agent.
#[derive(Debug)]
pub(super) struct Line {
    /// The agent's handle or title.
    pub(super) agent: String,
    /// The title of an agent that is named by its handle.
    pub(super) title: Option<String>,
    /// The profile's name from this version on.
    pub(super) profile: Option<String>,
    pub(super) author: Author,
    pub(super) time: Time,
    /// The commit's message: label, and after an empty line the description.
    pub(super) message: String,
    /// Numbers of the versions that it was made from; the one before it when they are not given.
    pub(super) parents: Option<Vec<u64>>,
    /// Whether blocks that are not named stay as they were.
    pub(super) partial: bool,
    pub(super) blocks: Vec<Brought>,
    pub(super) deleted: Vec<BlockName>,
    /// Label and description where they are others than the message says: they were changed later.
    pub(super) words: Option<(String, String)>,
    pub(super) pinned: bool,
    pub(super) withdrawn: bool,
}

/// A block that a line brings, as it will be stored.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) entry: Entry,
    pub(super) object: Object,
}

/// Reads a line.
///
/// # Errors
/// What is wrong, naming the field.
pub(super) fn parse(bytes: &[u8]) -> Result<Line, String> {
    let value = json::parse(bytes).map_err(|error| {
        let at = if error.pointer.is_empty() { String::new() } else { format!(" ({})", error.pointer) };
        format!("{} at column {}{at}", error.kind, error.column)
    })?;
    let Value::Object(mut map) = value else {
        return Err("it is no JSON object like {\"agent\": ..., \"blocks\": {...}}".to_owned());
    };
    let agent = text(&mut map, "agent")?.ok_or("it has no 'agent'")?;
    let author = author(map.remove("author"))?;
    let time = time(&text(&mut map, "time")?.ok_or("it has no 'time'")?)?;
    let message = message(&text(&mut map, "message")?.unwrap_or_default())?;
    let partial = switch(&mut map, "partial")?;
    let (pinned, withdrawn) = (switch(&mut map, "pinned")?, switch(&mut map, "withdrawn")?);
    let words = match (text(&mut map, "label")?, text(&mut map, "description")?) {
        (None, None) => None,
        (label, description) => Some((label.unwrap_or_default(), description.unwrap_or_default())),
    };
    let deleted = deleted(map.remove("deleted"))?;
    let blocks = match map.remove("blocks") {
        Some(Value::Object(blocks)) => {
            blocks.into_iter().map(|(name, value)| block(&name, value)).collect::<Result<Vec<_>, _>>()?
        }
        Some(_) => return Err("its 'blocks' is no object of blocks".to_owned()),
        None => return Err("it has no 'blocks'".to_owned()),
    };
    if let Some(name) = deleted.iter().find(|name| blocks.iter().any(|block| block.entry.name == **name)) {
        return Err(format!("its 'deleted' names block '{name}', which its 'blocks' brings"));
    }
    let (title, profile) = (text(&mut map, "title")?, text(&mut map, "profile")?);
    let parents = parents(map.remove("parents"))?;
    // A number of its own is what the line's place says already.
    map.remove("n");
    if let Some(key) = map.keys().next() {
        return Err(format!("it has a field '{key}', which a history does not have"));
    }
    Ok(Line {
        agent,
        title,
        profile,
        author,
        time,
        message,
        parents,
        partial,
        blocks,
        deleted,
        words,
        pinned,
        withdrawn,
    })
}

fn switch(map: &mut Map<String, Value>, key: &str) -> Result<bool, String> {
    match map.remove(key) {
        None => Ok(false),
        Some(Value::Bool(on)) => Ok(on),
        Some(_) => Err(format!("its '{key}' is neither true nor false")),
    }
}

fn text(map: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match map.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its '{key}' is no text")),
    }
}

/// `Ana <ana@example.com>`, `Ana`, or `{"name": ..., "email": ...}`.
fn author(value: Option<Value>) -> Result<Author, String> {
    let author = match value {
        None => return Err("it has no 'author'".to_owned()),
        Some(Value::String(text)) => match text.strip_suffix('>').and_then(|rest| rest.rsplit_once(" <")) {
            Some((name, email)) => Author { name: name.to_owned(), email: Some(email.to_owned()) },
            None => Author { name: text, email: None },
        },
        Some(object) => Author::from_value(&object)
            .ok_or_else(|| "its 'author' is neither 'Name <email>' nor an object of both".to_owned())?,
    };
    if author.name.trim().is_empty() {
        return Err("its 'author' is empty".to_owned());
    }
    if author.name.chars().count() > AUTHOR_MAX_CHARS {
        return Err(format!("its 'author' has more than {AUTHOR_MAX_CHARS} characters"));
    }
    Ok(author)
}

/// A time with its offset: which instant one without is depends on who reads it.
fn time(text: &str) -> Result<Time, String> {
    let shaped = |shape: &str, text: &str| {
        shape.len() == text.len()
            && shape
                .bytes()
                .zip(text.bytes())
                .all(|(s, b)| if s == b'0' { b.is_ascii_digit() } else { s == b })
    };
    let is_rfc3339 = text.get(..19).is_some_and(|start| shaped("0000-00-00T00:00:00", start))
        && text.get(19..).is_some_and(|rest| {
            let zone = match rest.strip_prefix('.') {
                Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
                None => rest,
            };
            zone == "Z" || shaped("+00:00", zone) || shaped("-00:00", zone)
        });
    let read = if is_rfc3339 { Time::parse(text, None).ok() } else { None };
    read.ok_or_else(|| format!("its 'time' is '{text}', no RFC 3339 time like 2026-03-07T14:03:00Z"))
}

/// The first line is the label and the rest the description; a first line that is too long for a label
/// is cut there, and kept whole in the description.
fn message(text: &str) -> Result<String, String> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let rest = rest.strip_prefix('\n').unwrap_or(rest);
    let (label, description) = if first.chars().count() > LABEL_MAX_CHARS {
        let cut: String = first.chars().take(LABEL_MAX_CHARS - 1).collect();
        (format!("{cut}…"), text)
    } else {
        (first.to_owned(), rest)
    };
    version::message(&label, description).map_err(|error| error.to_string())
}

fn parents(value: Option<Value>) -> Result<Option<Vec<u64>>, String> {
    let Some(value) = value else { return Ok(None) };
    let numbers = value.as_array().and_then(|items| {
        items.iter().map(|item| item.as_u64().filter(|number| *number > 0)).collect::<Option<Vec<_>>>()
    });
    numbers.map(Some).ok_or_else(|| "its 'parents' is no list of version numbers".to_owned())
}

fn deleted(value: Option<Value>) -> Result<Vec<BlockName>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let names = value.as_array().and_then(|items| {
        items.iter().map(|item| item.as_str()?.parse().ok()).collect::<Option<Vec<BlockName>>>()
    });
    names.ok_or_else(|| "its 'deleted' is no list of block names".to_owned())
}

fn block(name: &str, value: Value) -> Result<Brought, String> {
    let parsed: BlockName = name.parse().map_err(|error| format!("its 'blocks' is wrong: {error}"))?;
    let content = match value {
        Value::String(text) => Content::Text(text),
        other => Content::Json(other),
    };
    let object = content.to_object().map_err(|error| format!("its block '{name}' is wrong: {error}"))?;
    Ok(Brought { entry: Entry { name: parsed, kind: content.kind(), id: object.id() }, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"agent":"a","n":1,"author":"Ana <ana@x.example>","time":"2026-01-05T09:00:00Z","message":"m","blocks":{"prompt":"Hi","voice":{"id":1}}}"#;

    fn refused(line: &str) -> String {
        parse(line.as_bytes()).expect_err(line)
    }

    #[test]
    fn a_line_is_a_version() {
        let line = parse(GOOD.as_bytes()).expect("a line");
        assert_eq!(line.agent, "a");
        assert_eq!(line.author.to_string(), "Ana <ana@x.example>");
        assert_eq!(line.author.email.as_deref(), Some("ana@x.example"));
        assert_eq!(line.blocks.len(), 2);
        assert_eq!(line.blocks[1].object.payload, br#"{"id":1}"#);
        assert!(!line.partial);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = refused(&GOOD.replace(from, to));
            assert!(error.contains(expected), "{to}: {error}");
        };
        check(r#""agent":"a","#, "", "no 'agent'");
        check(r#""author":"Ana <ana@x.example>","#, "", "no 'author'");
        check(r#""time":"2026-01-05T09:00:00Z","#, "", "no 'time'");
        check("2026-01-05T09:00:00Z", "2026-01-05T09:00:00", "'time'");
        check("2026-01-05T09:00:00Z", "2026-02-30T09:00:00Z", "'time'");
        check("2026-01-05T09:00:00Z", "yesterday", "'time'");
        check("Ana <ana@x.example>", " ", "'author'");
        check(r#""n":1"#, r#""partial":"yes""#, "'partial'");
        check(r#""n":1"#, r#""deleted":["prompt"]"#, "block 'prompt'");
        check(r#""n":1"#, r#""deleted":"prompt""#, "'deleted'");
        check(r#""n":1"#, r#""parents":[0]"#, "'parents'");
        check(r#""n":1"#, r#""blokcs":1"#, "'blokcs'");
        check(r#""voice""#, r#""../voice""#, "'../voice'");
        check(r#""voice""#, r#""prompt""#, "duplicate key 'prompt'");
        check(r#"{"id":1}"#, "1e400", "/blocks/voice");
        check(r#""blocks":{"prompt":"Hi","voice":{"id":1}}"#, r#""blocks":[]"#, "'blocks'");
        assert!(refused("[]").contains("no JSON object"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut line = GOOD.as_bytes().to_vec();
        let at = GOOD.find("Hi").expect("the prompt");
        line[at] = 0xff;
        assert!(parse(&line).expect_err("no UTF-8").contains("invalid UTF-8"));
    }

    #[test]
    fn times_may_have_fractions_and_offsets() {
        for good in ["2026-01-05T09:00:00.123Z", "2026-01-05T10:00:00+01:00", "2026-01-05T04:00:00.5-05:00"] {
            assert!(time(good).is_ok(), "{good}");
        }
        assert_eq!(time("2026-01-05T10:00:00+01:00"), time("2026-01-05T09:00:00Z"));
    }

    #[test]
    fn messages_come_apart_and_stay_as_they_are_the_second_time() {
        let check = |text: &str, expected: &str| {
            assert_eq!(message(text).as_deref(), Ok(expected));
            assert_eq!(message(expected).as_deref(), Ok(expected), "the second time");
        };
        check("warmer", "warmer");
        check("warmer\n", "warmer");
        check("warmer\nfor the shop", "warmer\n\nfor the shop");
        check("warmer\n\nfor the shop\n\nand the phone", "warmer\n\nfor the shop\n\nand the phone");
        check("", "");
        let long = "x".repeat(300);
        check(&long, &format!("{}…\n\n{long}", "x".repeat(199)));
        check("warmer\n\nfor\tthe\r\nshop", "warmer\n\nfor\tthe\r\nshop");
        let refused = message("warm\u{1b}[2J").expect_err("it steers terminals");
        assert!(refused.contains("label") && refused.contains("character 5"), "{refused}");
        assert!(message("warmer\n\nfor\u{7}").expect_err("it rings").contains("description"));
    }

    #[test]
    fn an_author_whose_name_looks_like_an_address_can_be_given_apart() {
        let object = serde_json::json!({"name": "Ana <a>"});
        assert_eq!(author(Some(object)), Ok(Author { name: "Ana <a>".to_owned(), email: None }));
        assert!(author(Some(serde_json::json!({"email": "a@x.example"}))).is_err());
    }
}
