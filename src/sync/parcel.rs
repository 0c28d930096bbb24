//! Objects on their way out: few are kept in memory, many become packs that stand by themselves, written
//! while they are sent.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::BackendError;
use crate::object::ObjectId;
use crate::pack::{Effort, PackError, PackWriter};

use super::SyncError;
use super::closure::{Item, Lookup, Role};

/// More objects than this go in a pack that stands by itself, and is kept as it is where it arrives.
const FEW_MAX: usize = 256;
/// So do objects that take more than this, in bytes.
const FEW_MAX_BYTES: usize = 1024 * 1024;

/// Objects until there are too many of them to be few.
#[derive(Debug, Default)]
pub(super) struct Few {
    pub(super) items: Vec<Item>,
    ids: HashSet<ObjectId>,
    size_bytes: usize,
}

impl Few {
    /// Adds one, unless it is there.
    pub(super) fn push(&mut self, item: Item) {
        if self.ids.insert(item.id) {
            self.size_bytes += item.object.payload.len();
            self.items.push(item);
        }
    }

    /// Whether they are few no more.
    pub(super) fn is_many(&self) -> bool {
        self.items.len() > FEW_MAX || self.size_bytes > FEW_MAX_BYTES
    }
}

/// Writes a pack and remembers what was last written of everything, since the next state of it is likely
/// to resemble that.
pub(super) struct Parcel<'a, W> {
    writer: PackWriter<W>,
    last: HashMap<Role, ObjectId>,
    outside: HashMap<Role, ObjectId>,
    /// Reads what the receiver has, when something builds on it.
    lookup: Option<Box<Lookup<'a>>>,
}

impl<'a, W: Write> Parcel<'a, W> {
    /// A pack that stands by itself.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) fn standing(sink: W) -> Result<Self, SyncError> {
        Ok(Self::of(PackWriter::new(sink, Effort::Fast).map_err(packing)?))
    }

    /// A pack for one receiver.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) fn thin(sink: W, lookup: Box<Lookup<'a>>) -> Result<Self, SyncError> {
        let writer = PackWriter::thin(sink, Effort::Fast).map_err(packing)?;
        Ok(Self { lookup: Some(lookup), ..Self::of(writer) })
    }

    fn of(writer: PackWriter<W>) -> Self {
        Self { writer, last: HashMap::new(), outside: HashMap::new(), lookup: None }
    }

    /// Names what the receiver has: the first new state of it may build on that. Only a thin pack does.
    pub(super) fn receiver_has(&mut self, role: Role, id: ObjectId) {
        self.last.remove(&role);
        self.outside.insert(role, id);
    }

    /// Adds an object.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) fn add(&mut self, item: &Item) -> Result<(), SyncError> {
        let outside = match (self.outside.remove(&item.role), &self.lookup) {
            (Some(id), Some(lookup)) => lookup(&id)?,
            _ => None,
        };
        match outside {
            Some(base) => self.writer.add_on_outside(&item.object, &base),
            None => self.writer.add_as(item.id, &item.object, self.last.get(&item.role).copied()),
        }
        .map_err(packing)?;
        self.last.insert(item.role.clone(), item.id);
        Ok(())
    }

    /// Ends the pack.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) fn finish(self) -> Result<(), SyncError> {
        self.writer.finish().map_err(packing)?;
        Ok(())
    }
}

/// What cannot be packed, or is no pack.
pub(super) fn packing(error: PackError) -> SyncError {
    BackendError::from(error).into()
}

/// Runs what writes bytes beside what reads them, with a pipe between the two. When the writer fails, the
/// bytes are cut off, and do not end: what that brought about in the reader is not the cause. When the
/// reader fails by itself, the writer only finds nobody who reads.
///
/// # Errors
/// What either returns; when both fail, what the one that failed first does.
pub(super) fn piped<T>(
    write: impl FnOnce(&mut dyn Write) -> Result<(), SyncError> + Send,
    read: impl FnOnce(&mut dyn Read) -> Result<T, SyncError>,
) -> Result<T, SyncError> {
    let broken = |error: io::Error| SyncError::Unreachable(format!("no pipe can be made: {error}"));
    let (source, sink) = io::pipe().map_err(broken)?;
    let whole = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let whole = &whole;
        let writer = scope.spawn(move || {
            let mut sink = io::BufWriter::with_capacity(64 * 1024, sink);
            write(&mut sink)?;
            sink.flush().map_err(|error| packing(PackError::Io(error)))?;
            // Said before the pipe is closed, and so before its end is read.
            whole.store(true, Ordering::Release);
            Ok(())
        });
        let mut source = Watched { source, whole, cut_off: false };
        let taken = read(&mut source);
        let cut_off = source.cut_off;
        // Whoever still writes finds nobody who reads.
        drop(source);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (taken, written) {
            (Ok(taken), Ok(())) => Ok(taken),
            (Ok(_), Err(error)) | (Err(error), Ok(())) => Err(error),
            (Err(_), Err(writer)) if cut_off => Err(writer),
            (Err(reader), Err(_)) => Err(reader),
        }
    })
}

/// The end of a pipe that is read: an end that the writer did not mean fails.
struct Watched<'a> {
    source: io::PipeReader,
    whole: &'a AtomicBool,
    cut_off: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.whole.load(Ordering::Acquire) {
            self.cut_off = true;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::Failure;

    fn from_writer(read: impl FnOnce(&mut dyn Read) -> Result<(), SyncError>) -> String {
        let write = |sink: &mut dyn Write| {
            sink.write_all(b"a part").expect("it is read");
            Err(SyncError::Stopped("the disk is gone".to_owned()))
        };
        piped(write, read).expect_err("the writer failed").to_string()
    }

    #[test]
    fn what_cut_the_bytes_off_is_told_whatever_the_reader_made_of_it() {
        let to_end = |source: &mut dyn Read| source.read_to_end(&mut Vec::new()).is_err();
        let told = |kind| Failure::new(kind, "the pack is cut off").into_error();
        for made in [
            SyncError::Http { url: "u".into(), reason: "broke off".into(), hint: None, refused: false },
            told(crate::error::Kind::Corrupt),
            packing(PackError::CutOff { offset: 6 }),
            SyncError::Unreachable("gone".to_owned()),
        ] {
            let said = from_writer(|source| {
                assert!(to_end(source), "it does not end as if it were whole");
                Err(made)
            });
            assert!(said.contains("the disk is gone"), "{said}");
        }
    }

    #[test]
    fn a_reader_that_fails_by_itself_is_the_cause() {
        let write = |sink: &mut dyn Write| loop {
            sink.write_all(&[0; 4096]).map_err(|error| packing(PackError::Io(error)))?;
        };
        for made in [SyncError::Unreachable("gone".to_owned()), packing(PackError::CutOff { offset: 6 })] {
            let says = made.to_string();
            let said = piped::<()>(write, |_| Err(made)).expect_err("the reader failed").to_string();
            assert_eq!(said, says);
        }
    }
}
