//! Reads a bundle from a file. What it says is held against the digest of the whole file before it is used.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{FileKind, SharedDisk};
use crate::encoding::digest::Stream;
use crate::encoding::{Digest, Frame};

use super::BundleError;
use super::file::{FilePart, NewFile};
use super::format::{self, FOOTER_BYTES, FOOTER_LEN, Footer, HEADER_BYTES, HEADER_LEN};
use super::manifest::Manifest;

/// Lines of one agent, by the chains that the manifest lists.
pub(super) type AgentLines = Vec<Vec<u8>>;

/// A bundle that was read and found whole.
#[derive(Debug)]
pub struct Bundle {
    disk: SharedDisk,
    path: PathBuf,
    size_bytes: u64,
    digest: Digest,
    manifest: Manifest,
    /// For each agent the segment of its lines, and the place in it.
    places: Vec<(usize, u64)>,
    /// The segment that was read last: agents come in order.
    segment: Mutex<Option<(usize, Arc<Vec<u8>>)>>,
    /// The file is here only as long as this.
    _spooled: Option<NewFile>,
}

impl Bundle {
    /// Opens a bundle: reads all of it once.
    ///
    /// # Errors
    /// `NotABundle`, `UnknownVersion`, `CutOff`, `Damaged`, `Malformed`; when it cannot be read.
    pub fn open(disk: &SharedDisk, path: &Path) -> Result<Self, BundleError> {
        Self::read(disk, path.to_path_buf(), None)
    }

    /// Takes a bundle in from a stream; it lies in a temporary file in `dir` as long as it is open.
    ///
    /// # Errors
    /// As [`Bundle::open`]; when the file cannot be written.
    pub fn spool(disk: &SharedDisk, source: &mut dyn Read, dir: &Path) -> Result<Self, BundleError> {
        let mut file = NewFile::new(disk, dir)?;
        io::copy(source, &mut file)?;
        io::Write::flush(&mut file)?;
        Self::read(disk, file.path().to_path_buf(), Some(file))
    }

    fn read(disk: &SharedDisk, path: PathBuf, spooled: Option<NewFile>) -> Result<Self, BundleError> {
        let stat = disk.stat(&path).map_err(BundleError::disk("look at"))?;
        let Some(stat) = stat.filter(|stat| stat.kind == FileKind::File) else {
            // The disk says what is wrong with it.
            return Err(match disk.read_at(&path, 0, 1) {
                Err(source) => BundleError::Disk { doing: "read", source },
                Ok(_) => BundleError::NotABundle,
            });
        };
        let size_bytes = stat.len_bytes;
        let begin = disk.read_at(&path, 0, HEADER_LEN).map_err(BundleError::disk("read"))?;
        format::read_header(&begin)?;
        let footer_at = size_bytes.checked_sub(FOOTER_BYTES).ok_or(BundleError::CutOff { size_bytes })?;
        let end = disk.read_at(&path, footer_at, FOOTER_LEN);
        let (footer, digest) = Footer::read(&end.map_err(BundleError::disk("read"))?, size_bytes)?;
        let mut hash = Stream::new(Frame::Bundle);
        let mut all = FilePart::new(disk, &path, 0, size_bytes - Digest::LEN as u64);
        all.each(&mut |bytes| hash.update(bytes))?;
        if hash.finish() != digest {
            return Err(BundleError::Damaged);
        }
        let mut bytes = Vec::new();
        let manifest_end = footer.manifest_at + footer.manifest_bytes;
        FilePart::new(disk, &path, footer.manifest_at, manifest_end).read_to_end(&mut bytes)?;
        let manifest = Manifest::read(&bytes)?;
        if manifest.body_bytes() != Some(footer.manifest_at - HEADER_BYTES) {
            return Err(BundleError::Malformed("its parts are not as long as it says".to_owned()));
        }
        let places = manifest.places().expect("it was checked when it was read");
        let (disk, segment) = (SharedDisk::clone(disk), Mutex::default());
        Ok(Self { disk, path, size_bytes, digest, manifest, places, segment, _spooled: spooled })
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of all its bytes: its name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its length, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The lines of an agent, chain by chain.
    pub(super) fn lines(&self, agent: usize) -> Result<AgentLines, BundleError> {
        let chains = &self.manifest.agents[agent].chains;
        if chains.iter().all(|chain| chain.len() == 0) {
            return Ok(vec![Vec::new(); chains.len()]);
        }
        let (segment, at) = self.places[agent];
        let segment = self.segment(segment)?;
        let mut at = usize::try_from(at).expect("a segment fits in memory");
        let one = |chain: &super::BundledChain| {
            let len = usize::try_from(chain.len()).expect("a segment fits in memory");
            at += len;
            segment[at - len..at].to_vec()
        };
        Ok(chains.iter().map(one).collect())
    }

    fn segment(&self, at: usize) -> Result<Arc<Vec<u8>>, BundleError> {
        let mut kept = self.segment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, segment)) = kept.as_ref().filter(|(number, _)| *number == at) {
            return Ok(Arc::clone(segment));
        }
        let start: u64 =
            HEADER_BYTES + self.manifest.lines[..at].iter().map(|one| one.size_bytes).sum::<u64>();
        let segment = self.manifest.lines[at];
        let part = FilePart::new(&self.disk, &self.path, start, start + segment.size_bytes);
        let mut lines = Vec::new();
        let malformed = |_| BundleError::Malformed("its lines do not decompress".to_owned());
        // One byte more than claimed shows that there are more.
        let decoder = zstd::stream::read::Decoder::new(part).map_err(malformed)?;
        decoder.take(segment.expanded_bytes + 1).read_to_end(&mut lines).map_err(malformed)?;
        if lines.len() as u64 != segment.expanded_bytes {
            return Err(BundleError::Malformed("its lines are not as long as it says".to_owned()));
        }
        let lines = Arc::new(lines);
        *kept = Some((at, Arc::clone(&lines)));
        Ok(lines)
    }

    /// The bytes of a pack, from a place in it.
    pub(super) fn pack(&self, at: usize, offset: u64) -> FilePart {
        let lines = self.manifest.lines.iter().map(|segment| segment.size_bytes);
        let packs = self.manifest.packs[..at].iter().map(|pack| pack.size_bytes);
        let start = HEADER_BYTES + lines.chain(packs).sum::<u64>();
        let end = start + self.manifest.packs[at].size_bytes;
        FilePart::new(&self.disk, &self.path, (start + offset).min(end), end)
    }
}
