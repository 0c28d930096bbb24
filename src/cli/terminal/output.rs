//! Data to stdout, talk to stderr, in the form that the options ask for.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Map, Value};

use crate::cli::error::CliError;
use crate::encoding::canonical;
use crate::error::Kind;

use super::plain::{is_unsafe, plain, plain_but_colours};
use super::sink::{Paging, Sink};
use super::{ColorChoice, Progress, Style, Table};

/// The format of everything printed under `--json`; documented in `docs/reference/json/`.
const JSON_FORMAT: u32 = 1;

/// Rows of a screen that does not tell its size.
const ROWS_DEFAULT: usize = 24;

/// What the options say about output.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// `--json`.
    pub(crate) json: bool,
    /// `--quiet`.
    pub(crate) quiet: bool,
    /// `--no-pager`.
    pub(crate) no_pager: bool,
    /// `--color`.
    pub(crate) color: ColorChoice,
}

/// The terminal, or what stands in its place.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    out_terminal: bool,
    err_terminal: bool,
    out_colours: bool,
    err_colours: bool,
    sink: RefCell<Sink>,
    /// Talk that waits until the pager is left.
    held: RefCell<Vec<u8>>,
}

/// What a verb that changes something says about it: in words, as JSON, or as the new id alone.
#[derive(Debug, Default)]
pub(crate) struct Report {
    id: Option<String>,
    lines: Vec<String>,
    undo: Option<String>,
    json: Map<String, Value>,
}

impl Report {
    /// A report of one line: what moved, from what to what.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], ..Self::default() }
    }

    /// Adds a line.
    #[must_use]
    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// The new id: all that `--quiet` prints.
    #[must_use]
    pub(crate) fn id(mut self, id: impl Display) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// The command that undoes it.
    #[must_use]
    pub(crate) fn undo(mut self, command: impl Into<String>) -> Self {
        self.undo = Some(command.into());
        self
    }

    /// A field of the JSON form; `undo` is added by itself.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.json.insert(name.to_owned(), value.into());
        self
    }
}

impl Output {
    /// An output as the options and the surroundings of the process say.
    pub(crate) fn new(options: Options) -> Self {
        let (out_terminal, err_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let var = |name: &str| std::env::var_os(name);
        let (no_color, term) = (var("NO_COLOR"), var("TERM"));
        let colours = |terminal| options.color.decide(terminal, no_color.as_deref(), term.as_deref());
        let paged = out_terminal && !options.no_pager && term.as_deref().is_none_or(|term| term != "dumb");
        let paging = if paged { pager(var("RECTO_PAGER").or_else(|| var("PAGER"))) } else { None };
        Self {
            json: options.json,
            quiet: options.quiet,
            out_terminal,
            err_terminal,
            out_colours: colours(out_terminal) && !options.json,
            err_colours: colours(err_terminal) && !options.json,
            sink: RefCell::new(Sink::new(paging)),
            held: RefCell::default(),
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether `--quiet` was given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The choice of colours that gives another output the same.
    pub(crate) fn color(&self) -> ColorChoice {
        if self.out_colours { ColorChoice::Always } else { ColorChoice::Never }
    }

    /// Whether a person reads stderr.
    pub(crate) fn is_watched(&self) -> bool {
        self.err_terminal
    }

    /// Text for stdout in a style.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        style.paint(self.out_colours, text)
    }

    /// Text for stderr in a style.
    pub(crate) fn paint_error(&self, style: Style, text: &str) -> String {
        style.paint(self.err_colours, text)
    }

    /// Prints lines of data. Stored text goes through [`plain`] before it gets colours; whatever else
    /// would steer a terminal is caught here.
    ///
    /// # Errors
    /// `Closed`, or what the system refuses.
    pub(crate) fn line(&self, text: impl Display) -> Result<(), CliError> {
        let text = text.to_string();
        let safe = if self.out_colours { plain_but_colours(&text) } else { plain(&text).into_owned() };
        self.write(safe.as_bytes())?;
        self.write(b"\n")
    }

    /// Prints exact bytes; made safe on a terminal.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), CliError> {
        if self.out_terminal {
            return self.write(plain(&String::from_utf8_lossy(bytes)).as_bytes());
        }
        self.write(bytes)
    }

    /// Prints a JSON object in canonical layout, with `format` before everything else.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn json(&self, fields: impl std::borrow::Borrow<Value>) -> Result<(), CliError> {
        let text = layout(fields.borrow());

        self.write(if self.out_terminal { escape_in_json(&text) } else { text }.as_bytes())
    }

