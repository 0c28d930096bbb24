//! Items in a run of bytes: each is a line of JSON, and the bytes that the line announces. A run ends with
//! an item that says so; without it, it was cut off.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ITEM_MAX_BYTES, PIECE_BYTES, WINDOW_LOG_MAX};

/// Why what was sent cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It ended too early.
    #[error("it is cut off")]
    CutOff,
    /// A line is no JSON of the shape that belongs there.
    #[error("it is not what belongs there: {0}")]
    Shape(String),
    /// More was sent than is taken.
    #[error("it has more than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: u64,
    },
    /// It could not be read on.
    #[error("it cannot be read on: {0}")]
    Io(#[source] io::Error),
}

impl WireError {
    /// What a failed read means.
    pub fn reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Io(error),
        }
    }
}

/// Writes the line of an item.
///
/// # Errors
/// When the sink fails.
pub fn write_item(sink: &mut dyn Write, item: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(item).map_err(io::Error::other)?;
    line.push(b'\n');
    sink.write_all(&line)
}

/// Reads the line of an item.
///
/// # Errors
/// `CutOff`, `Shape`, `TooLong`, `Io`.
pub fn read_item<T: DeserializeOwned>(source: &mut dyn BufRead) -> Result<T, WireError> {
    let mut line = Vec::new();
    let max_bytes = ITEM_MAX_BYTES as u64;
    source.take(max_bytes).read_until(b'\n', &mut line).map_err(WireError::reading)?;
    if line.last() != Some(&b'\n') {
        let long = line.len() as u64 >= max_bytes;
        return Err(if long { WireError::TooLong { max_bytes } } else { WireError::CutOff });
    }
    serde_json::from_slice(&line).map_err(|error| WireError::Shape(error.to_string()))
}

/// Reads the bytes that an item announced; no more is allocated than comes.
///
/// # Errors
/// `CutOff`, `TooLong`, `Io`.
pub fn read_bytes(source: &mut dyn BufRead, len: u64, max_bytes: u64) -> Result<Vec<u8>, WireError> {
    if len > max_bytes {
        return Err(WireError::TooLong { max_bytes });
    }
    let mut bytes = Vec::new();
    source.take(len).read_to_end(&mut bytes).map_err(WireError::reading)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(WireError::CutOff) }
}

/// Reads what is compressed. What it expands to is for the reader to bound.
///
/// # Errors
/// `Io` when there is nothing to read.
pub fn expanded<R: Read>(source: R) -> Result<impl BufRead, WireError> {
    let mut decoder = zstd::stream::read::Decoder::new(source).map_err(WireError::Io)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(WireError::Io)?;
    Ok(BufReader::with_capacity(PIECE_BYTES, decoder))
}
