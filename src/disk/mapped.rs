//! The bytes of a file that never changes: mapped into memory where the disk can do that, else read.

use std::fs::File;
use std::io;

/// The whole content of a file, for as long as it is held, even if the file is removed meanwhile.
#[derive(Debug)]
pub struct Mapped(Bytes);

#[derive(Debug)]
enum Bytes {
    Map(memmap2::Mmap),
    Read(Vec<u8>),
}

impl Mapped {
    /// Bytes that were read.
    pub(super) fn read(bytes: Vec<u8>) -> Self {
        Self(Bytes::Read(bytes))
    }

    /// Maps an open file of the machine's disk.
    #[allow(unsafe_code)]
    pub(super) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::read(Vec::new()));
        }
        // SAFETY: a map is undefined when the file is changed or cut under it. `Disk::map` may be asked for
        // files alone that are named by their content: they are written whole under another name before they
        // get theirs, replaced by renames only, and never written or cut in place. What another program does to
        // them is out of anybody's hands; the bytes are only ever read as bytes, and checked.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(Bytes::Map(map)))
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Map(map) => map,
            Bytes::Read(bytes) => bytes,
        }
    }
}
