//! Every command that recto prints, in a hint, an undo line, an example or a table, can be run as it stands: it
//! names a verb, and has the words that the verb wants. Found in the source, so that none is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

/// What looks like a command and is none: how the file `format` begins, and how one tells an undo line.
const NO_COMMANDS: [&str; 2] = ["recto store", "recto undo"];

/// A command in a text, and the text.
struct Printed {
    command: String,
    place: String,
    /// Whether it stands in a help text, which may speak of a verb by its name.
    is_help: bool,
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The texts in source: what stands in string literals, and the doc comments. Good enough for formatted source.
fn texts(source: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    let mut rest = source;
    let line_of = |rest: &str| source[..source.len() - rest.len()].matches('\n').count() + 1;
    while let Some(first) = rest.chars().next() {
        let line = line_of(rest);
        if let Some(comment) = rest.strip_prefix("//") {
            let end = comment.find('\n').unwrap_or(comment.len());
            if let Some(doc) = comment[..end].strip_prefix('/') {
                found.push((line, doc.trim_start_matches('/').trim().to_owned(), true));
            }
            rest = &comment[end..];
        } else if rest.starts_with("r#\"") || rest.starts_with("r\"") {
            let close = if rest.starts_with("r#") { "\"#" } else { "\"" };
            let text = &rest[close.len() + 1..];
            let end = text.find(close).expect("it is closed");
            found.push((line, text[..end].to_owned(), false));
            rest = &text[end + close.len()..];
        } else if first == '"' {
            let (text, after) = literal(&rest[1..]);
            found.push((line, text, false));
            rest = after;
        } else if let Some(after) = character(rest) {
            rest = after;
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// A string literal whose opening quote was read, and what stands behind it.
fn literal(text: &str) -> (String, &str) {
    let (mut read, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (read, &text[at + 1..]),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => read.push('\n'),
                Some('\n') => {
                    let ahead = chars.as_str();
                    let spaces = ahead.len() - ahead.trim_start().len();
                    chars.by_ref().take(spaces).for_each(drop);
                }
                Some(other) => read.push(other),
                None => break,
            },
            other => read.push(other),
        }
    }
    panic!("a literal is not closed: {text:.40}");
}

/// What stands behind a character literal.
fn character(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('\'')?;
    match inside.strip_prefix('\\') {
        Some(escaped) => escaped.split_once('\'').map(|(_, after)| after),
        None => inside.strip_prefix(inside.chars().next()?)?.strip_prefix('\''),
    }
}

/// The commands in a text: in quotes, behind `Example:` or `hint:`, or all of it.
fn commands(text: &str, verbs: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("'recto ") {
        let quoted = &rest[at + 1..];
        let end = quoted.find('\'').unwrap_or(quoted.len());
        found.push(quoted[..end].to_owned());
        rest = &quoted[end..];
        rest = rest.strip_prefix('\'').unwrap_or(rest);
    }
    for line in text.lines() {
        let line = line.trim_start();
        let line = ["Example: ", "undo: "].iter().find_map(|label| line.strip_prefix(label)).unwrap_or(line);
        let verb = line.strip_prefix("recto ").and_then(|line| line.split([' ', ',', ':']).next());
        if verb.is_some_and(|verb| verbs.iter().any(|known| known == verb)) {
            found.push(line.to_owned());
        }
        if let Some((_, after)) = line.split_once(": recto ") {
            found.push(format!("recto {after}"));
        }
    }
    found
}

/// The words of a command as a shell would give them, with what is filled in later filled in.
fn words(command: &str) -> Vec<String> {
    let mut filled = String::new();
    // A flag that may be there.
    let command = command.replace("{global}", "");
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '{' => {
                chars.by_ref().take_while(|c| *c != '}').for_each(drop);
                filled.push('x');
            }
            other => filled.push(other),
        }
    }
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in filled.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("one is begun").push(other),
        }
    }
    words
}

/// Why a command cannot be run; `None` when it can, as far as its words go.
fn wrong(words: &[String], is_help: bool) -> Option<String> {
    let error = recto::cli::command().try_get_matches_from(words).err()?;
    match error.kind() {
        // A verb that is filled in later.
        ErrorKind::InvalidSubcommand if words[1..].iter().take(4).any(|word| word == "x") => None,
        // A placeholder is no number and no time.
        ErrorKind::ValueValidation | ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::InvalidValue if words.iter().any(|word| word.chars().all(char::is_uppercase)) => None,
        ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            if is_help =>
        {
            None
        }
        _ => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

fn printed() -> Vec<Printed> {
    let verbs: Vec<String> =
        recto::cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("readable");
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (line, text, is_help) in texts(code) {
            for command in commands(&text, &verbs) {
                let place = format!("{}:{line}", file.strip_prefix(root).expect("below it").display());
                for command in command.split(" && ").flat_map(|command| command.split(" | ")) {
                    let command = command.split(" > ").next().unwrap_or_default().trim_end().to_owned();
                    found.push(Printed { command, place: place.clone(), is_help });
                }
            }
        }
    }
    found
}

#[test]
fn every_command_that_is_printed_can_be_run_as_it_stands() {
    let all = printed();
    assert!(all.len() > 250, "only {} commands were found", all.len());
    let wrong: Vec<String> = all
        .iter()
        .filter(|one| one.command.starts_with("recto ") && !NO_COMMANDS.contains(&one.command.as_str()))
        .filter_map(|one| {
            let reason = wrong(&words(&one.command), one.is_help)?;
            Some(format!("{}: '{}': {reason}", one.place, one.command))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn a_command_that_cannot_be_run_is_found() {
    let verbs = ["checkout".to_owned(), "fetch".to_owned()];
    for (text, is_wrong) in [
        ("recto checkout AGENT --disacrd", true),
        ("recto checkout AGENT --discard", false),
        ("'recto agent rename' renames it", true),
        ("'recto fetch' follows it, 'recto config mirror --unset' makes it one", false),
        ("'recto publsih support' does it", true),
        ("to undo: recto undo {} --expcet {}", true),
        ("recto draft new {agent}@{draft}", false),
    ] {
        let found = commands(text, &verbs);
        let is = found.iter().any(|command| wrong(&words(command), false).is_some());
        assert_eq!(is, is_wrong, "{text}: {found:?}");
    }
}
