//! What is imported: found out from its name and from its first line, and read piece by piece.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;

use crate::agent::ExactNames;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input;
use crate::disk::{FileKind, SharedDisk, open_pipe};
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::CONFIG_MAX_BYTES;

/// How much of a file is read at once, in bytes.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Most of a first line that is looked at to tell a history, in bytes.
const FIRST_LINE_MAX_BYTES: u64 = CONFIG_MAX_BYTES as u64;

/// Most of a pipe that is read ahead, in bytes.
const AHEAD_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What a file may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// What it looks like.
    #[default]
    Auto,
    /// One JSON document.
    Document,
    /// One version a line.
    History,
    /// A directory of block files: one agent.
    Blocks,
    /// A directory of JSON documents: each an agent.
    Configs,
}

/// What is imported.
pub(super) enum Source {
    Document(Input),
    History(Input),
    Dir(PathBuf),
}

/// Bytes to be imported.
pub(super) struct Input {
    /// What people call it.
    pub(super) name: String,
    /// Its length in bytes, where that is known beforehand.
    pub(super) len_bytes: Option<u64>,
    pub(super) reader: Box<dyn BufRead>,
    /// The file, where it can be read twice.
    file: Option<(SharedDisk, PathBuf)>,
}

impl Source {
    /// Opens what a person named, and tells what it is.
    ///
    /// # Errors
    /// When it is not there, or is not what the person says it is.
    pub(super) fn open(ctx: &Context, name: Option<&str>, form: Form) -> Result<Self, CliError> {
        let name = name.filter(|name| *name != "-");
        let pipe = name.map(|name| open_pipe(&ctx.directory().join(name))).transpose()?.flatten();
        let mut input = match (name, pipe) {
            (None, _) => Input::once("stdin", io::stdin()),
            (Some(name), Some(pipe)) => Input::once(name, pipe),
            (Some(name), None) => {
                let path = input::resolve(ctx.disk().as_ref(), &ctx.directory().join(name))?;
                let Some(stat) = ctx.disk().stat(&path)? else {
                    return Err(CliError::new(Kind::NotFound, format!("there is no '{name}'")));
                };
                if stat.kind == FileKind::Dir {
                    return match form {
                        Form::Auto | Form::Blocks | Form::Configs => Ok(Self::Dir(path)),
                        _ => Err(CliError::usage(format!("'{name}' is a directory, no file"))),
                    };
                }
                let file = Some((ctx.disk().clone(), path.clone()));
                let reader = Box::new(DiskReader::buffered(ctx.disk().clone(), path));
                Input { name: name.to_owned(), len_bytes: Some(stat.len_bytes), reader, file }
            }
        };
        let lines = match form {
            Form::Blocks | Form::Configs => {
                return Err(CliError::usage(format!("'{}' is no directory", input.name)));
            }
            Form::Document => false,
            Form::History => true,
            Form::Auto => is_lines(&input.name) || input.starts_like_history()?,
        };
        Ok(if lines { Self::History(input) } else { Self::Document(input) })
    }
}

/// Whether a name is one that files of JSON lines have.
fn is_lines(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["jsonl", "ndjson"].contains(&extension))
}

impl Input {
    /// What can be read once only.
    fn once(name: &str, reader: impl Read + 'static) -> Self {
        let reader = Box::new(BufReader::with_capacity(CHUNK_BYTES, reader));
        Self { name: name.to_owned(), len_bytes: None, reader, file: None }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// When it cannot be read, or has more than so many bytes.
    pub(super) fn read_whole(&mut self, max_bytes: u64) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        let result = (&mut self.reader).take(max_bytes + 1).read_to_end(&mut bytes);
        result.map_err(|error| self.unreadable(&error))?;
        if bytes.len() as u64 > max_bytes {
            let message = format!("'{}' has more than the {max_bytes} bytes of a config", self.name);
            return Err(CliError::new(Kind::Invalid, message));
        }
        Ok(bytes)
    }

    /// The names of a history's agents that are handles. What comes through a pipe cannot be read
    /// twice: of it the beginning is looked at, and kept in memory for the import.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn exact_names(&mut self) -> Result<ExactNames, CliError> {
        let found = match &self.file {
            Some((disk, path)) => ExactNames::read(&mut DiskReader::buffered(disk.clone(), path.clone())),
            None => self.read_ahead().and_then(|begun| ExactNames::read(&mut begun.as_slice())),
        };
        found.map_err(|error| self.unreadable(&error))
    }

    fn read_ahead(&mut self) -> io::Result<Vec<u8>> {
        let mut begun = Vec::new();
        (&mut self.reader).take(AHEAD_MAX_BYTES).read_to_end(&mut begun)?;
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(Cursor::new(begun.clone()).chain(rest));
        Ok(begun)
    }

    fn unreadable(&self, error: &io::Error) -> CliError {
        CliError::new(Kind::Io, format!("cannot read '{}': {error}", self.name))
    }

    /// Whether its first line is a version of an agent. What was looked at is read again.
    fn starts_like_history(&mut self) -> Result<bool, CliError> {
        let mut first = Vec::new();
        let result = (&mut self.reader).take(FIRST_LINE_MAX_BYTES).read_until(b'\n', &mut first);
        result.map_err(|error| self.unreadable(&error))?;
        let value = json::parse(first.trim_ascii()).unwrap_or_default();
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(Cursor::new(first).chain(rest));
        Ok(["agent", "author", "time", "blocks"].iter().all(|key| value.get(key).is_some()))
    }
}

/// A file, read from front to back.
struct DiskReader {
    disk: SharedDisk,
    path: PathBuf,
    offset: u64,
}

impl DiskReader {
    fn buffered(disk: SharedDisk, path: PathBuf) -> BufReader<Self> {
        BufReader::with_capacity(CHUNK_BYTES, Self { disk, path, offset: 0 })
    }
}

impl Read for DiskReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self
            .disk
            .read_at(&self.path, self.offset, buffer.len())
            .map_err(|error| io::Error::other(error.to_string()))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }
}