    /// Prints a JSON object on one line, with `format` before everything else: one of many.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn json_line(&self, fields: &Value) -> Result<(), CliError> {
        let text = compact(fields);
        self.write(if self.out_terminal { escape_in_json(&text) } else { text }.as_bytes())?;
        self.write(b"\n")
    }

    /// Sends on what was printed so far, unless it waits for a pager.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn pass_on(&self) -> Result<(), CliError> {
        self.sink.borrow_mut().pass_on().map_err(|error| closed(&error))
    }

    /// Prints a table; nothing when it has no rows.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn table(&self, table: &Table) -> Result<(), CliError> {
        if table.is_empty() {
            return Ok(());
        }
        table.lines(|style, text| self.paint(style, text)).iter().try_for_each(|line| self.line(line))
    }

    /// Says what a verb changed and how to undo it.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn report(&self, report: Report) -> Result<(), CliError> {
        let Report { id, lines, undo, mut json } = report;
        if self.json {
            if let Some(undo) = undo {
                json.insert("undo".to_owned(), undo.into());
            }
            return self.json(Value::Object(json));
        }
        if self.quiet {
            return id.map_or(Ok(()), |id| self.line(id));
        }
        lines.iter().try_for_each(|line| self.line(line))?;
        if let Some(undo) = undo {
            self.say(format!("{} {}", self.paint_error(Style::Dim, "undo:"), plain(&undo)));
        }
        Ok(())
    }

    /// Talks to the person: what happens, what to do next. Silent under `--quiet` and `--json`.
    pub(crate) fn say(&self, text: impl Display) {
        if !self.quiet && !self.json {
            self.error_text(&format!("{text}\n"));
        }
    }

    /// Warns the person. Silent under `--json` only, where the data says it.
    pub(crate) fn warn(&self, text: impl Display) {
        if !self.json {
            self.warn_always(text);
        }
    }

    /// The same, under `--json` too.
    pub(crate) fn warn_always(&self, text: impl Display) {
        let label = self.paint_error(Style::Note, "warning:");
        self.error_text(&format!("{label} {}\n", plain(&text.to_string())));
    }

    /// Tells a failure that stops nothing else. Silent under `--json` only, where the data says it.
    pub(crate) fn fail(&self, text: impl Display) {
        if !self.json {
            let label = self.paint_error(Style::Bad, "error:");
            self.error_text(&format!("{label} {}\n", plain(&text.to_string())));
        }
    }

    /// Shows how far long work has come; `total` where it is known.
    pub(crate) fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        Progress::new(self.err_terminal && !self.quiet && !self.json, what, total)
    }

    /// Sends everything printed so far, so that a reader sees it now.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn flush(&self) -> Result<(), CliError> {
        self.sink.borrow_mut().release().map_err(|error| closed(&error))
    }

    /// Sends everything, waits for the pager, then says what had to wait for it.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn finish(&self) -> Result<(), CliError> {
        let finished = self.sink.borrow_mut().finish().map_err(|error| closed(&error));
        let held = self.held.take();
        if !held.is_empty() {
            write_error(&held);
        }
        finished
    }

    pub(in crate::cli) fn error_json(&self, fields: &Value) {
        self.error_bytes(layout(fields).as_bytes());
    }

    pub(in crate::cli) fn error_text(&self, text: &str) {
        let safe = if self.err_colours { plain_but_colours(text) } else { plain(text).into_owned() };
        self.error_bytes(safe.as_bytes());
    }

    fn error_bytes(&self, bytes: &[u8]) {
        let mut sink = self.sink.borrow_mut();
        if sink.is_paged() {
            self.held.borrow_mut().extend_from_slice(bytes);
            return;
        }
        // A reader of stdout who has gone is found out at the end; stderr may still be read.
        let _ = sink.release();
        write_error(bytes);
    }

    fn write(&self, bytes: &[u8]) -> Result<(), CliError> {
        self.sink.borrow_mut().write(bytes).map_err(|error| closed(&error))
    }
}

/// Writes to stderr; nobody is left to be told when that fails.
fn write_error(bytes: &[u8]) {
    let _ = io::stderr().write_all(bytes);
}

fn closed(error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::Closed;
    }
    CliError::new(Kind::Io, format!("cannot write to stdout: {error}"))
}

fn pager(named: Option<OsString>) -> Option<Paging> {
    let command = match named {
        Some(command) => command.into_string().ok()?,
        None => "less -FRX".to_owned(),
    };
    if command.trim().is_empty() || command.trim() == "cat" {
        return None;
    }
    let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
    Some(Paging { command, rows: if rows == 0 { ROWS_DEFAULT } else { rows } })
}

/// Lays fields out as JSON, `format` first.
fn layout(fields: &Value) -> String {
    let format = format!("{{\n  \"format\": {JSON_FORMAT}");
    let rest = canonical::pretty(fields);
    match rest.strip_prefix("{\n") {
        Some(rest) => format!("{format},\n{rest}"),
        None => format!("{format}\n}}\n"),
    }
}

/// Fields as JSON on one line, `format` first.
fn compact(fields: &Value) -> String {
    let rest = String::from_utf8_lossy(&canonical::to_vec(fields)).into_owned();
    match rest.strip_prefix('{') {
        Some("}") | None => format!("{{\"format\":{JSON_FORMAT}}}"),
        Some(rest) => format!("{{\"format\":{JSON_FORMAT},{rest}"),
    }
}

/// Replaces what steers a terminal by JSON escapes, which mean the same to every parser.
fn escape_in_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            // Every such character has one UTF-16 unit, so that one escape says it.
            out.extend(["\\u", &format!("{:04x}", u32::from(c))]);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn format_stands_before_everything_else() {
        let text = layout(&json!({"b": 1, "agents": []}));
        assert_eq!(text, "{\n  \"format\": 1,\n  \"agents\": [],\n  \"b\": 1\n}\n");
        assert_eq!(layout(&json!({})), "{\n  \"format\": 1\n}\n");
        assert_eq!(compact(&json!({"b": [1, "x"]})), r#"{"format":1,"b":[1,"x"]}"#);
        assert_eq!(compact(&json!({})), r#"{"format":1}"#);
    }

    #[test]
    fn json_for_a_terminal_means_the_same() {
        let value = json!({"title": "c1 \u{9b} and \u{202e}"});
        let text = layout(&value);
        let safe = escape_in_json(&text);
        assert!(!safe.contains(['\u{9b}', '\u{202e}']));
        let read: Value = serde_json::from_str(&safe).expect("still JSON");
        assert_eq!(read["title"], value["title"]);
    }

    #[test]
    fn an_empty_pager_is_none() {
        for none in ["", " ", "cat"] {
            assert!(pager(Some(none.into())).is_none(), "{none:?}");
        }
        assert_eq!(pager(Some("more".into())).map(|paging| paging.command), Some("more".to_owned()));
    }
}
