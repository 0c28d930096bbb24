//! Writes a bundle, front to back, to anything that takes bytes.

use std::io::{Read, Write};

use crate::encoding::digest::Stream;
use crate::encoding::{Digest, Frame};
use crate::pack::PackId;

use super::BundleError;
use super::format::{self, Footer, HEADER_BYTES, SEGMENT_BYTES, SEGMENT_MAX_BYTES};
use super::manifest::{BundledAgent, BundledPack, Manifest, Segment};

/// How well lines are compressed: they are mostly digits that nothing shortens.
const LEVEL: i32 = 6;
/// How much of a pack is copied at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// Length of what ends a pack, in bytes: place of the index, objects, payload, end magic, id.
const PACK_FOOTER_BYTES: usize = 64;
/// The byte of a pack's header that says whether it is thin.
const PACK_THIN_AT: usize = 5;

/// Writes a bundle. One that is not finished is none.
pub(super) struct BundleWriter<'w> {
    sink: &'w mut dyn Write,
    hash: Stream,
    at: u64,
    manifest: Manifest,
    segment: Vec<u8>,
}

impl<'w> BundleWriter<'w> {
    /// Begins a bundle.
    pub(super) fn new(sink: &'w mut dyn Write, manifest: Manifest) -> Result<Self, BundleError> {
        let hash = Stream::new(Frame::Bundle);
        let mut writer = Self { sink, hash, at: 0, manifest, segment: Vec::new() };
        writer.put(&format::header())?;
        Ok(writer)
    }

    /// Adds an agent, with the lines of its chains one after the other. Agents come in order of their
    /// handles, and before all packs.
    pub(super) fn agent(&mut self, agent: BundledAgent, lines: &[Vec<u8>]) -> Result<(), BundleError> {
        let size_bytes: u64 = lines.iter().map(|lines| lines.len() as u64).sum();
        if size_bytes > SEGMENT_MAX_BYTES {
            return Err(BundleError::TooLarge(agent.handle));
        }
        let full = self.segment.len() as u64 + size_bytes > SEGMENT_BYTES;
        if full && size_bytes > 0 {
            self.end_segment()?;
        }
        for lines in lines {
            self.segment.extend_from_slice(lines);
        }
        self.manifest.agents.push(agent);
        Ok(())
    }

    /// Ends the lines.
    pub(super) fn end_segment(&mut self) -> Result<(), BundleError> {
        if self.segment.is_empty() {
            return Ok(());
        }
        let expanded_bytes = self.segment.len() as u64;
        let body = zstd::bulk::compress(&std::mem::take(&mut self.segment), LEVEL)?;
        self.put(&body)?;
        self.manifest.lines.push(Segment { expanded_bytes, size_bytes: body.len() as u64 });
        Ok(())
    }

    /// Copies a pack.
    pub(super) fn pack(&mut self, source: &mut dyn Read) -> Result<(), BundleError> {
        let (mut size_bytes, mut thin, mut tail) = (0, false, Vec::new());
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => &chunk[..read],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(flags) = PACK_THIN_AT.checked_sub(size_bytes).and_then(|at| read.get(at)) {
                thin = *flags != 0;
            }
            size_bytes += read.len();
            tail.extend_from_slice(read);
            tail.drain(..tail.len().saturating_sub(PACK_FOOTER_BYTES));
            self.put(read)?;
        }
        let Ok(footer): Result<[u8; PACK_FOOTER_BYTES], _> = tail.try_into() else {
            return Err(crate::pack::PackError::CutOff { offset: size_bytes as u64 }.into());
        };
        let objects = u64::from_le_bytes(footer[8..16].try_into().expect("eight bytes"));
        let id = Digest::from_bytes(footer[32..].try_into().expect("32 bytes"));
        let id: PackId = id.to_string().parse().expect("a pack's id is a digest");
        self.manifest.packs.push(BundledPack { id, objects, size_bytes: size_bytes as u64, thin });
        Ok(())
    }

    /// Ends the bundle; its length, its digest and what it holds.
    pub(super) fn finish(mut self) -> Result<(u64, Digest, Manifest), BundleError> {
        let manifest = self.manifest.to_bytes();
        let footer = Footer { manifest_at: self.at, manifest_bytes: manifest.len() as u64 };
        if footer.manifest_bytes > format::MANIFEST_MAX_BYTES {
            return Err(BundleError::Malformed("it has too many agents".to_owned()));
        }
        self.put(&manifest)?;
        self.put(&footer.to_bytes())?;
        let digest = self.hash.finish();
        self.sink.write_all(digest.as_bytes())?;
        self.sink.flush()?;
        debug_assert_eq!(Some(footer.manifest_at - HEADER_BYTES), self.manifest.body_bytes());
        Ok((self.at + Digest::LEN as u64, digest, self.manifest))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.sink.write_all(bytes)?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}
