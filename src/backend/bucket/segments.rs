//! Lines that only grow: the newest in the state itself, the others in pieces, of which there are never many.

use crate::backend::BackendError;

use super::contents::Contents;
use super::state::{Blob, Lines, PackRef};

/// Lines that stand in the state at most, in bytes; with more they become a piece.
const TAIL_MAX_BYTES: usize = 32 * 1024;
/// So many things of about a size are put together into one.
const FAN_IN: usize = 8;
/// Things up to this size count as small, in bytes; each class above is four times as large.
const SMALL_BYTES: u64 = 4 * 1024;
/// Things from this size on are left as they are, and lines are cut into pieces of at most that, in bytes.
pub(super) const WHOLE_BYTES: u64 = 8 * 1024 * 1024;

/// What an operation wrote and what it left behind, as keys.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// Written for this operation alone: of no use if it does not happen.
    pub(super) written: Vec<String>,
    /// Named by nothing once it has happened.
    pub(super) replaced: Vec<String>,
}

/// How many of the last things are to be put together, given the sizes of all, oldest first.
pub(super) fn run_to_merge(sizes: &[u64]) -> usize {
    let class = |size: u64| (size / SMALL_BYTES).max(1).ilog(4);
    let Some(last) = sizes.last().filter(|size| **size < WHOLE_BYTES) else { return 0 };
    let is_run = |size: &&u64| **size < WHOLE_BYTES && class(**size) <= class(*last);
    let run = sizes.iter().rev().take_while(is_run).count();
    if run >= FAN_IN { run } else { 0 }
}

impl Lines {
    /// Appends lines; writes pieces where the newest have become too many.
    pub(super) async fn append(
        &mut self,
        lines: &[u8],
        contents: &Contents,
        traces: &mut Traces,
    ) -> Result<(), BackendError> {
        self.tail.extend_from_slice(lines);
        if self.tail.len() <= TAIL_MAX_BYTES {
            return Ok(());
        }
        let mut content = std::mem::take(&mut self.tail);
        let mut sizes: Vec<u64> = self.segments.iter().map(|segment| segment.bytes).collect();
        sizes.push(content.len() as u64);
        loop {
            let run = run_to_merge(&sizes);
            if run < 2 {
                break;
            }
            let merged = self.segments.split_off(self.segments.len() + 1 - run);
            let mut whole = Vec::new();
            for segment in &merged {
                whole.extend_from_slice(&contents.blob(segment).await?);
                traces.replaced.push(segment.path());
            }
            whole.append(&mut content);
            content = whole;
            sizes.truncate(self.segments.len());
            sizes.push(content.len() as u64);
        }
        for piece in content.chunks(usize::try_from(WHOLE_BYTES).expect("some megabytes")) {
            let segment = contents.put_blob(piece).await?;
            traces.written.push(segment.path());
            self.segments.push(segment);
        }
        Ok(())
    }

    /// The pieces that hold something from `offset` on.
    pub(super) fn pieces_from(&self, offset: u64) -> impl Iterator<Item = &Blob> {
        let mut end = 0;
        self.segments.iter().filter(move |segment| {
            end += segment.bytes;
            end > offset
        })
    }

    /// Up to `len` bytes from `offset`.
    pub(super) async fn read(
        &self,
        contents: &Contents,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let (mut bytes, mut start) = (Vec::new(), 0);
        let end = offset.saturating_add(len as u64);
        let take = |content: &[u8], start: u64, bytes: &mut Vec<u8>| {
            let at = |offset: u64| {
                usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX).min(content.len())
            };
            bytes.extend_from_slice(&content[at(offset)..at(end)]);
        };
        for segment in &self.segments {
            if start < end && start + segment.bytes > offset {
                take(&contents.blob(segment).await?, start, &mut bytes);
            }
            start += segment.bytes;
        }
        if start < end {
            take(&self.tail, start, &mut bytes);
        }
        Ok(bytes)
    }
}

/// The packs of an agent with another one, and with several put together where there are too many.
pub(super) async fn with_pack(
    mut packs: Vec<PackRef>,
    new: PackRef,
    contents: &Contents,
    traces: &mut Traces,
) -> Result<Vec<PackRef>, BackendError> {
    if packs.iter().any(|pack| pack.id == new.id) {
        traces.replaced.extend(new.nonce.map(|_| new.path()));
        return Ok(packs);
    }
    packs.push(new);
    loop {
        let run = run_to_merge(&packs.iter().map(|pack| pack.bytes).collect::<Vec<_>>());
        if run < 2 {
            return Ok(packs);
        }
        let merged = packs.split_off(packs.len() - run);
        let pack = super::repack::merge(&merged, contents).await?;
        traces.written.push(pack.path());
        // A pack that was staged may be named by others.
        traces.replaced.extend(merged.iter().filter(|pack| pack.nonce.is_some()).map(PackRef::path));
        packs.push(pack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_many() {
        let mut sizes: Vec<u64> = Vec::new();
        let mut rewritten = 0;
        for number in 0..5_000_u64 {
            sizes.push(1000 + number * 7919 % 30_000);
            loop {
                let run = run_to_merge(&sizes);
                if run == 0 {
                    break;
                }
                let merged: u64 = sizes.split_off(sizes.len() - run).iter().sum();
                rewritten += merged;
                sizes.push(merged);
            }
            assert!(sizes.len() < 60, "{number}: {sizes:?}");
        }
        let all: u64 = sizes.iter().sum();
        assert!(rewritten < 6 * all, "{rewritten} of {all}");
    }

    #[test]
    fn what_is_large_is_left_alone() {
        assert_eq!(run_to_merge(&[WHOLE_BYTES; 20]), 0);
        assert_eq!(run_to_merge(&[WHOLE_BYTES, 1, 1, 1, 1, 1, 1, 1, 1]), 8);
        assert_eq!(run_to_merge(&[1; 7]), 0);
        assert_eq!(run_to_merge(&[]), 0);
    }
}
